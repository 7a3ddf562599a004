"""What is each name of the C# wrapper and the reference library called in Python? Writes porting.md from porting.toml.

Run `python -m docs.porting` at the root of the repository after a change to porting.toml; a test says when it is due.
"""

import json
import re
import tomllib
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Final

import gamesockets

HERE: Final = Path(__file__).parent
SOURCE: Final = HERE / "porting.toml"
PAGE: Final = HERE / "porting.md"
NUMBERS: Final = HERE.parent / "tests" / "vectors" / "enums.json"
"""Names and numbers of every enumeration, recorded from the library and both wrappers."""

_INTERFACES: Final = {
    "S:": "ISteamNetworkingSockets::",
    "U:": "ISteamNetworkingUtils::",
    "M:": "ISteamNetworkingMessages::",
}


@dataclass(frozen=True)
class Row:
    """One thing by its names in four APIs; an empty name means that it has none there.

    Attributes:
        status: `works`, `later: part`, or `not applicable` with the reason among the differences.
        test: node id, or file, of the test that proves it; of a `later` row, of the test that will.
        number: of a member of an enumeration.
    """

    final: str = ""
    early: str = ""
    native: str = ""
    python: str = ""
    differences: str = ""
    status: str = "works"
    test: str = ""
    number: int | None = None

    @property
    def python_names(self) -> list[str]:
        """The Python names without the package's, of which there may be several."""
        return [name for name in self.python.split(", ") if name]

    @property
    def works(self) -> bool:
        return self.status == "works"


@dataclass(frozen=True)
class Section:
    """A chapter of the page."""

    title: str
    text: str
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Table:
    """All of porting.toml, with the members of the enumerations filled in."""

    introduction: str
    sections: list[Section]
    only_in_python: list[str]
    """Public names that neither the wrappers nor the reference library have."""

    @property
    def rows(self) -> list[Row]:
        return [row for section in self.sections for row in section.rows]


def load() -> Table:
    """Reads the table."""
    source = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    sections = [
        Section(entry["title"], entry.get("text", ""), [_row(row) for row in entry["row"]])
        for entry in source["section"]
    ]
    sections += [_enumeration(entry, numbers) for entry in source["enumeration"]]
    return Table(source["introduction"], sections, source["only_in_python"])


def _row(entry: dict[str, Any]) -> Row:
    native = entry.get("native", "")
    for short, interface in _INTERFACES.items():
        native = re.sub(rf"(^|, ){short}", rf"\1{interface}", native)
    return Row(**{**entry, "native": native})


def _enumeration(entry: dict[str, Any], numbers: dict[str, dict[str, dict[str, int]]]) -> Section:
    """One row for each number that the library or the final wrapper names; members without one have rows elsewhere."""
    name = entry["python"]
    enumeration: type[IntEnum] = getattr(gamesockets, name)
    native = {k: v for k, v in numbers["library"].get(entry.get("library", ""), {}).items() if v >= 0}
    final = numbers["wrapper_final"].get(entry.get("final", ""), {})
    early = {
        member: _early_number(member, number, entry, enumeration, final)
        for member, number in numbers["wrapper_early"].get(entry.get("early", ""), {}).items()
    }
    later: dict[str, list[int]] = entry.get("later", {})
    rows = [
        Row(
            final=_members(entry.get("final"), final, number),
            early=_members(entry.get("early"), early, number),
            native=", ".join(entry["prefix"] + member for member, other in native.items() if other == number),
            python=_members(name, {member: int(x) for member, x in enumeration.__members__.items()}, number),
            differences=entry.get("differences", {}).get(str(number), ""),
            status=next((f"later: {part}" for part, members in later.items() if number in members), "works"),
            test=entry.get("tests", {}).get(str(number), entry["test"]),
            number=number,
        )
        for number in sorted({*native.values(), *final.values(), *(x for x in early.values() if x is not None)})
    ]
    names = {name: None, entry.get("final", ""): None, entry.get("early", ""): None}
    title = f"Enumeration {name}"
    others = [f"`{other}`" for other in names if other and other != name]
    text = " ".join(filter(None, [f"In C# also {', '.join(others)}." if others else "", entry.get("text", "")]))
    return Section(title, text, rows)


def _early_number(
    member: str, number: int, entry: dict[str, Any], enumeration: type[IntEnum], final: dict[str, int]
) -> int | None:
    """Today's number of an early member; None if it has an ordinary row."""
    renamed = entry.get("early_names", {}).get(member)
    if renamed is not None:
        return int(enumeration[renamed]) if renamed else None
    return final.get(member, number)


def _members(enumeration: str | None, numbers: dict[str, Any], number: int) -> str:
    return ", ".join(f"{enumeration}.{member}" for member, other in numbers.items() if other == number)


def render(table: Table) -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.porting` from porting.toml: change that file, not this one. -->",
        "",
        "# Porting from C# and C++",
        "",
        table.introduction.strip(),
    ]
    for section in table.sections:
        lines += ["", f"## {section.title}", ""]
        if section.text:
            lines += [section.text, ""]
        lines += _render_rows(section.rows)
    lines += ["", "## Only in Python", "", ", ".join(f"`{name}`" for name in table.only_in_python) + ".", ""]
    return "\n".join(lines)


def _render_rows(rows: list[Row]) -> list[str]:
    with_numbers = rows[0].number is not None
    head = ["C#, final", "C#, early", "C++", "Python", "Differences", "Status", "Test"]
    if with_numbers:
        head = ["Number", *head]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        names = [_code(row.final), _code(row.early), _code(row.native), _code(row.python)]
        test = row.test.rpartition("::")[2] or row.test
        cells = [*names, row.differences, row.status, f"[`{test}`](../{row.test.partition('::')[0]})" if test else ""]
        if with_numbers:
            cells = [str(row.number), *cells]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _code(names: str) -> str:
    """Each name as code; a comma inside parentheses does not part names."""
    if not names:
        return ""
    if "(" in names:
        return f"`{names}`"
    return ", ".join(f"`{name}`" for name in names.split(", "))


def main() -> None:
    PAGE.write_text(render(load()), encoding="utf-8")


if __name__ == "__main__":
    main()
