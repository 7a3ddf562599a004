"""Is every recorded file, every list in it and every kind of field read by some test?"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.captures import CAPTURES
from tests.support.hand_made import MALFORMED, UNUSUAL
from tests.support.recorded import handshake_failures, load

from gamesockets.values.enums import ConfigurationScope

TESTS: Final = Path(__file__).parent
FILES: Final = sorted(path.stem for path in (TESTS / "vectors").iterdir())
SOURCES: Final = {path: path.read_text(encoding="utf-8") for path in sorted(TESTS.rglob("*.py"))}
PROSE: Final = frozenset(("description", "evidence", "conventions", "notes", "note"))
"""Keys whose values are for people."""


def quoted(source: str) -> set[str]:
    """All strings in double quotes that a source holds."""
    return set(re.findall(r'"((?:[^"\\\n]|\\.)*)"', source))


QUOTED: Final = {path: quoted(source) for path, source in SOURCES.items()}
EVERYWHERE: Final[set[str]] = set().union(*QUOTED.values())


def keys_in(value: Any) -> Iterator[str]:
    """Every key of every object inside a value, prose left out."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in PROSE:
                yield key
                yield from keys_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_in(inner)


@pytest.mark.rule("1, 12 rule 1", "2, 2.17 rule 1")
def test_every_file_is_used() -> None:
    """Its name stands in a test or in what tests share."""
    assert len(FILES) > 30
    assert [name for name in FILES if not EVERYWHERE & {name, f"{name}.json"}] == []


@pytest.mark.parametrize("name", FILES)
def test_every_list_of_a_file_is_used(name: str) -> None:
    """Each top-level list or object is asked for by its key in a test; objects that hold only prose are exempt."""
    parts = {key: value for key, value in load(name).items() if isinstance(value, (list, dict)) and key not in PROSE}
    assert parts
    assert [key for key in parts if key not in EVERYWHERE] == []


def test_scopes_of_configuration_values() -> None:
    """The one list in config-values that needs no more than a look at the enumeration."""
    scopes = {name.replace("_", "").lower(): scope for name, scope in ConfigurationScope.__members__.items()}
    assert {name.lower(): number for name, number in load("config-values")["scopes"].items()} == scopes


def test_the_suites_hold_all_files_of_their_kind() -> None:
    """A new recording of traffic has to be entered in a list, which brings it into every test of its kind."""
    others = {UNUSUAL, MALFORMED, "snp-ack-generation", "snp-ack-scheduling"}
    assert {name for name in FILES if name.startswith("snp-")} == set(CAPTURES) | others


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("snp-")])
def test_every_field_of_recorded_traffic_is_used(name: str) -> None:
    """No kind of field is ignored by all tests."""
    assert sorted({key for key in keys_in(load(name)) if key not in EVERYWHERE}) == []


@pytest.mark.parametrize("name", CAPTURES)
def test_captures_are_of_the_kind_that_the_tests_assume(name: str) -> None:
    """Payloads in the clear, of the newest protocol version, up to 1248 bytes."""
    capture = load(name)
    assert capture["protocol_version"] == 13
    assert capture["cipher"].startswith("none (plaintext payloads; largest plaintext is 1248 bytes")


def test_every_recorded_failure_has_a_test() -> None:
    """Each case of handshake-failures is named in one of the two modules that play them."""
    named: set[str] = set()
    for module in ("crypto/test_peer_check.py", "connection/test_recorded_failures.py"):
        named |= QUOTED[TESTS / module]
    cases = set(handshake_failures("client")) | set(handshake_failures("server"))
    assert sorted(cases - named) == []


def test_files_are_valid_and_hold_no_key_twice() -> None:
    """Otherwise a part of a recording would be silently replaced by another."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        assert len(keys) == len(set(keys))
        return dict(pairs)

    for name in FILES:
        json.loads((TESTS / "vectors" / f"{name}.json").read_text(encoding="utf-8"), object_pairs_hook=unique)
