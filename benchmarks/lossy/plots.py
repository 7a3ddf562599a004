"""Which panels does the picture have? Goodput, delay, queue and estimate over time, for the rows that show most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from benchmarks.lossy.contenders import CONTENDERS, OURS
from benchmarks.lossy.figures import Series
from benchmarks.lossy.rows import BY_NAME, MB, Row
from benchmarks.time_chart import Line, Panel, Points, draw, smooth

Found: TypeAlias = Mapping[tuple[str, str], Series]
"""Series by row and contender."""

_COLOURS: Final = {"ours-compiled": 0, "ours": 0, "gns": 1, "aioquic": 2, "tcp-cubic": 3, "tcp-bbr": 4}
_WITH_ESTIMATE: Final = "estimate"


class _Chosen(NamedTuple):
    """A panel: which series of which row."""

    row: str
    key: str
    title: str
    unit: str
    ceiling: float = 0.0


_REAL: Final = (
    _Chosen("loss-1", "goodput", "Goodput: 20 MB/s, 50 ms, 1 % lost", "MB/s"),
    _Chosen("game-beside-bulk", "game", "A game's messages beside bulk: 2 MB/s, queue of 1 s", "ms late"),
    _Chosen("slower", "goodput", "Goodput: 10 MB/s become 1 MB/s", "MB/s", 12.0),
    _Chosen("slower", "queue", "Queue meanwhile", "ms"),
    _Chosen("faster", "goodput", "Goodput: 1 MB/s become 10 MB/s", "MB/s", 12.0),
    _Chosen("beside-cubic-100", "goodput", "Beside TCP CUBIC: 4 MB/s, queue of 100 ms", "MB/s", 6.0),
)


def draw_real(found: Found, subtitle: str, footer: str) -> str:
    """The picture of what was measured on real sockets; panels of rows that were not are left out."""
    panels = [panel for chosen in _REAL if (panel := _panel(chosen, found)) is not None]
    return draw("Lines that lose, delay and queue", subtitle, footer, panels)


def _panel(chosen: _Chosen, found: Found) -> Panel | None:
    row = BY_NAME[chosen.row]
    lines: list[Line] = []
    ours = next((name for name in OURS if (chosen.row, name) in found), "")
    for name in [ours, *[name for name in CONTENDERS if name not in OURS]]:
        series = found.get((chosen.row, name))
        if series is None or name not in _COLOURS:
            continue
        lines += _lines(chosen, row, series, name)
    if not lines:
        return None
    return Panel(chosen.title, chosen.unit, lines, limit(row) if chosen.key == "goodput" else (), chosen.ceiling)


def _lines(chosen: _Chosen, row: Row, series: Series, name: str) -> list[Line]:
    title, colour = CONTENDERS[name].title, _COLOURS[name]
    if row.beside:
        return [
            Line(CONTENDERS[each].title, smooth(points_of(series, f"goodput {each}")), _COLOURS[each])
            for each in (name, row.beside)
        ]
    if chosen.key != "goodput":
        points = points_of(series, chosen.key)
        return [Line(title, points, colour)] if points else []
    lines = [Line(title, smooth(points_of(series, f"goodput {name}")), colour)]
    if _WITH_ESTIMATE in series and row.change is not None:
        lines.append(Line("its estimate", points_of(series, _WITH_ESTIMATE), colour, is_thin=True))
    return lines


def points_of(series: Series, key: str) -> Points:
    """As pairs, whatever JSON made of them; none if there is no such series."""
    return [(at, value) for at, value in series.get(key, [])]


def limit(row: Row) -> Points:
    """What the line carries, as steps."""
    before = row.up.bottleneck_bytes_per_second / MB
    if row.change is None:
        return [(0.0, before), (row.seconds, before)] if before else []
    after = row.rate / MB
    return [(0.0, before), (row.change_s, before), (row.change_s, after), (row.seconds, after)]
