"""What passes between client and server?  A relay in the middle sees every datagram, may drop or add some.

Each client gets an upstream socket of its own, so the server still sees one address a client.  The few
control messages that tests look into are read here independently of our own decoder (spec 1, 1.1 and part 2).
"""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

from tests.behaviour.side import DEADLINE_S
from tests.support.waiting import wait_until

CHALLENGE_REQUEST: Final = 32
CHALLENGE_REPLY: Final = 33
CONNECT_REQUEST: Final = 34
CONNECT_OK: Final = 35
CONNECTION_CLOSED: Final = 36
NO_CONNECTION: Final = 37
PADDED: Final = frozenset({CHALLENGE_REQUEST, CONNECTION_CLOSED})
PADDED_BYTES_MIN: Final = 512
DATAGRAM_BYTES_MAX: Final = 65_535
SOCKET_BUFFER_BYTES: Final = 4 << 20


class Datagram(NamedTuple):
    """One datagram on its way, up to the server or down to the client."""

    upwards: bool
    data: bytes

    @property
    def kind(self) -> int:
        """The message id of a control datagram; 0x80 for every data packet."""
        return 0x80 if self.data[0] & 0x80 else self.data[0]

    def fields(self) -> dict[int, int | bytes]:
        """The protobuf fields of a control datagram, last one wins."""
        if self.kind in PADDED:
            size = int.from_bytes(self.data[1:3], "little")
            return read_fields(self.data[3 : 3 + size])
        return read_fields(self.data[1:])


Weather: TypeAlias = Callable[[Datagram], bytes | None]
"""What goes on of a datagram: itself, something else, or nothing."""


def read_fields(message: bytes) -> dict[int, int | bytes]:
    """Decode a protobuf message into numbers and bytes by field number."""
    fields: dict[int, int | bytes] = {}
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        wire_type = tag & 7
        if wire_type == 0:
            fields[tag >> 3] = varint()
            continue
        size = {1: 8, 5: 4}[wire_type] if wire_type in (1, 5) else varint()
        raw = message[at : at + size]
        fields[tag >> 3] = raw if wire_type == 2 else int.from_bytes(raw, "little")
        at += size
    return fields


def control_datagram(kind: int, fixed32_fields: dict[int, int]) -> bytes:
    """Encode a control message that consists of 32-bit ids, such as closing and no-connection messages."""
    message = b"".join(
        bytes([number << 3 | 5]) + value.to_bytes(4, "little") for number, value in fixed32_fields.items()
    )
    if kind not in PADDED:
        return bytes([kind]) + message
    return (bytes([kind]) + len(message).to_bytes(2, "little") + message).ljust(PADDED_BYTES_MIN, b"\0")


class Relay:
    """Forwards UDP on 127.0.0.1 between clients, who connect to `address`, and `server`."""

    def __init__(self, server: str, weather: Weather | None = None) -> None:
        self.server = server
        self._weather = weather
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._front = _udp_socket()
        self._front.bind(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ)
        self._upstream: dict[Any, socket.socket] = {}
        self._clients: dict[socket.socket, Any] = {}
        self._forwarding = True
        self._changed = threading.Condition()
        self._seen: list[Datagram] = []
        self._arrived: list[bytes | None] = []
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Where clients shall connect."""
        host, port = self._front.getsockname()
        return f"{host}:{port}"

    def close(self) -> None:
        """Stop forwarding and free the sockets."""
        self._wake_writer.close()
        self._thread.join(DEADLINE_S)
        self._selector.close()
        for sock in (self._front, self._wake_reader, *self._upstream.values()):
            sock.close()

    def cut(self) -> None:
        """From now on drop everything, as a pulled cable does."""
        self._forwarding = False

    def mend(self) -> None:
        """From now on forward again; what comes from now on is what `seen` and `wait_for` know."""
        with self._changed:
            self._seen.clear()
            self._arrived.clear()
        self._forwarding = True

    def inject(self, upwards: bool, data: bytes) -> None:
        """Send a datagram to the server as if the first client had sent it, or the other way round."""
        client, upstream = next(iter(self._upstream.items()))
        if upwards:
            upstream.sendto(data, self._server)
        else:
            self._front.sendto(data, client)

    def seen(self, upwards: bool | None = None, kind: int | None = None) -> list[Datagram]:
        """Datagrams that came in so far, dropped ones included."""
        with self._changed:
            return [
                datagram
                for datagram in self._seen
                if upwards in (None, datagram.upwards) and kind in (None, datagram.kind)
            ]

    def capture(self) -> list[tuple[Datagram, bytes | None]]:
        """Everything that came in so far, each with what went on of it."""
        with self._changed:
            return list(zip(self._seen, self._arrived, strict=True))

    def wait_for(self, matches: Callable[[Datagram], bool], what: str) -> Datagram:
        """The first datagram that `matches`."""

        def find() -> Datagram | None:
            return next((datagram for datagram in self._seen if matches(datagram)), None)

        def what_came() -> str:
            return f"{what} at the relay; last {[(datagram.upwards, datagram.kind) for datagram in self._seen[-20:]]};"

        with self._changed:
            return wait_until(find, what_came, DEADLINE_S, lambda: self._changed.wait(0.5))

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._wake_reader:
                    return
                self._forward(key.fileobj)

    def _forward(self, sock: Any) -> None:
        try:
            data, sender = sock.recvfrom(DATAGRAM_BYTES_MAX)
        except OSError:  # an earlier datagram met a closed port; that is for the two ends to notice
            return
        upwards = sock is self._front
        if upwards and sender not in self._upstream:
            upstream = _udp_socket()
            self._selector.register(upstream, selectors.EVENT_READ)
            self._upstream[sender] = upstream
            self._clients[upstream] = sender
        datagram = Datagram(upwards, data)
        arriving: bytes | None = data if self._forwarding else None
        if arriving is not None and self._weather is not None:
            arriving = self._weather(datagram)
        with self._changed:
            self._seen.append(datagram)
            self._arrived.append(arriving)
            self._changed.notify_all()
        if arriving is not None:
            if upwards:
                self._upstream[sender].sendto(arriving, self._server)
            else:
                self._front.sendto(arriving, self._clients[sock])


def _udp_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    return sock
