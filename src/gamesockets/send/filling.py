"""What goes into a packet: lost bytes before new ones, as much as the packet and the peer can take (spec 2, 2.7, 2.16).

Where the protocol leaves a choice this differs from the reference library: adjacent reliable messages share a segment,
bulk packets are full, and no more is in flight than a reference receiver can hold.
"""

from typing import Final, final

from gamesockets.send.ack_requests import ACK_WANTED_PACKETS, AckRequests
from gamesockets.send.builder import (
    ANNOUNCE_BYTES,
    FIRST_RELIABLE_HEADER_BYTES,
    FIRST_UNRELIABLE_HEADER_BYTES,
    NEXT_UNRELIABLE_HEADER_BYTES,
    SIZE_BYTES,
    PacketBuilder,
)
from gamesockets.send.flight import Flight
from gamesockets.send.lanes import Lanes, SendLane
from gamesockets.send.nagle import NagleTimer
from gamesockets.send.path_feedback import PathFeedback
from gamesockets.send.peer_window import HOLES_EXPECTED, PeerWindow
from gamesockets.send.rate_control import RateControl
from gamesockets.send.reliable import RetryQueue, Segment
from gamesockets.send.retransmission import RetransmissionTimer
from gamesockets.send.second_copies import LOST_TWICE, SecondCopies
from gamesockets.wire.frames import encode_reliable_to_end, encode_unreliable_to_end

MIN_PIECE_BYTES: Final = 16
"""The rest of a packet is left empty if less than this of a message fits."""

UNSPLIT_MARGIN_BYTES: Final = 100
"""A message that leaves this much of a full packet free is never cut in two: it would be lost twice as often."""

ANNOUNCE_FROM: Final = 4_000
"""A reliable message whose number is further above the last one's announces it: receivers refuse jumps above 10,000."""

MIN_HEADER_BYTES: Final = 1

_ALL_LANES: Final = 1 << 62
"""More urgent than a priority of this are all."""


@final
class PacketFilling:
    """Takes messages from the lanes and segments from the retries, and puts them into one packet at a time."""

    __slots__ = (
        "_ack_requests",
        "_builder",
        "_flight",
        "_lanes",
        "_nagle",
        "_path",
        "_retransmission",
        "_retries",
        "added_nothing",
        "copies",
        "payload_bytes_max",
        "peer",
        "segments",
    )

    def __init__(
        self,
        lanes: Lanes,
        flight: Flight,
        retries: RetryQueue,
        nagle: NagleTimer,
        retransmission: RetransmissionTimer,
        ack_requests: AckRequests,
        path: PathFeedback,
        builder: PacketBuilder,
    ) -> None:
        self._path = path
        self._lanes = lanes
        self._flight = flight
        self._retries = retries
        self._nagle = nagle
        self._retransmission = retransmission
        self._ack_requests = ack_requests
        self._builder = builder
        """Of use while a packet is made, so all connections of an endpoint share one."""
        self.copies = SecondCopies()
        self.peer = PeerWindow()
        self.payload_bytes_max = 0
        """Largest payload of a packet; set from the MTU and the cipher."""
        self.segments: tuple[Segment, ...] = ()
        """Reliable segments in the payload that `fill` returned."""
        self.added_nothing = False
        """Whether `fill` found no room for anything."""

    def retry_bytes(self, now: int) -> int:
        """Room that the first segment to be repeated needs, 0 if there is none: it is never cut again."""
        if now < self._retransmission.held_until:
            return 0
        segment = self._retries.first() or self.copies.first(now)
        if segment is None:
            return 0
        self._builder.start(0, self._lanes.several)
        return self._builder.segment_header_bytes(segment) + len(segment.data)

    def fill(self, prefix: bytes, room: int, now: int) -> bytes:
        """The payload of the next packet: `prefix` (whole frames), then lost bytes, then new ones."""
        builder = self._builder
        lanes = self._lanes
        flight = self._flight
        builder.start(room - len(prefix), lanes.several)
        payload = b""
        repeats = self._retries.lost_bytes > 0
        may_go_on = True
        control = self._path.control
        if control.is_adaptive:
            if not repeats:
                repeats = self.copies.next_at() <= now
            if lanes.several:
                may_go_on = self._add_urgent(builder, control)
            self._retransmission.is_probing = False
        if may_go_on and (not repeats or self._add_lost(builder, now)) and not flight.is_full():
            lane = lanes.lanes[0]
            if not repeats and not lanes.several and lane.queue:
                if lane.queue[lane.head][1]:
                    payload = self._fill_with_one_segment(builder, lane, prefix)
                else:
                    payload = self._fill_with_one_message(builder, lane, prefix)
            if builder.room > SIZE_BYTES + MIN_HEADER_BYTES:
                self._add_new(builder, _ALL_LANES)
        if not lanes.queued_bytes and lanes.is_empty():
            self._nagle.reset()
        if not payload:
            payload = builder.finish(prefix)
        self.segments = tuple(builder.segments)
        self.added_nothing = len(payload) == len(prefix)
        if self.segments:
            self._retransmission.on_sent(now)
        unreported = flight.next_number - flight.latest_reported
        if unreported > ACK_WANTED_PACKETS:
            self._ack_requests.on_many_unreported(unreported)
        return payload

    def is_tight(self) -> bool:
        """Whether the rate follows the path, and a hole stops it before it can be filled."""
        control = self._path.control
        return control.is_adaptive and self.peer.is_tight(control.rate, self._path.round_trip.smoothed_us)

    def _add_new(self, builder: PacketBuilder, below: int) -> None:
        """Adds messages that were never sent, of lanes whose priority number is below that."""
        lanes = self._lanes
        while builder.room > SIZE_BYTES + MIN_HEADER_BYTES:
            chosen = lanes.choose()
            if chosen is None or chosen.priority_class.priority >= below:
                break
            if chosen.queue[chosen.head][1]:
                if not self._add_reliable(builder, chosen):
                    break
            elif not self._add_unreliable(builder, chosen):
                break

    def _add_urgent(self, builder: PacketBuilder, control: RateControl) -> bool:
        """Adds what goes before repeats, or although the window is full; False if that is all that may leave."""
        lanes = self._lanes
        if control.in_flight_bytes >= control.window_bytes and not self._retransmission.is_probing:
            self._add_new(builder, lanes.least_urgent())
            return False
        lost = self._retries.first()
        if lost is not None:
            self._add_new(builder, lanes.lanes[lost.stream.index].priority_class.priority)
        return True

    def _add_lost(self, builder: PacketBuilder, now: int) -> bool:
        """Adds segments to be repeated; False if one did not fit, so that nothing new overtakes it."""
        if now < self._retransmission.held_until:
            return True
        number = self._flight.next_number
        is_tight = self.is_tight()
        control = self._path.control
        is_narrow = control.is_adaptive and self.peer.is_narrow(control.rate, self._path.round_trip.smoothed_us)
        while True:
            segment = self._retries.first()
            if segment is None:
                break
            if self._needs_another_packet(builder, segment):
                return False
            builder.add_reliable(segment)
            self._retries.sent_first(number)
            if is_tight or (is_narrow and segment.transmissions >= LOST_TWICE):
                self.copies.add(segment, now)
        while True:
            segment = self.copies.first(now)
            if segment is None or self._needs_another_packet(builder, segment):
                return True
            builder.add_reliable(segment)
            self.copies.sent_first(number, now)

    @staticmethod
    def _needs_another_packet(builder: PacketBuilder, segment: Segment) -> bool:
        too_large = builder.segment_header_bytes(segment) + len(segment.data) > builder.room
        return too_large or builder.goes_back(segment)

    # ------------------------------------------------------------------ unreliable messages

    def _fill_with_one_message(self, builder: PacketBuilder, lane: SendLane, prefix: bytes) -> bytes:
        """The payload, if one unreliable message is all that is queued and fits, as often in games."""
        number, _, body = lane.queue[lane.head]
        size = len(body)
        room = builder.room - FIRST_UNRELIABLE_HEADER_BYTES
        if lane.head + 1 < len(lane.queue) or lane.head_sent or size > room:
            return b""
        lane.drop(1)
        lane.pending_unreliable -= size
        self._lanes.queued_bytes -= size
        builder.room = 0
        return b"".join((prefix, encode_unreliable_to_end(number), body))

    def _add_unreliable(self, builder: PacketBuilder, lane: SendLane) -> bool:
        """Adds the first message of the lane or a piece of it; False if the packet takes no more."""
        number, _, body = lane.queue[lane.head]
        offset = lane.head_sent
        remaining = len(body) - offset
        space = builder.room - builder.unreliable_header_bytes(lane.index, number, offset)
        if remaining <= space:
            builder.add_unreliable(lane.index, number, offset, True, body[offset:] if offset else body)
            lane.pending_unreliable -= remaining
            self._lanes.queued_bytes -= remaining
            self._lanes.sent_all(lane)
            if not self._lanes.several:
                self._add_unreliable_run(builder, lane, number + 1)
            return True
        fits_alone = len(body) <= self.payload_bytes_max - UNSPLIT_MARGIN_BYTES
        if (fits_alone and not offset and not builder.is_empty()) or space < MIN_PIECE_BYTES:
            return False
        builder.add_unreliable(lane.index, number, offset, False, body[offset : offset + space])
        lane.pending_unreliable -= space
        self._lanes.queued_bytes -= space
        self._lanes.sent_part(lane, space)
        return False

    def _add_unreliable_run(self, builder: PacketBuilder, lane: SendLane, number: int) -> None:
        """The unreliable messages right behind one just added, as long as whole ones fit."""
        queue = lane.queue
        place = lane.head
        end = len(queue)
        if place == end:
            return
        room = builder.room
        bodies: list[bytes] = []
        size = 0
        while place < end:
            _, header, body = queue[place]
            cost = len(body) + NEXT_UNRELIABLE_HEADER_BYTES
            if header or cost > room:
                break
            room -= cost + SIZE_BYTES
            size += len(body)
            bodies.append(body)
            place += 1
        if bodies:
            lane.drop(len(bodies))
            builder.add_unreliable_run(lane.index, number, bodies)
            lane.pending_unreliable -= size
            self._lanes.queued_bytes -= size

    # ------------------------------------------------------------------ reliable messages

    def _fill_with_one_segment(self, builder: PacketBuilder, lane: SendLane, prefix: bytes) -> bytes:
        """The payload, if one reliable segment fills the packet or ends the queue, which is what bulk data does."""
        segment = self._cut_segment(lane, builder.room - FIRST_RELIABLE_HEADER_BYTES)
        if segment is None:
            return b""
        if segment.announce or (lane.queue and (not lane.queue[lane.head][1] or not lane.head_sent)):
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
        oldest = lane.unacked.oldest()
        control = self._path.control
        holes = self._retries.open_holes
        if control.is_adaptive and self._path.reordering.keeps_order():
            # What is on its way again arrives before this.
            oldest = lane.unacked.oldest_but_repeats()
            holes = self._retries.waiting_holes
            if not self.peer.is_ours:
                holes += int(self._path.expected_losses() * HOLES_EXPECTED)
        held_from = lane.message_begin if oldest is None else oldest.message_begin
        window = held_from + self.peer.stream_bytes - position
        if window < MIN_PIECE_BYTES or (holes >= self.peer.holes_max and holes >= self.peer.holes(control.is_adaptive)):
            lane.blocked = True
            return None
        if window < space:
            space = window
        queue = lane.queue
        first_number = queue[lane.head][0]
        message_begin = lane.message_begin
        announce = first_number - 1 if first_number - lane.sent_reliable_number > ANNOUNCE_FROM else 0
        if announce:
            space -= ANNOUNCE_BYTES
        chunks: list[bytes] = []
        size = 0
        while queue:
            number, header, body = queue[lane.head]
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
                self._lanes.sent_all(lane)
                # A receiver with little room can always take the end of a large message, but not what follows it.
                if sent or (self._lanes.several and self._lanes.choose() is not lane):
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
            self._lanes.sent_part(lane, piece)
            break
        if not size:
            return None
        lane.sent_position = position + size
        lane.pending_reliable -= size
        self._lanes.queued_bytes -= size
        segment = Segment(
            lane.unacked, position, chunks[0] if len(chunks) == 1 else b"".join(chunks), message_begin, announce
        )
        segment.last_packet = self._flight.next_number
        lane.unacked.add(segment)
        self._ack_requests.on_reliable_sent(size)
        return segment
