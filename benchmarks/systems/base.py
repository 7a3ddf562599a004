"""What must a system be able to do to be measured? Scenarios know only `Node`."""

from __future__ import annotations

import abc
import time
from collections.abc import Callable
from typing import Final, TypeAlias

Send: TypeAlias = Callable[[bytes], int]
"""Sends one message on a connection; `OK`, `FULL` or another result."""
Receive: TypeAlias = Callable[[], list[bytes]]
"""Takes messages that wait, oldest first."""
Burst: TypeAlias = Callable[[], int]
"""Sends messages until it has sent a fixed number or one is refused because the buffer is full; how many were sent."""

OK: Final = 1
FULL: Final = 25
CONNECT_DEADLINE_S: Final = 20.0


class MeasurementError(Exception):
    """The measured system did something that makes the measurement worthless."""


class Node(abc.ABC):
    """One side of a system under measurement, in its own process.

    Attributes:
        incoming: connections that arrived, were accepted and are connected, oldest first.
        connected: every connection that is connected and has not ended.
        ended: how many connections the other side or a fault has ended.
        last_end: what was said about the last of these.
    """

    def __init__(self) -> None:
        self.incoming: list[int] = []
        self.connected: set[int] = set()
        self.ended = 0
        self.last_end = ""

    @abc.abstractmethod
    def listen(self) -> str:
        """Listens on a free port of 127.0.0.1; where."""

    @abc.abstractmethod
    def connect(self, address: str) -> int:
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
    def sender(self, connection: int, reliable: bool, no_nagle: bool) -> Send:
        """The quickest way an application has to send on this connection, one message a call."""

    @abc.abstractmethod
    def receiver(self, connection: int) -> Receive:
        """The same to receive."""

    @abc.abstractmethod
    def wait(self, timeout_s: float) -> None:
        """What an application does that has nothing to do: waits until there is news, or naps if it cannot."""

    @abc.abstractmethod
    def run_callbacks(self) -> None:
        """Has status changes noted in the attributes, incoming connections accepted and ended ones closed."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the system as an application that ends does."""

    def burst(self, connection: int, payload: bytes, reliable: bool, count: int) -> Burst:
        """Sends `count` equal messages a call as an application with a loop would."""
        send = self.sender(connection, reliable, no_nagle=False)

        def burst() -> int:
            for sent in range(count):
                result = send(payload)
                if result != OK:
                    check_full(result)
                    return sent
            return count

        return burst

    def idle(self, timeout_s: float) -> None:
        """Waits, and takes note of what happened."""
        self.wait(timeout_s)
        self.run_callbacks()

    def wait_until(self, ready: Callable[[], bool], what: str) -> None:
        """Idles until `ready`. Raises `MeasurementError` when that takes too long."""
        deadline = time.monotonic() + CONNECT_DEADLINE_S
        while not ready():
            if time.monotonic() > deadline:
                raise MeasurementError(f"{what} did not happen within {CONNECT_DEADLINE_S:g} s")
            self.idle(0.05)

    def connect_and_wait(self, address: str) -> int:
        """A connection that is connected."""
        connection = self.connect(address)
        self.wait_until(lambda: connection in self.connected, "connecting")
        return connection

    def accept_one(self) -> int:
        """The first connection that arrives."""
        self.wait_until(lambda: bool(self.incoming), "an incoming connection")
        return self.incoming[0]


def check_full(result: int) -> None:
    """Raises `MeasurementError` unless a refusal says that the buffer is full."""
    if result != FULL:
        raise MeasurementError(f"a message was refused with result {result}")
