"""What was sent, and may what arrives be that? The account of one direction of one connection."""

from random import Random
from struct import Struct
from typing import Final, final

from gamesockets.values.enums import SendFlags
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.message import NetworkingMessage

__all__ = ["FILLING", "Ledger", "Violation"]

_HEADER: Final = Struct(">III")
FILLING: Final = Random(0).randbytes(2 * MAX_MESSAGE_BYTES)
"""All messages are cut out of it."""

_RELIABLE: Final = int(SendFlags.RELIABLE)


class Violation(Exception):  # noqa: N818 - what the explorer looks for is no error of its own
    """A promise was broken; the text says which."""


@final
class Sent:
    """A message that is on its way."""

    __slots__ = ("number", "sequence", "size_bytes")

    def __init__(self, sequence: int, size_bytes: int, number: int) -> None:
        self.sequence = sequence
        self.size_bytes = size_bytes
        self.number = number


@final
class _Lane:
    __slots__ = ("arrived", "reliable")

    def __init__(self) -> None:
        self.reliable: list[Sent] = []
        self.arrived = 0
        """How many of them have arrived."""


@final
class Ledger:
    """Messages of one direction.

    Args:
        key: different for each direction of each connection, and part of every message.
    """

    def __init__(self, key: int) -> None:
        self.key = key
        self._sequence = 0
        self._lanes: dict[int, _Lane] = {}
        self._unreliable: dict[tuple[int, int], Sent] = {}
        """Unreliable messages that have not arrived, by lane and number."""
        self.reliable_sent = 0
        self.reliable_arrived = 0
        self.unreliable_sent = 0
        self.unreliable_arrived = 0

    def next_message(self, size_bytes: int) -> bytes:
        """The next message: no other has the same content, unless it is tiny."""
        self._sequence += 1
        return self._content(self._sequence, size_bytes)

    def sent(self, size_bytes: int, lane: int, number: int, is_reliable: bool) -> None:
        """The last `next_message` was taken."""
        sent = Sent(self._sequence, size_bytes, number)
        if is_reliable:
            self.reliable_sent += 1
            self._lanes.setdefault(lane, _Lane()).reliable.append(sent)
        else:
            self.unreliable_sent += 1
            self._unreliable[lane, number] = sent

    def arrived(self, message: NetworkingMessage) -> None:
        """A message arrived. Raises `Violation` if it must not: twice, out of order, not as it was sent."""
        lane, number = message.lane, message.message_number
        if message.flags & _RELIABLE:
            account = self._lanes.get(lane)
            if account is None or account.arrived >= len(account.reliable):
                raise Violation(f"reliable message {number} of lane {lane} was never sent, or came twice")
            sent = account.reliable[account.arrived]
            account.arrived += 1
            self.reliable_arrived += 1
            if sent.number != number:
                raise Violation(f"reliable message {number} of lane {lane} came where {sent.number} was due")
        else:
            found = self._unreliable.pop((lane, number), None)
            if found is None:
                raise Violation(f"unreliable message {number} of lane {lane} was never sent, or came twice")
            sent = found
            self.unreliable_arrived += 1
        if message.data != self._content(sent.sequence, sent.size_bytes):
            raise Violation(f"message {number} of lane {lane} is not as it was sent: {len(message.data)} bytes")

    @property
    def missing(self) -> int:
        """How many reliable messages have not arrived."""
        return self.reliable_sent - self.reliable_arrived

    def _content(self, sequence: int, size_bytes: int) -> bytes:
        header = _HEADER.pack(self.key, size_bytes, sequence)
        if size_bytes <= len(header):
            return header[len(header) - size_bytes :]
        offset = (self.key * 7919 + sequence * 104_729) % MAX_MESSAGE_BYTES
        return header + FILLING[offset : offset + size_bytes - len(header)]
