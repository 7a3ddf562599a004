"""A name of the C# wrappers is not there, and the error says what it is called here."""

import copy
import importlib
import pickle
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

import gamesockets as gs
from gamesockets.values.renamed import RenamedMembers, bare

PORTING: Final[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent.parent.parent / "docs" / "porting.toml").read_text(encoding="utf-8")
)
EARLY: Final[dict[str, str]] = next(
    table["early_names"] for table in PORTING["enumeration"] if table["python"] == "ConfigurationValue"
)


@pytest.mark.rule("3, 2.1 rule 2")
@pytest.mark.parametrize(("early", "today"), [pair for pair in EARLY.items() if pair[1]])
def test_every_renamed_value_of_the_early_wrapper_is_told(early: str, today: str) -> None:
    assert today in gs.ConfigurationValue.__members__
    with pytest.raises(AttributeError, match=rf"'{early}': it is ConfigurationValue\.{today} here$"):
        getattr(gs.ConfigurationValue, early)


@pytest.mark.parametrize(
    ("kind", "spelt", "today"),
    [
        (gs.ConfigurationValue, "FakePacketLagSend", "FAKE_PACKET_LAG_SEND"),
        (gs.ConfigurationValue, "MAX_RATE", "SEND_RATE_MAX"),
        (gs.ConfigurationString, "ClientForceProxyAddr", "CLIENT_FORCE_PROXY_ADDR"),
        (gs.ConnectionState, "ClosedByPeer", "CLOSED_BY_PEER"),
        (gs.IdentityType, "SteamID", "STEAM_ID"),
        (gs.Result, "LimitExceeded", "LIMIT_EXCEEDED"),
        (gs.SendType, "NoNagle", "NO_NAGLE"),
    ],
)
def test_another_spelling_is_told(kind: Any, spelt: str, today: str) -> None:
    with pytest.raises(AttributeError, match=rf"'{spelt}': it is \w+\.{today} here$"):
        getattr(kind, spelt)


def test_a_name_that_never_was_is_just_missing() -> None:
    name = "NeverWas"
    with pytest.raises(AttributeError, match=r"Result has no member 'NeverWas'$"):
        getattr(gs.Result, name)
    with pytest.raises(AttributeError, match=r"module 'gamesockets' has no attribute 'NeverWas'$"):
        getattr(gs, name)
    assert not hasattr(gs.Result, "__made_up__")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NetworkingUtils", "it is Library and NetworkingSockets here"),
        ("StatusCallback", r"it is NetworkingSockets\.set_status_callback"),
        ("networking_identity", "it is NetworkingIdentity here"),
    ],
)
def test_types_of_the_wrappers_are_told(name: str, text: str) -> None:
    with pytest.raises(AttributeError, match=text):
        getattr(gs, name)


def test_every_public_enumeration_tells_and_works_as_before() -> None:
    kinds: list[Any] = [
        thing for thing in (getattr(gs, name) for name in gs.__all__) if isinstance(thing, RenamedMembers)
    ]
    assert len(set(kinds)) == 13
    for kind in kinds:
        spellings = [bare(name) for name in kind.__members__]
        assert len(spellings) == len(set(spellings)), "two members would answer to one spelling"
        for member in kind:
            assert pickle.loads(pickle.dumps(member)) is member  # noqa: S301
            assert copy.deepcopy(member) is member


def test_importing_a_missing_name_is_an_import_error() -> None:
    with pytest.raises(ImportError):
        exec("from gamesockets import MessageCallback", {})  # noqa: S102
    assert importlib.import_module("gamesockets.aio").__name__ == "gamesockets.aio"
