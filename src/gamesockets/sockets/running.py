"""How does a game loop run and stop? Ticks until somebody asks for the end, then a drain."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import final

from gamesockets.clock import now_us
from gamesockets.drivers.signals import SIGNALS
from gamesockets.drivers.stop_signals import on_stop_signals
from gamesockets.drivers.threads import ThreadService
from gamesockets.node.draining import Drain
from gamesockets.node.node import Node
from gamesockets.observe.debug_output import LINES
from gamesockets.sockets.news import News
from gamesockets.sockets.ticks import Ticks
from gamesockets.values.moments import NEVER

_GENTLY = 1
_AT_ONCE = 2
"""How the end was asked for: a second stop signal does not want to wait for peers any more."""


@final
class Running:
    """The loop of one `NetworkingSockets`, and its drain. Used on the thread that calls `run` or `drain`."""

    def __init__(self, node: Node, threads: ThreadService, news: News, run_callbacks: Callable[[], None]) -> None:
        self._node = node
        self._threads = threads
        self._news = news
        self._run_callbacks = run_callbacks
        self._is_running = False
        self._asked = 0
        """0 while nobody has asked for the end."""

    def stop(self) -> None:
        """Asks for a gentle end. From any thread and any signal handler."""
        self._asked = max(self._asked, _GENTLY)
        self._threads.wake()

    def _on_signal(self) -> None:
        self._asked += 1
        self._threads.wake()

    def run(
        self, on_tick: Callable[[], object], ticks: Ticks | None, grace_us: int, timeout_us: int, stop_signals: bool
    ) -> None:
        """See `NetworkingSockets.run`; without `ticks`, one follows whenever there is news."""
        if self._is_running:
            raise RuntimeError("run is running already: it cannot be called from on_tick, a callback or another thread")
        self._is_running = True
        signals: AbstractContextManager[None] = on_stop_signals(self._on_signal) if stop_signals else nullcontext()
        try:
            with signals:
                self._tick_while(lambda: not self._asked, on_tick, ticks, NEVER)
                if grace_us:
                    self._tick_out(on_tick, ticks, now_us() + grace_us)
                self._run_callbacks()  # who has left by now is heard of
                self.drain(timeout_us, 0, "")
        finally:
            self._is_running = False
            self._asked = 0

    def _tick_out(self, on_tick: Callable[[], object], ticks: Ticks | None, until: int) -> None:
        """Nobody is admitted any more, and the loop goes on for those who are there, until they have left."""
        node = self._node
        drain = Drain(node)
        with LINES, node.entering():
            drain.begin()

        def goes_on() -> bool:
            with node.lock:
                return self._asked < _AT_ONCE and drain.living() > 0

        self._tick_while(goes_on, on_tick, ticks, until)

    def _tick_while(
        self, goes_on: Callable[[], bool], on_tick: Callable[[], object], ticks: Ticks | None, until: int
    ) -> None:
        while True:
            asked = self._asked  # as it is now: who asks from here on ends the sleep
            if not goes_on() or now_us() >= until or self._node.is_closed:
                return
            self._run_callbacks()
            on_tick()
            now = now_us()
            self._sleep(asked, min(until, ticks.next_due(now) if ticks else until) - now, ticks is None)

    def _sleep(self, asked: int, sleep_us: int, for_news: bool) -> None:
        """Until the time is over or somebody asks for the end once more; for news, also until there is some."""
        node = self._node
        timeout_s = None if sleep_us > NEVER >> 1 else max(0, sleep_us) / 1_000_000
        with LINES, SIGNALS, node.entering():
            is_news = self._news.of_anything()
            self._threads.wait(timeout_s, lambda: self._asked != asked or (for_news and is_news()))
            if for_news:
                self._news.tell()
        self._end_if_closed()

    def _end_if_closed(self) -> None:
        if self._threads.is_stopping():  # a signal handler that closed could not wait for the end on this thread
            self._threads.stop()

    # ------------------------------------------------------------------ the end

    def drain(self, timeout_us: int, reason: int, debug: str) -> bool:
        """See `NetworkingSockets.drain`."""
        node = self._node
        drain = Drain(node)
        with LINES, node.entering():
            if node.is_closed:
                return True
            drain.begin()
        try:
            with LINES, SIGNALS, node.entering():
                drain.close(reason, debug)
                self._threads.wait(timeout_us / 1_000_000, lambda: self._asked >= _AT_ONCE or drain.is_over())
        finally:
            with LINES, node.lock:
                left = drain.end()
        self._end_if_closed()
        return not left
