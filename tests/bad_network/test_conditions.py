"""Which bad network is simulated follows the global values, and says whether a direction has anything to do."""

from dataclasses import replace
from typing import Any

import pytest
from tests.support.configuration import SETTABLE, Scopes, check_fields

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.config.fields import CONDITION_ROWS
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.table import ConfigurationValue
from gamesockets.values.enums import ConfigurationScope

V = ConfigurationValue


@pytest.fixture
def scopes() -> Scopes:
    return Scopes()


def test_a_fresh_network_is_perfect(scopes: Scopes) -> None:
    conditions = NetworkConditions.resolve(scopes.connection)
    assert conditions == NetworkConditions()
    assert not conditions.send_active
    assert not conditions.receive_active


def test_the_declared_fields_are_those_of_the_table() -> None:
    check_fields("bad_network/conditions.py", "NetworkConditions", CONDITION_ROWS)
    assert {row.scope for row in CONDITION_ROWS.values()} == {ConfigurationScope.GLOBAL}
    with pytest.raises(TypeError, match="there is no field lag_ms"):
        NetworkConditions(lag_ms=7)


def test_every_simulated_fault_is_resolved(scopes: Scopes) -> None:
    faults = {row["id"] for row in SETTABLE if row["name"].startswith("Fake")}
    assert {row.number for row in CONDITION_ROWS.values()} == faults
    for field, row in CONDITION_ROWS.items():
        before = NetworkConditions.resolve(scopes.everything)
        assert scopes.everything.set(row.value, 7)
        assert NetworkConditions.resolve(scopes.everything) == replace(before, **{field: 7})


def test_conditions_are_resolved_once_for_the_process(scopes: Scopes) -> None:
    conditions = NetworkConditions.resolve(scopes.everything)
    scopes.interface.set(V.NAGLE_TIME, 7)
    assert all(NetworkConditions.resolve(configuration) is conditions for configuration in scopes.narrow())
    ConnectionOptions.resolve(scopes.everything)
    assert NetworkConditions.resolve(scopes.everything) is conditions
    scopes.everything.set(V.FAKE_PACKET_LAG_SEND, 7)
    assert NetworkConditions.resolve(scopes.connection).lag_send_ms == 7


@pytest.mark.parametrize(
    ("settings_", "send", "receive"),
    [
        ({"loss_send_percent": 0.1}, True, False),
        ({"loss_receive_percent": 0.1}, False, True),
        ({"lag_send_ms": 1}, True, False),
        ({"lag_receive_ms": 1}, False, True),
        ({"jitter_send_average_ms": 1.0}, True, False),
        ({"jitter_send_average_ms": 1.0, "jitter_send_percent": 0.0}, False, False),
        ({"jitter_send_average_ms": 1.0, "jitter_send_max_ms": 0.0}, False, False),
        ({"jitter_receive_average_ms": 1.0}, False, True),
        ({"reorder_send_percent": 1.0}, True, False),
        ({"reorder_receive_percent": 1.0}, False, True),
        ({"reorder_send_percent": 1.0, "reorder_receive_percent": 1.0, "reorder_time_ms": 0}, False, False),
        ({"duplicate_send_percent": 1.0, "duplicate_time_max_ms": 0}, True, False),
        ({"duplicate_receive_percent": 1.0}, False, True),
        ({"rate_limit_send_bytes_per_second": 1}, True, False),
        ({"rate_limit_receive_bytes_per_second": 1}, False, True),
        ({"rate_limit_send_burst_bytes": 1, "rate_limit_receive_burst_bytes": 1}, False, False),
    ],
)
def test_what_makes_a_direction_active(settings_: dict[str, Any], send: bool, receive: bool) -> None:
    conditions = replace(NetworkConditions(), **settings_)
    assert (conditions.send_active, conditions.receive_active) == (send, receive)
