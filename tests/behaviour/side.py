"""What can a scenario ask of ours or of the reference library?

`Side` is one running library: `tests.behaviour.ours_threads` and `tests.behaviour.ours_aio` drive ours,
`tests.interop.reference` the reference library in a process apart.  Scenarios know only this class, so each runs with
either library in either role.  A side works on its own: it accepts, collects events and messages, echoes, while the
scenario waits for what it needs.
Configuration values, flags, states and reasons are the numbers of `tests.interop.gns`.
"""

from __future__ import annotations

import abc
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple, TypeVar

from tests.behaviour.traffic import Outgoing, Received, reliable_count
from tests.interop.gns import Config, EndReason, Options, OptionValue, State
from tests.support.waiting import wait_until

DEADLINE_S: Final = 60.0
STATUS_EVERY_S: Final = 0.05
NO_OPTIONS: Final[Options] = {}
PATIENT_OPTIONS: Final[Options] = {Config.TIMEOUT_INITIAL: 60_000, Config.TIMEOUT_CONNECTED: 60_000}
"""As `tests.support.patience.PATIENT`, by the numbers of either library."""
_T = TypeVar("_T")


class Event(NamedTuple):
    """One change of a connection's state, as the application was told."""

    connection: int
    old_state: int
    state: int
    reason: int
    text: str
    identity: str
    address: str
    listen_socket: int
    flags: int
    description: str


class Status(NamedTuple):
    """Rates and queues of a connection (spec 3, 9.2)."""

    state: int
    ping_ms: int
    quality_local: float
    quality_remote: float
    out_packets_per_second: float
    out_bytes_per_second: float
    in_packets_per_second: float
    in_bytes_per_second: float
    send_rate: int
    pending_unreliable: int
    pending_reliable: int
    sent_unacked_reliable: int
    queue_time_us: int
    max_jitter_us: int


class Info(NamedTuple):
    """What a side knows about a connection (spec 3, 9.1)."""

    identity: str
    address: str
    listen_socket: int
    state: int
    reason: int
    text: str
    flags: int
    description: str


class Refusal(NamedTuple):
    """What a client is told that is not let in."""

    reason: int
    text: str


class Side(abc.ABC):
    """One running library, with what happened to it so far.  `accepting` says what becomes of requests."""

    shutdown_reason: ClassVar[int] = EndReason.APP_EXCEPTION_MAX
    refuses_reasons: ClassVar[bool] = False
    """Whether a reason that no application may give is an error of the call."""
    """What peers hear when it is shut down (spec 3, 15.2)."""

    protocol_versions: ClassVar[frozenset[int]] = frozenset({13})
    """Which it may say that it speaks (spec 1, 3.8)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._changed = threading.Condition()
        self._events: list[Event] = []
        self._accept_results: dict[int, int] = {}
        self._received: defaultdict[int, list[Received]] = defaultdict(list)
        self._reliable: Counter[int] = Counter()

    # ---- what each library does in its own way

    @abc.abstractmethod
    def listen(self, address: str, options: Options = NO_OPTIONS) -> str:
        """Listen on "ip:port" (port 0: any free one) and return the bound address."""

    @abc.abstractmethod
    def connect(self, address: str, options: Options = NO_OPTIONS) -> int:
        """Begin to connect."""

    @abc.abstractmethod
    def close_connection(self, connection: int, reason: int = 0, text: str = "", linger: bool = False) -> bool:
        """Close a connection."""

    @abc.abstractmethod
    def send(self, connection: int, messages: Sequence[Outgoing]) -> list[int]:
        """Send all messages in order; for each its number, or minus the Result."""

    @abc.abstractmethod
    def configure_lanes(self, connection: int, priorities: Sequence[int], weights: Sequence[int]) -> int:
        """Configure the lanes of the sending direction; returns the Result."""

    @abc.abstractmethod
    def info(self, connection: int) -> Info | None:
        """Information about a connection."""

    @abc.abstractmethod
    def detailed_status(self, connection: int) -> str:
        """The long text about a connection (spec 3, 9.3)."""

    @abc.abstractmethod
    def status(self, connection: int) -> Status:
        """Rates and queues of a connection."""

    @abc.abstractmethod
    def set_globals(self, values: Mapping[Config, OptionValue]) -> None:
        """Set configuration values at global scope, until this side is closed."""

    @abc.abstractmethod
    def behave(self, accepting: bool = True, echoing: bool = False, refusal: Refusal | None = None) -> None:
        """Say what to do with requests (accept, leave waiting, or refuse at once) and with messages (echo them with
        their own flags and lane, or only collect them)."""

    @abc.abstractmethod
    def close(self) -> None:
        """Shut the library down as an application that ends does."""

    @abc.abstractmethod
    def check(self) -> None:
        """Raise when this side is no longer able to work."""

    # ---- what is told to the collector, from any thread

    def _note_event(self, event: Event, accept_result: int | None) -> None:
        with self._changed:
            self._events.append(event)
            if accept_result is not None:
                self._accept_results[event.connection] = accept_result
            self._changed.notify_all()

    def _note_messages(self, connection: int, messages: Sequence[Received]) -> None:
        with self._changed:
            self._received[connection].extend(messages)
            self._reliable[connection] += reliable_count(messages)
            self._changed.notify_all()

    # ---- what scenarios wait for

    def wait_until(self, ready: Callable[[], _T | None], what: str, timeout_s: float = DEADLINE_S) -> _T:
        """Wait until `ready` returns something true, looked at whenever this side noted something new."""

        def sleep() -> None:
            self.check()
            self._changed.wait(0.5)

        with self._changed:
            return wait_until(ready, lambda: f"{what} at {self.name}; {self._summary()};", timeout_s, sleep)

    def wait_for_state(self, connection: int, state: State, timeout_s: float = DEADLINE_S) -> Event:
        """The event that took `connection` into `state`; fails at once when it has ended otherwise."""

        def find() -> Event | None:
            for event in self._events:
                if event.connection == connection:
                    if event.state == state:
                        return event
                    ended = event.state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY)
                    assert not ended or state is State.NONE, (
                        f"{self.name}: waited for {state.name}, got {event}; {self._summary()}"
                    )
            return None

        return self.wait_until(find, f"{state.name} of connection {connection}", timeout_s)

    def wait_for_requests(self, count: int = 1, timeout_s: float = DEADLINE_S) -> list[int]:
        """Connections that arrived at this side's listen sockets, oldest first."""

        self.wait_until(lambda: len(self.requests()) >= count, f"{count} incoming connections", timeout_s)
        return self.requests()

    def wait_for_connected(self, connection: int) -> Event:
        """The event with which `connection` became Connected."""
        return self.wait_for_state(connection, State.CONNECTED)

    def wait_for_messages(self, connection: int, count: int, timeout_s: float = DEADLINE_S) -> list[Received]:
        """The messages of a connection once there are `count`."""
        self.wait_until(
            lambda: len(self._received[connection]) >= count,
            f"{count} messages on connection {connection}",
            timeout_s,
        )
        return self.received(connection)

    def wait_for_reliable(
        self, connection: int, sent: Sequence[Received], timeout_s: float = DEADLINE_S
    ) -> list[Received]:
        """All messages of a connection once it has as many reliable ones as were `sent`."""
        count = reliable_count(sent)
        self.wait_until(
            lambda: self._reliable[connection] >= count,
            f"{count} reliable messages on connection {connection}",
            timeout_s,
        )
        return self.received(connection)

    def wait_for_status(
        self, connection: int, ready: Callable[[Status], bool], what: str, timeout_s: float = DEADLINE_S
    ) -> Status:
        """The first status that is `ready`; nothing announces a new one, so it is asked for repeatedly."""

        def look() -> Status | None:
            status = self.status(connection)
            return status if ready(status) else None

        def what_came() -> str:
            return f"{what} at {self.name}; {self.status(connection)};"

        return wait_until(look, what_came, timeout_s, lambda: time.sleep(STATUS_EVERY_S))

    def requests(self) -> list[int]:
        """Connections that arrived at this side's listen sockets so far, oldest first."""
        with self._changed:
            return [
                event.connection for event in self._events if event.state == State.CONNECTING and event.listen_socket
            ]

    def received(self, connection: int) -> list[Received]:
        """The messages of a connection so far."""
        with self._changed:
            return list(self._received[connection])

    def events(self, connection: int) -> list[Event]:
        """The events of a connection so far."""
        with self._changed:
            return [event for event in self._events if event.connection == connection]

    def accept_result(self, connection: int) -> int | None:
        """What accepting this connection returned, None if that was not tried."""
        with self._changed:
            return self._accept_results.get(connection)

    def _summary(self) -> str:
        counts = {connection: len(messages) for connection, messages in self._received.items()}
        states = Counter((event.old_state, event.state, event.reason) for event in self._events)
        last = self._events[-1] if self._events else None
        return f"messages {counts if len(counts) < 10 else sum(counts.values())}, {dict(states)}, last {last}"
