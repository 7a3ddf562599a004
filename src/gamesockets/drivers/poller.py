"""Sleeping until a socket is ready, a deadline comes, or another thread calls."""

import contextlib
import selectors
import socket
from typing import Any, TypeAlias, final

# What was registered with the socket, and the events that are ready.
Ready: TypeAlias = list[tuple[Any, int]]

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE


@final
class Poller:
    """A selector that one thread at a time sleeps on, and that any thread can wake."""

    def __init__(self) -> None:
        self.sleeping_until = 0
        """The deadline that the sleeper will wake for by itself; 0 while nobody sleeps. Guarded by the owner's lock."""
        self._selector = selectors.DefaultSelector()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._selector.register(self._wake_reader, READ, None)

    def register(self, source: Any, data: object) -> None:
        """Watches a socket for reading; `data`, which is not None, comes back when it is ready."""
        self._selector.register(source, READ, data)

    def watch(self, source: Any, events: int, data: object) -> None:
        """Changes what a socket is watched for."""
        self._selector.modify(source, events, data)

    def unregister(self, source: Any) -> None:
        """Forgets a socket, before it is closed."""
        self._selector.unregister(source)

    def select(self, timeout_s: float | None) -> Ready:
        """Sleeps; what is ready, wake-ups left out."""
        ready: Ready = []
        for key, events in self._selector.select(timeout_s):
            if key.data is None:
                self._drain()
            else:
                ready.append((key.data, events))
        return ready

    def wake(self) -> None:
        """Ends the current sleep, or the next one."""
        with contextlib.suppress(BlockingIOError):
            self._wake_writer.send(b"\0")

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_reader.recv(256):
                pass

    def close(self) -> None:
        """Gives everything back; nobody may be asleep."""
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()
