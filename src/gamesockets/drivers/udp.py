"""How do batches of datagrams enter and leave one non-blocking UDP socket?

On Linux one system call carries up to 64 datagrams: outwards with UDP_SEGMENT (datagrams of one size, of
which the last may be shorter, handed over as one piece), inwards with UDP_GRO (the kernel gives such pieces
back whole and says where to cut). Elsewhere, and wherever the kernel or the path refuses, the same methods
send and receive one datagram at a time.

A socket that listens on every address of the machine also says which of them a datagram was sent to, and sends from
there (`pktinfo`).

Losing datagrams is normal for UDP, so nothing the network does is raised: it is counted, and the datagram is
gone. Nothing here knows protocol state, keys or timers, only bytes and addresses.
"""

import errno
import socket
import struct
import sys
from typing import Final, TypeAlias, final

from gamesockets.clock import open_socket
from gamesockets.connection.path import ANY_LOCAL
from gamesockets.drivers.pktinfo import ANCILLARY_BYTES, PacketInfo
from gamesockets.drivers.udp_setup import (
    SOL_UDP,
    OpenSocket,
    accepts_udp_option,
    enlarge_buffers,
    ipv6_text,
    open_bound,
    poll_of,
    silence_port_unreachable,
    to_bind,
)
from gamesockets.values.address import Address, SocketAddress

__all__ = ["LARGEST_DATAGRAM_BYTES", "UdpSocket"]

LARGEST_DATAGRAM_BYTES: Final = 2324
"""Longer datagrams are dropped: no peer of this protocol sends them (spec 1, 1.4)."""

# Numbers of the Linux system interface; the socket module has no names for them in Python 3.11.
_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104

_SEGMENTS_PER_CALL: Final = 64  # what every kernel with UDP_SEGMENT takes
_BYTES_PER_CALL: Final = 65000  # an IPv4 packet holds 65507 bytes of UDP payload
_BYTES_PER_RECEIVE: Final = 65535
_ANCILLARY_BYTES: Final = ANCILLARY_BYTES + (socket.CMSG_SPACE(4) if hasattr(socket, "CMSG_SPACE") else 0)
_pack_segment_size = struct.Struct("=H").pack

# A destination whose path takes smaller packets than ours (a tunnel) refuses every run with one of these. The
# others on the same socket must not lose their batches for it, so only a row of refusals counts.
_PATH_REFUSALS: Final = frozenset({errno.EINVAL, errno.EMSGSIZE})
_PATH_REFUSALS_IN_A_ROW: Final = 8
# The local address is none any more, or none to send from: a broadcast address.
_LOCAL_REFUSALS: Final = frozenset({errno.EINVAL, errno.EADDRNOTAVAIL})
# The interface or the kernel cannot cut at all (no checksum offload, IPsec, an old or foreign kernel).
_SEGMENT_REFUSALS: Final = frozenset({errno.EIO, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOPROTOOPT, errno.ENOSYS})

_NO_BUFFERS: Final = frozenset({errno.ENOBUFS, getattr(errno, "WSAENOBUFS", errno.ENOBUFS)})
_WOULD_BLOCK: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK}) | _NO_BUFFERS
# What an earlier datagram met on its way, reported at the next call: port unreachable, time to live used up.
_ECHOES_OF_SENDING: Final = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ENETRESET})
_NO_SUCH_FAMILY: Final = frozenset({errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT, errno.EADDRNOTAVAIL})

_EVERY_IPV4: Final = bytes(10) + b"\xff\xff" + bytes(4)

_Groups: TypeAlias = list[tuple[list[bytes], SocketAddress, bytes]]


@final
class UdpSocket:
    """One bound, non-blocking UDP socket with batched input and output.

    Not safe for calls from several threads at once; sending in one thread and receiving in another is.
    `send_error_text` is what the system said of the last datagram that it refused, `lacks_buffers` whether it refused
    the last one for want of buffers: then the socket may well be writable, and only time helps. `taken` is how many
    datagrams the last `receive` took: as many as its limit, and more may be there.
    Counters: `send_errors` (datagrams the system refused for good), `receive_errors` (errors that came in the
    place of a datagram), `oversize_dropped` (datagrams longer than `LARGEST_DATAGRAM_BYTES`), `locals_refused`
    (datagrams that could not leave from where they should, and left from elsewhere).
    """

    __slots__ = (
        "_info",
        "_path_refusals",
        "_poll",
        "_socket",
        "gro",
        "gso",
        "lacks_buffers",
        "local_address",
        "locals_refused",
        "oversize_dropped",
        "receive_errors",
        "send_error_text",
        "send_errors",
        "taken",
    )

    def __init__(
        self, bound_socket: socket.socket, gso: bool = True, gro: bool = True, tells_local: bool = False
    ) -> None:
        """Take over `bound_socket`, which may be a subclass that fails on purpose.

        `gso` and `gro` allow batches outwards and inwards; the attributes of these names say what is in use.
        `tells_local` asks for the local address of what is received.
        """
        bound_socket.setblocking(False)
        enlarge_buffers(bound_socket)
        silence_port_unreachable(bound_socket)
        self._socket: Final = bound_socket
        self._path_refusals = 0
        self.gso = gso and accepts_udp_option(bound_socket, _UDP_SEGMENT, 0)
        self.gro = gro and accepts_udp_option(bound_socket, _UDP_GRO, 1)
        self._info: Final = PacketInfo(bound_socket, tells_local)
        self._poll: Final = poll_of(bound_socket)
        self.local_address: Final = Address.from_socket(bound_socket.getsockname())
        self.send_errors = 0
        self.send_error_text = ""
        self.lacks_buffers = False
        self.taken = 0
        self.receive_errors = 0
        self.oversize_dropped = 0
        self.locals_refused = 0

    @classmethod
    def bind(cls, address: Address, open_socket: OpenSocket = open_socket, purpose: str = "listen on") -> "UdpSocket":
        """Listen at `address`; port 0 takes a free port. `purpose` is for the text of an error.

        The all-zero IPv6 address means every interface and both families; on a host without IPv6, every IPv4
        interface. Raises OSError, errno kept, naming the address. A port in use fails: SO_REUSEADDR would let
        two sockets share it on Linux, and only one of them would get the traffic.
        """
        family = socket.AF_INET if address.is_ipv4 else socket.AF_INET6
        everywhere = address.is_all_zeros
        tells_local = everywhere or address.packed == _EVERY_IPV4
        try:
            return cls(open_bound(open_socket, family, to_bind(address), everywhere), tells_local=tells_local)
        except OSError as error:
            if not everywhere or error.errno not in _NO_SUCH_FAMILY:
                raise _explained(error, f"cannot {purpose} {address}") from error
        return cls.bind(Address("0.0.0.0", address.port), open_socket, purpose)  # noqa: S104 - asked for by the caller

    @classmethod
    def open_for(
        cls, peer: Address, open_socket: OpenSocket = open_socket, local: Address | None = None
    ) -> "UdpSocket":
        """A socket to talk to `peer` from: its family, any interface and a free port, or those of `local`.

        Not connected to the peer, so that sending and receiving are the same as for a listening socket.
        Raises OSError, errno kept, naming the peer, e.g. on a host without that family, or naming `local`; ValueError
        if `local` is of the other family.
        """
        if local is not None and not local.is_all_zeros:
            if local.is_ipv4 != peer.is_ipv4:
                raise ValueError(f"{peer} cannot be reached from {local}: they are of different families")
            return cls.bind(local, open_socket, "send from")
        family, host = (socket.AF_INET, "0.0.0.0") if peer.is_ipv4 else (socket.AF_INET6, "::")  # noqa: S104 - as above
        try:
            return cls(open_bound(open_socket, family, (host, 0 if local is None else local.port), False))
        except OSError as error:
            what_failed = f"cannot open a socket for {peer}" if local is None else f"cannot send from {local}"
            raise _explained(error, what_failed) from error

    @classmethod
    def open_for_any(cls, local: Address | None = None) -> "UdpSocket":
        """A socket to talk to peers of both families from, or only from `local` and to those of its family.

        Raises OSError, errno kept, naming the local address.
        """
        return cls.bind(Address("::", 0) if local is None else local, purpose="send from")

    def fileno(self) -> int:
        """The descriptor for selectors; -1 once closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the port back. Calling it again does nothing."""
        self._socket.close()

    @property
    def tells_local(self) -> bool:
        """Whether `receive` says which local address each datagram was sent to."""
        return self._info.is_told

    def reaches(self, address: Address) -> bool:
        """Whether `address` is of a family that this socket sends to."""
        local = self.local_address
        if self._socket.family == socket.AF_INET:
            return address.is_ipv4
        return local.is_all_zeros or not address.is_ipv4

    def socket_address(self, address: Address) -> SocketAddress:
        """What `send` takes for `address`, equal to what `receive` reports for datagrams from there.

        Raises OSError (EAFNOSUPPORT) for an IPv6 address on an IPv4 socket.
        """
        if self._socket.family != socket.AF_INET:
            return (ipv6_text(address), address.port, 0, address.scope_id)
        if address.is_ipv4:
            return (address.ip, address.port)
        raise OSError(errno.EAFNOSUPPORT, f"cannot reach {address} from the IPv4 socket {self.local_address}")

    def receive(self, limit_datagrams: int) -> _Groups:
        """Take what has arrived, in order; consecutive datagrams from one address to one of ours form a group.

        A group is the datagrams, the sender's address, and the local address in the form that `send` takes: `ANY_LOCAL`
        unless `tells_local`.

        Stops once `limit_datagrams` were taken, so that one busy socket cannot starve the rest; the batch
        with which the limit is reached is delivered whole, up to 127 more. Raises OSError only on a closed
        socket.
        """
        if self.gro or self.tells_local:
            return self._receive_batches(limit_datagrams)
        return self._receive_singly(limit_datagrams)

    def _receive_batches(self, limit_datagrams: int) -> _Groups:
        # recvmsg with a full-size allocation measured faster than recvmsg_into and a copy, for 100-byte
        # datagrams too: the allocator cuts the fresh block in place, which is cheaper than a memoryview
        # slice.
        recvmsg = self._socket.recvmsg
        info = self._info
        tells_local = info.is_told
        groups: _Groups = []
        group: list[bytes] = []
        sender: SocketAddress | None = None
        local = asked = ANY_LOCAL
        taken = 0
        while taken < limit_datagrams:
            try:
                data, ancillary, _, address = recvmsg(_BYTES_PER_RECEIVE, _ANCILLARY_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if self._ends_receiving(error):
                    break
                taken += 1
                continue
            length = len(data)
            size = _segment_size(ancillary, length) if ancillary else length
            if tells_local:
                asked = info.local(ancillary)
            if size < length:
                pieces = [data[start : start + size] for start in range(0, length, size)]
                taken += len(pieces)
                if size > LARGEST_DATAGRAM_BYTES:
                    short_enough = [piece for piece in pieces if len(piece) <= LARGEST_DATAGRAM_BYTES]
                    self.oversize_dropped += len(pieces) - len(short_enough)
                    if not short_enough:
                        continue
                    pieces = short_enough
                if address == sender and asked == local:
                    group += pieces
                else:
                    group = pieces
                    sender, local = address, asked
                    groups.append((group, address, local))
                continue
            taken += 1
            if length > LARGEST_DATAGRAM_BYTES:
                self.oversize_dropped += 1
            elif address == sender and asked == local:
                group.append(data)
            else:
                group = [data]
                sender, local = address, asked
                groups.append((group, address, local))
            if taken == 1 and self._is_empty():
                break
        self.taken = taken
        return groups

    def _receive_singly(self, limit_datagrams: int) -> _Groups:
        recvfrom = self._socket.recvfrom
        groups: _Groups = []
        group: list[bytes] = []
        sender: SocketAddress | None = None
        taken = 0
        while taken < limit_datagrams:
            try:
                data, address = recvfrom(LARGEST_DATAGRAM_BYTES + 1)
            except BlockingIOError:
                break
            except OSError as error:
                if self._ends_receiving(error):
                    break
                taken += 1
                continue
            taken += 1
            if len(data) > LARGEST_DATAGRAM_BYTES:
                self.oversize_dropped += 1
            elif address == sender:
                group.append(data)
            else:
                group = [data]
                sender = address
                groups.append((group, address, ANY_LOCAL))
            if taken == 1 and self._is_empty():
                break
        self.taken = taken
        return groups

    def _is_empty(self) -> bool:
        """Asked after the first datagram, which is most often the only one: the exception of a read in vain is dear."""
        return self._poll is not None and not self._poll(0)

    def _ends_receiving(self, error: OSError) -> bool:
        """Count an error that came instead of a datagram; whether more datagrams may be waiting behind it."""
        if error.errno == errno.EBADF:
            raise error
        if error.errno == errno.EMSGSIZE:  # Windows says so where others truncate
            self.oversize_dropped += 1
            return False
        self.receive_errors += 1
        return error.errno not in _ECHOES_OF_SENDING

    def send(self, datagrams: list[bytes], address: SocketAddress, local: bytes = ANY_LOCAL) -> int:
        """Send in order to `address`, which is from `socket_address` or `receive`, and from `local`, as `receive` told.

        Returns how many, from the front, are dealt with: sent, or refused in a way that sending again will
        not cure (counted in `send_errors`). Fewer than all means there is no room: keep the rest until the
        socket is writable, or if it `lacks_buffers`, for a moment. Raises OSError only on a closed socket.
        """
        count = len(datagrams)
        if count == 1:
            return self._send_singly(datagrams, address, local)
        start = 0
        while start < count:
            if not self.gso:
                return start + self._send_singly(datagrams[start:], address, local)
            end = _end_of_run(datagrams, start)
            run = datagrams[start:end]
            sent = self._send_run(run, address, local) if end - start > 1 else self._send_singly(run, address, local)
            start += sent
            if start < end:
                return start
        return count

    def _send_run(self, run: list[bytes], address: SocketAddress, local: bytes) -> int:
        ancillary = [(SOL_UDP, _UDP_SEGMENT, _pack_segment_size(len(run[0])))]
        if local:
            ancillary.append((self._info.level, self._info.kind, local))
        try:
            self._socket.sendmsg((b"".join(run),), ancillary, 0, address)
        except BlockingIOError:
            self.lacks_buffers = False
            return 0
        except OSError as error:
            before = self.send_errors + self.locals_refused
            sent = self._send_singly(run, address, local)
            # Where the single datagrams fail as well, the fault is not in the segments.
            if self.send_errors + self.locals_refused == before:
                self._judge_refusal(error)
            return sent
        self._path_refusals = 0
        return len(run)

    def _judge_refusal(self, error: OSError) -> None:
        """Decide whether this socket goes on trying runs after one was refused."""
        if error.errno in _PATH_REFUSALS:
            self._path_refusals += 1
            self.gso = self._path_refusals < _PATH_REFUSALS_IN_A_ROW
        elif error.errno in _SEGMENT_REFUSALS:
            self.gso = False

    def _send_singly(self, datagrams: list[bytes], address: SocketAddress, local: bytes) -> int:
        sendto = self._socket.sendto
        sent = 0
        for datagram in datagrams:
            try:
                if local:
                    self._send_from(datagram, address, local)
                else:
                    sendto(datagram, address)
            except OSError as error:
                if error.errno in _WOULD_BLOCK:
                    self.lacks_buffers = error.errno in _NO_BUFFERS
                    if self.lacks_buffers:
                        self.send_error_text = _text(error)
                    break
                if error.errno == errno.EBADF:
                    raise
                self.send_errors += 1
                self.send_error_text = _text(error)
            sent += 1
        return sent

    def _send_from(self, datagram: bytes, address: SocketAddress, local: bytes) -> None:
        info = self._info
        try:
            self._socket.sendmsg((datagram,), ((info.level, info.kind, local),), 0, address)
        except OSError as error:
            if error.errno not in _LOCAL_REFUSALS:
                raise
            self._socket.sendto(datagram, address)
            self.locals_refused += 1


def _end_of_run(datagrams: list[bytes], start: int) -> int:
    """One past the last datagram that can leave in the same call as `datagrams[start]`."""
    size = len(datagrams[start])
    if size == 0:
        return start + 1
    most = min(len(datagrams), start + min(_SEGMENTS_PER_CALL, _BYTES_PER_CALL // size))
    end = start + 1
    while end < most:
        length = len(datagrams[end])
        if length != size:
            # A shorter one may close the run; an empty one would vanish in it.
            return end + 1 if 0 < length < size else end
        end += 1
    return end


def _segment_size(ancillary: list[tuple[int, int, bytes]], length: int) -> int:
    """Where to cut a received piece of `length` bytes; `length` itself when it is one datagram."""
    for level, kind, data in ancillary:
        if level == SOL_UDP and kind == _UDP_GRO:
            return int.from_bytes(data[:4], sys.byteorder) or length
    return length


def _explained(error: OSError, what_failed: str) -> OSError:
    return OSError(error.errno, f"{what_failed}: {_text(error)}")


def _text(error: OSError) -> str:
    return error.strerror or str(error)
