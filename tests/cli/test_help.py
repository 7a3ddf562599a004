"""Does every command explain itself, complete what is typed, and answer a slip in one line?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.support.programs import gamesockets
from typer.testing import CliRunner

from gamesockets.cli.app import COMMANDS as ALL
from gamesockets.cli.app import Command, app_for
from gamesockets.cli.app import run as run_command_line
from gamesockets.cli.whole import app

runner = CliRunner()
COMMANDS = ["demo", "echo", "chat serve", "chat join", "ping", "monitor", "load", "decode", "bench", "play", "doctor"]
SHELLS = ["bash", "zsh", "fish"]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        gamesockets(*arguments),
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def completions(shell: str, words: list[str]) -> list[str]:
    """What a shell would offer for the last of `words`; it may be empty."""
    line = " ".join(["gamesockets", *words])
    environment = {"_GAMESOCKETS_COMPLETE": f"complete_{shell}", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
    if shell != "bash":
        environment |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return runner.invoke(app, [], prog_name="gamesockets", env=environment).stdout.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_explains_itself_with_examples_and_exit_status(command: str, flag: str) -> None:
    result = runner.invoke(app, [*command.split(), flag])
    assert result.exit_code == 0
    for part in ("Usage", "Examples:", "Exit status:"):
        assert part in result.output
    assert result.output.count("gamesockets ") >= 2


def test_all_commands_are_on_the_first_page() -> None:
    result = runner.invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in (*COMMANDS, "Exit status", "--install-completion", "--version"):
        assert command.split()[0] in result.output


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.name)
def test_one_command_alone_says_what_it_says_among_all(command: Command) -> None:
    """Only the module of a command that was named is imported."""
    arguments = [command.name, "--help"]
    alone = runner.invoke(app_for(arguments), arguments)
    assert (alone.exit_code, alone.output) == (0, runner.invoke(app, arguments).output)


def test_a_command_imports_no_other() -> None:
    program = (
        "import sys; sys.argv[1:] = ['echo', '--help']\n"
        "from gamesockets.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert 'gamesockets.cli.echo' in sys.modules and 'gamesockets.cli.torture' not in sys.modules\n"
        "assert 'gamesockets.torture' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("arguments", [[], ["chat"]])
def test_without_a_command_the_help_page_is_shown(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert "Usage: gamesockets" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["pong"], "ping"),
        (["--loud"], "--loud"),
        (["ping"], "ADDRESS"),
        (["ping", "::1", "--size", "3"], "--size"),
        (["ping", "::1", "--count", "many"], "--count"),
        (["ping", "::1", "--cuont", "3"], "--cuont"),
        (["load", "::1", "--clients", "0"], "--clients"),
        (["load", "::1", "--max-loss", "101"], "--max-loss"),
        (["load", "::1", "--report", "/no/such/folder/x.json"], "cannot write"),
        (["monitor", "::1", "--interval", "0"], "--interval"),
        (["monitor", "::1", "--duration"], "--duration"),
        (["monitor", *["::1"] * 201], "201 servers are too many"),
        (["decode", "--as", "packets"], "datagrams"),
        (["decode", "/no/such/file"], "cannot read"),
        *[([command, "no.such.host.invalid"], "cannot resolve") for command in ("ping", "load", "monitor")],
        *[([command, "127.0.0.1:65536"], "from 0 to 65535") for command in ("ping", "load", "monitor")],
        *[([command, "127.0.0.1:0"], "port 0") for command in ("ping", "load", "monitor")],
        *[([command, "::1", "--identity", "me"], "is no identity") for command in ("ping", "load", "monitor")],
        (["chat", "join", "no.such.host.invalid"], "cannot resolve"),
        (["echo", "--bind", "127.0.0.1:65536"], "from 0 to 65535"),
    ],
)
def test_a_wrong_command_line_is_answered_in_one_line(
    arguments: list[str], part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["gamesockets", *arguments])
    with pytest.raises(SystemExit) as ended:
        run_command_line()
    assert ended.value.code == 2
    output = capsys.readouterr()
    assert output.out == ""
    (line,) = output.err.splitlines()
    assert line.startswith("gamesockets")
    assert part in line


@pytest.mark.parametrize("shell", SHELLS)
def test_commands_and_options_complete(shell: str) -> None:
    offered = "\n".join(completions(shell, ["mo"]))
    assert "monitor" in offered
    assert "echo" not in offered
    assert "--clients" in "\n".join(completions(shell, ["load", "--cl"]))


@pytest.mark.parametrize(
    ("shell", "words", "values"),
    [
        *[(shell, ["decode", "--as", ""], ("datagrams", "frames")) for shell in SHELLS],
        ("bash", ["ping", "--identity", "st"], ("str:", "steamid:")),
        ("bash", ["monitor", "loc"], ("localhost:27015",)),
        ("zsh", ["chat", "join", "loc"], ("localhost:27015",)),
        ("fish", ["echo", "--bind", "0."], ("0.0.0.0:27015",)),
    ],
)
def test_values_complete(shell: str, words: list[str], values: Sequence[str]) -> None:
    offered = "\n".join(completions(shell, words)).replace("\\", "")
    for value in values:
        assert value in offered


@pytest.mark.parametrize("shell", SHELLS)
def test_the_completion_script_can_be_shown(shell: str) -> None:
    result = run(_GAMESOCKETS_COMPLETE=f"source_{shell}")
    assert result.returncode == 0
    assert "_GAMESOCKETS_COMPLETE" in result.stdout


def test_bench_passes_its_arguments_through() -> None:
    result = run("bench", "--", "--help")
    assert result.returncode == 0
    assert "python -m benchmarks" in result.stdout
    result = run("bench", "no-such-scenario", "--seconds", "1")
    assert result.returncode == 2
    assert "no-such-scenario" in result.stderr


def test_bench_of_an_installed_package_says_where_the_suite_is(tmp_path: Path) -> None:
    """Imported from a folder without benchmarks beside it, in a folder that is no checkout."""
    package = Path(__file__).parents[2] / "src" / "gamesockets"
    (tmp_path / "lib" / "site").mkdir(parents=True)
    shutil.copytree(package, tmp_path / "lib" / "site" / "gamesockets")
    result = subprocess.run(
        gamesockets("bench"),
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "lib" / "site")},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "python -m benchmarks" in line
