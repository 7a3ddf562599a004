"""Which code blocks do the README and the pages of docs/ have, and do they run?

A fenced block is run as its language says, unless an HTML comment in front of it says otherwise:

    <!-- not run: why -->   only compiled, for code that needs what is not installed here
    <!-- output -->         in front of a text block: what the Python block above it prints
    <!-- input: text -->    in front of that: the line that it gets on standard input, as a program

Python blocks of a page run in order and share their names. One that mentions port 27015 is a program instead: it runs
in a process of its own, with a free port in place of that one. If it listens, it goes on until the page's next one
that does; the others are its clients.
"""

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.support.ports import free_port, is_bound
from tests.support.programs import tells_of_slowness
from tests.support.waiting import DEADLINE_S, wait_until

ROOT: Final = Path(__file__).parents[2]
PORT: Final = "27015"

_FENCE: Final = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<language>[\w+#-]*)[^`\n]*$")
_COMMENT: Final = re.compile(r"^ *<!-- *(?P<word>not run|input|output) *(?:: *(?P<text>.*?))? *-->$")


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block.

    Attributes:
        page: its file, from the root of the repository.
        line: where its contents begin, counted from 1.
        language: as the fence names it.
        code: the contents, without the indentation of the fence.
        comments: the comments in front of it, by their first word.
        output: what it has to print; None if the page does not say.
    """

    page: str
    line: int
    language: str
    code: str
    comments: dict[str, str]
    output: str | None = None

    @property
    def is_program(self) -> bool:
        """Whether it runs in a process of its own."""
        return self.language == "python" and PORT in self.code and "not run" not in self.comments

    @property
    def listens(self) -> bool:
        return any(word in self.code for word in ("create_listen_socket", "gs.Server(", "aio.serve", "aio.run_server"))

    @property
    def place(self) -> str:
        """For error messages, and as a name of a test."""
        return f"{self.page}:{self.line}"

    def compiled(self) -> Any:
        """The code, with the page's own line numbers in its tracebacks."""
        return compile("\n" * (self.line - 1) + self.code, str(ROOT / self.page), "exec")


def pages() -> list[str]:
    """The README and all pages of docs/."""
    return ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order; a text block that is an output is part of the block it belongs to."""
    found: list[Block] = []
    comments: dict[str, str] = {}
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        fence = _FENCE.match(line)
        if fence is None:
            comment = _COMMENT.match(line)
            if comment is not None:
                comments[comment["word"]] = comment["text"] or ""
            elif line.strip():
                comments = {}
            continue
        start = number
        while lines[number].strip() != fence["fence"]:
            number += 1
        code = textwrap.dedent("\n".join(lines[start:number]) + "\n")
        number += 1
        if "output" in comments:
            last = found[-1]
            assert last.language == "python", f"{page}:{start}: an output without Python code above it"
            found[-1] = replace(last, comments=last.comments | comments, output=code)
        else:
            found.append(Block(page, start + 1, fence["language"], code, comments))
        comments = {}
    return found


def programs(page: str) -> list[tuple[Block, list[Block]]]:
    """The programs of a page: each server with its clients."""
    found: list[tuple[Block, list[Block]]] = []
    for block in blocks(page):
        if block.is_program and block.listens:
            found.append((block, []))
        elif block.is_program:
            assert found, f"{block.place}: a client without a server above it"
            found[-1][1].append(block)
    return found


def run_here(page: str) -> None:
    """Runs those Python blocks of a page that are no programs, in this process; what they print has to be right."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks(page):
        if block.language != "python" or block.is_program:
            continue
        code = block.compiled()
        if "not run" in block.comments:
            assert block.comments["not run"], f"{block.place}: a block that is not run needs a reason"
            continue
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, names)  # noqa: S102 - that is what this is for
        if block.output is not None:
            assert printed.getvalue() == block.output, block.place


class Program:
    """A block running in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._printed: list[str] = []
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=target.extend, args=(stream,), daemon=True)
            for target, stream in ((self._printed, process.stdout), (self._errors, process.stderr))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def printed(self) -> str:
        """All of standard output so far."""
        return "".join(self._printed)

    @property
    def errors(self) -> str:
        """All of standard error so far, but for asyncio's remarks on how busy the machine is."""
        return "".join([line for line in self._errors if not tells_of_slowness(line)])

    def wait_for(self, output: str) -> None:
        """Waits until that has been printed, or the program has ended."""
        wait_until(
            lambda: output == self.printed or self.process.poll() is not None,
            lambda: f"{output!r} but {self.printed!r} and {self.errors!r}",
        )

    def end_of_input(self) -> None:
        """Closes its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def join(self) -> int:
        """Waits until it has ended by itself; its exit status."""
        status = self.process.wait(DEADLINE_S)
        for reader in self._readers:
            reader.join(DEADLINE_S)
        return status

    def interrupt(self) -> None:
        """Ctrl-C, and nothing but a KeyboardInterrupt may come of it."""
        assert self.process.poll() is None, self.errors
        if os.name == "nt":
            return
        self.process.send_signal(signal.SIGINT)
        self.join()
        assert not self.errors or self.errors.strip().endswith("KeyboardInterrupt"), self.errors
        assert "Warning" not in self.errors, self.errors


@contextmanager
def running(block: Block, port: int, folder: Path) -> Iterator[Program]:
    """A block in a process of its own, ended at the end."""
    path = folder / f"{Path(block.page).stem}_{block.line}.py"
    path.write_text(block.code.replace(PORT, str(port)), encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", "-X", "dev", path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        program = Program(process)
        try:
            if "input" in block.comments and process.stdin is not None:
                process.stdin.write(block.comments["input"] + "\n")
                process.stdin.flush()
            yield program
        finally:
            process.kill()


def run_programs(server: Block, clients: list[Block], folder: Path) -> list[str]:
    """Runs a server and its clients, one after another; what each client printed. All must end well."""
    port = free_port()
    printed: list[str] = []
    with running(server, port, folder) as serving:
        # A client waits some seconds for its answer; on a busy machine a server needs as long to begin.
        wait_until(lambda: is_bound(port) or serving.process.poll() is not None, f"server of {server.place}")
        for block in clients:
            with running(block, port, folder) as client:
                if block.output is not None:
                    client.wait_for(block.output)
                client.end_of_input()
                status = client.join()
                assert (client.errors, status) == ("", 0), f"{block.place}: {client.errors}"
                assert block.output in (None, client.printed), f"{block.place}: {client.printed}"
                printed.append(client.printed)
        if server.output is not None:
            serving.wait_for(server.output)
            assert serving.printed == server.output, server.place
        serving.interrupt()
    return printed
