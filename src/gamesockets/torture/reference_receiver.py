"""What would the reference library make of this payload? A second receiver, written from the specification alone.

It shares no code with the rest of the package: an error in one is not repeated in the other. It decodes with its own
reader, keeps the reference library's limits and oddities, and complains about everything that a well-behaved sender
must not cause (spec 2, 2.2 to 2.6 and 2.16). Tests hold it against traffic that the reference library was recorded to
send and to answer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gamesockets.torture.reference_acks import ACK_DELAY_US, FIRST_PACKET, Acks, FaultError

ACKNOWLEDGED: Final = "acknowledged"
REFUSED: Final = "refused"
IGNORED: Final = "ignored"
CLOSED: Final = "closed"

Frame = dict[str, Any]


class SkipError(Exception):
    """The rest of the packet is ignored."""

    def __init__(self, is_recorded: bool) -> None:
        super().__init__()
        self.is_recorded = is_recorded


@dataclass
class Limits:
    """The receiver's settings (spec 2, 2.15)."""

    buffer_bytes: int = 1_048_576
    buffer_messages: int = 1000
    message_bytes: int = 524_288
    segments_per_packet: int = 1300


@dataclass(frozen=True)
class Delivered:
    """A message in the hands of the application."""

    number: int
    lane: int
    reliable: bool
    data: bytes


def near(low: int, bits: int, reference: int) -> int:
    """Nearest number with these low bits, a tie goes down (spec 2, 2.2.2)."""
    span = 1 << bits
    candidates = [reference // span * span + low + step * span for step in (-1, 0, 1)]
    return min(candidates, key=lambda value: (abs(value - reference), value))


class Reader:
    """Bytes of one payload, front to back."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def done(self) -> bool:
        """Nothing is left."""
        return self.at == len(self.data)

    def take(self, count: int) -> bytes:
        """That many bytes."""
        if self.at + count > len(self.data):
            raise FaultError(5002, "field past the end")
        self.at += count
        return self.data[self.at - count : self.at]

    def number(self, count: int) -> int:
        """Little-endian integer of that many bytes."""
        return int.from_bytes(self.take(count), "little")

    def varint(self, bits: int) -> int:
        """Base-128, at most as many groups as the width needs."""
        value = 0
        for group in range(-(-bits // 7)):
            byte = self.number(1)
            value += (byte % 128) << (7 * group)
            if byte < 128:
                return value % (1 << bits)
        raise FaultError(5002, "varint too long")

    def segment(self, code: int) -> bytes:
        """The data of a segment, its size told by the three low bits of the lead byte."""
        if code == 7:
            return self.take(len(self.data) - self.at)
        if code > 4:
            raise FaultError(5002, "reserved size code")
        return self.take(code * 256 + self.number(1))


class Stream:
    """One lane's reliable bytes as disjoint pieces with gaps between them (spec 2, 2.5.2)."""

    def __init__(self) -> None:
        self.base = 1
        self.pieces: list[tuple[int, bytes]] = []
        self.last_number = 0

    def end(self) -> int:
        """One past the highest byte received."""
        return self.pieces[-1][0] + len(self.pieces[-1][1]) if self.pieces else self.base

    def gaps(self) -> list[tuple[int, int]]:
        """Holes below `end`."""
        found = []
        at = self.base
        for begin, data in self.pieces:
            if begin > at:
                found.append((at, begin))
            at = begin + len(data)
        return found

    def insert(self, begin: int, data: bytes, limit: int) -> bool:
        """False if the segment is refused."""
        end = begin + len(data)
        if end <= self.base:
            return True
        gaps = self.gaps()
        if end > self.end():
            if end - self.base > limit or (begin > self.end() and len(gaps) >= 30):
                return False
        elif len(gaps) >= 20 and any(low < begin and end < high for low, high in gaps):
            return False
        if begin < self.base:
            data = data[self.base - begin :]
            begin = self.base
        touching = [piece for piece in self.pieces if piece[0] <= end and begin <= piece[0] + len(piece[1])]
        low = min([begin, *[piece[0] for piece in touching]])
        high = max([end, *[piece[0] + len(piece[1]) for piece in touching]])
        joined = bytearray(high - low)
        for start, old in [*touching, (begin, data)]:
            joined[start - low : start - low + len(old)] = old
        self.pieces = sorted([*[piece for piece in self.pieces if piece not in touching], (low, bytes(joined))])
        return True

    def front(self) -> bytes:
        """What can be read without a gap."""
        return self.pieces[0][1] if self.pieces and self.pieces[0][0] == self.base else b""

    def consume(self, count: int) -> None:
        """The application has these bytes now."""
        rest = self.pieces[0][1][count:]
        self.base += count
        self.pieces[:1] = [(self.base, rest)] if rest else []


@dataclass
class Lane:
    """What a lane remembers between packets."""

    index: int
    highest: int = 0
    stream: Stream = field(default_factory=Stream)
    fragments: dict[tuple[int, int], tuple[bytes, bool]] = field(default_factory=dict)


class ReferenceModel:
    """One end of a connection as far as packets make it: it receives, and it answers with acks."""

    def __init__(self, limits: Limits | None = None, next_to_send: int = FIRST_PACKET) -> None:
        self.limits = limits or Limits()
        self.lanes: dict[int, Lane] = {}
        self.queue: list[Delivered] = []
        self.acks = Acks()
        self.seen: set[int] = set()
        self.newest = FIRST_PACKET - 1
        self.forgotten_below = FIRST_PACKET
        self.closed = 0
        self.next_to_send = next_to_send
        self.minimum_waited_for = 0
        self.unacknowledged = set(range(FIRST_PACKET, next_to_send))
        self.frames: list[Frame] = []
        """Those of the last packet, as the recordings write them."""
        self.complaints: list[str] = []
        """What no well-behaved sender causes."""
        self._packet = 0
        self._now = 0
        self._refused = False
        self._lane = Lane(0)
        self._number = 0
        self._position = 0
        self._segments = 0
        self._had_reliable = False

    def take(self) -> list[Delivered]:
        """The application reads everything."""
        taken, self.queue = self.queue, []
        return taken

    # ---- packets

    def receive(self, number: int, payload: bytes, now: int, flags: int = 0) -> str:
        """Processes a packet with these ack request flags; what became of it."""
        verdict = self._receive(number, payload, now)
        if verdict != ACKNOWLEDGED:
            self.complaints.append(f"packet {number} was {verdict}: {payload[:20].hex()}")
        elif self._had_reliable and not self._position:
            self.complaints.append(f"packet {number} has reliable data but no lane section with some at its end")
        if verdict in (ACKNOWLEDGED, REFUSED) and flags & 2:
            self.acks.flush_by(now if flags & 4 else now + ACK_DELAY_US)
        return verdict

    def _receive(self, number: int, payload: bytes, now: int) -> str:
        if self.closed or number in self.seen or number < max(self.forgotten_below, self.newest // 64 * 64 - 64):
            return IGNORED
        if number - self.newest > 16384:
            self.closed = 5001
            return CLOSED
        self._packet, self._now, self._refused = number, now, False
        self.frames = []
        self._had_reliable = False
        self._segments = 0
        self._select(0)
        try:
            self._decode(Reader(payload))
        except FaultError as fault:
            self.closed = fault.reason
            return CLOSED
        except SkipError as skip:
            if not skip.is_recorded:
                return IGNORED
        self.seen.add(number)
        if number - self.newest >= 100:
            self.forgotten_below = number
        self.newest = max(self.newest, number)
        if self._refused:
            self.acks.flush_by(now + 210_000)
            return REFUSED
        self.acks.record(number, self._position > 0, now)
        return ACKNOWLEDGED

    def answer(self, now: int) -> tuple[int, bytes] | None:
        """Number and payload of the ack packet that leaves now, if one is due."""
        if self.acks.deadline() > now:
            return None
        return self.packet(now, b"")

    def packet(self, now: int, segments: bytes) -> tuple[int, bytes]:
        """A packet with a stop-waiting frame and an ack frame, like all of a reference sender, and these segments."""
        number = self.next_to_send
        self.next_to_send += 1
        offset = number - self.minimum_waited_for - 1
        wait = bytes([0x80, offset]) if offset < 256 else b"\x81" + offset.to_bytes(2, "little")
        return number, wait + self.acks.frame(now, 200) + segments

    # ---- frames

    def _select(self, lane: int) -> None:
        self._lane = self.lanes.setdefault(lane, Lane(lane))
        self._number = self._position = 0

    def _decode(self, reader: Reader) -> None:
        while not reader.done():
            lead = reader.number(1)
            for mask, value, decode in self._kinds():
                if lead & mask == value:
                    decode(lead, reader)
                    break
            else:
                raise FaultError(5002, f"unassigned lead byte {lead:02x}")

    def _kinds(self) -> list[tuple[int, int, Callable[[int, Reader], None]]]:
        return [
            (0xC0, 0x00, self._unreliable),
            (0xE0, 0x40, self._reliable),
            (0xFC, 0x80, self._stop_waiting),
            (0xF8, 0x88, self._select_lane),
            (0xF0, 0x90, self._ack),
        ]

    def _unreliable(self, lead: int, reader: Reader) -> None:
        lane = self._lane
        wide = lead & 0x10 > 0
        frame: Frame = {"type": "unreliable", "lane": lane.index}
        if self._number == 0:
            bits = 32 if wide else 16
            frame["num_bits"] = bits
            self._number = near(reader.number(bits // 8), bits, lane.highest)
            if self._number <= 0:
                raise FaultError(5002, "message number")
        else:
            frame["num_delta"] = reader.varint(64) if wide else 1
            self._number = (self._number + frame["num_delta"] + 2**63) % 2**64 - 2**63
        offset = reader.varint(32) if lead & 8 else 0
        data = reader.segment(lead & 7)
        is_last = lead & 0x20 > 0
        frame |= {"num": self._number, "offset": offset, "last": is_last}
        self.frames.append(frame | {"size_explicit": lead & 7 != 7, "size": len(data)})
        lane.highest = max(lane.highest, self._number)
        self._count_segment()
        if offset or not is_last:
            if offset + len(data) > 26_000:
                return
            whole = self._reassemble(lane, offset, data, is_last)
            if whole is None:
                return
            data = whole
        if len(data) > self.limits.message_bytes:
            raise FaultError(5002, "message too large")
        self._deliver(Delivered(self._number, lane.index, False, data))

    def _reassemble(self, lane: Lane, offset: int, data: bytes, is_last: bool) -> bytes | None:
        number = self._number
        if len(lane.fragments) > 20:
            lowest = min(lane.fragments)[0]
            lane.fragments = {key: value for key, value in lane.fragments.items() if key[0] != lowest}
        lane.fragments.setdefault((number, offset), (data, is_last))
        whole = b""
        for key in sorted(key for key in lane.fragments if key[0] == number):
            piece, ends = lane.fragments[key]
            if key[1] > len(whole):
                return None
            whole = whole[: key[1]] + piece + whole[key[1] + len(piece) :]
            if ends:
                lane.fragments = {key: value for key, value in lane.fragments.items() if key[0] != number}
                return whole
        return None

    def _reliable(self, lead: int, reader: Reader) -> None:
        lane = self._lane
        code = lead >> 3 & 3
        frame: Frame = {"type": "reliable", "lane": lane.index}
        if self._position == 0:
            if code == 3:
                raise FaultError(5002, "position code")
            bits = (24, 32, 48)[code]
            low, end = reader.number(bits // 8), lane.stream.end()
            begin = end // (1 << bits) * (1 << bits) + low
            if begin + (1 << bits) // 2 - 1 < end:
                begin += 1 << bits
            if begin < 1:
                raise FaultError(5002, "stream position")
            frame["pos_bits"] = bits
        else:
            frame["pos_gap"] = reader.number((0, 1, 2, 4)[code])
            begin = self._position + frame["pos_gap"]
        data = reader.segment(lead & 7)
        self._position = begin + len(data)
        self.frames.append(frame | {"pos": begin, "size_explicit": lead & 7 != 7, "size": len(data)})
        if self._number > 0:
            self._number += 1
        self._count_segment()
        if not data:
            return
        self._had_reliable = True
        if not lane.stream.insert(begin, data, self.limits.buffer_bytes):
            self._refused = True
            return
        gaps = lane.stream.gaps()
        if not gaps or gaps[0][0] >= begin:
            self._read_stream(lane)

    def _read_stream(self, lane: Lane) -> None:
        stream = lane.stream
        while stream.front():
            reader = Reader(stream.front())
            lead = reader.number(1)
            if lead & 0x80:
                raise FaultError(5002, "stream header")
            try:
                increment = reader.varint(64) if lead & 0x40 else 1
                upper = reader.varint(64) if lead & 0x20 else 0
            except FaultError:
                return  # incomplete, so wait
            number = stream.last_number + increment
            size = lead % 32 + upper * 32
            if increment > 1_000_000 or number > lane.highest + 10_000:
                raise FaultError(5002, "message number jumped")
            limit = min(self.limits.buffer_bytes, self.limits.message_bytes)
            if lead & 0x20 and (upper >= 1 << 27 or size > limit):
                raise FaultError(5002, "message too large")
            lane.highest = max(lane.highest, number)
            if reader.at + size > len(stream.front()):
                return
            if not self._deliver(Delivered(number, lane.index, True, reader.take(size))):
                return
            stream.last_number = number
            stream.consume(reader.at)

    def _count_segment(self) -> None:
        self._segments += 1
        if self._segments > self.limits.segments_per_packet:
            self._refused = True
            raise SkipError(is_recorded=True)

    def _deliver(self, message: Delivered) -> bool:
        """Adds to the application's queue, with the reference library's faulty repair of the order (spec 2, 2.5.3)."""
        queued_bytes = sum(len(queued.data) for queued in self.queue)
        if (
            len(self.queue) >= self.limits.buffer_messages
            or queued_bytes + len(message.data) > self.limits.buffer_bytes
        ):
            self._refused = True
            return False
        same_lane = [at for at, queued in enumerate(self.queue) if queued.lane == message.lane]
        higher = [at for at in same_lane if self.queue[at].number > message.number]
        if not higher or self.queue[same_lane[-1]].number <= message.number:
            self.queue.append(message)
        else:
            self.queue.insert(higher[0] + (len(higher) > 1), message)
        return True

    def _stop_waiting(self, lead: int, reader: Reader) -> None:
        offset = reader.number((1, 2, 3, 8)[lead & 3])
        value = self._packet - offset - 1
        if value < 0:
            raise FaultError(5002, "stop waiting below zero")
        self.frames.append({"type": "stop_waiting", "offset": offset, "pkt": value})
        self.acks.stop_waiting(value, self._packet)

    def _select_lane(self, lead: int, reader: Reader) -> None:
        lane = (lead & 7) + 1 if lead & 7 < 7 else reader.varint(32)
        if lane > 255:
            raise FaultError(5002, "lane")
        self.frames.append({"type": "select_lane", "lane": lane})
        self._select(lane)

    def _ack(self, lead: int, reader: Reader) -> None:
        bits = 16 if lead & 8 else 32
        latest = near(reader.number(bits // 8), bits, self.next_to_send)
        delay = reader.number(2)
        count = lead & 7 if lead & 7 < 7 else reader.number(1)
        blocks = []
        for _ in range(count):
            lengths = reader.number(1)
            blocks.append([self._run(lengths >> 4, reader), self._run(lengths & 15, reader)])
        if latest < 0:
            raise FaultError(5002, "ack below zero")
        if latest >= self.next_to_send:
            raise SkipError(is_recorded=False)
        self.frames.append({"type": "ack", "latest_bits": bits, "latest": latest, "delay": delay, "blocks": blocks})
        if blocks:
            self.acks.flush_by(self._now + 250_000 // len(blocks))
        self.reported(latest, delay, blocks)
        end = latest + 1
        for acked, missing in blocks:
            if end - acked - missing < 0:
                raise FaultError(5002, "ack range below zero")
            self.unacknowledged -= set(range(end - acked, end))
            end -= acked + missing
        self.unacknowledged -= set(range(self.minimum_waited_for, end))
        self.minimum_waited_for = max(self.minimum_waited_for, latest)

    def reported(self, latest: int, delay: int, blocks: list[list[int]]) -> None:
        """An ack frame came. Here nothing was sent that it could speak of."""

    @staticmethod
    def _run(nibble: int, reader: Reader) -> int:
        if nibble < 8:
            return nibble
        upper = reader.varint(64)
        if upper > 100_000:
            raise FaultError(5002, "run")
        return nibble - 8 + upper * 8
