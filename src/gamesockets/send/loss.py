"""What became of the packets: which arrived, which are lost, and what that means for the bytes in them (spec 2, 2.8).

A packet that the peer reports missing counts as lost at once, and what it carried is repeated; the reference
library waits for its next timer. Where the rate follows the path, a packet may be late first, as long as packets there
have lately been (`reordering`). An ack that comes late still counts.
"""

from typing import Final, final

from gamesockets.send.ack_requests import AckRequests
from gamesockets.send.flight import Flight, SentPacket
from gamesockets.send.lanes import Lanes
from gamesockets.send.path_feedback import PathFeedback
from gamesockets.send.reliable import ACKED, IN_FLIGHT, RetryQueue
from gamesockets.send.retransmission import RetransmissionTimer
from gamesockets.values.moments import NEVER
from gamesockets.wire.frames import AckBlock

LATE_HOLES_MAX: Final = 20
"""At most so many holes are kept open for late packets: each costs the peer room."""

LATE_HOLES_OURS_MAX: Final = 120
"""The same for a peer of ours, which keeps 240, on a path that does not keep order."""

_FORGET_AFTER_US: Final = 4_000_000


@final
class LossDetection:
    """Settles the records of sent packets: by the peer's acks, by the retransmission timer, by age."""

    __slots__ = (
        "_ack_requests",
        "_flight",
        "_lanes",
        "_marks",
        "_path",
        "_reordering",
        "_retransmission",
        "_retries",
        "late_holes_max",
        "lost_marks",
        "minimum_waited_for",
        "peer_has_holes",
        "reported_marks",
    )

    def __init__(
        self,
        lanes: Lanes,
        flight: Flight,
        retries: RetryQueue,
        path: PathFeedback,
        retransmission: RetransmissionTimer,
        ack_requests: AckRequests,
    ) -> None:
        self._lanes = lanes
        self._flight = flight
        self._retries = retries
        self._path = path
        self._reordering = path.reordering
        self._retransmission = retransmission
        self._ack_requests = ack_requests
        self._marks: dict[int, int] = {}
        """Which statistics are on their way, by packet number."""
        self.minimum_waited_for = 0
        """No acks are needed below this packet number."""
        self.late_holes_max = LATE_HOLES_MAX
        """So many holes are kept open for late packets where packets are late."""
        self.peer_has_holes = False
        """The last ack frame had blocks: the peer wants a stop-waiting value."""
        self.reported_marks: list[int] = []
        """Statistics marks of packets that arrived since the caller last looked."""
        self.lost_marks: list[int] = []
        """The same for packets that did not."""

    def on_statistics_sent(self, number: int, mark: int) -> None:
        """Packet `number` carries statistics: `mark` will be among the reported or the lost marks."""
        self._marks[number] = mark

    def awaits_ack(self) -> bool:
        """Whether reliable bytes were sent and are not acknowledged."""
        for lane in self._lanes.lanes:
            if lane.unacked.unacked_bytes or lane.unacked.lost_bytes:
                return True
        return False

    # ------------------------------------------------------------------ acks

    def acknowledge(self, latest: int, blocks: list[AckBlock], now: int) -> bool:
        """Applies an ack frame about packets up to `latest`, none of whose blocks reaches below 0 (spec 2, 2.8.2).

        Returns:
            Whether reliable bytes were acknowledged for the first time: then `on_progress` is due, once a packet.
            `judge_suspects` is due then in any case.
        """
        flight = self._flight
        end = latest + 1
        lost: list[tuple[int, int]] = []
        is_progress = False
        for acks, nacks in blocks:
            middle = end - acks
            begin = middle - nacks
            if self._arrived(middle, end, now):
                is_progress = True
            if nacks:
                lost.append((begin, middle))
            end = begin
        if end > self.minimum_waited_for and self._arrived(self.minimum_waited_for, end, now):
            is_progress = True
        self.minimum_waited_for = max(self.minimum_waited_for, self._stop_waiting_value(latest, lost, now))
        flight.latest_reported = max(flight.latest_reported, latest)
        self.peer_has_holes = len(blocks) > 0
        for begin, middle in lost:
            for number, packet in flight.report_missing(begin, middle):
                if not packet.is_counted or not self._reordering.is_suspect(number, packet, now):
                    self._retransmission.on_repeated_loss(self._lose(number, packet), now)
        return is_progress

    def judge_suspects(self, now: int) -> None:
        """Gives up the packets that are overdue by now. Once for all ack frames of a packet, since it looks at each."""
        reordering = self._reordering
        if not reordering.must_judge(now):
            return
        for number in reordering.suspects():
            packet = self._flight.get(number)
            if packet is None or packet.is_lost:
                reordering.settle(number)
            elif reordering.is_given_up(number, packet, now):
                reordering.settle(number)
                self._retransmission.on_repeated_loss(self._lose(number, packet), now)
        reordering.judged()

    def on_progress(self, now: int) -> None:
        """After the ack frames of a packet, if they acknowledged reliable bytes for the first time."""
        self._ack_requests.on_progress()
        for lane in self._lanes.lanes:
            lane.blocked = False
        self._retransmission.on_progress(self.awaits_ack(), now)

    def _stop_waiting_value(self, latest: int, lost: list[tuple[int, int]], now: int) -> int:
        """Not above packets that were reported missing and left lately: they may still arrive, and then they count."""
        value = latest
        if lost:
            sent_after = now - self._path.late_arrival_us()
            holes_max = LATE_HOLES_MAX if self._reordering.keeps_order() else self.late_holes_max
            for begin, _ in lost[:holes_max]:
                packet = self._flight.get(begin)
                if packet is None or packet.sent_at < sent_after:
                    break
                value = begin
        return value

    def _arrived(self, begin: int, end: int, now: int) -> bool:
        """Settles the packets in [begin, end); True if reliable bytes were acknowledged for the first time."""
        if begin <= self._flight.skipped_number < end:
            self._path.distrust()  # nobody sent it
        packets = self._flight.take_range(begin, end)
        is_progress = False
        for packet in packets:
            for segment in packet.segments:
                if segment.state != ACKED:
                    self._retries.acknowledge(segment)
                    is_progress = True
        if not packets:
            return False
        self._retransmission.on_arrival()
        self._path.on_acknowledged(packets, now)
        if self._marks:
            for number in list(self._marks):
                if begin <= number < end:
                    self.reported_marks.append(self._marks.pop(number))
        return is_progress

    def _lose(self, number: int, packet: SentPacket) -> int:
        """Queues what is unacknowledged of this packet for repetition; how often its most repeated segment was sent."""
        self._path.on_lost(number, packet)
        if number in self._marks:
            self.lost_marks.append(self._marks.pop(number))
        transmissions = 0
        hole_end = -1
        for segment in packet.segments:
            if segment.state == IN_FLIGHT and segment.last_packet == number:
                self._retries.add(segment, segment.position == hole_end)
                transmissions = max(transmissions, segment.transmissions)
                hole_end = segment.position + len(segment.data)
        return transmissions

    # ------------------------------------------------------------------ timers

    def next_time(self) -> int:
        """When to call `handle_timer`; NEVER if no packet is on its way."""
        # Comparisons: compiled code would make objects of three numbers for one call of `min`.
        next_time = self._retransmission.expires_at()
        forget_at = self._forget_at()
        if forget_at < next_time:
            next_time = forget_at
        judge_at = self._reordering.next_time()
        return judge_at if judge_at < next_time else next_time

    def handle_timer(self, now: int) -> None:
        """Probes and forgets what is due."""
        if now >= self._retransmission.expires_at():
            self._probe(now)
        if now >= self._forget_at():
            self._forget(now)
        self.judge_suspects(now)

    def _probe(self, now: int) -> None:
        """Repeats the oldest segment and asks for an immediate ack, which reports on all others."""
        self._retransmission.running_since = NEVER
        control = self._path.control
        must_ask = control.in_flight_bytes >= control.window_bytes and self._lanes.queued_bytes > 0
        for lane in self._lanes.lanes:
            oldest = lane.unacked.oldest()
            if oldest is not None:
                if oldest.state == IN_FLIGHT:
                    self._retries.add(oldest, False)
                must_ask = True
                break
        if must_ask:
            self._retransmission.on_probe(now)
            if self._retransmission.is_silence(now):
                self._path.on_silence(now)
            self._ack_requests.wanted = True

    def _forget_at(self) -> int:
        oldest = self._flight.oldest_sent_at()
        return NEVER if oldest == NEVER else oldest + _FORGET_AFTER_US

    def _forget(self, now: int) -> None:
        """Drops records that are too old to matter; their unacknowledged segments count as lost."""
        for number, packet in self._flight.forget_sent_before(now - _FORGET_AFTER_US + 1):
            if not packet.is_lost:
                self._lose(number, packet)
