"""Does `gamesockets load --script` let the user's code play, and say what is wrong with it?"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.test_commands import own_echo as own_echo  # noqa: PLC0414 - a fixture
from tests.support.programs import Program
from typer.testing import CliRunner

from gamesockets.cli.whole import app

runner = CliRunner()

BOTS = """
import asyncio
from pathlib import Path

async def play(connection, number):
    await connection.send(b"hello from %d" % number)
    message = await connection.receive()
    Path(__file__).with_name(f"heard-{number}").write_bytes(message.data)
    if number == 2:
        raise ValueError("lost the thread")
    if number == 3:
        await asyncio.sleep(1000)
"""


def test_each_client_plays(own_echo: tuple[Program, str], tmp_path: Path) -> None:
    _, address = own_echo
    script = tmp_path / "bots.py"
    script.write_text(BOTS)
    result = runner.invoke(app, ["load", address, "-n", "4", "-d", "1", "--script", str(script), "--json"])
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert report["script"] == {
        "ended": 2,
        "faults": [{"reason": "ValueError: lost the thread (line 10 of bots.py)", "count": 1}],
    }
    assert report["problems"] == ["the script raised in 1 client"]
    assert report["clients"] == {**report["clients"], "connected": 4, "ended_early": 0}
    assert report["plan"]["script"] == "bots.py"
    for number in range(1, 5):
        assert (tmp_path / f"heard-{number}").read_bytes() == b"hello from %d" % number


def test_the_report_for_people(own_echo: tuple[Program, str], tmp_path: Path) -> None:
    _, address = own_echo
    script = tmp_path / "idle.py"
    script.write_text("import asyncio\nasync def play(connection, number):\n    await asyncio.sleep(number)\n")
    result = runner.invoke(app, ["load", address, "-n", "2", "-d", "0.3", "--script", str(script)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"LOAD {address}: 2 x idle.py, 0.3 s\n")
    assert "\nscript       idle.py: 0 came to its end, the others were stopped\n" in result.stdout


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("x = 1", "must have `async def play(connection, number)`"),
        ("def play(connection, number): pass", "must have `async def play(connection, number)`"),
        ("async def play(connection): pass", "must have `async def play(connection, number)`"),
        ("x = 1 / 0", "does not run: ZeroDivisionError: division by zero (line 1 of bots.py)"),
        ("def (", "does not run: SyntaxError: "),
    ],
)
def test_a_script_that_is_none(tmp_path: Path, code: str, complaint: str) -> None:
    script = tmp_path / "bots.py"
    script.write_text(code)
    result = runner.invoke(app, ["load", "localhost", "--script", str(script)])
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_a_file_that_is_none(tmp_path: Path) -> None:
    for name, complaint in (("gone.py", "cannot read"), ("bots.txt", "its name must end in .py")):
        result = runner.invoke(app, ["load", "localhost", "--script", str(tmp_path / name)])
        assert result.exit_code == 2
        assert complaint in result.stderr
