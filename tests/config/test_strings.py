"""The early wrapper's text settings keep their numbers and names, and are configuration values of today."""

import json
from pathlib import Path

import pytest

from gamesockets.config.strings import ConfigurationString
from gamesockets.config.table import CONFIGURATION_ROWS
from gamesockets.values.enums import ConfigurationDataType

VECTORS = Path(__file__).parent.parent / "vectors"


@pytest.mark.rule("3, 2.1 rule 1")
def test_the_early_wrappers_names_remain() -> None:
    early = json.loads((VECTORS / "enums.json").read_text(encoding="utf-8"))["wrapper_early"]["ConfigurationString"]
    assert {string.early_name: int(string) for string in ConfigurationString} == early
    assert [string.name for string in ConfigurationString] == [
        "CLIENT_FORCE_RELAY_CLUSTER",
        "CLIENT_DEBUG_TICKET_ADDRESS",
        "CLIENT_FORCE_PROXY_ADDR",
    ]


@pytest.mark.rule("3, 2.1 rule 1")
def test_each_is_a_text_of_today() -> None:
    assert [int(string.configuration_value) for string in ConfigurationString] == [29, 30, 31]
    for string in ConfigurationString:
        assert CONFIGURATION_ROWS[string.configuration_value].data_type == ConfigurationDataType.STRING
