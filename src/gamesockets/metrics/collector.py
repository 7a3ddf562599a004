"""Under which names does Prometheus see what the connections of this process do?

All that is counted anyway is read when somebody scrapes. Labels have few values, however many peers there are.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, final

from gamesockets.build import BUILD
from gamesockets.connection.stats import JITTER_CLASSES_US, PING_CLASSES_MS
from gamesockets.drivers.lag import LAG_CLASSES_US
from gamesockets.node.measurements import Measurements
from gamesockets.node.process import PROCESS
from gamesockets.node.reading import READING
from gamesockets.values.statistics import Statistics
from gamesockets.version import __version__

try:
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
        InfoMetricFamily,
        Metric,
    )
    from prometheus_client.registry import Collector as PrometheusCollector
except ImportError as error:  # pragma: no cover - the tests install it
    text = "gamesockets.metrics needs the package prometheus_client: pip install 'gamesockets[metrics]'"
    raise ImportError(text) from error

STATES: Final = ("connecting", "connected", "linger", "fin_wait", "closed_by_peer", "problem_detected_locally")
"""Always there, so that a graph has no gaps."""

REFUSED: Final = (
    "bad_challenges",
    "bad_requests",
    "no_room",
    "no_room_for_address",
    "no_room_to_wait",
    "too_fast",
    "too_fast_for_address",
)
DROPPED: Final = (
    "malformed",
    "stray",
    "ignored",
    "undecryptable",
    "duplicates",
    "oversize_dropped",
    "overload_dropped",
)
UNANSWERED: Final = ("replies_dropped", "replies_limited")
MESSAGES_REFUSED: Final = ("queue_full", "over_budget", "messages_expired")
SOCKET_ERRORS: Final = ("send_errors", "receive_errors")
"""Fields of `Statistics`; what they count stands there."""

_US: Final = 1_000_000
_MS: Final = 1_000


@final
class Collector(PrometheusCollector):
    """What all `NetworkingSockets` and all of `aio` in this process do. Register one: `REGISTRY.register(Collector())`.

    A scrape reads what is counted anyway. It holds the lock of each `NetworkingSockets` for a moment, about 1 ms for
    a thousand connections, and may come from any thread. How long messages wait until they are read is measured from
    the first collector on, for 0.5 us a message.
    """

    def __init__(self) -> None:
        READING.is_on = True

    def collect(self) -> Iterator[Metric]:
        """The metrics at this moment."""
        found = PROCESS.measure()
        yield InfoMetricFamily("gamesockets_build", "Version and build", {"version": __version__, "build": BUILD})
        yield from _connections(found)
        yield from _traffic(found)
        yield from _refusals(found.statistics)
        yield from _queues(found)
        yield from _histograms(found)

    def describe(self) -> Iterable[Metric]:
        """Nothing: the names need not be known before the first scrape."""
        return []


def _connections(found: Measurements) -> Iterator[Metric]:
    states = GaugeMetricFamily("gamesockets_connections", "Connections over UDP by state", labels=["state"])
    for state in STATES:
        states.add_metric([state], found.states[state])
    yield states
    started = CounterMetricFamily("gamesockets_handshakes_started", "Handshakes that began", labels=["role"])
    established = CounterMetricFamily("gamesockets_handshakes_completed", "Handshakes that succeeded", labels=["role"])
    for role in ("client", "server"):
        started.add_metric([role], found.started[role])
        established.add_metric([role], found.established[role])
    yield started
    yield established
    ended = CounterMetricFamily(
        "gamesockets_connections_ended", "Connections that ended, by who ended them and why", labels=["by", "reason"]
    )
    for (by, reason), count in sorted(found.ended.items()):
        ended.add_metric([by, reason], count)
    yield ended
    yield CounterMetricFamily(
        "gamesockets_connections_evicted",
        "Connections that were ended because all together held too much memory",
        found.statistics.evicted,
    )


def _traffic(found: Measurements) -> Iterator[Metric]:
    totals = found.totals
    yield _both_ways(
        "gamesockets_packets", "UDP datagrams of connections", totals.packets_sent, totals.packets_received
    )
    yield _both_ways("gamesockets_bytes", "UDP payload of connections", totals.bytes_sent, totals.bytes_received)
    yield _both_ways(
        "gamesockets_packets_missing",
        "Data packets that had not come when later ones came: sent as the peers report, received as seen here",
        totals.packets_reported_missing,
        totals.packets_missing,
    )
    yield _both_ways(
        "gamesockets_packets_late",
        "Missing data packets that came after all",
        totals.packets_reported_late,
        totals.packets_late,
    )
    yield CounterMetricFamily(
        "gamesockets_retransmissions", "Segments of reliable messages that were sent once more", totals.retransmissions
    )
    messages = CounterMetricFamily("gamesockets_messages", "Whole messages", labels=["direction", "kind"])
    messages.add_metric(["sent", "reliable"], totals.reliable_sent)
    messages.add_metric(["sent", "unreliable"], totals.unreliable_sent)
    messages.add_metric(["received", "reliable"], totals.reliable_received)
    messages.add_metric(["received", "unreliable"], totals.unreliable_received)
    yield messages


def _refusals(statistics: Statistics) -> Iterator[Metric]:
    yield _by_reason("gamesockets_handshakes_refused", "Connect requests turned away", REFUSED, statistics)
    yield _by_reason("gamesockets_datagrams_dropped", "Datagrams that were received and not used", DROPPED, statistics)
    yield _by_reason("gamesockets_replies_withheld", "Answers in the clear that were not sent", UNANSWERED, statistics)
    yield _by_reason(
        "gamesockets_messages_refused", "Messages, or parts of them, not taken in", MESSAGES_REFUSED, statistics
    )
    yield _by_reason("gamesockets_socket_errors", "Errors of the system's sockets", SOCKET_ERRORS, statistics)


def _queues(found: Measurements) -> Iterator[Metric]:
    waiting = GaugeMetricFamily("gamesockets_send_queue_bytes", "Bytes of messages not delivered yet", labels=["kind"])
    waiting.add_metric(["reliable"], found.pending_reliable_bytes)
    waiting.add_metric(["unreliable"], found.pending_unreliable_bytes)
    waiting.add_metric(["unacknowledged"], found.unacked_bytes)
    yield waiting
    yield GaugeMetricFamily(
        "gamesockets_send_queue_seconds",
        "How long what is queued takes to leave, on the connection where that takes longest",
        found.queue_us_max / _US,
    )
    yield GaugeMetricFamily(
        "gamesockets_receive_queue_messages", "Messages the application has not read", found.unread_messages
    )
    yield GaugeMetricFamily("gamesockets_receive_queue_bytes", "Bytes of these messages", found.unread_bytes)
    yield GaugeMetricFamily(
        "gamesockets_receive_queue_seconds", "How long the first of them has been waiting", found.oldest_unread_us / _US
    )
    yield GaugeMetricFamily(
        "gamesockets_memory_bytes",
        "What connections may hold now beyond 32 KiB each",
        found.statistics.memory_bytes,
    )


def _histograms(found: Measurements) -> Iterator[Metric]:
    totals = found.totals
    yield _histogram(
        "gamesockets_ping_seconds",
        "Round trips, each as it was measured",
        [limit / _MS for limit in PING_CLASSES_MS],
        totals.ping_histogram,
        totals.ping_sum_ms / _MS,
    )
    yield _histogram(
        "gamesockets_jitter_seconds",
        "By how much the spacing of two packets changed on the way here",
        [limit / _US for limit in JITTER_CLASSES_US],
        totals.jitter_histogram,
        None,
    )
    yield _histogram(
        "gamesockets_loop_lag_seconds",
        "How late deadlines were served by the event loop or the service thread",
        [limit / _US for limit in LAG_CLASSES_US],
        found.lag.histogram,
        found.lag.sum_us / _US,
    )
    yield _histogram(
        "gamesockets_receive_delay_seconds",
        "How long messages waited until the application read them",
        [limit / _US for limit in LAG_CLASSES_US],
        found.reading.histogram,
        found.reading.sum_us / _US,
    )


def _both_ways(name: str, text: str, sent: int, received: int) -> Metric:
    metric = CounterMetricFamily(name, text, labels=["direction"])
    metric.add_metric(["sent"], sent)
    metric.add_metric(["received"], received)
    return metric


def _by_reason(name: str, text: str, reasons: Sequence[str], statistics: Statistics) -> Metric:
    metric = CounterMetricFamily(name, text, labels=["reason"])
    for reason in reasons:
        metric.add_metric([reason], getattr(statistics, reason))
    return metric


def _histogram(name: str, text: str, limits: Sequence[float], counts: Sequence[int], total: float | None) -> Metric:
    """Prometheus counts in each class what is below, too. Without a total there is no mean, only quantiles."""
    metric = HistogramMetricFamily(name, text)
    below = 0
    buckets: list[tuple[str, float]] = []
    for limit, count in zip([*[str(limit) for limit in limits], "+Inf"], counts, strict=True):
        below += count
        buckets.append((limit, below))
    metric.add_metric([], buckets, total)
    return metric
