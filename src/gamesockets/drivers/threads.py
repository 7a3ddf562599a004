"""Who serves the sockets of a `NetworkingSockets`: its service thread, or a user's thread that waits anyway.

A caller that has just queued something pumps at once instead of waking a thread. A sleeper is woken only when a
deadline moved ahead of the one it sleeps for.

A thread in `wait` leads: it sleeps on the sockets itself and serves them, which saves handing every message from one
thread to another. Meanwhile the service thread is parked, and it steps in when no one has led for two milliseconds.
"""

import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias, final

from gamesockets.clock import now_us
from gamesockets.drivers.poller import READ, WRITE, Poller
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import NAP_US, Service, ServiceOwner
from gamesockets.drivers.signals import SIGNALS
from gamesockets.drivers.switch_interval import SWITCH_INTERVAL
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.moments import NEVER

SLEEP_MAX_S: Final = 86_400.0
"""Selectors do not take timeouts of weeks; a longer sleep is done in parts."""

STEP_IN_AFTER_US: Final = 2_000
"""How long the service thread leaves the sockets alone after a leader has left: it will often be back."""

STEP_IN_AFTER_MAX_US: Final = 4_000
"""The same once leaders have always been back in time: to look each time wakes the thread for nothing, and takes the
interpreter from the program."""

PUMP_AFTER_US: Final = 250
"""When the service thread sends what was gathered, if no thread of the program has done that at its time."""

WAIT_SLICE_S: Final = 0.25 if sys.platform == "win32" else SLEEP_MAX_S
"""The longest sleep of a thread in `wait`, after which it goes on. Nothing else lets Ctrl-C end a sleep on Windows."""

_LOOK_EVERY_S: Final = 0.002
"""How often the end of the program looks whether the thread has told all peers."""

NAP_MIN_US: Final = 100
"""To sleep for less costs more than it saves."""

DENSE_US: Final = 150
"""When datagrams come less than that apart, the service thread takes them every `NAP_US`: one wake-up for many. The
application is at work meanwhile, for one that waits serves the sockets itself."""


HasNews: TypeAlias = Callable[[], bool]


def _no_news() -> bool:
    return False


@final
class ThreadService(Service):
    """Ports, and the thread that serves them when nobody waits."""

    def __init__(self, owner: ServiceOwner) -> None:
        super().__init__(owner)
        self._stopping = False
        self._news = threading.Condition(self.lock)
        self._followers: list[HasNews] = []
        """What the threads in `wait` beside the leader wait for."""
        self._leading = False
        self._leader_has_news: HasNews = _no_news
        """What the leader waits for."""
        self._leader_thread = 0
        self._leads_on_main = False
        self._leading_since = 0
        self._woke_at = 0
        """When a sleep on the sockets last ended."""
        self._led_until = 0
        """When a thread last gave up leading, or served beside sending."""
        self._step_in_after_us = STEP_IN_AFTER_US
        """How long the service thread leaves the sockets alone at present."""
        self._parked = threading.Condition(self.lock)
        self._is_parked_for_long = False
        self._napping = threading.Condition()
        """Its lock is taken by who holds the service's, and never the other way round: a nap that is over shall not
        stop a program that sends, which holds that one most of the time."""
        self._gathered_deadline = NEVER
        """When the service thread sends what was gathered."""
        self._put_off: deque[Callable[[], object]] = deque()
        self._in_order = threading.RLock()
        """Held by the one thread that does what was put off. Never waited for."""
        self._service_poller = Poller()
        try:
            self._leader_poller = Poller()
        except OSError:
            self._service_poller.close()
            raise
        SWITCH_INTERVAL.open(id(self))
        self._service_thread = threading.Thread(target=self._run, name="gamesockets-service", daemon=True)
        try:
            self._service_thread.start()
        except RuntimeError:  # the system has no thread to give
            SWITCH_INTERVAL.close(id(self))
            self._service_poller.close()
            self._leader_poller.close()
            raise

    # The methods from here on, up to `stop`, are called with the lock held.

    def _register(self, port: Port) -> None:
        self._service_poller.register(port.udp, port)
        try:
            self._leader_poller.register(port.udp, port)
        except OSError:
            self._service_poller.unregister(port.udp)
            raise

    def _unregister(self, port: Port) -> None:
        self._service_poller.unregister(port.udp)
        self._leader_poller.unregister(port.udp)

    def _watch_writing(self, port: Port) -> None:
        events = READ | (WRITE if port.awaits_room else 0)
        self._service_poller.watch(port.udp, events, port)
        self._leader_poller.watch(port.udp, events, port)

    def _wake_before(self, deadline: int) -> None:
        poller = self._leader_poller if self._leading else self._service_poller
        if deadline < poller.sleeping_until:
            poller.sleeping_until = deadline
            poller.wake()

    def _plan_pump(self) -> None:
        self._gathered_deadline = self.gathering.until + PUMP_AFTER_US
        self._wake_before(self._gathered_deadline)

    def _next_deadline(self) -> int:
        deadline = super()._next_deadline()
        return min(deadline, self._gathered_deadline) if self.gathering.ports else deadline

    def pump(self, port: Port, now: int) -> None:
        """As for every driver. Signal handlers wait until it is over."""
        with SIGNALS.for_a_moment():
            super().pump(port, now)

    def pump_gathered(self) -> None:
        """As `pump`."""
        if not self.gathering.ports:
            return
        with SIGNALS.for_a_moment():
            super().pump_gathered()

    def serve_between(self) -> None:
        """As `pump`."""
        with SIGNALS.for_a_moment():
            super().serve_between()

    def _serve_beside_sending(self, now: int) -> None:
        """Else the service thread would step in, and the two would take the interpreter from each other.

        Only where that serves all ports: it leaves them alone for a moment then.
        """
        if self._leading:
            return
        for port in self._ports:
            if not port.owner:
                return
        self.serve_between()
        self._led_until = now

    def notify(self) -> None:
        """Wakes those in `wait` if there is news for them."""
        if self._leading and self._leader_poller.sleeping_until and self._leader_has_news():
            self._leader_poller.wake()
        for has_news in self._followers:
            if has_news():
                self._news.notify_all()
                return

    def has_news_at_once(self, has_news: HasNews) -> bool:
        """Sends what was gathered, before a `wait`; whether that need not sleep, because there is news."""
        self.pump_gathered()
        return has_news()

    def wait(self, timeout_s: float | None, has_news: HasNews) -> bool:
        """Sleeps until `has_news`, which is asked with the lock held; False if time ran out or the service stopped."""
        if self.has_news_at_once(has_news):
            return True
        if self._stopping:
            return False
        until = NEVER if timeout_s is None else now_us() + int(timeout_s * 1_000_000)
        if self._leading and self._leader_thread != threading.get_ident():
            return self._follow(until, has_news)
        return self._lead(until, has_news)

    def _follow(self, until: int, has_news: HasNews) -> bool:
        self._followers.append(has_news)
        try:
            SIGNALS.let_run()
            while not (has_news() or self._stopping):
                left_us = until - now_us()
                if left_us <= 0:
                    break
                self._news.wait(min(left_us / 1_000_000, WAIT_SLICE_S))
            return has_news()
        finally:
            SIGNALS.hold()
            self._followers.remove(has_news)

    def _lead(self, until: int, has_news: HasNews) -> bool:
        """Also inside a signal handler that runs while this thread leads and sleeps: then it leads on afterwards."""
        has_led, led_for = self._leading, self._leader_has_news
        try:
            self._leading = True
            self._leader_thread = threading.get_ident()
            self._leader_has_news = has_news
            self._leads_on_main = self._leader_thread == SIGNALS.main_thread
            self._leading_since = now_us()
            if self._service_poller.sleeping_until:
                self._service_poller.wake()
            while not (has_news() or self._stopping):
                if not self._sleep_and_serve(self._leader_poller, until, WAIT_SLICE_S):
                    break
            return has_news()
        finally:
            self._leading = has_led
            self._leader_has_news = led_for
            self._led_until = 0 if self._followers else now_us()
            if has_led:
                self._leader_poller.wake()
            elif self._is_parked_for_long or self._followers or self._stopping:
                self._wake_parked()

    def stop(self) -> None:
        """Ends the thread, which closes all sockets. Call without the lock.

        Returns when that is done, unless this thread is needed for it: a signal handler inside `wait` called.
        """
        with self.lock:
            if not self._stopping:
                self._stopping = True
                self._news.notify_all()
                self._wake_parked()
                self._service_poller.wake()
                self._leader_poller.wake()
            is_needed = self._leading and self._leader_thread == threading.get_ident()
        if not is_needed and threading.current_thread() is not self._service_thread:
            self._service_thread.join()

    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping

    def put_off(self, action: Callable[[], object]) -> None:
        self._put_off.append(action)
        if not self._stopping:
            self._service_poller.wake()
            self._leader_poller.wake()

    def wake(self) -> None:
        """Has the leader look for news. From any thread or signal handler, with or without the lock."""
        self._leader_poller.wake()

    def begin_end(self) -> None:
        """Nothing to do: the thread is still there."""

    def serve_at_end(self) -> None:
        time.sleep(_LOOK_EVERY_S)  # the thread serves

    def die_in_child(self) -> None:
        super().die_in_child()
        self._service_poller.close()
        self._leader_poller.close()
        SWITCH_INTERVAL.close(id(self))

    def abandon(self) -> None:
        """Nobody holds the owner any more: the thread serves on, but without short turns. Usable from any thread."""
        SWITCH_INTERVAL.close(id(self))

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        with self.lock:
            while not self._stopping:
                if self._park():
                    self._do_what_was_put_off()
                else:
                    # Every system call releases the interpreter lock, which a computing application gives back late.
                    SWITCH_INTERVAL.shorten(id(self))
                    began = now_us()
                    self._sleep_and_serve(self._service_poller, NEVER, SLEEP_MAX_S)
                    self._nap_if_dense(began)
            SWITCH_INTERVAL.restore(id(self))
            while self._leading:
                self._parked.wait()
            for port in list(self._ports):
                self.remove(port)
            self._service_poller.close()
            self._leader_poller.close()
        SWITCH_INTERVAL.close(id(self))

    def _nap_if_listening(self, ready: list[tuple[Port, int]], deadline: int) -> None:
        """Without the lock, in `wait`: lets datagrams gather since the last round, but misses no deadline."""
        if self._lets_gather(ready):
            nap_us = min(self._woke_at + NAP_US, deadline) - now_us()
            if nap_us > NAP_MIN_US:
                time.sleep(nap_us / 1_000_000)

    def _nap_if_dense(self, began: int) -> None:
        """Lets datagrams gather if the last one came right away, but misses no deadline."""
        if self._woke_at - began < DENSE_US and not self._stopping:
            nap_us = min(NAP_US, self._next_deadline() - self._woke_at)
            if nap_us > DENSE_US:
                self._parked.wait(nap_us / 1_000_000)

    def _led_last(self) -> int:
        """When a thread of the program began to lead; when one last served, if none leads."""
        return self._leading_since if self._leading else self._led_until

    def _park(self) -> bool:
        """Leaves the sockets to a leader, and for a moment to the one who led last; False if there is none.

        A leader who comes and goes quickly finds a thread that only naps, and need not wake it each time.
        """
        nap_us = self._led_last() + self._step_in_after_us - now_us()
        if nap_us > 0 or self._leading:
            SWITCH_INTERVAL.restore(id(self))
        if nap_us > 0:
            self._nap(nap_us)
            return True
        self._step_in_after_us = STEP_IN_AFTER_US
        if self._leading:
            self._is_parked_for_long = True
            self._parked.wait()
            self._is_parked_for_long = False
            return True
        return False

    def _nap(self, nap_us: int) -> None:
        """Until no leader has been back for long enough, or somebody needs the thread."""
        napping = self._napping
        napping.acquire()
        self.lock.release()
        try:
            while nap_us > 0 and not (self._stopping or self._put_off):
                since = self._led_last()
                napping.wait(nap_us / 1_000_000)
                led = self._led_last()
                if led != since:
                    self._step_in_after_us = min(2 * self._step_in_after_us, STEP_IN_AFTER_MAX_US)
                nap_us = led + self._step_in_after_us - now_us()
        finally:
            napping.release()
            self.lock.acquire()

    def _wake_parked(self) -> None:
        self._parked.notify_all()
        with self._napping:
            self._napping.notify_all()

    def _sleep_and_serve(self, poller: Poller, until: int, sleep_max_s: float) -> bool:
        """One round: sleeps at most until `until`, does what is due then; False once `until` has passed."""
        deadline = min(self._next_deadline(), until)
        poller.sleeping_until = deadline
        timeout_s = sleep_max_s if deadline == NEVER else min(max(0.0, (deadline - now_us()) / 1_000_000), sleep_max_s)
        self.lock.release()
        try:
            if self._put_off or OUTPUT.waiting:
                self._do_without_lock()
                timeout_s = 0.0  # it may have taken long
            SIGNALS.let_run()
            ready = poller.select(timeout_s)
            if ready and poller is self._leader_poller:
                self._nap_if_listening(ready, deadline)
        finally:
            # Without a call before the lock is taken: a handler may run after each, and raise before it is taken.
            if poller is self._leader_poller:
                SIGNALS.may_run = SIGNALS.may_run and not self._leads_on_main
            poller.sleeping_until = 0
            self.lock.acquire()
        if self._stopping:
            return False
        now = self._woke_at = now_us()
        self._serve(ready, now)
        return now < until

    def _do_what_was_put_off(self) -> None:
        """In the service thread, beside a program that serves the sockets itself and may do so without end."""
        if self._put_off:
            self.lock.release()
            try:
                self._do_without_lock()
            finally:
                self.lock.acquire()

    def _do_without_lock(self) -> None:
        """What was put off, and lines of debug output."""
        # Two threads would change the order: a message after a close could overtake it. Who holds the lock looks again
        # once it is released, so that nothing is left behind for one who could not have it.
        while self._put_off and self._in_order.acquire(blocking=False):
            try:
                while self._put_off:
                    self._do(self._put_off.popleft())
            finally:
                self._in_order.release()
        OUTPUT.deliver()

    def _do(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception:  # noqa: BLE001 - whoever asked for it is gone
            OUTPUT.exception("a call that a signal handler or finalizer made could not be done")
