"""How does an event loop without `add_reader`, such as the proactor loop of Windows, learn that a socket is ready?

One thread for each such loop sleeps on the sockets and tells the loop. A socket that it told of is left alone until the
loop has served it. The thread ends with the last socket, or when it finds that the loop was closed.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias, final

from gamesockets.drivers.poller import Poller
from gamesockets.drivers.udp import UdpSocket

if TYPE_CHECKING:  # asyncio takes a third of the time that `import gamesockets` takes
    from asyncio import AbstractEventLoop

OnReady: TypeAlias = Callable[[int], None]
"""Called on the loop's thread with the events that a socket is ready for."""

LOOK_EVERY_S: Final = 1.0
"""How often the thread looks whether the loop was closed: a loop does not tell."""

ROOM_AGAIN_S: Final = 0.1
"""When a socket that was told of is tried again, after others took its place in the selector meanwhile."""


@final
class Watcher:
    """The thread that watches the sockets of one event loop.

    All methods are called on the loop's thread; `forget` and `stop`, once the loop was closed, on any.
    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._poller = Poller()
        self._watched: dict[UdpSocket, tuple[int, OnReady]] = {}
        self._resting: set[UdpSocket] = set()
        """Not watched at the moment: the loop was told that they are ready."""
        self._lock = threading.Lock()
        self._is_stopping = False
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="gamesockets-watcher", daemon=True)
        self._thread.start()

    def watch(self, udp: UdpSocket, events: int, on_ready: OnReady) -> None:
        """Calls `on_ready` from now on when a socket is ready for one of these events.

        Raises `OSError`, and changes nothing, when there are more sockets than the selector takes.
        """
        with self._lock:
            if udp not in self._watched:
                self._poller.register(udp, udp)
            self._watched[udp] = (events, on_ready)
            if udp not in self._resting:
                self._poller.watch(udp, events, udp)
        self._poller.wake()

    def forget(self, udp: UdpSocket) -> bool:
        """Stops watching a socket, which is still open; whether it was the last one."""
        with self._lock:
            if self._watched.pop(udp, None) is not None and udp not in self._resting:
                self._poller.unregister(udp)
            self._resting.discard(udp)
            return not self._watched

    def is_idle(self) -> bool:
        """Whether it watches nothing."""
        with self._lock:
            return not self._watched

    def stop(self) -> None:
        """Ends the thread."""
        with self._lock:
            self._is_stopping = True
            if not self._has_ended:
                self._poller.wake()
        self._thread.join()

    def _serve(self, udp: UdpSocket, events: int) -> None:
        found = self._watched.get(udp)
        if found is not None:
            try:
                found[1](events)
            finally:
                self._watch_again(udp)

    def _watch_again(self, udp: UdpSocket) -> None:
        with self._lock:
            found = self._watched.get(udp)
            if found is None:  # forgotten meanwhile, and if it was the last one, the thread has ended
                return
            try:
                self._poller.register(udp, udp)
            except OSError:
                self._loop.call_later(ROOM_AGAIN_S, self._watch_again, udp)
                return
            self._resting.discard(udp)
            self._poller.watch(udp, found[0], udp)
        self._poller.wake()

    def _run(self) -> None:
        while not self._is_stopping and not self._loop.is_closed():
            ready = self._poller.select(LOOK_EVERY_S)
            with self._lock:
                # Without events is what was ready for something that it is no longer watched for.
                awake = [(udp, events) for udp, events in ready if events and udp in self._watched]
                for udp, _ in awake:
                    self._poller.unregister(udp)
                    self._resting.add(udp)
            with contextlib.suppress(RuntimeError):  # the loop was closed
                for udp, events in awake:
                    self._loop.call_soon_threadsafe(self._serve, udp, events)
        with self._lock:
            self._has_ended = True
            self._watched.clear()
            self._poller.close()
        _WATCHERS.pop(self._loop, None)  # if the loop was closed, nobody else does that


_WATCHERS: dict[AbstractEventLoop, Watcher] = {}


def watch(loop: AbstractEventLoop, udp: UdpSocket, events: int, on_ready: OnReady) -> None:
    """Has the loop's watcher watch a socket, or change what it is watched for.

    Raises `OSError` when there are more sockets than a selector takes.
    """
    watcher = _WATCHERS.get(loop)
    if watcher is None:
        watcher = _WATCHERS[loop] = Watcher(loop)
    try:
        watcher.watch(udp, events, on_ready)
    except OSError:
        if watcher.is_idle():
            watcher.stop()
        raise


def forget(loop: AbstractEventLoop, udp: UdpSocket) -> None:
    """Has the loop's watcher forget a socket; the thread ends with the last one."""
    watcher = _WATCHERS.get(loop)
    if watcher is not None and watcher.forget(udp):
        watcher.stop()
