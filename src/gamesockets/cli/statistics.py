"""What came back, how fast, and what does that amount to? The bookkeeping of `gamesockets ping`.

A ping message is a header (4 bytes `gsp1`, then the sequence number and the sending time in microseconds,
big-endian) and a filling that depends on the sequence number, so that an echo that was damaged or mixed up is
noticed.
"""

from __future__ import annotations

import statistics
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

HEADER: Final = struct.Struct("!4sIq")
MAGIC: Final = b"gsp1"
SIZE_MIN: Final = HEADER.size


@final
@dataclass(frozen=True, slots=True)
class RoundTripSummary:
    """Round-trip times in milliseconds; `stddev` is that of the whole population, 0 for a single one."""

    minimum: float
    median: float
    mean: float
    maximum: float
    stddev: float


def summarize(round_trips_us: Sequence[int]) -> RoundTripSummary | None:
    """The summary of round trips given in microseconds, `None` when there are none."""
    if not round_trips_us:
        return None
    return RoundTripSummary(
        minimum=min(round_trips_us) / 1000,
        median=statistics.median(round_trips_us) / 1000,
        mean=statistics.fmean(round_trips_us) / 1000,
        maximum=max(round_trips_us) / 1000,
        stddev=statistics.pstdev(round_trips_us) / 1000,
    )


@final
@dataclass(frozen=True, slots=True)
class Reply:
    """One message that came back: its number, counted from 1, and its round trip in microseconds."""

    sequence: int
    round_trip_us: int
    size_bytes: int


@final
class Ledger:
    """Every message sent, every one that came back. Time comes in as microseconds of one clock."""

    __slots__ = ("_unanswered", "replies", "sent", "size_bytes", "strangers")

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.sent = 0
        self.replies: list[Reply] = []
        self.strangers = 0  # messages that are no echo of ours, or a second echo of the same one
        self._unanswered: dict[int, int] = {}

    def next_message(self, now_us: int) -> bytes:
        """The next message to send, counted as sent at `now_us`."""
        self.sent += 1
        self._unanswered[self.sent] = now_us
        return self._message(self.sent, now_us)

    def withdraw(self) -> None:
        """The latest message could not be sent after all."""
        del self._unanswered[self.sent]
        self.sent -= 1

    def receive(self, data: bytes, now_us: int) -> Reply | None:
        """Take a message that arrived at `now_us`; `None` when it answers nothing."""
        if len(data) == self.size_bytes:
            _, sequence, _ = HEADER.unpack_from(data)
            sent_us = self._unanswered.get(sequence)
            if sent_us is not None and data == self._message(sequence, sent_us):
                del self._unanswered[sequence]
                reply = Reply(sequence, now_us - sent_us, len(data))
                self.replies.append(reply)
                return reply
        self.strangers += 1
        return None

    @property
    def unanswered(self) -> list[int]:
        """The numbers of the messages that did not come back, in order."""
        return list(self._unanswered)

    @property
    def loss_percent(self) -> float:
        """The share of messages that did not come back; 0 when none was sent."""
        return 100.0 * len(self._unanswered) / self.sent if self.sent else 0.0

    @property
    def complete(self) -> bool:
        """Whether something was sent and all of it came back."""
        return self.sent > 0 and not self._unanswered

    def _message(self, sequence: int, sent_us: int) -> bytes:
        filling = (sequence & 0xFF).to_bytes(1, "big") * (self.size_bytes - HEADER.size)
        return HEADER.pack(MAGIC, sequence & 0xFFFFFFFF, sent_us) + filling
