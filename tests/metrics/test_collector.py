"""What does a scrape see of the connections of this process, and do its counts only grow?"""

import asyncio
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.pairs import Loopback
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets import aio
from gamesockets.node.tally import reason_class

prometheus_client = pytest.importorskip("prometheus_client")
parser = pytest.importorskip("prometheus_client.parser")

from gamesockets import metrics  # noqa: E402 - it needs what may be missing
from gamesockets.metrics import collector  # noqa: E402

DASHBOARD: Final = Path(__file__).parents[2] / "docs" / "grafana" / "gamesockets.json"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Scrape:
    """The samples of one moment, by name and labels."""

    def __init__(self, text: str) -> None:
        self.families = list(parser.text_string_to_metric_families(text))
        self.samples: Samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in self.families
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self.samples.get((f"gamesockets_{name}", tuple(sorted(labels.items()))), 0.0)


def scrape() -> Scrape:
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics.Collector())
    return Scrape(prometheus_client.generate_latest(registry).decode())


@pytest.fixture
def meeting() -> Iterator[Loopback]:
    with Loopback() as meeting:
        yield meeting


def test_connections_messages_and_ends_are_counted(meeting: Loopback) -> None:
    before = scrape()
    client, server = meeting.client, meeting.server
    outgoing, incoming = meeting.connected()
    during = scrape()
    assert during("connections", state="connected") - before("connections", state="connected") == 2
    for role in ("client", "server"):
        for what in ("handshakes_started_total", "handshakes_completed_total"):
            assert during(what, role=role) - before(what, role=role) == 1, (what, role)

    for _ in range(3):
        client.send_message_to_connection(outgoing, bytes(100), gs.SendFlags.RELIABLE)
    client.send_message_to_connection(outgoing, bytes(100), gs.SendFlags.UNRELIABLE_NO_NAGLE)
    wait_until(lambda: scrape()("receive_queue_messages") >= 4)
    after = scrape()
    assert after("receive_queue_bytes") >= 400
    assert after("receive_queue_seconds") > 0
    for direction in ("sent", "received"):
        for kind, count in (("reliable", 3), ("unreliable", 1)):
            labels = {"direction": direction, "kind": kind}
            assert after("messages_total", **labels) - before("messages_total", **labels) == count
        assert after("bytes_total", direction=direction) - before("bytes_total", direction=direction) > 400
    assert after("ping_seconds_count") > before("ping_seconds_count")
    wait_until(lambda: scrape()("loop_lag_seconds_count") > before("loop_lag_seconds_count"))

    client.close_connection(outgoing, 1234)
    server.until(gs.ConnectionState.CLOSED_BY_PEER, incoming)
    ended = scrape()
    for by in ("application", "peer"):
        labels = {"by": by, "reason": "application"}
        assert ended("connections_ended_total", **labels) - before("connections_ended_total", **labels) == 1


def test_the_delay_until_messages_are_read_is_measured_in_each_way_of_reading(meeting: Loopback) -> None:
    client, server = meeting.client, meeting.server
    outgoing, incoming = meeting.connected()
    group = server.create_poll_group()
    reads: list[Callable[[], list[gs.NetworkingMessage]]] = [
        lambda: server.receive_messages_on_connection(incoming),
        lambda: server.receive_messages_on_listen_socket(meeting.listen_socket),
        lambda: server.receive_messages_on_poll_group(group),
    ]
    for number, read in enumerate(reads):
        if number == len(reads) - 1:
            server.set_connection_poll_group(incoming, group)
        before = scrape()
        waiting = before("receive_queue_messages")
        for _ in range(3):
            client.send_message_to_connection(outgoing, bytes(100), gs.SendFlags.RELIABLE)
        wait_until(lambda: scrape()("receive_queue_messages") >= waiting + 3)  # noqa: B023 - called at once
        waited_s = scrape()("receive_queue_seconds")
        assert len(read()) == 3
        after = scrape()
        assert after("receive_delay_seconds_count") - before("receive_delay_seconds_count") == 3
        assert after("receive_delay_seconds_sum") - before("receive_delay_seconds_sum") >= waited_s > 0


def counts(scraped: Scrape) -> Samples:
    """All that may never fall: a count that does looks like a restart, and Prometheus adds all of it again."""
    names = re.compile(r".*_(total|bucket|count|sum)$")
    return {key: value for key, value in scraped.samples.items() if names.match(key[0])}


def test_counts_outlive_connections_listen_sockets_and_interfaces() -> None:
    with Loopback() as meeting:
        outgoing, incoming = meeting.connected()
        meeting.client.send_message_to_connection(outgoing, bytes(1000), gs.SendFlags.RELIABLE)
        meeting.server.messages(incoming)
        last = scrape()
        steps = [
            lambda: meeting.client.close_connection(outgoing, 0, "", True),
            lambda: meeting.server.close_listen_socket(meeting.listen_socket),
            meeting.client.close,
            meeting.server.close,
        ]
        for step in steps:
            step()
            now = scrape()
            fallen = {key: (value, now.samples.get(key)) for key, value in counts(last).items()}
            assert not {key: pair for key, pair in fallen.items() if pair[1] is None or pair[1] < pair[0]}
            last = now


def test_asyncio_is_counted_too_and_so_is_a_blocked_loop() -> None:
    async def echo(connection: aio.Connection) -> None:
        async for message in connection:
            await connection.send(message.data, message.flags)

    async def run() -> tuple[Scrape, Scrape]:
        async with aio.serve(echo, "127.0.0.1", 0) as server:
            async with aio.connect("127.0.0.1", server.address.port) as connection:
                before = scrape()
                await connection.send(b"x", gs.SendFlags.RELIABLE)
                await connection.receive()
                return before, scrape()

    before, after = asyncio.run(run())
    labels = {"direction": "received", "kind": "reliable"}
    assert after("messages_total", **labels) - before("messages_total", **labels) == 2
    assert after("receive_delay_seconds_count") - before("receive_delay_seconds_count") == 2
    assert after("loop_lag_seconds_count") >= before("loop_lag_seconds_count")


def test_a_peer_cannot_make_many_labels() -> None:
    found = {reason_class(reason) for reason in [*range(1000, 3000), 0, 999, 4998, 60000, -1]}
    assert found == {"application", "application_exception", "remote", "other"}


def test_known_reasons_have_their_names() -> None:
    assert reason_class(gs.EndReason.MISC_TIMEOUT) == "misc_timeout"
    assert reason_class(gs.EndReason.REMOTE_BAD_CERT) == "remote_bad_cert"


def test_all_fields_of_statistics_are_shown() -> None:
    shown = {
        *collector.REFUSED,
        *collector.DROPPED,
        *collector.UNANSWERED,
        *collector.MESSAGES_REFUSED,
        *collector.SOCKET_ERRORS,
    }
    elsewhere = {"connections", "memory_bytes", "evicted", "memory_full", "locals_refused"}
    assert shown | elsewhere == set(gs.Statistics.__dataclass_fields__)


def test_names_follow_the_conventions(meeting: Loopback) -> None:
    meeting.connected()
    for family in scrape().families:
        assert re.fullmatch(r"gamesockets(_[a-z]+)+", family.name)
        assert family.documentation
        assert not re.search(r"_(us|ms|kb)$", family.name), "seconds and bytes, nothing else"


def expressions() -> list[str]:
    panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def names_in(expression: str) -> list[str]:
    return re.findall(r"gamesockets_\w+", expression)


def test_the_dashboard_shows_what_there_is_and_all_of_it(meeting: Loopback) -> None:
    ends = meeting.connected()
    meeting.client.close_connection(ends.outgoing)
    there = {name for name, _ in scrape().samples}
    shown = {name for expression in expressions() for name in names_in(expression)}
    assert shown <= there
    without_parts = {re.sub(r"_(bucket|count|sum)$", "", name) for name in there} - {"gamesockets_build_info"}
    assert {re.sub(r"_bucket$", "", name) for name in shown} == without_parts


def test_a_scrape_over_http(meeting: Loopback) -> None:
    meeting.connected()
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics.Collector())
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            scraped = Scrape(answer.read().decode())
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert scraped("connections", state="connected") >= 2
