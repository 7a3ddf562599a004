"""Do the calls that set and get configuration answer as spec 3, part 4 says, at every scope and to bad input?"""

import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewPair, Pair, global_values

import gamesockets as gs

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
Found = gs.ConfigurationValueResult
UNKNOWN = gs.Connection(0x1234_5678)


# Scopes


@pytest.mark.rule("3, 4.1 rule 2", "3, 6.8 rule 4")
def test_each_scope_inherits_from_the_next_wider_one(pair: Pair) -> None:
    server = pair.server
    scopes = [
        (Scope.GLOBAL, 0),
        (Scope.SOCKETS_INTERFACE, 0),
        (Scope.LISTEN_SOCKET, pair.listen_socket),
        (Scope.CONNECTION, pair.incoming),
    ]
    try:
        for depth, (scope, scope_object) in enumerate(scopes):
            assert server.set_configuration_value(V.NAGLE_TIME, 100 + depth, scope, scope_object)
            for other_depth, (other, other_object) in enumerate(scopes):
                expected = 100 + min(depth, other_depth)
                own = Found.OK if other_depth <= depth else Found.OK_INHERITED
                assert server.get_configuration_value(V.NAGLE_TIME, other, other_object) == expected
                assert server.get_configuration_value_result(V.NAGLE_TIME, other, other_object) == own
        for depth in range(3, 0, -1):
            assert server.set_configuration_value(V.NAGLE_TIME, None, *scopes[depth])
            assert server.get_connection_configuration_value(pair.incoming, V.NAGLE_TIME) == 100 + depth - 1
    finally:
        assert server.set_configuration_value(V.NAGLE_TIME, None)
    assert server.get_configuration_value(V.NAGLE_TIME) == 5000


def test_a_connection_made_here_inherits_from_the_interface(pair: Pair) -> None:
    assert pair.client.set_configuration_value(V.SEND_RATE_MAX, 5000, Scope.SOCKETS_INTERFACE)
    assert pair.client.get_connection_configuration_value(pair.outgoing, V.SEND_RATE_MAX) == 5000
    assert pair.server.get_connection_configuration_value(pair.incoming, V.SEND_RATE_MAX) == 0
    assert pair.client.set_connection_configuration_value(pair.outgoing, V.SEND_RATE_MAX, "6000 B/s")
    assert pair.client.get_connection_configuration_value(pair.outgoing, V.SEND_RATE_MAX) == 6000


def test_options_given_at_creation_are_those_of_the_new_object(new_pair: NewPair) -> None:
    pair = new_pair(server_config={V.NAGLE_TIME: 77}, client_config={V.NAGLE_TIME: 77})
    for sockets, scope, handle, own in (
        (pair.server, Scope.LISTEN_SOCKET, pair.listen_socket, Found.OK),
        (pair.server, Scope.CONNECTION, pair.incoming, Found.OK_INHERITED),
        (pair.client, Scope.CONNECTION, pair.outgoing, Found.OK),
    ):
        assert sockets.get_configuration_value(V.NAGLE_TIME, scope, handle) == 77
        assert sockets.get_configuration_value_result(V.NAGLE_TIME, scope, handle) == own
    assert pair.client.get_configuration_value(V.NAGLE_TIME, Scope.SOCKETS_INTERFACE) == 5000


def test_global_values_given_to_one_object_reach_the_others(pair: Pair) -> None:
    try:
        with gs.NetworkingSockets(config={V.FAKE_PACKET_LAG_SEND: 3, V.NAGLE_TIME: 50}) as other:
            assert pair.client.get_configuration_value(V.FAKE_PACKET_LAG_SEND) == 3
            assert pair.client.get_configuration_value(V.NAGLE_TIME) == 5000
            assert other.get_configuration_value(V.NAGLE_TIME, Scope.SOCKETS_INTERFACE) == 50
    finally:
        assert pair.client.set_configuration_value(V.FAKE_PACKET_LAG_SEND, None)


@pytest.mark.rule("3, 4.1 rule 6")
def test_global_values_outlive_their_setter(sockets: gs.NetworkingSockets) -> None:
    with gs.NetworkingSockets() as other:
        assert other.set_configuration_value(V.P2P_STUN_SERVER_LIST, "stun.example:3478")
        assert other.set_configuration_value(V.NAGLE_TIME, 1, Scope.SOCKETS_INTERFACE)
    assert sockets.get_configuration_value(V.P2P_STUN_SERVER_LIST) == "stun.example:3478"
    assert sockets.get_configuration_value(V.NAGLE_TIME, Scope.SOCKETS_INTERFACE) == 5000
    assert sockets.set_configuration_value(V.P2P_STUN_SERVER_LIST, None)
    assert sockets.get_configuration_value(V.P2P_STUN_SERVER_LIST) == ""


def test_user_data_is_a_configuration_value_too(pair: Pair) -> None:
    client, near = pair.client, pair.outgoing
    assert client.get_connection_configuration_value(near, V.CONNECTION_USER_DATA) == -1
    assert client.set_connection_user_data(near, 5)
    assert client.get_connection_configuration_value(near, V.CONNECTION_USER_DATA) == 5
    assert client.set_connection_configuration_value(near, V.CONNECTION_USER_DATA, 1 << 40)
    assert client.get_connection_user_data(near) == 1 << 40
    assert client.set_connection_configuration_value(near, V.NAGLE_TIME, 0)
    assert client.get_connection_user_data(near) == 1 << 40
    assert not client.set_connection_configuration_value(near, V.CONNECTION_USER_DATA, None)
    assert client.get_connection_user_data(near) == 1 << 40


# Names, lists


@pytest.mark.rule("3, 4.4 rule 2")
def test_names_and_facts(sockets: gs.NetworkingSockets) -> None:
    assert sockets.get_configuration_value_name(V.MTU_PACKET_SIZE) == "MTU_PacketSize"
    info = sockets.get_configuration_value_info(V.MTU_PACKET_SIZE)
    assert info is not None
    assert (info.name, info.data_type, info.scope) == (
        "MTU_PacketSize",
        gs.ConfigurationDataType.INT32,
        Scope.CONNECTION,
    )
    assert (info.default, info.minimum, info.maximum, info.unit) == (1300, 200, 1300, "bytes")
    read_only = sockets.get_configuration_value_info(V.MTU_DATA_SIZE)
    assert read_only is not None
    assert read_only.read_only
    number: Any
    for number in (0, 1, 35, 9999, -1):
        assert sockets.get_configuration_value_name(number) is None
        assert sockets.get_configuration_value_info(number) is None


@pytest.mark.rule("3, 4.5")
def test_the_list_begins_as_the_final_wrappers_does(sockets: gs.NetworkingSockets) -> None:
    listed = sockets.iterate_configuration_values()
    assert listed[0] == V.FAKE_PACKET_LOSS_SEND
    assert listed == sorted(listed)
    assert set(sockets.iterate_configuration_values(include_development=True)) - set(listed) == {
        V.IP_ALLOW_WITHOUT_AUTH,
        V.UNENCRYPTED,
    }
    for value in listed:
        assert sockets.get_configuration_value(value) is not None


def test_values_of_the_relay_network_are_kept(sockets: gs.NetworkingSockets) -> None:
    value = V.SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL
    assert sockets.get_configuration_value(value) == 4
    with global_values(sockets, {value: "6"}):
        assert sockets.get_configuration_value(value) == 6
    assert sockets.get_configuration_value(value) == 4


@pytest.mark.rule("3, 2.1 rule 1")
def test_strings_of_the_early_wrapper(sockets: gs.NetworkingSockets) -> None:
    names = ["ClientForceRelayCluster", "ClientDebugTicketAddress", "ClientForceProxyAddr"]
    for string, name in zip(gs.ConfigurationString, names, strict=True):
        assert sockets.get_configuration_string_name(string) == name
        assert sockets.get_configuration_string(string) == ""
        assert sockets.set_configuration_string(string, "fra")
        assert sockets.get_configuration_string(string) == "fra"
        assert sockets.get_configuration_value(string.configuration_value) == "fra"
        assert sockets.set_configuration_string(string, None)
        assert sockets.get_configuration_string(string) == ""
    unknown: Any
    for unknown in (-1, 3, 29):
        assert sockets.get_configuration_string(unknown) is None
        assert sockets.get_configuration_string_name(unknown) is None
        assert not sockets.set_configuration_string(unknown, "x")


# Bad input


@pytest.mark.rule("3, 4.3 rule 1")
def test_unknown_values(pair: Pair) -> None:
    number: Any
    for number in (0, 1, 35, 9999, -1, 1 << 40):
        for scope, handle in ((Scope.GLOBAL, 0), (Scope.CONNECTION, pair.outgoing)):
            assert pair.client.get_configuration_value(number, scope, handle) is None
            assert pair.client.get_configuration_value_result(number, scope, handle) == Found.BAD_VALUE
            assert not pair.client.set_configuration_value(number, 1, scope, handle)
            assert not pair.client.set_configuration_value(number, None, scope, handle)


@pytest.mark.rule("3, 4.1 rule 4", "3, 4.3 rule 1")
def test_wrong_scopes_and_objects(pair: Pair) -> None:
    client, server = pair.client, pair.server
    scope: Any
    for sockets, value, scope, handle in (
        (client, V.NAGLE_TIME, 0, 0),
        (client, V.NAGLE_TIME, 5, 0),
        (client, V.NAGLE_TIME, Scope.CONNECTION, 0),
        (client, V.NAGLE_TIME, Scope.CONNECTION, -1),
        (client, V.NAGLE_TIME, Scope.CONNECTION, pair.outgoing ^ 0x10000),
        (server, V.NAGLE_TIME, Scope.CONNECTION, pair.listen_socket),
        (server, V.NAGLE_TIME, Scope.LISTEN_SOCKET, pair.incoming),
        (server, V.NAGLE_TIME, Scope.LISTEN_SOCKET, 0),
        (client, V.FAKE_PACKET_LOSS_SEND, Scope.CONNECTION, pair.outgoing),
        (server, V.FAKE_PACKET_LOSS_SEND, Scope.LISTEN_SOCKET, pair.listen_socket),
        (client, V.FAKE_PACKET_LOSS_SEND, Scope.SOCKETS_INTERFACE, 0),
    ):
        assert sockets.get_configuration_value(value, scope, handle) is None
        assert sockets.get_configuration_value_result(value, scope, handle) == Found.BAD_SCOPE_OBJECT
        assert not sockets.set_configuration_value(value, 1, scope, handle)
        assert not sockets.set_configuration_value(value, None, scope, handle)
    assert client.get_configuration_value(V.FAKE_PACKET_LOSS_SEND) == 0
    assert client.get_configuration_value(V.NAGLE_TIME) == 5000


def test_closed_handles(pair: Pair) -> None:
    assert pair.client.close_connection(pair.outgoing, enable_linger=True)
    assert pair.client.get_connection_configuration_value(pair.outgoing, V.NAGLE_TIME) is None
    assert not pair.client.set_connection_configuration_value(pair.outgoing, V.NAGLE_TIME, 1)
    assert pair.server.close_listen_socket(pair.listen_socket)
    for scope, handle in ((Scope.LISTEN_SOCKET, pair.listen_socket), (Scope.CONNECTION, pair.incoming)):
        found = pair.server.get_configuration_value_result(V.NAGLE_TIME, scope, handle)
        assert found == Found.BAD_SCOPE_OBJECT
        assert not pair.server.set_configuration_value(V.NAGLE_TIME, 1, scope, handle)


@pytest.mark.rule("3, 17")
def test_after_close_only_the_wide_scopes_remain(pair: Pair) -> None:
    pair.client.close()
    assert pair.client.get_connection_configuration_value(pair.outgoing, V.NAGLE_TIME) is None
    assert pair.client.get_configuration_value(V.NAGLE_TIME) == 5000
    with global_values(pair.client, {V.FAKE_PACKET_LAG_SEND: 1}):
        assert pair.server.get_configuration_value(V.FAKE_PACKET_LAG_SEND) == 1
    assert pair.client.set_configuration_value(V.NAGLE_TIME, 1, Scope.SOCKETS_INTERFACE)


@pytest.mark.rule("3, 4.3 rule 3")
def test_contents_of_a_wrong_type_change_nothing(sockets: gs.NetworkingSockets) -> None:
    x: Any
    for value, x in (
        (V.NAGLE_TIME, "abc"),
        (V.NAGLE_TIME, ""),
        (V.NAGLE_TIME, 1 << 31),
        (V.NAGLE_TIME, b"12"),
        (V.NAGLE_TIME, print),
        (V.NAGLE_TIME, [1]),
        (V.FAKE_PACKET_LOSS_SEND, "half"),
        (V.FAKE_PACKET_LOSS_SEND, float("nan")),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, 1),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, "print"),
        (V.P2P_STUN_SERVER_LIST, print),
        (V.MTU_DATA_SIZE, 500),
        (V.MTU_DATA_SIZE, None),
    ):
        before = sockets.get_configuration_value(value)
        assert not sockets.set_configuration_value(value, x)
        assert sockets.get_configuration_value(value) == before


@pytest.mark.rule("3, 4.3 rule 4")
def test_clamping(sockets: gs.NetworkingSockets) -> None:
    for x, expected in ((150, 100), (-5, 0)):
        with global_values(sockets, {V.FAKE_PACKET_LOSS_SEND: x}):
            assert sockets.get_configuration_value(V.FAKE_PACKET_LOSS_SEND) == expected


@pytest.mark.parametrize("wrong", ["12", 12.0, None, b"", [12]])
def test_what_is_no_integer_is_named(wrong: Any, sockets: gs.NetworkingSockets) -> None:
    text = re.escape(repr(wrong))
    call: Callable[[Any], object]
    for call in (
        sockets.get_configuration_value,
        sockets.get_configuration_value_result,
        sockets.get_configuration_value_name,
        sockets.get_configuration_value_info,
        lambda value: sockets.set_configuration_value(value, 1),
    ):
        with pytest.raises(TypeError, match=f"value must be int, not {text}"):
            call(wrong)
    for call in (
        sockets.get_configuration_string,
        sockets.get_configuration_string_name,
        lambda string: sockets.set_configuration_string(string, "x"),
    ):
        with pytest.raises(TypeError, match=f"string must be int, not {text}"):
            call(wrong)
    with pytest.raises(TypeError, match=f"scope must be int, not {text}"):
        sockets.get_configuration_value(V.NAGLE_TIME, wrong)
    with pytest.raises(TypeError, match=f"scope_object must be int, not {text}"):
        sockets.set_configuration_value(V.NAGLE_TIME, 1, Scope.CONNECTION, wrong)
    with pytest.raises(TypeError, match=f"scope_object must be int, not {text}"):
        sockets.get_connection_configuration_value(wrong, V.NAGLE_TIME)


def test_texts_must_be_texts(sockets: gs.NetworkingSockets) -> None:
    number: Any = 5
    with pytest.raises(TypeError, match="text must be str or None, not int"):
        sockets.set_configuration_string(gs.ConfigurationString.CLIENT_FORCE_PROXY_ADDR, number)


@pytest.mark.rule("3, 4.6")
@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({V.NAGLE_TIME: "abc"}, "NagleTime"),
        ({V.FAKE_PACKET_LOSS_SEND: 1}, "only at the global scope"),
        ({V.MTU_DATA_SIZE: 1}, "read-only"),
        ({9999: 1}, "9999 is no configuration value"),
        ({V.SYMMETRIC_CONNECT: 1}, "SYMMETRIC_CONNECT must be 0"),
    ],
)
def test_an_option_that_cannot_be_set_makes_no_object(config: Any, why: str, sockets: gs.NetworkingSockets) -> None:
    callbacks: list[gs.StatusInfo] = []
    sockets.set_status_callback(callbacks.append)
    with pytest.raises(ValueError, match=why):
        sockets.create_listen_socket(LOCALHOST, config)
    with pytest.raises(ValueError, match=why):
        sockets.connect(gs.Address("127.0.0.1", 1), config)
    sockets.run_callbacks()
    assert not callbacks


@pytest.mark.rule("3, 1.3", "3, 4.1 rule 5")
def test_configuration_at_every_scope(loopback: Loopback) -> None:
    sockets, nagle = loopback.client, V.NAGLE_TIME
    listen_socket = sockets.create_listen_socket(LOCALHOST, {nagle: 7})
    connection = sockets.connect(loopback.nobody, {nagle: 8})
    scopes = (Scope.SOCKETS_INTERFACE, Scope.LISTEN_SOCKET, Scope.CONNECTION)
    objects = (0, listen_socket, connection)
    read = [sockets.get_configuration_value(nagle, *where) for where in zip(scopes, objects, strict=True)]
    assert read == [5000, 7, 8]
    assert sockets.set_configuration_value(nagle, 9, Scope.SOCKETS_INTERFACE)
    assert sockets.get_configuration_value(nagle, Scope.SOCKETS_INTERFACE) == 9
    assert sockets.get_configuration_value(nagle) == 5000
    assert sockets.set_connection_configuration_value(connection, nagle, None)
    assert sockets.get_connection_configuration_value(connection, nagle) == 9
    assert sockets.get_configuration_value_name(nagle) == "NagleTime"
    assert sockets.get_configuration_value_name(V.ENUMERATE_DEV_VARS) is None


def test_global_configuration_is_shared_by_all(loopback: Loopback) -> None:
    lag = V.FAKE_PACKET_LAG_SEND
    try:
        assert loopback.client.set_configuration_value(lag, 3)
        assert loopback.server.get_configuration_value(lag) == 3
    finally:
        assert loopback.client.set_configuration_value(lag, None)
    assert loopback.server.get_configuration_value(lag) == 0


def test_setting_refuses_what_cannot_be(pair: Pair) -> None:
    sockets = pair.client
    assert not sockets.set_configuration_value(V.MTU_DATA_SIZE, 500)
    assert not sockets.set_configuration_value(V.INVALID, 1)
    assert not sockets.set_configuration_value(V.NAGLE_TIME, "abc")
    assert not sockets.set_configuration_value(V.NAGLE_TIME, 1, Scope.CONNECTION, UNKNOWN)
    assert not sockets.set_configuration_value(V.NAGLE_TIME, 1, Scope.LISTEN_SOCKET, 5)
    assert not sockets.set_connection_configuration_value(pair.outgoing, V.FAKE_PACKET_LAG_SEND, 1)
    assert not sockets.set_connection_configuration_value(pair.outgoing, V.UNENCRYPTED, 3), "it is locked"
    assert sockets.get_configuration_value(V.NAGLE_TIME) == 5000
    assert sockets.set_configuration_value(V.NAGLE_TIME, 1 << 20), "clamped"
    assert sockets.get_configuration_value(V.NAGLE_TIME) == 20_000
    assert sockets.get_configuration_value(V.MTU_DATA_SIZE) == 1200
    assert sockets.get_configuration_value(V.INVALID) is None
    assert sockets.get_connection_configuration_value(UNKNOWN, V.NAGLE_TIME) is None
    assert sockets.get_connection_configuration_value(pair.outgoing, V.FAKE_PACKET_LAG_SEND) is None
    assert sockets.get_configuration_value_name(V.NAGLE_TIME) == "NagleTime"
    assert sockets.get_configuration_value_name(V.INVALID) is None


def test_a_bad_value_for_the_object_itself() -> None:
    with pytest.raises(ValueError, match="NagleTime"):
        gs.NetworkingSockets(config={V.NAGLE_TIME: "abc"})
