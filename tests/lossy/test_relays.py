"""Do both relays do the same to the same datagrams, and what the conditions say to real ones?"""

from __future__ import annotations

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.lossy import compiled, namespaces
from benchmarks.lossy.line import NamespaceLine, SocketLine
from benchmarks.lossy.words import SplitMix, as_words, from_words, samples
from benchmarks.systems import needs

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.values.moments import NEVER

PROGRAM, NO_PROGRAM = compiled.relay()
needs_compiler = pytest.mark.skipif(PROGRAM is None, reason=NO_PROGRAM)
NO_NAMESPACES = namespaces.missing() if namespaces.has_the_right() else "this process may make no namespaces"
needs_namespaces = pytest.mark.skipif(NO_NAMESPACES is not None, reason=str(NO_NAMESPACES))
LATENCY_S = 0.02
PATIENCE_S = 60.0

BAD = {
    "loss": Conditions(latency=0.02, loss=0.1),
    "bursts": Conditions(burst_start=0.02, burst_end=0.3, burst_loss=0.9),
    "queue of a time": Conditions(latency=0.01, bottleneck_bytes_per_second=700_000, bottleneck_queue=0.05),
    "queue of bytes": Conditions(bottleneck_bytes_per_second=500_000, bottleneck_queue_bytes=30_000),
    "jitter in order": Conditions(jitter_average=0.003, jitter_maximum=0.01, jitter_probability=0.8),
    "jitter that overtakes": Conditions(jitter_average=0.003, jitter_reorders=True, latency=0.0101),
    "reordering": Conditions(reorder=0.1, reorder_delay=0.004),
    "all": Conditions(
        latency=0.025,
        loss=0.02,
        burst_start=0.01,
        jitter_average=0.002,
        reorder=0.05,
        bottleneck_bytes_per_second=2_000_000,
    ),
    "nothing": Conditions(),
}


def traffic(seed: int, parts: list[Conditions], count: int) -> str:
    """So many datagrams under each of the conditions, as `replay` reads them."""
    draw = random.Random(seed)
    lines, now = [], 0
    for conditions in parts:
        lines.append(as_words(0, conditions))
        for _ in range(count):
            now += draw.randrange(0, 1800)
            lines.append(f"{now} {draw.randrange(0, 1300)}")
    return "\n".join(lines) + "\n"


def replayed(command: list[str], text: str) -> list[int]:
    """When each datagram arrives."""
    answer = subprocess.run(
        [*command, "replay", "7"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=needs.ROOT,
        env=needs.environment(needs.Program.SOURCE),
    )
    return [int(word) for word in answer.stdout.split()]


@needs_compiler
def test_both_relays_do_the_same_to_the_same_datagrams() -> None:
    """Every loss, every delay in µs, under all conditions and at changes from each to the next, in mid-queue."""
    text = traffic(1, [*BAD.values(), *reversed(BAD.values())], 1500)

    compiled_times = replayed([str(PROGRAM)], text)

    assert len(compiled_times) == 1500 * 2 * len(BAD)
    assert 0 < compiled_times.count(-1) < len(compiled_times) / 2
    assert compiled_times == replayed([sys.executable, "-m", "benchmarks.lossy.relay"], text)


@needs_compiler
@pytest.mark.parametrize("name", BAD)
def test_the_relay_in_c_is_the_simulators_link(name: str) -> None:
    """Beside a `Link` in this process, fed by the same draws, condition by condition."""
    text = traffic(2, [BAD[name]], 800)
    link = Link(SplitMix(7))
    expected = []
    for line in text.splitlines():
        if line.startswith("set"):
            _, link.conditions = from_words(line)
            continue
        now, size = map(int, line.split())
        link.receive_datagram(bytes(size), None, now)
        expected.append(link.next_timer() if link.waiting else -1)
        link.datagrams_to_send(NEVER)

    assert replayed([str(PROGRAM)], text) == expected


@pytest.mark.parametrize("name", BAD)
def test_conditions_survive_being_said_in_words(name: str) -> None:
    """To the microsecond."""
    direction, conditions = from_words(as_words(1, BAD[name]))

    assert direction == 1
    assert conditions == BAD[name]


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(corrupt=0.1),
        Conditions(duplicate=0.1),
        Conditions(mtu_bytes=500),
        Conditions(rate_bytes_per_second=1000),
        Conditions(bottleneck_codel=True),
    ],
)
def test_what_a_relay_cannot_do_is_refused(conditions: Conditions) -> None:
    """It would be left out silently else."""
    with pytest.raises(ValueError, match="a relay does not know"):
        as_words(0, conditions)


@pytest.mark.parametrize("line", ["", "set", "set 2 " + "0 " * 14, "sample 1 2", "set 0 1 2 3"])
def test_other_words_are_no_conditions(line: str) -> None:
    """They are named."""
    with pytest.raises(ValueError, match="no conditions"):
        from_words(line)


class Ends:
    """Two sockets at the ends of a line."""

    def __init__(self, line: SocketLine | NamespaceLine) -> None:
        self.line = line
        self.figures: dict[str, float] | None = None
        with line.at(1):
            self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.server.bind((line.hosts[1], 0))
        with line.at(0):
            self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.client.bind((line.hosts[0], 0))
        (address,) = line.addresses(f"{line.hosts[1]}:{self.server.getsockname()[1]}", 1)
        host, _, port = address.rpartition(":")
        self.client.connect((host, int(port)))
        for sock in (self.client, self.server):
            sock.settimeout(PATIENCE_S)

    def close(self) -> dict[str, float]:
        """The relay's figures, once."""
        if self.figures is None:
            self.client.close()
            self.server.close()
            self.figures = self.line.close()
        return self.figures


KINDS = [
    pytest.param("sockets", True, marks=needs_compiler, id="sockets, C"),
    pytest.param("sockets", False, id="sockets, Python"),
    pytest.param("namespaces", True, marks=[needs_compiler, needs_namespaces], id="namespaces, C"),
    pytest.param("namespaces", False, marks=needs_namespaces, id="namespaces, Python"),
]


@pytest.fixture
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """A line of 20 ms each way that loses nothing, and sockets at its ends."""
    kind, is_compiled = request.param
    there = Conditions(latency=LATENCY_S)
    make = SocketLine if kind == "sockets" else NamespaceLine
    made = Ends(make(there, there, 1, is_compiled))
    yield made
    made.close()


@pytest.mark.parametrize(
    "ends", [pytest.param(kind.values, marks=kind.marks, id=kind.id) for kind in KINDS], indirect=True
)
def test_datagrams_pass_both_ways_in_order_and_not_too_early(ends: Ends) -> None:
    """Whatever the line is made of: the same bytes, delayed."""
    sent = [bytes([number]) * (number + 1) for number in range(20)]

    began = time.monotonic()
    for data in sent:
        ends.client.send(data)
    arrived = [ends.server.recvfrom(2048) for _ in sent]
    up_s = time.monotonic() - began
    for data in sent:
        ends.server.sendto(data, arrived[0][1])
    back = [ends.client.recv(2048) for _ in sent]
    took_s = time.monotonic() - began

    assert [data for data, _ in arrived] == sent
    assert back == sent
    assert up_s >= LATENCY_S
    assert took_s >= 2 * LATENCY_S


@pytest.mark.parametrize(
    "ends", [pytest.param(kind.values, marks=kind.marks, id=kind.id) for kind in KINDS], indirect=True
)
def test_conditions_change_while_it_runs_and_are_counted(ends: Ends) -> None:
    """From losing nothing to losing everything, with a queue; the counters say so."""
    ends.client.send(b"first")
    _, client = ends.server.recvfrom(2048)
    nothing = Conditions(latency=LATENCY_S)
    ends.line.set(Conditions(loss=1.0, bottleneck_bytes_per_second=1000, bottleneck_queue_bytes=2500), nothing)
    deadline = time.monotonic() + PATIENCE_S
    relay = ends.line.relay

    while time.monotonic() < deadline and not (relay.up and relay.up[-1].dropped):
        ends.client.send(bytes(1000))
        ends.server.sendto(b"still there", client)
        time.sleep(0.02)

    last = relay.up[-1]
    assert last.lost + last.dropped + 1 == last.entered
    assert last.lost >= 1
    assert 0 < last.wait_s < 4
    assert ends.client.recv(2048) == b"still there"
    figures = ends.close()
    assert figures["link_lost"] >= last.lost
    assert figures["link_relayed"] >= 2


def test_many_flows_share_one_line_of_sockets() -> None:
    """Each client is connected to a socket of its own, and answers find their way back."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.settimeout(PATIENCE_S)
    line = SocketLine(Conditions(), Conditions(), 1)
    clients = []
    for number, address in enumerate(line.addresses(f"127.0.0.1:{server.getsockname()[1]}", 3)):
        host, _, port = address.rpartition(":")
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(PATIENCE_S)
        client.connect((host, int(port)))
        client.send(bytes([number]))
        clients.append(client)
    for _ in clients:
        data, where = server.recvfrom(100)
        server.sendto(data * 2, where)

    answers = [client.recv(100) for client in clients]

    assert answers == [bytes([number] * 2) for number in range(3)]
    assert line.close()["link_relayed"] == 6
    for sock in (server, *clients):
        sock.close()


def test_a_sample_says_both_directions() -> None:
    """Times become seconds."""
    up, down = samples("sample 2000000 1500 10 1 2 7000 0 5 0 0 300\n")

    assert (up.at_s, up.wait_s, up.entered, up.lost, up.dropped, up.delivered_bytes) == (2.0, 0.0015, 10, 1, 2, 7000)
    assert (down.entered, down.delivered_bytes) == (5, 300)


def test_the_draws_are_those_of_splitmix() -> None:
    """The first outputs of SplitMix64 for seed 0, as published with the algorithm, cut to 53 bits."""
    draws = SplitMix(0)

    assert [int(draws.random() * 2**53) << 11 for _ in range(3)] == [
        value >> 11 << 11 for value in (0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F)
    ]


def test_without_a_compiler_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No compiler, none by that name, and one that fails."""
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no way >&2\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    answers = []
    for command in ("", "no-such-compiler", str(broken)):
        monkeypatch.setenv(compiled.COMPILER, command)
        answers.append(compiled.relay.__wrapped__())

    assert [program for program, _ in answers] == [None] * 3
    assert "names no compiler" in answers[0][1]
    assert "no-such-compiler" in answers[1][1]
    assert "no way" in answers[2][1]


@needs_compiler
def test_the_compiled_relay_is_kept_for_this_user_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A second call compiles nothing."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first, _ = compiled.relay.__wrapped__()
    assert first is not None
    made = first.stat().st_mtime_ns

    second, _ = compiled.relay.__wrapped__()

    assert second == first
    assert second.stat().st_mtime_ns == made
    assert os.stat(first.parent).st_mode & 0o777 == 0o700
