"""Does a real Prometheus take what it scrapes, and can it compute what the dashboard asks for?"""

import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.metrics.test_collector import expressions
from tests.support.pairs import Loopback
from tests.support.ports import free_port
from tests.support.waiting import wait_until

import gamesockets as gs

prometheus_client = pytest.importorskip("prometheus_client")

from gamesockets import metrics  # noqa: E402 - it needs what may be missing

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="there is no prometheus here"),
]


def ask(port: int, query: str) -> list[dict[str, Any]]:
    """What Prometheus answers to a query; raises `OSError` as long as it does not."""
    parameters = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/query?{parameters}") as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    result: list[dict[str, Any]] = found["data"]["result"]
    return result


@contextmanager
def prometheus(folder: Path, scraped_port: int) -> Iterator[int]:
    """One that scrapes this process, on the port that comes out."""
    port = free_port()
    config = folder / "prometheus.yml"
    target = f"127.0.0.1:{scraped_port}"
    jobs = [{"job_name": "game", "static_configs": [{"targets": [target]}]}]
    config.write_text(
        json.dumps({"global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"}, "scrape_configs": jobs})
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield port
        finally:
            process.terminate()
            process.wait()


def test_prometheus_scrapes_and_the_dashboard_s_queries_have_results(tmp_path: Path) -> None:
    registry = prometheus_client.CollectorRegistry()
    registry.register(metrics.Collector())
    server, thread = prometheus_client.start_http_server(0, "127.0.0.1", registry)
    try:
        with prometheus(tmp_path, server.server_port) as port, Loopback() as meeting:
            outgoing, incoming = meeting.connected()

            def connected() -> bool:
                try:
                    found = ask(port, 'gamesockets_connections{state="connected"}')
                except OSError:
                    return False
                return bool(found) and float(found[0]["value"][1]) >= 2

            wait_until(connected, (tmp_path / "log").read_text)
            received = 'gamesockets_messages_total{direction="received",kind="reliable"}'
            for _ in range(20):
                meeting.client.send_message_to_connection(outgoing, bytes(100), gs.SendFlags.RELIABLE)
            meeting.server.messages(incoming, 20)
            wait_until(lambda: [x for x in ask(port, f"increase({received}[10s])") if float(x["value"][1]) > 0])
            meeting.client.close_connection(outgoing)
            wait_until(lambda: ask(port, "gamesockets_connections_ended_total"))
            for expression in expressions():
                query = expression.replace("$__rate_interval", "10s").replace("$instance", ".*")
                assert ask(port, query), query
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
