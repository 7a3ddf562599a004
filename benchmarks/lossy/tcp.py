"""How is the kernel's TCP driven for a measurement? Bare, unencrypted, with a congestion control of our choice."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import select
import socket
import struct
import sys
from collections.abc import Callable
from struct import Struct
from typing import Final

from benchmarks.systems.base import OK, Burst, Direct

_LENGTH: Final = Struct("<I")
_TCP_CONGESTION: Final = 13
_READ_BYTES: Final = 1 << 20
_UNSENT_IOCTL: Final = 0x894B
"""SIOCOUTQNSD: what the kernel has not sent yet."""


def missing(algorithm: str) -> str | None:
    """Why the kernel cannot do that; None if it can."""
    if sys.platform != "linux":
        return "only Linux lets one choose TCP's congestion control"
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_CONGESTION, algorithm.encode())
        except OSError as error:
            return f"this kernel has no {algorithm} for TCP ({errno.errorcode.get(error.errno or 0, '?')})"
    return None


class _Stream:
    """One connection: messages with their length in front."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.unsent = bytearray()
        self.rest = bytearray()
        self.messages: list[bytes] = []

    def flush(self) -> None:
        """As much as the kernel takes."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while self.unsent:
                del self.unsent[: self.sock.send(self.unsent)]

    def pending_bytes(self) -> int:
        """Here and in the kernel."""
        (kernel,) = struct.unpack("i", fcntl.ioctl(self.sock, _UNSENT_IOCTL, bytes(4)))
        return len(self.unsent) + int(kernel)

    def read(self) -> bool:
        """What has come; False at the end."""
        try:
            data = self.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        self.rest += data
        at, size = 0, len(self.rest)
        while at + _LENGTH.size <= size:
            end = at + _LENGTH.size + _LENGTH.unpack_from(self.rest, at)[0]
            if end > size:
                break
            self.messages.append(bytes(self.rest[at + _LENGTH.size : end]))
            at = end
        del self.rest[:at]
        return bool(data)


class Tcp(Direct):
    """All messages are reliable and in one order, whatever lane they are on."""

    def __init__(self, algorithm: str) -> None:
        super().__init__()
        self._algorithm = algorithm.encode()
        self._listener: socket.socket | None = None
        self._streams: dict[int, _Stream] = {}

    async def listen(self) -> str:
        """Takes clients on a free port."""
        self._listener = socket.create_server((self.host, 0))
        self._listener.setblocking(False)
        return f"{self.host}:{self._listener.getsockname()[1]}"

    async def connect(self, address: str) -> int:
        """Connects, and waits for it."""
        host, _, port = address.rpartition(":")
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.IPPROTO_TCP, _TCP_CONGESTION, self._algorithm)
        sock.settimeout(5.0)
        sock.connect((host, int(port)))
        return self._add(sock)

    def _add(self, sock: socket.socket) -> int:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = sock.fileno()
        self._streams[number] = _Stream(sock)
        self.connected.add(number)
        return number

    def close_connection(self, connection: int) -> None:
        """Closes a connection."""
        self.connected.discard(connection)
        stream = self._streams.pop(connection, None)
        if stream is not None:
            stream.sock.close()

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:  # noqa: ARG002 - there is one way
        """Behind what waits."""
        stream = self._streams[connection]

        def send_one(data: bytes) -> int:
            stream.unsent += _LENGTH.pack(len(data)) + data
            stream.flush()
            return OK

        return send_one

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """Who sends as much as is taken asks `pending_bytes` here."""
        raise NotImplementedError

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:
        """What came."""
        stream = self._streams[connection]

        def take() -> list[bytes]:
            messages, stream.messages = stream.messages, []
            return messages

        return take

    def pending_bytes(self, connection: int) -> int:
        """Here and in the kernel."""
        return self._streams[connection].pending_bytes()

    def wait(self, timeout_s: float) -> None:
        """Reads, writes and accepts."""
        sockets = [stream.sock for stream in self._streams.values()]
        if self._listener is not None:
            sockets.append(self._listener)
        full = [stream.sock for stream in self._streams.values() if stream.unsent]
        readable, writable, _ = select.select(sockets, full, [], timeout_s)
        for sock in writable:
            self._streams[sock.fileno()].flush()
        for sock in readable:
            if sock is self._listener:
                connection, _ = sock.accept()
                self.incoming.append(self._add(connection))
            elif not self._streams[sock.fileno()].read():
                self.note_end(sock.fileno(), 0, "closed")

    def run_callbacks(self) -> None:
        """Nothing: waiting did."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        self.wait(seconds)

    async def close(self) -> None:
        """Closes everything."""
        for number in list(self._streams):
            self.close_connection(number)
        if self._listener is not None:
            self._listener.close()
