"""What must a system be able to do to be measured? Scenarios know only `Node`.

Scenarios are coroutines, so that systems on an event loop and systems without one run the same program. `Direct` is the
base of those without: none of its coroutines ever waits for a loop, so `run_without_loop` runs a scenario by one step.
"""

from __future__ import annotations

import abc
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from benchmarks.control import PATIENCE_S, Control, Word
from benchmarks.plan import NAP_S

Send: TypeAlias = Callable[[bytes], Awaitable[int]]
"""Sends one message on a connection; `OK`, `FULL` or another result."""
Receive: TypeAlias = Callable[[float], Awaitable[list[bytes]]]
"""Takes messages that wait on a connection, oldest first; if there are none, waits that many seconds for some."""
Burst: TypeAlias = Callable[[], Awaitable[int]]
"""Sends messages until it has sent a fixed number or one is refused because the buffer is full; how many were sent."""
Outgoing: TypeAlias = tuple[int, bytes]
"""A connection and what to send on it."""
Arrival: TypeAlias = tuple[bytes, float]
"""A message, and when the system took it from the network: seconds of `time.monotonic`, the same in all processes."""
Answer = TypeVar("Answer")

LOCALHOST: Final = "127.0.0.1"
OK: Final = 1
FULL: Final = 25
CONNECT_DEADLINE_S: Final = 20.0
URGENT_LANE: Final = 0
BULK_LANE: Final = 1
"""The second lane, where there are two; the first goes before it."""
_CONTROL_STEP_S: Final = 0.01


class MeasurementError(Exception):
    """The measured system did something that makes the measurement worthless."""


class Node(abc.ABC):
    """One side of a system under measurement, in its own process.

    Attributes:
        host: the address that it listens on, or that a client's socket is bound to where the system binds one.
        incoming: connections that arrived, were accepted and are connected, oldest first.
        connected: every connection that is connected and has not ended.
        ended: how many connections the other side or a fault has ended.
        last_end: what was said about the last of these.
    """

    def __init__(self) -> None:
        self.host = LOCALHOST
        self.incoming: list[int] = []
        self.connected: set[int] = set()
        self.ended = 0
        self.last_end = ""

    @abc.abstractmethod
    async def listen(self) -> str:
        """Listens on a free port of `host`; where."""

    @abc.abstractmethod
    async def connect(self, address: str) -> int:
        """Begins to connect."""

    @abc.abstractmethod
    def close_connection(self, connection: int) -> None:
        """Closes a connection without delay."""

    def note_end(self, connection: int, reason: int, text: str) -> None:
        """A connection was ended by the other side or by a fault."""
        self.ended += 1
        self.last_end = f"{reason} {text}"
        self.close_connection(connection)

    @abc.abstractmethod
    def sender(self, connection: int, reliable: bool, no_nagle: bool, lane: int = 0) -> Send:
        """The quickest way an application has to send on this connection, one message a call."""

    @abc.abstractmethod
    def receiver(self, connection: int) -> Receive:
        """The same to receive."""

    @abc.abstractmethod
    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """Sends `count` equal messages a call as an application with a loop would."""

    @abc.abstractmethod
    async def idle(self, timeout_s: float) -> None:
        """Waits until there is news, at most that long, and takes note of what happened to connections."""

    @abc.abstractmethod
    async def sleep(self, seconds: float) -> None:
        """What an application does that wants nothing for a while: the system goes on as far as it can by itself."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Ends the system as an application that ends does."""

    # ---- for some scenarios only

    def watch_all(self) -> None:  # noqa: B027 - not all can do it
        """Before connections exist: their messages are going to be taken by `take_all`."""

    def take_all(self) -> list[Arrival]:
        """Takes what waits on any connection. Never waits."""
        raise NotImplementedError

    async def take_for(self, seconds: float, handle: Callable[[list[Arrival]], None]) -> None:  # noqa: ARG002 - see below
        """What a server does between two ticks. Most sleep; those that wake for messages hand them to `handle`."""
        await self.sleep(seconds)

    async def fan_out(self, messages: Sequence[Outgoing]) -> int:
        """Sends a message on each of many connections, unreliable and without Nagle's wait; how many were taken."""
        raise NotImplementedError

    async def broadcast(self, data: bytes) -> int:
        """Sends one message on every connection, unreliable and with Nagle's wait; how many were taken."""
        raise NotImplementedError

    def use_two_lanes(self, connection: int) -> None:  # noqa: B027 - as its text says
        """Sets up `URGENT_LANE` and `BULK_LANE`, if the system has such a thing at all."""

    def has_unacknowledged(self, connection: int) -> bool:
        """Is there reliable data that is unsent or unacknowledged?"""
        raise NotImplementedError

    def ping_ms(self, connection: int) -> int:
        """The system's own idea of the round trip time; negative if it has none yet."""
        raise NotImplementedError

    def pending_bytes(self, connection: int) -> int:
        """What waits to be sent, or to be sent again."""
        raise NotImplementedError

    def path_figures(self, connection: int) -> dict[str, float]:  # noqa: ARG002 - few have any
        """What the system says it has learned of the path, for a plot; nothing where it does not tell."""
        return {}

    # ---- the rest is the same for all

    async def rest(self) -> None:
        """What a sender does whose message was refused."""
        await self.sleep(NAP_S)

    async def hear(self, control: Control) -> Word:
        """Waits for a word of the other process while the system goes on. Raises `TimeoutError`."""
        deadline = time.monotonic() + PATIENCE_S
        while (word := control.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no word from the other process for {PATIENCE_S:g} s")
            await self.idle(_CONTROL_STEP_S)
        return word

    async def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Idles until `ready`. Raises `MeasurementError` when that takes too long."""
        deadline = time.monotonic() + CONNECT_DEADLINE_S
        while not ready():
            if time.monotonic() > deadline:
                raise MeasurementError(f"{what} did not happen within {CONNECT_DEADLINE_S:g} s")
            await self.idle(0.05)

    async def connect_and_wait(self, address: str) -> int:
        """A connection that is connected."""
        connection = await self.connect(address)
        await self.wait_until(lambda: connection in self.connected, "connecting")
        return connection

    async def accept_one(self) -> int:
        """The first connection that arrives."""
        await self.wait_until(lambda: bool(self.incoming), "an incoming connection")
        return self.incoming[0]


class Direct(Node):
    """A system without an event loop: its calls return when they are done."""

    @abc.abstractmethod
    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:
        """The quickest call that sends one message; gives the result."""

    @abc.abstractmethod
    def take_function(self, connection: int) -> Callable[[], list[bytes]]:
        """The quickest call that takes the messages that wait on a connection."""

    @abc.abstractmethod
    def wait(self, timeout_s: float) -> None:
        """What an application does that has nothing to do: waits until there is news, or naps if it cannot."""

    @abc.abstractmethod
    def run_callbacks(self) -> None:
        """Has status changes noted in the attributes, incoming connections accepted and ended ones closed."""

    def sender(self, connection: int, reliable: bool, no_nagle: bool, lane: int = 0) -> Send:
        """`send_function`."""
        send = self.send_function(connection, reliable, no_nagle, lane)

        async def send_one(data: bytes) -> int:
            return send(data)

        return send_one

    def receiver(self, connection: int) -> Receive:
        """`take_function`, with `wait` when there was nothing."""
        take, wait = self.take_function(connection), self.wait

        async def receive(timeout_s: float) -> list[bytes]:
            messages = take()
            if not messages and timeout_s:
                wait(timeout_s)
                messages = take()
            return messages

        return receive

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int, lane: int = 0) -> Burst:
        """`send_function` in a loop."""
        send = self.send_function(connection, reliable, False, lane)

        async def burst() -> int:
            for sent in range(count):
                result = send(payload)
                if result != OK:
                    check_full(result)
                    return sent
            return count

        return burst

    async def idle(self, timeout_s: float) -> None:
        """`wait`, then `run_callbacks`."""
        self.wait(timeout_s)
        self.run_callbacks()

    async def sleep(self, seconds: float) -> None:
        """The thread sleeps: right for systems that have one of their own."""
        time.sleep(seconds)


class Threaded(Direct):
    """A system whose own thread goes on while the application sleeps."""

    async def hear(self, control: Control) -> Word:
        """Sleeps until there is a word."""
        return control.hear()


def run_without_loop(program: Coroutine[Any, Any, Answer]) -> Answer:
    """Runs a coroutine that waits for nothing but other such coroutines."""
    try:
        program.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    program.close()
    raise RuntimeError("a system without an event loop has waited for one")


def check_full(result: int) -> None:
    """Raises `MeasurementError` unless a refusal says that the buffer is full."""
    if result != FULL:
        raise MeasurementError(f"a message was refused with result {result}")
