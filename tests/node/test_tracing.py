"""Do events reach a file or a function, from all connections, and does nothing grow without limit?"""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.pairs import Loopback
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets.node import tracing
from gamesockets.observe.trace_events import EVENTS, EVERY_EVENT


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "trace.jsonl"
    gs.Library.set_trace(None)


def events_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def talk(meeting: Loopback, count: int = 20) -> None:
    ends = meeting.connected()
    for _ in range(count):
        meeting.client.send_message_to_connection(ends.outgoing, bytes(200), gs.SendFlags.RELIABLE)
    meeting.server.messages(ends.incoming, count)
    meeting.client.close_connection(ends.outgoing, 1001, "done")
    meeting.server.until(gs.ConnectionState.CLOSED_BY_PEER, ends.incoming)


def test_a_file_has_a_whole_conversation(path: Path) -> None:
    gs.Library.set_trace(path)
    with Loopback() as meeting:
        talk(meeting)
        gs.Library.set_trace(None)
    events = events_of(path)
    assert (events[0]["event"], events[0]["version"]) == ("trace", 1)
    assert (events[-1]["event"], events[-1]["why"]) == ("end", "closed")
    for event in events:
        fields = EVERY_EVENT.keys() | EVENTS[event["event"]].keys()
        assert event.keys() == fields - ({"connection"} if event["event"] in ("trace", "end") else set())
    kinds = {event["event"] for event in events}
    assert kinds >= {"connection", "state", "packet_sent", "packet_received", "message_sent", "sample"}
    assert len({event["connection"] for event in events if event["event"] == "connection"}) == 2
    states = {(x["state"], x["reason"]) for x in events if x["event"] == "state"}
    assert states >= {("CONNECTED", 0), ("CLOSED_BY_PEER", 1001)}
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_connections_that_live_already_are_traced_too(path: Path) -> None:
    with Loopback() as meeting:
        ends = meeting.connected()
        gs.Library.set_trace(path)
        meeting.client.send_message_to_connection(ends.outgoing, b"x", gs.SendFlags.RELIABLE)
        meeting.server.messages(ends.incoming)
        gs.Library.set_trace(None)
        meeting.client.send_message_to_connection(ends.outgoing, b"y", gs.SendFlags.RELIABLE)
        meeting.server.messages(ends.incoming)
    events = events_of(path)
    assert [x["size_bytes"] for x in events if x["event"] == "message_sent"] == [1]
    assert {x["is_incoming"] for x in events if x["event"] == "connection"} == {True, False}


def test_logs_and_events_go_together(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "gamesockets.trace")
    gs.Library.set_trace(path)
    with Loopback() as meeting:
        ends = meeting.connected()
        client = meeting.client
        client.set_connection_configuration_value(
            ends.outgoing, gs.ConfigurationValue.LOG_LEVEL_MESSAGE, gs.DebugType.VERBOSE
        )
        client.send_message_to_connection(ends.outgoing, b"x", gs.SendFlags.RELIABLE)
        gs.Library.set_trace(None)
    assert "message 1 queued" in caplog.text
    assert [x for x in events_of(path) if x["event"] == "message_sent"]


def test_a_function_gets_every_event_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    got: list[dict[str, Any]] = []
    threads: set[str] = set()

    def take(event: dict[str, Any]) -> None:
        got.append(event)
        threads.add(threading.current_thread().name)
        if event["event"] == "message_sent":
            raise ZeroDivisionError

    gs.Library.set_trace(take)
    try:
        with Loopback() as meeting:
            talk(meeting)
    finally:
        gs.Library.set_trace(None)
    assert threads == {"gamesockets-trace"}
    assert (got[0]["event"], got[-1]["event"]) == ("trace", "end")
    assert len([x for x in got if x["event"] == "message_sent"]) == 20
    assert caplog.text.count("the function given to set_trace raised; this is reported once") == 1


def test_a_file_ends_at_its_limit_with_whole_lines(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gs.Library.set_trace(path, bytes_max=5000)
    with Loopback() as meeting:
        talk(meeting, 200)
        wait_until(lambda: "is full" in caplog.text)
        gs.Library.set_trace(None)
    events = events_of(path)
    assert events[-1]["why"] == "full"
    assert len(path.read_bytes()) < 5200


def test_events_that_nobody_takes_in_time_are_left_out_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "WAITING_MAX", 10)
    go_on = threading.Event()
    got: list[dict[str, Any]] = []

    def take(event: dict[str, Any]) -> None:
        got.append(event)
        go_on.wait()

    gs.Library.set_trace(take)
    try:
        wait_until(lambda: got)
        with Loopback() as meeting:
            talk(meeting, 100)
        go_on.set()
    finally:
        go_on.set()
        gs.Library.set_trace(None)
    [dropped] = [x for x in got if x["event"] == "dropped"]
    assert dropped["events"] > 50
    assert len(got) == 1 + 10 + 2


@pytest.mark.parametrize(
    ("arguments", "error"), [((7,), TypeError), (("x", "y"), TypeError), (("x", 0), ValueError), (("/", 1), OSError)]
)
def test_wrong_arguments_are_refused(arguments: tuple[Any, ...], error: type[Exception]) -> None:
    with pytest.raises(error):
        gs.Library.set_trace(*arguments)
    assert tracing.TRACING.sink is None


PROGRAM = """
import gamesockets as gs
with gs.NetworkingSockets() as sockets:
    one, two = sockets.create_socket_pair(use_network_loopback=True)
    sockets.send_message_to_connection(one, b"x", gs.SendFlags.RELIABLE_NO_NAGLE)
    sockets.wait(5)
"""


def test_the_environment_asks_for_it_too_and_the_end_of_the_program_completes_it(path: Path) -> None:
    environment = {**os.environ, "GAMESOCKETS_TRACE": str(path)}
    subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
    events = events_of(path)
    assert [x for x in events if x["event"] == "message_received"]
    assert events[-1]["event"] == "end"
