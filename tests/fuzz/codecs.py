"""Is what stands in a datagram read as the specification says, and nothing else? Targets without a memory."""

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from tests.fuzz.choices import Choices
from tests.support.snp import FrameRecorder, MalformedError, Reader, read_payload

from gamesockets.receive.reliable import ReliableStream
from gamesockets.receive.replay_window import LURCH, NEW, ReplayWindow
from gamesockets.receive.unreliable import PIECE_OVERHEAD_BYTES, PIECES_MAX, UnreliableReassembly
from gamesockets.send.number_runs import NumberRuns
from gamesockets.torture.reference_receiver import Stream, near
from gamesockets.wire.datagram import MAX_CONTROL_BYTES, decode_control, decode_stats, encode_control
from gamesockets.wire.frames import decode
from gamesockets.wire.numbers import VARINT32_BYTES, VARINT64_BYTES, decode_varint, encode_varint, varint_length, widen
from gamesockets.wire.packet import NO_PACKET, NO_TIME, encode_header, split_packet
from gamesockets.wire.stream import BAD_HEADER, NEED_MORE, decode_message_header, encode_message_header

_WIDTHS: Final = (16, 24, 32, 48)


def numbers(data: bytes) -> None:
    """Variable-length and truncated numbers (spec 2, 2.2.1 and 2.2.2)."""
    choices = Choices(data)
    bits = choices.pick(_WIDTHS)
    reference = choices.number() & ((1 << 61) - 1)
    low = choices.number() & ((1 << bits) - 1)
    found = widen(low, bits, reference)
    assert found & ((1 << bits) - 1) == low
    assert found == near(low, bits, reference)
    rest = choices.rest()
    for bytes_max, width in ((VARINT32_BYTES, 32), (VARINT64_BYTES, 64)):
        value, end = decode_varint(rest, 0, len(rest), bytes_max)
        reader = Reader(rest)
        try:
            expected = reader.varint(width)
        except MalformedError:
            assert end == -1
            continue
        assert (value, end) == (expected, reader.place)
        again = encode_varint(value)
        assert len(again) == varint_length(value) <= end
        assert decode_varint(again, 0, len(again), bytes_max) == (value, len(again))


def frames(data: bytes) -> None:
    """A payload, as an independent reader reads it (spec 2, 2.2)."""
    recorder = FrameRecorder()
    fault = decode(data, recorder)
    expected, is_faulty = read_payload(data)
    assert recorder.frames == expected
    assert bool(fault) == is_faulty


def packets(data: bytes) -> None:
    """The header of a data packet (spec 1, 1.3)."""
    number, stats, spacing_us, chunk = split_packet(data)
    if number < 0:
        assert (number, stats, spacing_us, chunk) == NO_PACKET
        return
    assert number == data[5] | data[6] << 8
    assert bool(data[0] & 2) == (spacing_us != NO_TIME)
    assert data.endswith(chunk)
    decode_stats(stats)
    again = encode_header(int.from_bytes(data[1:5], "little"), number, stats, spacing_us) + chunk
    assert split_packet(again) == (number, stats, spacing_us, chunk)
    assert len(again) <= len(data)


def control_messages(data: bytes) -> None:
    """Everything that is no data packet (spec 1, 1.1 and 2)."""
    message = decode_control(data)
    if message is None or not 32 <= data[0] <= 37:
        assert message is None
        return
    try:
        again = encode_control(data[0], message)
    except ValueError:
        # Longer than what may be sent, or a message of unknown fields alone.
        assert len(data) > MAX_CONTROL_BYTES or not message.ByteSize()
        return
    assert decode_control(again) == message


def stream_headers(data: bytes) -> None:
    """Where a message begins in a reliable stream (spec 2, 2.3)."""
    increment, size, body = decode_message_header(data, 0, len(data))
    reader = Reader(data)
    try:
        lead = reader.integer(1)
        if lead & 0x80:
            assert body == BAD_HEADER
            return
        expected_increment = reader.varint(64) if lead & 0x40 else 1
        expected_size = lead % 32 + (reader.varint(64) * 32 if lead & 0x20 else 0)
    except MalformedError:
        assert body == NEED_MORE
        return
    assert (increment, size, body) == (expected_increment, expected_size, reader.place)
    if increment:
        again = encode_message_header(increment, size)
        assert decode_message_header(again, 0, len(again)) == (increment, size, len(again))


def replay_window(data: bytes) -> None:
    """A number counts once, and numbers that are too old never (spec 1, 4.5)."""
    choices = Choices(data)
    window = ReplayWindow(1)
    recorded: set[int] = set()
    forgotten_below = 1
    while not choices.is_over():
        number = choices.number(window.newest) & 0xFFFF_FFFF
        verdict = window.check(number)
        oldest = max(1, window.newest // 64 * 64 - 64)
        is_new = number > window.newest or (number >= oldest and number >= forgotten_below and number not in recorded)
        assert (verdict == NEW) == (is_new and number > 1), number
        if verdict == NEW:
            if number - window.newest >= LURCH:
                forgotten_below = number
            window.record(number)
            recorded.add(number)
        assert window.newest == max(recorded, default=1)
        assert window._missing is None or len(window._missing) <= 127


def reliable_stream(data: bytes) -> None:
    """Segments in any order become the same bytes as in an independent model (spec 2, 2.5.2)."""
    choices = Choices(data)
    limit_bytes = choices.pick((64, 1000, 100_000))
    stream, model = ReliableStream(), Stream()
    fill = 0
    while not choices.is_over():
        kind = choices.byte()
        if kind < 0x18:
            front = model.front()
            assert bytes(stream.buffer) == front
            count = min(choices.byte(), len(front))
            stream.consume(count)
            if count:
                model.consume(count)
            continue
        fill += 1
        if kind < 0x28:  # as many holes as there may be, and one more
            for place in range(choices.below(40)):
                _insert(stream, model, stream.end() + 1 + place % 3, bytes([fill & 0xFF]), limit_bytes)
            continue
        begin = max(1, stream.base + choices.byte() * choices.pick((1, 1, 7, 50)) - 64)
        size = 1 + choices.byte() if kind < 0xA0 else 1 + kind % 4
        _insert(stream, model, begin, bytes([fill & 0xFF]) * size, limit_bytes)


def _insert(stream: ReliableStream, model: Stream, begin: int, segment: bytes, limit_bytes: int) -> None:
    """Both take a segment, or both refuse it, and hold the same then."""
    assert stream.insert(begin, segment, limit_bytes) == model.insert(begin, segment, limit_bytes)
    assert stream.base == model.base
    assert bytes(stream.buffer) == model.front()
    assert stream.end() == model.end()
    pieces = [(island.begin, island.bytes_between(island.begin, island.end)) for island in stream._islands]
    assert pieces == [piece for piece in model.pieces if piece[0] != model.base]
    assert stream._begins == [island.begin for island in stream._islands]
    overhead = stream.held_bytes - len(stream.buffer) - sum(island.size() for island in stream._islands)
    assert overhead == 256 * len(pieces)
    assert len(pieces) <= 31


def reassembly(data: bytes) -> None:
    """Pieces of unreliable messages, in any order, as in a simple model (spec 2, 2.5.1)."""
    choices = Choices(data)
    ours = UnreliableReassembly()
    model: dict[tuple[int, int], tuple[bool, bytes]] = {}
    while not choices.is_over():
        number, offset = choices.below(6), choices.below(64)
        is_last = choices.byte() < 0x50
        piece = bytes([choices.byte()]) * choices.below(40)
        if len(model) > PIECES_MAX:
            lowest = min(model)[0]
            model = {key: value for key, value in model.items() if key[0] != lowest}
        is_known = (number, offset) in model
        if not is_known:
            model[number, offset] = (is_last, piece)
        expected = None if is_known else _whole(model, number)
        assert ours.insert(number, offset, is_last, piece) == expected
        if expected is not None:
            model = {key: value for key, value in model.items() if key[0] != number}
        assert ours.held_bytes == sum(len(data) + PIECE_OVERHEAD_BYTES for _, data in model.values())
        assert ours._count == len(model) <= PIECES_MAX + 1


def _whole(model: dict[tuple[int, int], tuple[bool, bytes]], number: int) -> bytes | None:
    """The message, if its pieces reach from its beginning to its last one."""
    whole = bytearray()
    for key in sorted(key for key in model if key[0] == number):
        is_last, piece = model[key]
        if key[1] > len(whole):
            return None
        whole[key[1] : key[1] + len(piece)] = piece
        if is_last:
            return bytes(whole)
    return None


def number_runs(data: bytes) -> None:
    """A set of numbers kept as runs says the same as a set."""
    choices = Choices(data)
    runs, model = NumberRuns(), set[int]()
    floor = 0
    while not choices.is_over():
        begin = floor + choices.byte()
        end = begin + 1 + choices.below(40)
        kind = choices.byte()
        if kind < 0xA0:
            new = [number for begin_new, end_new in runs.add(begin, end) for number in range(begin_new, end_new)]
            assert new == [number for number in range(begin, end) if number not in model]
            model.update(range(begin, end))
        elif kind < 0xD0:
            gaps = [number for begin_gap, end_gap in runs.gaps(begin, end) for number in range(begin_gap, end_gap)]
            assert gaps == [number for number in range(begin, end) if number not in model]
        elif kind < 0xE8:
            floor = max(floor, begin)
            runs.forget_below(begin)
            model = {number for number in model if number >= begin}
        else:
            ordered = sorted(model)
            stop = runs.take_through(floor)
            expected = floor
            place = bisect_left(ordered, floor)
            while place < len(ordered) and ordered[place] == expected:
                expected += 1
                place += 1
            assert stop == expected
            floor = stop
            model = {number for number in model if number >= floor}
        assert runs.is_empty() == (not model)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "numbers": numbers,
    "frames": frames,
    "packets": packets,
    "control-messages": control_messages,
    "stream-headers": stream_headers,
    "replay-window": replay_window,
    "reliable-stream": reliable_stream,
    "reassembly": reassembly,
    "number-runs": number_runs,
}
