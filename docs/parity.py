"""What is each call of the game-loop API called under asyncio? Writes parity.md from parity.toml.

Run `python -m docs.parity` at the root of the repository after a change to parity.toml; a test says when it is due.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
SOURCE: Final = HERE / "parity.toml"
PAGE: Final = HERE / "parity.md"


@dataclass(frozen=True)
class Row:
    """One thing one can do, by its names in both APIs; several names are parted by commas, none is a difference."""

    game_loop: str = ""
    asyncio: str = ""
    note: str = ""

    @property
    def game_loop_names(self) -> list[str]:
        return [name for name in self.game_loop.split(", ") if name]

    @property
    def asyncio_names(self) -> list[str]:
        return [name for name in self.asyncio.split(", ") if name]


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    title: str
    text: str
    rows: list[Row]


@dataclass(frozen=True)
class Table:
    """All of parity.toml."""

    introduction: str
    sections: list[Section]
    only_in_asyncio: list[str]
    """Public names that have no row, because the game-loop API has nothing like them."""

    @property
    def rows(self) -> list[Row]:
        return [row for section in self.sections for row in section.rows]


def load() -> Table:
    """Reads the table."""
    source = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    sections = [
        Section(entry["title"], entry.get("text", ""), [Row(**row) for row in entry["row"]])
        for entry in source["section"]
    ]
    return Table(source["introduction"], sections, source["only_in_asyncio"])


def render(table: Table) -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.parity` from parity.toml: change that file, not this one. -->",
        "",
        "# Both APIs side by side",
        "",
        table.introduction.strip(),
    ]
    for section in table.sections:
        lines += ["", f"## {section.title}", ""]
        if section.text:
            lines += [section.text, ""]
        lines += ["| Game loop | asyncio | Note |", "|---|---|---|"]
        lines += [f"| {_code(row.game_loop_names)} | {_code(row.asyncio_names)} | {row.note} |" for row in section.rows]
    lines += ["", "## Only under asyncio", "", _code(table.only_in_asyncio) + ".", ""]
    return "\n".join(lines)


def _code(names: list[str]) -> str:
    """Methods of `NetworkingSockets` without its name, which would only make the table wider."""
    return ", ".join(f"`{name.removeprefix('NetworkingSockets.')}`" for name in names)


def main() -> None:
    PAGE.write_text(render(load()), encoding="utf-8")


if __name__ == "__main__":
    main()
