"""Enumerations have the numbers of the reference library, and the names of the wrappers."""

import json
import re
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from gamesockets.config.table import ConfigurationValue
from gamesockets.values.enums import (
    ConfigurationDataType,
    ConfigurationScope,
    ConfigurationValueResult,
    ConnectionInfoFlags,
    ConnectionState,
    DebugType,
    EndReason,
    IdentityType,
    SendFlags,
    SendType,
)
from gamesockets.values.results import Result

ENUMS: dict[str, dict[str, dict[str, int]]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "enums.json").read_text(encoding="utf-8")
)


# Names whose spelling the rule of `upper_case` does not give.
RENAMED = {
    "DELETED_ENUMERATE_DEV_VARS": "ENUMERATE_DEV_VARS",
    "MSG": "MESSAGE",
    "PTR": "FUNCTION_PTR",
}


OUR_OWN = {
    "ConfigValue": {
        int(ConfigurationValue.FAKE_MESSAGE_LOSS_SEND),
        int(ConfigurationValue.FAKE_MESSAGE_LOSS_RECV),
        int(ConfigurationValue.RECV_INCOMPLETE_SIZE),
        int(ConfigurationValue.TIMEOUT_FIRST_MESSAGE),
        int(ConfigurationValue.TIMEOUT_LINGER),
        int(ConfigurationValue.RECV_WINDOW_SIZE),
        int(ConfigurationValue.LISTEN_CONNECTIONS_MAX),
        int(ConfigurationValue.LISTEN_WAITING_MAX),
        int(ConfigurationValue.LISTEN_ADDRESS_CONNECTIONS_MAX),
        int(ConfigurationValue.LISTEN_HANDSHAKES_PER_SECOND),
        int(ConfigurationValue.LISTEN_ADDRESS_HANDSHAKES_PER_SECOND),
        int(ConfigurationValue.LISTEN_MEMORY_MAX),
    }
}
"""Numbers that the reference library does not have."""


def upper_case(name: str) -> str:
    """The reference library's name in our spelling: an underscore where a new word starts."""
    parts = []
    for part in name.split("_"):
        spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", part)
        spaced = re.sub(r"([A-Z0-9])([A-Z][a-z])", r"\1_\2", spaced)
        parts.append(spaced.upper().replace("P2_P", "P2P"))
    joined = "_".join(parts)
    return RENAMED.get(joined, joined)


@pytest.mark.rule(
    "2, 2.12.1 rule 3",
    "3, 5",
    "3, 5.2 rule 1",
    "3, 5.2 rule 2",
    "3, 5.4",
    "3, 5.6",
    "3, 5.8",
    "3, 5.9",
    "3, 5.12 rule 2",
)
@pytest.mark.parametrize(
    ("library_name", "enumeration"),
    [
        ("Result", Result),
        ("ConnectionEnd", EndReason),
        ("IdentityType", IdentityType),
        ("ConfigScope", ConfigurationScope),
        ("ConfigDataType", ConfigurationDataType),
        ("ConfigValue", ConfigurationValue),
        ("DebugOutputType", DebugType),
        ("SendFlags", SendFlags),
        ("ConnectionInfoFlags", ConnectionInfoFlags),
    ],
)
def test_enumerations_are_those_of_the_reference_library(library_name: str, enumeration: type[Any]) -> None:
    expected = {upper_case(name): number for name, number in ENUMS["library"][library_name].items()}
    ours = {name: int(member) for name, member in enumeration.__members__.items()}
    assert expected.items() <= ours.items()
    assert set(ours.values()) == set(expected.values()) | OUR_OWN.get(library_name, set())


@pytest.mark.rule("3, 5.1")
def test_connection_states_shown_to_users_are_not_negative() -> None:
    expected = {upper_case(name): n for name, n in ENUMS["library"]["ConnectionState"].items() if n >= 0}
    assert {name: int(member) for name, member in ConnectionState.__members__.items()} == expected


@pytest.mark.rule("3, 1.7")
@pytest.mark.parametrize(
    ("wrapper_name", "enumeration"),
    [
        ("SendFlags", SendFlags),
        ("IdentityType", IdentityType),
        ("ConnectionState", ConnectionState),
        ("ConfigurationScope", ConfigurationScope),
        ("ConfigurationDataType", ConfigurationDataType),
        ("ConfigurationValue", ConfigurationValue),
        ("ConfigurationValueResult", ConfigurationValueResult),
        ("DebugType", DebugType),
        ("Result", Result),
    ],
)
def test_every_member_of_the_final_wrapper_has_a_counterpart(wrapper_name: str, enumeration: type[IntEnum]) -> None:
    ours = {name.replace("_", ""): int(member) for name, member in enumeration.__members__.items()}
    for name, number in ENUMS["wrapper_final"][wrapper_name].items():
        assert ours[name.upper()] == number


@pytest.mark.rule("3, 2")
def test_the_early_wrappers_name_of_the_flags_remains() -> None:
    assert SendType is SendFlags


@pytest.mark.rule("3, 5.4")
def test_send_flags_keep_unknown_bits() -> None:
    assert int(SendFlags.UNRELIABLE) == 0
    assert SendFlags.RELIABLE | SendFlags.NO_NAGLE == SendFlags.RELIABLE_NO_NAGLE
    assert int(SendFlags.RELIABLE | 1 << 20) == 8 | 1 << 20
    assert SendFlags(-1) & SendFlags.RELIABLE
