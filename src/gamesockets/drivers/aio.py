"""Who serves the sockets of `aio`: the event loop that they were opened in.

    socket ready ----+
    timer of the loop +--> serve, with the lock held --> on_news, without it: futures are set, handlers start
    a caller's pump --+                                  (after a caller's pump: in the next turn of the loop)

One timer of the loop stands for all deadlines. It is set anew only when a deadline moves ahead of it; one that comes
too early finds nothing due and is set again.
"""

import contextlib
import threading
import time
import weakref
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.clock import now_us
from gamesockets.drivers import watcher
from gamesockets.drivers.poller import READ, WRITE, check_room
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import NAP_US, Service, ServiceOwner
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.enums import DebugType, EndReason
from gamesockets.values.moments import NEVER

_LOOK_EVERY_S: Final = 0.002
"""How often the end of the program looks at the sockets."""


@final
@mypyc_attr(native_class=False)
class _Life:
    """Ends with the service that holds it: compiled objects, as the service is, have no weak references."""


@final
class LoopService(Service):
    """Ports served by the callbacks of one event loop. Made on the loop's thread, on which `on_news` is called too."""

    def __init__(self, owner: ServiceOwner, loop: AbstractEventLoop, on_news: Callable[[], None]) -> None:
        super().__init__(owner)
        self._loop = loop
        self._on_news = on_news
        self._thread_id = threading.get_ident()
        self._has_readers = True
        self._is_serving = False
        self._is_news_due = False
        self._is_pump_planned = False
        """Whether what was gathered leaves in the loop's next turn."""
        self._read_at = 0
        """When sockets were last read by a program that only listens."""
        self._armed_for = NEVER
        self._timer: TimerHandle | None = None
        self._life = _Life()
        # The finalizer holds only the list: it must not keep this service alive.
        self._abandoned = weakref.finalize(self._life, _close_abandoned, self._ports)
        self._abandoned.atexit = False  # the end of the program is told to all nodes, and flushes too

    def _is_on_loop(self) -> bool:
        return threading.get_ident() == self._thread_id

    # ------------------------------------------------------------------ sockets

    def _register(self, port: Port) -> None:
        if self._has_readers:
            check_room(getattr(self._loop, "_selector", None), port.udp)  # one too many would end the whole loop
            try:
                self._loop.add_reader(port.udp.fileno(), self._ready, port, READ)
            except NotImplementedError:
                self._has_readers = False
        if not self._has_readers:
            watcher.watch(self._loop, port.udp, READ, self._on_ready(port))

    def _on_ready(self, port: Port) -> Callable[[int], None]:
        return lambda events: self._ready(port, events)

    def _unregister(self, port: Port) -> None:
        if not self._has_readers:
            watcher.forget(self._loop, port.udp)
        elif not self._loop.is_closed():
            self._loop.remove_reader(port.udp.fileno())
            self._loop.remove_writer(port.udp.fileno())

    def _watch_writing(self, port: Port) -> None:
        if not self._is_on_loop():
            self._call_on_loop(self._watch_writing_of_open, port)
        elif self._loop.is_closed():
            pass  # the backlog is never sent
        elif not self._has_readers:
            watcher.watch(self._loop, port.udp, READ | (WRITE if port.awaits_room else 0), self._on_ready(port))
        elif port.awaits_room:
            self._loop.add_writer(port.udp.fileno(), self._ready, port, WRITE)
        else:
            self._loop.remove_writer(port.udp.fileno())

    def _watch_writing_of_open(self, port: Port) -> None:
        if port.is_open:
            self._watch_writing(port)

    # ------------------------------------------------------------------ serving

    def _ready(self, port: Port, events: int) -> None:
        if events == READ and self._has_readers and self._lets_gather([(port, events)]):
            now = now_us()
            rest_us = self._read_at + NAP_US - now
            if rest_us > 0:
                self._loop.remove_reader(port.udp.fileno())
                self._loop.call_later(rest_us / 1_000_000, self._read_again, port)
                return
            self._read_at = now
        self._serve_now([(port, events)])

    def _read_again(self, port: Port) -> None:
        """Datagrams have gathered for a moment."""
        if port.is_open and not self._loop.is_closed():
            self._loop.add_reader(port.udp.fileno(), self._ready, port, READ)
            self._read_at = now_us()
            self._serve_now([(port, READ)])

    def _timer_fired(self) -> None:
        self._timer = None
        self._armed_for = NEVER
        self._serve_now([])

    def _serve_now(self, ready: list[tuple[Port, int]]) -> None:
        with self.lock:
            self._is_serving = True
            try:
                self._serve(ready, now_us())
            finally:
                self._is_serving = False
            self._arm()
        if OUTPUT.waiting:
            OUTPUT.deliver()
        self._on_news()

    def _wake_before(self, deadline: int) -> None:
        if deadline >= self._armed_for or self._is_serving:
            return
        if not self._is_on_loop():
            self._call_on_loop(self._arm_from_outside)
        elif not self._loop.is_closed():
            self._arm()

    def _arm_from_outside(self) -> None:
        with self.lock:
            self._arm()

    def _arm(self) -> None:
        """Sets the timer for the next deadline, unless it fires before that anyway. With the lock held."""
        deadline = self._next_deadline()
        if deadline >= self._armed_for:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._loop.call_later(max(0, deadline - now_us()) / 1_000_000, self._timer_fired)

    def _plan_pump(self) -> None:
        """In the loop's next turn: all tasks that send in one turn are served at once."""
        if self._loop.is_closed():
            self.pump_gathered()
        elif not self._is_pump_planned:
            self._is_pump_planned = True
            self._loop.call_soon(self._pump_planned)

    def _pump_planned(self) -> None:
        self._is_pump_planned = False
        if not self.gathering.ports:
            return
        with self.lock:
            self.pump_gathered()
        if OUTPUT.waiting:
            OUTPUT.deliver()
        self._on_news()  # what has left made room in send buffers

    def _serve_beside_sending(self, now: int) -> None:  # noqa: ARG002 - as for threads
        """A task that finds room for all that it sends gives the loop no turn, and acknowledgements would wait."""
        if self._is_on_loop():
            self._serve([(port, READ) for port in self._ports], now_us())

    def notify(self) -> None:
        """Has `on_news` called without the lock: after serving, or in the loop's next turn."""
        if self._is_serving or self._is_news_due or self._loop.is_closed():
            return
        self._is_news_due = True
        if self._is_on_loop():
            self._loop.call_soon(self._tell)
        else:
            self._call_on_loop(self._tell)

    def _tell(self) -> None:
        self._is_news_due = False
        self._on_news()

    def _call_on_loop(self, callback: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed
            self._loop.call_soon_threadsafe(callback, *arguments)

    # ------------------------------------------------------------------ the end

    def stop(self) -> None:
        """Closes all sockets, from another thread at the loop's next turn. Call without the lock."""
        if self._is_on_loop() or self._loop.is_closed():
            self._stop()
        else:
            self._call_on_loop(self._stop)

    def _stop(self) -> None:
        with self.lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._armed_for = 0  # nothing is set any more
            for port in list(self._ports):
                self.remove(port)
            self._abandoned.detach()

    def put_off(self, action: Callable[[], object]) -> None:
        self._call_on_loop(self._do, action)

    def _do(self, action: Callable[[], object]) -> None:
        """As the exception of any callback, the loop reports that of `action`."""
        action()

    def begin_end(self) -> None:
        if self._ports:
            _warn_of_abandoned()

    def serve_at_end(self) -> None:
        """By hand: the loop does not run any more, or not often enough."""
        time.sleep(_LOOK_EVERY_S)
        with self.lock:
            self._is_serving = True
            self._serve([(port, READ) for port in self._ports], now_us())
            self._is_serving = False
        OUTPUT.deliver()


def _warn_of_abandoned() -> None:
    text = "an event loop ended before the connections in it were closed: use `async with`, or await close()"
    OUTPUT.warn(DebugType.WARNING, "abandoned connections", text)


def _close_abandoned(ports: list[Port]) -> None:
    """The loop was closed while sockets were open, and nobody can use them any more. The peers are told once."""
    if ports:
        _warn_of_abandoned()
    now = now_us()
    for port in ports:
        try:
            port.pump_at_once(now)
            for connection in list(port.endpoint.connections.values()):
                port.endpoint.close(connection, int(EndReason.APP_EXCEPTION_MAX), "abandoned", False, now)
            port.pump_at_once(now)
        finally:
            port.udp.close()
