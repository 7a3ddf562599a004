"""How does the way to a server do? Asked with the protocol's own first question, which any server answers to anybody.

A challenge request (spec 1, 2.1) leaves no trace at the server, so this needs no connection and no echo. It may be
padded to any size, which shows how large a datagram the way takes, in this direction.
"""

from __future__ import annotations

import errno
import secrets
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from types import TracebackType
from typing import Final, Self, final

import gamesockets as gs
from gamesockets.wire.datagram import CHALLENGE_REQUEST, PADDED_MINIMUM_BYTES, decode_control, encode_control
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest
from gamesockets.wire.versions import PROTOCOL_VERSION

SIZES: Final = (PADDED_MINIMUM_BYTES, 900, 1100, 1200, 1252, 1300)
"""UDP payloads to try; 1300 is the largest datagram of this protocol."""
TRIES: Final = 3
PATIENCE_S: Final = 1.0
_RECEIVE_BYTES: Final = 4096
_DONT_FRAGMENT: Final = 2  # IP_PMTUDISC_DO, the same for IPv6
_MTU_DISCOVER: Final = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}
"""Linux's IP_MTU_DISCOVER and IPV6_MTU_DISCOVER, for which Python 3.11 has no names."""


@final
@dataclass(slots=True)
class Answers:
    """What came back of a row of questions."""

    sent: int = 0
    protocol_version: int | None = None
    refused: str = ""
    """What the system says, such as that nobody listens on the port."""
    round_trips_us: list[int] = field(default_factory=list)

    @property
    def lost_percent(self) -> float:
        """Of the questions, how many got no answer."""
        return 100 * (1 - len(self.round_trips_us) / self.sent) if self.sent else 0.0

    @property
    def median_us(self) -> float:
        """The middle of the round trips; 0 without any."""
        return median(self.round_trips_us) if self.round_trips_us else 0.0

    @property
    def jitter_us(self) -> float:
        """By how much a round trip differs from the one before, on average."""
        pairs = list(zip(self.round_trips_us, self.round_trips_us[1:], strict=False))
        return sum(abs(one - other) for one, other in pairs) / len(pairs) if pairs else 0.0


@final
class Prober:
    """A socket of its own that asks one address. Raises `OSError` where the system knows no way there."""

    def __init__(self, address: gs.Address) -> None:
        family = socket.AF_INET if address.is_ipv4 else socket.AF_INET6
        self._connection_id = secrets.randbits(31) | 1
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if sys.platform == "linux":
                self._socket.setsockopt(*_MTU_DISCOVER[family], _DONT_FRAGMENT)
            self._socket.setblocking(False)
            self._socket.connect((address.ip, address.port))
        except OSError:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def is_answered(self, size_bytes: int = PADDED_MINIMUM_BYTES) -> Answers:
        """Up to three questions of that size, until one is answered or refused."""
        answers = Answers()
        for _ in range(TRIES):
            sent_us = self._ask(answers, size_bytes)
            until = time.monotonic() + PATIENCE_S
            while not answers.refused and not answers.round_trips_us and time.monotonic() < until:
                self._take_in(answers, {sent_us}, until)
            if answers.refused or answers.round_trips_us:
                break
        return answers

    def largest_datagram(self) -> int:
        """The largest UDP payload of `SIZES` that is answered; 0 if none is."""
        found = 0
        for size_bytes in SIZES:
            if not self.is_answered(size_bytes).round_trips_us:
                break
            found = size_bytes
        return found

    def measure(self, count: int, interval_s: float) -> Answers:
        """Asks so often, in even intervals, and waits a second for the last answers."""
        answers, asked = Answers(), set[int]()
        due = time.monotonic()
        for _ in range(count):
            asked.add(self._ask(answers, PADDED_MINIMUM_BYTES))
            due += interval_s
            while time.monotonic() < due:
                self._take_in(answers, asked, due)
        until = time.monotonic() + PATIENCE_S
        while asked and time.monotonic() < until:
            self._take_in(answers, asked, until)
        return answers

    def _ask(self, answers: Answers, size_bytes: int) -> int:
        """Sends a question; when that was, by which its answer is known."""
        sent_us = gs.Library.time()
        request = ChallengeRequest(
            connection_id=self._connection_id, my_timestamp=sent_us, protocol_version=PROTOCOL_VERSION
        )
        answers.sent += 1
        try:
            self._socket.send(encode_control(CHALLENGE_REQUEST, request).ljust(size_bytes, b"\0"))
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EMSGSIZE):  # too large for the way: not answered
                answers.refused = str(error.strerror or error)
        return sent_us

    def _take_in(self, answers: Answers, asked: set[int], until_s: float) -> None:
        """Waits for a datagram and takes it in; one that answers no question of ours is dropped."""
        ready, _, _ = select.select([self._socket], [], [], max(until_s - time.monotonic(), 0))
        if not ready:
            return
        try:
            data = self._socket.recv(_RECEIVE_BYTES)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EMSGSIZE):
                answers.refused = str(error.strerror or error)
            return
        now_us = gs.Library.time()
        reply = decode_control(data)
        if (
            isinstance(reply, ChallengeReply)
            and reply.connection_id == self._connection_id
            and reply.your_timestamp in asked
        ):
            asked.discard(reply.your_timestamp)
            answers.protocol_version = reply.protocol_version
            answers.round_trips_us.append(now_us - reply.your_timestamp)


def timer_lateness_us(count: int = 30) -> Sequence[int]:
    """How much longer than asked for a sleep of 2 ms takes here, each of so many, sorted."""
    late: list[int] = []
    for _ in range(count):
        began = time.perf_counter()
        time.sleep(0.002)
        late.append(round((time.perf_counter() - began - 0.002) * 1_000_000))
    return sorted(late)
