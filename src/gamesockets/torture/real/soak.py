"""How are the two processes of a soak started, watched and ended?"""

import contextlib
import json
import queue
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, final

from gamesockets.torture.real.plan import CLIENT, ROLES, SERVER, Plan
from gamesockets.torture.real.process import LEAVE

__all__ = ["Sample", "SoakReport", "soak"]

Sample: TypeAlias = Mapping[str, float]
"""How things are with one side: what `process` reports each second."""

_STARTS_WITHIN_S: Final = 60.0
_LEAVES_WITHIN_S: Final = 150.0
_STDERR_CHARACTERS: Final = 2000


@final
@dataclass(slots=True)
class SoakReport:
    """What came of a soak.

    Attributes:
        samples: of each role, one a second.
        left: of each role, what its library still held after everything was closed.
        violations: promises that were broken, and whose process said so.
    """

    samples: dict[str, list[Sample]] = field(default_factory=lambda: {role: [] for role in ROLES})
    left: dict[str, Mapping[str, int]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def soak(
    commands: Mapping[str, Sequence[str]],
    plan: Plan,
    seconds: float,
    on_sample: Callable[[SoakReport, float], object] | None = None,
    environment: Mapping[str, str] | None = None,
) -> SoakReport:
    """Plays for so long; both processes have ended when it returns, also by an exception such as `KeyboardInterrupt`.

    Args:
        commands: of each role, what starts its process; the plan is added as the last argument.
        plan: of the server.
        seconds: how long.
        on_sample: called about once a second with the report and the seconds that have gone by.
        environment: of both processes; by default that of this one.
    """
    report = SoakReport()
    processes: dict[str, _Process] = {}
    try:
        server = processes[SERVER] = _Process(SERVER, [*commands[SERVER], plan.to_json()], environment)
        address = server.address()
        if address:
            client_plan = plan.as_client(address).to_json()
            processes[CLIENT] = _Process(CLIENT, [*commands[CLIENT], client_plan], environment)
            _watch(processes, report, seconds, on_sample)
            for role in (CLIENT, SERVER):  # a server has to be there until its clients have heard everything
                if not report.violations:
                    processes[role].leave(report)
    finally:
        for process in processes.values():
            process.end()
        for process in processes.values():
            process.tell(report)
            process.forget()
    return report


def _watch(
    processes: Mapping[str, "_Process"],
    report: SoakReport,
    seconds: float,
    on_sample: Callable[[SoakReport, float], object] | None,
) -> None:
    began = time.monotonic()
    while (gone_s := time.monotonic() - began) < seconds:
        time.sleep(min(1.0, seconds - gone_s))
        for process in processes.values():
            process.tell(report)
        if on_sample is not None:
            on_sample(report, time.monotonic() - began)
        if report.violations or not all(process.is_alive for process in processes.values()):
            return


class _Process:
    """One of the two."""

    def __init__(self, role: str, command: Sequence[str], environment: Mapping[str, str] | None) -> None:
        self._role = role
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._is_done = False
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as this, see `forget`
        self._process = subprocess.Popen(  # noqa: S603 - the user's own words
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._stderr, text=True, env=environment
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("a process without pipes")
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def address(self) -> str:
        """Where the server listens; empty if it ended before it said so."""
        try:
            return str(self._lines.get(timeout=_STARTS_WITHIN_S).get("address", ""))
        except queue.Empty:
            return ""

    def leave(self, report: SoakReport) -> None:
        """Tells it to come to an end, and waits for that."""
        try:
            self._stdin.write(f"{LEAVE}\n")
            self._stdin.flush()
            self._process.wait(_LEAVES_WITHIN_S)
        except (OSError, subprocess.TimeoutExpired):
            report.violations.append(f"{self._role}: it does not come to an end")

    def end(self) -> None:
        """It may be in the middle of anything."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):  # what was not written yet has no reader any more
                pipe.close()

    def forget(self) -> None:
        """Nobody asks about it any more."""
        self._stderr.close()

    def tell(self, report: SoakReport) -> None:
        """Adds what it has said."""
        while True:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            if "sample" in line:
                report.samples[self._role].append(line["sample"])
            elif "violation" in line:
                report.violations.append(f"{self._role}: {line['violation']}")
                self._is_done = True
            elif "left" in line:
                report.left[self._role] = line["left"]
                self._is_done = True
        status = self._process.poll()
        if status is not None and not self._is_done and not report.violations:
            report.violations.append(f"{self._role}: its process ended with {status}: {self._complaint()}")

    def _complaint(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode("utf-8", "replace").strip()[-_STDERR_CHARACTERS:]

    def _read(self) -> None:
        for text in self._stdout:
            self._lines.put(json.loads(text))
        self._lines.put({})
