"""What does a peer put into its packets that wants them to be dear? Frames that are valid, in orders nobody sends.

A draw decides all: patterns that a person thought of (`tests/hostile` has more) are mixed in ways that nobody did.
"""

from collections.abc import Callable, Iterator
from enum import IntEnum
from random import Random
from typing import Final, final

from gamesockets.wire.frames import (
    encode_ack,
    encode_reliable,
    encode_select_lane,
    encode_stop_waiting,
    encode_unreliable,
    with_size,
)
from gamesockets.wire.stream import encode_message_header

__all__ = ["LETHAL", "Assault", "Manner", "Numbers"]

ROOM: Final = 1200
"""Bytes of a full payload."""

_BASES: Final = (0, 1, 5_000, 100_000, 1_000_000)
_STRIDES: Final = (-1101, -3, -3, -1, 0, 1, 2, 2, 3, 100, 3_000)
_SIZES: Final = (0, 1, 1, 1, 2, 100, 1100)
_LANES: Final = (1, 1, 2, 10, 256)


class Manner(IntEnum):
    """How."""

    SEGMENTS = 0
    """Bytes of reliable streams, up and down, next to each other, over each other, far ahead."""
    STREAM = 1
    """The beginning of a stream that makes sense: many small messages, or a large one."""
    PIECES = 2
    """Pieces of unreliable messages, few of which get whole."""
    MESSAGES = 3
    """Whole unreliable messages, in any order of their numbers."""
    ACKS = 4
    """Acknowledgements: the same again, a little less, every second packet."""
    LANES = 5
    """Lanes selected for little or nothing, and the same told again about what is not waited for."""
    MIXED = 6
    """Any of these, frame by frame."""
    FUTURE_ACK = 7
    """An acknowledgement of what was never sent."""
    NOISE = 8
    """What cannot be read, which ends the connection."""


LETHAL: Final = frozenset({Manner.NOISE})
"""After these the connection must be over."""


@final
class Numbers:
    """Which packets there are.

    Args:
        own: the number of the packet that is made.
        first: of the victim's packets, the oldest that it may still remember.
        next_number: of its next packet.
    """

    __slots__ = ("first", "next_number", "own")

    def __init__(self, own: int, first: int, next_number: int) -> None:
        self.own = own
        self.first = first
        self.next_number = next_number


@final
class Assault:
    """Packets of one manner, each of which goes on where the one before ended.

    Args:
        manner: one of `Manner`.
        random: what they are drawn from.
        numbers: which packets there are; who calls `payload` keeps it up to date.
    """

    __slots__ = ("_frames", "_manner", "_numbers", "_random")

    def __init__(self, manner: int, random: Random, numbers: Numbers) -> None:
        self._manner = manner
        self._random = random
        self._numbers = numbers
        if manner < Manner.MIXED:
            self._frames = _SOURCES[manner](random, numbers)
        else:
            self._frames = _any_of([source(random, numbers) for source in _SOURCES], random)

    def payload(self) -> bytes:
        """That of the next packet: as many frames as it takes."""
        random = self._random
        if self._manner == Manner.NOISE:
            return b"\xff" + random.randbytes(ROOM - 1)
        if self._manner == Manner.FUTURE_ACK:
            return encode_ack(self._numbers.next_number + random.choice((0, 1, 5_000)), -1, [])
        payload = b""
        for frame in self._frames:
            if len(payload) + len(frame) > ROOM:
                break
            payload += frame
        return payload


def _any_of(sources: list[Iterator[bytes]], random: Random) -> Iterator[bytes]:
    while True:
        yield next(random.choice(sources))


def _data(random: Random) -> bytes:
    return bytes(random.choice(_SIZES))


def _segments(random: Random, _: Numbers) -> Iterator[bytes]:
    base, stride, lanes = random.choice(_BASES), random.choice(_STRIDES), random.choice(_LANES)
    size = random.choice(_SIZES)
    place = 0
    while True:
        position = base + stride * place + (random.randrange(4000) if random.random() < 0.1 else 0)
        header = with_size(encode_reliable(48, max(1, position)), size)
        yield encode_select_lane(place % lanes) + header + bytes(size)
        place += 1


def _stream(random: Random, _: Numbers) -> Iterator[bytes]:
    size = random.choice((0, 1, 1, 30, 25_000))
    text = (encode_message_header(1, size) + bytes(min(size, 1000))) * 200
    lane, position = random.randrange(random.choice(_LANES)), 1
    while True:
        step = random.choice((1, 3, 40, 1000))
        data = text[position - 1 : position - 1 + step] or bytes(step)
        yield encode_select_lane(lane) + with_size(encode_reliable(48, position), len(data)) + data
        position += len(data)


def _pieces(random: Random, _: Numbers) -> Iterator[bytes]:
    lanes, numbers, stride = random.choice(_LANES), random.choice((1, 3, 1000)), random.choice((-1, 0, 1, 7))
    place = 0
    while True:
        number, offset = 1 + place % numbers, max(0, 3000 + stride * place) % 16_000
        data = _data(random)
        is_last = random.random() < 0.05
        header = with_size(encode_unreliable(16, number, offset, is_last), len(data))
        yield encode_select_lane(place % lanes) + header + data
        place += 1


def _messages(random: Random, _: Numbers) -> Iterator[bytes]:
    lanes, base, stride = random.choice(_LANES), random.choice((1, 2_000, 6_000)), random.choice((-4, -1, 1, 4, 0))
    size = random.choice((0, 1, 1, 100))
    place = 0
    while True:
        number = max(1, base + stride * place)
        yield encode_select_lane(place % lanes) + with_size(encode_unreliable(16, number, 0, True), size) + bytes(size)
        place += 1


def _acks(random: Random, numbers: Numbers) -> Iterator[bytes]:
    step, kind = random.choice((0, 0, 1, 16)), random.randrange(4)
    place = 0
    while True:
        latest = max(numbers.next_number - 1 - step * (place % 200), numbers.first, 1)
        width = latest - numbers.first
        if kind == 0:
            blocks = [(1, width - 1)] if width > 1 else []
        elif kind == 1:
            blocks = [(1, 1)] * min(255, width // 2)
        elif kind == 2:
            blocks = [(0, width // 4), (0, 0), (1, 0)] * (2 if width > 4 else 0)
        else:
            blocks = [(random.randrange(20), random.randrange(20)) for _ in range(min(width // 40, 30))]
        yield encode_ack(latest, random.choice((-1, 0, 100_000)), blocks)
        place += 1


def _lanes(random: Random, numbers: Numbers) -> Iterator[bytes]:
    place = 0
    while True:
        kind = random.randrange(3)
        frame = encode_select_lane(place % 256)
        if kind == 1:
            frame += with_size(encode_unreliable(16, 1, 0, True), 0)
        elif kind == 2:
            frame = encode_stop_waiting(min(2, numbers.own - 2))
        yield frame
        place += 1


_SOURCES: Final[list[Callable[[Random, Numbers], Iterator[bytes]]]] = [
    _segments,
    _stream,
    _pieces,
    _messages,
    _acks,
    _lanes,
]
"""In the order of `Manner`."""
