"""Do both libraries answer the same questions about configuration alike? (spec 3, part 4 and 16)

Each side listens, connects to itself and leaves the request waiting, so that all scopes exist on it. Then every
question is put to both, in the same order, and the answers are compared one by one. Of callbacks it is only compared
whether one is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from tests.behaviour.ours_threads import OursOnThreads
from tests.behaviour.stage import Stage
from tests.behaviour.traffic import Outgoing
from tests.interop.gns import DataType, OptionValue, Send
from tests.interop.reference import Reference, WorkerError
from tests.support.pairs import LOCALHOST, Side
from tests.support.ports import free_port

import gamesockets as gs
from gamesockets.config.table import CONFIGURATION_ROWS

V = gs.ConfigurationValue
Scope = gs.ConfigurationScope
Found = gs.ConfigurationValueResult

KEPT: Final = {18, 19, 20, 21, 22, 29, 30, 31, 36, 39, 46, 60, 106, 203, 207, 998, 999}
"""The reference library refuses these values, which only Steam's builds of it use; ours keeps them, as those do."""

NUMBERS: Final = sorted({*range(62), *range(100, 112), *range(200, 209), 998, 999, 9999} - KEPT)
CALLBACKS: Final = {201, 202, 204, 205, 206}
INVALID: Final = (-1, 1 << 20)
WIDE, INTERFACE, LISTENING, OUTGOING, WAITING = "global", "interface", "listen socket", "outgoing", "waiting"
SCOPES: Final = {
    WIDE: Scope.GLOBAL,
    INTERFACE: Scope.SOCKETS_INTERFACE,
    LISTENING: Scope.LISTEN_SOCKET,
    OUTGOING: Scope.CONNECTION,
    WAITING: Scope.CONNECTION,
}


class RealSide:
    """The reference library."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self.ask = reference.ask
        reference.behave(accepting=False)
        listening = self.ask("listen_handle", f"127.0.0.1:{free_port('127.0.0.1')}")
        outgoing = reference.connect(self.ask("listen_address", listening))
        [waiting] = reference.wait_for_requests()
        self.objects = {WIDE: 0, INTERFACE: 0, LISTENING: listening, OUTGOING: outgoing, WAITING: waiting}

    def set(self, value: int, kind: int, content: OptionValue, scope: int, scope_object: int) -> bool:
        return bool(self.ask("set_value_as", value, kind, content, scope, scope_object))

    def clear(self, value: int, scope: int, scope_object: int) -> bool:
        return bool(self.ask("set_value_as", value, DataType.INT32, None, scope, scope_object))

    def get(self, value: int, scope: int, scope_object: int) -> tuple[int, Any]:
        result, content = self.ask("look_up_value", value, scope, scope_object)
        return result, content if value not in CALLBACKS or result < 1 else bool(content)

    def info(self, value: int) -> list[object] | None:
        answer: list[object] | None = self.ask("value_info", value)
        return answer

    def listed(self, development_too: bool) -> list[int]:
        return list(self.ask("value_ids", development_too))

    def set_user_data(self, user_data: int) -> bool:
        return bool(self.ask("set_user_data", self.objects[OUTGOING], user_data))

    def accept(self) -> int:
        return int(self.ask("accept", self.objects[WAITING]))


class OurSide:
    """Ours, through its public calls."""

    def __init__(self) -> None:
        self.sockets = Side()
        listening = self.sockets.create_listen_socket(LOCALHOST)
        outgoing = self.sockets.connect(self.sockets.address(listening))
        while not (change := self.sockets.next_change()).connection_info.listen_socket:
            continue  # it was the outgoing one's
        waiting = change.connection
        self.objects = {WIDE: 0, INTERFACE: 0, LISTENING: listening, OUTGOING: outgoing, WAITING: waiting}
        # The process of the reference library has one, too.
        assert self.sockets.set_configuration_value(V.CALLBACK_CONNECTION_STATUS_CHANGED, self.sockets.changes.append)

    def set(self, value: int, kind: int, content: OptionValue, scope: int, scope_object: int) -> bool:
        x: Any = content
        if kind == DataType.POINTER:
            x = print
        elif kind == DataType.FLOAT:
            x = float(content)
        number: Any = value
        return self.sockets.set_configuration_value(number, x, Scope(scope), scope_object)

    def clear(self, value: int, scope: int, scope_object: int) -> bool:
        number: Any = value
        return self.sockets.set_configuration_value(number, None, Scope(scope), scope_object)

    def get(self, value: int, scope: int, scope_object: int) -> tuple[int, Any]:
        number: Any = value
        any_scope: Any = scope
        result = self.sockets.get_configuration_value_result(number, any_scope, scope_object)
        content = self.sockets.get_configuration_value(number, any_scope, scope_object)
        return result, content if value not in CALLBACKS or result < 1 else content is not None

    def info(self, value: int) -> list[object] | None:
        number: Any = value
        row = self.sockets.get_configuration_value_info(number)
        return None if row is None else [row.name, row.data_type, row.scope]

    def listed(self, development_too: bool) -> list[int]:
        return [int(value) for value in self.sockets.iterate_configuration_values(development_too)]

    def set_user_data(self, user_data: int) -> bool:
        return self.sockets.set_connection_user_data(gs.Connection(self.objects[OUTGOING]), user_data)

    def accept(self) -> int:
        return self.sockets.accept_connection(gs.Connection(self.objects[WAITING]))

    def close(self) -> None:
        for value in CONFIGURATION_ROWS:
            self.sockets.set_configuration_value(V(value), None)
        self.sockets.close()


Sides = tuple[RealSide, OurSide]


@pytest.fixture
def sides(stage: Stage) -> Iterator[Sides]:
    reference = stage.open("reference", "reference")
    assert isinstance(reference, Reference)
    real, ours = RealSide(reference), OurSide()
    try:
        yield real, ours
    finally:
        ours.close()


def both(sides: Sides, what: Callable[[RealSide | OurSide], Any], about: object) -> Any:
    """The answer that both give."""
    real, ours = (what(side) for side in sides)
    expected = list(real) if isinstance(real, list | tuple) else real
    got = list(ours) if isinstance(ours, list | tuple) else ours
    if isinstance(expected, list) and len(expected) == 2 and isinstance(expected[1], float):
        expected[1] = pytest.approx(expected[1], rel=1e-6)
    assert got == expected, about
    return ours


def get(sides: Sides, value: int, where: str) -> Any:
    """Result and content at a scope."""
    return both(
        sides, lambda side: side.get(value, SCOPES[where], side.objects[where]), f"reading {value} of the {where}"
    )


def put(sides: Sides, value: int, kind: int, content: OptionValue, where: str) -> Any:
    """Whether it could be set, and what is there afterwards."""
    about = f"setting {value} of the {where} to {content!r} of type {kind}"
    done = both(sides, lambda side: side.set(value, kind, content, SCOPES[where], side.objects[where]), about)
    get(sides, value, where)
    return done


def clear(sides: Sides, value: int, where: str) -> Any:
    """Whether it could be taken back, and what is there afterwards."""
    about = f"clearing {value} of the {where}"
    done = both(sides, lambda side: side.clear(value, SCOPES[where], side.objects[where]), about)
    get(sides, value, where)
    return done


def test_names_types_scopes_and_lists(sides: Sides) -> None:
    """The one that the reference library computes has a value but no name there; ours knows one (spec 3, 17)."""
    for value in NUMBERS:
        if value != V.MTU_DATA_SIZE:
            assert sides[0].info(value) == sides[1].info(value)
    for development_too in (False, True):
        assert sides[0].listed(development_too) == sides[1].listed(development_too)


RATES: Final = frozenset({V.SEND_RATE_MIN, V.SEND_RATE_MAX})
"""Ours have other defaults and limits, because the rate follows the path (spec 2, 2.9.1)."""


def test_defaults_at_every_scope(sides: Sides) -> None:
    for value in NUMBERS:
        if value in RATES:
            continue
        for where in SCOPES:
            get(sides, value, where)


def test_limits_at_every_scope(sides: Sides) -> None:
    """Far outside, and taken back again; locked ones refuse, and others become the limit."""
    for value in NUMBERS:
        row = CONFIGURATION_ROWS.get(value)
        kind = DataType.INT32 if row is None or row.data_type is None else DataType(int(row.data_type))
        if kind in {DataType.STRING, DataType.POINTER} or value in RATES:
            continue
        bits = 63 if kind == DataType.INT64 else 31
        for content in ((1 << bits) - 1, -(1 << bits)):
            for where in SCOPES:
                put(sides, value, kind, content, where)
            for where in reversed(SCOPES):
                # Clearing user data of a connection crashes the reference library (spec 3, 4.1).
                if value != V.CONNECTION_USER_DATA or SCOPES[where] != Scope.CONNECTION:
                    clear(sides, value, where)


TOO_LARGE: Final = 1e20
CONTENTS: Final[list[tuple[int, OptionValue]]] = [
    (DataType.INT32, 7),
    (DataType.INT32, -7),
    (DataType.INT64, 8),
    (DataType.INT64, 1 << 40),
    (DataType.INT64, -(1 << 40)),
    (DataType.FLOAT, 2.5),
    (DataType.FLOAT, 2.4375),
    (DataType.FLOAT, -2.5),
    (DataType.FLOAT, 1e9),
    (DataType.FLOAT, 0.1),
    (DataType.FLOAT, TOO_LARGE),
    (DataType.STRING, " 12x"),
    (DataType.STRING, "1e2"),
    (DataType.STRING, "+9"),
    (DataType.STRING, "12.75"),
    (DataType.STRING, ".5"),
    (DataType.STRING, "-3"),
    (DataType.STRING, "abc"),
    (DataType.STRING, ""),
    (DataType.STRING, "fünf"),
    (0, 1),
    (6, 1),
]
SAMPLES: Final = [
    V.NAGLE_TIME,
    V.CONNECTION_USER_DATA,
    V.FAKE_PACKET_LOSS_SEND,
    V.P2P_STUN_SERVER_LIST,
    V.SEND_BUFFER_SIZE,
]


@pytest.mark.parametrize("value", SAMPLES)
def test_conversions(sides: Sides, value: gs.ConfigurationValue) -> None:
    """Every type of content for every type of value. Undefined types have no counterpart in ours.

    A decimal number too large for an integer becomes, in C, whatever the processor makes of it: ours refuses it.
    """
    is_integer = CONFIGURATION_ROWS[value].data_type in {gs.ConfigurationDataType.INT32, gs.ConfigurationDataType.INT64}
    for kind, content in CONTENTS:
        if kind in set(DataType):
            if not (is_integer and content == TOO_LARGE):
                put(sides, value, kind, content, WIDE)
        else:
            assert not sides[0].set(value, kind, content, Scope.GLOBAL, 0)
    assert not both(sides, lambda side: side.set(value, DataType.POINTER, 1, Scope.GLOBAL, 0), "a pointer")
    clear(sides, value, WIDE)


def test_callbacks_take_nothing_but_functions(sides: Sides) -> None:
    for value in sorted(CALLBACKS):
        for kind, content in CONTENTS:
            if kind in set(DataType):
                assert not put(sides, value, kind, content, WIDE)
        assert clear(sides, value, WIDE)


def test_inheritance(sides: Sides) -> None:
    """Set from the widest to the narrowest scope and taken back in another order; all scopes are read each time."""
    for value in (V.NAGLE_TIME, V.SEND_BUFFER_SIZE, V.MTU_PACKET_SIZE, V.P2P_STUN_SERVER_LIST, V.CONNECTION_USER_DATA):
        for step, where in enumerate(SCOPES):
            put(sides, value, DataType.INT32, 5000 + step, where)
            for other in SCOPES:
                get(sides, value, other)
                get(sides, V.MTU_DATA_SIZE, other)
        for where in (LISTENING, WIDE, OUTGOING, INTERFACE, WAITING):
            if value != V.CONNECTION_USER_DATA or SCOPES[where] != Scope.CONNECTION:
                clear(sides, value, where)
            for other in SCOPES:
                get(sides, value, other)


def test_user_data_is_the_same_in_both_calls(sides: Sides) -> None:
    assert both(sides, lambda side: side.set_user_data(99), "user data")
    assert get(sides, V.CONNECTION_USER_DATA, OUTGOING) == (Found.OK, 99)


def test_locks(sides: Sides) -> None:
    """An outgoing connection is locked from the beginning, a waiting one when it is accepted."""
    locked = [
        V.IP_ALLOW_WITHOUT_AUTH,
        V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH,
        V.UNENCRYPTED,
        V.SYMMETRIC_CONNECT,
        V.P2P_TRANSPORT_ICE_ENABLE,
        V.P2P_TRANSPORT_ICE_IMPLEMENTATION,
    ]
    for value in locked:
        assert not put(sides, value, DataType.INT32, 1, OUTGOING)
        assert not clear(sides, value, OUTGOING)
        put(sides, value, DataType.INT32, 1, LISTENING)
        clear(sides, value, LISTENING)
        assert put(sides, value, DataType.INT32, 1, WAITING)
        assert clear(sides, value, WAITING)
    assert both(sides, lambda side: side.accept(), "accepting") == gs.Result.OK
    for value in locked:
        assert not put(sides, value, DataType.INT32, 1, WAITING)
        put(sides, value, DataType.INT32, 1, WIDE)
        get(sides, value, WAITING)
        clear(sides, value, WIDE)


def test_bad_parameters(sides: Sides) -> None:
    """Unknown values, undefined scopes, objects of another kind, read-only ones, nonsense (spec 3, 16)."""
    values = [0, 1, 33, 35, 61, 9999, V.NAGLE_TIME, V.FAKE_PACKET_LOSS_SEND, V.CALLBACK_CONNECTION_STATUS_CHANGED]
    questions = [(scope, where) for scope in (0, 3, 4, 5, -1) for where in SCOPES]
    real, ours = sides
    sockets: Any = ours.sockets
    for value in values:
        for scope, where in questions:
            assert real.get(value, scope, real.objects[where]) == ours.get(value, scope, ours.objects[where])
            if SCOPES[where] != scope:
                refused = sockets.set_configuration_value(value, 1, scope, ours.objects[where])
                assert not refused
                assert not real.set(value, DataType.INT32, 1, scope, real.objects[where])
    for number in INVALID:
        assert real.get(number, 1, 0) == (Found.BAD_VALUE, None) == ours.get(number, 1, 0)
        assert not real.set(number, DataType.INT32, 1, 1, 0)
        assert not sockets.set_configuration_value(number, 1)
    assert not put(sides, V.MTU_DATA_SIZE, DataType.INT32, 500, WIDE)
    assert not put(sides, V.NAGLE_TIME, DataType.STRING, "abc", OUTGOING)
    assert get(sides, V.NAGLE_TIME, OUTGOING) == (Found.OK_INHERITED, 5000)
    assert put(sides, V.NAGLE_TIME, DataType.INT32, 5000, OUTGOING)
    assert get(sides, V.NAGLE_TIME, OUTGOING) == (Found.OK, 5000)


def test_values_of_closed_builds(sides: Sides) -> None:
    """Documented difference: what the reference library refuses is kept here, and still not listed."""
    real, ours = sides
    for value in sorted(KEPT):
        assert real.get(value, Scope.GLOBAL, 0) == (Found.BAD_VALUE, None)
        assert real.info(value) is None
        row = ours.sockets.get_configuration_value_info(V(value))
        assert row is not None
        assert not row.available
        assert ours.get(value, Scope.GLOBAL, 0)[0] == Found.OK
        assert value not in ours.listed(development_too=True)


@pytest.mark.parametrize(
    ("options", "makes_listener", "makes_connection"),
    [
        ({V.NAGLE_TIME: " 17x", V.SEND_RATE_MAX: 200_000}, True, True),
        ({V.NAGLE_TIME: "abc"}, False, False),
        ({V.FAKE_PACKET_LOSS_SEND: 1.0}, False, False),
        ({V.MTU_DATA_SIZE: 500}, False, False),
        ({9999: 1}, False, False),
        ({V.SYMMETRIC_CONNECT: 1}, False, False),
        ({V.IP_ALLOW_WITHOUT_AUTH: 0}, False, True),
    ],
    ids=["good", "no-number", "global-value", "read-only", "unknown", "symmetric", "authentication"],
)
def test_options_at_creation(
    sides: Sides, options: dict[int, OptionValue], makes_listener: bool, makes_connection: bool
) -> None:
    """Where the reference library returns no handle, ours raises an exception that says why."""
    real, ours = sides
    config: Any = options
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    pairs = list(options.items())
    for command, call, succeeds in (
        ("listen", ours.sockets.create_listen_socket, makes_listener),
        ("connect", ours.sockets.connect, makes_connection),
    ):
        if succeeds:
            assert real.ask(command, address, pairs)
            assert call(gs.Address("127.0.0.1", 0 if command == "listen" else 9), config)
        else:
            with pytest.raises(WorkerError, match=f"cannot {command}"):
                real.ask(command, address, pairs)
            with pytest.raises(ValueError, match=r"configuration value|SYMMETRIC_CONNECT|IP_ALLOW_WITHOUT_AUTH"):
                call(gs.Address("127.0.0.1", 9), config)


def test_values_of_a_live_connection(stage: Stage) -> None:
    """The send rate and the room for messages follow at once, on both sides in the same way.

    What a limit cut off is gone in both: a higher maximum alone does not raise the rate again (spec 3, 4.7 row 10).
    """
    real, other = stage.open("reference", "real"), stage.open("threads", "ours")
    assert isinstance(real, Reference)
    assert isinstance(other, OursOnThreads)
    ends = (stage.connect(real, other).client_connection, stage.connect(other, real).client_connection)
    sockets = other.sockets
    # Fixed rates: the limits are equal, or the lower one is above the other.
    for lowest, highest in ((9_000, 9_000), (5_000, 5_000), (20_000, 7_000), (1_000_000, 1_000_000), (1, 1)):
        for value, content in ((V.SEND_RATE_MIN, lowest), (V.SEND_RATE_MAX, highest)):
            assert real.ask("set_value_as", value, DataType.INT32, content, Scope.CONNECTION, ends[0])
            assert sockets.set_connection_configuration_value(gs.Connection(ends[1]), value, content)
        time.sleep(0.05)
        assert real.status(ends[0]).send_rate == other.status(ends[1]).send_rate, (lowest, highest)
    assert real.ask("set_value_as", V.SEND_BUFFER_SIZE, DataType.INT32, 20_000, Scope.CONNECTION, ends[0])
    assert sockets.set_connection_configuration_value(gs.Connection(ends[1]), V.SEND_BUFFER_SIZE, 20_000)
    messages = [Outgoing(seed, 9_000, Send.RELIABLE) for seed in range(3)]
    results = [side.send(end, [message]) for side, end in zip((real, other), ends, strict=True) for message in messages]
    assert results[:3] == results[3:]
    assert results[-1] == [-gs.Result.LIMIT_EXCEEDED]
