"""Does every rule of the specification have a test, or a reason why it has none?"""

from pathlib import Path

import pytest
from docs import compliance, hooks

PLACES = {place.name for place in compliance.places()}
MARKED = compliance.tests()


def test_every_rule_has_a_test_of_the_plain_run_or_a_reason() -> None:
    checked = {name for test in MARKED if test.always for name in test.places}
    assert PLACES - checked - compliance.reasons().keys() == set()


def test_what_has_a_reason_has_no_test() -> None:
    checked = {name for test in MARKED for name in test.places}
    assert checked & compliance.reasons().keys() == set()


def test_every_marker_and_reason_names_a_rule() -> None:
    assert {(test.name, name) for test in MARKED for name in test.places if name not in PLACES} == set()
    assert compliance.reasons().keys() - PLACES == set()
    assert all(reason.endswith(".") for reason in compliance.reasons().values())


def test_no_marker_is_overlooked() -> None:
    """A marker stands at a function, with texts as they are: else it could not be read without running the test."""
    for path in sorted(compliance.TESTS.rglob("*.py")):
        written = path.read_text(encoding="utf-8").count("@pytest.mark.rule(")
        below = path.relative_to(compliance.TESTS).as_posix()
        if path != Path(__file__):
            assert written == sum(test.path == below for test in MARKED), below
    for test in MARKED:
        assert len(set(test.places)) == len(test.places), test


def test_rules_are_counted_as_they_stand() -> None:
    text = "# 1\n\n## 1 One\n\n**1.** First.\n\nMore.\n\n**2.** Second.\n\n"
    text += "## 2 Two\n\n### 2.1 Text\n\nWords.\n\n```\n## 3 no\n```\n"
    found = compliance._places_of(1, text)
    assert [(place.name, place.text) for place in found] == [
        ("1, 1 rule 1", "First."),
        ("1, 1 rule 2", "Second."),
        ("1, 2.1", "Text"),
    ]
    assert found[1].anchor == "spec/1-connection.md#s1-1-r2"


def test_the_page_shows_them_all() -> None:
    page = hooks.with_compliance((compliance.HERE / "compliance.md").read_text(encoding="utf-8"))
    assert compliance.MARKER not in page
    assert page.count("\n| [") == len(PLACES)
    assert "*nothing*" not in page
    assert "[3.5 rule 4](spec/1-connection.md#s1-3-5-r4)" in page


@pytest.mark.parametrize("name", ["1, 1.4", "2, 2.2.1", "3, 0 rule 1", "1, 3.7"])
def test_sections_without_numbers_are_rules_too(name: str) -> None:
    assert name in PLACES
