"""Valve's GameNetworkingSockets transport in pure Python: encrypted connections and messages over UDP.

import gamesockets as gs

with gs.NetworkingSockets() as sockets:
    connection = sockets.connect(gs.Address("127.0.0.1", 27015))
    sockets.send_message_to_connection(connection, b"hello", gs.SendFlags.RELIABLE)
"""

from typing import TYPE_CHECKING, NoReturn

from gamesockets.config.strings import ConfigurationString
from gamesockets.config.table import ConfigurationRow, ConfigurationValue
from gamesockets.sockets.library import Library
from gamesockets.sockets.networking_sockets import NetworkingSockets
from gamesockets.values.address import Address
from gamesockets.values.enums import (
    Availability,
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
from gamesockets.values.errors import (
    CalledAfterFork,
    CalledFromInside,
    CertificateError,
    ConnectionClosed,
    ConnectionFailed,
    GameSocketsError,
    HostKeyChanged,
    InvalidHandle,
)
from gamesockets.values.handles import Connection, ListenSocket, PollGroup
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import (
    AuthenticationStatus,
    ConnectionInfo,
    ConnectionStatus,
    LaneStatus,
    OutgoingMessage,
    StatusInfo,
)
from gamesockets.values.renamed import missing_name
from gamesockets.values.results import Result
from gamesockets.values.statistics import Statistics
from gamesockets.version import __version__

__all__ = [
    "Address",
    "AuthenticationStatus",
    "Availability",
    "CalledAfterFork",
    "CalledFromInside",
    "CertificateError",
    "ConfigurationDataType",
    "ConfigurationRow",
    "ConfigurationScope",
    "ConfigurationString",
    "ConfigurationValue",
    "ConfigurationValueResult",
    "Connection",
    "ConnectionClosed",
    "ConnectionFailed",
    "ConnectionInfo",
    "ConnectionInfoFlags",
    "ConnectionState",
    "ConnectionStatus",
    "DebugType",
    "EndReason",
    "GameSocketsError",
    "HostKeyChanged",
    "IdentityType",
    "InvalidHandle",
    "LaneStatus",
    "Library",
    "ListenSocket",
    "NetworkingIdentity",
    "NetworkingMessage",
    "NetworkingSockets",
    "OutgoingMessage",
    "PollGroup",
    "Result",
    "SendFlags",
    "SendType",
    "Statistics",
    "StatusInfo",
    "__version__",
]

if not TYPE_CHECKING:  # type checkers would take every name for one of this module

    def __getattr__(name: str) -> NoReturn:
        raise missing_name(name, __all__)
