"""One connection over UDP: what does each datagram and each deadline mean in which state?

The handshake and the end of a connection are control messages in the clear (`handshake`, `closing`); everything
between is data packets (`traffic`). This module owns the states and the deadlines, and calls the others.

Contract: after any call that changes state, drain `datagrams_to_send` and the changes, then read `next_timer` once.
The methods that receive make no replies; they note what is owed.
"""

from collections import deque
from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection import closing, handshake
from gamesockets.connection.closing import Farewell
from gamesockets.connection.connection import Connection, StateChange, send_refusal
from gamesockets.connection.counters import Counters
from gamesockets.connection.handshake import Agreement, ClientHandshake, Policy, ServerHandshake
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.lingering import Lingering
from gamesockets.connection.path import NOWHERE, Path
from gamesockets.connection.replies import Replies
from gamesockets.connection.states import State
from gamesockets.connection.timers import Timers
from gamesockets.connection.trace import TraceSink
from gamesockets.connection.traffic import Traffic
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.expected import Expected
from gamesockets.crypto.peer_check import Refusal
from gamesockets.receive.memory import MemoryPool
from gamesockets.receive.receiver import DISCARDING
from gamesockets.send.builder import PacketBuilder
from gamesockets.send.nagle import GATHER_BYTES, GATHER_NAGLE_US, GATHER_US
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import PeerRecord
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result
from gamesockets.wire import datagram
from gamesockets.wire import messages_pb2 as control

FIN_WAIT_US: Final = 5_000_000
_NO_POLICY: Final = Policy(0, None, 0)


@final
class DatagramConnection(Connection):
    """Both directions of one connection to one peer address."""

    __slots__ = (
        "_client",
        "_counters",
        "_credentials",
        "_entropy",
        "_farewell",
        "_is_incoming",
        "_lingering",
        "_policy",
        "_replies",
        "_server",
        "expected",
        "id_bytes",
        "path",
        "protocol_version",
        "remote_id",
        "timers",
    )

    def __init__(
        self,
        connection_id: int,
        path: Path,
        entropy: Entropy,
        credentials: Credentials,
        options: ConnectionOptions,
        counters: Counters,
        pool: MemoryPool,
        ready: set[Inbox],
        changes: deque[StateChange],
        builder: PacketBuilder,
        now: int,
    ) -> None:
        peer = PeerRecord(connection_id, NetworkingIdentity.invalid(), options.connection_user_data)
        inbox = Inbox(ready)
        traffic = Traffic(connection_id, peer, inbox, options, counters, entropy, pool, builder, now)
        super().__init__(connection_id, path.address, peer, inbox, options, traffic, changes)
        self.id_bytes: Final = connection_id.to_bytes(4, "little")
        """The connection id as it stands in data packets."""
        self.path = path
        """The way its datagrams go."""
        self.remote_id = 0
        self.protocol_version = 0
        """The peer's, 0 while unknown."""
        self.timers = Timers()
        self._counters = counters
        self._entropy = entropy
        self._credentials = credentials
        self.expected: Expected | None = None
        """Who must answer."""
        self._client: ClientHandshake | None = None
        self._server: ServerHandshake | None = None
        self._is_incoming = False
        self._policy = _NO_POLICY
        self._farewell: Farewell | None = None
        """What the peer must still be told, once the connection has ended."""
        self._replies: Final = Replies(counters, now)
        self._lingering: Lingering | None = None

    # ------------------------------------------------------------------ beginning

    def connect(self, policy: Policy, now: int) -> None:
        """Starts the handshake as client."""
        self.look_for_peer(now)
        self._shake_hands(policy, now)

    def look_for_peer(self, now: int) -> None:
        """Is connecting, but does not know yet where to."""
        self.change(State.CONNECTING, 0, "")
        self.timers.expiry = now + self.options.timeout_initial_us

    def found_peer(self, path: Path, policy: Policy, now: int) -> None:
        """After `look_for_peer`: starts the handshake with the peer at the end of that path."""
        self.path = path
        self.address = path.address
        self._shake_hands(policy, now)

    def _shake_hands(self, policy: Policy, now: int) -> None:
        self._policy = policy
        self._client = ClientHandshake(
            self.id, self.address, self._entropy, self._credentials, self.options, policy, self.expected
        )
        self.timers.handshake = now
        refusal = handshake.without_proof(self._credentials, policy)
        if refusal is not None:
            self.fail(refusal.reason, refusal.text, now)

    def request_received(self, server: ServerHandshake, size_bytes: int, now: int) -> None:
        """Waits as server for the application to accept. The request came in a datagram of that size."""
        self.statistics.received(size_bytes)
        server.connection_id = self.id
        self._server = server
        self._is_incoming = True
        self.remote_id = server.client_id
        self.introduce(server.peer)
        self.traffic.take_ping_sample(server.ping_estimate_ms, now)
        self.change(State.CONNECTING, 0, "")
        self.timers.expiry = now + self.options.timeout_initial_us

    def accept(self, policy: Policy, now: int) -> Result:
        """Accepts an incoming connection, which is connected at once (spec 3, 6.3)."""
        if self.state != State.CONNECTING:
            return Result.INVALID_STATE
        server = self._server
        if server is None:
            return Result.INVALID_PARAM
        lanes = len(self.sender.lanes.lanes)
        agreement = server.accept(self._entropy, self._credentials, self.options, policy, lanes)
        if isinstance(agreement, Refusal):
            self.fail(agreement.reason, agreement.text, now)
            return Result.HANDSHAKE_FAILED
        self._begin(agreement, now)
        if self.options.timeout_first_message_us:
            self.timers.expiry = now + self.options.timeout_first_message_us
        self.change(State.CONNECTED, 0, "")
        return Result.OK

    def join(self, agreement: Agreement, now: int) -> None:
        """Is connected at once to another connection of this process; no change is reported (spec 3, 6.9)."""
        self._begin(agreement, now)
        self.enter(State.CONNECTED, 0, "")

    def _begin(self, agreement: Agreement, now: int) -> None:
        """Both sides agree: sets up all that data packets need. The caller changes the state."""
        self.remote_id = agreement.remote_id
        self.introduce(agreement.peer)
        self.protocol_version = agreement.peer.protocol_version
        self.is_encrypted = agreement.sealing.overhead_bytes > 0
        self.traffic.begin(agreement, now)
        self.timers.clear()
        self.timers.interval = self.statistics.next_interval_at()

    def configure(self, options: ConnectionOptions) -> None:
        """A configuration value that this connection sees has changed."""
        if self.state == State.CONNECTING:
            self.timers.expiry += options.timeout_initial_us - self.options.timeout_initial_us
        self.options = options
        self.traffic.configure(options)

    def set_trace(self, trace: TraceSink | None) -> None:
        """Tells `trace` of packets and messages from now on; None for nobody."""
        self.traffic.set_trace(trace)

    # ------------------------------------------------------------------ states and ends

    def _end(self, state: State, reason: int, debug: str, now: int) -> None:
        """Ends the connection; what is told to the peer depends on who ended it."""
        self.statistics.ended(now)
        self.timers.clear()
        farewell = self._farewell
        if farewell is None:
            farewell = self._farewell = Farewell(state == State.CLOSED_BY_PEER)
        if state == State.FIN_WAIT:
            self.timers.expiry = now + FIN_WAIT_US
            farewell.begin_repeating(now)
        self.change(state, reason, debug)

    def fail(self, reason: int, debug: str, now: int) -> None:
        """A problem on this side, or one that only this side can see."""
        if self.state in (State.CONNECTING, State.CONNECTED):
            self._end(State.PROBLEM_DETECTED_LOCALLY, reason, debug, now)
        elif self.state == State.LINGER:
            self._end(State.FIN_WAIT, reason, debug, now)

    def _closed_remotely(self, reason: int, debug: str, now: int) -> None:
        if self.state in (State.CONNECTING, State.CONNECTED):
            self._end(State.CLOSED_BY_PEER, reason, debug, now)
        elif self.state == State.LINGER:
            self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)
        elif self.state == State.FIN_WAIT:
            self.stop_telling()  # both closed at the same time

    def stop_telling(self) -> None:
        """The peer knows of the end, or is gone."""
        if self._farewell is not None:
            self._farewell.stop()

    def _tell_again(self, now: int) -> None:
        """The peer seems not to know of the end."""
        farewell = self._farewell
        if farewell is not None and not farewell.is_owed and self._replies.pays(farewell.size_bytes(), now):
            farewell.is_owed = True

    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """The application is done with the connection (spec 1, 7.5; spec 3, 6.5)."""
        reason, debug = closing.application_reason(reason, debug)
        self.inbox.discard(self.peer)
        if self.state == State.CONNECTED and enable_linger and self.sender.has_reliable_data():
            self.traffic.receiver.mode = DISCARDING
            self.sender.flush()
            self._lingering = Lingering(self.sender.undelivered_bytes(), self.options.timeout_linger_us, now)
            self.timers.expiry = self._lingering.ends_at
            self.change(State.LINGER, reason, debug)
        elif self.state in (State.CONNECTING, State.CONNECTED):
            self._end(State.FIN_WAIT, reason, debug, now)
        elif self.state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
            self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)

    def is_farewell_over(self) -> bool:
        """After `close`: whether the peer knows, or was told often enough; not while reliable data lingers."""
        is_closed = self.state in (State.FIN_WAIT, State.DEAD)
        return is_closed and self._farewell is not None and self._farewell.is_over()

    def drop(self, now: int) -> None:
        """Stops lingering: what was not delivered is lost, and the peer is told of the end."""
        if self.state == State.LINGER:
            self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)

    # ------------------------------------------------------------------ verbs

    def next_timer(self) -> int:
        """When `handle_timer` should be called next; `now` or earlier if something is owed already."""
        if self._replies.no_connection is not None:
            return 0
        client, server, farewell = self._client, self._server, self._farewell
        if farewell is not None:
            return min(farewell.next_timer(), self.timers.earliest())
        if client is not None and client.owes() and self.state == State.CONNECTING:
            return 0
        if server is not None and server.owes_ok and self.data_flows:
            return 0
        return self.timers.earliest()

    def handle_timer(self, now: int) -> None:
        """Does what is due; what must leave is then in `datagrams_to_send`."""
        timers = self.timers
        if now >= timers.expiry:
            self._expired(now)
        if not self.data_flows:
            return
        if self.traffic.handle_timer(now, timers):
            is_forgotten = self.traffic.liveness.is_in_doubt()
            self._time_out(closing.TEXT_FORGOTTEN if is_forgotten else closing.TEXT_DROPPED, now)

    def _expired(self, now: int) -> None:
        self.timers.expiry = NEVER
        if self.state == State.FIN_WAIT:
            self.timers.clear()
            self.sender.lanes.release()
            self.change(State.DEAD, self.end_reason, self.end_debug)
        elif self._lingering is not None:
            if self._lingering.goes_on(self.sender.undelivered_bytes(), now):
                self.timers.expiry = self._lingering.ends_at
            else:
                self._time_out(closing.TEXT_LINGER_OVER, now)
        elif self.state == State.CONNECTING:
            text = closing.TEXT_CONNECT_TIMEOUT if self._server is None else closing.TEXT_ACCEPT_TIMEOUT
            self._time_out(text, now)
        elif not self.traffic.receiver.has_brought_messages():
            self._time_out(closing.TEXT_SILENT, now)

    def _time_out(self, debug: str, now: int) -> None:
        self.fail(int(EndReason.MISC_TIMEOUT), closing.timeout_text(debug, self.send_error), now)

    def receive_packet(self, data: bytes, now: int) -> None:
        """Takes a data packet that names our id and came on our path. Never raises because of `data`."""
        if self.data_flows:
            refusal = self.traffic.receive_packet(data, self.timers, now)
            if self._server is not None and self.traffic.window.newest > 1:
                self._server = None  # who seals packets has our ConnectOK, and needs no other
            if refusal is not None:
                self.fail(refusal.reason, refusal.text, now)
            elif self.state == State.LINGER and not self.sender.has_reliable_data():
                self._end(State.FIN_WAIT, self.end_reason, self.end_debug, now)
        else:
            self.statistics.received(len(data))
            self._counters.ignored += 1
            self._tell_again(now)

    def answers_at(self, now: int) -> int:
        """After `receive_packet`: when `datagrams_to_send` should be asked on its account; NEVER if nothing is owed."""
        if not self.data_flows or self._server is not None or self._replies.no_connection is not None:
            return now
        return self.traffic.answers_at(self.timers, now)

    def receive_stray(self, data: bytes, now: int) -> None:
        """Takes a data packet from the peer's address that names another id."""
        self.statistics.received(len(data))
        self._counters.stray += 1
        self._replies.owe_stray_no_connection(int.from_bytes(data[1:5], "little"), 0, now)

    def datagrams_to_send(self, now: int) -> list[bytes]:
        """The UDP payloads that leave now, in order."""
        datagrams: list[bytes] = []
        if not self.data_flows or self._server is not None or self._replies.no_connection is not None:
            self._pay_control(datagrams, now)
        if self.data_flows:
            self.traffic.packets_to_send(datagrams, now)
            self.traffic.refresh_timers(self.timers, now)
        if datagrams:
            if self.data_flows:
                self.traffic.measure_on(self.timers, now)
            self.statistics.sent(datagrams)
        return datagrams

    # ------------------------------------------------------------------ sending messages

    def send(self, data: bytes, flags: int, lane: int, now: int) -> int:
        """Queues a message; its number, or minus the `Result` that says why not."""
        if self.state is not State.CONNECTED:
            refusal = send_refusal(self.state, flags)
            if refusal:
                return refusal
        return self.traffic.outbox.send(data, flags, lane, now)

    def flush(self) -> Result:
        """Ends the Nagle wait of everything queued."""
        if self.state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
            return Result.NO_CONNECTION
        self.sender.flush()
        return Result.OK if self.data_flows else Result.IGNORED

    def configure_lanes(self, priorities: list[int], weights: list[int], now: int) -> Result:
        """Sets up the lanes of the sending direction (spec 3, 8.2); the values were checked by the caller."""
        if self.state not in (State.CONNECTING, State.CONNECTED):
            return Result.INVALID_STATE
        if len(priorities) < len(self.sender.lanes.lanes):
            return Result.INVALID_PARAM
        refusal = handshake.too_old_for_lanes(self.protocol_version, len(priorities))
        if refusal is not None:
            self.fail(refusal.reason, refusal.text, now)
            return Result.FAIL
        self.sender.lanes.configure(priorities, weights)
        return Result.OK

    def needs_service(self, now: int) -> bool:
        """After `send`: whether `datagrams_to_send` should be asked now, because something may leave or wait anew."""
        return self.data_flows and self.sender.is_due(now, self.timers.send)

    def may_gather_us(self, now: int) -> int:
        """After `send`: how long the queued data may wait for more: longer if all of it may wait, 0 if it is much."""
        if self.sender.lanes.queued_bytes >= GATHER_BYTES:
            return 0
        return GATHER_NAGLE_US if self.sender.nagle.until > now else GATHER_US

    def measure(self, now: int) -> None:
        """Brings rates and quality up to date; called before they are read."""
        if self.timers.interval == NEVER and self.data_flows:
            self.statistics.resume(now)

    # ------------------------------------------------------------------ control messages in

    def receive_control(self, message: datagram.ControlMessage | None, size_bytes: int, now: int) -> None:
        """Takes a control message from the peer's address, None for one that cannot be decoded, and its size."""
        self.statistics.received(size_bytes)
        if message is None:
            self._counters.malformed += 1
        elif isinstance(message, control.ConnectionClosed):
            self._on_connection_closed(message, now)
        elif isinstance(message, control.NoConnection):
            self._on_no_connection(message, now)
        elif isinstance(message, control.ChallengeReply):
            self._on_challenge_reply(message, now)
        elif isinstance(message, control.ConnectOK):
            self._on_connect_ok(message, now)
        elif isinstance(message, control.ChallengeRequest):
            self._on_repeated_request(message.connection_id, now)
        elif isinstance(message, control.ConnectRequest):
            self._on_repeated_request(message.client_connection_id, now)

    def newcomer_received(self, is_proven: bool, size_bytes: int, now: int) -> None:
        """Somebody asks from the peer's address for a connection of its own, and receives there if that is proven.

        The peer's program may have been restarted: so the peer is asked whether it is there.
        """
        self.statistics.received(size_bytes)
        if is_proven:
            self.traffic.doubt(now)

    def _on_challenge_reply(self, message: control.ChallengeReply, now: int) -> None:
        client = self._client
        if client is None or self.state != State.CONNECTING:
            self._counters.ignored += 1
            return
        outcome = client.challenge_reply(message, now)
        if isinstance(outcome, Refusal):
            self.fail(outcome.reason, outcome.text, now)
        else:
            self.traffic.take_ping_sample(client.ping_sample_ms, now)

    def _on_connect_ok(self, message: control.ConnectOK, now: int) -> None:
        client = self._client
        if message.client_connection_id != self.id or self._is_incoming:
            self._counters.ignored += 1
        elif self.state == State.CONNECTING and client is not None:
            outcome = client.connect_ok(message, self._policy, len(self.sender.lanes.lanes), now)
            self.traffic.take_ping_sample(client.ping_sample_ms, now)
            if isinstance(outcome, Refusal):
                self.remote_id = message.server_connection_id
                self.fail(outcome.reason, outcome.text, now)
            elif outcome is not None:
                self._client = None
                self._begin(outcome, now)
                self.change(State.CONNECTED, 0, "")
        else:
            self._tell_again(now)

    def _on_repeated_request(self, client_id: int, now: int) -> None:
        server = self._server
        if not self._is_incoming or client_id != self.remote_id:
            self._counters.ignored += 1
        elif self.data_flows:
            if server is not None and not server.owes_ok and self._replies.pays(server.ok_bytes, now):
                server.owes_ok = True
        else:
            self._tell_again(now)

    def _on_connection_closed(self, message: control.ConnectionClosed, now: int) -> None:
        to_id, from_id = message.to_connection_id, message.from_connection_id
        if to_id == self.id or (to_id == 0 and from_id != 0 and from_id == self.remote_id):
            self._replies.owe_no_connection(to_id, from_id)
            self._closed_remotely(message.reason_code, closing.text_of_peer(message.debug), now)
        else:
            self._replies.owe_stray_no_connection(to_id, from_id, now)

    def _on_no_connection(self, message: control.NoConnection, now: int) -> None:
        """Believed if it names both ids, of which only the two ends and the path know; else a hint (spec 1, 7.6)."""
        from_id, to_id = message.from_connection_id, message.to_connection_id
        if self.data_flows and to_id == 0 and from_id == self.remote_id:
            self.traffic.doubt(now)
        elif to_id != self.id or from_id != self.remote_id:
            self._counters.ignored += 1
        elif self.state == State.FIN_WAIT:
            self.stop_telling()
        else:
            self._closed_remotely(int(EndReason.MISC_PEER_SENT_NO_CONNECTION), closing.TEXT_NO_CONNECTION, now)

    # ------------------------------------------------------------------ control messages out

    def _pay_control(self, datagrams: list[bytes], now: int) -> None:
        if self._replies.no_connection is not None:
            datagrams.append(self._replies.no_connection)
            self._replies.no_connection = None
        client, server = self._client, self._server
        if self.data_flows:
            if server is not None and server.owes_ok:
                datagrams.append(server.connect_ok(now))
        elif self.state == State.CONNECTING:
            if client is not None:
                datagrams += client.datagrams_to_send(now, self.ping.smoothed_ms)
                self.timers.handshake = client.retry_at
        elif self.path.remote == NOWHERE:
            self.stop_telling()
        elif self._farewell is not None and self._farewell.next_timer() <= now:
            self._farewell.told(now)
            if self._farewell.closed_by_peer:
                datagrams.append(closing.encode_no_connection(self.id, self.remote_id))
            else:
                datagrams.append(closing.encode_closed(self.id, self.remote_id, self.end_reason, self.end_debug))
