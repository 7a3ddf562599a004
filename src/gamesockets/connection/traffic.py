"""Data packets of one connection, both ways: from UDP payloads to messages, from messages to UDP payloads.

    datagram -> packet header -> ReplayWindow -> Cipher.open -> Receiver -> inbox
                                                                   |  acks, and what to acknowledge
                                                                   v
    datagram <- packet header <- Cipher.seal  <-  Sender   <-   Traffic  ->  AckReporter

What receiving must tell sending passes through here, and nowhere else.
"""

from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.counters import Counters
from gamesockets.connection.handshake import Agreement
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.liveness import ACK_REQUEST, IMMEDIATE_ACK_REQUEST, NO_REQUEST, Liveness
from gamesockets.connection.message_loss import LossyInbox, LossyOutbox
from gamesockets.connection.reports import StatisticsReports
from gamesockets.connection.stats import Statistics
from gamesockets.connection.timers import Timers
from gamesockets.connection.trace import TracedInbox, TracedOutbox, TraceSink, tell_of_ack, tell_of_losses
from gamesockets.crypto.cipher import Cipher, NullCipher
from gamesockets.crypto.peer_check import Refusal
from gamesockets.receive.acks import ACK_DELAY_US, AckReporter
from gamesockets.receive.memory import MemoryPool
from gamesockets.receive.receiver import ACKNOWLEDGED_SOON, FAULTY, IGNORED, NOT_ACKNOWLEDGED, Ack, Receiver
from gamesockets.receive.replay_window import MAX_JUMP, NEW, ReplayWindow
from gamesockets.receive.sink import MessageSink
from gamesockets.send.builder import PacketBuilder
from gamesockets.send.reliable import Segment
from gamesockets.send.round_trip import UNKNOWN, sample_from_ack_us
from gamesockets.send.sender import Outbox, Sender
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.message import PeerRecord
from gamesockets.values.moments import NEVER, US_PER_MS
from gamesockets.wire import datagram
from gamesockets.wire.frames import ACK_DELAY_SHIFT, ACK_DELAY_UNKNOWN, AckBlock, encode_stop_waiting
from gamesockets.wire.messages_pb2 import UdpStats
from gamesockets.wire.numbers import ONE_BYTE, varint_length, widen
from gamesockets.wire.packet import HEADER_BYTES, NO_TIME, encode_header, encode_plain_header_start, split_packet

MTU_OVERHEAD_BYTES: Final = 52
PACKETS_PER_TURN: Final = 128
FIRST_NUMBERED_AFTER_HANDSHAKE: Final = 10
"""From this protocol version of the peer on, the handshake counts as packet number 1."""

SPACING_VERSION: Final = 12
SPACING_MAX_US: Final = 250_000
STOP_WAITING_NUDGE_US: Final = 250_000
REPORTS_ROOM_BYTES: Final = 64

REFUSED_ROUND_TRIPS: Final = 2
"""After a refused packet the others are reported within this and the slack below, as by the reference library."""

_REFUSED_ROUND_TRIP_MAX_US: Final = 100_000
_REFUSED_SLACK_US: Final = 5_000


@final
class Traffic:
    """The parts that data packets pass through, and the order of work for one packet in and one packet out."""

    __slots__ = (
        "_counters",
        "_entropy",
        "_extras_at",
        "_header_start",
        "_inbox",
        "_last_sent_at",
        "_opening",
        "_options",
        "_protocol_version",
        "_remote_id",
        "_sealing",
        "_stop_waiting_by",
        "_trace",
        "acks",
        "liveness",
        "outbox",
        "ping",
        "receiver",
        "reports",
        "sender",
        "statistics",
        "window",
    )

    def __init__(
        self,
        connection_id: int,
        peer: PeerRecord,
        inbox: Inbox,
        options: ConnectionOptions,
        counters: Counters,
        entropy: Entropy,
        pool: MemoryPool,
        builder: PacketBuilder,
        now: int,
    ) -> None:
        self._options = options
        self._counters = counters
        self._entropy = entropy
        self._remote_id = 0
        self._header_start = b""
        self._protocol_version = 0
        self._sealing: Cipher = NullCipher()
        self._opening: Cipher = NullCipher()
        self.window = ReplayWindow(1)
        self.acks = AckReporter(2)
        self._inbox = inbox
        self._trace: TraceSink | None = None
        self.receiver = Receiver(self.acks, peer, inbox, options, pool)
        self.sender = Sender(options, 2, builder, entropy)
        self.outbox: Outbox = self.sender
        """Where messages of the application go: the sender, or what stands in front of it."""
        self.ping = self.sender.path.round_trip
        self.liveness = Liveness(now, options.timeout_connected_us)
        self.statistics = Statistics(self.window, connection_id)
        self.reports = StatisticsReports(self.statistics)
        self._last_sent_at = NO_TIME
        self._stop_waiting_by = NEVER
        self._extras_at = NEVER
        self._stand_in_front()

    def begin(self, agreement: Agreement, now: int) -> None:
        """Both sides agree: packets may flow."""
        self._sealing = agreement.sealing
        self._opening = agreement.opening
        self._remote_id = agreement.remote_id
        self._header_start = encode_plain_header_start(agreement.remote_id)
        self._protocol_version = agreement.peer.protocol_version
        if self._protocol_version < FIRST_NUMBERED_AFTER_HANDSHAKE:
            self.window.newest = 0
            self.acks.next_number = 1
            self.sender.flight.start_at(1)
        window_bytes = agreement.peer.receive_window_bytes
        if window_bytes:
            self.sender.expect_peer_of_ours(window_bytes)
            self.receiver.expect_bulk(True)
            self.acks.is_bulk = True
        self.sender.path.on_connected(now)
        self.liveness.heard(now)
        self.statistics.connected(now)
        self.reports.start(now)
        self._extras_at = now
        self.configure(self._options)

    def configure(self, options: ConnectionOptions) -> None:
        """New limits, in force for the next packet."""
        self._options = options
        self.receiver.configure(options)
        self.liveness.timeout_us = options.timeout_connected_us
        self.sender.configure(options)
        self._stand_in_front()
        self._fit_packets()

    def _fit_packets(self) -> None:
        """Follows the MTU. A segment is never cut again, so packets shrink only while none waits for its ack."""
        size = self._options.mtu_packet_size - MTU_OVERHEAD_BYTES - self._sealing.overhead_bytes
        if size >= self.sender.filling.payload_bytes_max or not self.sender.has_reliable_data():
            self.sender.filling.payload_bytes_max = size

    def set_trace(self, trace: TraceSink | None) -> None:
        """Tells `trace` of packets and messages from now on; None for nobody."""
        self._trace = trace
        self.sender.path.noted_losses = None if trace is None else []
        self._stand_in_front()

    def deliver_to(self, inbox: Inbox) -> None:
        """Where received messages go from now on."""
        self._inbox = inbox
        self._stand_in_front()

    def _stand_in_front(self) -> None:
        """Puts tracing in front of inbox and sender, and simulated message loss in front of that."""
        options = self._options
        inbox: MessageSink = self._inbox
        outbox: Outbox = self.sender
        if self._trace is not None:
            inbox = TracedInbox(inbox, self._trace)
            outbox = TracedOutbox(outbox, self._trace)
        if options.message_loss_receive_percent:
            inbox = LossyInbox(inbox, options.message_loss_receive_percent, self._entropy)
        if options.message_loss_send_percent:
            outbox = LossyOutbox(outbox, self.sender, options, self._entropy)
        self.receiver.inbox = inbox
        self.outbox = outbox

    def take_ping_sample(self, sample_ms: int, now: int) -> None:
        """A round trip measured in whole milliseconds; below 0 for none."""
        if sample_ms >= 0:
            self.sender.path.on_round_trip(sample_ms * US_PER_MS, now)
            self.statistics.ping(sample_ms)

    def handle_timer(self, now: int, timers: Timers) -> bool:
        """Does what is due; True when the peer is to be given up."""
        if now >= timers.interval:
            self.statistics.finish_interval(now, self.liveness.misses())
            self.receiver.finish_interval(now)
            # Pauses until something happens: intervals in which nothing does need no timer.
            timers.interval = self.statistics.next_interval_at() if self.receiver.holds_memory() else NEVER
        if self.liveness.handle_timer(now):
            return True
        self.sender.loss.handle_timer(now)
        if self._trace is not None:
            tell_of_losses(self._trace, self.sender.path.noted_losses, now)
        self._fit_packets()
        return False

    def doubt(self, now: int) -> None:
        """Somebody says that the peer is gone: it has to show soon that it is not."""
        self.liveness.doubt(now, self.ping.worst_us)

    # ------------------------------------------------------------------ in

    def measure_on(self, timers: Timers, now: int) -> None:
        """Packets pass, perhaps after a pause; called before they are counted."""
        if timers.interval == NEVER:
            self.statistics.resume(now)
            timers.interval = self.statistics.next_interval_at()

    def receive_packet(self, data: bytes, timers: Timers, now: int) -> Refusal | None:
        """Takes one data packet that names our connection id; why the connection must end, if it must."""
        if timers.interval == NEVER:
            self.measure_on(timers, now)
        statistics = self.statistics
        statistics.received(len(data))
        counters = self._counters
        wire_number, stats_blob, spacing_us, chunk = split_packet(data)
        if wire_number < 0:
            counters.malformed += 1
            return None
        stats: UdpStats | None = None
        if stats_blob:
            stats = datagram.decode_stats(stats_blob)
            if stats is None:
                counters.malformed += 1
                return None
        window = self.window
        newest = window.newest
        number = newest + 1
        statistics.sequenced += 1
        if number & 0xFFFF != wire_number:
            number = widen(wire_number, 16, newest)
            if window.check(number) != NEW:
                counters.duplicates += 1
                return None
        plaintext = self._opening.open(number, chunk)
        if plaintext is None:
            statistics.sequenced -= 1
            counters.undecryptable += 1
            return None
        if self._trace is not None:
            self._trace.packet_received(number, newest + 1, plaintext, len(data), now)
        if number - newest > MAX_JUMP:
            jump = f"{number - newest}; {newest & 0xFFFF:04x}->{number & 0xFFFF:04x}"
            return Refusal(int(EndReason.MISC_GENERIC), f"Pkt number lurch by {jump}")
        self.liveness.heard(now)
        window.record(number)
        receiver = self.receiver
        verdict = receiver.process(plaintext, number, self.sender.flight.next_number, now)
        if receiver.acks:
            self._on_acks(receiver.acks, now)
        if verdict == FAULTY:
            return Refusal(int(EndReason.MISC_INTERNAL_ERROR), receiver.fault)
        if verdict == IGNORED:
            return None
        statistics.arrived(now, spacing_us, number == newest + 1)
        if verdict == NOT_ACKNOWLEDGED:
            round_trip_us = self.ping.smoothed_us
            if not 0 <= round_trip_us <= _REFUSED_ROUND_TRIP_MAX_US:
                round_trip_us = _REFUSED_ROUND_TRIP_MAX_US
            self.acks.flush_by(now + REFUSED_ROUND_TRIPS * (round_trip_us + _REFUSED_SLACK_US))
        else:
            self.acks.received(number, verdict == ACKNOWLEDGED_SOON, now)
        if stats is not None:
            self._on_stats(stats, now)
        return None

    def _on_stats(self, message: UdpStats, now: int) -> None:
        has_report = message.HasField("stats")
        if has_report:
            self.statistics.received_from_peer(message.stats, now)
        if has_report or message.flags & UdpStats.ACK_REQUEST:
            is_immediate = message.flags & UdpStats.ACK_REQUEST_IMMEDIATE
            self.acks.flush_by(now if is_immediate else now + ACK_DELAY_US)

    def _on_acks(self, acks: list[Ack], now: int) -> None:
        """The ack frames of one packet."""
        loss = self.sender.loss
        is_progress = False
        for latest, delay, blocks in acks:
            if self._on_ack(latest, delay, blocks, now):
                is_progress = True
        loss.judge_suspects(now)
        if is_progress:
            loss.on_progress(now)
        if self._trace is not None:
            tell_of_losses(self._trace, self.sender.path.noted_losses, now)
        if loss.reported_marks or loss.lost_marks:
            self._settle_reports(now)
        if self.sender.path.learned is not None:
            self.sender.path.on_acks(now)

    def _on_ack(self, latest: int, delay: int, blocks: list[AckBlock], now: int) -> bool:
        """An ack frame of the peer, which reports on our packets up to `latest`; True if there is progress."""
        loss = self.sender.loss
        packet = self.sender.flight.get(latest)
        if packet is not None and delay != ACK_DELAY_UNKNOWN:
            elapsed_us = now - packet.sent_at - (delay << ACK_DELAY_SHIFT)
            if self.sender.path.learned is not None:
                self.sender.path.on_ack_frame(packet, elapsed_us, now)
            sample_us = sample_from_ack_us(elapsed_us)
            if sample_us != UNKNOWN:
                self.take_ping_sample(sample_us // US_PER_MS, now)
        if self._trace is not None:
            tell_of_ack(self._trace, self.sender.flight.get(latest), latest, delay, blocks, now)
        if blocks:
            self._stop_waiting_by = min(self._stop_waiting_by, now + STOP_WAITING_NUDGE_US // len(blocks))
        else:
            self._stop_waiting_by = NEVER
        return loss.acknowledge(latest, blocks, now)

    def _settle_reports(self, now: int) -> None:
        loss = self.sender.loss
        for picked in loss.reported_marks:
            self.reports.arrived(picked, now)
        if loss.lost_marks:
            self.reports.lost()
        self._extras_at = now
        loss.reported_marks.clear()
        loss.lost_marks.clear()

    def answers_at(self, timers: Timers, now: int) -> int:
        """After packets came: when something leaves on their account; `now` if it may be at once, NEVER for nothing."""
        timers.liveness = self.liveness.next_time()
        acks = self.acks
        sender = self.sender
        if (
            sender.nagle.until != NEVER  # messages wait: for room at the peer, it may be
            or sender.retries.lost_bytes
            or self._extras_at == now  # statistics have arrived at the peer, or were lost
            or acks.nack_wanted_at() != NEVER
        ):
            return now
        answer_at = min(acks.deadline(), self._stop_waiting_by)
        timers.send = min(answer_at, sender.loss.next_time())
        return answer_at

    # ------------------------------------------------------------------ out

    def packets_to_send(self, datagrams: list[bytes], now: int) -> None:
        """Appends the data packets that leave now."""
        sender = self.sender
        if sender.path.waits_for_bulk:
            sender.watch_for_bulk(now)
        sender.pacer.refill(now, sender.wants_at(now) <= now)
        request = self.liveness.request_due(now)
        for _ in range(PACKETS_PER_TURN):
            has_data = sender.data_at(now) <= now
            if has_data:
                if sender.retries.lost_bytes and self._must_report(now) and not self._reports_fit(now):
                    has_data = False
            elif request == NO_REQUEST and not self._must_report(now) and not self.reports.are_due(now):
                break
            data = self._make_packet(request, has_data, now)
            if data:
                datagrams.append(data)
            request = NO_REQUEST
            if has_data and sender.filling.added_nothing:
                break
        if sender.path.control.is_adaptive:
            sender.after_packets(now)

    def _must_report(self, now: int) -> bool:
        """Whether acks or a stop-waiting value have to leave now, even in a packet of their own."""
        acks = self.acks
        if not acks.has_news:
            return self._stop_waiting_by <= now
        return (
            acks.deadline() <= now
            or self._stop_waiting_by <= now
            or (acks.nack_wanted_at() <= now and self.sender.pacer.may_send())
        )

    def _reports_fit(self, now: int) -> bool:
        """Whether due reports and the next segment to be repeated share a packet; else the reports go first."""
        filling = self.sender.filling
        return filling.payload_bytes_max - filling.retry_bytes(now) >= REPORTS_ROOM_BYTES

    def _make_packet(self, request: int, has_data: bool, now: int) -> bytes:
        """One datagram; empty if it was meant for data and the peer turns out to have no room for any."""
        sender = self.sender
        filling = sender.filling
        stats = b""
        picked = 0
        is_bulk = False
        if has_data and sender.path.control.is_adaptive:
            is_bulk = sender.is_bulk()
            sender.before_packet(is_bulk, now)
        number = sender.flight.next_number
        if request != NO_REQUEST or sender.ack_requests.wanted or now >= self._extras_at:
            stats, picked, request = self._stats_for_packet(request, now)
        room = filling.payload_bytes_max
        if stats:
            # From the payload, not from the MTU: that may be smaller by now than segments which are never cut again.
            spare = room + MTU_OVERHEAD_BYTES - HEADER_BYTES
            room = min(room, spare - len(stats) - varint_length(len(stats)))
        prefix = b""
        if sender.loss.peer_has_holes or self.acks.has_news:
            prefix = self._reports(number, room - filling.retry_bytes(now) if has_data else room, now)
        segments: tuple[Segment, ...] = ()
        payload = prefix
        if has_data:
            payload = filling.fill(prefix, room, now)
            segments = filling.segments
            if not payload and not stats:
                return b""
        spacing_us = NO_TIME
        if self._options.send_time_since_previous_packet == 1:
            spacing_us = self._spacing(now, HEADER_BYTES + len(stats) + len(payload))
        if stats or spacing_us >= 0:
            header = encode_header(self._remote_id, number, stats, spacing_us)
            data = header + self._sealing.seal(number, payload)
        else:
            chunk = self._sealing.seal(number, payload)
            data = b"".join((self._header_start, ONE_BYTE[number & 0xFF], ONE_BYTE[number >> 8 & 0xFF], chunk))
        if self._trace is not None:
            self._trace.packet_sent(number, payload, len(data), now)
        is_all_sent = sender.nagle.until == NEVER and not sender.retries.lost_bytes
        sender.path.on_sent(len(data), segments, is_all_sent, now, is_bulk)
        if picked:
            sender.loss.on_statistics_sent(number, picked)
        self._last_sent_at = now
        if segments or is_bulk:
            sender.retransmission.is_ack_asked = request == IMMEDIATE_ACK_REQUEST
        if segments or stats:
            self.liveness.expect_reply(now, request == IMMEDIATE_ACK_REQUEST, self.ping.worst_us)
        return data

    def _reports(self, number: int, room: int, now: int) -> bytes:
        """Stop-waiting and ack frames for packet `number`, as far as there is room beside what must be repeated."""
        sender = self.sender
        frames = b""
        if sender.loss.peer_has_holes:
            frames = encode_stop_waiting(number - sender.loss.minimum_waited_for - 1)
            if len(frames) > room:
                return b""
            self._stop_waiting_by = NEVER
        due = sender.pacer.full_packet_at(now, self._options.mtu_packet_size)
        ack = self.acks.frame(now, due, room - len(frames))
        return frames + ack if frames else ack

    def _stats_for_packet(self, request: int, now: int) -> tuple[bytes, int, int]:
        """Serialized statistics for this packet, which reports they hold, and which ack they ask for."""
        sender = self.sender
        liveness = self.liveness
        if sender.ack_requests.wanted:
            sender.ack_requests.wanted = False
            request = IMMEDIATE_ACK_REQUEST
        picked = self.reports.pick(now)
        if picked or liveness.tracer_due(now, self.ping.sampled_at):
            request = max(request, ACK_REQUEST)
        self._extras_at = min(self.reports.ready_at(), liveness.tracer_at(self.ping.sampled_at))
        if not request:
            return b"", 0, 0
        message = self.reports.message(picked, self.ping.smoothed_ms, now) if picked else UdpStats()
        if message.ByteSize() > self._options.mtu_packet_size // 2:
            self.reports.arrived(picked, now)
            return b"", 0, 0
        if request == IMMEDIATE_ACK_REQUEST or not picked:
            message.flags = request
        liveness.asked(now, request)
        if picked:
            self.reports.sent(picked)
            self._extras_at = liveness.tracer_at(self.ping.sampled_at)
        return message.SerializeToString(), picked, request

    def _spacing(self, now: int, size: int) -> int:
        """Time since the previous packet, if the peer reads it and it fits."""
        if self._last_sent_at < 0 or self._protocol_version < SPACING_VERSION:
            return NO_TIME
        spacing_us = now - self._last_sent_at
        room = self._options.mtu_packet_size - self._sealing.overhead_bytes - size
        return spacing_us if spacing_us <= SPACING_MAX_US and room >= 2 else NO_TIME

    def refresh_timers(self, timers: Timers, now: int) -> None:
        """Writes down when packets next have to leave; called after `packets_to_send`."""
        acks = self.acks
        send_at = min(self.sender.next_time(now), acks.deadline())
        if self._stop_waiting_by < send_at:
            send_at = self._stop_waiting_by
        nack_at = acks.nack_wanted_at()
        if nack_at != NEVER:
            send_at = min(send_at, max(nack_at, self.sender.pacer.ready_at(now)))
        timers.send = send_at
        timers.liveness = self.liveness.next_time()
        timers.statistics = self.reports.due_at()
