"""Does a message leave at once where nothing has left a moment ago, and do those behind it wait for each other?"""

from collections.abc import Iterator

import pytest
from tests.support.fake_port import new_port
from tests.support.rig import pair

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.drivers.gathering import (
    ALONE_AFTER_US,
    BEGIN,
    NOTHING,
    PUMP_ALL,
    PUMP_FIRST,
    PUMP_PORT,
    SERVE,
    Gathering,
)
from gamesockets.drivers.port import Port
from gamesockets.drivers.udp import UdpSocket
from gamesockets.send.nagle import GATHER_BYTES, GATHER_NAGLE_US, GATHER_US
from gamesockets.values.address import Address
from gamesockets.values.enums import SendFlags

NOW = 10**12


@pytest.fixture
def ports() -> Iterator[list[Port]]:
    udps = [UdpSocket.bind(Address("127.0.0.1", 0)) for _ in range(2)]
    yield [new_port(udp)[0] for udp in udps]
    for udp in udps:
        udp.close()


def test_the_first_leaves_at_once_and_those_that_follow_wait(ports: list[Port]) -> None:
    one, other = ports
    gathering = Gathering()
    assert gathering.add(one, GATHER_US, NOW) == PUMP_FIRST
    gathering.have_left(NOW + 7)
    later = NOW + 7 + ALONE_AFTER_US - 1
    assert gathering.add(one, GATHER_US, later) == BEGIN
    assert gathering.add(other, GATHER_US, later) == NOTHING
    assert gathering.until == later + GATHER_US
    assert list(gathering.ports) == [one, other]
    assert gathering.add(one, GATHER_US, later + GATHER_US - 1) == NOTHING
    assert gathering.add(one, GATHER_US, later + GATHER_US) == PUMP_ALL


def test_who_comes_later_than_that_is_a_first_one_again(ports: list[Port]) -> None:
    gathering = Gathering()
    gathering.have_left(NOW)
    assert gathering.add(ports[0], GATHER_US, NOW + ALONE_AFTER_US) == PUMP_FIRST
    assert not gathering.ports


def test_one_that_may_wait_long_waits_no_longer_than_one_that_may_not(ports: list[Port]) -> None:
    gathering = Gathering()
    gathering.have_left(NOW)
    assert gathering.add(ports[0], GATHER_NAGLE_US, NOW) == BEGIN
    assert gathering.add(ports[1], GATHER_US, NOW + 1) == NOTHING
    assert gathering.until == NOW + 1 + GATHER_US
    assert gathering.add(ports[1], GATHER_NAGLE_US, NOW + 2) == NOTHING
    assert gathering.until == NOW + 1 + GATHER_US


def test_what_a_queued_message_asks_for(ports: list[Port]) -> None:
    """To wait a moment for others, and where much is queued to be sent at once."""
    endpoint, connection, _, _ = pair(ConnectionOptions(send_rate_min=1 << 28, send_rate_max=1 << 28), NOW)
    port = Port(ports[0].udp, endpoint, ports[0].impairment)
    gathering = Gathering()
    gathering.have_left(NOW)
    assert connection.send(bytes(100), int(SendFlags.UNRELIABLE_NO_NAGLE), 0, NOW) > 0
    assert gathering.queued(port, connection, NOW) == BEGIN
    assert gathering.has_sent
    assert port.endpoint.next_timer() == 0, "its connection is to be asked"
    assert connection.send(bytes(GATHER_BYTES), int(SendFlags.RELIABLE), 0, NOW) > 0
    assert gathering.queued(port, connection, NOW) == PUMP_PORT


def having_sent() -> DatagramConnection:
    """A connection whose first message has just left, so that the next one waits for others."""
    _, connection, _, _ = pair(ConnectionOptions(send_rate_min=1 << 28, send_rate_max=1 << 28), NOW)
    assert connection.send(b"one", int(SendFlags.UNRELIABLE), 0, NOW) > 0
    connection.datagrams_to_send(NOW)
    return connection


def test_a_message_that_waits_behind_others_asks_for_nothing(ports: list[Port]) -> None:
    connection = having_sent()
    gathering = Gathering()
    gathering.serve_from = NOW + 1
    assert connection.send(b"two", int(SendFlags.UNRELIABLE), 0, NOW) > 0
    assert gathering.queued(ports[0], connection, NOW) == NOTHING
    assert not gathering.ports


def test_who_sends_without_a_pause_is_told_to_take_what_has_come(ports: list[Port]) -> None:
    """Also where nothing may leave: it may be what has come that says that more may."""
    connection = having_sent()
    gathering = Gathering()
    gathering.serve_from = NOW + 1000
    for later, expected in ((999, NOTHING), (1000, SERVE)):
        assert connection.send(b"two", int(SendFlags.UNRELIABLE), 0, NOW + later) > 0
        assert gathering.queued(ports[0], connection, NOW + later) == expected
    assert not gathering.ports
