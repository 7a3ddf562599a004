"""Configuration values convert, clamp, inherit and lock as in the native library (spec 3, part 4)."""

import gc
import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.config.convert import convert
from gamesockets.config.options import PIPE_CONNECTION_PRESETS, ConnectionOptions
from gamesockets.config.scopes import Configuration, listed_values, value_name
from gamesockets.config.table import CONFIGURATION_ROWS, LockMoment, find_row
from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope, ConfigurationValue

V = ConfigurationValue
SPEC: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "config-values.json").read_text(encoding="utf-8")
)
ROWS: list[dict[str, Any]] = SPEC["values"]
TYPES = {**SPEC["types"], None: None}
LOCKS = {
    None: LockMoment.NEVER,
    "client: at creation; accepted: when accepted": LockMoment.CONNECTION_STARTED,
    "listen socket: at creation; client: at creation; accepted: when accepted": (
        LockMoment.LISTEN_SOCKET_CREATED | LockMoment.CONNECTION_STARTED
    ),
    "P2P listen socket and P2P connection: at creation": LockMoment.PEER_TO_PEER_CREATED,
}
SETTABLE = [row for row in ROWS if row["in_open_source_build"] and not row["read_only"]]
NUMBERS = [row for row in SETTABLE if row["type"] in {"int32", "int64", "float"}]
DELETED = V.ENUMERATE_DEV_VARS
KEPT = [row for row in ROWS if not row["in_open_source_build"] and row["id"] != DELETED]
OUR_OWN = [V.FAKE_MESSAGE_LOSS_SEND, V.FAKE_MESSAGE_LOSS_RECV]


def by_name(row: dict[str, Any]) -> str:
    return str(row["name"])


class Scopes:
    """One configuration at each scope, each inheriting from the one before."""

    def __init__(self) -> None:
        self.everything = Configuration()
        self.interface = Configuration(ConfigurationScope.SOCKETS_INTERFACE, self.everything)
        self.socket = Configuration(ConfigurationScope.LISTEN_SOCKET, self.interface)
        self.connection = Configuration(ConfigurationScope.CONNECTION, self.socket)

    def narrow(self) -> list[Configuration]:
        return [self.interface, self.socket, self.connection]

    def widest_for(self, row: dict[str, Any]) -> list[Configuration]:
        return [self.everything] if row["scope"] == "global" else [self.everything, *self.narrow()]


@pytest.fixture
def scopes() -> Scopes:
    return Scopes()


# The table


def test_the_table_lists_every_value_of_the_specification() -> None:
    assert [int(value) for value in CONFIGURATION_ROWS] == [row["id"] for row in ROWS] + OUR_OWN
    assert set(CONFIGURATION_ROWS) == set(ConfigurationValue) - {ConfigurationValue.INVALID}


@pytest.mark.parametrize("expected", ROWS, ids=by_name)
def test_each_row_says_what_the_specification_says(expected: dict[str, Any]) -> None:
    row = CONFIGURATION_ROWS[expected["id"]]
    scope = {"global": ConfigurationScope.GLOBAL, "connection": ConfigurationScope.CONNECTION, None: None}
    assert row.name == expected["name"]
    assert row.data_type == TYPES[expected["type"]]
    assert row.scope == scope[expected["scope"]]
    assert row.default == expected["default"]
    assert type(row.default) is type(expected["default"])
    assert row.minimum == expected["min"]
    assert row.maximum == expected["max"]
    assert row.unit == expected["unit"]
    assert row.locked == LOCKS[expected["locked_when"]]
    assert row.read_only == expected["read_only"]
    assert row.available == expected["in_open_source_build"]
    assert row.meaning.endswith(".")
    assert row.meaning.count("\n") == 0


def test_names_are_those_of_values_that_exist_here() -> None:
    assert value_name(V.FAKE_PACKET_LOSS_SEND) == "FakePacketLoss_Send"
    assert value_name(V.MTU_DATA_SIZE) == "MTU_DataSize"
    assert value_name(V.SDR_CLIENT_DEV_TICKET) == "SDRClient_DevTicket"
    assert value_name(V.FAKE_MESSAGE_LOSS_SEND) == "FakeMessageLoss_Send"
    for number in (0, 1, 9999, -1, DELETED):
        assert value_name(number) is None
        assert find_row(number) is None


def test_our_own_values_are_far_from_the_native_librarys() -> None:
    for value in OUR_OWN:
        row = CONFIGURATION_ROWS[value]
        assert (row.minimum, row.maximum, row.default) == (0, 100, 0)
        assert value > max(row["id"] for row in ROWS) + 5000


@pytest.mark.parametrize("include_development", [False, True])
def test_listed_are_the_values_that_the_specification_lists(include_development: bool) -> None:
    wanted = {"always", "dev"} if include_development else {"always"}
    expected = [row["id"] for row in ROWS if row["enumerated"] in wanted and row["in_open_source_build"]]
    assert listed_values(include_development) == sorted(expected)
    assert len(expected) == (49 if include_development else 47)


# Setting and reading


@pytest.mark.parametrize("row", SETTABLE, ids=by_name)
def test_a_fresh_configuration_reads_the_defaults(row: dict[str, Any], scopes: Scopes) -> None:
    assert scopes.everything.get(row["id"]) == (row["default"], False)
    for configuration in scopes.narrow():
        own = configuration is scopes.connection and row["id"] == V.CONNECTION_USER_DATA
        expected = None if row["scope"] == "global" else (row["default"], not own)
        assert configuration.get(row["id"]) == expected
        assert configuration.effective(row["id"]) == row["default"]


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


@pytest.mark.parametrize("row", KEPT, ids=by_name)
def test_values_without_effect_here_are_kept_typed_and_readable(row: dict[str, Any], scopes: Scopes) -> None:
    """The native library's open-source build refuses them; those builds that use them keep them, and so do we."""
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


@pytest.mark.parametrize("row", [row for row in SETTABLE if row["scope"] == "global"], ids=by_name)
def test_global_values_live_at_the_global_scope_alone(row: dict[str, Any], scopes: Scopes) -> None:
    for configuration in scopes.narrow():
        assert not configuration.set(row["id"], print if row["type"] == "ptr" else 1)
        assert not configuration.clear(row["id"])
        assert configuration.get(row["id"]) is None


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


# Conversion (spec 3, 4.3)

INT32, INT64, FLOAT, TEXT = (
    V.NAGLE_TIME,
    V.CONNECTION_USER_DATA,
    V.FAKE_PACKET_LOSS_SEND,
    V.P2P_STUN_SERVER_LIST,
)


@pytest.mark.parametrize(
    ("value", "x", "expected"),
    [
        (INT32, 2.4, 2),
        (INT32, 2.5, 3),
        (INT32, 1e300, None),
        (INT32, math.inf, None),
        (INT32, math.nan, None),
        (INT32, True, 1),
        (INT32, 1 << 31, None),
        (INT32, -(1 << 31) - 1, None),
        (INT32, " 12x", 12),
        (INT32, "1e2", 1),
        (INT32, "12.9", 12),
        (INT32, "+7", 7),
        (INT32, "\n\t7", 7),
        (INT32, "abc", None),
        (INT32, "", None),
        (INT32, "x12", None),
        (INT32, "4294967296", None),
        (INT32, "9" * 5000, None),
        (INT32, b"12", None),
        (INT32, print, None),
        (INT64, 1 << 40, 1 << 40),
        (INT64, -2.5, -2),
        (INT64, -2.6, -3),
        (INT64, "-5 ", -5),
        (INT64, 1 << 63, None),
        (INT64, -(1 << 63), -(1 << 63)),
        (FLOAT, 5, 5.0),
        (FLOAT, "12.5%", 12.5),
        (FLOAT, "1e1", 10.0),
        (FLOAT, ".5", 0.5),
        (FLOAT, "5.", 5.0),
        (FLOAT, "half", None),
        (FLOAT, "", None),
        (FLOAT, math.inf, 100.0),
        (FLOAT, -math.inf, 0.0),
        (FLOAT, math.nan, None),
        (FLOAT, 1 << 2000, None),
        (FLOAT, "9" * 5000, 100.0),
        (FLOAT, [1], None),
        (TEXT, "stun:a", "stun:a"),
        (TEXT, "", ""),
        (TEXT, 5, "5"),
        (TEXT, -(1 << 40), "-1099511627776"),
        (TEXT, 1 << 63, None),
        (TEXT, True, "1"),
        (TEXT, 0.5, "0.5"),
        (TEXT, 1 / 3, "0.333333"),
        (TEXT, 1e20, "1e+20"),
        (TEXT, print, None),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, print, print),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, 1, None),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, "print", None),
    ],
)
def test_conversions(value: ConfigurationValue, x: Any, expected: Any) -> None:
    configuration = Configuration()
    before = configuration.get(value)
    assert configuration.set(value, x) == (expected is not None)
    if expected is None:
        assert configuration.get(value) == before
    else:
        assert configuration.get(value) == (expected, False)
        assert type(configuration.effective(value)) is type(expected)


def test_nothing_can_become_a_deleted_value() -> None:
    assert convert(CONFIGURATION_ROWS[V.ENUMERATE_DEV_VARS], 1) is None


anything = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=30), st.booleans(), st.binary(max_size=4))


@settings(max_examples=200)
@given(st.sampled_from([row["id"] for row in ROWS]), anything)
def test_whatever_is_set_the_value_stays_of_its_type_and_within_its_limits(number: int, x: Any) -> None:
    configuration = Configuration()
    done = configuration.set(number, x)
    row = find_row(number)
    if row is None or row.read_only:
        assert not done
        return
    held = configuration.effective(number)
    match row.data_type:
        case ConfigurationDataType.FUNCTION_PTR:
            assert held is None
        case ConfigurationDataType.STRING:
            assert isinstance(held, str)
        case ConfigurationDataType.FLOAT:
            assert isinstance(held, float)
        case _:
            assert isinstance(held, int)
    if isinstance(held, int | float) and row.minimum is not None and row.maximum is not None:
        assert row.minimum <= held <= row.maximum


# Inheritance (spec 3, 4.1)


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


def test_options_are_applied_in_order(scopes: Scopes) -> None:
    scopes.socket.apply({V.SEND_RATE_MIN: 5000, V.SEND_RATE_MAX: "6000", V.NAGLE_TIME: 0.0})
    assert scopes.connection.effective(V.SEND_RATE_MIN) == 5000
    assert scopes.connection.effective(V.SEND_RATE_MAX) == 6000
    assert scopes.connection.effective(V.NAGLE_TIME) == 0


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


# Connection options

OPTION_VALUES = {
    "send_buffer_size_bytes": (V.SEND_BUFFER_SIZE, 1),
    "send_rate_min": (V.SEND_RATE_MIN, 1),
    "send_rate_max": (V.SEND_RATE_MAX, 1),
    "nagle_time_us": (V.NAGLE_TIME, 1),
    "timeout_initial_us": (V.TIMEOUT_INITIAL, 1000),
    "timeout_connected_us": (V.TIMEOUT_CONNECTED, 1000),
    "mtu_packet_size": (V.MTU_PACKET_SIZE, 1),
    "unencrypted": (V.UNENCRYPTED, 1),
    "allow_without_auth": (V.IP_ALLOW_WITHOUT_AUTH, 1),
    "localhost_allow_without_auth": (V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH, 1),
    "recv_buffer_size_bytes": (V.RECV_BUFFER_SIZE, 1),
    "recv_buffer_messages": (V.RECV_BUFFER_MESSAGES, 1),
    "recv_max_message_size": (V.RECV_MAX_MESSAGE_SIZE, 1),
    "recv_max_segments_per_packet": (V.RECV_MAX_SEGMENTS_PER_PACKET, 1),
    "send_time_since_previous_packet": (V.SEND_TIME_SINCE_PREVIOUS_PACKET, 1),
    "connection_user_data": (V.CONNECTION_USER_DATA, 1),
    "message_loss_send_percent": (V.FAKE_MESSAGE_LOSS_SEND, 1),
    "message_loss_receive_percent": (V.FAKE_MESSAGE_LOSS_RECV, 1),
}


OPTION_NAMES = {
    name
    for name in dir(ConnectionOptions())
    if not name.startswith("_") and not callable(getattr(ConnectionOptions, name))
}


def as_dict(options: ConnectionOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in OPTION_NAMES}


def test_default_options_are_the_defaults_of_the_table() -> None:
    assert OPTION_VALUES.keys() == OPTION_NAMES
    for name, (value, factor) in OPTION_VALUES.items():
        default = CONFIGURATION_ROWS[value].default
        assert isinstance(default, int | float)
        assert getattr(ConnectionOptions.default(), name) == default * factor
    assert ConnectionOptions.default() is ConnectionOptions.default()
    assert as_dict(ConnectionOptions.resolve(Configuration())) == as_dict(ConnectionOptions.default())


@pytest.mark.parametrize("name", sorted(OPTION_VALUES))
def test_each_option_follows_its_value_and_no_other(name: str, scopes: Scopes) -> None:
    value, factor = OPTION_VALUES[name]
    before = as_dict(ConnectionOptions.resolve(scopes.connection))
    changed = before[name] // factor - 1 if before[name] > 0 else 1
    assert scopes.connection.set(value, changed)
    assert as_dict(ConnectionOptions.resolve(scopes.connection)) == {**before, name: changed * factor}
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


def test_pipes_are_born_with_the_presets_of_the_specification(scopes: Scopes) -> None:
    expected = SPEC["pipe_connection_presets"]
    assert {value_name(value): x for value, x in PIPE_CONNECTION_PRESETS.items()} == expected
    scopes.connection.apply(PIPE_CONNECTION_PRESETS)
    options = ConnectionOptions.resolve(scopes.connection)
    assert options.send_rate_max == options.recv_buffer_messages == 268435456
    assert options.unencrypted == 3


# The simulated network


def test_a_fresh_network_is_perfect(scopes: Scopes) -> None:
    conditions = NetworkConditions.resolve(scopes.connection)
    assert conditions == NetworkConditions()
    assert not conditions.send_active
    assert not conditions.receive_active


def test_every_simulated_fault_is_resolved(scopes: Scopes) -> None:
    faults = [row for row in SETTABLE if row["name"].startswith("Fake")]
    changed = set()
    for row in faults:
        before = NetworkConditions.resolve(scopes.everything)
        assert scopes.everything.set(row["id"], 7)
        after = NetworkConditions.resolve(scopes.everything)
        differing = [f.name for f in fields(after) if getattr(before, f.name) != getattr(after, f.name)]
        assert len(differing) == 1
        assert getattr(after, differing[0]) == 7
        changed.update(differing)
    assert changed == {field.name for field in fields(NetworkConditions)}


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
