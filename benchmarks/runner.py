"""How are measurements run? Each in two fresh processes, all systems in turn, then all again for the next repeat."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Final

from benchmarks.lossy.line import SocketLine
from benchmarks.plan import Plan
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.base import Metric
from benchmarks.systems import SYSTEMS, needs
from benchmarks.usage import children_cpu_s, machine_cpu_s
from gamesockets.bad_network.link import Conditions

OTHERS: Final = Metric("others_cpu_percent", "others' CPU %")
"""Every run's measure of noise: what processes outside the measurement used meanwhile, in percent of one processor."""
GRACE_S: Final = 60.0
"""Beyond ten times the planned seconds: for starting, connecting, draining, ending."""
LINK: Final = Conditions(latency=0.025, loss=0.01)
"""Each way, for scenarios that want a bad network."""
LINK_SEED: Final = 1
LOAD_GENERATORS: Final = ("gns-native", "ours-batch-compiled", "ours-batch")
"""Who plays the clients of servers of one protocol, best first; the first that can run here plays for all of them."""
OWN: Final = "own"
"""In place of a load generator's name: every system plays its own clients."""
_STDERR_CHARACTERS: Final = 1500


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one run: figures, or why there are none; and how long it took, all included."""

    plan: Plan
    repeat: int
    figures: dict[str, float]
    error: str
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to run.

    Attributes:
        scenarios: their names.
        systems: their names.
        repeats: how often.
        seconds: to measure; None for each scenario's own.
        connections: idle ones to hold.
        load: the system that plays the clients of game servers, or `OWN`; only servers that speak its protocol get it.
    """

    scenarios: Sequence[str]
    systems: Sequence[str]
    repeats: int
    seconds: float | None
    connections: int
    load: str

    def plans(self) -> Iterator[Plan]:
        """Those of one repeat."""
        for scenario, system in pairs(self.scenarios, self.systems):
            measured = SCENARIOS[scenario]
            client = system
            if measured.has_load_generator and self.load != OWN:
                client = self.load if SYSTEMS[system].speaks == SYSTEMS[self.load].speaks else system
            seconds = measured.seconds if self.seconds is None else self.seconds
            yield Plan(scenario, system, client, seconds, self.connections)


class _Side:
    """One process, and the thread that passes its words on."""

    def __init__(self, name: str, plan: Plan, link: SocketLine | None) -> None:
        self.name = name
        self.result: dict[str, float] | None = None
        self._abandoned = False
        self._link = link
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - read and closed in `finish`
        program = SYSTEMS[plan.system if name == "server" else plan.client].program
        self._process = subprocess.Popen(
            needs.command(program, name),
            cwd=needs.ROOT,
            env=needs.environment(program),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
        )
        self._thread: threading.Thread | None = None
        self.tell(plan.to_json())

    def tell(self, line: str) -> None:
        """Writes one line to the process; one that has ended hears nothing."""
        stream = self._process.stdin
        with contextlib.suppress(OSError):
            if stream is not None:
                stream.write(line.encode() + b"\n")
                stream.flush()

    def relay_to(self, peer: _Side) -> None:
        """Begins to pass words on."""
        self._thread = threading.Thread(target=self._relay, args=(peer,), name=f"relay of the {self.name}")
        self._thread.start()

    def _relay(self, peer: _Side) -> None:
        for text in self._process.stdout or ():
            line = json.loads(text)
            if "peer" in line:
                word = line["peer"]
                if self._link is not None and "address" in word:
                    word["address"] = self._link.addresses(word["address"], 1)[0]
                peer.tell(json.dumps(word))
            else:
                self.result = line["result"]
        if self.result is None:
            peer.abandon()

    def abandon(self) -> None:
        """Ends a process whose peer has failed: it would wait for words that never come."""
        self._abandoned = True
        self._process.terminate()

    def finish(self, deadline: float) -> str:
        """Waits for the end, and puts an end to it at the deadline; what went wrong, empty if nothing."""
        trouble = ""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            trouble = "did not end in time"
            self._process.kill()
            self._process.wait()
        if self._thread is not None:
            self._thread.join()
        for stream in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        self._stderr.seek(0)
        text = self._stderr.read().decode("utf-8", "replace").strip()[-_STDERR_CHARACTERS:]
        self._stderr.close()
        status = self._process.returncode
        if self._abandoned and status < 0:
            return ""
        if status and not trouble:
            trouble = f"ended with status {status}"
        if self.result is None and not trouble:
            trouble = "reported nothing"
        return f"{self.name} {trouble}" + (f": {text}" if text else "") if trouble else ""


def run_one(plan: Plan) -> tuple[dict[str, float], str]:
    """One run: the figures of both sides and how busy others kept the machine, and what went wrong."""
    begun, busy_before, own_before = time.monotonic(), machine_cpu_s(), children_cpu_s()
    scenario = SCENARIOS.get(plan.scenario)
    link = SocketLine(LINK, LINK, LINK_SEED) if scenario is not None and scenario.through_link else None
    server = _Side("server", plan, link)
    client = _Side("client", plan, link)
    server.relay_to(client)
    client.relay_to(server)
    deadline = time.monotonic() + 10 * plan.seconds + GRACE_S
    troubles = [side.finish(deadline) for side in (server, client)]
    figures = {**(client.result or {}), **(server.result or {})}
    if link is not None:
        figures.update(link.close())
    others_s = max(0.0, machine_cpu_s() - busy_before - (children_cpu_s() - own_before))
    figures[OTHERS.key] = 100 * others_s / (time.monotonic() - begun)
    return figures, "; ".join(filter(None, troubles))


def run_all(order: Order, progress: Callable[[Outcome], None]) -> list[Outcome]:
    """Every scenario on every system it suits, interleaved: system by system, scenario by scenario, then once more."""
    outcomes: list[Outcome] = []
    for repeat in range(order.repeats):
        for plan in order.plans():
            begun = time.monotonic()
            figures, error = run_one(plan)
            outcome = Outcome(plan, repeat, figures, error, time.monotonic() - begun)
            outcomes.append(outcome)
            progress(outcome)
    return outcomes


def pairs(scenarios: Sequence[str], systems: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Scenario and system, where the one says something about the other."""
    for scenario in scenarios:
        for system in systems:
            if SCENARIOS[scenario].kind in SYSTEMS[system].kinds:
                yield scenario, system


def load_generator() -> str:
    """The best that can run here."""
    return next(name for name in LOAD_GENERATORS if SYSTEMS[name].missing() is None)
