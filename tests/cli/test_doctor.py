"""Does `gamesockets doctor` see what is the matter, with every server of this protocol?"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.cli.test_commands import own_echo as own_echo  # noqa: PLC0414 - a fixture
from tests.support.ports import free_port, silent_address
from tests.support.programs import Program
from typer.testing import CliRunner

import gamesockets as gs
from gamesockets.cli import doctor_probe
from gamesockets.cli.doctor_probe import Answers, Prober
from gamesockets.cli.whole import app

runner = CliRunner()


def doctor(*arguments: str, status: int = 0) -> dict[str, Any]:
    """The document of a run that must end with `status`."""
    result = runner.invoke(app, ["doctor", *arguments, "--json"])
    assert result.exit_code == status, result.output
    report: dict[str, Any] = json.loads(result.stdout)
    return report


@contextmanager
def relay(server: gs.Address, largest: int, lose_every: int = 0) -> Iterator[gs.Address]:
    """A way to the server that drops datagrams above a size, and every nth of the others."""
    outer, inner = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    outer.bind(("127.0.0.1", 0))
    inner.connect((server.ip, server.port))
    client: list[Any] = []
    over = threading.Event()

    def there() -> None:
        count = 0
        while not over.is_set():
            data, address = outer.recvfrom(4096)
            client[:] = [address]
            count += 1
            if len(data) <= largest and not (lose_every and count % lose_every == 0):
                inner.send(data)

    def back() -> None:
        while not over.is_set():
            data = inner.recv(4096)
            if client:
                outer.sendto(data, client[0])

    threads = [threading.Thread(target=target, daemon=True) for target in (there, back)]
    for thread in threads:
        thread.start()
    try:
        yield gs.Address.from_socket(outer.getsockname())
    finally:
        over.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"x", outer.getsockname())
            threads[0].join(5)
            inner.shutdown(socket.SHUT_RD)
        threads[1].join(5)
        outer.close()
        inner.close()


def test_a_server_that_is_well(own_echo: tuple[Program, str]) -> None:
    _, address = own_echo
    report = doctor(address, "-s", "0.5", "--echo")
    assert report["problems"] == []
    assert report["addresses"] == [address]
    assert report["reachable"] == {address: {"protocol_version": 13, "refused": None}}
    assert report["datagram_bytes"] == 1300
    assert report["probes"] == 10
    assert 0 < report["round_trip_us"]["min"] <= report["round_trip_us"]["median"] <= report["round_trip_us"]["p99"]
    assert report["connected"] is True
    assert report["identity"] == "str:echo"
    assert report["echo_bytes_per_s"] > 0


def test_the_report_for_people(own_echo: tuple[Program, str]) -> None:
    _, address = own_echo
    result = runner.invoke(app, ["doctor", address, "-s", "0.5"])
    assert result.exit_code == 0, result.output
    topics = [line[:12].strip() for line in result.stdout.splitlines()]
    assert topics[:9] == [
        "gamesockets",
        "clock",
        "name",
        "IPv4",
        "size",
        "round trip",
        "loss, jitter",
        "connecting",
        topics[8],
    ]
    assert topics[8] in ("verdict", "could be")


def test_a_way_that_takes_small_datagrams_and_loses_some(own_echo: tuple[Program, str]) -> None:
    _, address = own_echo
    host, _, port = address.rpartition(":")
    with relay(gs.Address(host, int(port)), largest=1200, lose_every=4) as through, Prober(through) as prober:
        assert prober.largest_datagram() == 1200
        answers = prober.measure(20, 0.005)
    assert answers.sent == 20
    assert answers.lost_percent == 25.0
    assert answers.protocol_version == 13


def test_a_health_check_does_not_connect(own_echo: tuple[Program, str]) -> None:
    program, address = own_echo
    report = doctor(address, "-s", "0.5", "--no-connect")
    assert report["problems"] == []
    assert "connected" not in report
    assert not [line for line in program.output if line.startswith("+")]


def test_nobody_there() -> None:
    report = doctor(f"127.0.0.1:{free_port()}", status=1)
    assert "nobody answers" in report["problems"][0]
    assert "datagram_bytes" not in report


def test_one_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_probe, "PATIENCE_S", 0.05)
    with silent_address() as address:
        result = runner.invoke(app, ["doctor", str(address)])
    assert result.exit_code == 1
    assert f"{address} no answer\n" in result.stdout
    assert "is UDP open there in its firewall?" in result.stdout


def test_a_name_that_does_not_resolve() -> None:
    result = runner.invoke(app, ["doctor", "nobody.invalid"])
    assert result.exit_code == 2
    assert "cannot resolve" in result.stderr


def test_answers_of_strangers_do_not_count() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        with Prober(gs.Address.from_socket(server.getsockname())) as prober:
            threading.Thread(
                target=lambda: [server.sendto(b"\x21nonsense", server.recvfrom(4096)[1]) for _ in range(3)], daemon=True
            ).start()
            answers = prober.measure(3, 0.01)
    assert answers.round_trips_us == []
    assert answers.lost_percent == 100.0


def test_jitter_is_the_mean_difference_of_neighbours() -> None:
    assert Answers(3, round_trips_us=[100, 300, 200]).jitter_us == 150
    assert Answers().jitter_us == Answers().median_us == Answers().lost_percent == 0
