"""Which test checks which rule of the specification? Read from the sources, without running anything.

A test says it with a marker, `@pytest.mark.rule("1, 3.5 rule 4")`; compliance.toml says why a rule has no test. The
hook puts the table into compliance.md when the site is made. `python -m docs.compliance` prints it.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
TESTS: Final = HERE.parent / "tests"
REASONS: Final = HERE / "compliance.toml"
CHAPTERS: Final = {1: "1-connection.md", 2: "2-messages.md", 3: "3-api.md"}
MARKER: Final = "<!-- compliance -->"
"""Where in compliance.md the table belongs."""

_HEADING: Final = re.compile(r"##+ (?P<number>\d+(?:\.\d+)*)\.? (?P<title>.+)")
_RULE: Final = re.compile(r"\*\*(?P<number>\d+)\.\*\* (?P<text>.*)")
_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_TEXT_LENGTH: Final = 100


@dataclass
class Place:
    """Something of the specification that can be checked: a numbered rule, or a section that has none.

    Attributes:
        name: as in a citation, without "spec".
        text: how it begins, or the title of the section.
        anchor: where it is on the site.
    """

    name: str
    text: str
    anchor: str


@dataclass(frozen=True)
class Test:
    """A test with a marker.

    Attributes:
        path: of its file, below tests.
        places: what it checks.
        always: it is part of the plain test run.
    """

    path: str
    name: str
    places: tuple[str, ...]
    always: bool


def places() -> list[Place]:
    """All of them, in order."""
    found: list[Place] = []
    for chapter, name in CHAPTERS.items():
        found += _places_of(chapter, (HERE / "spec" / name).read_text(encoding="utf-8"))
    return found


def _places_of(chapter: int, text: str) -> list[Place]:
    found: list[Place] = []
    section: Place | None = None
    has_rules = has_text = fenced = False
    for line in [*text.splitlines(), "## 999 end"]:
        fenced ^= line.startswith("```")
        heading = None if fenced else _HEADING.fullmatch(line)
        rule = _RULE.match(line)
        if heading is not None:
            if section is not None and has_text and not has_rules:
                found.append(section)
            number = heading["number"]
            anchor = f"spec/{CHAPTERS[chapter]}#s{chapter}-{number.replace('.', '-')}"
            section = Place(f"{chapter}, {number}", heading["title"], anchor)
            has_rules = has_text = False
        elif rule is not None and section is not None:
            has_rules = True
            found.append(
                Place(f"{section.name} rule {rule['number']}", rule["text"], f"{section.anchor}-r{rule['number']}")
            )
        else:
            has_text = has_text or bool(line.strip())
    return found


def tests() -> list[Test]:
    """All tests with a marker, by file and in the order in which they stand there."""
    found: list[Test] = []
    for path in sorted(TESTS.rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        below = path.relative_to(TESTS).as_posix()
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                named = tuple(place for marker in node.decorator_list for place in _named_by(marker))
                if named:
                    is_slow = any("mark.slow" in ast.unparse(marker) for marker in node.decorator_list)
                    always = not is_slow and not below.startswith("interop/")
                    found.append(Test(below, node.name, named, always))
    return found


def _named_by(marker: ast.expr) -> Iterator[str]:
    match marker:
        case ast.Call(func=ast.Attribute(attr="rule", value=ast.Attribute(attr="mark")), args=arguments):
            for argument in arguments:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def reasons() -> dict[str, str]:
    """Why a rule has no test."""
    return {name: str(reason) for name, reason in tomllib.loads(REASONS.read_text(encoding="utf-8")).items()}


def render() -> str:
    """The table: a part for each part of each chapter."""
    by_place: dict[str, list[Test]] = {}
    for test in tests():
        for name in test.places:
            by_place.setdefault(name, []).append(test)
    untested = reasons()
    everything = places()
    with_test = sum(place.name in by_place for place in everything)
    count, without = len(everything), len(everything) - with_test
    lines = [
        f"The specification has {count} rules, counting a section without numbers as one. {with_test} have a test, "
        f"{without} say why they have none."
    ]
    part = ""
    for place in everything:
        head = _part_of(place)
        if head != part:
            part = head
            lines += ["", f"## {part}", "", "| Rule | Begins | Checked by |", "|---|---|---|"]
        _, _, short = place.name.partition(", ")
        checked = _checked_by(by_place.get(place.name, [])) or f"*{untested.get(place.name, 'nothing')}*"
        lines.append(f"| [{short}]({place.anchor}) | {_beginning(place.text)} | {checked} |")
    return "\n".join(lines) + "\n"


def _part_of(place: Place) -> str:
    chapter, _, rest = place.name.partition(", ")
    numbers = rest.split(" ")[0].split(".")
    return f"Chapter {chapter}, part {'.'.join(numbers[: 2 if chapter == '2' else 1])}"


def _beginning(text: str) -> str:
    """As much of it as fits a cell, without marks that would reach beyond it."""
    plain = _LINK.sub(r"\1", text).replace("**", "").replace("`", "").replace("|", "\\|").replace("*", "")
    for mark, escaped in (("<", "&lt;"), ("[", "\\["), ("_", "\\_")):
        plain = plain.replace(mark, escaped)
    return plain if len(plain) <= _TEXT_LENGTH else plain[:_TEXT_LENGTH].rpartition(" ")[0] + " …"


def _checked_by(found: list[Test]) -> str:
    """The tests, those of one file together."""
    files: dict[str, list[str]] = {}
    for test in found:
        files.setdefault(test.path, []).append(test.name.removeprefix("test_").replace("_", " "))
    return "<br>".join(f"`{path}`: {', '.join(names)}" for path, names in files.items())


if __name__ == "__main__":
    print(render(), end="")
