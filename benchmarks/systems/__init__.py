"""Which systems are there, what is each one, and can it run here?"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.systems.base import Node


@dataclass(frozen=True, slots=True)
class System:
    """A system to measure.

    Attributes:
        name: as given on the command line.
        about: one line for the table.
        open: makes a node; imports what it needs only then.
        missing: why it cannot run here; None if it can.
        kinds: of scenarios that say something about it.
    """

    name: str
    about: str
    open: Callable[[], Node]
    missing: Callable[[], str | None]
    kinds: frozenset[str]


def _nothing() -> str | None:
    return None


def _library() -> str | None:
    path = os.environ.get("GNS_LIBRARY")
    if not path:
        return "GNS_LIBRARY does not name a shared library of GameNetworkingSockets"
    return None if os.path.isfile(path) else f"GNS_LIBRARY names no file: {path}"


def _ours() -> Node:
    from benchmarks.systems.ours import Ours

    return Ours()


def _ours_in_batches() -> Node:
    from benchmarks.systems.ours import OursInBatches

    return OursInBatches()


def _gns() -> Node:
    from benchmarks.systems.gns import Gns

    return Gns()


def _gns_in_batches() -> Node:
    from benchmarks.systems.gns import GnsInBatches

    return GnsInBatches()


def _gns_by_hand() -> Node:
    from benchmarks.systems.gns import GnsByHand

    return GnsByHand()


def _udp() -> Node:
    from benchmarks.systems.udp import Udp

    return Udp()


_ALL: Final = frozenset({"bulk", "flood", "ping", "handshakes", "idle"})
_PING: Final = frozenset({"ping"})
_FLOOD: Final = frozenset({"flood"})

SYSTEMS: Final[dict[str, System]] = {
    system.name: system
    for system in (
        System("ours", "gamesockets, NetworkingSockets; sleeps in wait()", _ours, _nothing, _ALL),
        System("ours-batch", "the same with send_messages, 64 messages a call", _ours_in_batches, _nothing, _FLOOD),
        System("gns", "the real library through ctypes; it has no wait, so 0.5 ms naps", _gns, _library, _ALL),
        System("gns-batch", "the same with SendMessages, 64 messages a call", _gns_in_batches, _library, _FLOOD),
        System("gns-manual", "the same, its service turned by hand instead of naps", _gns_by_hand, _library, _PING),
        System("udp", "a bare UDP socket: no protocol, no encryption; the floor", _udp, _nothing, _PING),
    )
}
