"""Does `gamesockets load` drive real servers, and tell the truth about those that fail?"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.cli.test_commands import own_echo as own_echo  # noqa: PLC0414 - a fixture
from tests.support.ports import silent_address
from tests.support.process import own_global_values
from tests.support.programs import Program, gamesockets
from typer.testing import CliRunner

import gamesockets as gs
from gamesockets import aio
from gamesockets.cli.load_report import Plan, Tally, problems
from gamesockets.cli.load_run import LoadRun
from gamesockets.cli.whole import app

__all__ = ["own_global_values"]  # a fixture

runner = CliRunner()


def load(*arguments: str, status: int = 0) -> dict[str, Any]:
    """The JSON report of a run that must end with `status`."""
    result = runner.invoke(app, ["load", *arguments, "--json"])
    assert result.exit_code == status, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["passed"] is (status == 0)
    return report


def a_plan(**changes: Any) -> Plan:
    plan: dict[str, Any] = {
        "clients": 4,
        "rate_hz": 100,
        "size_bytes": 64,
        "duration_s": 0.5,
        "reliable": False,
        "echo": True,
        "connect_rate_hz": 1000,
        "timeout_s": 5,
    }
    return Plan(**plan | changes)


def run_against(plan: Plan, handler: Any, **options: Any) -> Tally:
    """One run against a server of ours in the same loop."""

    async def both() -> Tally:
        async with aio.serve(handler, "127.0.0.1", 0, **options) as server:
            run = LoadRun(plan, server.address.ip, server.address, lambda _: None)
            return await run.run(lambda: None)

    return asyncio.run(both())


async def echoing(connection: aio.Connection) -> None:
    async for message in connection:
        await connection.send(message.data, message.flags | gs.SendFlags.UNRELIABLE_NO_NAGLE)


@pytest.mark.parametrize("kind", [[], ["--reliable"]])
def test_a_server_that_echoes_passes(own_echo: tuple[Program, str], kind: list[str]) -> None:
    program, address = own_echo
    report = load(address, "-n", "10", "--rate", "50", "-d", "2", "--identity", "str:bot-{n}", *kind)
    assert report["address"] == address
    assert report["clients"]["connected"] == 10
    messages = report["messages"]
    assert messages["sent"] + messages["skipped"] == 1000
    assert (messages["lost"], messages["duplicated"], messages["strange"]) == (0, 0, 0)
    assert report["round_trip_ms"]["count"] == messages["received"] == messages["sent"]
    assert report["failures"] == report["ends"] == report["problems"] == []
    assert report["tester"]["late_ms"]["count"] > 50
    program.wait_for(r"str:bot-10 \(unproven\), encrypted connected")
    program.wait_for(r"gone \(1000: load test finished\)")


def test_text_and_report_file(own_echo: tuple[Program, str], tmp_path: Path) -> None:
    _, address = own_echo
    path = tmp_path / "load.json"
    result = runner.invoke(app, ["load", address, "-n", "2", "-d", "0.3", "--report", str(path)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"LOAD {address}: 2 clients x 30 Hz x 64 bytes, unreliable, 0.3 s\nclients ")
    assert result.stdout.endswith("\npassed\n")
    assert "round trip   p50 " in result.stdout
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["passed"] is True
    assert report["plan"]["clients"] == 2


def test_limits_that_are_missed_are_status_1(own_echo: tuple[Program, str]) -> None:
    _, address = own_echo
    result = runner.invoke(app, ["load", address, "-n", "1", "-d", "0.2", "--max-p99", "0.001", "--json"])
    assert result.exit_code == 1
    (problem,) = json.loads(result.stdout)["problems"]
    assert "is above --max-p99 0.001" in problem
    assert result.stderr == f"gamesockets load: {problem}\n"


def test_clients_that_nobody_answers_are_listed_by_reason() -> None:
    with silent_address() as address:
        report = load(str(address), "-n", "3", "-W", "0.5", "-d", "1", status=1)
    assert report["failures"] == [{"reason": "no answer within 0.5 s", "count": 3}]
    assert report["problems"] == ["3 of 3 clients could not connect"]
    assert report["messages"]["sent"] == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_more_clients_than_open_files_is_a_reason_not_a_crash(own_echo: tuple[Program, str]) -> None:
    _, address = own_echo
    command = gamesockets("load", address, "-n", "60", "-d", "0.1", "--connect-rate", "1000", "--json")
    limited = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *command]
    result = subprocess.run(limited, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    report = json.loads(result.stdout)
    assert report["clients"]["connected"] + report["clients"]["failed"] == 60
    (failure,) = report["failures"]
    assert "ulimit -n" in failure["reason"]
    assert len(result.stderr.splitlines()) == 1


def test_refusals_are_told_from_silence() -> None:
    accepted = 0

    def admit(_info: gs.ConnectionInfo) -> aio.Refusal | None:
        nonlocal accepted
        accepted += 1
        return None if accepted <= 3 else aio.Refusal(1234, "the server is full")

    tally = run_against(a_plan(clients=5), echoing, admit=admit)
    assert tally.connected == 3
    assert tally.failures.most_frequent_first() == [("1234: the server is full", 2)]
    assert tally.totals.received == tally.totals.sent > 0  # the others go on


def test_connections_that_end_early_are_listed_by_reason() -> None:
    async def short(connection: aio.Connection) -> None:
        await connection.receive()
        await connection.close(1500, "enough\x1b[2J")

    tally = run_against(a_plan(duration_s=1000), short)
    assert tally.connected == 4
    assert tally.sending_s < 100  # nobody is left: no need to go on
    assert tally.ended_early.most_frequent_first() == [("1500: enough\N{REPLACEMENT CHARACTER}[2J", 4)]


class Mangler:
    """Drops every fifth of what it is fed, repeats every seventh, swaps every eleventh with the next."""

    def __init__(self) -> None:
        self._fed = 0
        self._kept: list[Any] = []

    def feed(self, thing: Any) -> list[Any]:
        self._fed += 1
        if self._fed % 5 == 0:
            return []
        if self._fed % 11 == 0:
            self._kept.append(thing)
            return []
        out = [thing, *([thing] if self._fed % 7 == 0 else []), *self._kept]
        self._kept.clear()
        return out


def test_loss_duplication_reordering_and_strangers_are_counted() -> None:
    async def mangling(connection: aio.Connection) -> None:
        mangler = Mangler()
        await connection.send(b"welcome", gs.SendFlags.RELIABLE_NO_NAGLE)
        async for message in connection:
            for data in mangler.feed(message.data):
                await connection.send(data, gs.SendFlags.RELIABLE_NO_NAGLE)

    totals = run_against(a_plan(clients=1, reliable=True, duration_s=2.0), mangling).totals
    mangler = Mangler()
    echoes = [number for sent in range(1, totals.sent + 1) for number in mangler.feed(sent)]
    assert totals.sent > 20
    assert totals.received == len(set(echoes)) < totals.sent
    assert totals.duplicated == len(echoes) - len(set(echoes)) > 0
    assert totals.reordered == sum(after < before for before, after in pairwise(dict.fromkeys(echoes))) > 0
    assert totals.strange == 1


def test_a_server_that_does_not_echo_is_measured_by_the_protocol() -> None:
    async def swallowing(connection: aio.Connection) -> None:
        async for _ in connection:
            pass

    silent = run_against(a_plan(), swallowing)
    assert "--no-echo" in problems(a_plan(), silent)[0]
    plan = a_plan(echo=False, max_p99_ms=60_000)
    tally = run_against(plan, swallowing)
    assert problems(plan, tally) == []
    assert tally.pings.count > 0
    assert tally.totals.received == tally.totals.strange == 0


def test_messages_that_the_send_buffer_refuses_are_counted() -> None:
    for value in (gs.ConfigurationValue.SEND_RATE_MIN, gs.ConfigurationValue.SEND_RATE_MAX):
        assert gs.Library.set_configuration_value(value, 1024)  # what is queued stays there
    plan = a_plan(clients=1, size_bytes=400_000, rate_hz=200, reliable=True, duration_s=1.0)
    tally = run_against(plan, echoing)
    assert tally.totals.refused > 0
    assert tally.totals.sent < 100


def test_a_stall_of_this_program_shows() -> None:
    async def both() -> Tally:
        async with aio.serve(echoing, "127.0.0.1", 0) as server:
            run = LoadRun(a_plan(duration_s=2.0), server.address.ip, server.address, lambda _: None)
            stalls = iter([0.9])

            def stall() -> None:
                if run.sending_for_s > 0.2:
                    time.sleep(next(stalls, 0))

            return await run.run(stall)

    tally = asyncio.run(both())
    assert tally.lateness.maximum_us >= 800_000
    assert tally.lateness.percentile(99) >= 500_000  # weighed by time, not by wake-ups
    assert tally.totals.skipped > 0  # no burst afterwards


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_reports_what_it_has(own_echo: tuple[Program, str], number: int, tmp_path: Path) -> None:
    program, address = own_echo
    path = tmp_path / "load.json"
    with Program(gamesockets("load", address, "-n", "3", "-d", "600", "--report", str(path))) as run:
        for _ in range(3):
            program.wait_for("connected")
            program.output.clear()
        run.signal(number)
        assert run.finish() == 130
        assert run.output[-1] == "FAILED"
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["problems"] == ["interrupted before the end"]
    assert report["clients"]["connected"] == 3


def test_a_name_with_several_addresses_finds_the_one_that_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first client tries all; the others follow it."""

    async def found(*_: object) -> list[gs.Address]:
        return addresses

    async def both() -> Tally:
        async with aio.serve(echoing, "127.0.0.1", 0) as server:
            with silent_address() as silent:
                addresses[:] = [silent, server.address]
                run = LoadRun(a_plan(), "two.example", addresses[0], lambda _: None)
                tally = await run.run(lambda: None)
                assert run.address == server.address
                return tally

    addresses: list[gs.Address] = []
    monkeypatch.setattr("gamesockets.aio.connecting.resolve", found)
    tally = asyncio.run(both())
    assert (tally.connected, tally.failures.total) == (4, 0)
