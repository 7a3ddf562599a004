"""What time is it, where does entropy come from, and how is a socket opened? For the drivers; others get arguments.

Something may stand in for the system, on the thread of a simulated event loop (`gamesockets.sim.aio`) and only there.
"""

import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.entropy import Entropy

START_US: Final = 3_000_000_000_000
"""Where `now_us` begins (spec 3, 15.3)."""

# By a name of its own: compiled code finds it without asking two dictionaries each time.
_monotonic_ns: Final = time.monotonic_ns

_OFFSET_US: Final = START_US - time.monotonic_ns() // 1000


@mypyc_attr(allow_interpreted_subclasses=True)
class StandIn(ABC):
    """What a simulated event loop gives instead of the system."""

    @abstractmethod
    def now_us(self) -> int:
        """The time, counted from `START_US`."""
        raise NotImplementedError

    @abstractmethod
    def unix_epoch_us(self) -> int:
        """What to add to it to get Unix time."""
        raise NotImplementedError

    @abstractmethod
    def random_bytes(self, count: int) -> bytes:
        """That many bytes, the same for the same seed."""
        raise NotImplementedError

    @abstractmethod
    def open_socket(self, family: int, kind: int) -> socket.socket:
        """Something with the methods of a UDP socket that the drivers use."""
        raise NotImplementedError


_stand_ins: Final[dict[int, StandIn]] = {}
"""By thread. Empty nearly always, which costs one look."""


def stand_in(replacement: StandIn | None) -> StandIn | None:
    """From now on it stands in for the system on this thread, None for nothing; what did so before."""
    before = _stand_ins.pop(threading.get_ident(), None)
    if replacement is not None:
        _stand_ins[threading.get_ident()] = replacement
    return before


def now_us() -> int:
    """Monotonic microseconds, near 3,000,000,000,000 at the start of the process (spec 3, 15.3)."""
    if _stand_ins:
        replacement = _stand_ins.get(threading.get_ident())
        if replacement is not None:
            return replacement.now_us()
    return _monotonic_ns() // 1000 + _OFFSET_US


def unix_epoch_us() -> int:
    """What to add to `now_us()` to get Unix time in microseconds."""
    replacement = _stand_ins.get(threading.get_ident())
    return time.time_ns() // 1000 - now_us() if replacement is None else replacement.unix_epoch_us()


def open_socket(family: int, kind: int) -> socket.socket:
    """A socket of the system, or of what stands in for it. Raises `OSError`."""
    replacement = _stand_ins.get(threading.get_ident())
    return socket.socket(family, kind) if replacement is None else replacement.open_socket(family, kind)


@final
class SystemEntropy(Entropy):
    """Randomness of the operating system, or of what stands in for it."""

    def random_bytes(self, count: int) -> bytes:
        replacement = _stand_ins.get(threading.get_ident())
        return os.urandom(count) if replacement is None else replacement.random_bytes(count)
