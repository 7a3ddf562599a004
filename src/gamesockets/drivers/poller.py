"""Sleeping until a socket is ready, a deadline comes, or another thread calls.

Selectors differ in what a sleeper learns. epoll and kqueue notice a socket that is registered, changed or closed while
somebody sleeps on them. select() and poll() sleep on a copy of the list, so a poller on one of these ends the sleep
after each change, and waits until the sleeper has let go of a socket that is closed next: select() of Windows fails
when a socket of its list is closed, and elsewhere the port stays taken as long as somebody sleeps on it.
"""

import contextlib
import errno
import select
import selectors
import socket
import threading
import time
from typing import Any, Final, TypeAlias, final

# What was registered with the socket, and the events that are ready.
Ready: TypeAlias = list[tuple[Any, int]]

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

ERROR_PAUSE_S: Final = 0.01
"""How long a sleep lasts whose selector fails without a socket that is to blame: else it would fail again at once."""

LET_GO_S: Final = 1.0
"""How long closing waits at most for the sleeper, which was woken, to let go of a socket."""

# What select() says of its sockets, in the numbers of Windows, too: WSAEINVAL, WSAENOTSOCK.
_SELECT_ERRORS: Final = frozenset({errno.EBADF, errno.ENOTSOCK, 10022, 10038})

# By name, since no system has all of them.
_NOTICING: Final = tuple(
    getattr(selectors, name)
    for name in ("EpollSelector", "KqueueSelector", "DevpollSelector")
    if hasattr(selectors, name)
)


def check_room(selector: object, source: Any) -> None:
    """Raises `OSError` if a selector that uses select() cannot take one more socket; as a member it would fail later.

    select() takes 1,024 descriptors on most systems, by their numbers, and 512 sockets on Windows.
    """
    if not isinstance(selector, selectors.SelectSelector):
        return
    try:
        select.select([*list(selector.get_map()), source.fileno()], [], [], 0)
    except ValueError as error:
        raise OSError(errno.EMFILE, f"too many open sockets for select(), all that is used here: {error}") from error
    except OSError:
        pass  # one of the others was closed under us: whoever sleeps finds out which


@final
class Poller:
    """A selector that one thread at a time sleeps on, and that any thread can wake.

    Raises `OSError` where the system has no descriptors left for it.
    """

    def __init__(self) -> None:
        self.sleeping_until = 0
        """The deadline that the sleeper will wake for by itself; 0 while nobody sleeps. Guarded by the owner's lock."""
        with contextlib.ExitStack() as undo:
            self._selector = undo.enter_context(selectors.DefaultSelector())
            self._notices_changes = isinstance(self._selector, _NOTICING)
            self._asleep = threading.RLock()
            """Held while a thread sleeps on a selector that does not notice changes."""
            self._is_asleep = False
            """Set before such a selector copies its list, so that whoever changes the list later sees it."""
            self._wake_reader, self._wake_writer = socket.socketpair()
            undo.callback(self._wake_writer.close)
            undo.callback(self._wake_reader.close)
            self._wake_reader.setblocking(False)
            self._wake_writer.setblocking(False)
            self.register(self._wake_reader, None)
            undo.pop_all()

    def register(self, source: Any, data: object) -> None:
        """Watches a socket for reading; `data`, which is not None, comes back when it is ready.

        Raises `OSError` when there are more sockets than the selector takes; those that it has go on.
        """
        check_room(self._selector, source)
        self._selector.register(source, READ, data)
        if self._is_asleep:
            self.wake()

    def watch(self, source: Any, events: int, data: object) -> None:
        """Changes what a socket is watched for. One that turned out to be closed stays forgotten."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.modify(source, events, data)
        if self._is_asleep:
            self.wake()

    def unregister(self, source: Any) -> None:
        """Forgets a socket, before it is closed."""
        with contextlib.suppress(KeyError, ValueError):  # it had turned out to be closed
            self._selector.unregister(source)
        if self._is_asleep:
            self.wake()
            # By the sleeper itself, in a signal handler or a finalizer, it is taken at once.
            if self._asleep.acquire(timeout=LET_GO_S):
                self._asleep.release()

    def select(self, timeout_s: float | None) -> Ready:
        """Sleeps; what is ready, wake-ups left out. Nothing if the selector failed: see to it and come again."""
        ready: Ready = []
        for key, events in self._select(timeout_s):
            if key.data is None:
                self._drain()
            else:
                ready.append((key.data, events))
        return ready

    def _select(self, timeout_s: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        try:
            if self._notices_changes:
                return self._selector.select(timeout_s)
            with self._asleep:
                self._is_asleep = True
                try:
                    return self._selector.select(timeout_s)
                finally:
                    self._is_asleep = False
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            # Somebody closed a socket that is still registered, or changed the list in the same moment.
            if not _is_of_selector(error):
                raise
            if not self._forget_closed():
                time.sleep(ERROR_PAUSE_S)
            return []

    def _forget_closed(self) -> bool:
        """Forgets the sockets that the system does not know any more; whether there was one."""
        found = False
        for fd in list(self._selector.get_map() or ()):
            if not _is_open(fd):
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(fd)
                    found = True
        return found

    def wake(self) -> None:
        """Ends the current sleep, or the next one."""
        with contextlib.suppress(OSError):  # full: it wakes anyway
            self._wake_writer.send(b"\0")

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while self._wake_reader.recv(256):
                pass

    def close(self) -> None:
        """Gives everything back; nobody may be asleep."""
        self._selector.close()
        self._wake_reader.close()
        self._wake_writer.close()


def _is_of_selector(error: Exception) -> bool:
    """Not what a signal handler raised, which runs on the main thread in the middle of a sleep, and belongs to it."""
    if threading.current_thread() is not threading.main_thread():
        return True
    if isinstance(error, OSError) and error.errno in _SELECT_ERRORS:
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and trace.tb_frame.f_globals.get("__name__") == selectors.__name__


def _is_open(fd: Any) -> bool:
    try:
        select.select([fd], [], [], 0)
    except OSError:
        return False
    except ValueError:
        return bool(fd >= 0)  # a number too large for select(), about which it says nothing
    return True
