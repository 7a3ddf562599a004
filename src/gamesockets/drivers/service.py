"""What is done when a socket is ready, a deadline comes, or a caller has changed something?

The common part of the drivers. `threads` and `aio` add who sleeps, and how the sleeper is woken.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, Final

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.build import mypyc_attr
from gamesockets.clock import now_us
from gamesockets.connection.connection import StateChange
from gamesockets.drivers.gathering import BEGIN, PUMP_ALL, PUMP_FIRST, SERVE, Gathering
from gamesockets.drivers.lag import Lag
from gamesockets.drivers.lock import DeadLock, is_inside, new_lock
from gamesockets.drivers.poller import READ, WRITE
from gamesockets.drivers.port import Port
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.moments import NEVER

LISTENING_ROUNDS: Final = 4
"""After so many rounds with datagrams in which the program has sent nothing, it does not answer each of them."""

NAP_US: Final = 1_000
"""From then on datagrams are taken at most so often: one wake-up for many, as in a server between two ticks."""

SERVE_EVERY_US: Final = 1_000
"""A program that sends message by message for so long, without a pause, takes what has come meanwhile."""

SERVED_BESIDE_MAX: Final = 4
"""So many sockets may it have for that: to look at many would cost more than it saves."""

MANY_DATAGRAMS: Final = 16
"""Where so many came at once the last time, a wake-up takes enough anyway, and acknowledgements of bulk do not wait."""


@mypyc_attr(allow_interpreted_subclasses=True)
class ServiceOwner(ABC):
    """Who is told what happens. Called with the service's lock held."""

    @abstractmethod
    def on_change(self, port: Port, change: StateChange) -> None:
        """The state of a connection behind a port has changed."""
        raise NotImplementedError

    @abstractmethod
    def on_removed(self, port: Port) -> None:
        """A port was closed."""
        raise NotImplementedError

    @abstractmethod
    def on_reminder(self, what: int) -> None:
        """The time given to `Service.remind` has come."""
        raise NotImplementedError


class Service(ABC):
    """The ports of one owner, their deadlines, and the lock that guards it all.

    Whoever holds the lock may use the endpoints, and calls `pump` afterwards.
    """

    def __init__(self, owner: ServiceOwner) -> None:
        self.lock: Any = new_lock()
        self.is_inside = is_inside(self.lock)
        """Whether this thread holds the lock: who asks is then a signal handler or finalizer that interrupted it."""
        self.lag = Lag()
        self._owner = owner
        self._reminders: deque[tuple[int, int]] = deque()
        """Times and what the owner is told then, in order of time."""
        self._ports: list[Port] = []
        self._timers: list[tuple[int, int, Port]] = []
        self._entries = 0
        self.gathering = Gathering()
        """Messages that leave a moment later, together."""
        self._rounds_listened = 0
        """In how many rounds datagrams came to a program that waits, since it last sent something."""

    # ------------------------------------------------------------------ what a driver adds

    @abstractmethod
    def _register(self, port: Port) -> None:
        """Begins to watch a port's socket for reading."""

    @abstractmethod
    def _unregister(self, port: Port) -> None:
        """Forgets a port's socket, which is closed next."""

    @abstractmethod
    def _watch_writing(self, port: Port) -> None:
        """`port.awaits_room` has changed: the port's socket is watched for writing while that is true."""

    @abstractmethod
    def _wake_before(self, deadline: int) -> None:
        """Wakes the sleeper if it would sleep beyond that."""

    @abstractmethod
    def notify(self) -> None:
        """There may be news for those who wait. Called with the lock held."""

    @abstractmethod
    def _plan_pump(self) -> None:
        """The first message was gathered: has `pump_gathered` called soon, though nothing is queued behind it."""

    @abstractmethod
    def _serve_beside_sending(self, now: int) -> None:
        """The program sends message by message, without a pause: does what cannot wait for one, if nobody else does."""

    @abstractmethod
    def stop(self) -> None:
        """Serves nothing any more and closes all sockets. Call without the lock."""

    @abstractmethod
    def put_off(self, action: Callable[[], object]) -> None:
        """Has `action` called soon without the lock, which this thread holds. From signal handlers and finalizers."""

    @abstractmethod
    def begin_end(self) -> None:
        """The program ends, perhaps with ports open. Call without the lock."""

    @abstractmethod
    def serve_at_end(self) -> None:
        """The program ends: serves for a moment, if nobody else does. Call without the lock."""

    def die_in_child(self) -> None:
        """The process was forked, and this is the child: closes its copies of the sockets, and sends nothing."""
        self.lock = DeadLock()
        self.is_inside = is_inside(self.lock)
        for port in self._ports:
            port.is_open = False
            port.udp.close()
        self._ports.clear()

    # ------------------------------------------------------------------ with the lock held

    def add(self, port: Port) -> None:
        """Begins to serve a port. Raises `OSError`, and closes the port's socket, if there are too many to watch."""
        try:
            self._register(port)
        except OSError:
            port.is_open = False
            port.udp.close()
            raise
        self._ports.append(port)

    def remove(self, port: Port) -> None:
        """Closes a port's socket."""
        if port.is_open:
            port.is_open = False
            self._ports.remove(port)
            self._unregister(port)
            port.udp.close()
            self._owner.on_removed(port)

    def ports(self) -> list[Port]:
        """All open ports."""
        return self._ports

    def send_out(self, port: Port, what_to_do: int, now: int) -> None:
        """A message was queued on a port, and `gathering` says what there is to do, which is not nothing."""
        if what_to_do == BEGIN:
            self._plan_pump()
            return
        if what_to_do == PUMP_ALL:
            self.pump_gathered()
        elif what_to_do != SERVE:
            self.pump(port, now)
            if what_to_do == PUMP_FIRST:
                self.gathering.have_left(now_us())
        if now >= self.gathering.serve_from:
            self.gathering.serve_from = now + SERVE_EVERY_US
            if len(self._ports) <= SERVED_BESIDE_MAX:
                self._serve_beside_sending(now)

    def pump_gathered(self) -> None:
        """Sends what was gathered."""
        gathering = self.gathering
        if not gathering.ports:
            return
        now = now_us()
        ports = list(gathering.ports)
        gathering.ports.clear()
        try:
            for port in ports:
                if port.is_open:
                    self.pump(port, now)
        except Exception:  # noqa: BLE001 - as in `_serve`
            self._recover(ports)
        gathering.have_left(now_us())

    def pump(self, port: Port, now: int) -> None:
        """After something was done to a port's endpoint: sends, reports events, sets the next deadline.

        An exception comes out, such as that of a program that has reached the recursion limit. Nothing is forgotten.
        """
        try:
            if self.gathering.ports:
                self.gathering.ports.pop(port, None)
            awaited_room = port.awaits_room
            port.pump(now)
            if port.awaits_room is not awaited_room:
                self._watch_writing(port)
            endpoint = port.endpoint
            event = endpoint.next_event()
            if event is not None:
                while event is not None:
                    self._owner.on_change(port, event)
                    event = endpoint.next_event()
                self.notify()
            if not port.owner and not endpoint.connections:
                self.remove(port)
            else:
                self.schedule(port)
        except BaseException:
            self._start_over(port)
            raise

    def schedule(self, port: Port) -> None:
        """Notes when the port next needs service."""
        self._schedule_at(port, port.next_timer())

    def _schedule_at(self, port: Port, deadline: int) -> None:
        if deadline >= port.deadline:
            return
        port.deadline = deadline
        self._entries += 1
        heappush(self._timers, (deadline, self._entries, port))
        self._wake_before(deadline)

    def remind(self, due: int, what: int) -> None:
        """Has the owner told of `what`; `due` must not lie before that of an earlier reminder."""
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

    def _next_deadline(self) -> int:
        timers = self._timers
        while timers and timers[0][0] != timers[0][2].deadline:
            heappop(timers)
        deadline = timers[0][0] if timers else NEVER
        return min(deadline, self._reminders[0][0]) if self._reminders else deadline

    def _serve(self, ready: Iterable[tuple[Port, int]], now: int) -> None:
        """Does what is due. An exception for one connection must stop neither the others nor the thread."""
        self.gathering.serve_from = now + SERVE_EVERY_US
        try:
            self._serve_all(ready, now)
        except Exception:  # noqa: BLE001 - see above
            self._recover(self._ports)

    def pump_due(self, ports: Iterable[Port], now: int) -> None:
        """The program has queued messages on these ports, and queues no more for the moment."""
        self.gathering.has_sent = True
        for port in ports:
            self.pump(port, now)

    def _lets_gather(self, ready: Iterable[tuple[Port, int]]) -> bool:
        """Datagrams have come to a program that waits: whether it would rather take them with those that follow.

        So if it has sent nothing in the last few such rounds, nobody was about to connect, and few came at once in the
        last one.
        """
        if self.gathering.has_sent:
            self.gathering.has_sent = False
            self._rounds_listened = 0
        for port, _ in ready:
            if port.endpoint.heard_control:
                port.endpoint.heard_control = False
                self._rounds_listened = 0
        self._rounds_listened += 1
        if self._rounds_listened <= LISTENING_ROUNDS:
            return False
        for port, _ in ready:
            if port.udp.taken >= MANY_DATAGRAMS:
                return False
        return True

    def serve_between(self) -> None:
        """In the middle of a call that takes long: takes what has come for the listen sockets, and does what is due."""
        self._serve([(port, READ) for port in self._ports if port.owner], now_us())

    def _recover(self, ports: Iterable[Port]) -> None:
        """Called while an exception is handled that may have kept these ports from being pumped."""
        OUTPUT.exception("serving the sockets met an unexpected error and goes on")
        for port in ports:
            self._start_over(port)

    def _start_over(self, port: Port) -> None:
        if port.is_open:
            port.endpoint.start_over()
            port.deadline = NEVER
            self.schedule(port)

    def _serve_all(self, ready: Iterable[tuple[Port, int]], now: int) -> None:
        touched: dict[Port, None] = {}
        for port, events in ready:
            if not port.is_open:
                continue
            if events & WRITE:
                port.flush_backlog(now)
                self._watch_writing(port)
            if events & READ:
                port.receive(now)
            touched[port] = None
        timers = self._timers
        while timers and timers[0][0] <= now:
            deadline, _, port = heappop(timers)
            if deadline == port.deadline and port.is_open:
                port.deadline = NEVER
                if deadline > 0:  # else something was owed, not due
                    self.lag.note(now - deadline)
                if port.arrivals.count and port not in touched:
                    port.receive(now)
                touched[port] = None
                if port.impairment.is_active:
                    port.deliver_delayed(now)
                port.endpoint.handle_timer(now)
        touched.update(self.gathering.ports)
        for port in touched:
            if port.is_open:
                self.pump(port, now)
        reminders = self._reminders
        while reminders and reminders[0][0] <= now:
            self._owner.on_reminder(reminders.popleft()[1])
        self.notify()
