"""Do the commands do their work over real sockets, and fail in one line when they cannot?"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.support.ports import silent_address
from tests.support.process import own_global_values
from tests.support.programs import Program, gamesockets
from tests.support.waiting import collect
from typer.testing import CliRunner

import gamesockets as gs
from gamesockets.build import BUILD
from gamesockets.cli.echo import EchoServer, Report
from gamesockets.cli.whole import app

__all__ = ["own_global_values"]  # a fixture

runner = CliRunner()


@contextmanager
def echoing() -> Iterator[tuple[Program, str]]:
    """A running echo server and its address."""
    with Program(gamesockets("echo", "--bind", "127.0.0.1:0", "--identity", "str:echo")) as program:
        address = program.wait_for(r"listening on (\S+)")[1]
        yield program, address


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[Program, str]]:
    """One that goes on, for several tests."""
    with echoing() as running:
        yield running


@pytest.fixture
def own_echo() -> Iterator[tuple[Program, str]]:
    """One that a test may stop, and whose lines are its own."""
    with echoing() as running:
        yield running


def test_ping_finds_the_echo_server(own_echo: tuple[Program, str]) -> None:
    program, address = own_echo
    result = runner.invoke(app, ["ping", address, "-c", "5", "-i", "0.01"])
    assert result.exit_code == 0, result.output
    assert "5 sent, 5 came back, 0.0% lost" in result.output
    assert f"64 bytes from {address}: seq=5 time=" in result.output
    assert "str:echo (unproven), encrypted" in result.output
    program.wait_for(r"^\+ 127\.0\.0\.1:\d+, encrypted connected")
    program.wait_for(r"^- .* gone \(1000: ping finished\)")


@pytest.mark.parametrize("size", ["16", "5000"])
@pytest.mark.parametrize("kind", [[], ["--reliable"]])
def test_ping_reports_to_programs_as_json(echo: tuple[Program, str], size: str, kind: list[str]) -> None:
    _, address = echo
    result = runner.invoke(app, ["ping", address, "-c", "3", "-i", "0.01", "--json", "--size", size, *kind])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["sent"], report["received"], report["loss_percent"]) == (3, 3, 0.0)
    assert report["size_bytes"] == int(size)
    assert report["reliable"] is bool(kind)
    assert report["encrypted"] is True
    assert report["identity"] == "str:echo"
    assert [reply["sequence"] for reply in report["replies"]] == [1, 2, 3]
    times = report["round_trip_ms"]
    assert 0 < times["minimum"] <= times["median"] <= times["maximum"] < 60_000
    assert report["problem"] is None


def test_ping_faster_than_the_send_rate_says_so(echo: tuple[Program, str]) -> None:
    """At five a second, when a thousand are to be sent."""
    for value in (gs.ConfigurationValue.SEND_RATE_MIN, gs.ConfigurationValue.SEND_RATE_MAX):
        assert gs.Library.set_configuration_value(value, 1_000_000)
    _, address = echo
    options = ["-c", "20", "-i", "0.001", "--size", "200000", "--reliable", "--json"]
    result = runner.invoke(app, ["ping", address, *options])
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert 0 < report["received"] <= report["sent"] < 20
    assert len(result.stderr.splitlines()) == 1
    assert "choose a longer --interval or a smaller --size" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ping_runs_until_it_is_told_to_stop(echo: tuple[Program, str], number: int) -> None:
    _, address = echo
    with Program(gamesockets("ping", address, "-i", "0.01")) as program:
        program.wait_for("seq=20 ")
        program.signal(number)
        assert program.finish() == 0
        program.wait_for(r" sent, \d+ came back, 0\.0% lost")
        program.wait_for("round trip min/median")


def test_ping_where_nobody_answers_says_what_to_do() -> None:
    with silent_address() as address:
        result = runner.invoke(app, ["ping", str(address), "-c", "1", "--timeout", "0.5"])
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert f"no answer from {address} within 0.5 s" in lines[0]
    assert "gamesockets echo --bind" in lines[0]


@pytest.mark.parametrize("command", [["ping", "127.0.0.1:99999"], ["echo", "--bind", "x:y"], ["chat", "join", ":1"]])
def test_a_wrong_address_is_one_line_and_status_2(command: list[str]) -> None:
    result = runner.invoke(app, command)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith(
        f"gamesockets {' '.join(c for c in command if c in {'ping', 'echo', 'chat', 'join'})}: "
    )


def test_wrong_options_are_status_2() -> None:
    assert runner.invoke(app, ["ping"]).exit_code == 2
    assert runner.invoke(app, ["ping", "::1", "--size", "15"]).exit_code == 2
    assert runner.invoke(app, ["ping", "::1", "--identity", "bob"]).exit_code == 2
    assert runner.invoke(app, ["chat", "join", "::1", "--name", "x" * 33]).exit_code == 2


def test_a_port_in_use_is_one_line_and_status_1(echo: tuple[Program, str]) -> None:
    _, address = echo
    for command in (["echo"], ["chat", "serve"]):
        result = runner.invoke(app, [*command, "--bind", address])
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1
        assert f"cannot listen on {address}" in result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_echo_ends_cleanly_when_told_to(own_echo: tuple[Program, str], number: int) -> None:
    program, address = own_echo
    assert runner.invoke(app, ["ping", address, "-c", "2", "-i", "0.01"]).exit_code == 0
    program.signal(number)
    assert program.finish() == 0
    assert program.output[-1] == "echo stopped: 1 connections, 2 messages with 128 bytes sent back, 0 dropped"


def test_quiet_echo_says_only_where_it_is() -> None:
    with Program(gamesockets("echo", "--bind", "127.0.0.1:0", "--quiet")) as program:
        address = program.wait_for(r"listening on (\S+)")[1]
        assert runner.invoke(app, ["ping", address, "-c", "1"]).exit_code == 0
        program.signal(signal.SIGINT)
        assert program.finish() == 0
        assert len(program.output) == 2


def test_echo_tells_programs_what_happens_as_json_lines() -> None:
    with Program(gamesockets("echo", "--bind", "127.0.0.1:0", "--json")) as program:
        address = json.loads(program.wait_for('"listening"').string)["address"]
        assert runner.invoke(app, ["ping", address, "-c", "2", "-i", "0.01", "--identity", "str:me"]).exit_code == 0
        program.wait_for('"gone"')
        program.signal(signal.SIGINT)
        assert program.finish() == 0
    listening, connected, gone, stopped = map(json.loads, program.output)
    assert (listening["event"], connected["event"]) == ("listening", "connected")
    assert (connected["identity"], connected["encrypted"]) == ("str:me", True)
    assert gone == {"event": "gone", "address": connected["address"], "reason": 1000, "text": "ping finished"}
    assert stopped == {"event": "stopped", "connections": 1, "messages": 2, "bytes": 128, "dropped": 0}


def test_quiet_ping_prints_the_summary_only(echo: tuple[Program, str]) -> None:
    _, address = echo
    result = runner.invoke(app, ["ping", address, "-c", "3", "-i", "0.01", "--quiet"])
    assert result.exit_code == 0
    assert "seq=" not in result.stdout
    assert "3 sent, 3 came back" in result.stdout
    assert result.stderr == ""


def test_echo_keeps_flags_lanes_sizes_and_order() -> None:
    with gs.NetworkingSockets() as ours, gs.NetworkingSockets() as theirs:
        server = EchoServer(theirs, Report(quiet=True))
        address = server.listen(gs.Address("127.0.0.1", 0))
        serving = threading.Thread(target=theirs.run, args=(server.answer, None))
        serving.start()
        connection = ours.connect(address)
        ours.configure_connection_lanes(connection, [0, 1, 2])
        sent = []
        for number in range(60):
            lane = number % 3
            data = bytes([number]) * (number * 100)
            assert ours.send_message_to_connection(connection, data, gs.SendFlags.RELIABLE, lane) == gs.Result.OK
            sent.append((lane, data))

        def receive(count: int) -> list[gs.NetworkingMessage]:
            receiving = ours.receive_messages_on_connection
            return collect(lambda: receiving(connection), count, lambda: ours.wait(0.05, connection=connection))

        got = receive(len(sent))
        assert all(message.flags & gs.SendFlags.RELIABLE for message in got)
        for lane in range(3):
            assert [m.data for m in got if m.lane == lane] == [data for at, data in sent if at == lane]
        ours.send_message_to_connection(connection, b"light", gs.SendFlags.UNRELIABLE_NO_NAGLE)
        [light] = receive(1)
        assert (light.data, light.flags) == (b"light", gs.SendFlags.UNRELIABLE)
        theirs.stop()
        serving.join()


def test_demo_passes_without_a_terminal() -> None:
    result = runner.invoke(app, ["demo", "--seconds", "2", "--no-ui"])
    assert result.exit_code == 0, result.output
    assert "demo passed" in result.output
    assert "all in order" in result.output
    assert "cipher: AES-256-GCM" in result.output
    assert "client: anyone out there?" in result.output
    assert "reliable received" in result.output


def test_demo_reports_to_programs_as_json() -> None:
    result = runner.invoke(app, ["demo", "--seconds", "1", "--loss", "10", "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert (report["passed"], report["problems"], report["encrypted"]) == (True, [], True)
    assert report["simulated"] == {"loss_percent": 10.0, "lag_ms": 30}
    assert report["client"]["sent_reliable"] == report["server"]["received_reliable"] > 0


def test_demo_leaves_no_bad_network_behind() -> None:
    result = runner.invoke(app, ["demo", "--seconds", "0.5", "--loss", "10", "--lag", "10", "--no-ui"])
    assert result.exit_code == 0, result.output
    with gs.NetworkingSockets() as sockets:
        assert sockets.get_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND) == 0
        assert sockets.get_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LAG_SEND) == 0


def test_the_version_is_told() -> None:
    result = runner.invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"gamesockets 0.1.0 ({BUILD})\n")


def test_without_the_extra_one_line_says_what_to_install() -> None:
    code = "import sys; sys.modules['rich'] = None; from gamesockets.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "gamesockets: the command line needs typer and rich: pip install 'gamesockets[cli]'"
    ]
