"""How does a game feel immediate although every answer takes a while? Prediction and interpolation, as plain values.

`Prediction` is for yourself: your buttons count at once here, and when the server's word comes, all that the server did
not know yet is played again on top of it (reconciliation). `Timeline` is for everyone else: they are shown a little
late, between two snapshots that have both arrived, so that they glide although snapshots are few and some get lost.

No network, no pygame, no clock: times come in as arguments, in seconds.
"""

from collections import deque
from collections.abc import Mapping
from math import hypot
from typing import Final, final

from examples.arena import rules
from examples.arena.match import TICKS_PER_SNAPSHOT
from examples.arena.protocol import INPUTS_PER_MESSAGE, Inputs
from examples.arena.rules import TICKS_PER_SECOND, UNITS_PER_PIXEL, Body

Place = tuple[float, float]
"""Where to draw something, in pixels of the field."""

_PENDING_MAX: Final = 4 * TICKS_PER_SECOND
"""Without an answer for longer than this the connection is as good as dead."""

_CORRECTION_FADE: Final = 0.85
"""Per tick: a correction of what is shown is spread over about a fifth of a second..."""
_CORRECTION_MAX_PIXELS: Final = 150.0
"""...unless it is so large that gliding there would look stranger than a jump."""

_SNAPSHOTS_MAX: Final = 64
_DELAY_TICKS_MAX: Final = 30.0
_DRIFT: Final = 0.1
"""How fast the moment that is shown may run against real time, so that it never jumps back or ahead visibly."""


def place_of(body: Body) -> Place:
    """The pixel a body is at."""
    return body.x / UNITS_PER_PIXEL, body.y / UNITS_PER_PIXEL


@final
class Prediction:
    """Where you are, before the server says so."""

    def __init__(self, body: Body, confirmed: int = 0) -> None:
        self.body = body
        """Our guess of where the server will have us when it has got all our inputs."""
        self.confirmed_body = body
        """The server's last word."""
        self.newest = confirmed
        """Number of the last input."""
        self.correction_pixels = 0.0
        """By how much the last answer of the server differed from the guess: 0 when it was right."""
        self._pending: deque[tuple[int, int]] = deque(maxlen=_PENDING_MAX)
        self._offset = (0.0, 0.0)
        self._shown_before = place_of(body)

    @property
    def pending(self) -> int:
        """Inputs that the server has not confirmed: about one round trip of them, plus its queue."""
        return len(self._pending)

    @property
    def place(self) -> Place:
        """Where to draw it: the guess, and what is left of the last corrections."""
        x, y = place_of(self.body)
        return x + self._offset[0], y + self._offset[1]

    def place_between(self, share: float) -> Place:
        """The same for a frame between two ticks: on the way from the last but one (0) to the last (1)."""
        x, y = self.place
        x_before, y_before = self._shown_before
        return x_before + (x - x_before) * share, y_before + (y - y_before) * share

    def press(self, buttons: int) -> None:
        """One tick with these buttons held."""
        self._shown_before = self.place
        self.newest += 1
        self._pending.append((self.newest, buttons))
        self.body = rules.move(self.body, buttons)
        self._offset = (self._offset[0] * _CORRECTION_FADE, self._offset[1] * _CORRECTION_FADE)

    def to_send(self) -> Inputs:
        """The last inputs, as many as a message repeats."""
        buttons = [buttons for _, buttons in self._pending][-INPUTS_PER_MESSAGE:]
        return Inputs(self.newest, bytes(buttons))

    def confirm(self, body: Body, confirmed: int) -> None:
        """The server's word: you were here after that input. What came after it is played again from there."""
        while self._pending and self._pending[0][0] <= confirmed:
            self._pending.popleft()
        shown = self.place
        guessed = self.body
        self.confirmed_body = self.body = body
        for _, buttons in self._pending:
            self.body = rules.move(self.body, buttons)
        x, y = place_of(self.body)
        self.correction_pixels = hypot(x - guessed.x / UNITS_PER_PIXEL, y - guessed.y / UNITS_PER_PIXEL)
        if self.correction_pixels <= _CORRECTION_MAX_PIXELS:
            self._offset = (shown[0] - x, shown[1] - y)
        else:
            self._offset = (0.0, 0.0)
            self._shown_before = (x, y)


@final
class Timeline:
    """The recent past of everybody, and which moment of it to show now."""

    def __init__(self) -> None:
        self._snapshots: deque[tuple[int, Mapping[int, Body]]] = deque(maxlen=_SNAPSHOTS_MAX)
        self._server_ahead = 0.0
        """The server's tick at our second 0, smoothed over the snapshots..."""
        self._jitter_ticks = 0.0
        """...and by how much they come off that beat, on average."""
        self._shown_tick = 0.0
        self._shown_at_s = 0.0

    @property
    def delay_s(self) -> float:
        """How late the others are shown, counted from the snapshots' arrival."""
        return self._delay_ticks / TICKS_PER_SECOND

    @property
    def jitter_s(self) -> float:
        """How irregularly snapshots come, on average."""
        return self._jitter_ticks / TICKS_PER_SECOND

    @property
    def newest(self) -> Mapping[int, Body]:
        """The last snapshot; empty before the first."""
        return self._snapshots[-1][1] if self._snapshots else {}

    @property
    def _delay_ticks(self) -> float:
        """Two snapshots, so that one may be lost, and room for the latecomers among them."""
        return min(2 * TICKS_PER_SNAPSHOT + 3 * self._jitter_ticks, _DELAY_TICKS_MAX)

    def add(self, tick: int, bodies: Mapping[int, Body], now_s: float) -> bool:
        """A snapshot has arrived; False if a newer one had before."""
        sample = tick - now_s * TICKS_PER_SECOND
        if not self._snapshots:
            self._server_ahead = sample
            self._shown_tick, self._shown_at_s = tick - self._delay_ticks, now_s
        elif tick <= self._snapshots[-1][0]:
            return False
        else:
            self._jitter_ticks += 0.1 * (abs(sample - self._server_ahead) - self._jitter_ticks)
            self._server_ahead += 0.1 * (sample - self._server_ahead)
        self._snapshots.append((tick, bodies))
        return True

    def advance(self, now_s: float) -> None:
        """Move the shown moment on, once a frame."""
        wanted = now_s * TICKS_PER_SECOND + self._server_ahead - self._delay_ticks
        passed = (now_s - self._shown_at_s) * TICKS_PER_SECOND
        self._shown_at_s = now_s
        error = wanted - (self._shown_tick + passed)
        if abs(error) > _DELAY_TICKS_MAX:  # after a hold-up: there is nothing to glide over
            self._shown_tick = wanted
        else:
            self._shown_tick += passed + max(-_DRIFT * passed, min(_DRIFT * passed, error))

    def places(self) -> dict[int, Place]:
        """Where everybody was at the shown moment. Who appears or vanishes does so at a snapshot."""
        before: tuple[int, Mapping[int, Body]] | None = None
        for after in reversed(self._snapshots):
            if after[0] <= self._shown_tick:
                if before is None:  # nothing newer has come: they stand still rather than run into walls
                    return {number: place_of(body) for number, body in after[1].items()}
                return _between(after, before, self._shown_tick)
            before = after
        return {} if before is None else {number: place_of(body) for number, body in before[1].items()}


def _between(
    older: tuple[int, Mapping[int, Body]], newer: tuple[int, Mapping[int, Body]], tick: float
) -> dict[int, Place]:
    share = (tick - older[0]) / (newer[0] - older[0])
    places: dict[int, Place] = {}
    for number, body in older[1].items():
        x, y = place_of(body)
        if number in newer[1]:
            x_after, y_after = place_of(newer[1][number])
            x, y = x + (x_after - x) * share, y + (y_after - y) * share
        places[number] = (x, y)
    return places
