"""Is the README true? Its two programs run as a pair, and its commands are the ones that CI runs."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
DEADLINE_S = 30


def blocks(language: str) -> list[str]:
    """The contents of the fenced blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def free_port() -> int:
    """A UDP port that is free at this moment, on IPv4 and IPv6 alike."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(path: Path) -> Iterator[subprocess.Popen[str]]:
    """A Python program in a process of its own, ended at the end."""
    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_first_screen_has_a_server_and_a_client() -> None:
    server, client = blocks("python")
    assert "create_listen_socket" in server
    assert "connect(" in client
    assert README.index(client) < 4000


@pytest.mark.skipif(not socket.has_ipv6, reason="the README's programs use IPv6")
def test_the_programs_talk_to_each_other(tmp_path: Path) -> None:
    port = str(free_port())
    paths = []
    for name, code in zip(("server", "client"), blocks("python"), strict=True):
        assert "27015" in code
        path = tmp_path / f"{name}.py"
        path.write_text(code.replace("27015", port), encoding="utf-8")
        paths.append(path)
    with running(paths[0]) as server:
        for _ in range(2):  # the server outlives its first client
            client = subprocess.run(
                [sys.executable, "-W", "error", paths[1]],
                capture_output=True,
                text=True,
                timeout=DEADLINE_S,
                check=False,
            )
            assert (client.stdout, client.stderr, client.returncode) == ("Hello, world\n", "", 0)
        assert server.poll() is None
        if os.name != "nt":
            server.send_signal(signal.SIGINT)
            output, errors = server.communicate(timeout=DEADLINE_S)
            assert output == ""
            assert errors.strip().endswith("KeyboardInterrupt")


def test_there_is_one_command_to_see_it_and_one_to_test_it() -> None:
    """The lines that .ci/run looks for; plain pip of Python 3.11 understands them."""
    commands = "\n".join(blocks("sh")).splitlines()
    starts = [line for line in commands if line.startswith("python3 -m venv .venv && .venv/bin/pip install '.[cli")]
    assert [line.rsplit(" && ", 1)[1] for line in starts] == [
        ".venv/bin/gamesockets demo",
        ".venv/bin/python -m pytest",
    ]
    assert not any("--group" in line for line in commands)
