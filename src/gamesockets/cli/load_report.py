"""What came of a load test? The figures as a document for programs, as text for people, and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, final

import gamesockets as gs
from gamesockets.cli.histogram import Histogram
from gamesockets.cli.load_traffic import Totals
from gamesockets.cli.units import bytes_per_second, count, milliseconds, plural, rate, size
from gamesockets.version import __version__

REASONS_MAX: Final = 20
OTHER_REASONS: Final = "other reasons"
PERCENTILES: Final = (("p50", 50.0), ("p90", 90.0), ("p99", 99.0), ("p99_9", 99.9))
LATE_US: Final = 10_000
"""If 1 in 100 moments of this program is later than this, the figures show its own delay."""
BUSY_SHARE: Final = 0.9
OFFERED_SHARE_MIN: Final = 0.9
"""A limit counts as met only if this share of the messages was sent."""
LOSS_UNKNOWN: Final = (
    "the loss is not known, so --max-loss cannot be met (without echo, servers report it from 20 s on: --duration 30)"
)
WIDTH: Final = 80
TITLE_WIDTH: Final = 13
CHART_FRAME_WIDTH: Final = 36  # the columns beside a bar
_BLOCKS: Final = " ▏▎▍▌▋▊▉█"


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What the options ask for."""

    clients: int
    rate_hz: float
    size_bytes: int
    duration_s: float
    reliable: bool
    echo: bool
    connect_rate_hz: float
    timeout_s: float
    max_loss_percent: float | None = None
    max_p99_ms: float | None = None
    script: str = ""
    """The file that says what the clients do; empty where they send at a steady rate."""


@final
class Reasons:
    """How often something happened, by reason. Texts come from peers, so only so many are kept apart."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, reason: str) -> None:
        """Count one."""
        if reason not in self._counts and len(self._counts) >= REASONS_MAX:
            reason = OTHER_REASONS
        self._counts[reason] = self._counts.get(reason, 0) + 1

    @property
    def total(self) -> int:
        """How often it happened, whatever the reason."""
        return sum(self._counts.values())

    def most_frequent_first(self) -> list[tuple[str, int]]:
        """(reason, how often) for each."""
        return sorted(self._counts.items(), key=lambda item: -item[1])


@final
class Quality:
    """The mean and the worst of shares of 0..1 that may be unknown (below 0)."""

    __slots__ = ("_count", "_total", "_worst")

    def __init__(self) -> None:
        self._count = 0
        self._total = 0.0
        self._worst = 1.0

    def add(self, share: float) -> None:
        """Take one in."""
        if share >= 0:
            self._count += 1
            self._total += share
            self._worst = min(self._worst, share)

    @property
    def mean_percent(self) -> float | None:
        """The mean, `None` when none was known."""
        return 100 * self._total / self._count if self._count else None

    @property
    def worst_percent(self) -> float | None:
        """The lowest, `None` when none was known."""
        return 100 * self._worst if self._count else None


@final
class Paths:
    """What the senders learned of their paths, over all looks at all connections."""

    __slots__ = ("_bandwidth_total", "_states", "_window_total", "bandwidth_least", "learned", "queues")

    def __init__(self) -> None:
        self._states: dict[str, int] = {}
        self._bandwidth_total = 0
        self._window_total = 0
        self.bandwidth_least = 0
        """Bytes/s of the slowest; 0 until a bandwidth was known."""
        self.learned = 0
        """Looks at which a bandwidth was known."""
        self.queues = Histogram()
        """Standing queues at those."""

    def add(self, path: gs.PathStatus) -> None:
        """Take one look in."""
        self._states[path.state] = self._states.get(path.state, 0) + 1
        bandwidth = path.bandwidth_bytes_per_second
        if bandwidth:
            self.bandwidth_least = min(self.bandwidth_least, bandwidth) if self.learned else bandwidth
            self.learned += 1
            self._bandwidth_total += bandwidth
            self._window_total += path.window_bytes
            self.queues.add(path.standing_queue_us)

    @property
    def states_percent(self) -> dict[str, float]:
        """In what share of looks the controller was in which state, the most frequent first."""
        looks = sum(self._states.values())
        ordered = sorted(self._states.items(), key=lambda item: -item[1])
        return {state: round(100 * number / looks, 1) for state, number in ordered}

    @property
    def bandwidth_mean(self) -> float:
        """Bytes/s of one connection; 0 until a bandwidth was known."""
        return self._bandwidth_total / self.learned if self.learned else 0.0

    @property
    def window_mean(self) -> float:
        """Bytes of one connection; 0 until a bandwidth was known."""
        return self._window_total / self.learned if self.learned else 0.0


@final
class Tally:
    """All that is counted and measured during a run."""

    __slots__ = (
        "connect_times",
        "connected",
        "cpu_s",
        "ended_early",
        "failures",
        "interrupted",
        "lateness",
        "paths",
        "pings",
        "quality_local",
        "quality_remote",
        "script_ended",
        "script_faults",
        "sending_s",
        "totals",
        "wall_s",
    )

    def __init__(self) -> None:
        self.totals = Totals()
        self.connected = 0
        self.connect_times = Histogram()
        self.failures = Reasons()
        """Why clients could not connect."""
        self.ended_early = Reasons()
        """Why connections ended that had been established."""
        self.script_ended = 0
        """Clients whose script came to its end by itself."""
        self.script_faults = Reasons()
        """What scripts raised."""
        self.pings = Histogram()
        self.quality_local = Quality()
        self.quality_remote = Quality()
        self.paths = Paths()
        self.lateness = Histogram()
        """How late this program was at moments 10 ms apart."""
        self.sending_s = 0.0
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self.interrupted = False


def loss_percent(plan: Plan, tally: Tally) -> float | None:
    """Messages that did not come back; without echo, packets that did not reach the server, as it reports."""
    if plan.echo:
        return tally.totals.loss_percent if tally.totals.sent else None
    quality = tally.quality_remote.mean_percent
    return None if quality is None else 100.0 - quality


def latency(plan: Plan, tally: Tally) -> Histogram:
    """Round trips of messages; without echo, the connections' own pings."""
    return tally.totals.round_trips if plan.echo else tally.pings


def problems(plan: Plan, tally: Tally) -> list[str]:
    """What makes the run a failure; empty when it passed."""
    found: list[str] = []
    if tally.failures.total:
        found.append(f"{tally.failures.total} of {plan.clients} clients could not connect")
    if tally.ended_early.total:
        found.append(f"{plural(tally.ended_early.total, 'connection')} ended early")
    if tally.script_faults.total:
        found.append(f"the script raised in {plural(tally.script_faults.total, 'client')}")
    if tally.interrupted:
        found.append("interrupted before the end")
    if plan.echo and tally.totals.sent and not tally.totals.received:
        found.append("nothing came back: is that an echo server? --no-echo measures those that are not")
    has_limits = plan.max_loss_percent is not None or plan.max_p99_ms is not None
    offered = tally.totals.offered_share
    if has_limits and not plan.script and offered < OFFERED_SHARE_MIN:
        found.append(f"the limits were not put to the test: only {100 * offered:.0f}% of the messages could be sent")
    if plan.max_loss_percent is not None:
        loss = loss_percent(plan, tally)
        if loss is None:
            found.append(LOSS_UNKNOWN)
        elif loss > plan.max_loss_percent:
            found.append(f"loss {loss:.3g}% is above --max-loss {plan.max_loss_percent:g}")
    if plan.max_p99_ms is not None:
        times = latency(plan, tally)
        p99_ms = times.percentile(99) / 1000
        if not times.count:
            found.append("no latency was measured, so --max-p99 cannot be met")
        elif p99_ms > plan.max_p99_ms:
            found.append(f"p99 {p99_ms:.3g} ms is above --max-p99 {plan.max_p99_ms:g}")
    return found


def warnings(tally: Tally) -> list[str]:
    """What the reader of the figures must know, though the run did not fail for it."""
    found: list[str] = []
    totals = tally.totals
    late_us = tally.lateness.percentile(99)
    if late_us > LATE_US:
        found.append(
            f"this program itself was late by more than {milliseconds(late_us)} ms in 1 of 100 moments, "
            "and latencies include that: use fewer clients or a lower rate, or several machines"
        )
    if tally.wall_s and tally.cpu_s > BUSY_SHARE * tally.wall_s:
        found.append(
            f"this program used {100 * tally.cpu_s / tally.wall_s:.0f}% of a core: it may be the bottleneck itself"
        )
    if totals.skipped:
        found.append(f"{plural(totals.skipped, 'message')} could not be sent because this program did not keep up")
    if totals.refused:
        found.append(
            f"{plural(totals.refused, 'message')} could not be sent because the send buffer was full: "
            "the rate is above what the connection may send"
        )
    if totals.strange:
        found.append(f"no echo of ours, or damaged: {plural(totals.strange, 'message')}")
    if totals.too_late:
        found.append(f"too late to be told from a second echo: {plural(totals.too_late, 'message')}")
    return found


def document(plan: Plan, tally: Tally, address: str) -> dict[str, Any]:
    """The report for programs."""
    totals, found = tally.totals, problems(plan, tally)
    messages: dict[str, Any] = {
        "sent": totals.sent,
        "sent_per_s": _per_second(totals.sent, tally),
        "refused": totals.refused,
        "skipped": totals.skipped,
    }
    if plan.echo:
        messages |= {
            "received": totals.received,
            "lost": totals.missing,
            "loss_percent": round(totals.loss_percent, 4),
            "duplicated": totals.duplicated,
            "reordered": totals.reordered,
            "too_late": totals.too_late,
            "strange": totals.strange,
        }
    return {
        "gamesockets": __version__,
        "address": address,
        "plan": asdict(plan),
        "clients": {
            "connected": tally.connected,
            "failed": tally.failures.total,
            "ended_early": tally.ended_early.total,
            "connect_ms": _percentiles(tally.connect_times),
        },
        "failures": [{"reason": reason, "count": number} for reason, number in tally.failures.most_frequent_first()],
        "script": {
            "ended": tally.script_ended,
            "faults": [{"reason": why, "count": number} for why, number in tally.script_faults.most_frequent_first()],
        },
        "ends": [{"reason": reason, "count": number} for reason, number in tally.ended_early.most_frequent_first()],
        "sending_s": round(tally.sending_s, 3),
        "messages": messages,
        "round_trip_ms": _percentiles(totals.round_trips),
        "round_trip_histogram": [
            {"from_ms": low / 1000, "below_ms": high / 1000, "count": number}
            for low, high, number in totals.round_trips.steps()
        ],
        "connection": {
            "ping_ms": _percentiles(tally.pings),
            "quality_local_percent": _quality(tally.quality_local),
            "quality_remote_percent": _quality(tally.quality_remote),
            "path": _path(tally.paths),
        },
        "tester": {
            "late_ms": _percentiles(tally.lateness),
            "cpu_percent": round(100 * tally.cpu_s / tally.wall_s, 1) if tally.wall_s else None,
        },
        "warnings": warnings(tally),
        "problems": found,
        "passed": not found,
    }


def text(plan: Plan, tally: Tally, width: int = WIDTH) -> list[str]:
    """The report for people, line by line, `width` columns wide, which are 60 at least."""
    totals = tally.totals
    found = problems(plan, tally)
    rows = [("clients", f"{tally.connected} of {plan.clients} connected, {tally.ended_early.total} ended early")]
    rows += [("", f"no connection, {number} x: {why}") for why, number in tally.failures.most_frequent_first()]
    rows += [("", f"ended, {number} x: {why}") for why, number in tally.ended_early.most_frequent_first()]
    if tally.connect_times.count:
        rows.append(("connecting", _times(tally.connect_times)))
    if plan.script:
        rows.append(("script", f"{plan.script}: {tally.script_ended} came to its end, the others were stopped"))
        rows += [("", f"raised, {number} x: {why}") for why, number in tally.script_faults.most_frequent_first()]
    if totals.sent:
        per_s = totals.sent / tally.sending_s if tally.sending_s else 0.0
        amount = bytes_per_second(per_s * plan.size_bytes)
        rows.append(("sent", f"{count(totals.sent)} messages in {tally.sending_s:.1f} s: {rate(per_s)}/s, {amount}"))
    if plan.echo and totals.sent:
        lost = f"lost {count(totals.missing)} ({totals.loss_percent:.3g}%)"
        odd = f"twice {count(totals.duplicated)}, out of order {count(totals.reordered)}"
        rows.append(("came back", f"{count(totals.received)}, {lost}, {odd}"))
    if totals.round_trips.count:
        rows.append(("round trip", _times(totals.round_trips)))
    rest: list[tuple[str, str]] = []
    if tally.pings.count:
        p50, p99 = tally.pings.percentile(50) // 1000, tally.pings.percentile(99) // 1000
        rest.append(("connections", f"ping p50 {p50}, p99 {p99}, max {tally.pings.maximum_us // 1000} ms"))
        rest.append(
            ("", f"quality here {_percent(tally.quality_local)}, at the server {_percent(tally.quality_remote)}")
        )
    if tally.paths.learned:
        rest += _path_rows(tally.paths)
    if tally.lateness.count:
        late = tally.lateness
        p50_ms, p99_ms = milliseconds(late.percentile(50)), milliseconds(late.percentile(99))
        busy = 100 * tally.cpu_s / max(tally.wall_s, 1e-9)
        most_ms = milliseconds(late.maximum_us)
        rest.append(("tester", f"late p50 {p50_ms}, p99 {p99_ms}, max {most_ms} ms; {busy:.0f}% of a core"))
    rest += [("note", warning) for warning in warnings(tally)]
    rest += [("problem", problem) for problem in found]
    verdict = "FAILED" if found else "passed"
    return [*_lines(rows, width), *chart(totals.round_trips, width), *_lines(rest, width), verdict]


def _lines(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Titles and what stands behind them, folded where it is long."""
    lines: list[str] = []
    for title, words in rows:
        lines += textwrap.wrap(f"{title:<{TITLE_WIDTH}}{words}", width, subsequent_indent=" " * TITLE_WIDTH)
    return lines


def chart(times: Histogram, width: int = WIDTH) -> list[str]:
    """A bar for each step of the time, as long as its share is large."""
    full = width - CHART_FRAME_WIDTH
    rows = times.steps()
    most = max((number for *_, number in rows), default=0)
    return [
        f"  < {high / 1000:>6g} ms {_bar(number / most, full):<{full}} {100 * number / times.count:5.1f}%"
        f" {count(number):>9}"
        for _, high, number in rows
    ]


def _bar(share: float, full: int) -> str:
    eighths = round(share * full * 8)
    if share > 0 and not eighths:
        eighths = 1  # show that there are some
    whole, rest = divmod(eighths, 8)
    return _BLOCKS[8] * whole + (_BLOCKS[rest] if rest else "")


def _times(times: Histogram) -> str:
    parts = [f"{name.replace('_', '.')} {milliseconds(times.percentile(share))}" for name, share in PERCENTILES]
    return "  ".join([*parts, f"max {milliseconds(times.maximum_us)} ms"])


def _percentiles(times: Histogram) -> dict[str, float] | None:
    if not times.count:
        return None
    return {
        "count": times.count,
        "min": times.minimum_us / 1000,
        "mean": round(times.mean_us / 1000, 4),
        **{name: times.percentile(share) / 1000 for name, share in PERCENTILES},
        "max": times.maximum_us / 1000,
    }


def _quality(quality: Quality) -> dict[str, float] | None:
    mean, worst = quality.mean_percent, quality.worst_percent
    return None if mean is None or worst is None else {"mean": round(mean, 3), "worst": round(worst, 3)}


def _path(paths: Paths) -> dict[str, Any]:
    known = paths.learned > 0
    return {
        "states_percent": paths.states_percent,
        "bandwidth_bytes_per_s": {"mean": round(paths.bandwidth_mean), "least": paths.bandwidth_least}
        if known
        else None,
        "window_bytes": round(paths.window_mean) if known else None,
        "standing_queue_ms": _percentiles(paths.queues),
    }


def _path_rows(paths: Paths) -> list[tuple[str, str]]:
    carries = f"{bytes_per_second(paths.bandwidth_mean)} each, least {bytes_per_second(paths.bandwidth_least)}"
    p50_ms, p99_ms = milliseconds(paths.queues.percentile(50)), milliseconds(paths.queues.percentile(99))
    states = ", ".join(f"{state} {share:.0f}%" for state, share in paths.states_percent.items())
    return [
        ("paths", f"{carries}, window {size(paths.window_mean)}"),
        ("", f"queue p50 {p50_ms}, p99 {p99_ms}, max {milliseconds(paths.queues.maximum_us)} ms; {states}"),
    ]


def _percent(quality: Quality) -> str:
    mean, worst = quality.mean_percent, quality.worst_percent
    return "-" if mean is None or worst is None else f"{mean:.4g}% (worst {worst:.4g}%)"


def _per_second(number: int, tally: Tally) -> float | None:
    return round(number / tally.sending_s, 2) if tally.sending_s else None
