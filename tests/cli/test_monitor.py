"""Does `gamesockets monitor` watch real servers, and find them again?"""

from __future__ import annotations

import json
import os
import re
import signal
import sys

import pytest
from tests.cli.test_commands import own_echo as own_echo  # noqa: PLC0414 - a fixture
from tests.support.ports import free_port
from tests.support.programs import DEADLINE_S, Program, gamesockets
from typer.testing import CliRunner

from gamesockets.cli.whole import app

runner = CliRunner()


def test_a_server_is_watched_as_json_lines(own_echo: tuple[Program, str]) -> None:
    _, address = own_echo
    result = runner.invoke(app, ["monitor", address, "-i", "0.1", "-d", "2", "--ping-hz", "50", "--json"])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert 5 <= len(rows) <= 20  # one that comes too late takes the place of those that it missed
    last = rows[-1]
    assert (last["server"], last["address"], last["state"]) == (address, address, "connected")
    assert last["ping_ms"] >= 0
    assert last["lanes"][0]["in_messages_per_s"] > 0  # the probes that came back
    assert rows[0]["time"] < last["time"]


def test_without_a_terminal_there_are_plain_lines(own_echo: tuple[Program, str]) -> None:
    program, address = own_echo
    result = runner.invoke(app, ["monitor", address, address, "-i", "0.5", "-d", "3"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    # One that comes too late takes the place of those that it missed.
    assert len(lines) in [2 * moments + 2 for moments in range(1, 7)]
    assert f" {address} connected ping " in lines[-3]
    assert re.match(rf"{re.escape(address)}: connected 0:0[1-9] of 0:0\d, ping min/mean/max ", lines[-1])
    assert result.stderr.count(": connected (str:echo (unproven), encrypted)") == 2
    program.wait_for(r"^- .* gone \(1000: monitor finished\)")


def test_a_server_that_goes_away_is_found_again() -> None:
    address = f"127.0.0.1:{free_port()}"
    with Program(gamesockets("echo", "--bind", address)) as first:
        first.wait_for(f"listening on {address}")
        with Program(gamesockets("monitor", address, "-i", "0.1")) as monitor:
            monitor.wait_for(r": connected \(")
            first.signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
            monitor.wait_for(r"gone: the peer closed it \(1000: The application is shutting down\); next try in 1 s")
            first.finish()
            with Program(gamesockets("echo", "--bind", address)):
                monitor.wait_for(rf"{address}: connected \(")
                monitor.output.clear()
                monitor.wait_for(f"{address} connected ping ")
                if os.name != "nt":
                    monitor.signal(signal.SIGINT)
                    assert monitor.finish() == 0
                    assert monitor.output[-1].startswith(f"{address}: connected 0:")
                    assert ", lost 1 time" in monitor.output[-1]


def test_a_server_that_is_not_there_is_status_1() -> None:
    result = runner.invoke(app, ["monitor", "127.0.0.1:9", "-i", "0.1", "-d", "0.3"])
    assert result.exit_code == 1
    assert re.search(r"127\.0\.0\.1:9: connected 0:00 of 0:\d\d", result.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals to test with")
def test_the_live_screen_ends_with_q_and_leaves_the_terminal_as_it_was(own_echo: tuple[Program, str]) -> None:
    import pty
    import subprocess
    import termios

    _, address = own_echo
    outer, inner = pty.openpty()
    before = termios.tcgetattr(inner)
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "70", "LINES": "20"}
    command = gamesockets("monitor", address, "-i", "0.1")
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=environment) as process:
        seen = b""
        while b"connected 0:" not in seen or "\N{LOWER ONE EIGHTH BLOCK}".encode() not in seen:
            seen += os.read(outer, 65536)
        os.write(outer, b"q")
        while b"ping min/mean/max" not in seen:
            seen += os.read(outer, 65536)
        assert process.wait(DEADLINE_S) == 0
    assert b"q quits" in seen
    assert seen.index(b"\x1b[?1049h") < seen.index(b"\x1b[?1049l")  # the other screen, and back
    assert termios.tcgetattr(inner) == before
    os.close(outer)
    os.close(inner)
