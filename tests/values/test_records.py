"""Enumerations carry the library's numbers; messages and records keep what they were given."""

import copy
import json
import re
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from gamesockets.config.table import ConfigurationValue
from gamesockets.values import records as gs_types
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy, SeededEntropy
from gamesockets.values.enums import (
    ConfigurationDataType,
    ConfigurationScope,
    ConfigurationValueResult,
    ConnectionInfoFlags,
    ConnectionState,
    DebugType,
    EndReason,
    IdentityType,
    SendFlags,
    SendType,
)
from gamesockets.values.errors import ConnectionClosed, ConnectionFailed, GameSocketsError, InvalidHandle
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.values.records import ConnectionInfo, OutgoingMessage, StatusInfo
from gamesockets.values.results import Result

ENUMS: dict[str, dict[str, dict[str, int]]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "enums.json").read_text(encoding="utf-8")
)

# Names whose spelling the rule of `upper_case` does not give.
RENAMED = {
    "DELETED_ENUMERATE_DEV_VARS": "ENUMERATE_DEV_VARS",
    "MSG": "MESSAGE",
    "PTR": "FUNCTION_PTR",
}


OUR_OWN = {
    "ConfigValue": {int(ConfigurationValue.FAKE_MESSAGE_LOSS_SEND), int(ConfigurationValue.FAKE_MESSAGE_LOSS_RECV)}
}
"""Numbers that the library does not have."""


def upper_case(name: str) -> str:
    """The library's name in our spelling: an underscore where a new word starts."""
    parts = []
    for part in name.split("_"):
        spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", part)
        spaced = re.sub(r"([A-Z0-9])([A-Z][a-z])", r"\1_\2", spaced)
        parts.append(spaced.upper().replace("P2_P", "P2P"))
    joined = "_".join(parts)
    return RENAMED.get(joined, joined)


@pytest.mark.parametrize(
    ("library_name", "enumeration"),
    [
        ("Result", Result),
        ("ConnectionEnd", EndReason),
        ("IdentityType", IdentityType),
        ("ConfigScope", ConfigurationScope),
        ("ConfigDataType", ConfigurationDataType),
        ("ConfigValue", ConfigurationValue),
        ("DebugOutputType", DebugType),
        ("SendFlags", SendFlags),
        ("ConnectionInfoFlags", ConnectionInfoFlags),
    ],
)
def test_enumerations_are_the_librarys(library_name: str, enumeration: type[Any]) -> None:
    expected = {upper_case(name): number for name, number in ENUMS["library"][library_name].items()}
    ours = {name: int(member) for name, member in enumeration.__members__.items()}
    assert expected.items() <= ours.items()
    assert set(ours.values()) == set(expected.values()) | OUR_OWN.get(library_name, set())


def test_connection_states_shown_to_users_are_not_negative() -> None:
    expected = {upper_case(name): n for name, n in ENUMS["library"]["ConnectionState"].items() if n >= 0}
    assert {name: int(member) for name, member in ConnectionState.__members__.items()} == expected


@pytest.mark.parametrize(
    ("wrapper_name", "enumeration"),
    [
        ("SendFlags", SendFlags),
        ("IdentityType", IdentityType),
        ("ConnectionState", ConnectionState),
        ("ConfigurationScope", ConfigurationScope),
        ("ConfigurationDataType", ConfigurationDataType),
        ("ConfigurationValue", ConfigurationValue),
        ("ConfigurationValueResult", ConfigurationValueResult),
        ("DebugType", DebugType),
        ("Result", Result),
    ],
)
def test_every_member_of_the_final_wrapper_has_a_counterpart(wrapper_name: str, enumeration: type[IntEnum]) -> None:
    ours = {name.replace("_", ""): int(member) for name, member in enumeration.__members__.items()}
    for name, number in ENUMS["wrapper_final"][wrapper_name].items():
        assert ours[name.upper()] == number


def test_the_early_wrappers_name_of_the_flags_remains() -> None:
    assert SendType is SendFlags


def test_everything_named_by_types_exists() -> None:
    for name in gs_types.__all__:
        assert hasattr(gs_types, name)


def test_send_flags_keep_unknown_bits() -> None:
    assert int(SendFlags.UNRELIABLE) == 0
    assert SendFlags.RELIABLE | SendFlags.NO_NAGLE == SendFlags.RELIABLE_NO_NAGLE
    assert int(SendFlags.RELIABLE | 1 << 20) == 8 | 1 << 20
    assert SendFlags(-1) & SendFlags.RELIABLE


@pytest.fixture
def peer() -> PeerRecord:
    return PeerRecord(0x12345678, NetworkingIdentity.generic_string("alice"), 7)


@pytest.fixture
def message(peer: PeerRecord) -> NetworkingMessage:
    return NetworkingMessage(b"hello", 3, 8, 2, 1_000_000, peer)


def test_a_message_shows_what_it_was_made_of(message: NetworkingMessage, peer: PeerRecord) -> None:
    assert message.data == b"hello"
    assert message.length == 5
    assert message.message_number == 3
    assert message.lane == 2
    assert message.time_received == 1_000_000
    assert message.channel == -1
    assert message.flags is SendFlags.RELIABLE
    assert message.connection == 0x12345678
    assert message.identity is peer.identity
    assert message.user_data == 7
    assert NetworkingMessage(b"", 1, 0, 0, 0, peer).flags is SendFlags.UNRELIABLE
    assert NetworkingMessage(b"", 1, 29, 0, 0, peer).flags == 29, "only pipes carry more than one bit"


def test_user_data_of_waiting_messages_follows_the_connection(message: NetworkingMessage, peer: PeerRecord) -> None:
    peer.user_data = 99
    assert message.user_data == 99


@pytest.mark.parametrize("name", ["data", "length", "lane", "flags", "channel", "connection", "no_such_field"])
def test_a_message_is_read_only(message: NetworkingMessage, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(message, name, 1)


def test_copy_to_fills_the_start_of_a_buffer(message: NetworkingMessage) -> None:
    buffer = bytearray(b"........")
    assert message.copy_to(buffer) == 5
    assert buffer == b"hello..."
    assert message.copy_to(memoryview(buffer)[3:]) == 5
    assert buffer == b"helhello"
    buffer.clear()  # fails if a view of the buffer were still held


def test_copy_to_counts_bytes_not_items(message: NetworkingMessage) -> None:
    numbers = memoryview(bytearray(8)).cast("I")
    assert message.copy_to(numbers) == 5
    assert numbers.tobytes() == b"hello\0\0\0"


def test_copy_to_refuses_what_it_cannot_fill(message: NetworkingMessage) -> None:
    with pytest.raises(ValueError, match="5 bytes, the buffer only 4"):
        message.copy_to(bytearray(4))
    with pytest.raises(TypeError, match="bytes cannot be written to"):
        message.copy_to(bytes(8))
    with pytest.raises(TypeError):
        message.copy_to("text")
    with pytest.raises(TypeError):
        message.copy_to(memoryview(bytearray(16))[::2])


def test_destroying_a_message_is_harmless_and_final(message: NetworkingMessage) -> None:
    assert "5 bytes" in repr(message)
    message.destroy()
    message.destroy()
    with pytest.raises(ValueError, match="destroyed"):
        _ = message.data
    with pytest.raises(ValueError, match="destroyed"):
        _ = message.length
    with pytest.raises(ValueError, match="destroyed"):
        message.copy_to(bytearray(8))
    assert message.message_number == 3
    assert "destroyed" in repr(message)


def test_no_payload_looks_like_a_destroyed_message(message: NetworkingMessage, peer: PeerRecord) -> None:
    message.destroy()
    twin = NetworkingMessage(bytes(bytearray(message.payload)), 1, 0, 0, 0, peer)
    assert twin.data == message.payload


def test_repr_names_the_connection(message: NetworkingMessage, peer: PeerRecord) -> None:
    assert repr(message) == ("<NetworkingMessage 3 of lane 2 from connection 0x12345678: 5 bytes, reliable>")
    assert repr(peer) == "PeerRecord(0x12345678, <NetworkingIdentity 'str:alice'>, 7)"


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


@pytest.mark.parametrize("error_type", [ConnectionClosed, ConnectionFailed])
def test_errors_of_a_connection_carry_reason_and_text(
    error_type: type[ConnectionClosed] | type[ConnectionFailed],
) -> None:
    error = error_type(5003, "Connection dropped")
    assert isinstance(error, GameSocketsError)
    assert (error.reason, error.debug) == (5003, "Connection dropped")
    assert "5003" in str(error)
    assert "Connection dropped" in str(error)
    assert "no text" in str(error_type(1000))


def test_an_invalid_handle_names_itself() -> None:
    assert str(InvalidHandle(17, "connection")) == "17 is not the handle of an open connection"
    assert str(InvalidHandle(17)) == "17 is not the handle of an open object"


def test_seeded_entropy_repeats_itself() -> None:
    entropy: Entropy = SeededEntropy(1)
    first = entropy.random_bytes(32)
    assert len(first) == 32
    assert entropy.random_bytes(32) != first
    assert SeededEntropy(1).random_bytes(32) == first
    assert SeededEntropy(2).random_bytes(32) != first
    assert entropy.random_bytes(0) == b""
    with pytest.raises(ValueError, match="-1"):
        entropy.random_bytes(-1)


def test_entropy_must_be_supplied() -> None:
    """Interpreted, the abstract class cannot be made; compiled, it cannot be used."""
    with pytest.raises((TypeError, NotImplementedError)):
        Entropy().random_bytes(4)  # type: ignore[abstract]
