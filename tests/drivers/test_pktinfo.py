"""Does an answer leave from the address that was asked, and what happens where the system refuses that?"""

import errno
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets.connection.path import ANY_LOCAL
from gamesockets.drivers.pktinfo import PacketInfo
from gamesockets.drivers.udp import UdpSocket
from gamesockets.values.address import Address, SocketAddress

PLENTY = 1000
EVERYWHERE = (Address("::", 0), Address("0.0.0.0", 0))  # noqa: S104 - what is tested
OURS = ("127.0.0.1", "127.0.0.2", "127.0.0.3")

needs_two_addresses = pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers to all of 127.0.0.0/8")
everywhere = pytest.mark.parametrize("bound_to", EVERYWHERE, ids=str)


class Refusing(socket.socket):
    """Refuses what is sent with ancillary data of one level, with a number from `refusals` each time."""

    refusals: Iterator[int] = iter(())
    asked_levels: tuple[int, ...] = ()

    def sendmsg(self, buffers: Any, ancillary: Any = (), *rest: Any) -> int:
        self.asked_levels += tuple(level for level, _, _ in ancillary)
        if any(level != socket.IPPROTO_UDP for level, _, _ in ancillary):
            number = next(self.refusals, 0)
            if number:
                raise OSError(number, "on purpose")
        return super().sendmsg(buffers, ancillary, *rest)


def groups_of(server: UdpSocket, count: int) -> list[tuple[list[bytes], SocketAddress, bytes]]:
    groups: list[tuple[list[bytes], SocketAddress, bytes]] = []
    while sum(len(datagrams) for datagrams, _, _ in groups) < count:
        assert select.select([server], [], [], 2.0)[0]
        groups += server.receive(PLENTY)
    return groups


def ask(client: socket.socket, server: UdpSocket, address: str, text: bytes = b"?") -> None:
    client.sendto(text, (address, server.local_address.port))


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.bind(("127.0.0.1", 0))
        plain.settimeout(2)
        yield plain


@needs_two_addresses
@everywhere
@pytest.mark.parametrize("count", [1, 3])
def test_answers_leave_from_the_address_that_was_asked(bound_to: Address, count: int, client: socket.socket) -> None:
    with closing(UdpSocket.bind(bound_to)) as server:
        assert server.tells_local
        for address in OURS:
            ask(client, server, address)
            ((_, sender, local),) = groups_of(server, 1)
            answer = [bytes([number]) * 50 for number in range(count)]
            assert server.send(answer, sender, local) == count
            came = [client.recvfrom(100) for _ in range(count)]
            assert [data for data, _ in came] == answer
            assert {source for _, source in came} == {(address, server.local_address.port)}
        assert (server.send_errors, server.locals_refused) == (0, 0)


@needs_two_addresses
@everywhere
@pytest.mark.parametrize("gro", [True, False])
def test_datagrams_to_different_addresses_of_ours_are_different_groups(
    bound_to: Address, gro: bool, client: socket.socket
) -> None:
    family = socket.AF_INET if bound_to.is_ipv4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as bound:
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.bind((bound_to.ip, 0))
        server = UdpSocket(bound, gro=gro, tells_local=True)
        for address, text in (("127.0.0.1", b"1"), ("127.0.0.2", b"2"), ("127.0.0.2", b"3"), ("127.0.0.1", b"4")):
            ask(client, server, address, text)
        groups = groups_of(server, 4)
        assert [datagrams for datagrams, _, _ in groups] == [[b"1"], [b"2", b"3"], [b"4"]]
        one, two, again = [local for _, _, local in groups]
        assert one == again != two
        assert one is again, "connections share what is equal"


@needs_two_addresses
def test_batches_come_whole_with_the_address_they_were_sent_to() -> None:
    with closing(UdpSocket.bind(EVERYWHERE[0])) as server, closing(UdpSocket.bind(Address("127.0.0.1", 0))) as sender:
        run = [bytes([number]) * 100 for number in range(40)]
        assert sender.send(run, ("127.0.0.2", server.local_address.port)) == 40
        groups = groups_of(server, 40)
        assert [data for datagrams, _, _ in groups for data in datagrams] == run
        (local,) = {local for _, _, local in groups}
        assert local
        target = groups[0][1]
        assert server.send(run, target, local) == 40
        back = groups_of(sender, 40)
        assert [data for datagrams, _, _ in back for data in datagrams] == run
        assert {source for _, source, _ in back} == {("127.0.0.2", server.local_address.port)}
        assert server.gso == sender.gso


@pytest.mark.parametrize("address", [Address("127.0.0.1", 0), Address("::1", 0)], ids=str)
def test_sockets_at_one_address_and_of_clients_do_not_ask(address: Address) -> None:
    with closing(UdpSocket.bind(address)) as server, closing(UdpSocket.open_for(server.local_address)) as client:
        assert not server.tells_local
        assert not client.tells_local
        client.send([b"?"], client.socket_address(server.local_address))
        ((_, _, local),) = groups_of(server, 1)
        assert local == ANY_LOCAL


@needs_two_addresses
@everywhere
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("number", [errno.EINVAL, errno.EADDRNOTAVAIL])
def test_where_the_system_refuses_an_address_the_route_chooses(
    bound_to: Address, count: int, number: int, client: socket.socket
) -> None:
    with closing(UdpSocket.bind(bound_to, Refusing)) as server:
        ask(client, server, "127.0.0.2")
        ((_, sender, local),) = groups_of(server, 1)
        gso = server.gso
        for _ in range(10):  # so often that batches would be given up if they were at fault
            server._socket.refusals = iter([number] * 9)  # type: ignore[attr-defined]
            assert server.send([b"!"] * count, sender, local) == count
        assert {client.recvfrom(100)[1][0] for _ in range(10 * count)} == {"127.0.0.1"}
        assert (server.send_errors, server.locals_refused) == (0, 10 * count)
        assert server.gso == gso


@needs_two_addresses
def test_a_full_socket_keeps_what_it_cannot_take_for_later(client: socket.socket) -> None:
    with closing(UdpSocket.bind(EVERYWHERE[0], Refusing)) as server:
        ask(client, server, "127.0.0.2")
        ((_, sender, local),) = groups_of(server, 1)
        server._socket.refusals = iter([errno.EAGAIN])  # type: ignore[attr-defined]
        assert server.send([b"!"], sender, local) == 0
        assert server.send([b"!"], sender, local) == 1
        assert client.recvfrom(100)[1][0] == "127.0.0.2"
        assert server.locals_refused == 0


@needs_two_addresses
def test_a_network_that_is_down_is_no_reason_to_choose_another_address(client: socket.socket) -> None:
    with closing(UdpSocket.bind(EVERYWHERE[0], Refusing)) as server:
        ask(client, server, "127.0.0.2")
        ((_, sender, local),) = groups_of(server, 1)
        server._socket.refusals = iter([errno.ENETUNREACH])  # type: ignore[attr-defined]
        assert server.send([b"!"], sender, local) == 1
        assert (server.send_errors, server.locals_refused) == (1, 0)


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are those of Linux")
def test_only_link_local_addresses_are_bound_to_their_interface() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as bound:
        info = PacketInfo(bound, wanted=True)
        for text, kept in (("2001:db8::1", False), ("::ffff:127.0.0.2", False), ("fe80::1", True), ("fec0::1", False)):
            packed = socket.inet_pton(socket.AF_INET6, text)
            interface = (7).to_bytes(4, sys.byteorder)
            told = info.local([(socket.IPPROTO_UDP, 104, b"\1\0\0\0"), (info.level, info.kind, packed + interface)])
            assert told == packed + (interface if kept else bytes(4))
        assert info.local([]) == info.local([(info.level, info.kind, b"short")]) == ANY_LOCAL
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        info = PacketInfo(bound, wanted=True)
        header, own = socket.inet_aton("192.0.2.255"), socket.inet_aton("192.0.2.9")
        interface = (7).to_bytes(4, sys.byteorder)
        assert info.local([(info.level, info.kind, interface + own + header)])[4:8] == own
        assert info.local([(info.level, info.kind, interface + bytes(4) + own)]) == bytes(4) + own + bytes(4)


@pytest.mark.skipif(sys.platform != "linux", reason="the numbers are those of Linux")
def test_strangers_who_ask_a_whole_network_of_ours_cost_bounded_memory() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as bound:
        info = PacketInfo(bound, wanted=True)
        for number in range(10_000):
            packed = socket.inet_pton(socket.AF_INET6, f"2001:db8::{number:x}")
            assert info.local([(info.level, info.kind, packed + bytes(4))]) == packed + bytes(4)
        assert len(info._locals) <= 64


def test_a_system_without_the_option_tells_nothing() -> None:
    class Old(socket.socket):
        def setsockopt(self, level: int, *rest: Any) -> None:
            if level in (socket.IPPROTO_IP, socket.IPPROTO_IPV6) and rest[0] != socket.IPV6_V6ONLY:
                raise OSError(errno.ENOPROTOOPT, "Protocol not available")
            socket.socket.setsockopt(self, level, *rest)

    with closing(UdpSocket.bind(EVERYWHERE[0], Old)) as server, closing(UdpSocket.bind(Address("::1", 0))) as client:
        assert not server.tells_local
        client.send([b"?"], ("::1", server.local_address.port, 0, 0))
        ((_, sender, local),) = groups_of(server, 1)
        assert local == ANY_LOCAL
        assert server.send([b"!"], sender, local) == 1
        assert groups_of(client, 1)[0][0] == [b"!"]


@needs_two_addresses
@everywhere
@pytest.mark.parametrize("lag_ms", [0, 2])
def test_a_client_connects_to_any_address_of_a_server_on_all(bound_to: Address, lag_ms: int) -> None:
    """From the challenge to the last message, also through the simulated network."""
    config = {gs.ConfigurationValue.FAKE_PACKET_LAG_SEND: lag_ms, gs.ConfigurationValue.FAKE_PACKET_LAG_RECV: lag_ms}
    with gs.NetworkingSockets(config=config) as server, gs.NetworkingSockets() as client:
        listen_socket = server.create_listen_socket(bound_to)
        address = server.get_listen_socket_address(listen_socket)
        assert address is not None

        def accept(status: gs.StatusInfo) -> None:
            if status.connection_info.state == gs.ConnectionState.CONNECTING:
                server.accept_connection(status.connection)
                server.send_message_to_connection(status.connection, bytes(5000), gs.SendFlags.RELIABLE)

        server.set_status_callback(accept)
        connections = [client.connect(gs.Address(ip, address.port)) for ip in OURS]

        def all_have_heard() -> bool:
            server.run_callbacks()
            for connection in list(waiting):
                if client.receive_messages_on_connection(connection):
                    waiting.discard(connection)
            return not waiting

        waiting = set(connections)
        wait_until(all_have_heard)
        for connection, ip in zip(connections, OURS, strict=True):
            info = client.get_connection_info(connection)
            assert info is not None
            assert (info.state, info.address.ip) == (gs.ConnectionState.CONNECTED, ip)
