"""How bad was a real network, moment by moment? A recording of delay and loss, to be played on a simulated link."""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.virtual_clock import Scheduled, VirtualClock
from gamesockets.values.moments import NEVER, US_PER_SECOND

_COLUMNS: Final = ["time", "delay", "loss"]
_ROWS_MAX: Final = 1_000_000


@final
@dataclass(frozen=True, slots=True)
class Recording:
    """What a network did, from each of these times on until the next.

    Attributes:
        times: in seconds, ascending; the first is where the recording begins.
        delays: one-way delay from each time on, in seconds.
        losses: share of datagrams lost from each time on.

    Raises:
        ValueError: it is empty, the times do not ascend, a value is out of range, or the columns differ in length.
    """

    times: tuple[float, ...]
    delays: tuple[float, ...]
    losses: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.times) <= _ROWS_MAX or not len(self.times) == len(self.delays) == len(self.losses):
            raise ValueError(
                f"a recording has 1..{_ROWS_MAX} rows of time, delay and loss, not {len(self.times)}, "
                f"{len(self.delays)} and {len(self.losses)}"
            )
        for before, after in zip(self.times, self.times[1:], strict=False):
            if not before < after:
                raise ValueError(f"the times of a recording ascend, but {after} follows {before}")
        for delay, loss in zip(self.delays, self.losses, strict=True):
            Conditions(latency=delay, loss=loss)

    @classmethod
    def parse(cls, text: str) -> "Recording":
        """Reads CSV with the columns `time`, `delay` and `loss`: seconds, seconds, a share. A first line may name them.

        Raises:
            ValueError: a line has something else; the text names the line.
        """
        rows: list[tuple[float, float, float]] = []
        for number, row in enumerate(csv.reader(text.splitlines()), 1):
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#") or (not rows and [x.lower() for x in cells] == _COLUMNS):
                continue
            try:
                time, delay, loss = [float(cell) for cell in cells]
            except ValueError as error:
                raise ValueError(f"line {number} must be time,delay,loss in numbers, not {','.join(row)!r}") from error
            rows.append((time, delay, loss))
        times, delays, losses = zip(*rows, strict=True) if rows else ((), (), ())
        return cls(tuple(times), tuple(delays), tuple(losses))

    @classmethod
    def load(cls, path: Path | str) -> "Recording":
        """Reads a CSV file as `parse`. Raises `OSError` and `ValueError`."""
        return cls.parse(Path(path).read_text(encoding="utf-8"))


@final
class Playback(Scheduled):
    """A recording that is played on a link, made by `World.replay`; it keeps itself going in the clock's queue."""

    __slots__ = ("_begun_at", "_clock", "_link", "_recording", "_repeats", "_row")

    def __init__(self, clock: VirtualClock, recording: Recording, link: Link, repeats: bool) -> None:
        super().__init__()
        self._clock = clock
        self._recording = recording
        self._link = link
        self._repeats = repeats
        self._row = 0
        self._begun_at = clock.now_us
        self.due(clock.now_us)

    def stop(self) -> None:
        """Ends it; what the link is like now, it stays."""
        self.deadline = NEVER

    def due(self, now: int) -> None:
        recording = self._recording
        if self._row == len(recording.times):
            self._row = 0
            self._begun_at = now
        row = self._row
        self._link.conditions = replace(
            self._link.conditions, latency=recording.delays[row], loss=recording.losses[row]
        )
        self._row += 1
        if self._row < len(recording.times):
            length_us = self._offset_us(self._row)
        elif self._repeats and row:
            # The last row lasts as long as the one before.
            length_us = 2 * self._offset_us(row) - self._offset_us(row - 1)
        else:
            return
        self._clock.schedule(self, self._begun_at + length_us)

    def _offset_us(self, row: int) -> int:
        return round((self._recording.times[row] - self._recording.times[0]) * US_PER_SECOND)
