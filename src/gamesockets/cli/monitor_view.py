"""How does the monitor show its servers: as a screen, as lines of text, as JSON?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from rich.text import Text

import gamesockets as gs
from gamesockets.cli.monitor_watch import Lane, Phase, Watch
from gamesockets.cli.path_text import path_document, path_text
from gamesockets.cli.peers import known, percent
from gamesockets.cli.sparkline import sparkline
from gamesockets.cli.units import bytes_per_second, duration, milliseconds, plural, rate, size

LABEL_WIDTH: Final = 9
VALUE_WIDTH: Final = 22
LANES_SHOWN: Final = 6
# The top of a sparkline is at least this: a step from 0 to 1 ms must not look like a disaster.
PING_TOP_MS: Final = 20.0
JITTER_TOP_US: Final = 10_000.0
RATE_TOP_BYTES_PER_S: Final = 1000.0
QUEUE_TOP_BYTES: Final = 10_000.0
QUALITY_BOTTOM: Final = 0.5
GOOD_QUALITY: Final = 0.98
POOR_QUALITY: Final = 0.9
QUEUE_TIME_UNKNOWN: Final = (1 << 63) - 1

_DOTS: Final = {Phase.CONNECTED: ("●", "green"), Phase.CONNECTING: ("◌", "yellow"), Phase.AWAY: ("○", "red")}


def screen(watches: Sequence[Watch], title: str, now_s: float, width: int, height: int) -> Text:
    """Everything on one screen: a block for each server if they fit, else a line for each."""
    room = height - 2
    blocks = [block(watch, now_s, width) for watch in watches]
    body = [line for lines in blocks for line in [*lines, Text()]]
    if len(body) > room:
        body = table(watches, now_s, width, room)
    lines = [Text(title, style="bold"), *body, Text("q quits", style="dim")]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def block(watch: Watch, now_s: float, width: int) -> list[Text]:
    """The lines of one server, with all that is known."""
    lines = [_header(watch, now_s)]
    sample = watch.samples[-1] if watch.samples else None
    status = sample.status if sample else None
    if sample is None or status is None:
        return lines
    rows: list[tuple[str, str, str, Callable[[gs.ConnectionStatus], float], float]] = [
        ("ping", known(status.ping, " ms"), "", _ping, PING_TOP_MS),
        ("jitter", _jitter_text(status), "", _jitter, JITTER_TOP_US),
        ("quality", _quality_text(status), _quality_style(status), worst_quality, 1.0),
        ("in", _rate(status.in_packets_per_second, status.in_bytes_per_second), "", _bytes_in, RATE_TOP_BYTES_PER_S),
        (
            "out",
            _rate(status.out_packets_per_second, status.out_bytes_per_second),
            "",
            _bytes_out,
            RATE_TOP_BYTES_PER_S,
        ),
        ("queue", _queue_text(status), "", queued_bytes, QUEUE_TOP_BYTES),
    ]
    for label, value, style, measure, top in rows:
        line = Text.assemble("  ", (f"{label:<{LABEL_WIDTH}}", "dim"), (f"{value:<{VALUE_WIDTH}} ", style))
        bottom = QUALITY_BOTTOM if measure is worst_quality else 0.0
        line.append(_series(watch, measure, top, width - line.cell_len, bottom), style="cyan")
        lines.append(line)
    lines.append(Text.assemble("  ", (f"{'path':<{LABEL_WIDTH}}", "dim"), path_text(status.path)))
    lines.append(Text.assemble("  ", (f"{'lanes':<{LABEL_WIDTH}}", "dim"), lanes_text(sample.lanes)))
    return lines


def table(watches: Sequence[Watch], now_s: float, width: int, room: int) -> list[Text]:
    """A line for each server, as many as there is room for."""
    name_width = min(max(len(watch.target) for watch in watches), max(width // 3, 12))
    wide = width >= 76
    columns = f"  {'server':<{name_width}} {'ping':>7} {'jitter':>7} {'quality':>9}"
    columns += f" {'in':>9} {'out':>9} " if wide else f" {'in + out':>9} "
    lines = [Text(columns, style="dim")]
    shown = watches if len(watches) < room else watches[: room - 2]
    for watch in shown:
        name = watch.target if len(watch.target) <= name_width else watch.target[: name_width - 1] + "…"
        line = Text.assemble(_DOTS[watch.phase], f" {name:<{name_width}} ")
        status = watch.samples[-1].status if watch.samples else None
        if status is None:
            line.append(_state(watch, now_s), style=_DOTS[watch.phase][1])
        else:
            here, there = status.connection_quality_local, status.connection_quality_remote
            line.append(f"{known(status.ping, ' ms'):>7} {_jitter_text(status):>7} ")
            line.append(f"{_short(here)}/{_short(there)}".rjust(9), style=_quality_style(status))
            rates = status.in_bytes_per_second, status.out_bytes_per_second
            for each in rates if wide else (sum(rates),):
                line.append(f" {bytes_per_second(each):>9}")
            line.append(" ")
            line.append(_series(watch, _ping, PING_TOP_MS, width - line.cell_len), style="cyan")
        lines.append(line)
    if len(shown) < len(watches):
        lines.append(Text(f"  and {len(watches) - len(shown)} more: make the window taller", style="dim"))
    return lines


def plain_line(watch: Watch, clock: str) -> str:
    """One line about one server, for pipes and logs."""
    words = [clock, watch.target, watch.phase.value]
    status = watch.samples[-1].status if watch.samples else None
    if status is not None:
        words += [
            f"ping {known(status.ping, ' ms')}, jitter {_jitter_text(status)}, quality {_quality_text(status)},",
            f"in {_rate(status.in_packets_per_second, status.in_bytes_per_second)},",
            f"out {_rate(status.out_packets_per_second, status.out_bytes_per_second)},",
            f"queue {_queue_text(status)}, path {path_text(status.path)}, lanes {lanes_text(watch.samples[-1].lanes)}",
        ]
    return " ".join(words)


def document(watch: Watch, unix_s: float, now_s: float) -> dict[str, Any]:
    """The newest sample for programs; unknown values are `null`."""
    found: dict[str, Any] = {
        "time": round(unix_s, 3),
        "server": watch.target,
        "address": str(watch.address),
        "state": watch.phase.value,
        "state_for_s": round(now_s - watch.since_s, 3),
        "outages": watch.outages,
        "problem": watch.problem or None,
    }
    sample = watch.samples[-1]
    status = sample.status
    if status is None:
        return found
    return found | {
        "ping_ms": _or_none(status.ping),
        "jitter_ms": status.max_jitter / 1000 if status.max_jitter >= 0 else None,
        "quality_local": _or_none(status.connection_quality_local),
        "quality_remote": _or_none(status.connection_quality_remote),
        "in_packets_per_s": status.in_packets_per_second,
        "in_bytes_per_s": status.in_bytes_per_second,
        "out_packets_per_s": status.out_packets_per_second,
        "out_bytes_per_s": status.out_bytes_per_second,
        "send_rate_bytes_per_s": status.send_rate_bytes_per_second,
        "pending_unreliable_bytes": status.pending_unreliable,
        "pending_reliable_bytes": status.pending_reliable,
        "unacked_reliable_bytes": status.sent_unacked_reliable,
        "queue_ms": status.queue_time / 1000 if status.queue_time < QUEUE_TIME_UNKNOWN else None,
        "path": path_document(status.path),
        "lanes": [
            {
                "lane": lane.number,
                "in_messages_per_s": round(lane.in_messages_per_s, 2),
                "in_bytes_per_s": round(lane.in_bytes_per_s, 2),
                "queued_bytes": lane.queued_bytes,
            }
            for lane in sample.lanes
        ],
    }


def closing_line(watch: Watch, ran_s: float, now_s: float) -> str:
    """What to remember of a server when the monitor ends."""
    line = f"{watch.target}: connected {duration(watch.connected_for_s(now_s))} of {duration(ran_s)}"
    if watch.pings.count:
        line += f", ping min/mean/max {watch.pings.minimum}/{watch.pings.mean:.1f}/{watch.pings.maximum} ms"
    if watch.outages:
        line += f", lost {plural(watch.outages, 'time')}"
    if watch.problem:
        line += f"; {watch.problem}"
    return line


def lanes_text(lanes: Sequence[Lane]) -> str:
    """What comes in through each lane."""
    busy = [lane for lane in lanes if lane.in_messages_per_s or lane.queued_bytes]
    words = [
        f"{lane.number}: {rate(lane.in_messages_per_s)} msg/s in, {bytes_per_second(lane.in_bytes_per_s)}"
        + (f", {size(lane.queued_bytes)} queued" if lane.queued_bytes else "")
        for lane in busy[:LANES_SHOWN]
    ]
    if len(busy) > LANES_SHOWN:
        words.append(f"and {len(busy) - LANES_SHOWN} more")
    return "; ".join(words) or "no messages"


def queued_bytes(status: gs.ConnectionStatus) -> float:
    """All that has not been sent, and what is sent but not acknowledged."""
    return status.pending_unreliable + status.pending_reliable + status.sent_unacked_reliable


def worst_quality(status: gs.ConnectionStatus) -> float:
    """The lower of the two qualities that is known; below 0 when neither is."""
    qualities = [q for q in (status.connection_quality_local, status.connection_quality_remote) if q >= 0]
    return min(qualities, default=-1.0)


def _header(watch: Watch, now_s: float) -> Text:
    peer = f"  {watch.peer}" if watch.phase is Phase.CONNECTED else ""
    style = _DOTS[watch.phase][1]
    return Text.assemble(_DOTS[watch.phase], (f" {watch.target}", "bold"), (f"  {_state(watch, now_s)}", style), peer)


def _state(watch: Watch, now_s: float) -> str:
    if watch.phase is Phase.CONNECTED:
        return f"connected {duration(now_s - watch.since_s)}"
    if watch.phase is Phase.CONNECTING:
        return "connecting" + (f" again; {watch.problem}" if watch.problem else "")
    return f"next try in {watch.next_try_in_s(now_s):.0f} s; {watch.problem}"


def _series(
    watch: Watch, measure: Callable[[gs.ConnectionStatus], float], top: float, width: int, bottom: float = 0.0
) -> str:
    """The sparkline of one figure over the last minute; unknown values are gaps."""
    values: list[float | None] = []
    for sample in watch.samples:
        value = measure(sample.status) if sample.status is not None else -1.0
        values.append(value if value >= 0 else None)
    highest = max((value for value in values if value is not None), default=top)
    # While there is less than a minute of samples, the line begins with a gap, so that the newest is at the right.
    wanted = watch.samples.maxlen or len(values)
    padded = [None] * (wanted - len(values)) + values
    return sparkline(padded, min(width, wanted), max(top, highest), watch.sample_count, bottom)


def _ping(status: gs.ConnectionStatus) -> float:
    return status.ping


def _jitter(status: gs.ConnectionStatus) -> float:
    return status.max_jitter


def _bytes_in(status: gs.ConnectionStatus) -> float:
    return status.in_bytes_per_second


def _bytes_out(status: gs.ConnectionStatus) -> float:
    return status.out_bytes_per_second


def _jitter_text(status: gs.ConnectionStatus) -> str:
    return "-" if status.max_jitter < 0 else f"{milliseconds(status.max_jitter)} ms"


def _quality_text(status: gs.ConnectionStatus) -> str:
    return f"{percent(status.connection_quality_local)} here, {percent(status.connection_quality_remote)} there"


def _quality_style(status: gs.ConnectionStatus) -> str:
    worst = worst_quality(status)
    if worst < 0 or worst >= GOOD_QUALITY:
        return ""
    return "yellow" if worst >= POOR_QUALITY else "red"


def _rate(packets_per_s: float, bytes_per_s: float) -> str:
    return f"{rate(packets_per_s)} pkt/s, {bytes_per_second(bytes_per_s)}"


def _queue_text(status: gs.ConnectionStatus) -> str:
    text = size(queued_bytes(status))
    if 0 < status.queue_time < QUEUE_TIME_UNKNOWN:
        text += f", {milliseconds(status.queue_time)} ms"
    return text


def _short(share: float) -> str:
    return "-" if share < 0 else f"{share * 100:.0f}%"


def _or_none(number: float) -> float | None:
    return number if number >= 0 else None
