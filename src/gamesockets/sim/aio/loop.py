"""How does an asyncio event loop run in virtual time, on a simulated network?

It is asyncio's own loop with another selector: where that would sleep, the world runs until something is to be done. A
loop that nothing can wake any more raises instead of hanging.
"""

import asyncio
import socket
from collections.abc import Callable
from math import ceil
from random import Random
from typing import Any, Final, TypeVar, TypeVarTuple, cast, final

from gamesockets.clock import START_US, StandIn, stand_in
from gamesockets.sim.aio.machine import Machine, Machines
from gamesockets.sim.aio.udp import SimulatedSocket
from gamesockets.sim.world import World
from gamesockets.values.moments import NEVER, US_PER_SECOND

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_UNIX_EPOCH_US: Final = 1_767_225_600 * US_PER_SECOND
"""Worlds begin on 1 January 2026."""

_FIRST_NUMBER: Final = 1 << 30
"""Above all real descriptors."""

_RESOLUTION_S: Final = 1e-6
_SHY_US: Final = 1e-3
"""What a sum of floating-point seconds may be above a whole microsecond."""


@final
class _Selector:
    """Instead of sleeping, runs the world."""

    def __init__(self, loop: "EventLoop") -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> list[int]:
        """What has become readable. Raises `RuntimeError` if nothing can happen any more."""
        loop = self._loop
        world = loop.world
        end = NEVER if timeout_s is None else world.now_us + ceil(max(timeout_s, 0) * US_PER_SECOND - _SHY_US)
        if not world.run_to(end, loop.has_work) and timeout_s is None:
            raise RuntimeError(
                f"all tasks wait, and nothing is left that could wake one, at {world.now:.6f} s (seed {world.seed})"
            )
        return loop.take_readable()

    def close(self) -> None:
        """Nothing to give back."""


class _SimulatedSystem(StandIn):
    """Time, entropy and sockets of a world."""

    def __init__(self, loop: "EventLoop", world: World) -> None:
        self._loop = loop
        self._world = world
        self._random = Random(f"entropy {world.seed}")

    def now_us(self) -> int:
        return START_US + self._world.now_us

    def unix_epoch_us(self) -> int:
        return _UNIX_EPOCH_US - START_US

    def random_bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    def open_socket(self, family: int, kind: int) -> socket.socket:  # noqa: ARG002 - it is a datagram socket
        return cast(socket.socket, self._loop.open_socket(family))


@final
class EventLoop(asyncio.BaseEventLoop):
    """An asyncio event loop whose time is that of a world, and whose sockets are on its network.

    `gamesockets.aio` runs on it unchanged, so do `asyncio.sleep`, `timeout`, queues, tasks. Functions given to
    `asyncio.to_thread` run at once and take no time. Real sockets, pipes and processes it has not.

    Args:
        world: whose clock and network; by default a new one. Hosts of `sim.World` may be on it, too.
        seed: of a new world.
    """

    def __init__(self, world: World | None = None, *, seed: int = 0) -> None:
        super().__init__()
        self.world = World(seed) if world is None else world
        self.machines = Machines(self.world)
        self._selector = _Selector(self)
        self._clock_resolution = _RESOLUTION_S
        self._sockets: dict[int, SimulatedSocket] = {}
        self._readers: dict[int, asyncio.Handle] = {}
        self._readable: dict[int, None] = {}
        self._next_number = _FIRST_NUMBER
        self._system = _SimulatedSystem(self, self.world)
        self._ready: Any  # of the base class: what runs in this turn

    def machine(self, name: str) -> Machine:
        """The machine of that name; a new one where there is none."""
        return self.machines.named(name)

    # ------------------------------------------------------------------ time

    def time(self) -> float:
        """Seconds since the world began."""
        return self.world.now

    def run_forever(self) -> None:
        before = stand_in(self._system)
        try:
            super().run_forever()
        finally:
            stand_in(before)

    def has_work(self) -> bool:
        """Whether the loop has something to do at this moment."""
        return bool(self._ready) or any(number in self._readers for number in self._readable)

    def close(self) -> None:
        before = stand_in(self._system)  # what is closed now belongs to the world
        try:
            super().close()
        finally:
            stand_in(before)

    # ------------------------------------------------------------------ sockets

    def open_socket(self, family: int) -> SimulatedSocket:
        """A socket on the machine where this code runs."""
        self._next_number += 1
        opened = SimulatedSocket(self.machines, self.world.network, family, self._next_number, self._became_readable)
        self._sockets[self._next_number] = opened
        return opened

    def take_readable(self) -> list[int]:
        """The sockets that are to be read now."""
        numbers = [number for number in self._readable if number in self._readers]
        for number in numbers:
            del self._readable[number]
        return numbers

    def _became_readable(self, number: int) -> None:
        self._readable[number] = None

    def _process_events(self, event_list: list[int]) -> None:
        """Has the callbacks of what is readable run in this turn. Called by the base class."""
        for number in event_list:
            handle = self._readers.get(number)
            if handle is not None:
                self._ready.append(handle)
                if self._sockets[number].is_readable:
                    self._readable[number] = None  # until it was read, as with any selector

    def add_reader(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        """Calls back while the socket has datagrams."""
        self._check_socket(fd)
        self._readers[fd] = asyncio.Handle(callback, args, self)
        if self._sockets[fd].is_readable:
            self._readable[fd] = None

    def remove_reader(self, fd: Any) -> bool:
        """No more of that; whether it was so."""
        if fd in self._sockets and self._sockets[fd].fileno() == -1:
            del self._sockets[fd]
        handle = self._readers.pop(fd, None)
        if handle is None:
            return False
        handle.cancel()
        return True

    def add_writer(self, fd: Any, callback: Callable[[*Ts], Any], *args: *Ts) -> None:
        """A simulated socket is always writable."""
        self._check_socket(fd)
        self.call_soon(callback, *args)

    def remove_writer(self, fd: Any) -> bool:  # noqa: ARG002 - there is none
        """There is none."""
        return False

    def _check_socket(self, fd: Any) -> None:
        if fd not in self._sockets:
            raise ValueError(f"a simulated event loop has only sockets of gamesockets, not descriptor {fd!r}")

    # ------------------------------------------------------------------ what would leave the world

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,  # noqa: ARG002
    ) -> list[Any]:
        """The addresses of a machine of the world, IPv6 first. Raises `socket.gaierror` for other names."""
        found = self.machines.current() if host == "localhost" else self.machines.find(str(host))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, f"no machine of the simulated network is called {host!r}")
        ips = ("::1", "127.0.0.1") if host == "localhost" else (found.ipv6, found.ipv4)
        entries: list[Any] = [
            (socket.AF_INET6, type, proto, "", (ips[0], port, 0, 0)),
            (socket.AF_INET, type, proto, "", (ips[1], port)),
        ]
        return [entry for entry in entries if family in (0, entry[0])]

    def run_in_executor(self, executor: Any, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:  # noqa: ARG002
        """Runs the function here and now: threads have no virtual time, and no order that a seed repeats."""
        future: asyncio.Future[T] = self.create_future()
        try:
            result = func(*args)
        except Exception as error:  # noqa: BLE001 - it belongs to who awaits
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    def _write_to_self(self) -> None:
        """Somebody called `call_soon_threadsafe`: the loop never sleeps, so there is nothing to wake."""
