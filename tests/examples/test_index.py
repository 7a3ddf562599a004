"""Does the index name every example, and do its commands exist?"""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from examples.arena.__main__ import main as arena
from examples.bots.__main__ import main as bots
from examples.chat import main as chat
from examples.join_tokens.__main__ import main as join_tokens
from examples.lobby.__main__ import main as lobby
from examples.transfer.__main__ import main as transfer

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAGES = sorted(EXAMPLES.rglob("*.md"))
PROGRAMS = {
    "examples.arena": arena,
    "examples.bots": bots,
    "examples.chat": chat,
    "examples.join_tokens": join_tokens,
    "examples.lobby": lobby,
    "examples.transfer": transfer,
}


def test_the_index_names_every_example() -> None:
    index = (EXAMPLES / "README.md").read_text("utf-8")
    examples = [path for path in EXAMPLES.iterdir() if path.is_dir() and (path / "__init__.py").exists()]
    examples += [path for path in EXAMPLES.glob("*.py") if "__main__" in path.read_text("utf-8")]
    assert len(examples) == 9
    for example in examples:
        assert f"[{example.stem}]({example.name}" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8"))
    assert links
    for link in links:
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_commands_are_understood(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is given `--help` behind its own options: what is wrong before it would be an error."""
    for command in re.findall(r"python -m (examples\.[^`&#\n]+)", page.read_text("utf-8")):
        module, *arguments = command.split()
        assert importlib.util.find_spec(module) is not None, command
        if module in PROGRAMS:
            with pytest.raises(SystemExit) as ended:
                PROGRAMS[module]([*arguments, "--help"])
            assert ended.value.code == 0, command
            assert "usage" in capsys.readouterr().out


def test_the_picture_is_small_and_shows_the_window() -> None:
    data = (ROOT / "docs" / "images" / "arena.png").read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")) == (1280, 800)
    assert len(data) < 100_000


@pytest.mark.parametrize("name", ["rules", "protocol", "match", "netcode", "session"])
def test_the_arenas_heart_knows_no_network_no_clock_and_no_screen(name: str) -> None:
    """As its README says; so that they can be tested without, and reused."""
    tree = ast.parse((EXAMPLES / "arena" / f"{name}.py").read_text("utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    allowed = {"collections", "collections.abc", "dataclasses", "math", "random", "struct", "typing"}
    allowed |= {"examples.arena", *(f"examples.arena.{part}" for part in ("rules", "protocol", "match", "netcode"))}
    assert imported <= allowed
