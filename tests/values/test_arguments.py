"""The error for a bad argument names it, and says what is allowed."""

from array import array
from ctypes import c_uint16
from typing import Any

import pytest

from gamesockets.values.arguments import (
    are_lanes,
    check_connection_name,
    check_range,
    check_type,
    explain_send,
    find,
    numbers,
    outgoing,
    plain_number,
    to_bytes,
)
from gamesockets.values.enums import SendFlags
from gamesockets.values.handles import Connection
from gamesockets.values.records import MessageData, OutgoingMessage

INT32_MAX = (1 << 31) - 1


def test_the_expected_types_are_named_and_a_long_value_is_cut() -> None:
    with pytest.raises(TypeError, match=r"^port must be int or str, not None$"):
        check_type("port", None, (int, str))
    with pytest.raises(TypeError) as raised:
        check_type("port", "x" * 1000, int)
    assert len(str(raised.value)) < 130


@pytest.mark.parametrize("value", [0, 4])
def test_a_number_out_of_range_is_named(value: int) -> None:
    with pytest.raises(ValueError, match=f"lane must be an integer in 1..3, not {value}"):
        check_range("lane", value, 1, 3)
    check_range("lane", 1, 1, 3)
    check_range("lane", 3, 1, 3)


@pytest.mark.parametrize("handle", [None, "7", [7]])
def test_what_cannot_be_a_handle_is_an_error_and_an_unknown_handle_is_none(handle: Any) -> None:
    assert find({7: "found"}, 7, "connection") == "found"
    assert find({7: "found"}, 8, "connection") is None
    with pytest.raises(TypeError, match="connection must be a handle"):
        find({7: "found"}, handle, "connection")


def test_numbers_lose_their_enumeration() -> None:
    assert type(plain_number("flags", SendFlags.RELIABLE)) is int
    assert numbers("weights", (1, SendFlags.RELIABLE)) == [1, 8]
    wrong: Any = [1, 2.5]
    with pytest.raises(TypeError, match=r"weights\[1\] must be int, not 2.5"):
        numbers("weights", wrong)


def test_the_bad_argument_of_a_send_is_named() -> None:
    explain_send(1, 8, 0)
    wrong: Any = None
    with pytest.raises(TypeError, match="connection must be a handle"):
        explain_send(wrong, 8, 0)
    with pytest.raises(TypeError, match="flags must be int"):
        explain_send(1, wrong, 0)
    with pytest.raises(TypeError, match="lane must be int"):
        explain_send(1, 8, wrong)


@pytest.mark.rule("3, 0 rule 3", "3, 5.13")
def test_names_of_connections_are_limited_in_bytes() -> None:
    check_connection_name("é" * 15)
    with pytest.raises(ValueError, match="has 32 bytes, at most 31 are allowed"):
        check_connection_name("é" * 16)


@pytest.mark.rule("3, 8.2")
@pytest.mark.parametrize(
    ("priorities", "weights", "allowed"),
    [
        ([0], [1], True),
        ([0] * 255, [65_535] * 255, True),
        ([INT32_MAX, -INT32_MAX - 1], [1, 1], True),
        ([], [], False),
        ([0] * 256, [1] * 256, False),
        ([0, 0], [1], False),
        ([0], [0], False),
        ([0], [65_536], False),
        ([INT32_MAX + 1], [1], False),
        ([-INT32_MAX - 2], [1], False),
    ],
)
def test_which_lanes_can_be_configured(priorities: list[int], weights: list[int], allowed: bool) -> None:
    assert are_lanes(priorities, weights) is allowed


@pytest.mark.rule("3, 7.1 rule 5")
def test_payloads_are_copied() -> None:
    buffer = bytearray(b"abc")
    copy = to_bytes(memoryview(buffer)[1:])
    buffer[:] = b"xyz"
    assert copy == b"bc"
    wrong: Any = "abc"
    with pytest.raises(TypeError, match="data must be bytes or another buffer, not str"):
        to_bytes(wrong)


@pytest.mark.parametrize(
    "payload",
    [
        bytes(range(8)),
        bytearray(range(8)),
        array("h", array("h", bytes(range(8)))),
        (c_uint16 * 4).from_buffer_copy(bytes(range(8))),
        memoryview(bytes(range(8))).cast("I"),
        memoryview(bytes(range(8))).cast("B", (2, 4)),
    ],
    ids=lambda payload: type(payload).__name__,
)
def test_any_buffer_in_one_piece_is_a_payload(payload: MessageData) -> None:
    assert to_bytes(payload) == bytes(range(8))
    assert type(to_bytes(payload)) is bytes


def test_a_buffer_in_several_pieces_is_refused() -> None:
    with pytest.raises(TypeError, match="data must be contiguous in memory"):
        to_bytes(memoryview(b"abcd")[::2])


def test_a_batch_is_checked_as_a_whole_and_the_bad_message_is_named() -> None:
    good = OutgoingMessage(Connection(5), b"x", SendFlags.RELIABLE, 2)
    assert outgoing([good]) == [(5, b"x", 8, 2)]
    wrong: Any = OutgoingMessage(Connection(5), b"x")
    wrong.lane = "second"
    with pytest.raises(TypeError, match=r"messages\[1\]\.lane must be int"):
        outgoing([good, wrong])
    no_message: Any = (5, b"x")
    with pytest.raises(TypeError, match=r"messages\[1\] must be OutgoingMessage"):
        outgoing([good, no_message])
