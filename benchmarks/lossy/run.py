"""How is a row measured? By sender and receiver in fresh processes at the ends of a fresh line."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, Final, TypeAlias

from benchmarks.lossy.contenders import program_of
from benchmarks.lossy.line import NamespaceLine, SocketLine
from benchmarks.lossy.plan import BIN_S, Plan
from benchmarks.lossy.rows import Row
from benchmarks.lossy.words import Sample
from benchmarks.systems import needs
from benchmarks.usage import machine_cpu_s
from gamesockets.bad_network.link import Conditions

Line: TypeAlias = NamespaceLine | SocketLine
MakeLine: TypeAlias = Callable[[Conditions, Conditions], Line]

_BEGIN_S: Final = 0.3
"""From the last sender's word until all begin."""
_PATIENCE_S: Final = 20.0
_STDERR_CHARACTERS: Final = 600


class RunError(Exception):
    """A side failed; the text says why."""


@dataclass(slots=True)
class Raw:
    """What was seen in one run; times are seconds since its beginning.

    Attributes:
        arrived: for each flow of each team, bytes by bin of `BIN_S`.
        game: when a game's message arrived, and how long it took.
        samples: what the sender had learned, from time to time.
        queue: the relay's samples of the way up.
        change_s: when the conditions changed; negative if they did not.
        machine: how busy the processes, the relay and the machine were.
    """

    arrived: dict[str, list[dict[int, int]]] = field(default_factory=dict)
    game: list[tuple[float, float]] = field(default_factory=list)
    samples: list[dict[str, float]] = field(default_factory=list)
    queue: list[Sample] = field(default_factory=list)
    change_s: float = -1.0
    machine: dict[str, float] = field(default_factory=dict)


class _Side:
    """One process of a team, and what it says."""

    def __init__(self, side: str, host: str, plan: Plan) -> None:
        self._name = f"the {side} of {plan.contender}"
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `close`
        program = program_of(plan.contender)
        self._process = subprocess.Popen(
            [needs.interpreter(program), "-m", "benchmarks.lossy.worker", side, host],
            cwd=needs.ROOT,
            env=needs.environment(program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            bufsize=1,
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, name=self._name, daemon=True)
        self._thread.start()
        self._write(plan.to_json())

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._lines.put(line)
        self._lines.put("")

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def tell(self, **word: str | float) -> None:
        """A word."""
        self._write(json.dumps(word))

    def hear(self, patience_s: float = _PATIENCE_S) -> dict[str, Any]:
        """What it says next. Raises `RunError` when it has failed or says nothing for so long."""
        try:
            line = self._lines.get(timeout=patience_s)
        except queue.Empty:
            raise RunError(f"{self._name} said nothing for {patience_s:g} s") from None
        if not line:
            self._process.wait(_PATIENCE_S)
            self._errors.seek(0)
            text = self._errors.read().decode("utf-8", "replace").strip()[-_STDERR_CHARACTERS:]
            raise RunError(f"{self._name} ended with status {self._process.returncode}: {text}")
        word: dict[str, Any] = json.loads(line)
        return word

    def close(self) -> None:
        """Ends it if it has not ended."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


class _Team:
    """A sender and a receiver at the ends of a line."""

    def __init__(self, plan: Plan, line: Line) -> None:
        self.plan = plan
        self._line = line
        self._sides: list[_Side] = []

    @property
    def receiver(self) -> _Side:
        return self._sides[0]

    @property
    def sender(self) -> _Side:
        return self._sides[1]

    def start(self) -> None:
        """Both are there, and the sender knows where to connect."""
        line = self._line
        with line.at(1):
            self._sides.append(_Side("receiver", line.hosts[1], self.plan))
        address = str(self.receiver.hear()["peer"]["address"])
        with line.at(0):
            self._sides.append(_Side("sender", line.hosts[0], self.plan))
        self.sender.tell(address=",".join(line.addresses(address, self.plan.flows)))

    def close(self) -> None:
        """None is left."""
        for side in self._sides:
            side.close()


def measure(row: Row, contender: str, make_line: MakeLine) -> Raw:
    """Runs a row for one contender. Raises `RunError`, or `OSError` when the system refuses something."""
    names = [contender, row.beside] if row.beside else [contender]
    line = make_line(row.up, row.down)
    teams = [_Team(_plan(row, name), line) for name in names]
    raw = Raw()
    try:
        for team in teams:
            team.start()
        for team in teams:
            team.sender.hear()
        begin_s = math.ceil((time.monotonic() + _BEGIN_S) / BIN_S) * BIN_S
        for team in teams:
            team.sender.tell(begin_s=begin_s)
        _sleep_until(begin_s)
        busy_before = machine_cpu_s()
        if row.change is not None:
            _sleep_until(begin_s + row.change_s)
            raw.change_s = line.set(row.change, Conditions(latency=row.change.latency)) - begin_s
        _sleep_until(begin_s + row.seconds)
        cores = os.cpu_count() or 1
        raw.machine["machine_percent"] = 100 * (machine_cpu_s() - busy_before) / row.seconds / cores
        for team in teams:
            _collect(team, begin_s, raw)
        raw.queue = [_since(sample, begin_s) for sample in list(line.relay.up)]
    finally:
        for team in teams:
            team.close()
        raw.machine |= line.close()
    return raw


def _collect(team: _Team, begin_s: float, raw: Raw) -> None:
    sent = team.sender.hear()["result"]
    team.receiver.tell(end=1)
    received = team.receiver.hear()["result"]
    team.sender.tell(end=1)
    first = round(begin_s / BIN_S)
    raw.arrived[team.plan.contender] = [
        {int(at) - first: size for at, size in bins.items()} for bins in received["arrived"]
    ]
    raw.game += [(at - begin_s, took) for at, took in received["game"]]
    raw.samples = raw.samples or sent["samples"]
    for side, figures in (("sender", sent), ("receiver", received)):
        for key in ("cpu_percent", "waited_percent"):
            most = max(raw.machine.get(f"{side}_{key}", 0.0), figures[key])
            raw.machine[f"{side}_{key}"] = most


def _plan(row: Row, contender: str) -> Plan:
    return Plan(
        contender=contender,
        flows=row.flows,
        apart_s=row.apart_s,
        seconds=row.seconds,
        piece_bytes=row.bulk_bytes,
        ahead_bytes=row.ahead_bytes,
        has_game=row.has_game,
        told_rate=row.up.bottleneck_bytes_per_second or _UNLIMITED_RATE,
    )


_UNLIMITED_RATE: Final = 0x10000000
"""The largest rate that the settings take."""


def _since(sample: Sample, begin_s: float) -> Sample:
    return Sample(
        sample.at_s - begin_s, sample.wait_s, sample.entered, sample.lost, sample.dropped, sample.delivered_bytes
    )


def _sleep_until(moment_s: float) -> None:
    time.sleep(max(0.0, moment_s - time.monotonic()))
