"""Who serves the sockets of a `NetworkingSockets`: its service thread, or a user's thread that waits anyway.

Whoever holds `Service.lock` may use the endpoints; a caller that has just queued something pumps at once instead of
waking a thread. A sleeper is woken only when a deadline moved ahead of the one it sleeps for.

A thread in `wait` leads: it sleeps on the sockets itself and serves them, which saves handing every message from one
thread to another. Meanwhile the service thread is parked, and it steps in when no one has led for two milliseconds.
"""

import threading
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Final, final

from gamesockets.config import NetworkConditions
from gamesockets.connection.connection import StateChange
from gamesockets.connection.timers import NEVER
from gamesockets.debug import OUTPUT
from gamesockets.drivers.clock import now_us
from gamesockets.drivers.impairment import Impairment
from gamesockets.drivers.packet_trace import OFF, trace_received, trace_sent
from gamesockets.drivers.poller import READ, WRITE, Poller, Ready
from gamesockets.drivers.udp import UdpSocket
from gamesockets.endpoint import Endpoint, Transmit

DATAGRAMS_PER_TURN: Final = 256
"""Read from one socket before others, and callers waiting for the lock, get their turn."""

SLEEP_MAX_S: Final = 86_400.0
"""Selectors refuse to sleep for weeks; whoever wants to sleeps again."""

STEP_IN_AFTER_US: Final = 2_000
"""How long the service thread leaves the sockets alone after a leader has left: it will often be back."""


@final
class Port:
    """One UDP socket with the endpoint behind it."""

    __slots__ = ("backlog", "deadline", "endpoint", "impairment", "is_open", "owner", "trace_bytes_max", "udp")

    def __init__(self, udp: UdpSocket, endpoint: Endpoint, impairment: Impairment) -> None:
        self.udp = udp
        self.endpoint = endpoint
        self.impairment = impairment
        self.backlog: deque[Transmit] = deque()
        """What the operating system would not take yet; nothing new is asked for meanwhile."""
        self.deadline = NEVER
        self.is_open = True
        self.owner = 0
        """Handle of the listen socket it belongs to; 0 for a port of one outgoing connection, closed after it."""
        self.trace_bytes_max = OFF
        """How much of each datagram is shown in debug output; 0 only its size."""

    def pump(self, now: int) -> None:
        """Lets everything leave that is due."""
        endpoint = self.endpoint
        if self.impairment.is_active:
            self._pump_impaired(now)
            return
        while not self.backlog:
            transmits = endpoint.datagrams_to_send(now)
            if not transmits:
                return
            self._send(transmits)
            if endpoint.next_timer() > now:
                return

    def _send(self, transmits: list[Transmit]) -> None:
        for index, (datagrams, address) in enumerate(transmits):
            taken = self.udp.send(datagrams, address)
            if self.trace_bytes_max > OFF:
                trace_sent(self.udp.local_address, address, datagrams[:taken], self.trace_bytes_max)
            if taken < len(datagrams):
                self.backlog.append((datagrams[taken:], address))
                self.backlog.extend(transmits[index + 1 :])
                return

    def flush_backlog(self) -> None:
        """The socket takes datagrams again."""
        waiting = list(self.backlog)
        self.backlog.clear()
        self._send(waiting)

    def _pump_impaired(self, now: int) -> None:
        outgoing = self.impairment.outgoing
        for datagrams, address in self.endpoint.datagrams_to_send(now):
            for data in datagrams:
                outgoing.receive_datagram(data, address, now)
        if not self.backlog:
            self._send([([data], address) for data, address in outgoing.datagrams_to_send(now)])

    def pump_at_once(self, now: int) -> None:
        """Sends what is due past the simulated network, as the last thing before closing."""
        self._send(self.endpoint.datagrams_to_send(now))

    def receive(self, now: int) -> bool:
        """Reads what has arrived, up to one turn's worth; whether there was anything."""
        groups = self.udp.receive(DATAGRAMS_PER_TURN)
        if self.trace_bytes_max > OFF:
            for datagrams, address in groups:
                trace_received(self.udp.local_address, address, datagrams, self.trace_bytes_max)
        endpoint = self.endpoint
        if self.impairment.is_active:
            incoming = self.impairment.incoming
            for datagrams, address in groups:
                for data in datagrams:
                    incoming.receive_datagram(data, address, now)
            self.deliver_delayed(now)
        else:
            for datagrams, address in groups:
                endpoint.receive_datagrams(datagrams, address, now)
        return bool(groups)

    def deliver_delayed(self, now: int) -> None:
        """Hands over what the simulated network has held back long enough."""
        for data, address in self.impairment.incoming.datagrams_to_send(now):
            self.endpoint.receive_datagram(data, address, now)

    def next_timer(self) -> int:
        """When this port next needs the service thread."""
        impairment = self.impairment
        if self.backlog:
            # What the links let go could not leave either: only the socket's readiness helps.
            return impairment.incoming.next_timer() if impairment.is_active else NEVER
        deadline = self.endpoint.next_timer()
        return min(deadline, impairment.next_timer()) if impairment.is_active else deadline


@final
class Service:
    """Ports, the thread that serves them when nobody waits, and the lock that guards it all."""

    def __init__(
        self,
        on_event: Callable[[Port, StateChange], None],
        has_news: Callable[[], bool],
        on_reminder: Callable[[int], None],
    ) -> None:
        self.lock = threading.Lock()
        self._on_event = on_event
        self._has_news = has_news
        self._on_reminder = on_reminder
        self._reminders: deque[tuple[int, int]] = deque()
        """Times and what to say then, in order of time."""
        self._ports: list[Port] = []
        self._timers: list[tuple[int, int, Port]] = []
        self._entries = 0
        self._stopping = False
        self._news = threading.Condition(self.lock)
        self._followers = 0
        """Threads in `wait` beside the leader."""
        self._leading = False
        self._leading_since = 0
        self._led_until = 0
        """When a thread last gave up leading."""
        self._parked = threading.Condition(self.lock)
        self._is_parked_for_long = False
        self._service_poller = Poller()
        self._leader_poller = Poller()
        self._thread = threading.Thread(target=self._run, name="gamesockets-service", daemon=True)
        self._thread.start()

    # The methods from here on, up to `wait`, are called with the lock held.

    def add(self, port: Port) -> None:
        """Begins to serve a port."""
        self._ports.append(port)
        self._service_poller.register(port.udp, port)
        self._leader_poller.register(port.udp, port)

    def remove(self, port: Port) -> None:
        """Closes a port's socket."""
        if port.is_open:
            port.is_open = False
            self._ports.remove(port)
            self._service_poller.unregister(port.udp)
            self._leader_poller.unregister(port.udp)
            port.udp.close()

    def ports(self) -> list[Port]:
        """All open ports."""
        return self._ports

    def pump(self, port: Port, now: int) -> None:
        """After something was done to a port's endpoint: sends, reports events, sets the next deadline."""
        had_backlog = bool(port.backlog)
        port.pump(now)
        if bool(port.backlog) != had_backlog:
            self._watch_writing(port)
        endpoint = port.endpoint
        event = endpoint.next_event()
        if event is not None:
            while event is not None:
                self._on_event(port, event)
                event = endpoint.next_event()
            self.notify()
        if not port.owner and not endpoint.connections:
            self.remove(port)
        else:
            self.schedule(port)

    def schedule(self, port: Port) -> None:
        """Notes when the port next needs service."""
        deadline = port.next_timer()
        if deadline >= port.deadline:
            return
        port.deadline = deadline
        self._entries += 1
        heappush(self._timers, (deadline, self._entries, port))
        self._wake_before(deadline)

    def _wake_before(self, deadline: int) -> None:
        """Wakes the sleeper if it would sleep through that."""
        poller = self._leader_poller if self._leading else self._service_poller
        if deadline < poller.sleeping_until:
            poller.sleeping_until = deadline
            poller.wake()

    def remind(self, due: int, what: int) -> None:
        """Has `on_reminder(what)` called with the lock held; `due` must not lie before that of an earlier reminder."""
        self._reminders.append((due, what))
        self._wake_before(due)

    def set_packet_trace(self, bytes_max: int) -> None:
        """How much of each datagram debug output shows from now on; 0 only its size, below that nothing."""
        for port in self._ports:
            port.trace_bytes_max = bytes_max

    def set_conditions(self, conditions: NetworkConditions, now: int) -> None:
        """The simulated network changed; what it holds back already stays as it is."""
        for port in list(self._ports):
            port.impairment.set_conditions(conditions)
            self.pump(port, now)

    def notify(self) -> None:
        """Wakes those in `wait` if there is news."""
        if (self._followers or self._leading) and self._has_news():
            if self._leading and self._leader_poller.sleeping_until:
                self._leader_poller.wake()
            if self._followers:
                self._news.notify_all()

    def wait(self, timeout_s: float | None) -> bool:
        """Sleeps until there is news; False if the time ran out or the service stopped first."""
        if self._has_news() or self._stopping:
            return self._has_news()
        if self._leading:
            return self._follow(timeout_s)
        return self._lead(NEVER if timeout_s is None else now_us() + int(timeout_s * 1_000_000))

    def _follow(self, timeout_s: float | None) -> bool:
        self._followers += 1
        try:
            self._news.wait_for(self._news_or_stopping, timeout_s)
            return self._has_news()
        finally:
            self._followers -= 1

    def _lead(self, until: int) -> bool:
        try:
            self._leading = True
            self._leading_since = now_us()
            if self._service_poller.sleeping_until:
                self._service_poller.wake()
            while not self._news_or_stopping() and self._sleep_and_serve(self._leader_poller, until):
                pass
            return self._has_news()
        finally:
            self._leading = False
            self._led_until = 0 if self._followers else now_us()
            if self._is_parked_for_long or self._followers or self._stopping:
                self._parked.notify_all()

    def _news_or_stopping(self) -> bool:
        return self._stopping or self._has_news()

    def stop(self) -> None:
        """Ends the thread and closes all sockets. Call without the lock."""
        with self.lock:
            if self._stopping:
                return
            self._stopping = True
            self._news.notify_all()
            self._parked.notify_all()
            self._service_poller.wake()
            self._leader_poller.wake()
            while self._leading:
                self._parked.wait()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        with self.lock:
            for port in list(self._ports):
                self.remove(port)
            self._service_poller.close()
            self._leader_poller.close()

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        with self.lock:
            while not self._stopping:
                if not self._park():
                    self._sleep_and_serve(self._service_poller, NEVER)

    def _park(self) -> bool:
        """Leaves the sockets to a leader, and for a moment to the one who led last; False if there is none.

        A leader who comes and goes quickly finds a thread that only naps, and need not wake it each time.
        """
        since = self._leading_since if self._leading else self._led_until
        nap_us = since + STEP_IN_AFTER_US - now_us()
        if nap_us > 0:
            self._parked.wait(nap_us / 1_000_000)
            return True
        if self._leading:
            self._is_parked_for_long = True
            self._parked.wait()
            self._is_parked_for_long = False
            return True
        return False

    def _sleep_and_serve(self, poller: Poller, until: int) -> bool:
        """One round: sleeps at most until `until`, does what is due then; False once `until` has passed."""
        deadline = min(self._next_deadline(), until)
        poller.sleeping_until = deadline
        timeout_s = None if deadline == NEVER else min(max(0.0, (deadline - now_us()) / 1_000_000), SLEEP_MAX_S)
        self.lock.release()
        try:
            ready = poller.select(timeout_s)
        finally:
            self.lock.acquire()
            poller.sleeping_until = 0
        if self._stopping:
            return False
        now = now_us()
        try:
            self._serve(ready, now)
        except Exception:  # noqa: BLE001 - one connection's bug must silence neither the others nor a waiting user
            OUTPUT.exception("serving the sockets met an unexpected error and goes on")
            for port in self._ports:
                self.schedule(port)
        return now < until

    def _next_deadline(self) -> int:
        timers = self._timers
        while timers and timers[0][0] != timers[0][2].deadline:
            heappop(timers)
        deadline = timers[0][0] if timers else NEVER
        return min(deadline, self._reminders[0][0]) if self._reminders else deadline

    def _serve(self, ready: Ready, now: int) -> None:
        touched: dict[Port, None] = {}
        for port, events in ready:
            if not port.is_open:
                continue
            if events & WRITE:
                port.flush_backlog()
                self._watch_writing(port)
            if events & READ:
                port.receive(now)
            touched[port] = None
        timers = self._timers
        while timers and timers[0][0] <= now:
            deadline, _, port = heappop(timers)
            if deadline == port.deadline and port.is_open:
                port.deadline = NEVER
                touched[port] = None
                if port.impairment.is_active:
                    port.deliver_delayed(now)
                port.endpoint.handle_timer(now)
        for port in touched:
            if port.is_open:
                self.pump(port, now)
        reminders = self._reminders
        while reminders and reminders[0][0] <= now:
            self._on_reminder(reminders.popleft()[1])
        self.notify()

    def _watch_writing(self, port: Port) -> None:
        events = READ | (WRITE if port.backlog else 0)
        self._service_poller.watch(port.udp, events, port)
        self._leader_poller.watch(port.udp, events, port)
