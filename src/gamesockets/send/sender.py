"""What leaves, and when: one connection's messages, repetitions and acknowledgements (spec 2, 2.7-2.9, 2.16).

Where the wire leaves the choice this differs from the reference: lost bytes go out again as soon as the peer reports
the hole; silence is answered by a probe that asks for an immediate ack and backs off; adjacent reliable messages
share a segment; bulk packets are full; and no more is in flight than a reference receiver can hold.
"""

from abc import ABC, abstractmethod
from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.send.builder import (
    ANNOUNCE_BYTES,
    FIRST_RELIABLE_HEADER_BYTES,
    NEXT_UNRELIABLE_HEADER_BYTES,
    SIZE_BYTES,
    PacketBuilder,
)
from gamesockets.send.flight import Flight
from gamesockets.send.lanes import Lanes, SendLane
from gamesockets.send.pacing import Pacer
from gamesockets.send.reliable import ACKED, IN_FLIGHT, RetryQueue, Segment
from gamesockets.values.enums import SendFlags
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result
from gamesockets.wire.frames import AckBlock, encode_reliable_to_end

MAX_UNRELIABLE_BYTES: Final = 16_500
MIN_PIECE_BYTES: Final = 16
"""A message is not started in the rest of a packet for less than this."""

UNSPLIT_MARGIN_BYTES: Final = 100
"""Messages that leave this much of a packet free are never cut in two: half a message is twice the loss."""

PEER_BUFFER_BYTES: Final = 1_048_576
"""What a receiver with default settings holds of one lane's stream (RecvBufferSize)."""

PEER_HOLES_MAX: Final = 24
"""Lost segments of one connection up to which new data is sent behind them; a receiver refuses above 20 to 30 holes."""

ANNOUNCE_FROM: Final = 4_000
"""A reliable message so far behind the last one announces its number: receivers refuse jumps above 10,000."""

UNRELIABLE_RUN_MAX: Final = 900_000
"""After so many unreliable messages in a row the next one goes reliably: receivers refuse gaps above 1,000,000."""

MAX_OUTSTANDING_PACKETS: Final = 12_000
ACK_WANTED_PACKETS: Final = 4_096
ACK_WANTED_BYTES: Final = PEER_BUFFER_BYTES // 8
"""So much unreported reliable data asks for an immediate ack: a reference receiver would wait 50 ms otherwise."""

MIN_HEADER_BYTES: Final = 1
_ACK_WANTED_EVERY: Final = 512

LATE_HOLES_MAX: Final = 20
LATE_ARRIVAL_US: Final = 30_000
"""How much later than its successors a packet may come and still be expected."""

HOLD_FROM_TRANSMISSIONS: Final = 4
"""Lost that often, a segment is more likely refused by a full receiver than lost by the network."""

_PEER_ACK_DELAY_US: Final = 50_000
_TIMER_SLACK_US: Final = 10_000
_UNKNOWN_PING_PROBE_US: Final = 1_000_000
_BACK_OFF_MAX_US: Final = 1_000_000
_REFUSED_HOLD_MAX_US: Final = 250_000
_FORGET_AFTER_US: Final = 4_000_000

_RELIABLE: Final = int(SendFlags.RELIABLE)
_NO_NAGLE: Final = int(SendFlags.NO_NAGLE)
_INVALID_PARAM: Final = -int(Result.INVALID_PARAM)
_LIMIT_EXCEEDED: Final = -int(Result.LIMIT_EXCEEDED)


class Outbox(ABC):
    """Who takes messages of the application: a sender, or somebody who watches what goes into it."""

    __slots__ = ()

    @abstractmethod
    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        """Queues a message; its number, or minus the `Result` that says why not."""


@final
class Sender(Outbox):
    """Sending side of one connection, from queued messages to the frames of a packet."""

    __slots__ = (
        "_back_off",
        "_builder",
        "_bytes_since_ack",
        "_last_reliable_at",
        "_latest_acked",
        "_options",
        "_retry",
        "_retry_hold_until",
        "ack_request_wanted",
        "built_nothing",
        "built_segments",
        "flight",
        "lanes",
        "lost_marks",
        "minimum_waited_for",
        "nagle_until",
        "pacer",
        "payload_bytes_max",
        "peer_has_holes",
        "ping_ms",
        "queued_bytes",
        "reported_marks",
    )

    def __init__(self, options: ConnectionOptions, first_packet_number: int) -> None:
        self._options = options
        self.lanes = Lanes()
        self.flight = Flight(first_packet_number)
        self.pacer = Pacer()
        self.pacer.limit(options.send_rate_min, options.send_rate_max)
        self._builder = PacketBuilder()
        self._retry = RetryQueue()
        self._retry_hold_until = 0
        self.nagle_until = NEVER
        """When queued messages stop waiting for company; NEVER if none is queued, 0 if they do not wait."""
        self.payload_bytes_max = 0
        """Largest payload of a packet; set from the MTU and the cipher."""
        self.queued_bytes = 0
        """Bytes of queued messages that have not left yet, stream headers included."""
        self.minimum_waited_for = 0
        """No acks are needed below this packet number."""
        self.peer_has_holes = False
        """The last ack frame had blocks: the peer would like to hear a stop-waiting value."""
        self.ack_request_wanted = False
        """The next packet should ask for an immediate ack."""
        self.ping_ms = -1
        """Smoothed ping, -1 while unknown; set by the caller."""
        self._bytes_since_ack = 0
        self._latest_acked = first_packet_number - 1
        self._last_reliable_at = NEVER
        self._back_off = 0
        self.built_segments: tuple[Segment, ...] = ()
        """Reliable segments in the payload that `build` returned."""
        self.built_nothing = False
        """Whether `build` found no room for anything."""
        self.reported_marks: list[int] = []
        """Statistics marks of packets that arrived since the caller last looked."""
        self.lost_marks: list[int] = []
        """The same for packets that did not."""

    def configure(self, options: ConnectionOptions) -> None:
        """New limits, in force for the next message and the next packet."""
        self._options = options
        self.pacer.limit(options.send_rate_min, options.send_rate_max)

    def start_numbering_at(self, number: int) -> None:
        """Before anything was sent: the number of the first packet."""
        self.flight = Flight(number)
        self._latest_acked = number - 1

    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        """Queues a message; its number, or minus the `Result` that says why not (spec 2, 2.7.1)."""
        lanes = self.lanes
        if lane_index >= len(lanes.lanes) or lane_index < 0:
            return _INVALID_PARAM
        size = len(data)
        if size > MAX_MESSAGE_BYTES:
            return _INVALID_PARAM
        options = self._options
        if self.queued_bytes + self._retry.lost_bytes + size > options.send_buffer_size_bytes:
            return _LIMIT_EXCEEDED
        lane = lanes.lanes[lane_index]
        is_reliable = (
            flags & _RELIABLE != 0
            or size > MAX_UNRELIABLE_BYTES
            or lane.last_number - lane.last_reliable_number >= UNRELIABLE_RUN_MAX
        )
        self.queued_bytes += lanes.enqueue(lane, data, is_reliable)
        if flags & _NO_NAGLE or options.nagle_time_us == 0:
            self.nagle_until = 0
        elif self.nagle_until == NEVER:
            self.nagle_until = now + options.nagle_time_us
        return lane.last_number

    def lose(self, size_bytes: int, lane_index: int) -> int:
        """Takes a number for an unreliable message that is dropped on purpose, which so is lost like any other.

        Returns:
            The number; 0 if `send` has to decide, because it would refuse the message or send it reliably.
        """
        lanes = self.lanes.lanes
        if not 0 <= lane_index < len(lanes) or size_bytes > MAX_UNRELIABLE_BYTES:
            return 0
        lane = lanes[lane_index]
        if (
            self.pending_bytes() + size_bytes > self._options.send_buffer_size_bytes
            or lane.last_number - lane.last_reliable_number >= UNRELIABLE_RUN_MAX
        ):
            return 0
        lane.last_number += 1
        return lane.last_number

    def flush(self) -> None:
        """Ends the Nagle wait of everything queued."""
        if self.nagle_until != NEVER:
            self.nagle_until = 0

    def has_reliable_data(self) -> bool:
        """Whether reliable bytes are queued, lost or unacknowledged."""
        for lane in self.lanes.lanes:
            if lane.pending_reliable:
                return True
        return self._awaits_ack()

    def is_idle(self) -> bool:
        """Whether nothing is queued and nothing has to be repeated, which saves asking when that should leave."""
        return self.nagle_until == NEVER and not self._retry.lost_bytes

    def has_lost(self) -> bool:
        """Whether reliable bytes wait to be repeated."""
        return self._retry.lost_bytes > 0

    def in_flight_bytes(self) -> int:
        """Reliable bytes sent and not acknowledged, those waiting to be repeated left out."""
        return sum([lane.unacked.unacked_bytes for lane in self.lanes.lanes])

    def pending_bytes(self) -> int:
        """Bytes that wait to leave: queued or lost."""
        return self.queued_bytes + self._retry.lost_bytes

    # ------------------------------------------------------------------ when

    def wants_at(self, now: int) -> int:
        """When data should leave, as far as the send rate lets it; NEVER if there is none."""
        if self._retry.first() is not None:
            retry_at = max(self._retry_hold_until, now)
            if retry_at == now:
                return now
        else:
            retry_at = NEVER
        if self.nagle_until == NEVER or self.lanes.choose() is None or self._must_hear_first():
            return retry_at
        if self.queued_bytes >= self.payload_bytes_max or self.nagle_until <= now:
            return now
        return min(retry_at, self.nagle_until)

    def data_at(self, now: int) -> int:
        """When queued or lost data may leave, the send rate considered; NEVER if there is none."""
        wanted = self.wants_at(now)
        if wanted == NEVER:
            return NEVER
        if wanted <= now:
            self.pacer.refill(now, True)
        return max(wanted, self.pacer.ready_at(now))

    def probe_at(self) -> int:
        """When silence about reliable data calls for a probe; NEVER if none is in flight."""
        if self._last_reliable_at == NEVER:
            return NEVER
        return self._last_reliable_at + self._probe_interval_us()

    def next_time(self, now: int) -> int:
        """When this side next has something to do; `pacer.refill(now)` must have been called."""
        wanted = NEVER if self.is_idle() else self.wants_at(now)
        if wanted != NEVER:
            wanted = max(wanted, self.pacer.ready_at(now))
        return min(wanted, self.probe_at(), self._forget_at())

    def handle_timer(self, now: int) -> None:
        """Probes and forgets what is due."""
        if now >= self.probe_at():
            self._probe(now)
        if now >= self._forget_at():
            self._forget(now)

    def _forget_at(self) -> int:
        oldest = self.flight.oldest_sent_at()
        return NEVER if oldest == NEVER else oldest + _FORGET_AFTER_US

    def _probe_interval_us(self) -> int:
        if self.ping_ms < 0:
            interval_us = _UNKNOWN_PING_PROBE_US
        else:
            interval_us = self.ping_ms * 1500 + _PEER_ACK_DELAY_US + _TIMER_SLACK_US
        return max(interval_us, min(interval_us << self._back_off, _BACK_OFF_MAX_US))

    def _probe(self, now: int) -> None:
        """Repeats the oldest segment and asks for an immediate ack, which tells the fate of all others."""
        self._last_reliable_at = NEVER
        for lane in self.lanes.lanes:
            oldest = lane.unacked.oldest()
            if oldest is not None:
                self._last_reliable_at = now
                if oldest.state == IN_FLIGHT:
                    self._retry.add(oldest, False)
                self._retry_hold_until = 0
                self._back_off += 1
                self.ack_request_wanted = True
                return

    def _forget(self, now: int) -> None:
        """Drops records that are too old to matter; what they carried and nobody acknowledged counts as lost."""
        for number, (_, segments, mark) in self.flight.forget_sent_before(now - _FORGET_AFTER_US + 1):
            if mark:
                self.lost_marks.append(mark)
            self._lose(segments, number)

    def _must_hear_first(self) -> bool:
        """So many packets are unreported that a receiver who got none of them would give up on the next one."""
        return self.flight.next_number - self._latest_acked > MAX_OUTSTANDING_PACKETS

    # ------------------------------------------------------------------ what

    def retry_bytes(self, now: int) -> int:
        """Room that the first segment to be repeated needs, 0 if there is none: it is never cut again."""
        if now < self._retry_hold_until:
            return 0
        segment = self._retry.first()
        if segment is None:
            return 0
        self._builder.start(0, self.lanes.several)
        return self._builder.segment_header_bytes(segment) + len(segment.data)

    def build(self, prefix: bytes, room: int, now: int) -> bytes:
        """The payload of the next packet: `prefix` (whole frames), then lost bytes, then new ones."""
        builder = self._builder
        builder.start(room - len(prefix), self.lanes.several)
        payload = b""
        if self._fill_with_lost(builder, now) and not self._must_hear_first():
            payload = self._fill_with_one_segment(builder, prefix)
            while builder.room > SIZE_BYTES + MIN_HEADER_BYTES:
                lane = self.lanes.choose()
                if lane is None:
                    break
                if lane.queue[0][1]:
                    if not self._add_reliable(builder, lane):
                        break
                elif not self._add_unreliable(builder, lane):
                    break
            if not self.queued_bytes and not self._anything_queued():
                self.nagle_until = NEVER
        if not payload:
            payload = builder.finish(prefix)
        self.built_segments = tuple(builder.segments)
        self.built_nothing = len(payload) == len(prefix)
        if self.built_segments:
            self._last_reliable_at = now
        unreported = self.flight.next_number - self._latest_acked
        if unreported > ACK_WANTED_PACKETS and unreported & (_ACK_WANTED_EVERY - 1) == 0:
            self.ack_request_wanted = True
        return payload

    def _anything_queued(self) -> bool:
        for lane in self.lanes.lanes:
            if lane.queue:
                return True
        return False

    def _fill_with_lost(self, builder: PacketBuilder, now: int) -> bool:
        """Adds segments to be repeated; False if one did not fit, so that nothing new overtakes it."""
        if now < self._retry_hold_until:
            return True
        number = self.flight.next_number
        while True:
            segment = self._retry.first()
            if segment is None:
                return True
            if builder.segment_header_bytes(segment) + len(segment.data) > builder.room:
                return False
            builder.add_reliable(segment)
            self._retry.sent_first(number)

    def _add_unreliable(self, builder: PacketBuilder, lane: SendLane) -> bool:
        """Adds the first message of the lane or a piece of it; False if the packet takes no more."""
        number, _, body = lane.queue[0]
        offset = lane.head_sent
        remaining = len(body) - offset
        space = builder.room - builder.unreliable_header_bytes(lane.index, number, offset)
        if remaining <= space:
            builder.add_unreliable(lane.index, number, offset, True, body[offset:] if offset else body)
            lane.pending_unreliable -= remaining
            self.queued_bytes -= remaining
            self.lanes.sent_all(lane)
            if not self.lanes.several:
                self._add_unreliable_run(builder, lane, number + 1)
            return True
        fits_alone = len(body) <= self.payload_bytes_max - UNSPLIT_MARGIN_BYTES
        if (fits_alone and not offset and not builder.is_empty()) or space < MIN_PIECE_BYTES:
            return False
        builder.add_unreliable(lane.index, number, offset, False, body[offset : offset + space])
        lane.pending_unreliable -= space
        self.queued_bytes -= space
        self.lanes.sent_part(lane, space)
        return False

    def _add_unreliable_run(self, builder: PacketBuilder, lane: SendLane, number: int) -> None:
        """The unreliable messages right behind one just added, as long as whole ones fit."""
        queue = lane.queue
        popleft = queue.popleft
        room = builder.room
        bodies: list[bytes] = []
        size = 0
        while queue:
            _, header, body = queue[0]
            cost = len(body) + NEXT_UNRELIABLE_HEADER_BYTES
            if header or cost > room:
                break
            room -= cost + SIZE_BYTES
            size += len(body)
            bodies.append(body)
            popleft()
        if bodies:
            builder.add_unreliable_run(lane.index, number, bodies)
            lane.pending_unreliable -= size
            self.queued_bytes -= size

    def _fill_with_one_segment(self, builder: PacketBuilder, prefix: bytes) -> bytes:
        """The payload, if one reliable segment fills the packet or ends the queue, which is what bulk data does."""
        lane = self.lanes.lanes[0]
        if self.lanes.several or not builder.is_empty() or not lane.queue or not lane.queue[0][1]:
            return b""
        segment = self._cut_segment(lane, builder.room - FIRST_RELIABLE_HEADER_BYTES)
        if segment is None:
            return b""
        if segment.announce or (lane.queue and (not lane.queue[0][1] or not lane.head_sent)):
            builder.add_reliable(segment)
            return b""
        builder.room = 0
        builder.segments.append(segment)
        return b"".join((prefix, encode_reliable_to_end(segment.position), segment.data))

    def _add_reliable(self, builder: PacketBuilder, lane: SendLane) -> bool:
        """Adds a segment of as many adjacent reliable messages as fit; False if the packet takes no more."""
        space = builder.room - builder.reliable_header_bytes(lane.index, lane.sent_position)
        segment = self._cut_segment(lane, space)
        if segment is None:
            return lane.blocked
        builder.add_reliable(segment)
        return True

    def _cut_segment(self, lane: SendLane, space: int) -> Segment | None:
        """Up to `space` bytes from the front of the lane's reliable messages; None if too little room is left.

        None with `lane.blocked` means that the peer cannot hold more before it acknowledges some.
        """
        position = lane.sent_position
        window = lane.unacked.held_from(lane.message_begin) + PEER_BUFFER_BYTES - position
        if window < MIN_PIECE_BYTES or self._retry.open_holes >= PEER_HOLES_MAX:
            lane.blocked = True
            return None
        if window < space:
            space = window
        queue = lane.queue
        first_number = queue[0][0]
        message_begin = lane.message_begin
        announce = first_number - 1 if first_number - lane.sent_reliable_number > ANNOUNCE_FROM else 0
        if announce:
            space -= ANNOUNCE_BYTES
        chunks: list[bytes] = []
        size = 0
        while queue:
            number, header, body = queue[0]
            if not header:
                break
            header_bytes = len(header)
            sent = lane.head_sent
            remaining = header_bytes + len(body) - sent
            if remaining <= space - size:
                if not sent:
                    chunks.append(header)
                    chunks.append(body)
                elif sent < header_bytes:
                    chunks += (header[sent:], body)
                else:
                    chunks.append(body[sent - header_bytes :])
                size += remaining
                lane.sent_reliable_number = number
                lane.message_begin = position + size
                self.lanes.sent_all(lane)
                # A receiver with little room can always take the end of a large message, but not what follows it.
                if sent or (self.lanes.several and self.lanes.choose() is not lane):
                    break
                continue
            piece = space - size
            if piece < MIN_PIECE_BYTES:
                break
            if sent < header_bytes:
                chunks += (header[sent:], body[: piece + sent - header_bytes])
            else:
                chunks.append(body[sent - header_bytes : sent - header_bytes + piece])
            size += piece
            lane.sent_reliable_number = number
            self.lanes.sent_part(lane, piece)
            break
        if not size:
            return None
        lane.sent_position = position + size
        lane.pending_reliable -= size
        self.queued_bytes -= size
        segment = Segment(
            lane.unacked, position, chunks[0] if len(chunks) == 1 else b"".join(chunks), message_begin, announce
        )
        segment.last_packet = self.flight.next_number
        lane.unacked.add(segment)
        self._bytes_since_ack += size
        if self._bytes_since_ack >= ACK_WANTED_BYTES:
            self._bytes_since_ack = 0
            self.ack_request_wanted = True
        return segment

    # ------------------------------------------------------------------ what became of it

    def acknowledge(self, latest: int, blocks: list[AckBlock], now: int) -> str:
        """Applies an ack frame about packets up to `latest`; what is wrong with it, empty if nothing (2.8.2)."""
        end = latest + 1
        lost: list[tuple[int, int]] = []
        progress = False
        for acks, nacks in blocks:
            middle = end - acks
            begin = middle - nacks
            if begin < 0:
                return f"Ack range underflow, end={end}, num={acks}+{nacks}"
            if self._arrived(middle, end):
                progress = True
            if nacks:
                lost.append((begin, middle))
            end = begin
        if end > self.minimum_waited_for and self._arrived(self.minimum_waited_for, end):
            progress = True
        self.minimum_waited_for = max(self.minimum_waited_for, self._worth_hearing_of(latest, lost, now))
        self._latest_acked = max(self._latest_acked, latest)
        self.peer_has_holes = len(blocks) > 0
        for begin, middle in lost:
            self._lost(begin, middle, now)
        if progress:
            self._back_off = 0
            self._bytes_since_ack = 0
            for lane in self.lanes.lanes:
                lane.blocked = False
            self._last_reliable_at = now if self._awaits_ack() else NEVER
        return ""

    def _worth_hearing_of(self, latest: int, lost: list[tuple[int, int]], now: int) -> int:
        """The stop-waiting value: packets reported missing lately may be late rather than lost, and a late one counts.

        Only a few, since every hole that the peer keeps for us costs it room.
        """
        sent_after = now - (self.ping_ms * 1500 + LATE_ARRIVAL_US)
        value = latest
        for begin, _ in lost[:LATE_HOLES_MAX]:
            record = self.flight.get(begin)
            if record is None or record[0] < sent_after:
                break
            value = begin
        return value

    def _awaits_ack(self) -> bool:
        for lane in self.lanes.lanes:
            if lane.unacked.unacked_bytes or lane.unacked.lost_bytes:
                return True
        return False

    def _arrived(self, begin: int, end: int) -> bool:
        """Settles the packets in [begin, end); True if reliable bytes were acknowledged for the first time."""
        progress = False
        for _, segments, mark in self.flight.take_range(begin, end):
            if mark:
                self.reported_marks.append(mark)
            for segment in segments:
                if segment.state != ACKED:
                    self._retry.acknowledge(segment)
                    progress = True
        return progress

    def _lost(self, begin: int, end: int, now: int) -> None:
        """The peer has not got the packets in [begin, end). Each is believed once; a late ack still counts."""
        for number, (_, segments, mark) in self.flight.open_range(begin, end):
            if mark:
                self.lost_marks.append(mark)
                self.flight.clear_mark(number)
            transmissions = self._lose(segments, number)
            if transmissions >= HOLD_FROM_TRANSMISSIONS:
                self._hold_retries(transmissions, now)

    def _lose(self, segments: tuple[Segment, ...], number: int) -> int:
        """These segments were last in packet `number`, which is lost; how often the most stubborn was sent."""
        transmissions = 0
        hole_end = -1
        for segment in segments:
            if segment.state == IN_FLIGHT and segment.last_packet == number:
                self._retry.add(segment, segment.position == hole_end)
                transmissions = max(transmissions, segment.transmissions)
                hole_end = segment.position + len(segment.data)
        return transmissions

    def _hold_retries(self, transmissions: int, now: int) -> None:
        """A segment lost that often is being refused by a full receiver: hurrying would only fill the network."""
        hold_us = min(
            (max(self.ping_ms, 0) * 500 + 5_000) << (transmissions - HOLD_FROM_TRANSMISSIONS), _REFUSED_HOLD_MAX_US
        )
        self._retry_hold_until = max(self._retry_hold_until, now + hold_us)
