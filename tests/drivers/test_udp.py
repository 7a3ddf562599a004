"""Does a UDP socket carry batches in order and unchanged, and survive what kernels and networks refuse?"""

import errno
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamesockets.drivers.udp import LARGEST_DATAGRAM_BYTES, UdpSocket
from gamesockets.values.address import Address, SocketAddress

IPV4 = Address.ipv4("127.0.0.1", 0)
IPV6 = Address.localhost(0)
EVERYWHERE = Address("::", 0)
ANY_IPV4 = Address("0.0.0.0", 0)  # noqa: S104 - what is tested
PLENTY = 10_000


class FaultySocket(socket.socket):
    """Fails with the error numbers it is given, in turn, before it does its work; 0 lets a call through."""

    sendmsg_faults: Iterator[int] = iter(())
    sendto_faults: Iterator[int] = iter(())
    receive_faults: Iterator[int] = iter(())
    sendmsg_calls = 0
    sendto_calls = 0
    receive_calls = 0
    sent_runs_bytes: tuple[int, ...] = ()

    def sendmsg(self, buffers: Any, *rest: Any) -> int:
        self.sendmsg_calls += 1
        fail(self.sendmsg_faults)
        self.sent_runs_bytes += (sum(map(len, buffers)),)
        return super().sendmsg(buffers, *rest)

    def sendto(self, *arguments: Any) -> int:
        self.sendto_calls += 1
        fail(self.sendto_faults)
        return super().sendto(*arguments)

    def recvmsg(self, *arguments: Any) -> Any:
        self.receive_calls += 1
        fail(self.receive_faults)
        return super().recvmsg(*arguments)

    def recvfrom(self, *arguments: Any) -> Any:
        self.receive_calls += 1
        fail(self.receive_faults)
        return super().recvfrom(*arguments)


def fail(faults: Iterator[int]) -> None:
    number = next(faults, 0)
    if number:
        raise OSError(number, "on purpose")


def faulty(address: Address = IPV6) -> FaultySocket:
    bound = FaultySocket(socket.AF_INET if address.is_ipv4 else socket.AF_INET6, socket.SOCK_DGRAM)
    bound.bind((address.ip, address.port))
    return bound


def has_batches() -> bool:
    with closing(UdpSocket.bind(IPV6)) as probe:
        return probe.gso and probe.gro


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as open_sockets:
        yield open_sockets


@pytest.fixture
def pair(stack: ExitStack) -> tuple[UdpSocket, UdpSocket]:
    return (
        stack.enter_context(closing(UdpSocket.bind(IPV6))),
        stack.enter_context(closing(UdpSocket.bind(IPV6))),
    )


@pytest.fixture
def receiver(stack: ExitStack) -> UdpSocket:
    return stack.enter_context(closing(UdpSocket.bind(IPV6)))


@pytest.fixture
def sending(stack: ExitStack) -> FaultySocket:
    return stack.enter_context(faulty())


def arrived(receiver: UdpSocket, count: int) -> list[tuple[bytes, SocketAddress]]:
    """Datagrams with their senders, once `count` have come or none comes any more."""
    result: list[tuple[bytes, SocketAddress]] = []
    while len(result) < count and select.select([receiver], [], [], 2.0)[0]:
        for datagrams, address, local in receiver.receive(PLENTY):
            assert bool(local) == receiver.tells_local
            assert datagrams, "a group is never empty"
            result += [(datagram, address) for datagram in datagrams]
    return result


def contents(receiver: UdpSocket, count: int) -> list[bytes]:
    return [datagram for datagram, _ in arrived(receiver, count)]


def numbered(sizes: list[int]) -> list[bytes]:
    """Datagrams of these sizes, each recognisable as far as its size allows."""
    return [
        (position.to_bytes(4, "big") + bytes([position % 251]) * size)[:size] for position, size in enumerate(sizes)
    ]


# ---- opening


def test_port_zero_takes_a_free_port() -> None:
    for address in (IPV4, IPV6, EVERYWHERE):
        with closing(UdpSocket.bind(address)) as bound:
            assert bound.local_address.port > 0
            assert bound.local_address.packed == address.packed


@pytest.mark.parametrize("address", [IPV4, IPV6, EVERYWHERE], ids=str)
def test_a_port_in_use_fails_and_says_where(address: Address) -> None:
    with closing(UdpSocket.bind(address)) as first:
        taken = Address(address.ip, first.local_address.port)
        with pytest.raises(OSError, match="cannot listen on") as failure:
            UdpSocket.bind(taken)
        assert failure.value.errno == errno.EADDRINUSE
        assert str(taken) in str(failure.value)
        assert str(failure.value).count("cannot listen") == 1


def test_an_address_of_another_host_fails_and_says_which() -> None:
    with pytest.raises(OSError, match=r"cannot listen on 192\.0\.2\.1:0") as failure:
        UdpSocket.bind(Address("192.0.2.1", 0))
    assert failure.value.errno == errno.EADDRNOTAVAIL


def test_the_port_is_free_after_close_and_closing_twice_is_fine() -> None:
    bound = UdpSocket.bind(IPV6)
    assert bound.fileno() >= 0
    bound.close()
    bound.close()
    assert bound.fileno() == -1
    UdpSocket.bind(Address("::1", bound.local_address.port)).close()


def test_a_closed_socket_raises() -> None:
    bound = UdpSocket.bind(IPV6)
    bound.close()
    for datagrams in ([b"a"], [b"a", b"b"]):
        with pytest.raises(OSError, match="file descriptor") as failure:
            bound.send(datagrams, ("::1", 9, 0, 0))
        assert failure.value.errno == errno.EBADF
    with pytest.raises(OSError, match="file descriptor") as failure:
        bound.receive(1)
    assert failure.value.errno == errno.EBADF


def without_ipv6(family: int, kind: int) -> socket.socket:
    if family == socket.AF_INET6:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
    return socket.socket(family, kind)


def test_without_ipv6_everywhere_means_every_ipv4_interface() -> None:
    with closing(UdpSocket.bind(EVERYWHERE, without_ipv6)) as bound:
        assert bound.local_address.ip == ANY_IPV4.ip
        with closing(UdpSocket.open_for(Address("127.0.0.1", bound.local_address.port))) as client:
            client.send([b"hello"], ("127.0.0.1", bound.local_address.port))
            assert contents(bound, 1) == [b"hello"]


def link_local_address() -> Address | None:
    """One of this machine that is in use, with its zone."""
    try:
        rows = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for packed, number, _, scope, flags, _ in map(str.split, rows):
        if scope == "20" and int(flags, 16) & 0x40 == 0:  # link-local, and not tentative
            return Address(f"{socket.inet_ntop(socket.AF_INET6, bytes.fromhex(packed))}%{int(number, 16)}", 0)
    return None


@pytest.mark.skipif(link_local_address() is None, reason="this machine has no link-local IPv6 address")
@pytest.mark.parametrize("to_everywhere", [True, False])
def test_link_local_addresses_work_with_their_zone(to_everywhere: bool) -> None:
    link_local = link_local_address()
    assert link_local is not None
    with closing(UdpSocket.bind(EVERYWHERE if to_everywhere else link_local)) as server:
        assert server.local_address.scope_id == (0 if to_everywhere else link_local.scope_id)
        target = Address(link_local.ip, server.local_address.port)
        with closing(UdpSocket.open_for(target)) as client:
            assert client.send([b"one", b"two"], client.socket_address(target)) == 2
            assert select.select([server], [], [], 2.0)[0]
            ((datagrams, sender, local), *_) = server.receive(PLENTY)
            assert datagrams == [b"one", b"two"]
            assert Address.from_socket(sender).scope_id == link_local.scope_id
            assert server.socket_address(Address.from_socket(sender)) == sender
            assert server.send([b"back"], sender, local) == 1
            assert arrived(client, 1) == [(b"back", client.socket_address(target))]
            assert (server.send_errors, client.send_errors, server.locals_refused) == (0, 0, 0)


def test_without_ipv6_one_ipv6_address_fails() -> None:
    for action in (UdpSocket.bind, UdpSocket.open_for):
        with pytest.raises(OSError, match=r"\[::1\]:0") as failure:
            action(IPV6, without_ipv6)
        assert failure.value.errno == errno.EAFNOSUPPORT


def test_a_socket_that_cannot_be_bound_is_closed() -> None:
    opened: list[socket.socket] = []

    def remember(family: int, kind: int) -> socket.socket:
        opened.append(socket.socket(family, kind))
        return opened[-1]

    with pytest.raises(OSError, match="cannot listen"):
        UdpSocket.bind(Address("192.0.2.1", 0), remember)
    assert [one.fileno() for one in opened] == [-1]


# ---- addresses


@pytest.mark.parametrize(
    ("listen", "client_ip"),
    [
        (IPV4, "127.0.0.1"),
        (IPV6, "::1"),
        (EVERYWHERE, "127.0.0.1"),
        (EVERYWHERE, "::1"),
        (ANY_IPV4, "127.0.0.1"),
    ],
    ids=str,
)
@pytest.mark.parametrize("count", [1, 10])
def test_both_ways_and_the_peer_is_one_dict_key(stack: ExitStack, listen: Address, client_ip: str, count: int) -> None:
    server = stack.enter_context(closing(UdpSocket.bind(listen)))
    target = Address(client_ip, server.local_address.port)
    client = stack.enter_context(closing(UdpSocket.open_for(target)))
    datagrams = numbered([100] * count)

    assert client.send(datagrams, client.socket_address(target)) == count
    came = arrived(server, count)
    assert [datagram for datagram, _ in came] == datagrams
    peer = Address(client_ip, client.local_address.port)
    assert {address for _, address in came} == {server.socket_address(peer)}
    assert Address.from_socket(came[0][1]) == peer

    assert server.send(datagrams, came[0][1]) == count
    back = arrived(client, count)
    assert [datagram for datagram, _ in back] == datagrams
    assert {address for _, address in back} == {client.socket_address(target)}
    assert (server.gso, server.gro) == (client.gso, client.gro), "the way back was not refused"


def test_a_dual_stack_socket_writes_ipv4_as_mapped() -> None:
    with closing(UdpSocket.bind(EVERYWHERE)) as bound:
        assert bound.socket_address(Address("1.2.3.4", 5)) == ("::ffff:1.2.3.4", 5, 0, 0)
        assert bound.socket_address(Address("2001:db8::7", 5)) == ("2001:db8::7", 5, 0, 0)


def test_an_ipv4_socket_cannot_address_ipv6() -> None:
    with closing(UdpSocket.bind(IPV4)) as bound:
        assert bound.socket_address(Address("1.2.3.4", 5)) == ("1.2.3.4", 5)
        with pytest.raises(OSError, match=r"cannot reach \[::1\]:5") as failure:
            bound.socket_address(Address("::1", 5))
        assert failure.value.errno == errno.EAFNOSUPPORT


# ---- batches


sizes = st.lists(
    st.one_of(st.sampled_from([0, 1, 100, 1255, 1300]), st.integers(0, LARGEST_DATAGRAM_BYTES)), max_size=70
)


@pytest.mark.parametrize("gso", [True, False], ids=["gso", "no-gso"])
@pytest.mark.parametrize("gro", [True, False], ids=["gro", "no-gro"])
@given(sizes=sizes)
@settings(max_examples=60, deadline=None)
def test_any_mix_of_sizes_arrives_in_order_and_unchanged(gso: bool, gro: bool, sizes: list[int]) -> None:
    datagrams = numbered(sizes)
    with faulty() as inner, faulty() as outer:
        receiver, sender = UdpSocket(inner, gro=gro), UdpSocket(outer, gso=gso)
        target = sender.socket_address(receiver.local_address)
        assert sender.send(datagrams, target) == len(datagrams)
        assert contents(receiver, len(datagrams)) == datagrams
        assert sender.send_errors == receiver.receive_errors == receiver.oversize_dropped == 0
        assert not receiver.gro or gro
        if not gso:
            assert outer.sendmsg_calls == 0


@pytest.mark.parametrize(
    ("sizes", "runs", "singles"),
    [
        ([100] * 64, [6400], 0),
        ([100] * 65, [6400], 1),
        ([100] * 150, [6400, 6400, 2200], 0),
        ([1255] * 60, [51 * 1255, 9 * 1255], 0),
        ([100, 100, 40, 40, 41], [240], 2),
        ([50, 100, 100], [200], 1),
        ([100, 100, 0, 100], [200], 2),
        ([0, 0, 0], [], 3),
    ],
    ids=str,
)
def test_runs_are_cut_where_one_call_ends(
    sending: FaultySocket, receiver: UdpSocket, sizes: list[int], runs: list[int], singles: int
) -> None:
    """A run has up to 64 datagrams of one size, 65000 bytes; a shorter one may close it, not an empty one."""
    sender = UdpSocket(sending)
    if not sender.gso:
        runs, singles = [], len(sizes)
    datagrams = numbered(sizes)
    assert sender.send(datagrams, sender.socket_address(receiver.local_address)) == len(datagrams)
    assert list(sending.sent_runs_bytes) == runs
    assert sending.sendto_calls == singles
    assert contents(receiver, len(datagrams)) == datagrams


def test_sending_nothing_is_fine(pair: tuple[UdpSocket, UdpSocket]) -> None:
    sender, receiver = pair
    assert sender.send([], sender.socket_address(receiver.local_address)) == 0
    assert receiver.receive(PLENTY) == []


@pytest.mark.skipif(not hasattr(select, "poll"), reason="nothing tells cheaply whether there is more")
@pytest.mark.parametrize("gro", [True, False])
def test_a_datagram_that_came_alone_takes_one_read(pair: tuple[UdpSocket, UdpSocket], gro: bool) -> None:
    sender, _ = pair
    inner = faulty()
    with closing(UdpSocket(inner, gro=gro)) as receiver:
        address = sender.socket_address(receiver.local_address)
        for count, reads in ((1, 1), (3, 4), (1, 1)):
            for number in range(count):
                sender.send([bytes([number])], address)
            before = inner.receive_calls
            assert contents(receiver, count) == [bytes([number]) for number in range(count)]
            assert inner.receive_calls == before + reads


def test_datagrams_are_grouped_by_consecutive_sender(stack: ExitStack, receiver: UdpSocket) -> None:
    one, two = [stack.enter_context(closing(UdpSocket.bind(IPV6))) for _ in range(2)]
    for sender, datagrams in ((one, [b"1", b"2"]), (two, [b"3"]), (one, [b"4"]), (one, [b"five", b"six"])):
        sender.send(datagrams, sender.socket_address(receiver.local_address))
    groups = [
        (address[1], [datagram for datagram, _ in datagrams])
        for address, datagrams in groupby(arrived(receiver, 6), lambda item: item[1])
    ]
    first, second = one.local_address.port, two.local_address.port
    assert groups == [(first, [b"1", b"2"]), (second, [b"3"]), (first, [b"4", b"five", b"six"])]


@pytest.mark.parametrize("gro", [True, False])
def test_receiving_stops_at_the_limit_and_goes_on_later(sending: FaultySocket, gro: bool) -> None:
    with closing(UdpSocket(faulty(), gro=gro)) as receiver:
        sender = UdpSocket(sending, gso=False)
        datagrams = numbered([10] * 7)
        sender.send(datagrams, sender.socket_address(receiver.local_address))
        select.select([receiver], [], [], 2.0)
        assert receiver.receive(0) == []
        ((first, _, _),) = receiver.receive(3)
        assert first == datagrams[:3]
        assert contents(receiver, 4) == datagrams[3:]


def test_a_batch_that_reaches_the_limit_is_delivered_whole(pair: tuple[UdpSocket, UdpSocket]) -> None:
    sender, receiver = pair
    datagrams = numbered([10] * 6)
    sender.send(datagrams, sender.socket_address(receiver.local_address))
    select.select([receiver], [], [], 2.0)
    ((first, _, _),) = receiver.receive(1)
    assert len(first) == (6 if has_batches() else 1)


@pytest.mark.parametrize("gso", [True, False])
@pytest.mark.parametrize("gro", [True, False])
def test_oversize_datagrams_are_dropped_and_counted(gso: bool, gro: bool) -> None:
    with faulty() as inner, faulty() as outer:
        receiver, sender = UdpSocket(inner, gro=gro), UdpSocket(outer, gso=gso)
        sizes = [
            9000,
            LARGEST_DATAGRAM_BYTES + 1,
            LARGEST_DATAGRAM_BYTES,
            3000,
            3000,
            3000,
            700,
            5000,
            5000,
            10,
        ]
        datagrams = numbered(sizes)
        assert sender.send(datagrams, sender.socket_address(receiver.local_address)) == len(datagrams)
        allowed = [datagram for datagram in datagrams if len(datagram) <= LARGEST_DATAGRAM_BYTES]
        assert contents(receiver, len(allowed)) == allowed
        assert receiver.oversize_dropped == len(datagrams) - len(allowed)


def test_only_oversize_datagrams_make_no_group(pair: tuple[UdpSocket, UdpSocket]) -> None:
    sender, receiver = pair
    assert sender.send([bytes(3000)] * 4, sender.socket_address(receiver.local_address)) == 4
    select.select([receiver], [], [], 2.0)
    assert receiver.receive(PLENTY) == []
    assert receiver.oversize_dropped == 4


def test_an_empty_ancillary_size_is_one_datagram() -> None:
    """A kernel that says nothing, something else, or zero about segments has delivered one datagram."""

    class Odd(FaultySocket):
        ancillary: list[tuple[int, int, bytes]] = []  # noqa: RUF012 - each test sets its own

        def recvmsg(self, *arguments: Any) -> Any:
            data, _, flags, address = super().recvmsg(*arguments)
            return data, self.ancillary, flags, address

    with Odd(socket.AF_INET6, socket.SOCK_DGRAM) as odd, closing(UdpSocket.bind(IPV6)) as sender:
        odd.bind(("::1", 0))
        receiver = UdpSocket(odd)
        for ancillary in ([], [(0, 8, b"\x02\x00\x00\x00")], [(17, 104, bytes(4))]):
            odd.ancillary = ancillary
            sender.send([b"datagram"], sender.socket_address(receiver.local_address))
            assert contents(receiver, 1) == [b"datagram"]


# ---- refusals


needs_batches = pytest.mark.skipif(not has_batches(), reason="this system sends and receives one at a time")


def no_option(level: int) -> Callable[..., None]:
    """A kernel that knows none of the UDP options."""

    def setsockopt(self: socket.socket, at_level: int, *rest: Any) -> None:
        if at_level == level:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        socket.socket.setsockopt(self, at_level, *rest)

    return setsockopt


def test_an_old_kernel_gets_single_datagrams(stack: ExitStack) -> None:
    old_socket = type("OldSocket", (FaultySocket,), {"setsockopt": no_option(17)})
    old: FaultySocket = stack.enter_context(old_socket(socket.AF_INET6, socket.SOCK_DGRAM))
    old.bind(("::1", 0))
    both = UdpSocket(old)
    assert (both.gso, both.gro) == (False, False)
    datagrams = numbered([100] * 10)
    both.send(datagrams, both.socket_address(both.local_address))
    assert contents(both, 10) == datagrams
    assert old.sendmsg_calls == 0


@needs_batches
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOPROTOOPT, errno.ENOSYS])
def test_a_kernel_that_cannot_cut_gets_the_same_datagrams_singly(
    sending: FaultySocket, receiver: UdpSocket, number: int
) -> None:
    sender = UdpSocket(sending)
    sending.sendmsg_faults = iter([0, number])
    datagrams = numbered([100] * 150)
    target = sender.socket_address(receiver.local_address)
    assert sender.send(datagrams, target) == 150
    assert contents(receiver, 150) == datagrams
    assert not sender.gso
    assert (sending.sendmsg_calls, sending.sendto_calls) == (2, 86)
    assert sender.send(datagrams[:9], target) == 9
    assert sending.sendmsg_calls == 2, "segments are not tried again"
    assert sender.send_errors == 0


@needs_batches
@pytest.mark.parametrize("number", [errno.EINVAL, errno.EMSGSIZE])
def test_a_path_that_refuses_segments_ends_them_only_after_eight_times_in_a_row(
    sending: FaultySocket, receiver: UdpSocket, number: int
) -> None:
    sender = UdpSocket(sending)
    target = sender.socket_address(receiver.local_address)
    datagrams = numbered([100] * 3)
    sending.sendmsg_faults = iter([number] * 7 + [0] + [number] * 8)
    for _ in range(15):
        assert sender.send(datagrams, target) == 3
        assert sender.gso
    assert sender.send(datagrams, target) == 3
    assert not sender.gso
    assert contents(receiver, 48) == datagrams * 16
    assert sender.send_errors == 0


@needs_batches
def test_an_invalid_destination_does_not_cost_others_their_batches(sending: FaultySocket, receiver: UdpSocket) -> None:
    sender = UdpSocket(sending)
    for _ in range(20):
        assert sender.send([b"12", b"34"], ("::1", 0, 0, 0)) == 2
    assert sender.send_errors == 40
    assert sender.gso


@needs_batches
def test_a_run_without_buffer_space_is_tried_singly(sending: FaultySocket, receiver: UdpSocket) -> None:
    """The run may need more than there is while a single datagram fits."""
    sender = UdpSocket(sending)
    sending.sendmsg_faults = iter([errno.ENOBUFS])
    sending.sendto_faults = iter([0, 0, errno.ENOBUFS])
    datagrams = numbered([100] * 5)
    target = sender.socket_address(receiver.local_address)
    assert sender.send(datagrams, target) == 2
    assert sender.send(datagrams[2:], target) == 3
    assert contents(receiver, 5) == datagrams
    assert sender.gso
    assert sender.send_errors == 0


@needs_batches
def test_a_full_socket_takes_no_more_runs(sending: FaultySocket, receiver: UdpSocket) -> None:
    sender = UdpSocket(sending)
    sending.sendmsg_faults = iter([0, errno.EAGAIN])
    datagrams = numbered([100] * 200)
    target = sender.socket_address(receiver.local_address)
    assert sender.send(datagrams, target) == 64
    assert sending.sendto_calls == 0
    assert sender.send(datagrams[64:], target) == 136
    assert contents(receiver, 200) == datagrams


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS])
@pytest.mark.parametrize("gso", [True, False])
def test_a_full_socket_takes_no_more_single_datagrams(
    sending: FaultySocket, receiver: UdpSocket, gso: bool, number: int
) -> None:
    sender = UdpSocket(sending, gso=gso)
    sending.sendto_faults = iter([0, 0, number])
    datagrams = numbered([10, 20, 30, 40, 50])
    target = sender.socket_address(receiver.local_address)
    assert sender.send(datagrams, target) == 2
    assert sender.send(datagrams[2:], target) == 3
    assert contents(receiver, 5) == datagrams
    assert sender.send_errors == 0


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM, errno.ECONNREFUSED])
@pytest.mark.parametrize("gso", [True, False])
def test_a_network_that_is_down_counts_and_never_raises(sending: FaultySocket, gso: bool, number: int) -> None:
    sender = UdpSocket(sending, gso=gso)
    gso_before = sender.gso
    sending.sendmsg_faults = iter([number] * 10)
    sending.sendto_faults = iter([number] * 10)
    assert sender.send(numbered([100] * 4), ("::1", 9, 0, 0)) == 4
    assert sender.send_errors == 4
    assert sender.gso == gso_before


def test_a_datagram_too_long_for_udp_is_refused_for_good(pair: tuple[UdpSocket, UdpSocket]) -> None:
    sender, receiver = pair
    target = sender.socket_address(receiver.local_address)
    assert sender.send([bytes(70_000), b"after"], target) == 2
    assert sender.send_errors == 1
    assert contents(receiver, 1) == [b"after"]


@pytest.mark.parametrize("gro", [True, False])
def test_errors_of_earlier_sending_are_skipped_when_receiving(sending: FaultySocket, gro: bool) -> None:
    with faulty() as inner:
        receiver, sender = UdpSocket(inner, gro=gro), UdpSocket(sending)
        inner.receive_faults = iter([errno.ECONNREFUSED, 0, errno.ECONNRESET, errno.ENETRESET])
        sender.send([b"one", b"two!"], sender.socket_address(receiver.local_address))
        select.select([receiver], [], [], 2.0)
        assert [datagrams for datagrams, _, _ in receiver.receive(PLENTY)] == [[b"one", b"two!"]]
        assert receiver.receive_errors == 3


@pytest.mark.parametrize("gro", [True, False])
def test_other_errors_end_one_round_of_receiving(sending: FaultySocket, gro: bool) -> None:
    with faulty() as inner:
        receiver, sender = UdpSocket(inner, gro=gro), UdpSocket(sending)
        inner.receive_faults = iter([errno.ENOMEM])
        sender.send([b"one"], sender.socket_address(receiver.local_address))
        assert receiver.receive(PLENTY) == []
        assert receiver.receive_errors == 1
        assert contents(receiver, 1) == [b"one"]


def test_a_stream_of_errors_ends_at_the_limit() -> None:
    with faulty() as inner:
        receiver = UdpSocket(inner)
        inner.receive_faults = iter([errno.ECONNREFUSED] * 100)
        assert receiver.receive(10) == []
        assert receiver.receive_errors == 10


def test_a_length_error_is_an_oversize_datagram() -> None:
    """So says Windows, where others truncate."""
    with faulty() as inner:
        receiver = UdpSocket(inner, gro=False)
        inner.receive_faults = iter([errno.EMSGSIZE])
        assert receiver.receive(10) == []
        assert (receiver.oversize_dropped, receiver.receive_errors) == (1, 0)
