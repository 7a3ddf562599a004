"""Do the commands work against servers built on the reference library?"""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from tests.behaviour.side import Side
from tests.behaviour.stage import Stage
from tests.support.programs import gamesockets
from typer.testing import CliRunner

from gamesockets.cli.whole import app

runner = CliRunner()


@pytest.fixture
def echo(stage: Stage) -> tuple[Side, str]:
    """The reference library as an echo server, and its address."""
    server = stage.open("reference", "server", "str:real")
    server.behave(echoing=True)
    return server, server.listen("127.0.0.1:0")


def report(*arguments: str) -> Any:
    """The JSON document of a command that must succeed; in its own process, for this one is busy with the server."""
    result = subprocess.run(gamesockets(*arguments, "--json"), capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", [[], ["--reliable"]])
def test_ping(echo: tuple[Side, str], kind: list[str]) -> None:
    _, address = echo
    result = report("ping", address, "-c", "20", "-i", "0.02", *kind)
    assert (result["received"], result["identity"]) == (20, "str:real")


def test_monitor_keeps_an_idle_connection(echo: tuple[Side, str]) -> None:
    """By keep-alives alone: the server sees no message."""
    server, address = echo
    result = runner.invoke(app, ["monitor", address, "-i", "0.5", "-d", "12", "--json"])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 24
    assert {row["state"] for row in rows[1:]} == {"connected"}
    assert rows[-1]["ping_ms"] >= 0
    assert rows[-1]["quality_local"] == 1.0
    (accepted,) = server.wait_for_requests(1)
    assert server.received(accepted) == []


@pytest.mark.parametrize(
    ("clients", "duration"), [("30", "3"), pytest.param("300", "30", marks=pytest.mark.slow, id="300 for 30 s")]
)
def test_load(echo: tuple[Side, str], clients: str, duration: str) -> None:
    """No client fails, and reliable messages all come back once and in order."""
    _, address = echo
    result = report("load", address, "-n", clients, "-d", duration, "--rate", "5", "--reliable")
    assert result["clients"]["connected"] == int(clients)
    assert result["failures"] == result["ends"] == result["problems"] == []
    messages = result["messages"]
    assert messages["sent"] + messages["skipped"] == int(clients) * int(duration) * 5
    assert messages["received"] == messages["sent"]
    assert (messages["duplicated"], messages["reordered"], messages["strange"], messages["refused"]) == (0, 0, 0, 0)
    assert result["round_trip_ms"]["count"] == messages["sent"]


def test_load_without_echo(stage: Stage) -> None:
    """Latency comes from the protocol."""
    address = stage.open("reference", "server").listen("127.0.0.1:0")
    result = report("load", address, "-n", "5", "-d", "3", "--no-echo")
    assert result["connection"]["ping_ms"]["count"] >= 5
    assert result["messages"]["sent"] + result["messages"]["skipped"] == 5 * 3 * 30


@pytest.mark.slow
def test_loss_without_echo(stage: Stage) -> None:
    """Loss too, once the server has told of it: 20 s after it connected."""
    address = stage.open("reference", "server").listen("127.0.0.1:0")
    result = report("load", address, "-n", "5", "-d", "25", "--no-echo", "--max-loss", "5")
    assert result["connection"]["quality_remote_percent"]["mean"] >= 95
