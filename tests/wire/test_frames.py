"""Frames: what is written is read back by an independent reader, and any bytes are read as the specification says."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.snp import (
    Ack,
    Frame,
    FrameRecorder,
    Reliable,
    SelectLane,
    StopWaiting,
    Unreliable,
    fast,
    read_payload,
)

from gamesockets.wire.frames import (
    ACK_DELAY_UNKNOWN,
    ACK_HEADER_BYTES,
    MAX_LANE,
    MAX_RUN_UPPER,
    RELATIVE,
    ack_block_length,
    decode,
    encode_ack,
    encode_ack_block,
    encode_reliable,
    encode_select_lane,
    encode_stop_waiting,
    encode_unreliable,
    to_end,
    with_size,
)
from gamesockets.wire.numbers import encode_varint

MAX_EXPLICIT_SEGMENT_BYTES = 0x4FF
MAX32 = 0xFFFF_FFFF
MAX64 = (1 << 64) - 1


def near(*borders: int) -> st.SearchStrategy[int]:
    """The borders and their neighbours."""
    return st.sampled_from([max(value + step, 0) for value in borders for step in (-1, 0, 1)])


DATA = st.one_of(
    st.binary(max_size=20),
    st.sampled_from([bytes(size) for size in (0, 255, 256, 257, 1023, 1024, MAX_EXPLICIT_SEGMENT_BYTES)]),
)
RUNS = st.one_of(st.integers(0, 40), near(8, 1024, 8 + 8 * 127), st.just(MAX_RUN_UPPER * 8 + 7))
BLOCKS = st.lists(st.tuples(RUNS, RUNS), max_size=12)


def decoded(payload: bytes, limit: int = 1 << 30) -> tuple[list[Frame], str]:
    recorder = FrameRecorder(limit)
    fault = decode(payload, recorder)
    return recorder.frames, fault


# ---------------------------------------------------------------------- what is written is read back


@st.composite
def written_payloads(draw: st.DrawFn) -> tuple[bytes, list[Frame]]:
    """A payload made with the encoders, and the frames that must come out of it."""
    payload = b""
    frames: list[Frame] = []
    number_bits = position_bits = -1
    kinds = draw(st.lists(st.sampled_from(("unreliable", "reliable", "ack", "stop", "lane")), min_size=1, max_size=8))
    for place, kind in enumerate(kinds):
        is_last_frame = place == len(kinds) - 1
        if kind == "unreliable":
            if number_bits == RELATIVE:
                number = draw(st.one_of(st.integers(0, 3), st.integers(0, MAX64), near(128, 1 << 14)))
            else:
                number_bits = draw(st.sampled_from((16, 32)))
                number = draw(st.one_of(st.integers(0, (1 << number_bits) - 1), near(1, (1 << number_bits) - 2)))
            offset = draw(st.one_of(st.just(0), st.integers(0, MAX32), near(128, 1 << 14)))
            data = draw(DATA)
            is_last = draw(st.booleans())
            header = encode_unreliable(number_bits, number, offset, is_last)
            frames.append(Unreliable(number_bits, number, offset, is_last, data))
            payload += finished(draw, header, data, is_last_frame)
            number_bits = RELATIVE
        elif kind == "reliable":
            if position_bits == RELATIVE:
                position = draw(st.one_of(st.integers(0, MAX32), near(1, 0x100, 0x1_0000)))
            else:
                position_bits = draw(st.sampled_from((24, 32, 48)))
                position = draw(st.integers(0, (1 << position_bits) - 1))
            data = draw(DATA)
            frames.append(Reliable(position_bits, position, data))
            payload += finished(draw, encode_reliable(position_bits, position), data, is_last_frame)
            position_bits = RELATIVE
        elif kind == "ack":
            latest = draw(st.integers(0, MAX64))
            delay_us = draw(st.one_of(st.just(-1), st.integers(0, 1 << 40), near(65535 * 32)))
            blocks = draw(BLOCKS)
            payload += encode_ack(latest, delay_us, blocks)
            delay = ACK_DELAY_UNKNOWN if delay_us < 0 or delay_us // 32 > 65535 else delay_us // 32
            frames.append(Ack(16, latest & 0xFFFF, delay, tuple(blocks)))
        elif kind == "stop":
            waited = draw(st.one_of(st.integers(0, MAX64), near(1 << 8, 1 << 16, 1 << 24)))
            payload += encode_stop_waiting(waited)
            frames.append(StopWaiting(waited))
        else:
            lane = draw(st.one_of(st.integers(0, MAX_LANE), near(8, 128)))
            payload += encode_select_lane(lane)
            frames.append(SelectLane(lane))
            number_bits = position_bits = -1
    return payload, frames


def finished(draw: st.DrawFn, header: bytes, data: bytes, is_last_frame: bool) -> bytes:
    if is_last_frame and draw(st.booleans()):
        return to_end(header) + data
    return with_size(header, len(data)) + data


@pytest.mark.rule("2, 2.2.9 rule 1")
@fast
@given(written_payloads())
def test_what_is_written_is_read_back(case: tuple[bytes, list[Frame]]) -> None:
    payload, frames = case
    assert read_payload(payload) == (frames, False)
    assert decoded(payload) == (frames, "")


@pytest.mark.rule("2, 2.2.12")
def test_the_worked_examples_of_the_specification() -> None:
    """Spec 2, 2.2.12."""
    ack = encode_ack(1, -1, [])
    first = encode_stop_waiting(1) + ack + to_end(encode_unreliable(32, 1, 0, True)) + b"hello"
    assert first.hex(" ") == "80 01 98 01 00 ff ff 37 01 00 00 00 68 65 6c 6c 6f"
    second = encode_stop_waiting(2) + ack + to_end(encode_reliable(48, 1)) + b"\x43\x02rel"
    assert second.hex(" ") == "80 02 98 01 00 ff ff 57 01 00 00 00 00 00 43 02 72 65 6c"


@pytest.mark.rule("2, 2.2.7 rule 3")
@pytest.mark.parametrize(
    ("gap", "width"),
    [(0, 0), (1, 1), (0xFF, 1), (0x100, 2), (0xFFFF, 2), (0x1_0000, 4), (MAX32, 4)],
)
def test_the_smallest_sufficient_gap_is_written(gap: int, width: int) -> None:
    assert len(encode_reliable(RELATIVE, gap)) == 1 + width


@pytest.mark.rule("2, 2.2.8")
@pytest.mark.parametrize(
    ("offset", "width"),
    [(0, 1), (0xFF, 1), (0x100, 2), (0xFFFF, 2), (0x1_0000, 3), (0xFF_FFFF, 3), (0x100_0000, 8), (MAX64, 8)],
)
def test_the_smallest_sufficient_stop_waiting_is_written(offset: int, width: int) -> None:
    assert len(encode_stop_waiting(offset)) == 1 + width


@pytest.mark.rule("2, 2.2.10")
def test_every_lane_can_be_selected() -> None:
    """Lanes 1 to 7 in one byte; from 8 on the number follows, which the reference library gets wrong (spec 2, 2.10)."""
    for lane in range(MAX_LANE + 1):
        frame = encode_select_lane(lane)
        assert decoded(frame) == ([SelectLane(lane)], "")
        assert len(frame) == (1 if 1 <= lane <= 7 else 2 if lane < 128 else 3)


@fast
@given(BLOCKS)
def test_the_size_of_an_ack_frame_is_known_beforehand(blocks: list[tuple[int, int]]) -> None:
    """5 bytes, one for the count from the seventh block on, and the blocks (spec 2, 2.6.4)."""
    assert all(len(encode_ack_block(block)) == ack_block_length(block) for block in blocks)
    size = ACK_HEADER_BYTES + (len(blocks) >= 7) + sum(ack_block_length(block) for block in blocks)
    assert len(encode_ack(9, 0, blocks)) == size


@fast
@given(st.integers(-5, 3_000_000))
def test_the_delay_of_an_ack_is_rounded_down_and_never_wraps(delay_us: int) -> None:
    """Units of 32 us; what does not fit or is not known is 0xffff (spec 2, 2.2.9)."""
    frame = decoded(encode_ack(1, delay_us, []))[0][0]
    assert isinstance(frame, Ack)
    assert frame.delay == (delay_us // 32 if 0 <= delay_us < 65535 * 32 else ACK_DELAY_UNKNOWN)


# ---------------------------------------------------------------------- any bytes


@st.composite
def damaged_payloads(draw: st.DrawFn) -> bytes:
    """A good payload cut short, with a byte changed, or with something appended."""
    payload = bytearray(draw(written_payloads())[0])
    if draw(st.booleans()):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        del payload[draw(st.integers(0, len(payload))) :]
    return bytes(payload) + draw(st.binary(max_size=4))


@pytest.mark.rule("2, 2.2.4")
@fast
@given(st.one_of(st.binary(max_size=60), damaged_payloads()))
@example(b"")
@example(b"\x37\x01\x00\x00\x00")
@example(b"\x20\x01\x00")
@example(b"\x8f")
@example(b"\x9f\x01\x00\x00\x00")
@example(b"\x99\x01\x00\x00\x00\x88")
def test_any_bytes_are_read_as_the_specification_says(payload: bytes) -> None:
    """The frames before the first fault are handed over, then the fault is told; nothing ever raises."""
    frames, is_faulty = read_payload(payload)
    ours, fault = decoded(payload)
    assert ours == frames
    assert bool(fault) == is_faulty


@pytest.mark.rule("2, 2.2.3")
@pytest.mark.parametrize("behind", [b"", b"\x01", b"\x00" * 40, b"\xff" * 40, b"\x01" * 1300])
def test_every_lead_byte_alone_and_with_plenty_behind_it(behind: bytes) -> None:
    for lead in range(256):
        payload = bytes((lead,)) + behind
        frames, is_faulty = read_payload(payload)
        ours, fault = decoded(payload)
        assert ours == frames
        assert bool(fault) == is_faulty


@pytest.mark.rule("1, 7.9 rule 2", "2, 2.2.3")
def test_unassigned_lead_bytes_are_named_in_the_fault() -> None:
    """Every reader of protocol 13 refuses them, so nobody may send them (spec 2, 2.2.3)."""
    for lead in [*range(0x60, 0x80), *range(0x84, 0x88), *range(0xA0, 0x100)]:
        assert decoded(bytes((lead,)) + bytes(40)) == ([], f"Invalid SNP frame lead byte 0x{lead:02x}")


@fast
@given(written_payloads(), st.integers(1, 8))
def test_a_sink_that_refuses_gets_nothing_more(case: tuple[bytes, list[Frame]], limit: int) -> None:
    """And that is no fault of the payload."""
    payload, frames = case
    assert decoded(payload, limit) == (frames[:limit], "")


@pytest.mark.rule("2, 2.2.5")
def test_numbers_and_positions_are_absolute_again_after_every_select_lane() -> None:
    """Even when it names the lane that was selected already (spec 2, 2.2.5)."""
    segment = with_size(encode_unreliable(32, 7, 0, True), 0)
    stream = with_size(encode_reliable(48, 9), 1) + b"x"
    again = [Unreliable(32, 7, 0, True, b""), Reliable(48, 9, b"x")]
    for lane in (0, 1, 200):
        select = encode_select_lane(lane)
        payload = select + segment + stream + select + segment + stream
        assert decoded(payload) == ([SelectLane(lane), *again] * 2, "")


@pytest.mark.rule("2, 2.2.10")
@pytest.mark.parametrize("lane", [MAX_LANE + 1, 300, MAX32])
def test_lanes_beyond_the_last_are_refused(lane: int) -> None:
    frames, fault = decoded(b"\x8f" + encode_varint(lane))
    assert (frames, bool(fault)) == ([], True)


@pytest.mark.rule("2, 2.2.9 rule 1")
def test_the_longest_run_that_is_accepted() -> None:
    """More than 100000 in the upper part is a fault (spec 2, 2.2.9)."""
    limit = MAX_RUN_UPPER * 8 + 7
    assert decoded(encode_ack(1, 0, [(limit, limit)])) == ([Ack(16, 1, 0, ((limit, limit),))], "")
    assert decoded(encode_ack(1, 0, [(limit + 1, 0)])) == ([], "Bad ack block")
    assert decoded(encode_ack(1, 0, [(0, limit + 1)])) == ([], "Bad ack block")


@pytest.mark.rule("2, 2.2.9 rule 1", "2, 2.16 rule 8")
def test_both_widths_of_an_ack_are_read() -> None:
    assert decoded(bytes.fromhex("90 01020304 0500")) == ([Ack(32, 0x04030201, 5, ())], "")
    assert decoded(bytes.fromhex("98 0102 0500")) == ([Ack(16, 0x0201, 5, ())], "")
