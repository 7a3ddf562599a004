"""How does a datagram get from one address of a simulated world to another, if it does?"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from random import Random
from typing import final

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.nat import Nat
from gamesockets.sim.passage import Passage
from gamesockets.sim.virtual_clock import Scheduled, VirtualClock
from gamesockets.values.address import Address, SocketAddress


class Receiver(ABC):
    """What receives the datagrams of one address."""

    __slots__ = ()

    @abstractmethod
    def receive_datagram(self, data: bytes, source: SocketAddress, now: int) -> None:
        """A datagram has arrived."""


@final
class _Line(Scheduled):
    """A link in use, by one path or by several that share it."""

    __slots__ = ("_deliver", "link")

    def __init__(self, link: Link, deliver: "Callable[[_Line, int], None]") -> None:
        super().__init__()
        self.link = link
        self._deliver = deliver

    def due(self, now: int) -> None:
        self._deliver(self, now)


@final
class Network:
    """The links between all addresses, and the receiver at each.

    Args:
        clock: when what leaves a link arrives.
        random: gives each new link its seed.
        conditions: what paths are like that are used for the first time.
    """

    def __init__(self, clock: VirtualClock, random: Random, conditions: Conditions) -> None:
        self.conditions = conditions
        self.trace: Callable[[Passage], object] | None = None
        self.intercept: Callable[[Passage], Iterable[bytes]] | None = None
        self.unroutable = 0
        self._clock = clock
        self._random = random
        self._receivers: dict[SocketAddress, Receiver] = {}
        self._paths: dict[tuple[SocketAddress, SocketAddress], _Line] = {}
        self._lines: dict[Link, _Line] = {}
        self._cuts: set[tuple[SocketAddress, SocketAddress]] = set()
        """Paths on which nothing passes."""
        self._nats: dict[SocketAddress, Nat] = {}
        """By the address inside."""
        self._nats_by_ip: dict[str, Nat] = {}

    # ------------------------------------------------------------------ addresses

    def attach(self, receiver: Receiver, address: SocketAddress) -> None:
        """Gives the receiver an address. Raises `ValueError` if there is another one already."""
        if address in self._receivers:
            raise ValueError(f"there is a host at {Address.from_socket(address)} already")
        self._receivers[address] = receiver

    def detach(self, address: SocketAddress) -> None:
        """Frees an address."""
        self._receivers.pop(address, None)

    # ------------------------------------------------------------------ what the paths are like

    def link(self, source: SocketAddress, destination: SocketAddress) -> Link:
        """One direction between two addresses. What a NAT makes of an address leads to the same link."""
        return self._line(self._inside(source), self._inside(destination)).link

    def datagrams_entered(self) -> int:
        """How many datagrams all links together were given."""
        return sum([link.entered for link in self._lines])

    def new_link(self, conditions: Conditions) -> Link:
        """A link with draws of its own."""
        return Link(Random(self._random.getrandbits(64)), conditions)

    def translate(self, nat: Nat, ip: str) -> None:
        """Puts a router with that address in front of a host."""
        self._nats[nat.inside] = self._nats_by_ip[ip] = nat

    def _inside(self, address: SocketAddress) -> SocketAddress:
        nat = self._nats_by_ip.get(address[0]) if self._nats_by_ip else None
        return address if nat is None else nat.inside

    def use(self, link: Link, source: SocketAddress, destination: SocketAddress) -> None:
        """Makes a path go over that link, which others may use, too."""
        line = self._lines.get(link)
        if line is None:
            line = self._lines[link] = _Line(link, self._deliver)
        self._paths[source, destination] = line

    def cut(self, one: SocketAddress, other: SocketAddress, one_way: bool) -> None:
        """Nothing arrives between the two any more, or only nothing from the first at the other."""
        one, other = self._inside(one), self._inside(other)
        self._cuts.add((one, other))
        if not one_way:
            self._cuts.add((other, one))

    def heal(self, one: SocketAddress, other: SocketAddress) -> None:
        """Undoes the cuts between two, in both directions."""
        one, other = self._inside(one), self._inside(other)
        self._cuts -= {(one, other), (other, one)}

    def heal_all(self) -> None:
        """Undoes all cuts."""
        self._cuts.clear()

    # ------------------------------------------------------------------ datagrams

    def send(self, data: bytes, source: SocketAddress, destination: SocketAddress) -> None:
        """Puts a datagram on its way."""
        now = self._clock.now_us
        way = (source, destination)
        if self._nats:
            way = (self._inside(source), self._inside(destination))
            nat = self._nats.get(source)
            if nat is not None:
                source = nat.outwards(now)
        passages: Iterable[bytes] = (data,)
        if self.trace is not None or self.intercept is not None:
            passage = _passage(now, False, source, destination, data)
            if self.trace is not None:
                self.trace(passage)
            if self.intercept is not None:
                passages = self.intercept(passage)
        if self._cuts and way in self._cuts:
            return
        line = self._line(*way)
        path = (source, destination)
        for entering in passages:
            line.link.receive_datagram(entering, path, now)
        self._clock.schedule(line, line.link.next_timer())

    def _deliver(self, line: _Line, now: int) -> None:
        """Hands over what has come out of a link, in order."""
        for data, path in line.link.datagrams_to_send(now):
            source, destination = path
            target = destination
            if self._nats:
                target = self._inside(destination)
                nat = self._nats.get(target)
                if nat is not None and not nat.lets_in(destination, now):
                    self.unroutable += 1
                    continue
            if self._cuts and (self._inside(source), target) in self._cuts:
                continue
            if self.trace is not None:
                self.trace(_passage(now, True, source, destination, data))
            receiver = self._receivers.get(target)
            if receiver is None:
                self.unroutable += 1
                continue
            receiver.receive_datagram(data, source, now)
        self._clock.schedule(line, line.link.next_timer())

    def _line(self, source: SocketAddress, destination: SocketAddress) -> _Line:
        path = (source, destination)
        line = self._paths.get(path)
        if line is None:
            link = self.new_link(self.conditions)
            line = self._paths[path] = self._lines[link] = _Line(link, self._deliver)
        return line


def _passage(now: int, is_arrival: bool, source: SocketAddress, destination: SocketAddress, data: bytes) -> Passage:
    return Passage(now, is_arrival, Address.from_socket(source), Address.from_socket(destination), data)
