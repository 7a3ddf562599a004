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
from typing import TYPE_CHECKING, Any, Final

from gamesockets.version import __version__

if TYPE_CHECKING:  # for type checkers, and tools that freeze programs; below, the same names are found on first use
    from gamesockets import aio as aio
    from gamesockets import sim as sim
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
    from gamesockets.values.results import Result
    from gamesockets.values.statistics import Statistics

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

_PACKAGES: Final = ("aio", "sim")

_HOMES: Final = {
    "config.strings": ("ConfigurationString",),
    "config.table": (
        "ConfigurationRow",
        "ConfigurationValue",
    ),
    "game.client": ("Client",),
    "game.events": (
        "Connected",
        "Disconnected",
        "Event",
        "Received",
    ),
    "game.peer": ("Peer",),
    "game.server": ("Server",),
    "sockets.library": ("Library",),
    "sockets.networking_sockets": ("NetworkingSockets",),
    "values.address": ("Address",),
    "values.backoff": ("Backoff",),
    "values.enums": (
        "Availability",
        "ConfigurationDataType",
        "ConfigurationScope",
        "ConfigurationValueResult",
        "ConnectionInfoFlags",
        "ConnectionState",
        "DebugType",
        "EndReason",
        "IdentityType",
        "SendFlags",
        "SendType",
    ),
    "values.errors": (
        "CalledAfterFork",
        "CalledFromInside",
        "CertificateError",
        "ConnectionClosed",
        "ConnectionFailed",
        "GameSocketsError",
        "HostKeyChanged",
        "InvalidHandle",
    ),
    "values.handles": (
        "Connection",
        "ListenSocket",
        "PollGroup",
    ),
    "values.identity": ("NetworkingIdentity",),
    "values.message": ("NetworkingMessage",),
    "values.records": (
        "AuthenticationStatus",
        "ConnectionInfo",
        "ConnectionStatus",
        "LaneStatus",
        "OutgoingMessage",
        "PathStatus",
        "StatusInfo",
    ),
    "values.refusal": ("Refusal",),
    "values.results": ("Result",),
    "values.statistics": ("Statistics",),
}
"""In which module each name is. It is imported when one of its names is first used: so what needs little of the
package, such as the plugin for pytest or `gamesockets --version`, starts at once."""

if not TYPE_CHECKING:  # type checkers would take every name for one of this module
    _MODULES = {name: module for module, names in _HOMES.items() for name in names}

    def __getattr__(name: str) -> Any:
        if name in _PACKAGES:
            return import_module(f"gamesockets.{name}")
        if name not in _MODULES:
            from gamesockets.values.renamed import missing_name  # noqa: PLC0415 - only for who made a mistake

            raise missing_name(name, __all__)
        found = globals()[name] = getattr(import_module(f"gamesockets.{_MODULES[name]}"), name)
        return found


def __dir__() -> list[str]:
    return sorted([*__all__, *_PACKAGES, "__doc__", "__file__", "__name__", "__path__"])
