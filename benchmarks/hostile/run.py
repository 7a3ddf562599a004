"""How is one kind of attack measured? A server, honest clients and the attacker, each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.hostile.kinds import KINDS
from benchmarks.hostile.talk import DURING
from benchmarks.systems import needs

CLIENTS: Final = 20
NO_ATTACK: Final = "none"
_BEFORE_S: Final = 0.7
_AFTER_S: Final = 1.5
_RELIABLE_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.1
_PATIENCE_S: Final = 60.0
_MIB: Final = 1 << 20


class FailedError(Exception):
    """A process of a measurement did not do its part."""


@dataclass
class Figures:
    """What one measurement found."""

    kind: str
    api: str
    is_limited: bool
    attack_datagrams_per_s: float = 0.0
    attack_megabits_per_s: float = 0.0
    up_percent: float = math.nan
    down_percent: float = math.nan
    round_trip_median_ms: float = math.nan
    round_trip_99_ms: float = math.nan
    newcomers: int = 0
    entered: int = 0
    entered_median_ms: float = math.nan
    entered_worst_ms: float = math.nan
    server_cpu_percent: float = math.nan
    server_waited_percent: float = math.nan
    """Of the time, in which it could have run and others had the processors."""
    memory_before_mib: float = math.nan
    memory_growth_mib: float = math.nan
    """The most during the attack."""
    memory_left_mib: float = math.nan
    """After everything was closed."""
    clients_late: int = 0
    """Messages that the honest clients had no processor time for."""
    limits: dict[str, int] = field(default_factory=dict)
    """Counts that rose, the highest first."""
    problems: list[str] = field(default_factory=list)
    """What must not be."""


class Process:
    """One of the three."""

    def __init__(self, part: str, plan: dict[str, Any]) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.hostile.processes", part, json.dumps(plan)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=needs.ROOT,
        )
        self._part = part
        self.first = self._hear()

    def ask(self, line: str) -> dict[str, Any]:
        """Its answer to a line."""
        self.tell(line)
        return self.answer()

    def tell(self, line: str) -> None:
        """Says a line, without waiting for the answer."""
        if self._process.stdin is None:
            raise FailedError(self._part)
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to the oldest line that has had none."""
        return self._hear()

    def _hear(self) -> dict[str, Any]:
        line = "" if self._process.stdout is None else self._process.stdout.readline()
        if not line:
            self._process.wait(_PATIENCE_S)
            raise FailedError(f"{self._part}: {self.errors()}")
        word: dict[str, Any] = json.loads(line)
        return word

    def errors(self) -> str:
        """What it wrote to its standard error."""
        self._errors.seek(0)
        return self._errors.read()

    def close(self) -> None:
        """Ends it."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_S / 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()


@contextlib.contextmanager
def started(part: str, plan: dict[str, Any]) -> Iterator[Process]:
    """The process, which ends with the block."""
    process = Process(part, plan)
    try:
        yield process
    finally:
        process.close()


def measure(kind_name: str, api: str, is_limited: bool, seconds: float, clients_count: int = CLIENTS) -> Figures:
    """One measurement. Raises `FailedError`."""
    kind = None if kind_name == NO_ATTACK else KINDS[kind_name]
    figures = Figures(kind_name, api, is_limited)
    listen_ip = "127.0.0.1" if kind is None else kind.listen_ip()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(started("server", {"api": api, "listen_ip": listen_ip}))
        port = server.first["port"]
        clients = stack.enter_context(started("clients", {"port": port, "clients": clients_count}))
        attacker: Process | None = None
        if kind is not None:
            plan = {
                "kind": kind_name,
                "ip": kind.target_ip(),
                "port": port,
                "victims": clients.first["victims"],
                "seconds": seconds,
                "is_limited": is_limited,
            }
            attacker = stack.enter_context(started("attacker", plan))
        time.sleep(_BEFORE_S)
        before = server.ask("look")
        if attacker is not None:
            attacker.ask("begin")
        clients.ask("next phase")
        began, at_begin = time.monotonic(), server.ask("look")
        if attacker is None:
            time.sleep(seconds)
        else:
            _note_attack(figures, attacker.ask("go"))
        during_s = time.monotonic() - began
        clients.ask("next phase")
        at_end = server.ask("look")
        figures.server_cpu_percent = 100 * (at_end["cpu_s"] - at_begin["cpu_s"]) / during_s
        figures.server_waited_percent = 100 * (at_end["waited_s"] - at_begin["waited_s"]) / during_s
        time.sleep(_AFTER_S)
        result, after = clients.ask("look"), server.ask("look")
        _note_traffic(figures, after, result)
        _note_server(figures, before, after)
        clients.ask("hush")
        if not _all_reliable_came(server, clients):
            figures.problems.append("reliable messages did not arrive")
        clients.ask("finish")
        figures.memory_left_mib = server.ask("finish")["resident_bytes"] / _MIB - figures.memory_before_mib
        if "Traceback" in (errors := server.errors()):
            figures.problems.append(errors[-2000:])
    return figures


def _all_reliable_came(server: Process, clients: Process) -> bool:
    """Waits until all that was sent reliably has arrived and come back."""
    until = time.monotonic() + _RELIABLE_S
    while time.monotonic() < until:
        came, result = server.ask("look")["next_reliable"], clients.ask("look")
        if result["reliable_sent"] == result["next_reliable"] == came:
            return True
        time.sleep(_LOOK_EVERY_S)
    return False


def _note_attack(figures: Figures, attack: dict[str, Any]) -> None:
    figures.attack_datagrams_per_s = attack["datagrams_per_s"]
    figures.attack_megabits_per_s = attack["bits_per_s"] / 1e6


def _note_traffic(figures: Figures, server: dict[str, Any], clients: dict[str, Any]) -> None:
    sent, received = clients["sent"][DURING], server["received"][DURING]
    if sent:
        figures.up_percent = 100 * received / sent
    if received:
        figures.down_percent = 100 * clients["received"][DURING] / received
    figures.round_trip_median_ms = 1000 * clients["round_trip_median_s"]
    figures.round_trip_99_ms = 1000 * clients["round_trip_99_s"]
    figures.newcomers = clients["newcomers"]
    figures.entered = clients["entered"]
    figures.entered_median_ms = 1000 * clients["entered_median_s"]
    figures.entered_worst_ms = 1000 * clients["entered_worst_s"]
    figures.clients_late = clients["late"]
    wrong = {
        "honest connections ended": clients["ended"] + server["honest_ended"],
        "reliable messages out of order": server["disorder"] + clients["disorder"],
        "echoes not sent": server["unsent"],
        "messages that clients could not send": clients["refused"],
        "error of the server": server["error"],
        "beyond limits": server["beyond"],
    }
    figures.problems += [f"{what}: {value}" for what, value in wrong.items() if value]


def _note_server(figures: Figures, before: dict[str, Any], after: dict[str, Any]) -> None:
    figures.memory_before_mib = before["resident_bytes"] / _MIB
    figures.memory_growth_mib = max(after["peak_bytes"] - before["resident_bytes"], 0) / _MIB
    rose = {name: after["counts"][name] - count for name, count in before["counts"].items()}
    figures.limits = dict(sorted(((name, n) for name, n in rose.items() if n > 0), key=lambda pair: -pair[1]))
