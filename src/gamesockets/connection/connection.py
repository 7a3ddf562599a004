"""One connection: the conductor that owns the parts and calls them in order.

It does no arithmetic of its own. What receiving must tell sending passes through here, and nowhere else:

    datagram -> packet header -> ReplayWindow -> Cipher.open -> Receiver -> inbox
                                                    |  acks        |  what to acknowledge
                                                    v              v
    datagram <- packet header <- Cipher.seal  <-  Sender        AckReporter

Contract (the same five verbs as `Endpoint`): after any call that changes state, drain `datagrams_to_send` and
`next_event`, then read `next_timer` once. Replies are never made inside `receive_datagram`; it notes what is owed.
"""

from collections import deque
from typing import Final, final

from gamesockets.address import Address
from gamesockets.config import ConnectionOptions
from gamesockets.connection.closing import (
    TEXT_ACCEPT_TIMEOUT,
    TEXT_CONNECT_TIMEOUT,
    TEXT_DROPPED,
    TEXT_NO_CONNECTION,
    TEXT_OLD_PEER_FOR_LANES,
    TEXT_PEER_CLOSED,
    application_reason,
    encode_closed,
    encode_no_connection,
)
from gamesockets.connection.counters import Counters
from gamesockets.connection.entropy import Entropy
from gamesockets.connection.handshake import Refusal
from gamesockets.connection.liveness import ACK_REQUEST, IMMEDIATE_ACK_REQUEST, Liveness
from gamesockets.connection.negotiation import (
    Agreement,
    ClientNegotiation,
    Policy,
    ServerNegotiation,
    without_proof,
)
from gamesockets.connection.ping import SAMPLE_MAX_MS, PingEstimator
from gamesockets.connection.reports import StatisticsReports
from gamesockets.connection.states import TRANSITIONS, State
from gamesockets.connection.stats import Statistics
from gamesockets.connection.timers import NEVER, Timers
from gamesockets.crypto.cipher import Cipher, NullCipher
from gamesockets.crypto.trust import TrustStore
from gamesockets.identity import NetworkingIdentity
from gamesockets.receive.acks import ACK_DELAY_US, AckReporter
from gamesockets.receive.inbox import Inbox
from gamesockets.receive.receiver import DISCARDING, FeedbackSink, Receiver
from gamesockets.receive.window import MAX_JUMP, NEW, ReplayWindow
from gamesockets.send.reliable import Segment
from gamesockets.send.sender import Sender
from gamesockets.types import EndReason, PeerRecord, Result, SendFlags
from gamesockets.wire import datagram
from gamesockets.wire.frames import ACK_DELAY_SHIFT, ACK_DELAY_UNKNOWN, AckBlock, encode_stop_waiting
from gamesockets.wire.messages_pb2 import (
    ChallengeReply,
    ChallengeRequest,
    ConnectionClosed,
    ConnectOK,
    ConnectRequest,
    NoConnection,
    UdpStats,
)
from gamesockets.wire.numbers import varint_length, widen
from gamesockets.wire.packet import FLAG_DATA, HEADER_BYTES, NO_TIME, encode_header, split_packet

MTU_OVERHEAD_BYTES: Final = 52
FIN_WAIT_US: Final = 5_000_000
CLOSE_REPEATS: Final = 3
CLOSE_REPEAT_US: Final = 250_000
PACKETS_PER_TURN: Final = 128
FIRST_NUMBERED_AFTER_HANDSHAKE: Final = 10
"""From this protocol version of the peer on, the handshake counts as packet number 1."""

SEVERAL_LANES_VERSION: Final = 11
SPACING_VERSION: Final = 12
SPACING_MAX_US: Final = 250_000

STOP_WAITING_NUDGE_US: Final = 250_000
STRAY_REPLY_EVERY_US: Final = 250_000
REPORTS_ROOM_BYTES: Final = 64

_NO_DELAY: Final = int(SendFlags.NO_DELAY)
_UNACKNOWLEDGEABLE_PING_MS: Final = 100


@final
class StateChange:
    """An event: the connection went from one state to another."""

    __slots__ = ("connection", "debug", "new_state", "old_state", "reason")

    def __init__(self, connection: "Connection", old_state: State, new_state: State, reason: int, debug: str) -> None:
        self.connection = connection
        self.old_state = old_state
        self.new_state = new_state
        self.reason = reason
        self.debug = debug


@final
class Connection(FeedbackSink):
    """Both directions of one connection to one peer address."""

    def __init__(
        self,
        connection_id: int,
        address: Address,
        entropy: Entropy,
        identity: NetworkingIdentity,
        options: ConnectionOptions,
        counters: Counters,
        trust: TrustStore | None,
        ready: set[Inbox],
        now: int,
    ) -> None:
        self.id = connection_id
        self._id_bytes = connection_id.to_bytes(4, "little")
        self.remote_id = 0
        self.address = address
        self.state = State.NONE
        self.end_reason = 0
        self.end_debug = ""
        self.protocol_version = 0
        """The peer's, 0 while unknown."""
        self.is_encrypted = False
        self.is_authenticated = False
        self.options = options
        self.peer = PeerRecord(connection_id, NetworkingIdentity.invalid(), options.connection_user_data)
        self.inbox = Inbox(ready)
        self.counters = counters
        self.trust = trust
        self._entropy = entropy
        self._identity = identity
        self._client: ClientNegotiation | None = None
        self._server: ServerNegotiation | None = None
        self._policy = Policy(0, trust, 0)
        self._sealing: Cipher = NullCipher()
        self._opening: Cipher = NullCipher()
        self.window = ReplayWindow(1)
        self._acks = AckReporter(2)
        self._receiver = Receiver(self, self.peer, self.inbox, options)
        self.sender = Sender(options, 2)
        self.ping = PingEstimator()
        self.liveness = Liveness(now, options.timeout_connected_us)
        self.statistics = Statistics(self.window, connection_id)
        self.reports = StatisticsReports(self.statistics)
        self.timers = Timers()
        self._events: deque[StateChange] = deque()
        self._now = now
        self._packet_number = 0
        self._last_sent_at = NO_TIME
        self._stop_waiting_by = NEVER
        self._extras_at = NEVER
        self._owes_closing = False
        self._closed_by_peer = False
        self._closings_left = 0
        self._closing_repeat_us = 0
        self._no_connections_owed: list[tuple[int, int]] = []
        self._stray_reply_at = now
        self._is_connected = False
        """Connected or lingering: data packets flow."""

    # ------------------------------------------------------------------ beginning

    def connect(self, policy: Policy, now: int) -> None:
        """Starts the handshake as client."""
        self._policy = policy
        self._client = ClientNegotiation(self.id, self.address, self._entropy, self._identity, self.options.unencrypted)
        self._enter(State.CONNECTING, 0, "")
        self.timers.expiry = now + self.options.timeout_initial_us
        self.timers.handshake = now
        refusal = without_proof(self._identity, policy.allow_without_auth)
        if refusal is not None:
            self.fail(refusal.reason, refusal.text, now)

    def request_received(self, negotiation: ServerNegotiation, now: int) -> None:
        """Waits as server for the application to accept."""
        negotiation.connection_id = self.id
        self._server = negotiation
        self.remote_id = negotiation.client_id
        self.peer.identity = negotiation.peer.identity
        self.is_authenticated = negotiation.peer.authenticated
        self._take_ping_sample(negotiation.ping_estimate_ms, now)
        self._enter(State.CONNECTING, 0, "")
        self.timers.expiry = now + self.options.timeout_initial_us

    def accept(self, policy: Policy, now: int) -> Result:
        """Accepts an incoming connection, which is connected at once (spec 3, 6.3)."""
        server = self._server
        if server is None:
            return Result.INVALID_PARAM
        if self.state != State.CONNECTING:
            return Result.INVALID_STATE
        agreement = without_proof(self._identity, policy.allow_without_auth) or server.accept(
            self._entropy, self._identity, self.options.unencrypted
        )
        if isinstance(agreement, Refusal):
            self.fail(agreement.reason, agreement.text, now)
            return Result.HANDSHAKE_FAILED
        self._begin(agreement, now)
        return Result.OK

    def _begin(self, agreement: Agreement, now: int) -> None:
        """Both sides agree: from here on data packets flow."""
        self._sealing = agreement.sealing
        self._opening = agreement.opening
        self.remote_id = agreement.remote_id
        self.peer.identity = agreement.peer.identity
        self.protocol_version = agreement.peer.protocol_version
        self.is_authenticated = agreement.peer.authenticated
        self.is_encrypted = agreement.sealing.overhead_bytes > 0
        if self.protocol_version < FIRST_NUMBERED_AFTER_HANDSHAKE:
            self.window.newest = 0
            self._acks.next_number = 1
            self.sender.start_numbering_at(1)
        self.sender.pacer.connected(self.ping.smoothed_ms, now)
        self.sender.configure(self.options)
        self._set_payload_size()
        self.liveness.heard(now)
        self.statistics.connected(now)
        self.reports.start(now)
        self.timers.clear()
        self.timers.interval = self.statistics.next_interval_at()
        self._extras_at = now
        self._is_connected = True
        self._enter(State.CONNECTED, 0, "")
        self._refresh_timers(now)

    def _set_payload_size(self) -> None:
        overhead = MTU_OVERHEAD_BYTES + self._sealing.overhead_bytes
        size = self.options.mtu_packet_size - overhead
        # A segment is never cut again, so packets shrink only while none waits for its ack.
        if size >= self.sender.payload_bytes_max or not self.sender.has_reliable_data():
            self.sender.payload_bytes_max = size

    def configure(self, options: ConnectionOptions) -> None:
        """A configuration value that this connection sees has changed."""
        self.options = options
        self._receiver.configure(options)
        self.liveness.timeout_us = options.timeout_connected_us
        self.sender.configure(options)
        if self._is_connected:
            self._set_payload_size()

    # ------------------------------------------------------------------ states and ends

    def _enter(self, state: State, reason: int, debug: str) -> None:
        old_state = self.state
        if state not in TRANSITIONS[old_state]:
            raise AssertionError(f"no way from {old_state.name} to {state.name}")
        self.state = state
        # A lingering connection was reported as closed when the application closed it.
        if old_state != State.LINGER and state != State.DEAD:
            self._events.append(StateChange(self, old_state, state, reason, debug))

    def _end(self, state: State, reason: int, debug: str, now: int) -> None:
        """Leaves the living states; what is told to the peer depends on who ended it."""
        self._is_connected = False
        self.end_reason = reason
        self.end_debug = debug
        self.statistics.ended(now)
        self.timers.clear()
        if state == State.FIN_WAIT:
            self.timers.expiry = now + FIN_WAIT_US
            self._closings_left = 0 if self._closed_by_peer else CLOSE_REPEATS
            self._closing_repeat_us = CLOSE_REPEAT_US
            if self._closings_left:
                self.timers.handshake = now + self._closing_repeat_us
        self._enter(state, reason, debug)
        if state != State.CLOSED_BY_PEER:
            self._owes_closing = True

    def fail(self, reason: int, debug: str, now: int) -> None:
        """A problem on this side, or one that only this side can see."""
        if self.state in (State.CONNECTING, State.CONNECTED):
            self._end(State.PROBLEM_DETECTED_LOCALLY, reason, debug, now)
        elif self.state == State.LINGER:
            self._end(State.FIN_WAIT, reason, debug, now)

    def _closed_remotely(self, reason: int, debug: str, now: int) -> None:
        if self.state in (State.CONNECTING, State.CONNECTED):
            self._closed_by_peer = True
            self._end(State.CLOSED_BY_PEER, reason, debug, now)
        elif self.state == State.LINGER:
            self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)

    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """The application is done with the connection (spec 1, 7.5; spec 3, 6.5)."""
        reason, debug = application_reason(reason, debug)
        self.inbox.discard(self.peer)
        if self.state == State.CONNECTED and enable_linger and self.sender.has_reliable_data():
            self.end_reason = reason
            self.end_debug = debug
            self._receiver.mode = DISCARDING
            self.sender.flush()
            self.state = State.LINGER
            self._events.append(StateChange(self, State.CONNECTED, State.FIN_WAIT, reason, debug))
        elif self.state in (State.CONNECTING, State.CONNECTED):
            self._end(State.FIN_WAIT, reason, debug, now)
        elif self.state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
            self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)

    # ------------------------------------------------------------------ verbs

    def next_event(self) -> StateChange | None:
        """The oldest change of state that was not taken yet."""
        return self._events.popleft() if self._events else None

    def next_timer(self) -> int:
        """When `handle_timer` should be called next; `now` or earlier if something is owed already."""
        if self._owes_closing or self._no_connections_owed:
            return 0
        client, server = self._client, self._server
        if (client is not None and client.owes()) or (server is not None and server.owes_ok):
            return 0
        return self.timers.earliest()

    def handle_timer(self, now: int) -> None:
        """Does what is due; what must leave is then in `datagrams_to_send`."""
        timers = self.timers
        if now >= timers.expiry:
            self._expired(now)
        if not self._is_connected:
            return
        if now >= timers.interval:
            self.statistics.finish_interval(now, self.liveness.misses())
            timers.interval = self.statistics.next_interval_at()
        if self.liveness.handle_timer(now):
            self.fail(int(EndReason.MISC_TIMEOUT), TEXT_DROPPED, now)
            return
        self.sender.handle_timer(now)

    def _expired(self, now: int) -> None:
        self.timers.expiry = NEVER
        if self.state == State.FIN_WAIT:
            self.timers.clear()
            self._enter(State.DEAD, 0, "")
        elif self._client is not None:
            self.fail(int(EndReason.MISC_TIMEOUT), TEXT_CONNECT_TIMEOUT, now)
        else:
            self.fail(int(EndReason.MISC_TIMEOUT), TEXT_ACCEPT_TIMEOUT, now)

    def receive_datagram(self, data: bytes, now: int) -> None:
        """Takes one UDP payload from the peer's address. Never raises because of `data`."""
        self._now = now
        statistics = self.statistics
        statistics.packets_received += 1
        statistics.bytes_received += len(data)
        if len(data) < datagram.MINIMUM_DATAGRAM_BYTES:
            self.counters.malformed += 1
        elif data[0] & FLAG_DATA:
            self._receive_packet(data, now)
        else:
            self._receive_control(data, now)

    def datagrams_to_send(self, now: int) -> list[bytes]:
        """The UDP payloads that leave now, in order."""
        datagrams: list[bytes] = []
        if not self._is_connected or self._owes_closing or self._no_connections_owed or self._server is not None:
            self._pay_control(datagrams, now)
        if self._is_connected:
            self._send_packets(datagrams, now)
        statistics = self.statistics
        statistics.packets_sent += len(datagrams)
        for data in datagrams:
            statistics.bytes_sent += len(data)
        return datagrams

    # ------------------------------------------------------------------ sending messages

    def send(self, data: bytes, flags: int, lane: int, now: int) -> int:
        """Queues a message; its number, or minus the `Result` that says why not."""
        if not self._is_connected:
            if self.state == State.CONNECTING:
                if flags & _NO_DELAY:
                    return -int(Result.IGNORED)
            elif self.state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
                return -int(Result.NO_CONNECTION)
            else:
                return -int(Result.INVALID_PARAM)
        return self.sender.send(data, flags, lane, now)

    def flush(self) -> Result:
        """Ends the Nagle wait of everything queued."""
        if self.state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
            return Result.NO_CONNECTION
        self.sender.flush()
        return Result.OK if self._is_connected else Result.IGNORED

    def configure_lanes(self, priorities: list[int], weights: list[int], now: int) -> Result:
        """Sets up the lanes of the sending direction (spec 3, 8.2); the values were checked by the caller."""
        if self.state not in (State.CONNECTING, State.CONNECTED):
            return Result.INVALID_STATE
        if len(priorities) < len(self.sender.lanes.lanes):
            return Result.INVALID_PARAM
        if len(priorities) > 1 and 0 < self.protocol_version < SEVERAL_LANES_VERSION:
            self.fail(int(EndReason.REMOTE_BAD_PROTOCOL_VERSION), TEXT_OLD_PEER_FOR_LANES, now)
            return Result.FAIL
        self.sender.lanes.configure(priorities, weights)
        return Result.OK

    def needs_service(self, now: int) -> bool:
        """After `send`: whether `datagrams_to_send` should be asked now, because something may leave or wait anew."""
        sender = self.sender
        if not self._is_connected or (
            sender.queued_bytes < sender.payload_bytes_max and sender.nagle_until >= self.timers.send
        ):
            return False
        send_at = sender.data_at(now)
        return send_at <= now or send_at < self.timers.send

    def deliver_to(self, inbox: Inbox) -> None:
        """From now on messages go to this inbox; those that wait move there."""
        self.inbox.move_to(self.peer, inbox)
        self.inbox = inbox
        self._receiver.inbox = inbox

    # ------------------------------------------------------------------ control messages in

    def _receive_control(self, data: bytes, now: int) -> None:
        message = datagram.decode_control(data)
        self.liveness.heard(now)
        if message is None:
            self.counters.malformed += 1
        elif isinstance(message, ConnectionClosed):
            self._on_connection_closed(message, now)
        elif isinstance(message, NoConnection):
            self._on_no_connection(message, now)
        elif isinstance(message, ChallengeReply):
            self._on_challenge_reply(message, now)
        elif isinstance(message, ConnectOK):
            self._on_connect_ok(message, now)
        elif isinstance(message, ChallengeRequest):
            self._on_repeated_request(message.connection_id)
        elif isinstance(message, ConnectRequest):
            self._on_repeated_request(message.client_connection_id)

    def _on_challenge_reply(self, message: ChallengeReply, now: int) -> None:
        client = self._client
        if client is None or self.state != State.CONNECTING:
            self.counters.ignored += 1
            return
        outcome = client.challenge_reply(message, now)
        if isinstance(outcome, Refusal):
            self.fail(outcome.reason, outcome.text, now)
        else:
            self._take_ping_sample(client.ping_sample_ms, now)

    def _on_connect_ok(self, message: ConnectOK, now: int) -> None:
        client = self._client
        if client is None or message.client_connection_id != self.id:
            self.counters.ignored += 1
        elif self.state == State.CONNECTING:
            outcome = client.connect_ok(message, self._policy, len(self.sender.lanes.lanes), now)
            self._take_ping_sample(client.ping_sample_ms, now)
            if isinstance(outcome, Refusal):
                self.fail(outcome.reason, outcome.text, now)
            elif outcome is not None:
                self._client = None
                self._begin(outcome, now)
        elif not self._is_connected:
            self._owes_closing = True

    def _on_repeated_request(self, client_id: int) -> None:
        server = self._server
        if server is None or client_id != server.client_id:
            self.counters.ignored += 1
        elif self._is_connected:
            server.owes_ok = True
        elif self.state != State.CONNECTING:
            self._owes_closing = True

    def _on_connection_closed(self, message: ConnectionClosed, now: int) -> None:
        to_id, from_id = message.to_connection_id, message.from_connection_id
        if to_id == self.id or (to_id == 0 and from_id != 0 and from_id == self.remote_id):
            self._owe_no_connection(to_id, from_id)
            debug = message.debug.decode("utf-8", "replace") or TEXT_PEER_CLOSED
            self._closed_remotely(message.reason_code, debug, now)
        else:
            self._owe_stray_no_connection(to_id, from_id, now)

    def _on_no_connection(self, message: NoConnection, now: int) -> None:
        if message.to_connection_id != self.id or message.from_connection_id != self.remote_id:
            self.counters.ignored += 1
        elif self.state == State.FIN_WAIT:
            self._closings_left = 0
            self.timers.handshake = NEVER
        else:
            self._closed_remotely(int(EndReason.MISC_PEER_SENT_NO_CONNECTION), TEXT_NO_CONNECTION, now)

    def _owe_stray_no_connection(self, from_id: int, to_id: int, now: int) -> None:
        """For ids that are not ours: rarely, since anybody could make us send these."""
        if now >= self._stray_reply_at:
            self._stray_reply_at = now + STRAY_REPLY_EVERY_US
            self._owe_no_connection(from_id, to_id)

    def _owe_no_connection(self, from_id: int, to_id: int) -> None:
        """At most one reply of this kind per turn."""
        if not self._no_connections_owed:
            self._no_connections_owed.append((from_id, to_id))

    # ------------------------------------------------------------------ control messages out

    def _pay_control(self, datagrams: list[bytes], now: int) -> None:
        for from_id, to_id in self._no_connections_owed:
            datagrams.append(encode_no_connection(from_id, to_id))
        self._no_connections_owed.clear()
        client, server = self._client, self._server
        if self._is_connected:
            if server is not None and server.owes_ok:
                datagrams.append(server.connect_ok(now))
        elif self.state == State.CONNECTING:
            if client is not None:
                datagrams += client.datagrams_to_send(now, self.ping.smoothed_ms)
                self.timers.handshake = client.retry_at
        elif self._owes_closing or now >= self.timers.handshake:
            self._pay_closing(datagrams, now)

    def _pay_closing(self, datagrams: list[bytes], now: int) -> None:
        if now >= self.timers.handshake:
            self._closings_left -= 1
            self._closing_repeat_us *= 2
            self.timers.handshake = now + self._closing_repeat_us if self._closings_left > 0 else NEVER
        self._owes_closing = False
        if self._closed_by_peer:
            datagrams.append(encode_no_connection(self.id, self.remote_id))
        else:
            datagrams.append(encode_closed(self.id, self.remote_id, self.end_reason, self.end_debug))

    # ------------------------------------------------------------------ data packets in

    def _receive_packet(self, data: bytes, now: int) -> None:
        if data[1:5] != self._id_bytes:
            self.counters.stray += 1
            self._owe_stray_no_connection(int.from_bytes(data[1:5], "little"), 0, now)
            return
        if not self._is_connected:
            if self.state != State.CONNECTING:
                self._owes_closing = True
            self.counters.ignored += 1
            return
        packet = split_packet(data)
        if packet is None:
            self.counters.malformed += 1
            return
        wire_number, stats_blob, spacing_us, chunk = packet
        stats: UdpStats | None = None
        if stats_blob:
            stats = datagram.decode_stats(stats_blob)
            if stats is None:
                self.counters.malformed += 1
                return
        window = self.window
        newest = window.newest
        number = widen(wire_number, 16, newest)
        self.statistics.sequenced += 1
        if window.check(number) != NEW:
            self.counters.duplicates += 1
            return
        plaintext = self._opening.open(number, chunk)
        if plaintext is None:
            self.statistics.sequenced -= 1
            self.counters.undecryptable += 1
            return
        if number - newest > MAX_JUMP:
            jump = f"{number - newest}; {newest & 0xFFFF:04x}->{number & 0xFFFF:04x}"
            self.fail(int(EndReason.MISC_GENERIC), f"Pkt number lurch by {jump}", now)
            return
        self.liveness.heard(now)
        self._packet_number = number
        receiver = self._receiver
        receiver.process(plaintext, now)
        if receiver.fault:
            self.fail(int(EndReason.MISC_INTERNAL_ERROR), receiver.fault, now)
            return
        if not receiver.complete:
            return
        if number == newest + 1:
            self.statistics.in_order(now, spacing_us)
        else:
            self.statistics.out_of_order()
        window.record(number)
        if receiver.acknowledgeable:
            self._acks.received(number, receiver.has_reliable, now)
        else:
            ping_ms = self.ping.smoothed_ms
            if not 0 <= ping_ms <= _UNACKNOWLEDGEABLE_PING_MS:
                ping_ms = _UNACKNOWLEDGEABLE_PING_MS
            self._acks.flush_by(now + (ping_ms + 5) * 2000)
        if stats is not None:
            self._on_stats(stats, now)

    def _on_stats(self, message: UdpStats, now: int) -> None:
        has_report = message.HasField("stats")
        if has_report:
            self.statistics.received_from_peer(message.stats, now)
        if has_report or message.flags & UdpStats.ACK_REQUEST:
            is_immediate = message.flags & UdpStats.ACK_REQUEST_IMMEDIATE
            self._acks.flush_by(now if is_immediate else now + ACK_DELAY_US)

    def acknowledged(self, latest_bits: int, latest: int, delay: int, blocks: list[AckBlock]) -> bool:
        """An ack frame of the peer, told by the receiver in the middle of a packet."""
        now = self._now
        sender = self.sender
        next_number = sender.flight.next_number()
        latest = widen(latest, latest_bits, next_number)
        if latest < 0:
            return self._receiver.abort(f"Ack of packet {latest}")
        if latest >= next_number:
            return self._receiver.abort("")
        record = sender.flight.get(latest)
        if record is not None and delay != ACK_DELAY_UNKNOWN:
            elapsed_us = now - record[0] - (delay << ACK_DELAY_SHIFT)
            sample_ms = elapsed_us // 1000 if elapsed_us >= 0 else -(-elapsed_us // 1000)
            if -1 <= sample_ms <= SAMPLE_MAX_MS:
                self._take_ping_sample(max(sample_ms, 0), now)
        if blocks:
            self._stop_waiting_by = min(self._stop_waiting_by, now + STOP_WAITING_NUDGE_US // len(blocks))
        else:
            self._stop_waiting_by = NEVER
        fault = sender.acknowledge(latest, blocks, now)
        if sender.reported_marks or sender.lost_marks:
            self._settle_reports(now)
        if fault:
            return self._receiver.abort(fault)
        if self.state == State.LINGER and not sender.has_reliable_data():
            self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)
        return True

    def _settle_reports(self, now: int) -> None:
        sender = self.sender
        for picked in sender.reported_marks:
            self.reports.arrived(picked, now)
        if sender.lost_marks:
            self.reports.lost()
        sender.reported_marks.clear()
        sender.lost_marks.clear()

    def stop_waiting(self, offset: int) -> bool:
        """A stop-waiting frame of the peer, told by the receiver in the middle of a packet."""
        value = self._packet_number - offset - 1
        if value < 0 or not self._acks.stop_waiting(value, self._packet_number):
            return self._receiver.abort(f"stop_waiting pktNum {self._packet_number} offset {offset}")
        return True

    def _take_ping_sample(self, sample_ms: int, now: int) -> None:
        if sample_ms < 0:
            return
        if self.ping.add(sample_ms, now):
            self.statistics.ping(sample_ms)
        self.sender.ping_ms = self.ping.smoothed_ms

    # ------------------------------------------------------------------ data packets out

    def _send_packets(self, datagrams: list[bytes], now: int) -> None:
        sender = self.sender
        pacer = sender.pacer
        acks = self._acks
        pacer.refill(now, sender.wants_at(now) <= now)
        for _ in range(PACKETS_PER_TURN):
            request = self.liveness.request_due(now)
            has_data = pacer.may_send() and sender.wants_at(now) <= now
            if not (
                has_data
                or request
                or acks.deadline() <= now
                or self._stop_waiting_by <= now
                or (acks.nack_wanted_at() <= now and pacer.may_send())
                or now >= self.reports.due_at()
            ):
                break
            if has_data and min(acks.deadline(), self._stop_waiting_by) <= now and not self._reports_fit(now):
                has_data = False
            datagrams.append(self._make_packet(request, has_data, now))
            if has_data and sender.built_nothing():
                break
        self._refresh_timers(now)

    def _reports_fit(self, now: int) -> bool:
        """Whether due reports and the next segment to be repeated share a packet; else the reports go first."""
        return self.sender.payload_bytes_max - self.sender.retry_bytes(now) >= REPORTS_ROOM_BYTES

    def _make_packet(self, request: int, has_data: bool, now: int) -> bytes:
        sender = self.sender
        number = sender.flight.next_number()
        stats = b""
        picked = 0
        if request or sender.ack_request_wanted or now >= self._extras_at:
            stats, picked, request = self._stats_for_packet(request, now)
        room = sender.payload_bytes_max
        if stats:
            spare = self.options.mtu_packet_size - HEADER_BYTES - self._sealing.overhead_bytes
            room = min(room, spare - len(stats) - varint_length(len(stats)))
        prefix = b""
        acks = self._acks
        if sender.peer_has_holes or acks.worth_telling() or acks.deadline() != NEVER or acks.nack_wanted_at() <= now:
            prefix = self._reports(number, room - sender.retry_bytes(now) if has_data else room, now)
        segments: tuple[Segment, ...] = ()
        payload = prefix
        if has_data:
            payload = sender.build(prefix, room, now)
            segments = sender.built_segments
        spacing_us = NO_TIME
        if self.options.send_time_since_previous_packet == 1:
            spacing_us = self._spacing(now, HEADER_BYTES + len(stats) + len(payload))
        header = encode_header(self.remote_id, number, stats, spacing_us)
        data = header + self._sealing.seal(number, payload)
        sender.flight.add(now, segments, picked)
        sender.pacer.spend(len(data))
        self._last_sent_at = now
        if segments or stats:
            self.liveness.expect_reply(now, request == IMMEDIATE_ACK_REQUEST, self.ping.worst_ms())
        return data

    def _reports(self, number: int, room: int, now: int) -> bytes:
        """Stop-waiting and ack frames for packet `number`, as far as there is room beside what must be repeated."""
        sender = self.sender
        frames = b""
        if sender.peer_has_holes:
            frames = encode_stop_waiting(number - sender.minimum_waited_for - 1)
            if len(frames) > room:
                return b""
            self._stop_waiting_by = NEVER
        due = sender.pacer.full_packet_at(now, self.options.mtu_packet_size)
        return frames + self._acks.frame(now, due, room - len(frames))

    def _stats_for_packet(self, request: int, now: int) -> tuple[bytes, int, int]:
        """Serialized statistics for this packet, which reports they hold, and which ack they ask for."""
        sender = self.sender
        liveness = self.liveness
        if sender.ack_request_wanted:
            sender.ack_request_wanted = False
            request = IMMEDIATE_ACK_REQUEST
        picked = self.reports.pick(now)
        if picked or liveness.tracer_due(now, self.ping.sampled_at):
            request = max(request, ACK_REQUEST)
        self._extras_at = min(self.reports.ready_at(), liveness.tracer_at(self.ping.sampled_at))
        if not request:
            return b"", 0, 0
        message = self.reports.message(picked, self.ping.smoothed_ms, now) if picked else UdpStats()
        if message.ByteSize() > self.options.mtu_packet_size // 2:
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
        if self._last_sent_at < 0 or self.protocol_version < SPACING_VERSION:
            return NO_TIME
        spacing_us = now - self._last_sent_at
        room = self.options.mtu_packet_size - self._sealing.overhead_bytes - size
        return spacing_us if spacing_us <= SPACING_MAX_US and room >= 2 else NO_TIME

    def _refresh_timers(self, now: int) -> None:
        timers = self.timers
        acks = self._acks
        send_at = min(self.sender.next_time(now), acks.deadline(), self._stop_waiting_by)
        nack_at = acks.nack_wanted_at()
        if nack_at != NEVER:
            send_at = min(send_at, max(nack_at, self.sender.pacer.ready_at(now)))
        timers.send = send_at
        timers.liveness = self.liveness.next_time()
        timers.statistics = self.reports.due_at()
