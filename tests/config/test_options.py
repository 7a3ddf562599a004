"""A connection runs with the numbers in force at its scope, and shares the object with equal ones."""

import gc
from typing import Any

import pytest
from tests.support.configuration import SPEC, Scopes, check_fields

from gamesockets.config.fields import OPTION_ROWS, in_field_unit
from gamesockets.config.kinds import LockMoment
from gamesockets.config.options import PIPE_CONNECTION_PRESETS, ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue, value_name
from gamesockets.values.enums import ConfigurationScope

V = ConfigurationValue


def as_dict(options: ConnectionOptions) -> dict[str, Any]:
    return {field: getattr(options, field) for field in OPTION_ROWS}


def test_the_declared_fields_are_those_of_the_table() -> None:
    check_fields("config/options.py", "ConnectionOptions", OPTION_ROWS)


def test_fields_that_are_not_given_are_the_defaults_of_the_table() -> None:
    defaults = as_dict(ConnectionOptions.default())
    assert defaults == {field: in_field_unit(row, row.default) for field, row in OPTION_ROWS.items()}
    assert as_dict(ConnectionOptions(nagle_time_us=7)) == {**defaults, "nagle_time_us": 7}
    assert ConnectionOptions.default() is ConnectionOptions.default()
    assert as_dict(ConnectionOptions.resolve(Configuration())) == defaults
    with pytest.raises(TypeError, match="there is no field nagle_time"):
        ConnectionOptions(nagle_time=7)


@pytest.mark.parametrize("name", OPTION_ROWS)
def test_each_option_follows_its_value_and_no_other(name: str, scopes: Scopes) -> None:
    row = OPTION_ROWS[name]
    before = as_dict(ConnectionOptions.resolve(scopes.connection))
    changed = before[name] // row.factor - 1 if before[name] > 0 else 1
    assert scopes.connection.set(row.value, changed)
    assert as_dict(ConnectionOptions.resolve(scopes.connection)) == {**before, name: changed * row.factor}
    assert as_dict(ConnectionOptions.resolve(scopes.socket)) == before


def test_connections_without_settings_of_their_own_share_one_object(scopes: Scopes) -> None:
    scopes.interface.set(V.NAGLE_TIME, 100)
    connections = [Configuration(ConfigurationScope.CONNECTION, scopes.socket) for _ in range(100)]
    for connection in connections:
        connection.lock(LockMoment.CONNECTION_STARTED)
    shared = ConnectionOptions.resolve(scopes.interface)
    assert shared.nagle_time_us == 100
    assert all(ConnectionOptions.resolve(connection) is shared for connection in connections)
    assert connections[0].set(V.NAGLE_TIME, 200)
    assert ConnectionOptions.resolve(connections[0]).nagle_time_us == 200
    assert ConnectionOptions.resolve(connections[0]) is ConnectionOptions.resolve(connections[0])
    assert ConnectionOptions.resolve(connections[1]) is shared
    assert scopes.everything.set(V.SEND_RATE_MAX, 5000)
    assert ConnectionOptions.resolve(connections[0]).send_rate_max == 5000
    assert ConnectionOptions.resolve(connections[0]).nagle_time_us == 200
    assert ConnectionOptions.resolve(connections[1]).send_rate_max == 5000
    assert connections[0].clear(V.NAGLE_TIME)
    assert ConnectionOptions.resolve(connections[0]) is ConnectionOptions.resolve(connections[1])


def test_a_connection_without_settings_costs_no_dictionary(scopes: Scopes) -> None:
    connections = [Configuration(ConfigurationScope.CONNECTION, scopes.socket) for _ in range(10)]
    for connection in connections:
        connection.lock(LockMoment.CONNECTION_STARTED)
        ConnectionOptions.resolve(connection)
    dictionaries = {id(held) for held in gc.get_referents(*connections) if isinstance(held, dict)}
    assert len(dictionaries) == 1


@pytest.mark.rule("2, 2.14 rule 1", "3, 4.1 rule 7")
def test_pipes_start_with_the_presets_of_the_specification(scopes: Scopes) -> None:
    expected = SPEC["pipe_connection_presets"]
    assert {value_name(value): x for value, x in PIPE_CONNECTION_PRESETS.items()} == expected
    scopes.connection.apply(PIPE_CONNECTION_PRESETS)
    options = ConnectionOptions.resolve(scopes.connection)
    assert options.send_rate_max == options.recv_buffer_messages == 268435456
    assert options.unencrypted == 3
