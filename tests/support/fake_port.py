"""How do tests of the drivers get a service, ports whose endpoints do as told, and sockets full on purpose?"""

import errno
import socket
import threading
from collections.abc import Callable
from random import Random
from typing import Any, Final, Generic, TypeVar

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.bad_network.impairment import Impairment
from gamesockets.clock import now_us
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.connection import StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.path import Path
from gamesockets.crypto.credentials import Credentials
from gamesockets.drivers.gathering import NOTHING
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service, ServiceOwner
from gamesockets.drivers.udp import UdpSocket
from gamesockets.endpoint.endpoint import Endpoint, Transmit
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.endpoint.strangers import Refused
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER

NOTHING_FAKE: Final = NetworkConditions()
LOCALHOST: Final = Address("127.0.0.1", 0)
S = TypeVar("S", bound=Service)


_PEER: Final = ("192.0.2.1", 1)


def _somebody() -> DatagramConnection:
    """A connection that nothing is done with: an endpoint that has none is closed."""
    entropy = SeededEntropy(1)
    credentials = Credentials(NetworkingIdentity.localhost())
    endpoint = Endpoint(entropy, ConnectionIds(entropy), credentials, ConnectionOptions())
    connection = endpoint.connect(_PEER, ConnectionOptions(), 0)
    assert connection is not None
    return connection


class FakeEndpoint(Endpoint):
    """Sends what a test gives it; records what it receives, and on which thread."""

    def __init__(self) -> None:  # without that of the base class: nothing of it is used
        self.connections = {_PEER: _somebody()}
        self.heard_control = False
        self.timer = NEVER
        self.timer_after_fault = NEVER
        """For when it wants to be asked anew; by default it has no connections that do."""
        self.outgoing: list[list[tuple[list[bytes], SocketAddress]]] = []
        self.asked = 0
        self.received: list[bytes] = []
        self.threads: list[threading.Thread] = []
        self.timer_ran = threading.Event()
        self.data_came = threading.Event()
        self.on_timer: Callable[[], None] = lambda: None
        self.on_data: Callable[[], None] = lambda: None

    def take_refused(self) -> list[Refused]:
        return []

    def next_timer(self) -> int:
        return self.timer

    def handle_timer(self, now: int) -> None:
        if now < self.timer:
            return
        self.timer = NEVER
        self.threads.append(threading.current_thread())
        self.timer_ran.set()
        self.on_timer()

    def datagrams_to_send(self, now: int) -> list[Transmit]:
        self.asked += 1
        outgoing = self.outgoing.pop(0) if self.outgoing else []
        return [(datagrams, Path(address)) for datagrams, address in outgoing]

    def start_over(self) -> None:
        self.timer = min(self.timer, self.timer_after_fault)

    def next_event(self) -> None:
        return None

    def close(self, *_: object) -> None:
        pass

    def receive_datagram(self, data: bytes, remote: object, now: int, local: bytes = b"") -> None:
        self.receive_datagrams([data], remote, now, local)

    def receive_datagrams(self, datagrams: list[bytes], remote: object, now: int, local: bytes = b"") -> None:
        self.received += datagrams
        self.threads.append(threading.current_thread())
        self.data_came.set()
        self.on_data()


class FullSocket(socket.socket):
    """Takes `room` datagrams or runs of them, then refuses `refusals` times, and so on with the next of both."""

    room = 1 << 30
    refusals = 0

    def _check(self) -> None:
        if self.room > 0:
            self.room -= 1
        elif self.refusals > 0:
            self.refusals -= 1
            raise BlockingIOError(errno.EAGAIN, "full on purpose")

    def sendto(self, *arguments: Any) -> int:
        self._check()
        return super().sendto(*arguments)

    def sendmsg(self, *arguments: Any) -> int:
        self._check()
        return super().sendmsg(*arguments)


def new_port(udp: UdpSocket, conditions: NetworkConditions = NOTHING_FAKE) -> tuple[Port, FakeEndpoint]:
    endpoint = FakeEndpoint()
    return Port(udp, endpoint, Impairment(conditions, Random(1))), endpoint


def drain(receiver: socket.socket, count: int) -> list[bytes]:
    """The next `count` datagrams."""
    return [receiver.recv(65_536) for _ in range(count)]


class Owner(ServiceOwner):
    """Notes reminders with the thread that tells of them; fake endpoints have no connections to tell of."""

    def __init__(self) -> None:
        self.reminded: list[tuple[int, threading.Thread]] = []

    def on_change(self, port: Port, change: StateChange) -> None:
        raise AssertionError(f"no connection is involved, yet {change} came")

    def on_removed(self, port: Port) -> None:
        """Fake endpoints count nothing."""

    def on_reminder(self, what: int) -> None:
        self.reminded.append((what, threading.current_thread()))


class ServiceBench(Generic[S]):
    """A service with fake endpoints on real sockets, and a raw peer."""

    def __init__(self, service: S) -> None:
        self.service = service
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind((LOCALHOST.ip, 0))

    def port(
        self, udp: UdpSocket | None = None, conditions: NetworkConditions = NOTHING_FAKE
    ) -> tuple[Port, FakeEndpoint]:
        """A new port that the service serves."""
        port, endpoint = new_port(UdpSocket.bind(LOCALHOST) if udp is None else udp, conditions)
        with self.service.lock:
            self.service.add(port)
        return port, endpoint

    def set_timer(self, port: Port, endpoint: FakeEndpoint, delay_us: int) -> int:
        """The endpoint is due after `delay_us`; when that is."""
        with self.service.lock:
            deadline = endpoint.timer = now_us() + delay_us
            self.service.schedule(port)
        return deadline

    def send_to(self, port: Port, data: bytes = b"hello") -> None:
        """The peer sends a datagram."""
        self.peer.sendto(data, (port.udp.local_address.ip, port.udp.local_address.port))

    def close(self) -> None:
        """Ends the service."""
        self.service.stop()
        self.peer.close()


def pump_soon(service: Service, port: Port, gather_us: int, now: int) -> None:
    """As if a message had been queued behind that port which may wait for others so long."""
    what_to_do = service.gathering.add(port, gather_us, now)
    if what_to_do != NOTHING:
        service.send_out(port, what_to_do, now)
