"""Where do the events of all connections of this process go? To a file, one JSON object a line, or to a function.

Whoever makes an event holds a lock that packets need. So a thread of its own writes; when it cannot follow, events are
left out, and one of them says how many.
"""

import json
import os
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias, final

from gamesockets.clock import now_us, unix_epoch_us
from gamesockets.config.scopes import Configuration
from gamesockets.connection.connection import StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.trace import Tee, TraceSink
from gamesockets.node.environment import FromEnvironment
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.log_fields import LOG_RECORDING
from gamesockets.observe.trace_events import VERSION, Event, EventSink, EventTrace, state_event
from gamesockets.observe.trace_lines import trace_lines
from gamesockets.values.enums import DebugType

VARIABLE: Final = "GAMESOCKETS_TRACE"

TraceTarget: TypeAlias = str | os.PathLike[str] | Callable[[Event], object]

FILE_BYTES_MAX: Final = 1 << 30
WAITING_MAX: Final = 200_000
"""So many events may wait for the thread."""
_PAUSE_S: Final = 0.05


class _Stream(EventSink):
    """Events on their way to the thread that takes them."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self._dropped = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gamesockets-trace", daemon=True)
        self.put({"event": "trace", "at_us": now_us(), "version": VERSION, "unix_us": now_us() + unix_epoch_us()})
        self._thread.start()

    def put(self, event: Event) -> None:
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(event)
        else:
            self._dropped += 1

    def close(self) -> None:
        """Hands over what waits, and ends."""
        self._ending.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.wait(_PAUSE_S):
            self._hand_over()
        self._hand_over()
        self._finish()

    def _hand_over(self) -> None:
        events = [self._waiting.popleft() for _ in range(len(self._waiting))]
        dropped, self._dropped = self._dropped, 0
        if dropped:
            events.append({"event": "dropped", "at_us": now_us(), "events": dropped})
        if events:
            self._take(events)

    @abstractmethod
    def _take(self, events: list[Event]) -> None:
        """On the thread."""

    @abstractmethod
    def _finish(self) -> None:
        """The same, after all others."""


@final
class _ToFile(_Stream):
    """Raises `OSError` if the file cannot be opened."""

    def __init__(self, path: str, bytes_max: int) -> None:
        self._path = path
        self._left = bytes_max
        # Unbuffered: a forked child must have nothing to flush. Addresses of peers are nobody else's business.
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        super().__init__()

    def _take(self, events: list[Event]) -> None:
        if self._left <= 0:
            return
        lines = [json.dumps(event, separators=(",", ":")) + "\n" for event in events]
        data = "".join(lines).encode("ascii")
        if len(data) > self._left:
            data = data[: data.rfind(b"\n", 0, self._left) + 1] + _end("full")
            self._left = 0
            text = f"the trace {self._path} is full, and nothing more is written to it"
            OUTPUT.say(DebugType.WARNING, text, LOG_RECORDING)
        self._left -= len(data)
        self._write(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self._left = 0
            text = f"the trace {self._path} cannot be written: {error.strerror or error}"
            OUTPUT.say(DebugType.ERROR, text, LOG_RECORDING)

    def _finish(self) -> None:
        if self._left > 0:
            self._write(_end("closed"))
        os.close(self._file)


def _end(why: str) -> bytes:
    event = {"event": "end", "at_us": now_us(), "why": why}
    return json.dumps(event, separators=(",", ":")).encode("ascii") + b"\n"


@final
class _ToFunction(_Stream):
    def __init__(self, function: Callable[[Event], object]) -> None:
        self._function = function
        self._has_failed = False
        super().__init__()

    def _take(self, events: list[Event]) -> None:
        for event in events:
            try:
                self._function(event)
            except Exception:  # noqa: BLE001 - it must not end the thread
                if not self._has_failed:
                    self._has_failed = True
                    OUTPUT.exception("the function given to set_trace raised; this is reported once", LOG_RECORDING)

    def _finish(self) -> None:
        self._take([{"event": "end", "at_us": now_us(), "why": "closed"}])


@final
class Tracing:
    """The one trace of this process."""

    def __init__(self) -> None:
        self.sink: EventSink | None = None
        self._stream: _Stream | None = None
        self._environment = FromEnvironment(VARIABLE, "no trace is written")

    def direct(self, target: TraceTarget | None, bytes_max: int) -> None:
        """From now on events go there; None stops it. Connections have to be told, see `sink_for`."""
        self._environment.settle()
        opened: _Stream | None = None
        if callable(target):
            opened = _ToFunction(target)
        elif target is not None:
            path = os.fspath(target)
            opened = _ToFile(path, bytes_max)
            OUTPUT.say(DebugType.MESSAGE, f"a trace of all connections is written to {path}", LOG_RECORDING)
        before, self._stream = self._stream, opened
        self.sink = opened
        if before is not None:
            before.close()

    def follow_environment(self) -> None:
        """Does what the variable asks for, see `FromEnvironment`."""
        self._environment.follow(lambda path: self.direct(path, FILE_BYTES_MAX))

    def start_anew(self) -> None:
        """After a fork, in the child: the thread is gone, and the file is the parent's."""
        self.sink = None
        self._stream = None

    def state_changed(self, change: StateChange) -> None:
        """A connection went from one state to another."""
        if self.sink is not None:
            self.sink.put(state_event(change, now_us()))

    def sink_for(
        self, connection: DatagramConnection, name: str, is_incoming: bool, configuration: Configuration
    ) -> TraceSink | None:
        """What to give to the connection's `set_trace`; None if nobody watches it."""
        lines = trace_lines(connection, name, configuration)
        if self.sink is None:
            return lines
        events = EventTrace(connection, name, is_incoming, self.sink, now_us)
        return events if lines is None else Tee(events, lines)


TRACING: Final = Tracing()
"""The one there is."""
