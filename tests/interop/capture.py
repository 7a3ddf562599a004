"""What passed between both ends, and was it what each had a right to send? Told from the wire alone.

A relay keeps every datagram and decides what becomes of it. Afterwards all of them are decrypted and read by a decoder
that shares nothing with gamesockets (`tests.support.snp`), so that neither end is believed: packet numbers, what acks
claim, and the bytes of every message.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tests.behaviour.relay import Datagram
from tests.behaviour.traffic import Received, digest
from tests.interop.gns import Send
from tests.support.snp import Ack, Frame, MalformedError, Reader, StopWaiting, meaning_of_ack, pieces_of, read_payload

from gamesockets.torture.reference_acks import FIRST_PACKET
from gamesockets.torture.reference_receiver import near

DATA: Final = 0x80
HAS_STATS: Final = 0x01
HAS_TIME: Final = 0x02
HEADER_BYTES: Final = 7

Captured: TypeAlias = tuple[Datagram, bytes | None]
"""A datagram as it was sent, and what arrived of it."""

Open: TypeAlias = Callable[[int, bytes], bytes | None]
"""Decrypts the chunk of the packet with that number."""


@dataclass
class Weather:
    """What becomes of the datagrams of one direction: some are lost, in bursts, and of some one bit is altered.

    Attributes:
        loss: the share that is lost.
        burst: how many are lost in a row, on average.
        corruption: the share in which one bit is altered.
    """

    seed: int
    loss: float = 0.0
    burst: float = 1.0
    corruption: float = 0.0
    _is_bad: bool = False
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def __call__(self, data: bytes) -> bytes | None:
        """What arrives of it."""
        dice = self._random
        if self.loss:
            leave, enter = 1 / self.burst, self.loss / (1 - self.loss) / self.burst
            self._is_bad = dice.random() >= leave if self._is_bad else dice.random() < enter
            if self._is_bad:
                return None
        if dice.random() < self.corruption:
            altered = bytearray(data)
            altered[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
            return bytes(altered)
        return data


@dataclass(frozen=True)
class Packet:
    """A data packet as its sender made it.

    Attributes:
        place: in the capture.
        has_passed: it arrived, as it was or altered where nothing protects it.
    """

    place: int
    number: int
    payload: bytes
    has_passed: bool


@dataclass
class Direction:
    """All that one end sent."""

    packets: list[Packet] = field(default_factory=list)
    controls: list[bytes] = field(default_factory=list)


def read(capture: Sequence[Captured], opens: Mapping[bool, Open], ids: Mapping[bool, int]) -> dict[bool, Direction]:
    """Decrypts a capture: what each end sent, by whether it goes up to the server.

    `ids` are those that data packets of a direction must name. Raises `AssertionError` for a packet that is not
    authentic, or whose number does not follow.
    """
    found = {True: Direction(), False: Direction()}
    for place, (datagram, arrived) in enumerate(capture):
        direction = found[datagram.upwards]
        data = datagram.data
        if not data[0] & DATA:
            direction.controls.append(data)
            continue
        assert int.from_bytes(data[1:5], "little") == ids[datagram.upwards], "a packet for somebody else"
        last = direction.packets[-1].number if direction.packets else FIRST_PACKET - 1
        number = near(int.from_bytes(data[5:7], "little"), 16, last)
        assert number == last + 1, f"packet {number} after {last}"
        payload = opens[datagram.upwards](number, chunk_of(data))
        assert payload is not None, f"packet {number} cannot be decrypted"
        has_passed = arrived == data or (arrived is not None and _opens(arrived, data, number, opens[datagram.upwards]))
        direction.packets.append(Packet(place, number, payload, has_passed))
    return found


def _opens(arrived: bytes, data: bytes, number: int, open_chunk: Open) -> bool:
    """Whether an altered packet may be taken: most of its header is not authenticated (spec 1, 1.3 rule 2)."""
    try:
        return arrived[0] & DATA > 0 and arrived[1:7] == data[1:7] and open_chunk(number, chunk_of(arrived)) is not None
    except MalformedError:
        return False


def chunk_of(data: bytes) -> bytes:
    """The encrypted part of a data packet (spec 1, 1.3)."""
    reader = Reader(data)
    reader.take(HEADER_BYTES)
    if data[0] & HAS_STATS:
        reader.take(reader.varint(32))
    if data[0] & HAS_TIME:
        reader.take(2)
    return reader.rest()


def assert_true_acks(sent: Direction, acked_by: Direction) -> int:
    """No ack claims a packet that did not arrive; how many acks were looked at."""
    acks = 0
    minimum = latest = FIRST_PACKET - 1
    passed: set[int] = set()
    waiting = iter(sent.packets)
    upcoming = next(waiting, None)
    for packet in acked_by.packets:
        while upcoming is not None and upcoming.place < packet.place:
            latest = upcoming.number
            if upcoming.has_passed:
                passed.add(upcoming.number)
                for frame in _frames(upcoming):
                    if isinstance(frame, StopWaiting):
                        minimum = max(minimum, upcoming.number - frame.offset - 1)
            upcoming = next(waiting, None)
        for frame in _frames(packet):
            if isinstance(frame, Ack):
                meaning = meaning_of_ack(frame, latest + 1)
                false = {number for number in meaning.claims(minimum) if number >= FIRST_PACKET} - passed
                assert not false, f"packet {packet.number} acknowledges {sorted(false)[:5]}, which did not arrive"
                acks += 1
    return acks


def _frames(packet: Packet) -> list[Frame]:
    frames, is_faulty = read_payload(packet.payload)
    assert not is_faulty, f"packet {packet.number} cannot be decoded: {packet.payload.hex()}"
    return frames


def messages_of(direction: Direction) -> list[Received]:
    """The messages in what arrived, as the application must have got them: reliable ones in order, lane by lane.

    Raises `AssertionError` if the bytes of a reliable stream were ever sent in two versions.
    """
    streams: dict[int, dict[int, int]] = {}
    arrived: dict[int, set[int]] = {}
    found: list[Received] = []
    for packet in direction.packets:
        for piece in pieces_of(packet.payload):
            if piece.is_reliable:
                stream = streams.setdefault(piece.lane, {})
                for place, byte in enumerate(piece.data, piece.place):
                    assert stream.setdefault(place, byte) == byte, f"stream byte {place} was sent in two versions"
                if packet.has_passed:
                    arrived.setdefault(piece.lane, set()).update(range(piece.place, piece.place + len(piece.data)))
            elif packet.has_passed and piece.is_last and not piece.offset:
                found.append(_received(piece.place, piece.lane, Send.UNRELIABLE, piece.data))
    for lane, stream in streams.items():
        end = 1
        while end in arrived.get(lane, ()):
            end += 1
        found += _messages_in(lane, bytes(stream[place] for place in range(1, end)))
    return found


def _messages_in(lane: int, stream: bytes) -> list[Received]:
    """The whole messages at the beginning of a stream (spec 2, 2.3)."""
    reader = Reader(stream)
    number = 0
    found: list[Received] = []
    while not reader.done():
        try:
            lead = reader.integer(1)
            number += reader.varint(64) if lead & 0x40 else 1
            size = lead % 32 + (reader.varint(64) * 32 if lead & 0x20 else 0)
            data = reader.take(size)
        except MalformedError:
            break
        found.append(_received(number, lane, Send.RELIABLE, data))
    return found


def _received(number: int, lane: int, flags: int, data: bytes) -> Received:
    return Received(number, lane, flags, len(data), digest(data))
