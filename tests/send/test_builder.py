"""One packet: what was added is what an independent reader finds, in an order that every receiver acknowledges."""

from dataclasses import dataclass
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import Piece, SelectLane, fast, pieces_of, read_payload, scripts

from gamesockets.send.builder import SIZE_BYTES, PacketBuilder
from gamesockets.send.reliable import Segment, UnackedStream
from gamesockets.wire.frames import encode_ack, encode_stop_waiting

PREFIX = encode_stop_waiting(300) + encode_ack(77, 64, [(1, 2)])

FILL = 9999
"""A size: all the room there is."""


@dataclass
class Wish:
    """A piece to be added, if there is room."""

    lane: int
    is_reliable: bool
    size: int
    gap: int
    offset: int
    is_last: bool


WISHES = scripts(
    st.builds(
        Wish,
        st.sampled_from((0, 0, 1, 2, 7, 8, 127, 128, 255)),
        st.booleans(),
        st.one_of(st.integers(0, 40), st.sampled_from((255, 256, 1000, FILL, FILL)), st.integers(0, 1241)),
        st.one_of(st.just(0), st.sampled_from((1, 126, 127, 128, 255, 256, 65_535, 65_536, 1 << 20))),
        st.one_of(st.just(0), st.sampled_from((1, 127, 128, 16_383, 16_384))),
        st.booleans(),
    ),
    20,
)


def content(wish: Wish, room: int) -> bytes:
    size = max(room, 0) if wish.size == FILL else wish.size
    return bytes((place + size) % 256 for place in range(size))


def fill(builder: PacketBuilder, wishes: list[Wish], several: bool) -> list[Piece]:
    """Adds what fits, as a sender does, and returns it."""
    streams: dict[int, UnackedStream] = {}
    numbers: dict[int, int] = {}
    positions: dict[int, int] = {}
    added: list[Piece] = []
    for wish in wishes:
        lane = wish.lane if several else 0
        if wish.is_reliable:
            position = positions.get(lane, 1) + wish.gap
            header = builder.reliable_header_bytes(lane, position)
            data = content(wish, builder.room - header)
            if not data or header + len(data) > builder.room:
                continue
            expected = builder.room - header - len(data) - SIZE_BYTES
            builder.add_reliable(Segment(streams.setdefault(lane, UnackedStream(lane)), position, data, 1, 0))
            positions[lane] = position + len(data)
            numbers[lane] = numbers.get(lane, 0) + 1
            added.append(Piece(lane, True, position, data))
        else:
            number = numbers.get(lane, 0) + 1 + wish.gap
            header = builder.unreliable_header_bytes(lane, number, wish.offset)
            data = content(wish, builder.room - header)
            if header + len(data) > builder.room:
                continue
            expected = builder.room - header - len(data) - SIZE_BYTES
            builder.add_unreliable(lane, number, wish.offset, wish.is_last, data)
            numbers[lane] = number
            added.append(Piece(lane, False, number, data, wish.offset, wish.is_last))
        assert builder.room == expected, "the price was announced"
    return added


@pytest.mark.rule("2, 2.2.6 rule 2", "2, 2.2.7 rule 3", "2, 2.16 rule 4", "2, 2.16 rule 5")
@fast
@given(WISHES, st.booleans(), st.integers(0, 1248), st.sampled_from((b"", PREFIX)))
def test_what_was_added_is_found_and_fits(wishes: list[Wish], several: bool, room: int, prefix: bytes) -> None:
    builder = PacketBuilder()
    builder.start(room, several)
    added = fill(builder, wishes, several)
    assert builder.is_empty() == (not added)
    assert len(builder.segments) == sum(piece.is_reliable for piece in added)
    payload = builder.finish(prefix)
    assert payload.startswith(prefix)
    assert len(payload) - len(prefix) <= room
    found = pieces_of(payload)
    for lane in {piece.lane for piece in added}:
        assert [piece for piece in found if piece.lane == lane] == [piece for piece in added if piece.lane == lane]
    assert len(found) == len(added)


@pytest.mark.rule("2, 2.6.1 rule 11", "2, 2.16 rule 6")
@fast
@given(WISHES, st.booleans())
def test_a_lane_with_reliable_data_comes_last_when_there_is_any(wishes: list[Wish], several: bool) -> None:
    """Else a reference receiver schedules no ack, and the sender runs into its timeout (spec 2, 2.6.1, 2.16 rule 6)."""
    builder = PacketBuilder()
    builder.start(1232, several)
    added = fill(builder, wishes, several)
    found = pieces_of(builder.finish(b""))
    sections = [lane for lane, _ in groupby(piece.lane for piece in found)]
    assert len(set(sections)) == len(sections), "each lane has one section"
    if any(piece.is_reliable for piece in added):
        assert any(piece.is_reliable for piece in added if piece.lane == found[-1].lane)


@pytest.mark.rule("2, 2.7.2 rule 1")
@fast
@given(WISHES.filter(bool), st.booleans(), st.integers(30, 1248))
def test_only_the_very_last_segment_runs_to_the_end(wishes: list[Wish], several: bool, room: int) -> None:
    builder = PacketBuilder()
    builder.start(room, several)
    if not fill(builder, wishes, several):
        return
    payload = builder.finish(PREFIX)
    pieces = pieces_of(payload)
    longer = pieces_of(payload + b"\x80\x01")
    assert longer[:-1] == pieces[:-1]
    assert longer[-1].data == pieces[-1].data + b"\x80\x01"


@fast
@given(WISHES)
def test_with_one_lane_no_byte_is_wasted(wishes: list[Wish]) -> None:
    """The size byte that the last segment saves is the only difference to the announced price."""
    builder = PacketBuilder()
    builder.start(1232, False)
    if fill(builder, wishes, False):
        assert len(builder.finish(b"")) == 1232 - builder.room - SIZE_BYTES


def test_lane_zero_alone_is_not_selected() -> None:
    builder = PacketBuilder()
    builder.start(100, True)
    builder.add_unreliable(0, 1, 0, True, b"x")
    assert builder.finish(b"").hex() == "37" + "01000000" + "78"


@pytest.mark.rule("2, 2.10 rule 4")
@pytest.mark.parametrize("lane", [1, 7, 8, 127, 128, 255])
def test_every_other_lane_is_selected_in_full(lane: int) -> None:
    """The reference library cuts numbers from 8 on; that must not be imitated (spec 2, 2.10, defect a)."""
    builder = PacketBuilder()
    builder.start(100, True)
    builder.add_unreliable(lane, 1, 0, True, b"x")
    frames, is_faulty = read_payload(builder.finish(b""))
    assert not is_faulty
    assert frames[0] == SelectLane(lane)


@pytest.mark.parametrize("first_is_reliable", [True, False])
@pytest.mark.parametrize("other", [1, 8, 200])
def test_selecting_lane_zero_is_paid_for_when_it_may_have_to_come_last(first_is_reliable: bool, other: int) -> None:
    builder = PacketBuilder()
    builder.start(200, True)
    if first_is_reliable:
        builder.add_reliable(Segment(UnackedStream(0), 1, b"r", 1, 0))
    else:
        builder.add_unreliable(0, 1, 0, True, b"u")
    size = builder.room - builder.unreliable_header_bytes(other, 1, 0)
    builder.add_unreliable(other, 1, 0, True, bytes(size))
    assert len(builder.finish(b"")) <= 200


def test_lane_zero_is_selected_when_it_comes_later() -> None:
    builder = PacketBuilder()
    builder.start(100, True)
    builder.add_reliable(Segment(UnackedStream(0), 1, b"r", 1, 0))
    builder.add_unreliable(3, 9, 0, True, b"u")
    assert pieces_of(builder.finish(b"")) == [Piece(3, False, 9, b"u"), Piece(0, True, 1, b"r")]


@pytest.mark.rule("2, 2.7.2 rule 1")
def test_the_last_segment_may_use_the_byte_of_its_own_size() -> None:
    """1220 bytes fit beside 7 bytes of reports, as in the reference library (spec 2, 2.7.2)."""
    builder = PacketBuilder()
    builder.start(1225, False)
    assert builder.unreliable_header_bytes(0, 1, 0) + 1220 == builder.room
    builder.add_unreliable(0, 1, 0, True, bytes(1220))
    assert len(builder.finish(b"")) == 1225


@pytest.mark.rule("2, 2.2")
def test_an_empty_packet_is_its_prefix() -> None:
    builder = PacketBuilder()
    builder.start(100, True)
    assert builder.finish(PREFIX) == PREFIX
    assert builder.is_empty()


def test_nothing_of_one_packet_is_left_in_the_next() -> None:
    builder = PacketBuilder()
    for _ in range(2):
        builder.start(200, True)
        builder.add_unreliable(2, 5, 0, True, b"a")
        builder.add_reliable(Segment(UnackedStream(2), 9, b"b", 9, 0))
        assert len(builder.segments) == 1
        assert pieces_of(builder.finish(b"")) == [Piece(2, False, 5, b"a"), Piece(2, True, 9, b"b")]
