"""Puts segments and pieces of several lanes into the plaintext of one packet (spec 2, 2.7.2 and 2.16).

Only the very last segment of a payload leaves its size out. A lane with reliable data comes last, because a
reference receiver schedules an ack only if the last lane section had some.
"""

from typing import Final, final

from gamesockets.send.reliable import Segment
from gamesockets.wire.frames import RELATIVE, encode_reliable, encode_select_lane, encode_unreliable, to_end, with_size
from gamesockets.wire.numbers import varint_length

FIRST_RELIABLE_HEADER_BYTES: Final = 7
FIRST_UNRELIABLE_HEADER_BYTES: Final = 5
NEXT_UNRELIABLE_HEADER_BYTES: Final = 1
"""Of a whole message whose number is one above the previous one in its section."""

SIZE_BYTES: Final = 1
ANNOUNCE_BYTES: Final = 12
"""Upper bound for mentioning a message number: lead, number, offset, size."""

_SELECT_LANE_0_BYTES: Final = 2
_NO_LANE: Final = -1

_SIZES: Final = 1280
_NEXT_UNRELIABLE: Final = encode_unreliable(RELATIVE, 1, 0, True)
_NEXT_UNRELIABLE_SIZED: Final = [with_size(_NEXT_UNRELIABLE, size) for size in range(_SIZES)]
_NEXT_RELIABLE: Final = encode_reliable(RELATIVE, 0)


@final
class Section:
    """The frames of one lane in one packet, and the numbers that the next frame is relative to."""

    __slots__ = ("has_reliable", "last_header", "number", "parts", "position")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.last_header = b""
        self.number = 0
        self.position = 0
        self.has_reliable = False


@final
class PacketBuilder:
    """One packet at a time: `start`, add while `room` lasts, `finish`."""

    __slots__ = ("_lane", "_section", "_sections", "_several", "room", "segments")

    def __init__(self) -> None:
        self._sections: dict[int, Section] = {}
        """By lane; not used where there is one lane only."""
        self._section = Section()
        self._lane = _NO_LANE
        self._several = False
        self.room = 0
        """Bytes left for frames."""
        self.segments: list[Segment] = []
        """Reliable segments in this packet."""

    def start(self, room: int, several_lanes: bool) -> None:
        """Begins an empty packet with that many bytes for frames."""
        if self._sections:
            self._sections = {}
        if self.segments:
            self.segments = []
        self._lane = _NO_LANE
        self._several = several_lanes
        self.room = room

    def is_empty(self) -> bool:
        """Whether nothing was added yet."""
        return self._lane == _NO_LANE

    def _section_of(self, lane: int) -> Section | None:
        """The section of a lane if it has frames."""
        if lane == self._lane:
            return self._section
        return self._sections.get(lane) if self._several else None

    def _enter(self, lane: int) -> Section:
        """The section of a lane; its first frame pays for selecting the lane."""
        if lane == self._lane:
            return self._section
        if not self._several:
            section = Section()
        elif lane in self._sections:
            section = self._sections[lane]
        else:
            self.room -= self.select_bytes(lane)
            section = self._sections[lane] = Section()
        self._lane = lane
        self._section = section
        return section

    def select_bytes(self, lane: int) -> int:
        """What a first frame on this lane costs before its own header.

        Lane 0 alone needs no select frame; with others it may have to come last, which takes one.
        """
        sections = self._sections
        if not self._several or lane in sections:
            return 0
        if lane == 0:
            return _SELECT_LANE_0_BYTES if sections else 0
        size = len(encode_select_lane(lane))
        return size + _SELECT_LANE_0_BYTES if 0 in sections and len(sections) == 1 else size

    def segment_header_bytes(self, segment: Segment) -> int:
        """Header size, without the size byte, of a segment and what it has to announce."""
        size = self.reliable_header_bytes(segment.stream.index, segment.position)
        return size + ANNOUNCE_BYTES if segment.announce else size

    def reliable_header_bytes(self, lane: int, position: int) -> int:
        """Header size, without the size byte, of a segment at `position`."""
        section = self._section_of(lane)
        if section is None or section.position == 0:
            return FIRST_RELIABLE_HEADER_BYTES + self.select_bytes(lane)
        gap = position - section.position
        if gap == 0:
            return 1
        return 2 if gap < 0x100 else 3 if gap < 0x1_0000 else 5

    def goes_back(self, segment: Segment) -> bool:
        """Whether a segment lies before one of its lane that is in this packet: no header says that."""
        section = self._section_of(segment.stream.index)
        return section is not None and segment.position < section.position

    def add_reliable(self, segment: Segment) -> None:
        """Adds a segment whose header and data were found to fit."""
        if segment.announce:
            # A piece that never becomes a message: it only mentions the number.
            self.add_unreliable(segment.stream.index, segment.announce, 1, False, b"")
        section = self._enter(segment.stream.index)
        position = segment.position
        data = segment.data
        if section.position == 0:
            header = encode_reliable(48, position)
        elif position == section.position:
            header = _NEXT_RELIABLE
        else:
            header = encode_reliable(RELATIVE, position - section.position)
        section.position = position + len(data)
        section.has_reliable = True
        if section.number > 0:
            section.number += 1
        section.parts += (with_size(header, len(data)), data)
        section.last_header = header
        self.room -= len(header) + len(data) + SIZE_BYTES
        self.segments.append(segment)

    def unreliable_header_bytes(self, lane: int, number: int, offset: int) -> int:
        """Header size, without the size byte, of a piece of message `number`."""
        section = self._section_of(lane)
        if section is None or section.number == 0:
            size = FIRST_UNRELIABLE_HEADER_BYTES + self.select_bytes(lane)
        else:
            increment = number - section.number
            size = 1 if increment == 1 else 1 + varint_length(increment)
        return size + varint_length(offset) if offset else size

    def add_unreliable(self, lane: int, number: int, offset: int, is_last: bool, data: bytes) -> None:
        """Adds a piece whose header and data were found to fit."""
        section = self._enter(lane)
        size = len(data)
        if number - section.number == 1 and section.number and is_last and not offset:
            header = _NEXT_UNRELIABLE
            section.parts += (_NEXT_UNRELIABLE_SIZED[size], data)
        else:
            if section.number == 0:
                header = encode_unreliable(32, number, offset, is_last)
            else:
                header = encode_unreliable(RELATIVE, number - section.number, offset, is_last)
            section.parts += (with_size(header, size), data)
        section.number = number
        section.last_header = header
        self.room -= len(header) + size + SIZE_BYTES

    def add_unreliable_run(self, lane: int, number: int, bodies: list[bytes]) -> None:
        """Adds whole messages numbered `number` and on, each one byte of header behind its predecessor."""
        section = self._enter(lane)
        sizes = 0
        parts = section.parts
        for body in bodies:
            size = len(body)
            parts.append(_NEXT_UNRELIABLE_SIZED[size])
            parts.append(body)
            sizes += size
        section.number = number + len(bodies) - 1
        section.last_header = _NEXT_UNRELIABLE
        self.room -= sizes + len(bodies) * (len(_NEXT_UNRELIABLE) + SIZE_BYTES)

    def finish(self, prefix: bytes) -> bytes:
        """The payload: `prefix` (whole frames), then the sections."""
        if self._lane == _NO_LANE:
            return prefix
        if not self._several:
            section = self._section
            section.parts[-2] = to_end(section.last_header)
            section.parts[0] = prefix + section.parts[0]
            return b"".join(section.parts)
        sections = self._sections
        order = sorted(sections)
        if not sections[order[-1]].has_reliable:
            for lane in order:
                if sections[lane].has_reliable:
                    order.remove(lane)
                    order.append(lane)
                    break
        parts = [prefix]
        for place, lane in enumerate(order):
            if lane or place:
                parts.append(encode_select_lane(lane))
            parts += sections[lane].parts
        parts[-2] = to_end(sections[order[-1]].last_header)
        return b"".join(parts)
