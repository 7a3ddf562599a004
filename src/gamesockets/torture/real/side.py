"""What must a library be able to do to take part in a soak? Ours can, and tests show how the reference library does."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple

__all__ = ["CLOSED_BY_PEER", "CONNECTED", "PROBLEM", "Arrived", "Change", "Side"]

CONNECTED: Final = 3
CLOSED_BY_PEER: Final = 4
PROBLEM: Final = 5
"""States of a connection, as both libraries number them (spec 3, 5.1)."""


class Arrived(NamedTuple):
    """A message of the other side."""

    connection: int
    lane: int
    is_reliable: bool
    data: bytes


class Change(NamedTuple):
    """A connection is in another state: `CONNECTED`, `CLOSED_BY_PEER` or `PROBLEM`."""

    connection: int
    state: int
    reason: int
    text: str


class Side(ABC):
    """One library with its sockets. Handles are numbers; requests to connect are accepted by the side itself."""

    @abstractmethod
    def listen(self) -> str:
        """Listens at a free port of this machine, and says where."""

    @abstractmethod
    def connect(self, address: str) -> int:
        """Begins to connect."""

    @abstractmethod
    def configure_lanes(self, connection: int, priorities: Sequence[int]) -> None:
        """Sets up the lanes of what is sent."""

    @abstractmethod
    def send(self, connection: int, data: bytes, is_reliable: bool, lane: int) -> bool:
        """Queues a message; False if there is no room for it now."""

    @abstractmethod
    def close(self, connection: int, reason: int, linger: bool) -> None:
        """Closes a connection."""

    @abstractmethod
    def changes(self) -> list[Change]:
        """What has changed since the last call."""

    @abstractmethod
    def receive(self) -> list[Arrived]:
        """Everything that has arrived and was not read."""

    @abstractmethod
    def held(self) -> tuple[int, int]:
        """By the library's own account: how many connections there are, and how many bytes they hold for either side.

        Closed ones count until the library has forgotten them.
        """

    @abstractmethod
    def stop(self) -> None:
        """Ends everything."""
