"""What would the reference library send, and when? The sending side of the second implementation (spec 2, 2.7 to 2.10).

Written from the specification alone, like the receiver that it builds on, with the habits of the reference library that
a peer has to live with: an acknowledgement in every packet, no fast retransmission, no back-off, no congestion window,
and the lane numbers from 8 on that lose a byte.
"""

from dataclasses import dataclass, field
from typing import Final

from gamesockets.torture.reference_acks import NEVER
from gamesockets.torture.reference_receiver import Limits, ReferenceModel

MAXIMUM_PLAIN: Final = 1232
NO_FRAGMENT_MARGIN: Final = 100
RELIABLE_SEGMENT_EXTRA: Final = 5
UNRELIABLE_MAX_BYTES: Final = 16_500
BURST_BYTES: Final = 1248
PACKETS_PER_THINK: Final = 128
THINK_AT_LEAST_US: Final = 1_000_000
HEADER_BYTES: Final = 23
"""The header of the datagram and the tag of the cipher: what a packet costs beside its payload."""

RELIABLE: Final = 8
NO_NAGLE: Final = 1


def varint(value: int) -> bytes:
    """Base-128, lowest group first."""
    encoded = b""
    while value > 127:
        encoded += bytes([value % 128 + 128])
        value //= 128
    return encoded + bytes([value])


@dataclass(eq=False)
class Segment:
    """A range of a lane's reliable stream, which is repeated as it is."""

    lane: int
    position: int
    data: bytes
    state: str = "in flight"


@dataclass(eq=False)
class Queued:
    """A message that waits, or the rest of one."""

    number: int
    is_reliable: bool
    body: bytes
    position: int
    nagle_until: int
    finish: int = 0
    sent: int = 0


@dataclass(eq=False)
class SendingLane:
    """One lane of the sending direction."""

    index: int
    priority: int = 0
    weight: int = 1
    queue: list[Queued] = field(default_factory=list)
    last_number: int = 0
    last_reliable: int = 0
    position: int = 1
    last_finish: int = 0


@dataclass(eq=False)
class Record:
    """What is remembered of a packet."""

    sent_at: int
    segments: list[Segment]
    is_missing: bool = False


class ReferencePeer(ReferenceModel):
    """One end of a connection as the reference library would play it, between the handshake and the close.

    Args:
        rate: bytes a second; both limits of the send rate.
        nagle_us: how long messages wait for company.
        plain_max: the largest payload.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        rate: int = 262_144,
        nagle_us: int = 5000,
        plain_max: int = MAXIMUM_PLAIN,
        send_buffer_bytes: int = 524_288,
    ) -> None:
        super().__init__(limits)
        self.sending = [SendingLane(0)]
        self.packets: dict[int, Record] = {}
        self.retries: list[Segment] = []
        self.pings: list[tuple[int, int]] = []
        self.repeated = 0
        """How many segments were sent again."""
        self._rate = rate
        self._nagle_us = nagle_us
        self._plain_max = plain_max
        self._send_buffer_bytes = send_buffer_bytes
        self._tokens = float(BURST_BYTES)
        self._tokens_at = 0
        self._class_now: dict[int, int] = {}
        self._last_think = 0

    # ------------------------------------------------------------------ messages (2.7.1)

    def configure_lanes(self, priorities: list[int], weights: list[int]) -> None:
        """Before anything was sent."""
        self.sending = [
            SendingLane(index, priority, weight)
            for index, (priority, weight) in enumerate(zip(priorities, weights, strict=True))
        ]

    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        """Queues a message; its number, 0 if the buffer is full."""
        lane = self.sending[lane_index]
        if self.pending_bytes() + len(data) > self._send_buffer_bytes:
            return 0
        is_reliable = flags & RELIABLE > 0 or len(data) > UNRELIABLE_MAX_BYTES
        lane.last_number += 1
        body = data
        if is_reliable:
            body = self._stream_header(lane.last_number - lane.last_reliable, len(data)) + data
            lane.last_reliable = lane.last_number
        if flags & NO_NAGLE:
            for other in self.sending:
                for queued in other.queue:
                    queued.nagle_until = 0
        message = Queued(
            lane.last_number, is_reliable, body, lane.position, 0 if flags & NO_NAGLE else now + self._nagle_us
        )
        if is_reliable:
            lane.position += len(body)
        start = lane.last_finish if lane.queue else self._class_now.get(lane.priority, 0)
        message.finish = lane.last_finish = int(len(body) * self._multiplier(lane)) + start
        lane.queue.append(message)
        return lane.last_number

    def pending_bytes(self) -> int:
        """What waits: queued or to be repeated."""
        queued = sum(len(message.body) - message.sent for lane in self.sending for message in lane.queue)
        return queued + sum(len(segment.data) for segment in self.retries)

    def is_idle(self) -> bool:
        """Everything was sent, and everything reliable has arrived."""
        return not self.pending_bytes() and not any(
            segment.state != "acked" for record in self.packets.values() for segment in record.segments
        )

    def _multiplier(self, lane: SendingLane) -> float:
        total = sum(other.weight for other in self.sending if other.priority == lane.priority)
        return 65_536 * total / lane.weight

    @staticmethod
    def _stream_header(increment: int, size: int) -> bytes:
        """2.3: the low five bits of the size, and what does not fit behind."""
        lead = size % 32
        header = b""
        if increment != 1:
            lead |= 0x40
            header += varint(increment)
        if size >= 32:
            lead |= 0x20
            header += varint(size // 32)
        return bytes([lead]) + header

    # ------------------------------------------------------------------ acks (2.8.2, 2.8.3)

    def reported(self, latest: int, delay: int, blocks: list[list[int]]) -> None:
        """The peer's ack frame."""
        record = self.packets.get(latest)
        if delay != 0xFFFF and record is not None:
            sample_ms = (self._now - record.sent_at - delay * 32) // 1000
            if -1 <= sample_ms <= 2000:
                self._sample(max(sample_ms, 0), self._now)
        end = latest + 1
        for acked, missing in blocks:
            self._acknowledge(end - acked, end)
            for number in range(end - acked - missing, end - acked):
                self._miss(number)
            end -= acked + missing
        self._acknowledge(self.minimum_waited_for, end)

    def _sample(self, ping_ms: int, now: int) -> None:
        if len(self.pings) < 3 or now - self.pings[0][1] >= 100_000:
            self.pings.insert(0, (ping_ms, now))
            del self.pings[3:]
        elif ping_ms < self.pings[0][0]:
            self.pings[0] = (ping_ms, self.pings[0][1])

    def smoothed_ms(self) -> int:
        """-1 without any sample."""
        samples = [ping for ping, _ in self.pings]
        if len(samples) < 3:
            return min(samples, default=-1)
        return (sum(samples) - max(samples)) // 2

    def timeout_us(self) -> int:
        """The retry timeout."""
        ping_ms = self.smoothed_ms()
        return 1_000_000 if ping_ms < 0 else (3 * ping_ms + 60) * 1000

    def _acknowledge(self, begin: int, end: int) -> None:
        for number in [number for number in self.packets if begin <= number < end]:
            for segment in self.packets.pop(number).segments:
                segment.state = "acked"
                if segment in self.retries:
                    self.retries.remove(segment)

    def _miss(self, number: int) -> None:
        record = self.packets.get(number)
        if record is None or record.is_missing:
            return
        record.is_missing = True
        for segment in record.segments:
            if segment.state == "in flight":
                segment.state = "waiting"
                behind = [
                    place
                    for place, other in enumerate(self.retries)
                    if other.lane == segment.lane and other.position > segment.position
                ]
                place = behind[0] if behind else len(self.retries)
                self.retries.insert(place, segment)

    def _time_out(self, now: int) -> int:
        """Counts overdue packets as missing, forgets old ones; when the next is overdue."""
        timeout_us = self.timeout_us()
        earliest = NEVER
        for number, record in list(self.packets.items()):
            if not record.is_missing and record.segments:
                if record.sent_at + timeout_us <= now:
                    self._miss(number)
                else:
                    earliest = min(earliest, record.sent_at + timeout_us)
            age_us = min(now - self.pings[0][1], 3_000_000) if self.pings else 0
            keep_us = max(2 * timeout_us, age_us) if self.pings else 2 * timeout_us + 1_000_000
            is_over = record.is_missing or not record.segments
            if is_over and now - record.sent_at > keep_us:
                del self.packets[number]
        return earliest

    # ------------------------------------------------------------------ when (2.9)

    def _want_at(self) -> int:
        if self.retries:
            return 0
        heads = [lane.queue[0].nagle_until for lane in self.sending if lane.queue]
        if not heads:
            return NEVER
        return 0 if self.pending_bytes() >= self._plain_max else min(heads)

    def think_at(self, now: int) -> int:
        """When `think` has something to do."""
        earliest = min(self.acks.deadline(), self._last_think + THINK_AT_LEAST_US)
        wanted = min(self._time_out(now), self._want_at())
        if wanted < earliest:
            tokens = self._tokens + self._rate * (now - self._tokens_at) / 1e6
            ready = now if tokens >= 0 else now + int(-tokens * 1e6 / self._rate) + 1
            earliest = min(earliest, max(wanted, ready))
        return earliest

    def think(self, now: int) -> list[tuple[int, bytes]]:
        """The packets that leave now: their numbers and payloads."""
        self._now = now
        self._last_think = now
        self._time_out(now)
        self._tokens += self._rate * (now - self._tokens_at) / 1e6
        self._tokens_at = now
        if self._tokens > BURST_BYTES and self._want_at() > now:
            self._tokens = float(BURST_BYTES)
        leaving: list[tuple[int, bytes]] = []
        for _ in range(PACKETS_PER_THINK):
            if now < self.acks.deadline() and now < self._want_at():
                self._tokens = min(self._tokens, float(BURST_BYTES))
                break
            number, payload = self._assemble(now)
            leaving.append((number, payload))
            self._tokens -= len(payload) + HEADER_BYTES
            if self._tokens < 0:
                break
        return leaving

    # ------------------------------------------------------------------ packets (2.7.2)

    def _assemble(self, now: int) -> tuple[int, bytes]:
        number, prefix = self.packet(now, b"")
        sections: dict[int, list[tuple[bytes, bytes]]] = {}
        carried: list[Segment] = []
        if self._tokens >= 0:
            self._gather(self._plain_max - len(prefix), sections, carried)
        payload = prefix
        order = [0] * (0 in sections) + [lane for lane in sections if lane]
        pieces = [(lane, header, data) for lane in order for header, data in sections[lane]]
        previous = 0
        for place, (lane, header, data) in enumerate(pieces):
            if lane != previous:
                payload += self._select_frame(lane)
                previous = lane
            if place == len(pieces) - 1:
                payload += bytes([header[0] | 7]) + header[1:] + data
            else:
                lead = bytes([header[0] | len(data) >> 8]) + header[1:]
                payload += lead + bytes([len(data) & 0xFF]) + data
        self.packets[number] = Record(now, carried)
        return number, payload

    @staticmethod
    def _select_frame(lane: int) -> bytes:
        """With the defect of the reference library: the last byte of a number from 8 on is lost."""
        return bytes([0x88 + lane - 1]) if lane < 8 else b"\x8f" + varint(lane)[:-1]

    def _gather(self, left: int, sections: dict[int, list[tuple[bytes, bytes]]], carried: list[Segment]) -> None:
        numbers: dict[int, int] = {}
        positions: dict[int, int] = {}

        def head(lane: int) -> int:
            return 0 if lane == 0 or lane in sections else len(self._select_frame(lane))

        def reliable_header(lane: int, position: int) -> bytes:
            before = positions.get(lane, 0)
            if not before:
                return b"\x50" + position.to_bytes(6, "little")
            gap = position - before
            if gap < 0:
                return b"\x50" + position.to_bytes(6, "little")
            width = 0 if gap == 0 else 1 if gap < 256 else 2 if gap < 65_536 else 4
            return bytes([0x40 | {0: 0, 1: 8, 2: 16, 4: 24}[width]]) + gap.to_bytes(width, "little")

        def put(lane: int, header: bytes, data: bytes) -> None:
            sections.setdefault(lane, []).append((header, data))

        def put_reliable(segment: Segment, header: bytes) -> None:
            put(segment.lane, header, segment.data)
            positions[segment.lane] = segment.position + len(segment.data)
            carried.append(segment)
            if numbers.get(segment.lane):
                numbers[segment.lane] += 1

        while self.retries:
            segment = self.retries[0]
            header = reliable_header(segment.lane, segment.position)
            cost = head(segment.lane) + len(header) + len(segment.data)
            if left <= 2 or cost > left:
                return
            left -= cost + 1
            del self.retries[0]
            segment.state = "in flight"
            self.repeated += 1
            put_reliable(segment, header)
        segment_max = self._plain_max - NO_FRAGMENT_MARGIN + RELIABLE_SEGMENT_EXTRA
        while left > 4:
            lane = self._choose()
            if lane is None:
                return
            message = lane.queue[0]
            rest = message.body[message.sent :]
            want = len(rest)
            is_cut = message.is_reliable and want > segment_max
            if is_cut:
                want = segment_max
            if message.is_reliable:
                header = reliable_header(lane.index, message.position + message.sent)
            else:
                header = self._unreliable_header(message, numbers.get(lane.index, 0))
            size = head(lane.index) + len(header)
            if is_cut or size + want > left:
                if size + min(16, want) > left:
                    return
                take = min(want, left - size)
                self._take(lane, message, take)
                if message.is_reliable:
                    put_reliable(Segment(lane.index, message.position + message.sent - take, rest[:take]), header)
                else:
                    put(lane.index, header, rest[:take])
                return
            left -= size + want + 1
            self._take(lane, message, want)
            if message.is_reliable:
                put_reliable(Segment(lane.index, message.position + message.sent - want, rest), header)
            else:
                put(lane.index, bytes([header[0] | 0x20]) + header[1:], rest)
                numbers[lane.index] = message.number

    def _unreliable_header(self, message: Queued, before: int) -> bytes:
        lead = 0
        if not before:
            lead |= 0x10
            numbering = message.number.to_bytes(4, "little")
        elif message.number == before + 1:
            numbering = b""
        else:
            lead |= 0x10
            numbering = varint(message.number - before)
        offset = b""
        if message.sent:
            lead |= 8
            offset = varint(message.sent)
        return bytes([lead]) + numbering + offset

    def _choose(self) -> SendingLane | None:
        """2.10 rule 2."""
        waiting = [lane for lane in self.sending if lane.queue]
        if not waiting:
            return None
        first = min(lane.priority for lane in waiting)
        return min(
            [lane for lane in waiting if lane.priority == first], key=lambda lane: (lane.queue[0].finish, lane.index)
        )

    def _take(self, lane: SendingLane, message: Queued, count: int) -> None:
        message.sent += count
        if message.sent == len(message.body):
            del lane.queue[0]
            self._class_now[lane.priority] = message.finish
        else:
            now = self._class_now.get(lane.priority, 0)
            self._class_now[lane.priority] = now + int(count * self._multiplier(lane))
