"""Is what was encoded decoded, and is everything else refused without harm?"""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.arena import protocol, rules
from examples.arena.protocol import Hello, Inputs, Joined, Left, ProtocolError, Snapshot, Welcome
from examples.arena.rules import Body, Collected, Gem, Robbed, Won

BODY = Body(100, 200, -220, 220, 9, 80)
FROM_CLIENT = [Hello("Ada"), Hello("Grüße 😀"), Inputs(1, b"\x00"), Inputs(4_000_000_000, bytes(range(12)))]
FROM_SERVER = [
    Welcome(2, ((2, 0, "Ada"), (31, 65535, "x" * 16)), (Gem(1, 2), Gem(rules.WIDTH, rules.HEIGHT))),
    Welcome(0, (), ()),
    Joined(3, "Ben"),
    Left(31),
    Collected(1, 12, 13, Gem(5, 6)),
    Robbed(1, 2, 3, 4),
    Won(7),
    Snapshot(1000, 900, 2, {0: BODY, 31: BODY._replace(x=0)}),
    Snapshot(0, 0, 0, {}),
]


@pytest.mark.parametrize("message", FROM_CLIENT)
def test_what_a_client_says_arrives(message: protocol.FromClient) -> None:
    assert protocol.decode_from_client(protocol.encode(message)) == message


@pytest.mark.parametrize("message", FROM_SERVER)
def test_what_a_server_says_arrives(message: protocol.FromServer) -> None:
    assert protocol.decode_from_server(protocol.encode(message)) == message


@pytest.mark.parametrize("message", FROM_CLIENT)
def test_a_client_message_cut_or_prolonged_is_refused(message: protocol.FromClient) -> None:
    data = protocol.encode(message)
    for length in range(len(data)):
        with pytest.raises(ProtocolError):
            protocol.decode_from_client(data[:length])
    with pytest.raises(ProtocolError, match="1 bytes too many"):
        protocol.decode_from_client(data + b"\0")


@pytest.mark.parametrize("message", FROM_SERVER)
def test_a_server_message_cut_or_prolonged_is_refused(message: protocol.FromServer) -> None:
    data = protocol.encode(message)
    for length in range(len(data)):
        with pytest.raises(ProtocolError):
            protocol.decode_from_server(data[:length])
    with pytest.raises(ProtocolError):
        protocol.decode_from_server(data + b"\0")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x01\x07\x03Ada", "speaks version 1"),
        (b"\x01\x01\x00", "is no name"),
        (b"\x01\x01\x02\xff\xff", "no UTF-8"),
        (b"\x01\x01\x04A\nda", "is no name"),
        (b"\x01\x01\x11" + b"x" * 17, "is no name"),
        (b"\x01\x01\x41" + b"x" * 65, "at most 64"),
        (struct.pack("<BIB", 2, 5, 0), "0 inputs"),
        (struct.pack("<BIB", 2, 3, 4) + bytes(4), "4 inputs up to number 3"),
        (struct.pack("<BIB", 2, 99, 13) + bytes(13), "at most 12"),
        (struct.pack("<BIB", 2, 99, 1) + b"\x20", "no such button"),
        (protocol.encode(Won(1)), "a client does not send"),
    ],
)
def test_lies_of_a_client_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        protocol.decode_from_client(data)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (Snapshot(1, 1, 1, {0: BODY._replace(x=-1)}), "not on the field"),
        (Snapshot(1, 1, 1, {32: BODY}), "no player 32"),
        (Snapshot(1, 1, 1, dict.fromkeys(range(33), BODY)), "at most 32"),
        (Collected(1, 1, rules.GEMS, Gem(1, 1)), "at most 13"),
        (Won(32), "at most 31"),
        (Hello("Ada"), "a server does not send"),
    ],
)
def test_lies_of_a_server_are_refused(message: protocol.FromServer | Hello, why: str) -> None:
    with pytest.raises(ProtocolError, match=why):
        protocol.decode_from_server(protocol.encode(message))


@given(st.binary(max_size=80), st.sampled_from([b"", b"\x01\x01", b"\x02", b"\x10", b"\x13", b"\x16"]))
def test_any_bytes_are_a_message_or_refused(data: bytes, start: bytes) -> None:
    for decode in (protocol.decode_from_client, protocol.decode_from_server):
        try:
            message = decode(start + data)
        except ProtocolError:
            continue
        assert decode(protocol.encode(message)) == message


@given(st.text(max_size=60))
def test_any_text_makes_a_name_that_can_be_sent_or_none(text: str) -> None:
    name = protocol.clean_name(text)
    if name:
        assert protocol.decode_from_client(protocol.encode(Hello(name))) == Hello(name)


def test_a_snapshot_of_a_full_arena_fits_into_one_packet() -> None:
    snapshot = Snapshot(1, 1, 1, dict.fromkeys(range(rules.PLAYERS_MAX), BODY))
    assert len(protocol.encode(snapshot)) < 1100
