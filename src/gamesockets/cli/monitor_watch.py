"""How is one server watched: connected, sampled, and found again after it went away?"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, final

import gamesockets as gs
from gamesockets.cli.peers import ENDED, describe_peer, how_it_ended
from gamesockets.cli.terminal import printable

HISTORY_SECONDS: Final = 60.0
CONNECT_SECONDS: Final = 5.0
BACKOFF_FIRST_SECONDS: Final = 1.0
BACKOFF_MAX_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 10.0
"""A connection that held this long was a good one: the next outage begins with the shortest pause again."""
REASON_DONE: Final = 1000
PROBE: Final = b"gsm1"


class Phase(Enum):
    """Where a watch stands; the values are shown to people and programs."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    AWAY = "away"


@final
@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: what came in through it a second, and what waits here to be sent."""

    number: int
    in_messages_per_s: float
    in_bytes_per_s: float
    queued_bytes: int


@final
@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a server; `status` is `None` and `lanes` empty while there is no connection."""

    phase: Phase
    status: gs.ConnectionStatus | None
    lanes: Sequence[Lane]


@final
class Watch:
    """One server. Time comes in as monotonic seconds; `say` takes lines about what happened."""

    __slots__ = (
        "_backoff_s",
        "_connected_at_s",
        "_connected_before_s",
        "_connection",
        "_next_try_s",
        "_received",
        "_sampled_at_s",
        "_say",
        "_sockets",
        "_which",
        "addresses",
        "outages",
        "peer",
        "phase",
        "pings",
        "problem",
        "sample_count",
        "samples",
        "since_s",
        "target",
    )

    def __init__(
        self,
        target: str,
        addresses: Sequence[gs.Address],
        sockets: gs.NetworkingSockets,
        interval_s: float,
        say: Callable[[str], None],
    ) -> None:
        self.target = target
        self.addresses = addresses
        self._sockets = sockets
        self._say = say
        self._connection = gs.Connection(0)
        self._backoff_s = BACKOFF_FIRST_SECONDS
        self._next_try_s = 0.0
        self._which = 0
        self._connected_at_s: float | None = None
        self._connected_before_s = 0.0
        self.phase = Phase.AWAY
        self.since_s = 0.0
        self.peer = ""
        self.problem = ""
        """Why there is no connection; empty while there is one, and before the first try has failed."""
        self.outages = 0
        self._received: dict[int, tuple[int, int]] = {}  # lane: messages and bytes since the last sample
        self._sampled_at_s = 0.0
        self.samples: deque[Sample] = deque(maxlen=max(2, round(HISTORY_SECONDS / interval_s)))
        self.sample_count = 0
        self.pings = PingSummary()

    @property
    def connection(self) -> gs.Connection:
        """The handle of the present connection or attempt; 0 between two."""
        return self._connection

    @property
    def address(self) -> gs.Address:
        """Which of the addresses is used now, or will be tried next."""
        return self.addresses[self._which]

    def next_try_in_s(self, now_s: float) -> float:
        """Seconds until the next attempt; 0 when there is none to wait for."""
        return max(self._next_try_s - now_s, 0.0) if self.phase is Phase.AWAY else 0.0

    def connected_for_s(self, now_s: float) -> float:
        """Seconds with a connection, all together."""
        return self._connected_before_s + (now_s - self._connected_at_s if self._connected_at_s is not None else 0.0)

    def tick(self, now_s: float) -> None:
        """Connect when it is time to, and take messages off: a monitor has no use for them."""
        if self.phase is Phase.AWAY and now_s >= self._next_try_s:
            self._connect(now_s)
        if self._connection:
            while messages := self._sockets.receive_messages_on_connection(self._connection):
                for message in messages:
                    many, size_bytes = self._received.get(message.lane, (0, 0))
                    self._received[message.lane] = many + 1, size_bytes + message.length

    def probe(self) -> None:
        """Send a tiny unreliable message: its acknowledgement is a fresh round trip."""
        if self.phase is Phase.CONNECTED:
            self._sockets.send_message_to_connection(self._connection, PROBE, gs.SendFlags.UNRELIABLE_NO_DELAY)

    def sample(self, now_s: float) -> Sample:
        """Look at the connection and remember what was seen."""
        status, lanes = None, list[Lane]()
        if self.phase is Phase.CONNECTED:
            status = self._sockets.get_quick_connection_status(self._connection)
            lanes = self._lanes(now_s - self._sampled_at_s)
            if status is not None and status.ping >= 0:
                self.pings.add(status.ping)
        self._received.clear()
        self._sampled_at_s = now_s
        taken = Sample(self.phase, status, lanes)
        self.samples.append(taken)
        self.sample_count += 1
        return taken

    def _lanes(self, elapsed_s: float) -> list[Lane]:
        """The lanes that either side uses."""
        ours = self._sockets.get_lane_status(self._connection) or ()
        queued = {number: lane.pending_unreliable + lane.pending_reliable for number, lane in enumerate(ours)}
        found: list[Lane] = []
        for number in sorted(queued.keys() | self._received.keys()):
            many, size_bytes = self._received.get(number, (0, 0))
            elapsed_s = max(elapsed_s, 1e-3)
            found.append(Lane(number, many / elapsed_s, size_bytes / elapsed_s, queued.get(number, 0)))
        return found

    def on_status(self, info: gs.ConnectionInfo, now_s: float) -> None:
        """The state of our connection has changed."""
        if info.state == gs.ConnectionState.CONNECTED:
            # Who typed the address need not read it twice.
            self.peer = describe_peer(info).removeprefix(f"{self.target}, ")
            self.problem = ""
            self._connected_at_s = now_s
            self._go(Phase.CONNECTED, now_s)
            self._say(f"{self.target}: connected ({self.peer})")
        elif info.state in ENDED:
            self._gone(info, now_s)

    def close(self, now_s: float) -> None:
        """Say good-bye."""
        if self._connected_at_s is not None:
            self._connected_before_s += now_s - self._connected_at_s
            self._connected_at_s = None
        if self._connection:
            self._sockets.close_connection(self._connection, REASON_DONE, "monitor finished")
            self._connection = gs.Connection(0)

    def _connect(self, now_s: float) -> None:
        config = {gs.ConfigurationValue.TIMEOUT_INITIAL: round(CONNECT_SECONDS * 1000)}
        try:
            self._connection = self._sockets.connect(self.address, config=config)
        except OSError as error:
            self._failed(f"cannot open a socket for {self.address} ({error.strerror or error})", now_s)
            return
        self._go(Phase.CONNECTING, now_s)

    def _gone(self, info: gs.ConnectionInfo, now_s: float) -> None:
        self._sockets.close_connection(self._connection)
        self._connection = gs.Connection(0)
        if self._connected_at_s is None:
            self._failed(_why_not(info), now_s)
            return
        held_s = now_s - self._connected_at_s
        self._connected_before_s += held_s
        self._connected_at_s = None
        self.outages += 1
        if held_s >= STEADY_SECONDS:
            self._backoff_s = BACKOFF_FIRST_SECONDS
        self._away(f"gone: {how_it_ended(info)}", now_s)

    def _failed(self, problem: str, now_s: float) -> None:
        """An attempt led nowhere: the name's other addresses come next, at once, before there is a pause."""
        self._which = (self._which + 1) % len(self.addresses)
        if self._which:
            self.problem = problem
            self._next_try_s = now_s
            self._go(Phase.AWAY, now_s)
        else:
            self._away(problem, now_s)

    def _away(self, problem: str, now_s: float) -> None:
        self.problem = problem
        self._next_try_s = now_s + self._backoff_s
        self._say(f"{self.target}: {problem}; next try in {self._backoff_s:g} s")
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_SECONDS)
        self._go(Phase.AWAY, now_s)

    def _go(self, phase: Phase, now_s: float) -> None:
        self.phase = phase
        self.since_s = now_s


@final
class PingSummary:
    """Least, mean and most of the pings seen, in milliseconds."""

    __slots__ = ("_total", "count", "maximum", "minimum")

    def __init__(self) -> None:
        self.count = 0
        self.minimum = 0
        self.maximum = 0
        self._total = 0

    def add(self, ping_ms: int) -> None:
        """Take one in."""
        self.minimum = min(self.minimum, ping_ms) if self.count else ping_ms
        self.maximum = max(self.maximum, ping_ms)
        self._total += ping_ms
        self.count += 1

    @property
    def mean(self) -> float:
        """Their mean; 0 without any."""
        return self._total / self.count if self.count else 0.0


def _why_not(info: gs.ConnectionInfo) -> str:
    if info.end_reason == gs.EndReason.MISC_TIMEOUT:
        return "no answer"
    if info.end_reason == gs.EndReason.REMOTE_BAD_CRYPT:
        return "it shares no cipher with us"
    who = "refused" if info.state == gs.ConnectionState.CLOSED_BY_PEER else "failed"
    return f"{who} ({info.end_reason}: {printable(info.end_debug) or 'no text'})"
