"""Does a port send and receive in order, through a full socket and through a simulated network, when it is served?"""

import errno
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
from tests.support.fake_port import NOTHING_FAKE, FakeEndpoint, FullSocket, drain, new_port
from tests.support.waiting import DEADLINE_S

import gamesockets as gs
from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.drivers.port import DATAGRAMS_PER_TURN, PAUSE_MAX_US, PAUSE_MIN_US, Port
from gamesockets.drivers.udp import UdpSocket
from gamesockets.values.moments import NEVER

LOCAL = gs.Address.ipv4("127.0.0.1", 0)
FAR_US = 3_600_000_000


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(DEADLINE_S)
        yield peer


NewPort = Callable[..., tuple[Port, FakeEndpoint]]


@pytest.fixture
def make_port() -> Iterator[NewPort]:
    """Ports that nobody serves."""
    with ExitStack() as stack:

        def make(
            conditions: NetworkConditions = NOTHING_FAKE, udp: UdpSocket | None = None
        ) -> tuple[Port, FakeEndpoint]:
            udp = UdpSocket.bind(LOCAL) if udp is None else udp
            stack.callback(udp.close)
            return new_port(udp, conditions)

        yield make


def is_silent(receiver: socket.socket) -> bool:
    """Nothing is waiting before a datagram that is sent now."""
    receiver.sendto(b"marker", receiver.getsockname())
    return receiver.recv(65_536) == b"marker"


def test_what_is_refused_again_stays_in_the_backlog(peer: socket.socket, make_port: NewPort) -> None:
    full = FullSocket(socket.AF_INET, socket.SOCK_DGRAM)
    full.bind(("127.0.0.1", 0))
    full.room, full.refusals = 1, 1
    port, endpoint = make_port(udp=UdpSocket(full))
    address = peer.getsockname()
    endpoint.outgoing = [[([b"one"], address), ([b"two"], address), ([b"three"], address)]]
    port.pump(0)
    assert [datagrams for datagrams, _ in port.backlog] == [[b"two"], [b"three"]]
    assert drain(peer, 1) == [b"one"]
    port.pump(0)
    assert endpoint.asked == 1
    full.room, full.refusals = 1, 1
    port.flush_backlog(0)
    assert [datagrams for datagrams, _ in port.backlog] == [[b"three"]]
    port.flush_backlog(0)
    assert not port.backlog
    assert drain(peer, 2) == [b"two", b"three"]


def test_simulated_lag_of_sending(peer: socket.socket, make_port: NewPort) -> None:
    port, endpoint = make_port(NetworkConditions(lag_send_ms=50))
    endpoint.outgoing = [[([b"a", b"b"], peer.getsockname())]]
    port.pump(1_000)
    assert port.next_timer() == 51_000
    port.pump(50_999)
    assert is_silent(peer)
    port.pump(51_000)
    assert drain(peer, 2) == [b"a", b"b"]
    assert port.next_timer() == NEVER


def test_simulated_lag_of_receiving(peer: socket.socket, make_port: NewPort) -> None:
    port, endpoint = make_port(NetworkConditions(lag_receive_ms=50))
    assert not port.receive(1_000)
    peer.sendto(b"a", (port.udp.local_address.ip, port.udp.local_address.port))
    assert select.select([port.udp], [], [], DEADLINE_S)[0]
    assert port.receive(1_000)
    assert endpoint.received == []
    assert port.next_timer() == 51_000
    port.deliver_delayed(50_999)
    assert endpoint.received == []
    port.deliver_delayed(51_000)
    assert endpoint.received == [b"a"]
    assert port.next_timer() == NEVER


def test_simulated_loss(peer: socket.socket, make_port: NewPort) -> None:
    conditions = NetworkConditions(loss_send_percent=100, loss_receive_percent=100)
    port, endpoint = make_port(conditions)
    endpoint.outgoing = [[([b"a"] * 9, peer.getsockname())]]
    port.pump(0)
    peer.sendto(b"a", (port.udp.local_address.ip, port.udp.local_address.port))
    assert select.select([port.udp], [], [], DEADLINE_S)[0]
    assert port.receive(0)
    port.pump(FAR_US)
    port.deliver_delayed(FAR_US)
    assert is_silent(peer)
    assert endpoint.received == []


def test_last_words_pass_the_simulated_network(peer: socket.socket, make_port: NewPort) -> None:
    port, endpoint = make_port(NetworkConditions(lag_send_ms=5000, loss_send_percent=100))
    endpoint.outgoing = [[([b"bye"], peer.getsockname())]]
    port.pump_at_once(0)
    assert drain(peer, 1) == [b"bye"]


def test_turning_the_simulated_network_off_lets_what_waits_through(peer: socket.socket, make_port: NewPort) -> None:
    port, endpoint = make_port(NetworkConditions(lag_send_ms=50))
    endpoint.outgoing = [[([b"held"], peer.getsockname())]]
    port.pump(0)
    port.impairment.set_conditions(NOTHING_FAKE)
    endpoint.outgoing = [[([b"fast"], peer.getsockname())]]
    port.pump(1)
    port.pump(50_000)
    assert drain(peer, 2) == [b"fast", b"held"]
    assert not port.impairment.is_active


def test_a_full_socket_asks_for_no_service_because_of_delayed_datagrams(
    peer: socket.socket, make_port: NewPort
) -> None:
    """Otherwise the service thread would turn without rest until the socket takes datagrams again."""
    full = FullSocket(socket.AF_INET, socket.SOCK_DGRAM)
    full.bind(("127.0.0.1", 0))
    full.room, full.refusals = 0, 1
    port, endpoint = make_port(NetworkConditions(lag_send_ms=5), UdpSocket(full))
    endpoint.outgoing = [[([b"one"], peer.getsockname())]]
    port.pump(0)
    endpoint.outgoing = [[([b"two"], peer.getsockname())]]
    port.pump(1_000)
    port.pump(5_000)
    assert port.backlog
    port.pump(7_000)
    assert port.next_timer() > 7_000
    port.flush_backlog(0)
    port.pump(7_000)
    assert drain(peer, 2) == [b"one", b"two"]


def test_who_sends_little_is_served_before_the_rest_of_who_sends_more_than_one_turn(
    peer: socket.socket, make_port: NewPort
) -> None:
    port, endpoint = make_port()
    address = (port.udp.local_address.ip, port.udp.local_address.port)
    count = 2 * DATAGRAMS_PER_TURN
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooder:
        flooder.bind(("127.0.0.1", 0))
        endpoint.connections = cast(Any, {flooder.getsockname(): None, peer.getsockname(): None})
        for _ in range(count):
            flooder.sendto(b"\x80flood", address)
    peer.sendto(b"\x80one", address)
    while len(endpoint.received) <= count:
        port.receive(0)
        assert port.next_timer() == (0 if port.arrivals.count else NEVER)
    assert endpoint.received.index(b"\x80one") < DATAGRAMS_PER_TURN
    assert port.arrivals.dropped == 0


class WithoutBuffers(socket.socket):
    """The system has no buffers for what it sends, as often as it is told."""

    refusals = 0
    attempts = 0

    def sendto(self, *arguments: Any) -> int:
        self.attempts += 1
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOBUFS, "no buffers on purpose")
        return super().sendto(*arguments)

    def sendmsg(self, *arguments: Any) -> int:
        if self.refusals:
            raise OSError(errno.ENOBUFS, "no buffers on purpose")
        return super().sendmsg(*arguments)


def without_buffers(refusals: int) -> WithoutBuffers:
    made = WithoutBuffers(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.refusals = refusals
    return made


def test_want_of_buffers_is_waited_out_for_longer_each_time(peer: socket.socket, make_port: NewPort) -> None:
    """The socket is writable all the time, so that waiting for that would spin."""
    inner = without_buffers(3)
    port, endpoint = make_port(udp=UdpSocket(inner))
    endpoint.outgoing = [[([b"one"], peer.getsockname()), ([b"two"], peer.getsockname())]]
    now = 1_000_000
    port.pump(now)
    for pause_us in (PAUSE_MIN_US, 2 * PAUSE_MIN_US, 4 * PAUSE_MIN_US):
        assert not port.awaits_room
        assert port.next_timer() == now + pause_us
        attempts = inner.attempts
        port.pump(now + pause_us - 1)
        assert inner.attempts == attempts
        now += pause_us
        port.pump(now)
        assert inner.attempts > attempts
    assert not port.backlog
    assert port.next_timer() == NEVER
    assert drain(peer, 2) == [b"one", b"two"]
    inner.refusals = 1
    endpoint.outgoing = [[([b"three"], peer.getsockname())]]
    port.pump(now)
    assert port.next_timer() == now + PAUSE_MIN_US, "it begins anew"


def test_what_finds_no_buffers_for_long_is_lost(peer: socket.socket, make_port: NewPort) -> None:
    """So connections are asked again, and their timers run."""
    inner = without_buffers(1_000)
    port, endpoint = make_port(udp=UdpSocket(inner))
    endpoint.outgoing = [[([b"one", b"two"], peer.getsockname())], [([b"three"], peer.getsockname())]]
    now = 1_000_000
    port.pump(now)
    while endpoint.outgoing:
        assert now < 1_000_000 + 3 * PAUSE_MAX_US
        now = port.next_timer()
        port.pump(now)
    assert port.udp.send_errors == 2
    assert port.next_timer() == now + PAUSE_MAX_US
    inner.refusals = 0
    port.pump(now + PAUSE_MAX_US)
    assert drain(peer, 1) == [b"three"]


def test_a_full_socket_after_want_of_buffers_is_waited_for(peer: socket.socket, make_port: NewPort) -> None:
    full = FullSocket(socket.AF_INET, socket.SOCK_DGRAM)
    full.bind(("127.0.0.1", 0))
    full.room, full.refusals = 0, 1
    port, endpoint = make_port(udp=UdpSocket(full))
    endpoint.outgoing = [[([b"one"], peer.getsockname())]]
    awaited = []
    for serve in (port.pump, port.flush_backlog):
        serve(0)
        awaited.append(port.awaits_room)
    assert awaited == [True, False]
    assert drain(peer, 1) == [b"one"]
