"""How does a test talk to a program through pipes, without waiting forever?"""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Final, Self

DEADLINE_S: Final = 60.0

_TOOK_LONG: Final = re.compile(r"Executing <.*> took [0-9.]+ seconds")


def gamesockets(*arguments: str) -> list[str]:
    """The command line that runs ours."""
    return [sys.executable, "-W", "error", "-m", "gamesockets", *arguments]


def tells_of_slowness(line: str) -> bool:
    """Whether a line is asyncio's remark, made in development mode, on how long something took: the machine is busy."""
    return _TOOK_LONG.fullmatch(line.rstrip("\n")) is not None


class Program:
    """A running program; `output` gathers the lines of both its outputs as they come."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        pass_descriptors: Sequence[int] = (),
    ) -> None:
        self.output: list[str] = []
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            pass_fds=tuple(pass_descriptors),
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        self._stdin.close()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        self._stdin.write(line + "\n")
        self._stdin.flush()

    def end_input(self) -> None:
        """Close its standard input."""
        self._stdin.close()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait for a line that matches, among those printed already too."""
        for line in self.output:
            if match := re.search(pattern, line):
                return match
        until = time.monotonic() + DEADLINE_S
        while (left := until - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=left)
            except queue.Empty:
                break
            self.output.append(line)
            if match := re.search(pattern, line):
                return match
        raise AssertionError(f"no line like {pattern!r} came, only: {self.output}")

    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.poll() is not None

    def finish(self) -> int:
        """Wait for its end; the exit status. All it printed is then in `output`."""
        status = self._process.wait(DEADLINE_S)
        self._reader.join()
        while not self._lines.empty():
            self.output.append(self._lines.get())
        return status

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip("\n"))
