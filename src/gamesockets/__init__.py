"""Valve's GameNetworkingSockets transport in pure Python: encrypted connections over UDP, messages reliable and not.

import gamesockets as gs

with gs.NetworkingSockets() as sockets:
    connection = sockets.connect(gs.Address("127.0.0.1", 27015))
    sockets.send_message_to_connection(connection, b"hello", gs.SendFlags.RELIABLE)
"""

from gamesockets.address import Address
from gamesockets.config import ConfigurationRow
from gamesockets.errors import ConnectionClosed, ConnectionFailed, GameSocketsError, InvalidHandle
from gamesockets.identity import NetworkingIdentity
from gamesockets.library import Library
from gamesockets.sockets import NetworkingSockets
from gamesockets.types import (
    ConfigurationDataType,
    ConfigurationScope,
    ConfigurationString,
    ConfigurationValue,
    ConfigurationValueResult,
    Connection,
    ConnectionInfo,
    ConnectionInfoFlags,
    ConnectionState,
    ConnectionStatus,
    DebugType,
    EndReason,
    IdentityType,
    LaneStatus,
    ListenSocket,
    NetworkingMessage,
    OutgoingMessage,
    PollGroup,
    Result,
    SendFlags,
    SendType,
    StatusInfo,
)
from gamesockets.version import __version__

__all__ = [
    "Address",
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
    "StatusInfo",
    "__version__",
]
