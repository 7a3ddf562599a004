"""When data leaves: one connection's messages, from `send` to the moment of the next packet (spec 2, 2.7.1 and 2.9).

What goes into a packet is `filling`, what became of it is `loss`; this class holds both and what they share.
"""

from abc import ABC, abstractmethod
from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.send.ack_requests import SOONER_US, AckRequests
from gamesockets.send.builder import PacketBuilder
from gamesockets.send.filling import PacketFilling
from gamesockets.send.flight import Flight
from gamesockets.send.lanes import Lanes
from gamesockets.send.loss import LATE_HOLES_OURS_MAX, LossDetection
from gamesockets.send.nagle import NagleTimer
from gamesockets.send.path_feedback import PathFeedback
from gamesockets.send.rate_control import RateControl
from gamesockets.send.reliable import RetryQueue
from gamesockets.send.retransmission import RetransmissionTimer
from gamesockets.send.skipped_number import SkippedNumber
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import SendFlags
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result

MAX_UNRELIABLE_BYTES: Final = 16_500

BULK_BYTES: Final = 16_384
"""When so much waits to leave, the rate begins to follow the path."""

BULK_UNACKED_BYTES: Final = 65_536
"""The same for reliable bytes that one lane has on their way."""

URGENT_WINDOW: Final = 1.25
"""New data of more urgent lanes may exceed the window by so much."""

_BULK_IN_FLIGHT_BYTES: Final = 10_000
_STOPPING_BYTES: Final = 4 * 1300

UNRELIABLE_RUN_MAX: Final = 900_000
"""After so many unreliable messages in a row the next one goes reliably: receivers refuse gaps above 1,000,000."""

_RELIABLE: Final = int(SendFlags.RELIABLE)
_NO_NAGLE: Final = int(SendFlags.NO_NAGLE)
_INVALID_PARAM: Final = -int(Result.INVALID_PARAM)
_TOO_LARGE: Final = -int(Result.VALUE_OUT_OF_RANGE)
_LIMIT_EXCEEDED: Final = -int(Result.LIMIT_EXCEEDED)


class Outbox(ABC):
    """Takes messages of the application: the sender, or what stands in front of it."""

    __slots__ = ()

    @abstractmethod
    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        """Queues a message; its number, or minus the `Result` that says why not."""


@final
class Sender(Outbox):
    """Sending side of one connection."""

    __slots__ = (
        "_entropy",
        "_options",
        "_skipped",
        "ack_requests",
        "filling",
        "flight",
        "lanes",
        "loss",
        "nagle",
        "pacer",
        "path",
        "retransmission",
        "retries",
    )

    def __init__(
        self, options: ConnectionOptions, first_packet_number: int, builder: PacketBuilder, entropy: Entropy
    ) -> None:
        self._options = options
        self.lanes = Lanes()
        self.flight = Flight(first_packet_number)
        self._entropy = entropy
        self._skipped: SkippedNumber | None = None
        self.retries = RetryQueue()
        self.nagle = NagleTimer()
        self.ack_requests = AckRequests()
        self.path = PathFeedback(self.flight)
        self.pacer = self.path.pacer
        self.path.limit(options.send_rate_min, options.send_rate_max)
        self.retransmission = RetransmissionTimer(self.path)
        self.filling = PacketFilling(
            self.lanes,
            self.flight,
            self.retries,
            self.nagle,
            self.retransmission,
            self.ack_requests,
            self.path,
            builder,
        )
        self.loss = LossDetection(
            self.lanes, self.flight, self.retries, self.path, self.retransmission, self.ack_requests
        )

    def configure(self, options: ConnectionOptions) -> None:
        """New limits, in force for the next message and the next packet."""
        self._options = options
        self.path.limit(options.send_rate_min, options.send_rate_max)

    def expect_peer_of_ours(self, window_bytes: int) -> None:
        """The peer said that it holds so much of a stream, which only one of ours does."""
        self.filling.peer.announce(window_bytes)
        self.loss.late_holes_max = LATE_HOLES_OURS_MAX

    # ------------------------------------------------------------------ messages

    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        """Queues a message; its number, or minus the `Result` that says why not (spec 2, 2.7.1)."""
        lanes = self.lanes
        if lane_index >= len(lanes.lanes) or lane_index < 0:
            return _INVALID_PARAM
        size = len(data)
        if size > MAX_MESSAGE_BYTES:
            return _TOO_LARGE
        options = self._options
        if lanes.queued_bytes + self.retries.lost_bytes + size > options.send_buffer_size_bytes:
            return _LIMIT_EXCEEDED
        lane = lanes.lanes[lane_index]
        is_reliable = (
            flags & _RELIABLE != 0
            or size > MAX_UNRELIABLE_BYTES
            or lane.last_number - lane.last_reliable_number >= UNRELIABLE_RUN_MAX
        )
        lanes.enqueue(lane, data, size, is_reliable)
        nagle = self.nagle
        if flags & _NO_NAGLE or options.nagle_time_us == 0:
            nagle.end()
        elif nagle.until == NEVER:
            nagle.start(options.nagle_time_us, now)
        return lane.last_number

    def flush(self) -> None:
        """Ends the Nagle wait of everything queued."""
        self.nagle.flush()

    def has_reliable_data(self) -> bool:
        """Whether reliable bytes are queued, lost or unacknowledged."""
        for lane in self.lanes.lanes:
            if lane.pending_reliable:
                return True
        return self.loss.awaits_ack()

    def unacked_reliable_bytes(self) -> int:
        """Reliable bytes sent and not acknowledged, those waiting to be repeated left out."""
        return sum([lane.unacked.unacked_bytes for lane in self.lanes.lanes])

    def pending_bytes(self) -> int:
        """Bytes that wait to leave: queued or lost."""
        return self.lanes.queued_bytes + self.retries.lost_bytes

    def undelivered_bytes(self) -> int:
        """Bytes that the peer is not known to have: queued, lost or unacknowledged."""
        return self.pending_bytes() + self.unacked_reliable_bytes()

    # ------------------------------------------------------------------ when

    def wants_at(self, now: int) -> int:
        """When data should leave, the send rate left aside; NEVER if there is none."""
        control = self.path.control
        retry_at = NEVER
        if control.is_adaptive:
            if control.in_flight_bytes >= control.window_bytes and not self.retransmission.is_probing:
                return self._urgent_at(control, now)
            retry_at = max(self.filling.copies.next_at(), self.retransmission.held_until)
            if retry_at <= now:
                return now
        if self.retries.lost_bytes and not self.flight.is_full():
            retry_at = self.retransmission.held_until
            if retry_at <= now:
                return now
        nagle_until = self.nagle.until
        if nagle_until == NEVER or self.lanes.choose() is None or self.flight.is_full():
            return retry_at
        if nagle_until <= now or self.lanes.queued_bytes >= self.filling.payload_bytes_max:
            return now
        return nagle_until if nagle_until < retry_at else retry_at

    def _urgent_at(self, control: RateControl, now: int) -> int:
        """The same while the window is full: only what is more urgent than bulk may leave, and not without limit."""
        lanes = self.lanes
        if not lanes.several or control.in_flight_bytes >= control.window_bytes * URGENT_WINDOW:
            return NEVER
        chosen = lanes.choose()
        if chosen is None or chosen.priority_class.priority >= lanes.least_urgent() or self.flight.is_full():
            return NEVER
        return max(self.nagle.until, now)

    # ------------------------------------------------------------------ bulk

    def watch_for_bulk(self, now: int) -> None:
        """Before packets leave, while the path `waits_for_bulk`: does it begin?"""
        if self.pending_bytes() >= BULK_BYTES or self.lanes.lanes[0].unacked.unacked_bytes >= BULK_UNACKED_BYTES:
            self.path.begin_bulk(now)

    def is_bulk(self) -> bool:
        """Whether a full packet waits to leave."""
        return self.lanes.queued_bytes + self.retries.lost_bytes >= self.filling.payload_bytes_max

    def before_packet(self, is_bulk: bool, now: int) -> None:
        """Before a packet is made by a controller's leave, which may take another number now."""
        self._ask_while_bulk(is_bulk, now)
        if is_bulk:
            if self._skipped is None:
                self._skipped = SkippedNumber(self.flight, self._entropy)
            self._skipped.before_packet()

    def _ask_while_bulk(self, is_bulk: bool, now: int) -> None:
        """Silence of the peer would tell the controller nothing."""
        control = self.path.control
        requests = self.ack_requests
        number = self.flight.next_number
        if not is_bulk:
            if control.in_flight_bytes > _BULK_IN_FLIGHT_BYTES:
                requests.on_bulk(0, number, now)  # the last one for now: nothing behind it tells that it is lost
            return
        if requests.rests(now):
            fills_window = control.in_flight_bytes + self.filling.payload_bytes_max >= control.window_bytes
            if fills_window and self.flight.latest_reported >= requests.asked_number:
                requests.on_bulk(0, number, now)  # only an ack lets another one leave, and none is on its way
            return
        interval_us = control.ack_interval_us()
        if control.in_flight_bytes + _STOPPING_BYTES >= control.window_bytes:
            interval_us = min(interval_us, SOONER_US)
        learned = self.path.learned
        if learned is not None:
            learned.is_peer_tight = self.filling.is_tight()
            if learned.is_peer_tight:
                interval_us = SOONER_US  # the sooner an ack, the less of the peer's room is taken for full
        requests.on_bulk(interval_us, number, now)

    def after_packets(self, now: int) -> None:
        """All has left that may leave: if more might, the application is what limits the rate."""
        control = self.path.control
        if control.in_flight_bytes >= control.window_bytes:
            if self.lanes.queued_bytes:
                self.retransmission.on_full_window(now)
        elif self.wants_at(now) > now:
            control.limited_by_application(self.path.delivered_bytes)

    # ------------------------------------------------------------------ when

    def data_at(self, now: int) -> int:
        """When data may leave, the send rate considered: due now if not after `now`; NEVER if there is none."""
        pacer = self.pacer
        wanted_at = self.wants_at(now)
        if wanted_at > now:
            pacer.data_waits = False  # or the time until then would count as waiting, and a burst would be saved up
            return wanted_at if wanted_at == NEVER else max(wanted_at, pacer.ready_at(now))
        if pacer.updated_at != now or not pacer.data_waits:
            pacer.refill(now, True)
        return pacer.ready_at(now)

    def is_due(self, now: int, before: int) -> bool:
        """Whether data may leave now, or at least before `before`, when this side is served anyway."""
        if self.nagle.until >= before and self.lanes.queued_bytes < self.filling.payload_bytes_max:
            return False
        data_at = self.data_at(now)
        return data_at <= now or data_at < before

    def next_time(self, now: int) -> int:
        """When this side next has something to do."""
        return min(self.data_at(now), self.loss.next_time())
