"""How do tests drive the reference library?  As a process that takes commands: `tests.interop.worker`."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.behaviour.side import NO_OPTIONS, Event, Info, Refusal, Side, Status
from tests.behaviour.traffic import Outgoing, Received
from tests.interop.gns import ENVIRONMENT_VARIABLE, Config, Options, OptionValue
from tests.support.ports import free_port

ROOT: Final = Path(__file__).resolve().parents[2]
CALL_DEADLINE_S: Final = 30.0
EXIT_DEADLINE_S: Final = 10.0
STDERR_TAIL_CHARACTERS: Final = 4000
LISTEN_ATTEMPTS: Final = 20


class WorkerError(AssertionError):
    """The process of the reference library refused a command, fell silent or ended."""


class Reference(Side):
    """The reference library in its own process.  `identity` is a text form, None is anonymous.

    `library` is another file than the one that GNS_LIBRARY names.
    """

    protocol_versions = frozenset({11, 13})  # 1.4.1, and the versions from 1.5 on

    def __init__(
        self,
        name: str,
        identity: str | None = None,
        values: Mapping[Config, OptionValue] | None = None,
        library: Path | None = None,
    ) -> None:
        super().__init__(name)
        self._answers: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._calls = 0
        self._gone = False
        self._killed = False
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process, see _reap
        other = {} if library is None else {ENVIRONMENT_VARIABLE: str(library)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.interop.worker"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | other,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            encoding="utf-8",
        )
        self._reader = threading.Thread(target=self._read, name=f"{name} reader", daemon=True)
        self._reader.start()
        try:
            self._call("start", identity, _pairs(values or {}))
        except BaseException:
            self.kill()
            raise

    # ---- the process

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            report = json.loads(line)
            if "id" in report:
                self._answers.put(report)
            elif "event" in report:
                self._note_event(Event(*report["event"]), report["accept_result"])
            else:
                batches: dict[int, list[Received]] = {}
                for connection, message in report["messages"]:
                    batches.setdefault(connection, []).append(Received(*message))
                for connection, messages in batches.items():
                    self._note_messages(connection, messages)
        with self._changed:
            self._gone = True
            self._changed.notify_all()
        self._answers.put({})

    def _call(self, name: str, *arguments: object) -> Any:
        self._calls += 1
        command = json.dumps({"id": self._calls, "call": name, "arguments": arguments})
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
            answer = self._answers.get(timeout=CALL_DEADLINE_S)
        except (OSError, ValueError, queue.Empty) as error:
            raise WorkerError(f"{self.name}: {name} got no answer{self.stderr_tail()}") from error
        if answer.get("id") != self._calls or "error" in answer:
            raise WorkerError(f"{self.name}: {name}: {answer.get('error', 'ended')}{self.stderr_tail()}")
        return answer["result"]

    def check(self) -> None:
        """Raise when the process has ended without having been asked to."""
        if self._gone and not self._killed:
            raise WorkerError(f"{self.name}: the process ended{self.stderr_tail()}")

    def stderr_tail(self) -> str:
        """The end of what the process wrote to stderr, introduced; empty when it wrote nothing."""
        if self._stderr.closed:
            return ""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - STDERR_TAIL_CHARACTERS))
        text = self._stderr.read().decode("utf-8", "replace").strip()
        return f"\n--- stderr of {self.name} ---\n{text}" if text else ""

    def kill(self) -> None:
        """End the process without any warning, as a crash or a power cut would."""
        self._killed = True
        self._process.kill()
        self._reap()

    def close(self) -> None:
        """Shut the library down, which tells its peers, and end the process."""
        if self._process.returncode is not None:
            return
        try:
            self.check()
            self._call("stop")
        finally:
            self._killed = True
            self._reap()

    def _reap(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):  # what was buffered cannot reach a dead process any more
            self._process.stdin.close()
        try:
            self._process.wait(EXIT_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(EXIT_DEADLINE_S)
        self._process.stdout.close()
        print(self.stderr_tail(), end="")  # pytest shows it when the test failed
        self._stderr.close()

    # ---- the library

    def ask(self, call: str, *arguments: object) -> Any:
        """The answer to a call that only this side has."""
        return self._call(call, *arguments)

    def listen(self, address: str, options: Options = NO_OPTIONS) -> str:
        """Listen; port 0 stands for a free port, chosen here."""
        ip, _, port = address.rpartition(":")
        if port != "0":
            return str(self._call("listen", address, _pairs(options)))
        for _ in range(LISTEN_ATTEMPTS):
            candidate = f"{ip}:{free_port(ip.strip('[]'))}"
            try:
                return str(self._call("listen", candidate, _pairs(options)))
            except WorkerError:  # somebody else was faster
                self.check()
        raise WorkerError(f"{self.name}: no free port on {ip}{self.stderr_tail()}")

    def connect(self, address: str, options: Options = NO_OPTIONS) -> int:
        """Begin to connect."""
        return int(self._call("connect", address, _pairs(options)))

    def close_connection(self, connection: int, reason: int = 0, text: str = "", linger: bool = False) -> bool:
        """Close a connection."""
        return bool(self._call("close_connection", connection, reason, text, linger))

    def send(self, connection: int, messages: Sequence[Outgoing]) -> list[int]:
        """Send all messages in order; for each its number, or minus the Result."""
        return [int(number) for number in self._call("send", connection, list(messages))]

    def configure_lanes(self, connection: int, priorities: Sequence[int], weights: Sequence[int]) -> int:
        """Configure the lanes of the sending direction; returns the Result."""
        return int(self._call("configure_lanes", connection, list(priorities), list(weights)))

    def info(self, connection: int) -> Info | None:
        """Information about a connection."""
        fields = self._call("info", connection)
        return None if fields is None else Info(*fields)

    def status(self, connection: int) -> Status:
        """Rates and queues of a connection."""
        return Status(*self._call("status", connection))

    def detailed_status(self, connection: int) -> str:
        """The library's long text about a connection."""
        return str(self._call("detailed_status", connection))

    def set_globals(self, values: Mapping[Config, OptionValue]) -> None:
        """Set configuration values of the whole process."""
        for value, content in values.items():
            self._call("set_value", value, content)

    def behave(self, accepting: bool = True, echoing: bool = False, refusal: Refusal | None = None) -> None:
        """Say what to do with requests and messages."""
        self._call("behave", accepting, echoing, refusal)


def _pairs(values: Mapping[int, OptionValue] | Mapping[Config, OptionValue]) -> list[tuple[int, OptionValue]]:
    return [(int(value), content) for value, content in values.items()]
