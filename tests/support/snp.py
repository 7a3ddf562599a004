"""What do the frames of a payload say? A reading of the wire format that shares no code with gamesockets.

It follows spec 2, 2.2 word by word, slowly and with exceptions, so that tests can compare.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.inbox import Inbox
from gamesockets.receive.acks import AckReporter
from gamesockets.receive.memory import MemoryPool
from gamesockets.receive.receiver import ACKNOWLEDGED, ACKNOWLEDGED_SOON, FAULTY, NOT_ACKNOWLEDGED, Receiver
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.wire.frames import FrameSink

Blocks: TypeAlias = list[tuple[int, int]]

fast = settings(max_examples=100)
"""For properties of single functions. A shared machine has hiccups, so there is no time limit per example."""

T = TypeVar("T")


def scripts(step: st.SearchStrategy[T], longest: int = 80) -> st.SearchStrategy[list[T]]:
    """Short ones, which are easy to understand when they fail, and long ones, which are rare if left to chance."""
    return st.one_of(st.lists(step, max_size=6), st.lists(step, min_size=longest // 2, max_size=longest))


chances = st.integers(0, 1 << 32).map(random.Random)
"""Much cheaper than `st.randoms` where one example draws thousands of numbers."""

slow = settings(max_examples=40)
"""For properties in which one example is a whole conversation."""


@dataclass(frozen=True)
class Unreliable:
    """Number bits 0: the number is an increment."""

    number_bits: int
    number: int
    offset: int
    is_last: bool
    data: bytes


@dataclass(frozen=True)
class Reliable:
    """Position bits 0: the position is a gap."""

    position_bits: int
    position: int
    data: bytes


@dataclass(frozen=True)
class Ack:
    latest_bits: int
    latest: int
    delay: int
    blocks: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class StopWaiting:
    offset: int


@dataclass(frozen=True)
class SelectLane:
    lane: int


Frame: TypeAlias = Unreliable | Reliable | Ack | StopWaiting | SelectLane


class MalformedError(Exception):
    """The payload breaks a rule."""


class FrameRecorder(FrameSink):
    """Keeps what `gamesockets.wire.frames.decode` hands over; refuses everything after `limit` frames."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.frames: list[Frame] = []
        self._limit = limit

    def _keep(self, frame: Frame) -> bool:
        self.frames.append(frame)
        return len(self.frames) < self._limit

    def unreliable(self, number_bits: int, number: int, offset: int, is_last: bool, data: bytes) -> bool:
        return self._keep(Unreliable(number_bits, number, offset, is_last, data))

    def reliable(self, position_bits: int, position: int, data: bytes) -> bool:
        return self._keep(Reliable(position_bits, position, data))

    def ack(self, latest_bits: int, latest: int, delay: int, blocks: list[tuple[int, int]]) -> bool:
        return self._keep(Ack(latest_bits, latest, delay, tuple(blocks)))

    def stop_waiting(self, offset: int) -> bool:
        return self._keep(StopWaiting(offset))

    def select_lane(self, lane: int) -> bool:
        return self._keep(SelectLane(lane))


class Reader:
    """Takes bytes from the front and complains when there are none."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def take(self, count: int) -> bytes:
        if self.place + count > len(self.data):
            raise MalformedError(f"{count} bytes wanted at {self.place} of {len(self.data)}")
        self.place += count
        return self.data[self.place - count : self.place]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.place)

    def done(self) -> bool:
        return self.place == len(self.data)

    def integer(self, width: int) -> int:
        return sum(byte << (8 * place) for place, byte in enumerate(self.take(width)))

    def varint(self, bits: int) -> int:
        value = 0
        for group in range(-(-bits // 7)):
            byte = self.integer(1)
            value += (byte % 128) << (7 * group)
            if byte < 128:
                return value % (1 << bits)
        raise MalformedError("a varint without end")


def read_payload(payload: bytes) -> tuple[list[Frame], bool]:
    """The frames before the first fault, and whether there is one."""
    reader = Reader(payload)
    frames: list[Frame] = []
    first = {"number": True, "position": True}
    try:
        while not reader.done():
            frames.append(_read_frame(reader, first))
    except MalformedError:
        return frames, True
    return frames, False


def _read_frame(reader: Reader, first: dict[str, bool]) -> Frame:
    bits = f"{reader.integer(1):08b}"
    if bits[:2] == "00":
        return _read_unreliable(reader, bits, first)
    if bits[:3] == "010":
        return _read_reliable(reader, bits, first)
    if bits[:6] == "100000":
        return StopWaiting(reader.integer({"00": 1, "01": 2, "10": 3, "11": 8}[bits[6:]]))
    if bits[:5] == "10001":
        lane = reader.varint(32) if bits[5:] == "111" else int(bits[5:], 2) + 1
        if lane > 255:
            raise MalformedError(f"lane {lane}")
        first["number"] = first["position"] = True
        return SelectLane(lane)
    if bits[:4] == "1001":
        return _read_ack(reader, bits)
    raise MalformedError(f"lead byte {bits}")


def _read_unreliable(reader: Reader, bits: str, first: dict[str, bool]) -> Unreliable:
    end, wide, has_offset = bits[2], bits[3], bits[4]
    if first["number"]:
        number_bits = 32 if wide == "1" else 16
        number = reader.integer(number_bits // 8)
        first["number"] = False
    else:
        number_bits = 0
        number = reader.varint(64) if wide == "1" else 1
    offset = reader.varint(32) if has_offset == "1" else 0
    return Unreliable(number_bits, number, offset, end == "1", _read_data(reader, bits))


def _read_reliable(reader: Reader, bits: str, first: dict[str, bool]) -> Reliable:
    width = bits[3:5]
    if first["position"]:
        if width == "11":
            raise MalformedError("no such position")
        position_bits = {"00": 24, "01": 32, "10": 48}[width]
        position = reader.integer(position_bits // 8)
        first["position"] = False
    else:
        position_bits = 0
        position = reader.integer({"00": 0, "01": 1, "10": 2, "11": 4}[width])
    return Reliable(position_bits, position, _read_data(reader, bits))


def _read_data(reader: Reader, bits: str) -> bytes:
    code = int(bits[5:], 2)
    if code == 7:
        return reader.rest()
    if code > 4:
        raise MalformedError("reserved size code")
    return reader.take(code * 256 + reader.integer(1))


def _read_ack(reader: Reader, bits: str) -> Ack:
    latest_bits = 16 if bits[4] == "1" else 32
    latest = reader.integer(latest_bits // 8)
    delay = reader.integer(2)
    count = int(bits[5:], 2)
    if count == 7:
        count = reader.integer(1)
    blocks = []
    for _ in range(count):
        nibbles = reader.integer(1)
        runs = []
        for nibble in (nibbles // 16, nibbles % 16):
            if nibble >= 8:
                upper = reader.varint(64)
                if upper > 100_000:
                    raise MalformedError(f"a run of {upper} times 8")
                runs.append(nibble - 8 + 8 * upper)
            else:
                runs.append(nibble)
        blocks.append((runs[0], runs[1]))
    return Ack(latest_bits, latest, delay, tuple(blocks))


@dataclass(frozen=True)
class Piece:
    """A segment whose place in its lane is known: a message number, or a position in the reliable stream."""

    lane: int
    is_reliable: bool
    place: int
    data: bytes
    offset: int = 0
    is_last: bool = True


def pieces_of(payload: bytes) -> list[Piece]:
    """All segments of a payload of our own making, which always begins a lane with full numbers (spec 2, 2.16)."""
    frames, is_faulty = read_payload(payload)
    assert not is_faulty, payload.hex()
    lane = number = position = 0
    pieces: list[Piece] = []
    for frame in frames:
        if isinstance(frame, SelectLane):
            lane, number, position = frame.lane, 0, 0
        elif isinstance(frame, Unreliable):
            assert frame.number_bits in (0, 32)
            number = frame.number + (0 if frame.number_bits else number)
            pieces.append(Piece(lane, False, number, frame.data, frame.offset, frame.is_last))
        elif isinstance(frame, Reliable):
            assert frame.position_bits in (0, 48)
            position = frame.position + (0 if frame.position_bits else position)
            pieces.append(Piece(lane, True, position, frame.data))
            position += len(frame.data)
            number += number > 0
    return pieces


@dataclass(frozen=True)
class AckMeaning:
    """What a sender that is about to send `next_number` understands from an ack frame."""

    latest: int
    acked: frozenset[int]
    """Packets that the blocks call received."""
    missing: frozenset[int]
    implied_below: int
    """Everything below, down to the last stop-waiting value, counts as received."""

    def claims(self, minimum: int) -> set[int]:
        """All packets from `minimum` on that the sender will take for received."""
        implied = range(minimum, self.implied_below)
        return {number for number in self.acked if number >= minimum}.union(implied)


def meaning_of_ack(frame: Ack, next_number: int) -> AckMeaning:
    """The bookkeeping of spec 2, 2.8.2, number by number."""
    modulus = 1 << frame.latest_bits
    candidates = (next_number - next_number % modulus + frame.latest + turn * modulus for turn in (-1, 0, 1))
    latest = min(candidates, key=lambda number: abs(number - next_number))
    number = latest
    acked: set[int] = set()
    missing: set[int] = set()
    for acks, nacks in frame.blocks:
        acked.update(range(number - acks + 1, number + 1))
        number -= acks
        missing.update(range(number - nacks + 1, number + 1))
        number -= nacks
    return AckMeaning(latest, frozenset(acked), frozenset(missing), number + 1)


def describe(received: set[int], minimum: int, latest: int) -> Blocks:
    """The blocks of a truthful ack frame about [minimum, latest], newest first."""
    blocks: Blocks = []
    number = latest
    while True:
        acks = nacks = 0
        while number >= minimum and number in received:
            acks += 1
            number -= 1
        while number >= minimum and number not in received:
            nacks += 1
            number -= 1
        if not nacks:
            return blocks
        blocks.append((acks, nacks))


class Reception:
    """A receiver with everything it needs around it."""

    def __init__(self, options: ConnectionOptions | None = None) -> None:
        self.ack_reporter = AckReporter(2)
        self.peer = PeerRecord(1, NetworkingIdentity.invalid())
        self.ready: set[Inbox] = set()
        self.inbox = Inbox(self.ready)
        self.receiver = Receiver(self.ack_reporter, self.peer, self.inbox, options or ConnectionOptions(), MemoryPool())
        self.number = 1
        """Of the last packet."""
        self.next_to_send = 100
        """In the other direction: acks of this packet and later ones make no sense."""
        self.verdict = ACKNOWLEDGED
        """What is to be done with the last packet."""

    def process(self, payload: bytes, number: int = 0, now: int = 0) -> int:
        """The payload of the next packet, or of the one with this number; the receiver's verdict."""
        self.number = number or self.number + 1
        self.verdict = self.receiver.process(payload, self.number, self.next_to_send, now)
        return self.verdict

    def take(self, *payloads: bytes, now: int = 0) -> list[NetworkingMessage]:
        """Processes the payloads and reads everything that came out."""
        for payload in payloads:
            self.process(payload, 0, now)
        return self.inbox.take(1 << 30)

    def is_recorded(self) -> bool:
        """Whether the last packet counts as received, acknowledged or not."""
        return self.verdict in (NOT_ACKNOWLEDGED, ACKNOWLEDGED, ACKNOWLEDGED_SOON)

    def acknowledges(self) -> bool:
        """Whether the last packet may be reported as received."""
        return self.verdict in (ACKNOWLEDGED, ACKNOWLEDGED_SOON)

    def has_fault(self) -> bool:
        """Whether the last packet ends the connection."""
        assert (self.verdict == FAULTY) == bool(self.receiver.fault)
        return self.verdict == FAULTY


def texts(messages: Sequence[NetworkingMessage]) -> list[bytes]:
    """The contents alone."""
    return [message.data for message in messages]
