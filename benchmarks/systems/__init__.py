"""Which systems are there, what is each one, and can it run here?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.systems import needs
from benchmarks.systems.base import Node
from benchmarks.systems.loops import Loop
from benchmarks.systems.needs import Program


@dataclass(frozen=True, slots=True)
class System:
    """A system to measure.

    Attributes:
        name: as given on the command line.
        about: one line for the table.
        open: makes a node; imports what it needs only then.
        missing: why it cannot run here; None if it can.
        kinds: of scenarios that say something about it.
        program: what plays its side: this Python, another one, or a program of the user.
        loop: on what its coroutines run.
        speaks: its protocol; one load generator plays the clients of all servers that speak the same.
        in_suite: is it run when nobody says otherwise?
    """

    name: str
    about: str
    open: Callable[[], Node]
    missing: Callable[[], str | None]
    kinds: frozenset[str]
    program: Program = Program.SOURCE
    loop: Loop = Loop.NONE
    speaks: str = ""
    in_suite: bool = True


def _ours() -> Node:
    from benchmarks.systems.ours import Ours

    return Ours()


def _ours_in_batches() -> Node:
    from benchmarks.systems.ours import OursInBatches

    return OursInBatches()


def _ours_asleep() -> Node:
    from benchmarks.systems.ours import OursAsleep

    return OursAsleep()


def _gns() -> Node:
    from benchmarks.systems.gns import Gns

    return Gns()


def _gns_in_batches() -> Node:
    from benchmarks.systems.gns import GnsInBatches

    return GnsInBatches()


def _gns_by_hand() -> Node:
    from benchmarks.systems.gns import GnsByHand

    return GnsByHand()


def _native() -> Node:
    raise NotImplementedError("the driver plays this system in a program of its own")


def _aio() -> Node:
    from benchmarks.systems.aio import Aio

    return Aio()


def _aio_in_tasks() -> Node:
    from benchmarks.systems.aio import AioTasks

    return AioTasks()


def _enet() -> Node:
    from benchmarks.systems.pyenet import Enet

    return Enet()


def _aioquic() -> Node:
    from benchmarks.systems.quic import aioquic

    return aioquic()


def _qh3() -> Node:
    from benchmarks.systems.quic import qh3

    return qh3()


def _websockets() -> Node:
    from benchmarks.systems.websocket import WebSocket

    return WebSocket()


def _udp() -> Node:
    from benchmarks.systems.udp import Udp

    return Udp()


def _udp_in_batches() -> Node:
    from benchmarks.systems.udp import UdpInBatches

    return UdpInBatches()


def _aes() -> Node:
    from benchmarks.systems.aes import Aes

    return Aes()


_FLOODS: Final = frozenset({"reliable-flood", "unreliable-flood"})
_PINGS: Final = frozenset({"ping-reliable", "ping-unreliable"})
_GAMES: Final = frozenset({"game", "capacity", "broadcast"})
_COMMON: Final = frozenset({"bulk", "handshakes", "idle", "lossy", "lanes"}) | _FLOODS | _PINGS | _GAMES
_GNS: Final = _COMMON | {"busy", "storm"}
_QUIC: Final = _COMMON - {"idle"} - _GAMES
_SPOKEN: Final = "gns"

SYSTEMS: Final[dict[str, System]] = {
    system.name: system
    for system in (
        System(
            "ours",
            "gamesockets, NetworkingSockets: one message a call, waiting in wait()",
            _ours,
            needs.source,
            _GNS,
            speaks=_SPOKEN,
        ),
        System(
            "ours-compiled",
            "ours, compiled",
            _ours,
            needs.compiled,
            _GNS,
            program=Program.COMPILED,
            speaks=_SPOKEN,
        ),
        System(
            "ours-batch",
            "ours with send_messages, 64 messages a call, in game servers all clients",
            _ours_in_batches,
            needs.source,
            _FLOODS | {"game"},
            speaks=_SPOKEN,
        ),
        System(
            "ours-batch-compiled",
            "ours-batch, compiled",
            _ours_in_batches,
            needs.compiled,
            _FLOODS | {"game"},
            program=Program.COMPILED,
            speaks=_SPOKEN,
        ),
        System(
            "ours-sleep",
            "ours-batch, asleep between two ticks",
            _ours_asleep,
            needs.source,
            frozenset({"game", "capacity"}),
            speaks=_SPOKEN,
            in_suite=False,
        ),
        System(
            "ours-sleep-compiled",
            "ours-sleep, compiled",
            _ours_asleep,
            needs.compiled,
            frozenset({"game", "capacity"}),
            program=Program.COMPILED,
            speaks=_SPOKEN,
        ),
        System(
            "aio",
            "gamesockets.aio on asyncio; game servers take from a poll group and send with send_nowait",
            _aio,
            needs.source,
            _GNS,
            loop=Loop.ASYNCIO,
            speaks=_SPOKEN,
        ),
        System(
            "aio-compiled",
            "aio, compiled",
            _aio,
            needs.compiled,
            _GNS,
            program=Program.COMPILED,
            loop=Loop.ASYNCIO,
            speaks=_SPOKEN,
        ),
        System(
            "aio-tasks",
            "aio with a task for each connection and `async for`, each send awaited",
            _aio_in_tasks,
            needs.source,
            _FLOODS | {"game"},
            loop=Loop.ASYNCIO,
            speaks=_SPOKEN,
            in_suite=False,
        ),
        System(
            "aio-tasks-compiled",
            "aio-tasks, compiled",
            _aio_in_tasks,
            needs.compiled,
            _FLOODS | {"game"},
            program=Program.COMPILED,
            loop=Loop.ASYNCIO,
            speaks=_SPOKEN,
        ),
        System(
            "aio-uvloop",
            "gamesockets.aio on uvloop",
            _aio,
            needs.package("uvloop", "uvloop"),
            _GNS,
            loop=Loop.UVLOOP,
            speaks=_SPOKEN,
            in_suite=False,
        ),
        System(
            "gns-native",
            "the reference library, driven by the program that GNS_DRIVER names",
            _native,
            needs.driver,
            _GNS,
            program=Program.DRIVER,
            speaks=_SPOKEN,
        ),
        System(
            "gns",
            "the reference library through ctypes; it has no wait, so 0.5 ms naps",
            _gns,
            needs.library,
            _GNS,
            speaks=_SPOKEN,
        ),
        System(
            "gns-batch",
            "gns with SendMessages, 64 messages a call",
            _gns_in_batches,
            needs.library,
            _FLOODS,
            in_suite=False,
        ),
        System(
            "gns-manual",
            "gns, its service turned by hand instead of naps",
            _gns_by_hand,
            needs.library,
            _PINGS,
        ),
        System(
            "enet",
            "pyenet: reliable UDP in C, no encryption",
            _enet,
            needs.package("enet", "pyenet"),
            _COMMON - {"idle"},
            speaks="enet",
        ),
        System(
            "qh3",
            "QUIC in Rust, served in batches; TLS 1.3",
            _qh3,
            needs.package("qh3", "qh3"),
            _QUIC,
            speaks="quic",
        ),
        System(
            "aioquic",
            "QUIC in Python and C, served in batches; TLS 1.3",
            _aioquic,
            needs.package("aioquic", "aioquic"),
            _QUIC,
            speaks="quic",
        ),
        System(
            "websockets",
            "WebSocket over TLS and TCP, on asyncio; reliable always",
            _websockets,
            needs.package("websockets", "websockets"),
            frozenset({"bulk", "reliable-flood", "handshakes", "lanes"}) | _PINGS,
            loop=Loop.ASYNCIO,
            speaks="websocket",
        ),
        System(
            "udp",
            "a bare UDP socket: no protocol, no encryption; the floor",
            _udp,
            needs.nothing,
            _PINGS,
        ),
        System(
            "udp-batch",
            "udp with many datagrams a system call",
            _udp_in_batches,
            needs.linux,
            frozenset({"limits"}),
        ),
        System(
            "aes-gcm",
            "AES-256-GCM alone, no network",
            _aes,
            needs.nothing,
            frozenset({"limits"}),
        ),
    )
}
