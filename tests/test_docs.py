"""Are the pages true? All Python code in the README and in docs/ runs, all commands are understood, nothing is missing.

What marks a block as something else than ordinary code stands in `support/documents.py`.
"""

import importlib.util
import logging
import re
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from benchmarks import __main__ as benchmarks
from docs import command_line, configuration, enumerations, trace_events
from tests.support.documents import ROOT, Block, blocks, pages, programs, run_here, run_programs

import gamesockets as gs
from gamesockets import aio, pki, sim
from gamesockets.cli.whole import app

CODE: Final = [page for page in pages() if any(b.language == "python" and not b.is_program for b in blocks(page))]
PAIRS: Final = [(server, clients) for page in pages() if page != "README.md" for server, clients in programs(page)]
"""The README's own are in test_readme.py."""

_COMMAND_IN_TEXT: Final = re.compile(r"`((?:gamesockets|python -m benchmarks) [^`]+)`")
_WORDS_OF_THE_SHELL: Final = re.compile(r"\s*(?:&&|\|\||[&|;])\s*")


@pytest.fixture
def _clean_process() -> Iterator[None]:
    """What a page leaves behind in the process does not reach the next test."""
    yield
    for name in ("gamesockets", "gamesockets.connection"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).setLevel(logging.NOTSET)
    gs.Library.deinitialize()
    with gs.NetworkingSockets() as sockets:
        for value in gs.ConfigurationValue:
            sockets.set_configuration_value(value, None)


@pytest.mark.usefixtures("_clean_process")
@pytest.mark.parametrize("page", CODE)
def test_the_code_of_a_page_runs(page: str) -> None:
    run_here(page)


@pytest.mark.skipif(not socket.has_ipv6, reason="the programs use IPv6")
@pytest.mark.parametrize(("server", "clients"), PAIRS, ids=[server.place for server, _ in PAIRS])
def test_the_programs_of_a_page_talk_to_each_other(server: Block, clients: list[Block], tmp_path: Path) -> None:
    run_programs(server, clients, tmp_path)


def commands() -> list[tuple[str, list[str]]]:
    """Every simple command of every shell block, and those of ours within text, with the place where it stands."""
    found: list[tuple[str, list[str]]] = []
    for page in pages():
        text = (ROOT / page).read_text(encoding="utf-8")
        found += [(page, shlex.split(code)) for code in _COMMAND_IN_TEXT.findall(text)]
        for block in blocks(page):
            if block.language != "sh":
                continue
            text = block.code.replace("\\\n", " ")
            for line in text.splitlines():
                for part in _WORDS_OF_THE_SHELL.split(line.partition(" # ")[0]):
                    words = shlex.split(part, comments=True)
                    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                        words = words[1:]
                    found.append((block.place, words))
    return found


def understand(words: list[str]) -> None:
    """Lets the command line parse and check its arguments, without doing what they ask for."""
    command: Any = typer.main.get_command(app)
    name, rest = "gamesockets", words
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest[0]]
        name, rest = rest[0], rest[1:]
    if rest == ["--help"]:
        return
    if getattr(command, "commands", {}):
        options = {option for parameter in command.params for option in parameter.opts}
        assert all(word in options for word in rest), f"no command or option {rest}"
    else:
        command.make_context(name, list(rest))


def test_the_commands_are_understood() -> None:
    seen = 0
    for place, words in commands():
        try:
            if words and words[0].rpartition("/")[2] == "gamesockets":
                understand(words[1:])
                seen += 1
            elif words[1:3] == ["-m", "benchmarks"]:
                benchmarks._parser().parse_args(words[3:])
                seen += 1
            elif words[1:2] == ["-m"]:
                assert importlib.util.find_spec(words[2]) is not None, "no such module"
        except Exception as error:
            raise AssertionError(f"{place}: {shlex.join(words)}: {error}") from error
    assert seen > 20


def test_links_lead_somewhere() -> None:
    """Links between files of the repository; mkdocs checks those between pages once more, with their anchors."""
    for page in pages():
        text = re.sub(r"^ *(`{3,})\w.*?^ *\1", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
        for target in re.findall(r"\]\(([^)#\s]+)[^)\s]*\)", text):
            if "://" not in target:
                assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_the_design_names_files_that_exist() -> None:
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    table = text.partition("## Where is it?\n")[2].partition("\n## ")[0]
    paths = re.findall(r"`([\w/]+\.py)`", table)
    assert len(paths) > 20
    assert not [path for path in paths if not any((ROOT / top / path).exists() for top in ("src/gamesockets", "."))]


@pytest.mark.parametrize("module", [command_line, configuration, enumerations, trace_events])
def test_generated_pages_are_up_to_date(module: Any) -> None:
    page = module.PAGE.read_text(encoding="utf-8")
    assert page == module.render(), f"run `python -m {module.__name__}`"


def test_everything_public_is_in_the_reference() -> None:
    """By name: mkdocs writes the rest from the docstrings."""
    text = "".join((ROOT / page).read_text(encoding="utf-8") for page in pages() if page.startswith("docs/reference/"))
    listed = set(re.findall(r"^::: gamesockets\.(\S+)$", text, re.M)) | set(re.findall(r"^## (\w+)$", text, re.M))
    listed |= set(re.findall(r"`gs\.(\w+)`", text))
    wanted = set(gs.__all__) - {"__version__", "SendType"}
    wanted |= {f"aio.{name}" for name in aio.__all__} | {f"sim.{name}" for name in sim.__all__}
    wanted |= {f"pki.{name}" for name in pki.__all__}
    wanted |= {f"NetworkingSockets.{name}" for name in dir(gs.NetworkingSockets) if not name.startswith("_")}
    assert wanted - listed == set()


def test_a_wrong_page_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness itself: code that raises, output that differs, and an excuse that is none."""
    monkeypatch.setattr("tests.support.documents.ROOT", tmp_path)
    for text in (
        "```python\nraise RuntimeError\n```\n",
        "```python\nprint(1)\n```\n\n<!-- output -->\n```text\n2\n```\n",
        "<!-- not run: -->\n```python\npass\n```\n",
        "<!-- not run: another library -->\n```python\nno python\n```\n",
    ):
        (tmp_path / "page.md").write_text(text, encoding="utf-8")
        with pytest.raises((AssertionError, RuntimeError, SyntaxError)):
            run_here("page.md")
    (tmp_path / "page.md").write_text(
        "<!-- not run: another library -->\n```python\nimport nowhere\n```\n"
        "1. In a list\n\n    ```python\n    x = 2\n    ```\n\n```python\nprint(x)\n```\n\n"
        "<!-- output -->\n```text\n2\n```\n",
        encoding="utf-8",
    )
    run_here("page.md")
