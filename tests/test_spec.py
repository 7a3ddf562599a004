"""Does every citation of the specification name a place that exists, and does every place exist once?

The forms of a citation stand in docs/spec/index.md.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
CHAPTERS: Final = {1: "1-connection.md", 2: "2-messages.md", 3: "3-api.md"}
FOLDERS: Final = ("src", "tests", "benchmarks", "examples", "docs")
SUFFIXES: Final = {".md", ".proto", ".py", ".pyi", ".toml", ".yml"}

_HEADING: Final = re.compile(r"##+ (?:(?P<number>\d+(?:\.\d+)*)\.? )?(?P<title>.+)")
_RULE: Final = re.compile(r"\*\*(\d+)\.\*\* ")
_NUMBER: Final = r"\d+(?:\.\d+)*"
_PLACE: Final = rf"(?:(?:parts?|sections?) )?{_NUMBER}(?: (?:rules?|steps?|rows?) \d+)?"

_IN_PARENTHESES: Final = re.compile(r"\((spec \d[^()]*)\)")
_IN_A_SENTENCE: Final = re.compile(rf"(?<!\()(?<!; )\b[Ss]pec \d(?:, {_PLACE}(?: (?:and|to) {_PLACE})?)?")
_BARE: Final = re.compile(r"\((2\.\d[^()]*)\)|\bof (2\.\d+\.\d+|2\.10)\b")
"""Beside the code of chapter 2, in comments and docstrings."""

_PIECE: Final = re.compile(
    rf"""(?P<separator>[,;]\ ?(?:and\ )?|\ ?and\ )
    |(?P<chapter>[Ss]pec\ \d)
    |(?:(?:parts?|sections?)\ )?(?P<first>{_NUMBER})(?:\ ?(?:-|to)\ ?(?P<last>{_NUMBER}))?
    |\ (?P<kind>rule|step|row)s?\ (?P<from>\d+)(?:\ to\ (?P<to>\d+))?
    |"?(?P<words>(?!(?:rule|step|row)s?\b)[A-Za-z][A-Za-z ]*)"?""",
    re.VERBOSE,
)


@dataclass
class Section:
    """One section of a chapter.

    Attributes:
        rules: the numbers of its statements, in order.
        rows: the first cells of its tables' rows.
        text: all of it, that of its subsections too, in lower case.
    """

    rules: list[int] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)
    text: str = ""

    def has_row(self, number: int) -> bool:
        """Whether a row's first cell is this number, or a list or range with it."""
        for cell in self.rows:
            for part in cell.split(","):
                low, _, high = part.strip().partition("..")
                if low.isdigit() and int(low) <= number <= int(high or low):
                    return True
        return False


@dataclass
class Chapter:
    """One chapter: its sections by number, and whatever is odd about its numbering."""

    sections: dict[str, Section]
    text: str
    faults: list[str]


def chapter_of(text: str) -> Chapter:
    """Reads a chapter."""
    sections: dict[str, Section] = {}
    faults: list[str] = []
    around: list[str] = []
    last: tuple[int, ...] = ()
    rules: list[int] = []
    fenced = False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else _HEADING.fullmatch(line)
        if heading is not None:
            number = heading["number"]
            rules = []
            around = []
            if number is not None:
                key = tuple(int(part) for part in number.split("."))
                if number in sections:
                    faults.append(f"section {number} is there twice")
                elif key <= last:
                    faults.append(f"section {number} stands behind {'.'.join(map(str, last))}")
                last = key
                section = sections.setdefault(number, Section())
                rules = section.rules
                around = [".".join(map(str, key[:depth])) for depth in range(1, len(key) + 1)]
                around = [name for name in around if name in sections]
        elif rule := _RULE.match(line):
            rules.append(int(rule[1]))
            if rules != list(range(1, len(rules) + 1)):
                faults.append(f"rules of section {around[-1:]} are numbered {rules}")
        elif line.startswith("|") and around:
            sections[around[-1]].rows.append(line.split("|")[1].strip(" `*"))
        for name in around:
            sections[name].text += line.lower() + "\n"
    return Chapter(sections, text.lower(), faults)


SPECIFICATION: Final = {
    number: chapter_of((ROOT / "docs/spec" / name).read_text(encoding="utf-8")) for number, name in CHAPTERS.items()
}


def fault_of(citation: str) -> str:
    """Why a citation, without its parentheses, names no place; empty if it names some."""
    chapter: Chapter | None = None
    section: Section | None = None
    position = 0
    while position < len(citation):
        piece = _PIECE.match(citation, position)
        if piece is None:
            return f"cannot read {citation[position:]!r}"
        position = piece.end()
        if piece["chapter"]:
            chapter = SPECIFICATION.get(int(piece["chapter"][-1]))
            section = None
            if chapter is None:
                return f"no chapter {piece['chapter'][-1]}"
        elif chapter is None:
            return "names no chapter"
        elif piece["first"]:
            for number in filter(None, (piece["first"], piece["last"])):
                section = chapter.sections.get(number)
                if section is None:
                    return f"no section {number}"
        elif piece["kind"]:
            for digits in filter(None, (piece["from"], piece["to"])):
                number = int(digits)
                if section is None or not (
                    section.has_row(number) if piece["kind"] == "row" else number in section.rules
                ):
                    return f"no {piece['kind']} {number}"
        elif piece["words"] and piece["words"].lower() not in (section.text if section else chapter.text):
            return f"{piece['words']!r} is not there"
    return "" if chapter is not None else "names no chapter"


def citations_in(text: str) -> list[str]:
    """The citations of a text, each without its parentheses."""
    flat = re.sub(r"\s*\n\s*(?:#|//)?\s*", " ", text)
    return [*_IN_PARENTHESES.findall(flat), *_IN_A_SENTENCE.findall(flat)]


def bare_citations_in(source: str) -> list[str]:
    """The citations without a chapter in the comments and strings of a Python file, completed."""
    found: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            found += [f"spec 2, {inside or outside}" for inside, outside in _BARE.findall(token.string)]
    return found


def files() -> Iterator[Path]:
    """Every text that may cite."""
    yield from (path for path in ROOT.glob("*") if path.suffix in SUFFIXES)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES and path != Path(__file__):
                yield path


def test_every_citation_names_a_place() -> None:
    count = 0
    faults: list[str] = []
    for path in files():
        text = path.read_text(encoding="utf-8")
        citations = citations_in(text)
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ("src", "tests"):
            citations += bare_citations_in(text)
        count += len(citations)
        faults += [f"{path.relative_to(ROOT)}: ({c}): {fault_of(c)}" for c in citations if fault_of(c)]
    assert faults == []
    assert count > 250, "the citations are not found any more"


@pytest.mark.parametrize("number", CHAPTERS)
def test_every_place_exists_once(number: int) -> None:
    """Sections ascend and none is there twice; the rules of each are numbered 1, 2, 3."""
    chapter = SPECIFICATION[number]
    assert chapter.faults == []
    assert len(chapter.sections) > 40


@pytest.mark.parametrize("number", CHAPTERS)
def test_a_chapter_names_only_places_that_exist(number: int) -> None:
    """Cross-references within the specification: "section 3.4", "part 8", "(7.6)", "chapter 1, 7.3"."""
    text = (ROOT / "docs/spec" / CHAPTERS[number]).read_text(encoding="utf-8")
    named = [(int(chapter), place) for chapter, place in re.findall(rf"chapter (\d), (?:part )?({_NUMBER})", text)]
    text = re.sub(r"chapter \d, (?:part )?[\d.]+", "", text)
    named += [(number, place) for place in re.findall(rf"\b(?:section|part) ({_NUMBER})", text)]
    named += [(number, place) for place in re.findall(r"\((\d{1,2}(?:\.\d{1,2}){1,2})[),;]", text)]
    if number == 2:
        named += [(number, place) for place in re.findall(r"(?<![\d.])2(?:\.\d{1,2}){1,2}(?![\d.]\d|\d)", text)]
    assert len(named) > 20
    assert [place for chapter, place in named if place not in SPECIFICATION[chapter].sections] == []


# ------------------------------------------------------------------------------------- the checker itself


@pytest.mark.parametrize(
    "citation",
    [
        "spec 1, 4.4",
        "spec 3",
        "spec 3, part 4",
        "spec 1, parts 3 to 5",
        "spec 3, parts 7 and 8",
        "spec 1, 3.7 row 8",
        "spec 1, 3.7 rows 2 to 7",
        "spec 3, 4.7 rows 13 to 18, and 15.4",
        "spec 1, 2.9 row 25",
        "spec 1, 3.5 step 4",
        "spec 2, 2.7-2.9, 2.16",
        "spec 2, 2.6.1, 2.16 rule 6",
        "spec 2, 2.10, defect a",
        "spec 2, 2.16, free choices",
        'spec 3, "Ideas shared"',
        "spec 1, section 6; spec 3, part 10",
        "spec 1, 7.5; spec 3, 6.5",
        "Spec 2, 2.2.12",
    ],
)
def test_what_exists_is_accepted(citation: str) -> None:
    assert fault_of(citation) == ""


@pytest.mark.parametrize(
    ("citation", "fault"),
    [
        ("spec 9, 1.1", "no chapter 9"),
        ("spec 1, 99.9", "no section 99.9"),
        ("spec 2, 4.4", "no section 4.4"),
        ("spec 3, part 40", "no section 40"),
        ("spec 2, 2.7-2.99", "no section 2.99"),
        ("spec 1, 4.4 and 99.9", "no section 99.9"),
        ("spec 1, 3.7 row 99", "no row 99"),
        ("spec 1, 3.7 rows 2 to 99", "no row 99"),
        ("spec 2, 2.16 rule 99", "no rule 99"),
        ("spec 1, 7.5; spec 3, 99.9", "no section 99.9"),
        ("spec 2, 2.10, defect z", "'defect z' is not there"),
        ("spec 1, 4.4?", "cannot read '?'"),
        ("spec 1, rule 4", "cannot read 'rule 4'"),
        ("2.8.1", "names no chapter"),
        ("", "names no chapter"),
    ],
)
def test_what_does_not_exist_is_a_fault(citation: str, fault: str) -> None:
    assert fault_of(citation) == fault


def test_citations_are_found_in_every_form() -> None:
    text = '''"""A window (spec 1, 4.6), a table (spec 1, 3.7
    rows 2 to 7), and both (spec 1, section 6; spec 3, part 10).

    Spec 2, 2.8.2, number by number. As spec 3, parts 6.10 and 9 say; no inspector 3.
    """  # what follows (spec 3,
    # "Ideas shared") is 2.5 times as long'''
    assert citations_in(text) == [
        "spec 1, 4.6",
        "spec 1, 3.7 rows 2 to 7",
        "spec 1, section 6; spec 3, part 10",
        'spec 3, "Ideas shared"',
        "Spec 2, 2.8.2",
        "spec 3, parts 6.10 and 9",
    ]


def test_bare_citations_are_found_in_comments_and_docstrings() -> None:
    source = '''def f() -> None:
    """Applies an ack (2.8.2), by the checks of 2.5.2."""
    wait(2.5)  # both (2.6.1, 2.16 rule 6)
'''
    assert bare_citations_in(source) == ["spec 2, 2.8.2", "spec 2, 2.5.2", "spec 2, 2.6.1, 2.16 rule 6"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("## 1. A\n### 1.1 B\n### 1.1 C\n", "section 1.1 is there twice"),
        ("## 1. A\n### 1.2 B\n### 1.1 C\n", "section 1.1 stands behind 1.2"),
        ("## 1. A\n\n**1.** One.\n\n**3.** Three.\n", "rules of section ['1'] are numbered [1, 3]"),
    ],
)
def test_a_chapter_that_is_numbered_wrongly_is_noticed(text: str, fault: str) -> None:
    assert chapter_of(text).faults == [fault]
