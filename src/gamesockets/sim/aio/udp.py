"""What do the drivers get for a UDP socket in a simulated network?"""

import errno
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, final

from gamesockets.sim.aio.machine import Machine, Machines
from gamesockets.sim.network import Network, Receiver
from gamesockets.sim.station import SOCKET_BUFFER_BYTES
from gamesockets.values.address import Address, SocketAddress

_HEADER_BYTES: Final = 48
_EVERY: Final = ("::", "0.0.0.0")  # noqa: S104 - names, as programs give them


@final
class SimulatedSocket(Receiver):
    """Has the methods of `socket.socket` that `drivers.udp` uses, one datagram a call."""

    __slots__ = (
        "_attached",
        "_buffered_bytes",
        "_family",
        "_is_open",
        "_local",
        "_machine",
        "_machines",
        "_network",
        "_number",
        "_on_readable",
        "_paths",
        "_queue",
        "_takes_ipv4",
        "dropped",
    )

    def __init__(
        self, machines: Machines, network: Network, family: int, number: int, on_readable: Callable[[int], None]
    ) -> None:
        self._machines = machines
        self._machine: Machine = machines.current()
        self._network = network
        self._family = family
        self._number = number
        self._on_readable = on_readable
        self._takes_ipv4 = family == socket.AF_INET
        self._local: tuple[str, int] = ("::" if family == socket.AF_INET6 else "0.0.0.0", 0)  # noqa: S104
        self._attached: list[SocketAddress] = []
        self._paths: set[SocketAddress] = set()
        self._queue: deque[tuple[bytes, SocketAddress]] = deque()
        self._buffered_bytes = 0
        self._is_open = True
        self.dropped = 0

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return self._family

    @property
    def is_readable(self) -> bool:
        """Whether a datagram waits."""
        return bool(self._queue)

    def fileno(self) -> int:
        """A number that no real descriptor has, -1 once closed."""
        return self._number if self._is_open else -1

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def setsockopt(self, level: int, option: int, value: object) -> None:
        """Takes IPV6_V6ONLY and the sizes of buffers, and knows nothing of batches."""
        if level == socket.IPPROTO_IPV6 and option == socket.IPV6_V6ONLY:
            self._takes_ipv4 = not value
        elif level != socket.SOL_SOCKET:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")

    def bind(self, address: SocketAddress) -> None:
        """Gives it a place on the machine on which this code runs."""
        where = Address.from_socket(address)
        own = self._machine.addresses()
        if address[0] in _EVERY:
            takes_ipv6 = self._family == socket.AF_INET6
            wires = [ip for ip in own if (takes_ipv6 if ":" in ip else self._takes_ipv4)]
        else:
            wires = [self._machine.to_wire(where.ip)]
            if wires[0] not in own:
                raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        port = self._machine.take_port(where.port)
        self._local = (str(address[0]), port)
        for ip in wires:
            self._network.attach(self, (ip, port))
            self._attached.append((ip, port))

    def getsockname(self) -> SocketAddress:
        """Where it is bound."""
        return self._form(*self._local) if self._local[0] in _EVERY else self._seen(self._local)

    def sendto(self, data: bytes, address: SocketAddress) -> int:
        """Puts a datagram on its way."""
        self._check_open()
        target = Address.from_socket(address)
        wire = (self._machine.to_wire(target.ip), target.port)
        source = (self._source(wire[0]), self._local[1])
        if wire not in self._paths:
            other = self._machines.at(wire[0])
            if other is not None:
                self._network.use(self._machine.link(other), source, wire)
            self._paths.add(wire)
        self._network.send(bytes(data), source, wire)
        return len(data)

    def recvfrom(self, size_bytes: int) -> tuple[bytes, SocketAddress]:
        """The oldest datagram, cut to that size. Raises `BlockingIOError` if there is none."""
        self._check_open()
        if not self._queue:
            raise BlockingIOError
        data, source = self._queue.popleft()
        self._buffered_bytes -= len(data) + _HEADER_BYTES
        return data[:size_bytes], self._seen(source)

    def close(self) -> None:
        """Gives its place back."""
        if not self._is_open:
            return
        self._is_open = False
        for address in self._attached:
            self._network.detach(address)
        if self._attached:
            self._machine.give_back_port(self._local[1])
        self._queue.clear()

    def receive_datagram(self, data: bytes, source: SocketAddress, now: int) -> None:  # noqa: ARG002 - of the base
        size_bytes = len(data) + _HEADER_BYTES
        if self._buffered_bytes + size_bytes > SOCKET_BUFFER_BYTES:
            self.dropped += 1
            return
        self._buffered_bytes += size_bytes
        self._queue.append((data, source))
        self._on_readable(self._number)

    def _check_open(self) -> None:
        if not self._is_open:
            raise OSError(errno.EBADF, "Bad file descriptor")

    def _source(self, wire_ip: str) -> str:
        if len(self._attached) == 1:
            return str(self._attached[0][0])
        return self._machine.source_for(wire_ip)

    def _seen(self, wire: SocketAddress) -> SocketAddress:
        """How its program knows an address of the network."""
        return self._form(self._machine.from_wire(str(wire[0])), wire[1])

    def _form(self, ip: str, port: int) -> SocketAddress:
        if self._family == socket.AF_INET:
            return ip, port
        return socket.inet_ntop(socket.AF_INET6, Address(ip, port).packed), port, 0, 0
