"""On which machine of a simulated network does a piece of code run, and how does it reach the others?"""

import errno
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, final

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.world import World
from gamesockets.values.address import Address

_CURRENT: Final[ContextVar["Machine | None"]] = ContextVar("machine", default=None)
"""What runs where; a task inherits it from the one that started it."""

_FIRST_FREE_PORT: Final = 49_152
_PORTS: Final = 65_536
_MACHINES_MAX: Final = 60_000


@final
class Machine:
    """A machine with a name, an IPv4 and an IPv6 address, made by `sim.aio.machine`.

    What is done inside ``with machine:`` happens there, in the tasks, too, that are started inside.

    Attributes:
        name: under which others reach it.
        ipv4: its address.
        ipv6: its other address.
    """

    def __init__(self, machines: "Machines", name: str, number: int) -> None:
        self.name = name
        self.ipv4 = f"10.64.{number >> 8}.{number & 255}"
        self.ipv6 = f"fd00::{number:x}"
        self._machines = machines
        # Each machine has a loopback of its own, which needs an address of its own on the network.
        self._loopbacks = {"127.0.0.1": f"127.{64 + (number >> 8) % 128}.{number & 255}.1", "::1": f"fd7f::{number:x}"}
        self._views = {wire: ip for ip, wire in self._loopbacks.items()}
        self._ports: set[int] = set()
        self._next_port = _FIRST_FREE_PORT
        self._tokens: list[Token[Machine | None]] = []

    def address(self, port: int) -> Address:
        """Where others reach a port of it."""
        return Address(self.ipv4, port)

    def link(self, other: "Machine") -> Link:
        """The way to another machine: for its counters, and to change its `conditions`. Both families take it."""
        return self._machines.link(self, other)

    def connect_by(self, other: "Machine", up: Conditions, down: Conditions | None = None) -> None:
        """Sets what the way to another machine is like, and the way back; the same in both directions by default."""
        self.link(other).conditions = up
        other.link(self).conditions = up if down is None else down

    def __enter__(self) -> "Machine":
        self._tokens.append(_CURRENT.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _CURRENT.reset(self._tokens.pop())

    def __repr__(self) -> str:
        return f"<sim.aio.Machine {self.name!r} {self.ipv4} {self.ipv6}>"

    # ------------------------------------------------------------------ for its sockets

    def take_port(self, port: int) -> int:
        """A port for a socket, a free one for 0. Raises `OSError` if it is taken."""
        if not port:
            for _ in range(_PORTS - _FIRST_FREE_PORT):
                port = self._next_port
                self._next_port = port + 1 if port + 1 < _PORTS else _FIRST_FREE_PORT
                if port not in self._ports:
                    break
        if port in self._ports:
            raise OSError(errno.EADDRINUSE, "Address already in use")
        self._ports.add(port)
        return port

    def give_back_port(self, port: int) -> None:
        """Its socket was closed."""
        self._ports.discard(port)

    def addresses(self) -> list[str]:
        """All that it has, as they stand on the network."""
        return [self.ipv4, self.ipv6, *self._views]

    def to_wire(self, ip: str) -> str:
        """How an address that its programs use stands on the network."""
        return self._loopbacks.get(ip, ip)

    def from_wire(self, ip: str) -> str:
        """How its programs know an address of the network."""
        return self._views.get(ip, ip)

    def source_for(self, wire_ip: str) -> str:
        """From which of its addresses it sends there."""
        if wire_ip in self._views:
            return wire_ip
        return self.ipv6 if ":" in wire_ip else self.ipv4


@final
class Machines:
    """All machines of one world, and the links between them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._by_name: dict[str, Machine] = {}
        self._by_wire: dict[str, Machine] = {}
        self._links: dict[tuple[Machine, Machine], Link] = {}
        self.default = self.named("localhost")
        """Where code runs that was started on no machine in particular."""

    def named(self, name: str) -> Machine:
        """The machine of that name; a new one where there is none."""
        known = self._by_name.get(name)
        if known is None:
            if len(self._by_name) >= _MACHINES_MAX:
                raise ValueError(f"a world has at most {_MACHINES_MAX} machines")
            known = self._by_name[name] = Machine(self, name, len(self._by_name) + 1)
            for ip in known.addresses():
                self._by_wire[ip] = known
        return known

    def find(self, name: str) -> Machine | None:
        """The machine of that name, if there is one."""
        return self._by_name.get(name)

    def at(self, wire_ip: str) -> Machine | None:
        """The machine with an address, as it stands on the network."""
        return self._by_wire.get(wire_ip)

    def current(self) -> Machine:
        """The one on which this code runs."""
        here = _CURRENT.get()
        return self.default if here is None or here._machines is not self else here  # noqa: SLF001 - one module

    def link(self, one: Machine, other: Machine) -> Link:
        """The way from one machine to another; what stays on a machine meets no network."""
        link = self._links.get((one, other))
        if link is None:
            conditions = Conditions() if one is other else self.world.conditions
            link = self._links[one, other] = self.world.new_link(conditions)
        return link
