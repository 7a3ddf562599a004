"""Do the two programs move a file over real sockets, and say what went wrong when something does?"""

import re
from pathlib import Path
from random import Random

import pytest
from tests.examples.programs import example
from tests.support.programs import Program

from examples.transfer.__main__ import main


def test_a_file_comes_over_and_the_game_is_watched(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = Random(2).randbytes(400_000)
    (tmp_path / "map").write_bytes(content)
    with Program(example("transfer", "serve", str(tmp_path), "--bind", "127.0.0.1:0", "--rate", "1500")) as server:
        address = server.wait_for(r" on (\S+);")[1]
        into = tmp_path / "into"
        into.mkdir()
        for name, status, line in (
            ("map", 0, r"0\.4 MB in .* its SHA-256 is right"),
            ("map", 1, "^transfer get: .*exists already$"),
            ("../map", 1, "^transfer get: .*exists already$"),
            ("../absent", 1, "^transfer get: no such file$"),
        ):
            assert main(["get", name, address, "--into", str(into)]) == status
            assert re.search(line, "".join(capsys.readouterr()).splitlines()[0])
        assert (into / "map").read_bytes() == content
        assert [path.name for path in into.iterdir()] == ["map"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["serve", "/nowhere/at/all"], "transfer serve: /nowhere/at/all is no folder\n"),
        (["get", "x", "127.0.0.1:1", "--into", "/nowhere/at/all"], "No such file or directory"),
    ],
)
def test_mistakes_are_explained_in_one_line(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    output, errors = capsys.readouterr()
    assert output == ""
    assert line in errors
    assert errors.count("\n") == 1
