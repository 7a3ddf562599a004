"""How is a connection doing, as text for people? Detailed status and debug text (spec 3, 2 and 9.3).

Pure functions from the connection and the time to text. The lines, columns and headings of the detailed status are
those of the reference library, so that people and tools that know one text can read the other.
"""

from collections.abc import Sequence
from typing import Final

from gamesockets.connection.connection import Connection
from gamesockets.connection.states import visible
from gamesockets.connection.stats import JITTER_FIELDS, PING_FIELDS, QUALITY_FIELDS, UNKNOWN
from gamesockets.observe.snapshots import describe, path_status
from gamesockets.values.enums import ConnectionState
from gamesockets.values.moments import US_PER_MS
from gamesockets.values.records import PathStatus
from gamesockets.wire.messages_pb2 import InstantaneousStats, LifetimeStats

SAMPLES_MIN: Final = 5
"""Ping and quality get a histogram from this many samples on."""

_KILO: Final = 1024
_INDENT: Final = "    "
_NO_NUMBER: Final = "???"

_PING_HEADING: Final = "         0-25    25-50    50-75   75-100  100-125  125-150  150-200  200-300     300+"
_PING_ROW: Final = ("5th", "50th", "75th", "95th", "98th")
_QUALITY_HEADING: Final = "    perfect    99+  97-99  95-97  90-95  75-90  50-75    <50   dead"
_QUALITY_ROW: Final = ("50th", "25th", "5th", "2nd")
_JITTER_HEADING: Final = "          <1     1-2     2-5    5-10   10-20     >20"


def detailed_status(connection: Connection, now: int) -> str:
    """Everything measured on a connection, for people; `now` in microseconds. Every line ends with a newline.

    K and KB are 1024 bytes. What is not known yet is left out or shown as `???`; rates are those of the last finished
    interval of five seconds, zero before the first.
    """
    lines = [_headline(connection)]
    if connection.send_error:
        seconds = (now - connection.send_error_since) / 1_000_000
        lines.append(f"    Nothing can be sent for {seconds:.1f}s: {connection.send_error}")
    statistics = connection.statistics
    if statistics.packets_sent > 0:
        lines += ["    Current rates:", *_indented(_own_rates(connection), 2)]
        totals = _totals(statistics.lifetime(now), statistics.bytes_sent, statistics.bytes_received)
        lines += ["    Lifetime stats:", *_indented(totals, 2)]
        lines += _indented(_told_by_peer(connection, now), 1)
    lines += _indented(_certificate(connection), 1)
    return "\n".join(lines) + "\n"


def debug_text(connection: Connection, name: str) -> str:
    """The state of sender and receiver, after the text of the early wrapper (spec 3, 2); `name` may be empty.

    Units: bytes, bytes per second, milliseconds. Means are over the whole life, what was received per second is that
    of the last finished interval. `?` stands for what is not known yet.
    """
    sender = connection.sender
    receiver = connection.traffic.receiver
    statistics = connection.statistics
    dropped = max(connection.traffic.window.dropped, 0)
    ping_ms = connection.ping.smoothed_ms
    reliable = sum([lane.reliable_count for lane in sender.lanes.lanes])
    rows: list[tuple[str, object]] = [
        *([("nothing can be sent", connection.send_error)] if connection.send_error else []),
        ("x", f"{sender.pacer.rate} bytes/s"),
        ("x_calc", f"{sender.pacer.estimate} bytes/s"),
        ("rtt", f"{ping_ms} ms" if ping_ms >= 0 else "?"),
        ("tx_s", _mean_bytes(statistics.bytes_sent, statistics.packets_sent)),
        ("pending bytes", sender.pending_bytes()),
        ("outstanding reliable bytes", sender.unacked_reliable_bytes()),
        ("reliable messages", reliable),
        ("messages", sum([lane.last_number for lane in sender.lanes.lanes])),
        ("minimum rate", f"{connection.options.send_rate_min} bytes/s"),
        ("maximum rate", f"{connection.options.send_rate_max} bytes/s" if connection.options.send_rate_max else "none"),
        *_path_rows(path_status(connection)),
    ]
    lines = [_one_line(describe(connection, name)), "SenderState", *_rows(rows), "", "ReceiverState"]
    rows = [
        ("x_recv", f"{statistics.interval.in_bytes_per_second:.0f} bytes/s"),
        ("rx_s", _mean_bytes(statistics.bytes_received, statistics.packets_received)),
        ("i_mean", f"{(statistics.sequenced + dropped) / dropped:.1f} packets for each lost one" if dropped else "?"),
        ("reliable messages", receiver.reliable_messages),
        ("messages", receiver.reliable_messages + receiver.unreliable_messages),
    ]
    return "\n".join([*lines, *_rows(rows), *_certificate(connection)]) + "\n"


def _certificate(connection: Connection) -> list[str]:
    """Our own: the reference library says nothing of it. Of a certificate that no authority signed neither do we."""
    certificate = connection.certificate
    if certificate is None or not certificate.ca_key_id:
        return []
    apps = ", ".join([str(app_id) for app_id in certificate.app_ids]) or "any"
    whose = "an authority we trust" if connection.is_authenticated else "an authority we do not trust"
    facts = f"key {certificate.key_id}, apps {apps}, until {certificate.expires_s} (Unix time)"
    return [f"Certificate of remote host: {facts}, signed by {whose}"]


def _path_rows(path: PathStatus) -> list[tuple[str, object]]:
    """What was learned of the path."""
    rows: list[tuple[str, object]] = [("rate control", path.state)]
    if path.window_bytes:
        rows += [
            ("bandwidth", f"{path.bandwidth_bytes_per_second} bytes/s"),
            ("delivery rate", f"{path.delivery_rate_bytes_per_second} bytes/s"),
            ("in flight", f"{path.in_flight_bytes} of {path.window_bytes} bytes"),
            ("minimum rtt", f"{path.minimum_round_trip_us / US_PER_MS:.3f} ms"),
            ("standing queue", f"{path.standing_queue_us / US_PER_MS:.3f} ms"),
            ("loss", f"{percent_text(path.loss)}%"),
        ]
    return [*rows, ("lost packets", path.lost_packets), ("late packets", path.late_packets)]


def _rows(rows: Sequence[tuple[str, object]]) -> list[str]:
    return [f"{_INDENT}{label}: {value}" for label, value in rows]


def _mean_bytes(size: int, count: int) -> str:
    return f"{size // count} bytes" if count else "?"


def _indented(lines: list[str], times: int) -> list[str]:
    return [_INDENT * times + line for line in lines]


def _headline(connection: Connection) -> str:
    state = visible(connection.state)
    how = {
        ConnectionState.CONNECTING: "connecting",
        ConnectionState.FINDING_ROUTE: "performing rendezvous",
        ConnectionState.CONNECTED: "connected",
    }.get(state)
    if how is None:
        whose = {
            ConnectionState.CLOSED_BY_PEER: "closed by remote host",
            ConnectionState.PROBLEM_DETECTED_LOCALLY: "closed due to problem detected locally",
        }.get(state, "closed")
        # sic: the reference library's own spelling
        how = f"{whose}, reason code {connection.end_reason}.  ({_one_line(connection.end_debug)})"
    return f"End-to-end connection: {how}"


def _one_line(text: str) -> str:
    """Text that may come from the peer, without line breaks and control characters for terminals."""
    return "".join([character if character.isprintable() else "?" for character in text])


def _told_by_peer(connection: Connection, now: int) -> list[str]:
    statistics = connection.statistics
    rates = statistics.remote_instantaneous
    if rates is None:
        lines = ["No rate stats received from remote host"]
    else:
        age = (now - statistics.remote_instantaneous_at) / 1_000_000
        lines = [f"Rate stats received from remote host {age:.1f}s ago:", *_indented(_remote_rates(rates), 1)]
    totals = statistics.remote_lifetime
    if totals is None:
        return [*lines, "No lifetime stats received from remote host"]
    age = (now - statistics.remote_lifetime_at) / 1_000_000
    told = _totals(totals, totals.kb_sent * _KILO, totals.kb_recv * _KILO)
    return [*lines, f"Lifetime stats received from remote host {age:.1f}s ago:", *_indented(told, 1)]


# ---------------------------------------------------------------------- rates


def _own_rates(connection: Connection) -> list[str]:
    interval = connection.statistics.interval
    lines = _packet_rates("Sent", interval.out_packets_per_second, interval.out_bytes_per_second)
    lines += _packet_rates("Recv", interval.in_packets_per_second, interval.in_bytes_per_second)
    lines += _delays(connection.ping.smoothed_ms, interval.peak_jitter_us)
    if interval.dropped >= 0:
        lines.append(_quality(interval.quality(), interval.dropped, interval.weird))
    # sic: the reference library's own spelling
    lines.append(f"Est avail bandwidth: {connection.sender.pacer.rate / _KILO:.1f}KB/s  ")
    lines.append(f"Bytes buffered: {connection.sender.pending_bytes():,}")
    return lines


def _remote_rates(told: InstantaneousStats) -> list[str]:
    lines = _packet_rates("Sent", told.out_packets_per_sec_x10 / 10, told.out_bytes_per_sec)
    lines += _packet_rates("Recv", told.in_packets_per_sec_x10 / 10, told.in_bytes_per_sec)
    lines += _delays(
        told.ping_ms if told.HasField("ping_ms") else UNKNOWN,
        told.peak_jitter_usec if told.HasField("peak_jitter_usec") else UNKNOWN,
    )
    if told.HasField("packets_dropped_pct") and told.HasField("packets_weird_sequence_pct"):
        dropped, weird = told.packets_dropped_pct, told.packets_weird_sequence_pct
        lines.append(_quality((100 - dropped - weird) / 100, dropped / 100, weird / 100))
    # Peers do not tell what they have buffered; the reference library always writes 0.
    lines.append("Bytes buffered: 0")
    return lines


def _packet_rates(direction: str, packets: float, size_bytes: float) -> list[str]:
    return [f"{direction}:{packets:6.1f} pkts/sec{size_bytes / _KILO:6.1f} K/sec"]


def _delays(ping_ms: int, jitter_us: int) -> list[str]:
    if ping_ms < 0 and jitter_us < 0:
        return []
    ping = str(ping_ms) if ping_ms >= 0 else _NO_NUMBER
    jitter = f"{jitter_us / US_PER_MS:.1f}" if jitter_us >= 0 else _NO_NUMBER
    # sic: the reference library's own spelling
    return [f"Ping:{ping}ms    Max latency variance: {jitter}ms"]


def _quality(quality: float, dropped: float, weird: float) -> str:
    # sic: the reference library's own spelling
    return (
        f"Quality:{percent_text(quality):>5}%  "
        f"(Dropped:{percent_text(dropped):>4}%  WeirdSeq:{percent_text(weird):>4}%)"
    )


def percent_text(fraction: float) -> str:
    """A share of 0..1 as percent with about three digits; below 0 is unknown."""
    percent = fraction * 100
    if percent < 0:
        return _NO_NUMBER
    if percent < 9.5:
        return f"{percent:.2f}"
    return f"{percent:.1f}" if percent < 99.5 else f"{percent:.0f}"


# ---------------------------------------------------------------------- totals


def _totals(stats: LifetimeStats, bytes_sent: int, bytes_received: int) -> list[str]:
    lines = [
        "Totals",
        f"    Sent:{stats.packets_sent:>11,} pkts {bytes_sent:>15,} bytes",
        f"    Recv:{stats.packets_recv:>11,} pkts {bytes_received:>15,} bytes",
    ]
    if stats.packets_recv_sequenced > 0:
        expected = stats.packets_recv_sequenced + stats.packets_recv_dropped
        lines.append(f"    Recv w seq:{stats.packets_recv_sequenced:>11,} pkts")
        for label, count in (
            ("Dropped   ", stats.packets_recv_dropped),
            ("OutOfOrder", stats.packets_recv_out_of_order),
            ("OOOFixed  ", stats.packets_recv_out_of_order_corrected),
            ("Duplicate ", stats.packets_recv_duplicate),
            ("SeqLurch  ", stats.packets_recv_lurch),
        ):
            lines.append(f"    {label}:{count:>11,} pkts{100 * count / expected:7.2f}%")
    return lines + _ping_lines(stats) + _quality_lines(stats) + _jitter_lines(stats)


def _ping_lines(stats: LifetimeStats) -> list[str]:
    counts = _histogram(stats, "ping", PING_FIELDS)
    total = sum(counts)
    if total < SAMPLES_MIN:
        # sic: the reference library's own spelling
        return [f"No ping distribution available.  ({total} samples)"]
    lines = [f"Ping histogram: ({total} total samples)", _PING_HEADING, *_table(counts, 9)]
    percentiles = _percentiles(stats, "ping", _PING_ROW)
    if percentiles:
        lines.append("Ping distribution:")
        lines.append("".join([f"{name:>7}" for name, _ in percentiles]))
        lines.append("".join([f"{value:5}ms" for _, value in percentiles]))
    return lines


def _quality_lines(stats: LifetimeStats) -> list[str]:
    counts = _histogram(stats, "quality", QUALITY_FIELDS)
    total = sum(counts)
    if total < SAMPLES_MIN:
        # sic: the reference library's own spelling
        return [f"No connection quality distribution available.  ({total} measurement intervals)"]
    lines = [
        f"Connection quality histogram: ({total} measurement intervals)",
        _QUALITY_HEADING,
        *_table(counts, 7),
    ]
    percentiles = _percentiles(stats, "quality", _QUALITY_ROW)
    if percentiles:
        lines.append("Connection quality distribution:")
        lines.append("".join([f"{name:>6}" for name, _ in percentiles]))
        lines.append("".join([f"{value:5}%" for _, value in percentiles]))
    return lines


def _jitter_lines(stats: LifetimeStats) -> list[str]:
    counts = _histogram(stats, "jitter", JITTER_FIELDS)
    total = sum(counts)
    if total == 0:
        return ["Latency variance histogram not available"]
    return [f"Latency variance histogram: ({total} total measurements)", _JITTER_HEADING, *_table(counts, 8)]


def _histogram(stats: LifetimeStats, stem: str, names: Sequence[str]) -> list[int]:
    return [getattr(stats, f"{stem}_histogram_{name}") for name in names]


def _table(counts: list[int], width: int) -> list[str]:
    """Counts, and below them each one's share of all in percent."""
    total = sum(counts)
    shares = [100 * count / total for count in counts]
    return [
        _INDENT + "".join([f"{count:{width}}" for count in counts]),
        _INDENT + "".join([f"{share:{width - 1}.1f}%" for share in shares]),
    ]


def _percentiles(stats: LifetimeStats, stem: str, names: Sequence[str]) -> list[tuple[str, int]]:
    """The percentiles that are known, with their values."""
    known = [name for name in names if stats.HasField(f"{stem}_ntile_{name}")]
    return [(name, getattr(stats, f"{stem}_ntile_{name}")) for name in known]
