"""Is the table of both APIs true and complete: no call of either missing, no name in it that does not exist?"""

import dataclasses
import functools
import inspect
from types import ModuleType
from typing import Any, Final

import pytest
from docs import parity

import gamesockets as gs
from gamesockets import aio

TABLE: Final = parity.load()


def exists(package: ModuleType, name: str) -> bool:
    """Whether a package has a name, walked to part by part."""
    try:
        functools.reduce(getattr, name.split("."), package)
    except AttributeError:
        owner, _, member = name.rpartition(".")
        thing: Any = getattr(package, owner, None)
        return dataclasses.is_dataclass(thing) and member in {field.name for field in dataclasses.fields(thing)}
    return True


def public_members(owner: type) -> set[str]:
    """Methods, properties and fields."""
    found = {name for name, _ in inspect.getmembers(owner) if not name.startswith("_")}
    if dataclasses.is_dataclass(owner):
        found |= {field.name for field in dataclasses.fields(owner)}
    return {f"{owner.__name__}.{name}" for name in found}


def test_the_page_is_up_to_date() -> None:
    assert parity.PAGE.read_text(encoding="utf-8") == parity.render(TABLE), "run `python -m docs.parity`"


def test_every_call_of_the_game_loop_api_has_a_row() -> None:
    listed = [name for row in TABLE.rows for name in row.game_loop_names]
    calls = public_members(gs.NetworkingSockets) | public_members(gs.Library)
    constants = {name for name in calls if name.rpartition(".")[2].isupper()}
    assert calls - constants - set(listed) == set()
    assert sorted(listed) == sorted(set(listed)), "a call has two rows"


def test_every_public_name_of_aio_is_there() -> None:
    listed = {name for row in TABLE.rows for name in row.asyncio_names} | set(TABLE.only_in_asyncio)
    things = [getattr(aio, name) for name in aio.__all__]
    members = [public_members(thing) for thing in things if inspect.isclass(thing)]
    assert set(aio.__all__).union(*members) - listed == set(), "add rows, or list them under only_in_asyncio"


def test_all_names_exist() -> None:
    for row in TABLE.rows:
        assert [name for name in row.game_loop_names if not exists(gs, name)] == [], row
        assert [name for name in row.asyncio_names if not exists(aio, name)] == [], row
    assert [name for name in TABLE.only_in_asyncio if not exists(aio, name)] == []


def test_what_has_no_counterpart_says_why() -> None:
    for row in TABLE.rows:
        assert row.game_loop_names, row
        assert row.asyncio_names or row.note, row


@pytest.mark.parametrize("name", ["connect", "Connection.send", "Refusal.reason"])
def test_a_name_that_exists_is_found(name: str) -> None:
    assert exists(aio, name)
    assert not exists(aio, f"{name}_not")
