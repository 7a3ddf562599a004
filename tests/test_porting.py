"""Is the porting table true and complete: no name lost, every counterpart there, every test named beside it real?"""

import ast
import dataclasses
import enum
import functools
import inspect
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from docs import porting

import gamesockets as gs

ROOT: Final = Path(__file__).parent.parent
VECTORS: Final = ROOT / "tests" / "vectors"
NAMES: Final[dict[str, list[str]]] = json.loads((VECTORS / "porting-names.json").read_text(encoding="utf-8"))
ENUMS: Final = json.loads((VECTORS / "enums.json").read_text(encoding="utf-8"))
TABLE: Final = porting.load()
CLASSES: Final = (gs.NetworkingSockets, gs.Library, gs.Address, gs.NetworkingIdentity, gs.NetworkingMessage)

INTERNAL: Final = {"NetworkingMessage.payload", "NetworkingMessage.peer"}
"""Fields that the receive queue reads without the cost of a property, and that are not meant for applications."""

NATIVE_ENUMERATIONS: Final = [
    "Result",
    "ConnectionState",
    "ConnectionEnd",
    "IdentityType",
    "ConfigScope",
    "ConfigDataType",
    "ConfigValue",
    "GetConfigValueResult",
    "DebugOutputType",
    "SendFlags",
    "ConnectionInfoFlags",
]


def named(column: str) -> set[str]:
    """The names in a column, without parameter lists; a class in front counts for all that follow it."""
    found: set[str] = set()
    for row in TABLE.rows:
        prefix = ""
        for name in re.sub(r"\([^)]*\)", "", getattr(row, column)).split(", "):
            short = name.strip()
            if "::" in short:
                prefix = short.rpartition("::")[0] + "::"
            found.add(short if "::" in short else prefix + short)
    return found


def exists(name: str) -> bool:
    """Whether the package has a name, walked to part by part."""
    try:
        functools.reduce(getattr, name.split("."), gs)
    except AttributeError:
        return False
    return True


@functools.cache
def functions_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def is_test(node_id: str) -> bool:
    """Whether there is such a test file, and such a test in it if one is named."""
    path, _, name = node_id.partition("::")
    return (ROOT / path).is_file() and (not name or (name.startswith("test_") and name in functions_in(ROOT / path)))


def test_the_page_is_up_to_date() -> None:
    page = porting.PAGE.read_text(encoding="utf-8")
    assert page == porting.render(TABLE), "run `python -m docs.porting`"


@pytest.mark.rule("3, 1", "3, 1.2")
def test_what_works_is_there_and_proven() -> None:
    for row in TABLE.rows:
        if row.works:
            assert row.python_names, f"{row} has no Python name"
            assert [name for name in row.python_names if not exists(name)] == [], f"{row} names what does not exist"
            assert is_test(row.test), f"{row} names no test"


@pytest.mark.rule("3, 3")
def test_what_comes_later_is_not_there_yet() -> None:
    """When it is: set the status of its row in docs/porting.toml to "works", and look at its test."""
    for row in TABLE.rows:
        kind, _, part = row.status.partition(": ")
        assert kind in {"works", "later", "not applicable"}, row
        assert (kind == "later") == bool(part), row
        if kind == "later" and row.python_names and row.number is None:
            assert not all(exists(name) for name in row.python_names), f"{row.python} exists: its row can say works"


@pytest.mark.rule("3, 3")
def test_what_is_not_applicable_says_why() -> None:
    for row in TABLE.rows:
        if row.status == "not applicable":
            assert row.differences, row
            assert not row.python_names, row
            assert not row.test, row


@pytest.mark.rule("3, 1.2", "3, 1.3", "3, 3.1", "3, 3.2")
@pytest.mark.parametrize("column", ["early", "final", "native"])
def test_no_name_of_the_others_is_missing(column: str) -> None:
    missing = set(NAMES[column]) - named(column)
    enumerations = {name for name in missing if name in ENUMS.get(f"wrapper_{column}", {})}
    assert missing - enumerations == set()


@pytest.mark.rule("3, 1.7")
@pytest.mark.parametrize("column", ["early", "final"])
def test_no_member_of_the_wrappers_enumerations_is_missing(column: str) -> None:
    expected = {
        f"{enumeration}.{member}"
        for enumeration, members in ENUMS[f"wrapper_{column}"].items()
        if enumeration != "Library constants"
        for member in members
    }
    assert expected - named(column) == set()


def test_no_member_of_the_librarys_enumerations_is_missing() -> None:
    text = " ".join(row.native for row in TABLE.rows)
    for enumeration in NATIVE_ENUMERATIONS:
        for member, number in ENUMS["library"][enumeration].items():
            is_hidden = enumeration == "ConnectionState" and number < 0
            assert is_hidden or re.search(rf"(?:_|EResult){member}\b", text), member


def public_names() -> set[str]:
    """All that the package shows: its names, the members of enumerations and records, methods and properties."""
    found = set(gs.__all__)
    for name in gs.__all__:
        thing: Any = getattr(gs, name)
        if isinstance(thing, enum.EnumMeta):
            found |= {f"{thing.__name__}.{member}" for member in thing.__members__}
        elif dataclasses.is_dataclass(thing):
            found |= {f"{name}.{field.name}" for field in dataclasses.fields(thing)}
    for owner in CLASSES:
        found |= {f"{owner.__name__}.{name}" for name, _ in inspect.getmembers(owner) if not name.startswith("_")}
    return found - INTERNAL


def test_every_public_name_is_in_the_table() -> None:
    listed = {name for row in TABLE.rows for name in row.python_names} | set(TABLE.only_in_python)
    parents = {name.rpartition(".")[0] for name in listed}
    assert public_names() - listed - parents == set(), "add rows, or list them under only_in_python"


def test_what_is_only_in_python_exists_and_has_no_row() -> None:
    listed = {name for row in TABLE.rows for name in row.python_names}
    assert [name for name in TABLE.only_in_python if not exists(name) or name in listed] == []
    assert sorted(set(TABLE.only_in_python)) == TABLE.only_in_python
