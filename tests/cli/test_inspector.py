"""Does `inspect` show a trace, to nobody but its own user, and does the page work in a browser?"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.waiting import wait_until
from typer.testing import CliRunner

import gamesockets as gs
from gamesockets import sim
from gamesockets.cli.whole import app
from gamesockets.observe.trace_events import Event, EventSink, EventTrace

websockets = pytest.importorskip("websockets")

from tests.support.browser import Page, browser, needs_browser  # noqa: E402 - they need websockets
from websockets.sync.client import connect  # noqa: E402

from gamesockets.cli.inspect_server import Inspector, content_policy, page_text, page_with, read_further  # noqa: E402

runner = CliRunner()
PEER_TEXT = "</script><script>window.hacked=1</script>"


class Lines(EventSink):
    """Events as a file has them."""

    def __init__(self) -> None:
        self.lines = ['{"event":"trace","at_us":0,"version":1,"unix_us":0}\n']

    def put(self, event: Event) -> None:
        self.lines.append(json.dumps(event) + "\n")


def trace_text() -> str:
    """Two ends of a lossy connection with three lanes, over ten seconds; a peer that tries its hand at the page."""
    world = sim.World(seed=3, conditions=sim.Conditions(latency=0.04, loss=0.05))
    sink = Lines()
    client, server = world.pair()
    for connection, name in ((client, "ada"), (server, "")):
        connection.core.set_trace(EventTrace(connection.core, name, not name, sink, lambda: world.now_us))
    client.configure_lanes([0, 1, 1])
    for index in range(300):
        client.send(bytes(60), gs.SendFlags.UNRELIABLE, 0)
        client.send(bytes(400), gs.SendFlags.RELIABLE, 1 + index % 2)
        server.send(bytes(200), gs.SendFlags.UNRELIABLE)
        world.run(1 / 30)
    end = {"event": "state", "at_us": world.now_us, "connection": client.core.id}
    sink.put({**end, "old_state": "CONNECTED", "state": "CLOSED_BY_PEER", "reason": 1001, "debug": PEER_TEXT})
    return "".join(sink.lines)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trace") / "trace.jsonl"
    path.write_text(trace_text())
    return path


@contextmanager
def served(path: Path) -> Iterator[str]:
    """The address of the page, served by a thread."""
    loop = asyncio.new_event_loop()
    inspector = Inspector(path)
    ready = threading.Event()
    done = asyncio.Event()

    async def run() -> None:
        async with inspector.serving(0):
            ready.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert ready.wait(30)
        yield inspector.url
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def get(url: str, path: str | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
    """Status, headers and text of an answer; `headers` replace those that a browser would send."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0)
    try:
        connection.putrequest("GET", parts.path if path is None else path, skip_host=True)
        for name, value in {"Host": parts.netloc, **headers}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


# ------------------------------------------------------------------ who may see it


def test_the_page_comes_with_headers_that_keep_others_out(trace: Path) -> None:
    with served(trace) as url:
        status, headers, text = get(url)
        port = urlsplit(url).port or 0
    assert (status, text) == (200, page_text())
    assert headers["Content-Security-Policy"] == content_policy(text, port)
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


def test_only_this_machine_reaches_the_server(trace: Path) -> None:
    with served(trace) as url:
        assert urlsplit(url).hostname == "127.0.0.1"
        assert len(urlsplit(url).path.strip("/")) == 32


def test_other_names_of_the_host_are_refused(trace: Path) -> None:
    with served(trace) as url:
        port = urlsplit(url).port
        assert get(url, Host=f"localhost:{port}")[0] == 200
        for host in ("evil.example", f"evil.example:{port}", f"127.0.0.1.evil.example:{port}", "127.0.0.1", ""):
            assert get(url, Host=host)[0] == 403, host


@pytest.mark.parametrize("path", ["/", "/events", "/x/", "/x/events", "//events", "/../etc/passwd", "/favicon.ico"])
def test_without_the_token_there_is_nothing(trace: Path, path: str) -> None:
    with served(trace) as url:
        status, _, text = get(url, path)
        assert status == 404
        assert urlsplit(url).path.strip("/") not in text


def test_events_are_for_the_own_page_alone(trace: Path) -> None:
    with served(trace) as url:
        own = url.rsplit("/", 2)[0]
        events = url.replace("http", "ws") + "events"
        with connect(events, origin=own, proxy=None) as socket:
            assert str(socket.recv()).startswith('{"event":"trace"')
        for origin in ("http://evil.example", "null", own + "0", own.replace("http:", "https:"), None):
            with (
                pytest.raises(websockets.exceptions.InvalidStatus) as refusal,
                connect(events, origin=origin, proxy=None),
            ):
                pass
            assert refusal.value.response.status_code == 403


# ------------------------------------------------------------------ what comes through


def test_a_file_is_followed_line_by_line_and_from_the_start_when_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text("1\n2\n3")
    with (
        served(path) as url,
        connect(url.replace("http", "ws") + "events", origin=url.rsplit("/", 2)[0], proxy=None) as socket,
    ):
        assert socket.recv(30) == "1\n2\n"
        with path.open("a") as file:
            file.write("3\n")
        assert socket.recv(30) == "33\n"
        path.write_text("a\n")
        assert socket.recv(30) == "a\n"


def test_a_line_longer_than_a_chunk_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    line = b"x" * 700_000 + b"\n"
    path.write_bytes(line + b"y\n")
    assert read_further(path, 0) == (line, len(line))
    assert read_further(path, len(line)) == (b"y\n", len(line) + 2)
    path.write_bytes(line[:-1])
    assert read_further(path, 0) == (b"", 0)
    assert read_further(tmp_path / "nowhere", 7) == (b"", 7)


def test_a_page_to_send_holds_the_events_and_nothing_of_them_is_code(trace: Path, tmp_path: Path) -> None:
    output = tmp_path / "page.html"
    result = runner.invoke(app, ["inspect", str(trace), "-o", str(output)])
    assert result.exit_code == 0
    text = output.read_text()
    assert text == page_with(trace.read_text())
    assert PEER_TEXT not in text
    assert text.count("<script") == page_text().count("<script")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give a trace file, or --live"),
        (["x", "--live", "localhost"], "give a trace file, or --live"),
        (["nowhere.jsonl"], "there is no file"),
        (["--live", "localhost", "-o", "x.html"], "--output needs a trace file"),
        (["--live", "localhost:0", "--no-open"], "has port 0"),
    ],
)
def test_wrong_usage_says_what_to_do(arguments: list[str], why: str) -> None:
    result = runner.invoke(app, ["inspect", *arguments])
    assert (result.exit_code, why in result.stderr) == (2, True)


def test_the_page_loads_nothing_from_elsewhere() -> None:
    text = page_text()
    assert "http://" not in text.replace('location.protocol === "http:"', "")
    assert "https://" not in text
    assert " src=" not in text
    assert "innerHTML" not in text, "texts of peers must never be read as HTML"


def test_live_connects_traces_and_ends_with_a_signal() -> None:
    with gs.NetworkingSockets() as sockets:
        listen_socket = sockets.create_listen_socket(gs.Address("127.0.0.1", 0))
        address = sockets.get_listen_socket_address(listen_socket)
        stopping = threading.Event()

        def serve() -> None:
            def accept(status: gs.StatusInfo) -> None:
                if status.connection_info.state == gs.ConnectionState.CONNECTING:
                    sockets.accept_connection(status.connection)

            sockets.set_status_callback(accept)
            while not stopping.is_set():
                sockets.wait(0.05)
                sockets.run_callbacks()
                for message in sockets.receive_messages_on_listen_socket(listen_socket):
                    sockets.send_message_to_connection(message.connection, message.data, message.flags)

        thread = threading.Thread(target=serve)
        thread.start()
        command = [sys.executable, "-m", "gamesockets", "inspect", "--live", str(address), "--send", "50", "--no-open"]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            found: set[str] = set()
            with connect(url.replace("http", "ws") + "events", origin=url.rsplit("/", 2)[0], proxy=None) as socket:

                def has_all() -> bool:
                    found.update(json.loads(line)["event"] for line in str(socket.recv(30)).splitlines())
                    return found >= {"message_sent", "message_received", "packet_sent", "sample", "state"}

                wait_until(has_all, lambda: f"{found}")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
        finally:
            process.kill()
            stopping.set()
            thread.join()
    assert process.returncode == 0, errors


# ------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


def show(tab: Page, url: str) -> None:
    tab.problems.clear()
    tab.open("about:blank")
    tab.open(url)
    tab.until("connections.size === 2 && last > 9.9")
    tab.settle()


@needs_browser
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_fits_and_draws(tab: Page, trace: Path, width: int, dark: bool) -> None:
    with served(trace) as url:
        tab.look(width, 900, dark)
        show(tab, url)
        assert tab.run("document.documentElement.scrollWidth") <= width
        for panel in ("rate", "trip", "queue", "losses", "lanes", "messages"):
            colours = tab.run(f"""(() => {{
                const canvas = document.getElementById("panel-{panel}");
                const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
                const found = new Set();
                for (let i = 0; i < data.length; i += 4) if (data[i + 3] > 200) found.add(data.slice(i, i + 3).join());
                return [...found];
            }})()""")
            assert len(colours) > 3, panel
        back = tab.run("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(18, 21, 28)") == dark
        assert tab.problems == []


@needs_browser
def test_what_is_shown_is_what_was_traced(tab: Page, trace: Path) -> None:
    events: list[dict[str, Any]] = [json.loads(line) for line in trace.read_text().splitlines()]
    client = next(x["connection"] for x in events if x["event"] == "connection" and not x["is_incoming"])
    with served(trace) as url:
        show(tab, url)
        for series, kind in (("sent", "packet_sent"), ("lost", "packet_lost"), ("samples", "sample")):
            expected = sum(x["event"] == kind and x["connection"] == client for x in events)
            assert tab.run(f"connections.get({client}).{series}.t.length") == expected, series
        text = tab.run("document.getElementById('moment').innerText")
        assert "closed by peer" in text
        assert PEER_TEXT in text
        assert tab.run("window.hacked") is None
        assert "“ada”" in tab.run("document.getElementById('connections').selectedOptions[0].text")
        assert tab.problems == []


@needs_browser
def test_time_can_be_scrubbed_zoomed_and_dragged(tab: Page, trace: Path) -> None:
    with served(trace) as url:
        tab.look(1280, 900, False)
        show(tab, url)
        tab.run("const s = document.getElementById('scrub'); s.value = 500; s.dispatchEvent(new Event('input'))")
        tab.settle()
        assert tab.run("cursor") == pytest.approx(5.0, abs=0.2)
        assert tab.run("following") is False
        first = tab.run("document.querySelector('#events td').textContent")
        assert float(first) == pytest.approx(5.0, abs=0.2)
        tab.run("document.getElementById('in').click()")
        tab.settle()
        assert tab.run("to - from") == pytest.approx(5.0, abs=0.2)
        before = tab.run("from")
        x, y = tab.run(
            "(() => { const b = document.getElementById('panel-rate').getBoundingClientRect();"
            "return [b.left + b.width / 2, b.top + b.height / 2] })()"
        )
        tab.drag(x, y, x + 200)
        tab.settle()
        assert tab.run("from") < before - 0.3
        tab.mouse("mouseMoved", x + 50, y)
        at = tab.run("cursor")
        tab.key("ArrowRight")
        assert tab.run("cursor") > at
        tab.key("End")
        tab.settle()
        assert tab.run("following") is True
        assert tab.problems == []


@needs_browser
def test_another_connection_can_be_chosen(tab: Page, trace: Path) -> None:
    with served(trace) as url:
        show(tab, url)
        tab.run("const c = $('connections'); c.selectedIndex = 1; c.dispatchEvent(new Event('change'))")
        tab.settle()
        assert tab.run("current.incoming") is True
        assert tab.run("document.getElementById('connections').selectedIndex") == 1


@needs_browser
def test_live_events_move_the_view(tab: Page, trace: Path, tmp_path: Path) -> None:
    lines = trace.read_text().splitlines(keepends=True)
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(lines[: len(lines) // 2]))
    with served(path) as url:
        tab.problems.clear()
        tab.open("about:blank")
        tab.open(url)
        tab.until("connections.size === 2 && last > 4")
        middle = tab.run("last")
        with path.open("a") as file:
            file.writelines(lines[len(lines) // 2 :])
            file.write("not JSON\n")
            file.write('{"event":"dropped","at_us":10000000,"events":7}\n')
        tab.until("last > 9.9 && faults === 1")
        tab.settle()
        assert tab.run("to") > middle
        status = tab.run("document.getElementById('status').textContent")
        assert "1 lines not understood" in status
        assert "7 events left out" in status
        assert tab.problems == []


@needs_browser
def test_a_page_in_a_file_needs_no_server(tab: Page, trace: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(page_with(trace.read_text()))
    show(tab, page.as_uri())
    assert tab.run("window.hacked") is None
    assert tab.problems == []
