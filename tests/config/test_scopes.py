"""Configuration values are set, inherited, read and locked as in the reference library (spec 3, part 4)."""

from typing import Any

import pytest
from tests.support.configuration import DELETED, KEPT, LOCKS, NUMBERS, SETTABLE, Scopes, by_name

from gamesockets.config.kinds import LockMoment
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue
from gamesockets.values.enums import ConfigurationScope

V = ConfigurationValue

# Setting and reading


@pytest.mark.parametrize("row", SETTABLE, ids=by_name)
def test_a_fresh_configuration_reads_the_defaults(row: dict[str, Any], scopes: Scopes) -> None:
    assert scopes.everything.get(row["id"]) == (row["default"], False)
    for configuration in scopes.narrow():
        own = configuration is scopes.connection and row["id"] == V.CONNECTION_USER_DATA
        expected = None if row["scope"] == "global" else (row["default"], not own)
        assert configuration.get(row["id"]) == expected
        assert configuration.effective(row["id"]) == row["default"]


@pytest.mark.rule("2, 2.15 rule 1", "3, 4.3 rule 4")
@pytest.mark.parametrize("row", NUMBERS, ids=by_name)
def test_numbers_are_clamped_silently_at_every_scope(row: dict[str, Any], scopes: Scopes) -> None:
    bits = 63 if row["type"] == "int64" else 31
    lowest, highest = -(1 << bits), (1 << bits) - 1
    minimum = lowest if row["min"] is None else row["min"]
    maximum = highest if row["max"] is None else row["max"]
    for configuration in scopes.widest_for(row):
        for given_number, expected in (
            (lowest, minimum),
            (highest, maximum),
            (minimum, minimum),
            (maximum, maximum),
        ):
            assert configuration.set(row["id"], given_number)
            assert configuration.get(row["id"]) == (expected, False)
            x = configuration.effective(row["id"])
            assert isinstance(x, float if row["type"] == "float" else int)


@pytest.mark.rule("2, 2.13 rule 10")
@pytest.mark.parametrize("row", KEPT, ids=by_name)
def test_values_without_effect_here_are_kept_typed_and_readable(row: dict[str, Any], scopes: Scopes) -> None:
    """The open builds of the reference library refuse them; the closed builds keep them, and so do we."""
    contents: dict[str, list[tuple[Any, Any]]] = {
        "int32": [(3, 3), ("1x", 1)],
        "string": [("fra=30", "fra=30"), (5, "5")],
        "ptr": [(print, print)],
    }
    default = 0 if row["default"] is None and row["type"] == "int32" else row["default"]
    for configuration in scopes.widest_for(row):
        assert configuration.effective(row["id"]) == default
        for given_content, content in contents[row["type"]]:
            assert configuration.set(row["id"], given_content)
            clamped = content if row["max"] is None else max(row["min"], min(content, row["max"]))
            assert configuration.get(row["id"]) == (clamped, False)
        wrong: Any = b"bytes"
        assert not configuration.set(row["id"], wrong)
        assert configuration.clear(row["id"])
        assert configuration.effective(row["id"]) == default
    if row["scope"] == "global":
        for configuration in scopes.narrow():
            assert not configuration.set(row["id"], contents[row["type"]][0][0])
            assert configuration.get(row["id"]) is None


@pytest.mark.parametrize("number", [0, 1, DELETED, 61, 9999, -1, 1 << 40])
def test_other_numbers_are_no_values(number: int) -> None:
    configuration = Configuration()
    assert not configuration.set(number, 1)
    assert not configuration.set(number, None)
    assert configuration.get(number) is None
    with pytest.raises(ValueError, match=f"{number} is no configuration value"):
        configuration.effective(number)


@pytest.mark.rule("3, 4.1 rule 1")
@pytest.mark.parametrize("row", [row for row in SETTABLE if row["scope"] == "global"], ids=by_name)
def test_global_values_live_at_the_global_scope_alone(row: dict[str, Any], scopes: Scopes) -> None:
    for configuration in scopes.narrow():
        assert not configuration.set(row["id"], print if row["type"] == "ptr" else 1)
        assert not configuration.clear(row["id"])
        assert configuration.get(row["id"]) is None


@pytest.mark.rule("3, 4.4 rule 2")
def test_the_message_size_of_a_packet_is_computed_and_read_only(scopes: Scopes) -> None:
    assert scopes.connection.get(V.MTU_DATA_SIZE) == (1200, True)
    assert scopes.everything.get(V.MTU_DATA_SIZE) == (1200, False)
    for configuration in (scopes.everything, *scopes.narrow()):
        assert not configuration.set(V.MTU_DATA_SIZE, 500)
        assert not configuration.clear(V.MTU_DATA_SIZE)
    assert scopes.socket.set(V.MTU_PACKET_SIZE, 200)
    assert scopes.connection.get(V.MTU_DATA_SIZE) == (100, True)
    assert scopes.socket.get(V.MTU_DATA_SIZE) == (100, False)
    assert scopes.everything.get(V.MTU_DATA_SIZE) == (1200, False)


@pytest.mark.rule("3, 4.3 rule 3")
def test_what_cannot_be_converted_changes_nothing() -> None:
    configuration = Configuration()
    assert configuration.set(V.NAGLE_TIME, 7)
    for x in ("abc", 1e300, 1 << 31, print):
        assert not configuration.set(V.NAGLE_TIME, x)
        assert configuration.get(V.NAGLE_TIME) == (7, False)


# Inheritance (spec 3, 4.1)


@pytest.mark.rule("3, 4.1 rule 2", "3, 4.1 rule 3")
@pytest.mark.parametrize("row", [row for row in NUMBERS if row["scope"] == "connection"], ids=by_name)
def test_the_narrowest_setting_wins_and_lookup_is_live(row: dict[str, Any], scopes: Scopes) -> None:
    value, low, high = row["id"], row["min"], row["max"]
    copied = value == V.CONNECTION_USER_DATA
    if copied:
        low, high = 5, 6
    connection = scopes.connection
    assert scopes.everything.set(value, low)
    assert connection.get(value) == ((row["default"], False) if copied else (low, True))
    assert scopes.socket.set(value, high)
    assert scopes.socket.get(value) == (high, False)
    assert scopes.interface.get(value) == (low, True)
    assert connection.get(value) == ((row["default"], False) if copied else (high, True))
    assert connection.set(value, low)
    assert connection.get(value) == (low, False)
    assert connection.set(value, None) == (not copied)
    assert connection.get(value) == ((low, False) if copied else (high, True))
    assert scopes.socket.clear(value)
    assert scopes.socket.get(value) == (low, True)
    assert scopes.everything.clear(value)
    assert scopes.everything.get(value) == (row["default"], False)


def test_setting_the_inherited_value_makes_it_the_own_one(scopes: Scopes) -> None:
    assert scopes.connection.get(V.NAGLE_TIME) == (5000, True)
    assert scopes.connection.set(V.NAGLE_TIME, 5000)
    assert scopes.connection.get(V.NAGLE_TIME) == (5000, False)


@pytest.mark.rule("3, 4.1 rule 3")
def test_user_data_is_copied_when_a_connection_is_made(scopes: Scopes) -> None:
    assert scopes.socket.set(V.CONNECTION_USER_DATA, 42)
    child = Configuration(ConfigurationScope.CONNECTION, scopes.socket)
    assert scopes.socket.set(V.CONNECTION_USER_DATA, 43)
    assert child.get(V.CONNECTION_USER_DATA) == (42, False)
    assert not child.clear(V.CONNECTION_USER_DATA)
    assert child.set(V.CONNECTION_USER_DATA, 44)
    assert child.get(V.CONNECTION_USER_DATA) == (44, False)
    assert scopes.connection.get(V.CONNECTION_USER_DATA) == (-1, False)
    assert scopes.socket.clear(V.CONNECTION_USER_DATA)
    assert scopes.socket.get(V.CONNECTION_USER_DATA) == (-1, True)


@pytest.mark.parametrize("scope", list(ConfigurationScope))
def test_only_wider_scopes_are_inherited_from(scope: ConfigurationScope, scopes: Scopes) -> None:
    for parent in (scopes.everything, *scopes.narrow()):
        if parent.scope >= scope:
            with pytest.raises(ValueError, match=f"scope {scope.name} cannot inherit from {parent.scope.name}"):
                Configuration(scope, parent)
        else:
            child = Configuration(scope, parent)
            assert child.parent is parent
            assert child.scope == scope
    if scope != ConfigurationScope.GLOBAL:
        with pytest.raises(ValueError, match="cannot inherit from nothing"):
            Configuration(scope)


def test_repr_shows_what_is_set(scopes: Scopes) -> None:
    scopes.socket.set(V.NAGLE_TIME, 7)
    assert repr(scopes.socket) == "<Configuration LISTEN_SOCKET {'NAGLE_TIME': 7}>"
    assert repr(scopes.connection) == "<Configuration CONNECTION {}>"


# Options at creation (spec 3, 4.6)


@pytest.mark.rule("3, 4.6")
def test_options_are_applied_in_order(scopes: Scopes) -> None:
    scopes.socket.apply({V.SEND_RATE_MIN: 5000, V.SEND_RATE_MAX: "6000", V.NAGLE_TIME: 0.0})
    assert scopes.connection.effective(V.SEND_RATE_MIN) == 5000
    assert scopes.connection.effective(V.SEND_RATE_MAX) == 6000
    assert scopes.connection.effective(V.NAGLE_TIME) == 0


@pytest.mark.rule("3, 4.6")
@pytest.mark.parametrize(
    ("value", "x", "why"),
    [
        (V.NAGLE_TIME, "abc", r"NagleTime \(12\) cannot be set to 'abc': it holds a value of type INT32"),
        (
            V.FAKE_PACKET_LOSS_SEND,
            1,
            r"FakePacketLoss_Send \(2\) cannot be set to 1: it exists only at the global scope",
        ),
        (V.MTU_DATA_SIZE, 1, r"MTU_DataSize \(33\) cannot be set to 1: it is read-only"),
        (V.CONNECTION_USER_DATA, None, r"ConnectionUserData \(40\) cannot be set to None"),
        (V.ENUMERATE_DEV_VARS, 1, "is no configuration value"),
        (9999, 1, "9999 is no configuration value"),
    ],
)
def test_an_option_that_cannot_be_set_is_named(value: Any, x: Any, why: str, scopes: Scopes) -> None:
    with pytest.raises(ValueError, match=why):
        scopes.connection.apply({V.SEND_RATE_MIN: 5000, value: x})


# Locks (spec 3, 4.2)


@pytest.mark.rule("3, 4.2 rule 1")
@pytest.mark.parametrize("moment", [moment for moment in LockMoment if moment])
def test_locked_values_keep_what_was_in_force(moment: LockMoment, scopes: Scopes) -> None:
    assert scopes.socket.set(V.UNENCRYPTED, 1)
    scopes.connection.lock(moment)
    for row in NUMBERS:
        if row["scope"] != "connection":
            continue
        value = row["id"]
        before = scopes.connection.effective(value)
        other = 1 if before != 1 else 0
        locked = bool(LOCKS[row["locked_when"]] & moment)
        assert scopes.connection.set(value, other) != locked
        assert scopes.connection.clear(value) != (locked or value == V.CONNECTION_USER_DATA)
        assert scopes.everything.set(value, other)
        assert scopes.socket.set(value, other)
        if locked:
            assert scopes.connection.get(value) == (before, False)
            with pytest.raises(ValueError, match="it is locked"):
                scopes.connection.apply({V(value): other})


def test_locking_twice_keeps_the_first_values(scopes: Scopes) -> None:
    scopes.connection.lock(LockMoment.PEER_TO_PEER_CREATED)
    scopes.everything.set(V.LOCAL_VIRTUAL_PORT, 5)
    scopes.connection.lock(LockMoment.CONNECTION_STARTED)
    assert scopes.connection.get(V.LOCAL_VIRTUAL_PORT) == (-1, False)
    assert scopes.connection.get(V.UNENCRYPTED) == (0, False)


def test_a_listen_socket_locks_for_its_children_too(scopes: Scopes) -> None:
    scopes.socket.lock(LockMoment.LISTEN_SOCKET_CREATED)
    scopes.everything.set(V.SYMMETRIC_CONNECT, 1)
    assert scopes.connection.get(V.SYMMETRIC_CONNECT) == (0, True)
    assert scopes.connection.set(V.SYMMETRIC_CONNECT, 1)


def test_a_locked_connection_does_not_follow_its_listen_socket(scopes: Scopes) -> None:
    scopes.connection.lock(LockMoment.CONNECTION_STARTED)
    before = ConnectionOptions.resolve(scopes.connection)
    scopes.socket.set(V.UNENCRYPTED, 3)
    assert ConnectionOptions.resolve(scopes.socket).unencrypted == 3
    assert ConnectionOptions.resolve(scopes.connection).unencrypted == before.unencrypted == 0


def test_the_global_configuration_can_be_locked() -> None:
    configuration = Configuration()
    configuration.lock(LockMoment.CONNECTION_STARTED)
    assert not configuration.set(V.UNENCRYPTED, 1)
