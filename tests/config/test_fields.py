"""Fields take their defaults and units from the table."""

import pytest

from gamesockets.config.fields import CONDITION_ROWS, OPTION_ROWS, in_field_unit, with_defaults
from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationValue

V = ConfigurationValue


def test_no_value_runs_in_two_places() -> None:
    options = {row.number for row in OPTION_ROWS.values()}
    conditions = {row.number for row in CONDITION_ROWS.values()}
    assert options & conditions == set()
    named = [row for row in CONFIGURATION_ROWS.values() if row.option or row.condition]
    assert len(named) == len(OPTION_ROWS) + len(CONDITION_ROWS) == len(options | conditions)


def test_a_field_that_is_not_given_is_the_default_in_its_unit() -> None:
    rows = {field: OPTION_ROWS[field] for field in ("timeout_initial_us", "nagle_time_us")}
    assert with_defaults(rows, {}) == {"timeout_initial_us": 10_000_000, "nagle_time_us": 5_000}
    assert with_defaults(rows, {"timeout_initial_us": 7}) == {"timeout_initial_us": 7, "nagle_time_us": 5_000}


def test_a_field_that_does_not_exist_is_named() -> None:
    with pytest.raises(TypeError, match="there is no field timeout_initial"):
        with_defaults(OPTION_ROWS, {"timeout_initial": 1})


def test_only_numbers_become_fields() -> None:
    assert in_field_unit(CONFIGURATION_ROWS[V.TIMEOUT_INITIAL], 3) == 3_000
    with pytest.raises(TypeError, match="P2P_STUN_ServerList holds no number"):
        in_field_unit(CONFIGURATION_ROWS[V.P2P_STUN_SERVER_LIST], "stun.example")
