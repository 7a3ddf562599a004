"""Records keep what they were given and cannot be changed."""

import copy

import pytest

from gamesockets.values.address import Address
from gamesockets.values.enums import ConnectionInfoFlags, ConnectionState, SendFlags
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import ConnectionInfo, OutgoingMessage, StatusInfo


def test_records_are_frozen() -> None:
    info = ConnectionInfo(
        identity=NetworkingIdentity.invalid(),
        user_data=-1,
        listen_socket=ListenSocket(0),
        address=Address.localhost(),
        state=ConnectionState.CONNECTING,
        end_reason=0,
        end_debug="",
        connection_description="",
        flags=ConnectionInfoFlags.UNENCRYPTED,
    )
    status = StatusInfo(Connection(1), info, old_state=ConnectionState.NONE)
    with pytest.raises(AttributeError):
        status.connection = Connection(2)  # type: ignore[misc]
    assert copy.deepcopy(status) == status


def test_an_outgoing_message_is_unreliable_on_the_first_lane_unless_told_otherwise() -> None:
    outgoing = OutgoingMessage(Connection(1), b"x")
    assert (outgoing.flags, outgoing.lane) == (SendFlags.UNRELIABLE, 0)
