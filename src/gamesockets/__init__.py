"""Valve's GameNetworkingSockets transport in pure Python: encrypted connections and messages over UDP.

import gamesockets as gs

with gs.Client("play.example:27015") as client:
    client.send(b"hello", gs.SendFlags.RELIABLE)
    while client.wait(timeout=5):
        for event in client.events():
            print(event)

Three APIs stand on one core: `Client` and `Server` for game loops, `NetworkingSockets` with handles for those who come
from the reference library, and `gamesockets.aio` for asyncio.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gamesockets.config.strings import ConfigurationString
from gamesockets.config.table import ConfigurationRow, ConfigurationValue
from gamesockets.game.client import Client
from gamesockets.game.events import Connected, Disconnected, Event, Received
from gamesockets.game.peer import Peer
from gamesockets.game.server import Server
from gamesockets.sockets.library import Library
from gamesockets.sockets.networking_sockets import NetworkingSockets
from gamesockets.values.address import Address
from gamesockets.values.backoff import Backoff
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
    PathStatus,
    StatusInfo,
)
from gamesockets.values.refusal import Refusal
from gamesockets.values.renamed import missing_name
from gamesockets.values.results import Result
from gamesockets.values.statistics import Statistics
from gamesockets.version import __version__

__all__ = [
    "Address",
    "AuthenticationStatus",
    "Availability",
    "Backoff",
    "CalledAfterFork",
    "CalledFromInside",
    "CertificateError",
    "Client",
    "ConfigurationDataType",
    "ConfigurationRow",
    "ConfigurationScope",
    "ConfigurationString",
    "ConfigurationValue",
    "ConfigurationValueResult",
    "Connected",
    "Connection",
    "ConnectionClosed",
    "ConnectionFailed",
    "ConnectionInfo",
    "ConnectionInfoFlags",
    "ConnectionState",
    "ConnectionStatus",
    "DebugType",
    "Disconnected",
    "EndReason",
    "Event",
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
    "PathStatus",
    "Peer",
    "PollGroup",
    "Received",
    "Refusal",
    "Result",
    "SendFlags",
    "SendType",
    "Server",
    "Statistics",
    "StatusInfo",
    "__version__",
]

_LAZY = ("aio", "sim")
"""Packages that are imported when they are first used: not every program needs them."""

if TYPE_CHECKING:
    from gamesockets import aio as aio
    from gamesockets import sim as sim
else:  # type checkers would take every name for one of this module

    def __getattr__(name: str) -> Any:
        if name in _LAZY:
            return import_module(f"gamesockets.{name}")
        raise missing_name(name, __all__)


def __dir__() -> list[str]:
    return sorted([*__all__, *_LAZY, "__doc__", "__file__", "__name__", "__path__"])
