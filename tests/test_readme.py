"""Is the README true? Its programs run in pairs, and its commands are the ones that CI runs."""

import socket
from pathlib import Path

import pytest
from tests.support.documents import ROOT, blocks, programs, run_programs

PAGE = "README.md"
PAIRS = programs(PAGE)


def test_the_first_screen_has_a_server_and_a_client() -> None:
    server, client = [block for block in blocks(PAGE) if block.language == "python"][:2]
    assert "gs.Server(" in server.code
    assert "gs.Client(" in client.code
    assert (ROOT / PAGE).read_text(encoding="utf-8").index(client.code) < 4000


@pytest.mark.skipif(not socket.has_ipv6, reason="the README's programs use IPv6")
@pytest.mark.parametrize("pair", range(len(PAIRS)))
def test_the_programs_talk_to_each_other(pair: int, tmp_path: Path) -> None:
    """And the server outlives its first client."""
    server, (client,) = PAIRS[pair]
    assert run_programs(server, [client, client], tmp_path) == ["Hello, world\n"] * 2


def test_there_is_one_command_to_see_it_and_one_to_test_it() -> None:
    """The lines that .ci/run looks for; plain pip of Python 3.11 understands them."""
    commands = "\n".join(block.code for block in blocks(PAGE) if block.language == "sh").splitlines()
    starts = [line for line in commands if line.startswith("python3 -m venv .venv && .venv/bin/pip install '.[cli")]
    assert [line.rsplit(" && ", 1)[1] for line in starts] == [
        ".venv/bin/gamesockets demo",
        ".venv/bin/python -m pytest",
    ]
    assert not any("--group" in line for line in commands)
