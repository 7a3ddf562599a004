"""One local address, many peers: routes datagrams, proves addresses, accepts and makes connections.

Nothing is allocated for a stranger until its ConnectRequest brought back a challenge that only its address could have
received. The same five verbs as `DatagramConnection`; the contract is the same too: after any call that changes state,
drain `datagrams_to_send` and `next_event`, then read `next_timer` once.
"""

from collections import deque
from heapq import heappop, heappush
from typing import Final, TypeAlias, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import encode_closed, encode_no_connection
from gamesockets.connection.connection import StateChange
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import Policy, agree_in_memory, check_request
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.endpoint.challenge import ChallengeKey
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest, ConnectionClosed, ConnectRequest
from gamesockets.wire.versions import PROTOCOL_VERSION

# UDP payloads for one address, in order.
Transmit: TypeAlias = tuple[list[bytes], SocketAddress]


REPLIES_MAX: Final = 1024
"""Replies to strangers owed at once; more are dropped, and strangers retry."""

_TEXT_ID_EXISTS: Final = "A connection with that ID already exists."


@final
class Endpoint:
    """All connections of one UDP socket.

    `credentials` say who this side is, `trust` whose certificates count; `unix_epoch_us` is added to `now` to get Unix
    time, which certificates need.
    """

    def __init__(
        self,
        entropy: Entropy,
        ids: ConnectionIds,
        credentials: Credentials,
        options: ConnectionOptions,
        *,
        accepts: bool = False,
        trust: TrustStore | None = None,
        unix_epoch_us: int = 0,
        ready: set[Inbox] | None = None,
    ) -> None:
        self._entropy = entropy
        self._ids = ids
        self.credentials = credentials
        """Who this side is, for connections from now on."""
        self.options = options
        """What incoming connections start with."""
        self._accepts = accepts
        self._trust = trust
        self._unix_epoch_us = unix_epoch_us
        self.ready: set[Inbox] = set() if ready is None else ready
        """Inboxes that hold messages; may be shared between endpoints."""
        self._challenge_key = ChallengeKey(entropy.random_bytes(32))
        self.connections: dict[SocketAddress, DatagramConnection] = {}
        self.counters = Counters()
        self._addresses: dict[DatagramConnection, SocketAddress] = {}
        self._due: dict[DatagramConnection, None] = {}
        self._timers: list[tuple[int, int, DatagramConnection]] = []
        self._scheduled: dict[DatagramConnection, int] = {}
        self._entries = 0
        self._claims: set[tuple[int, NetworkingIdentity]] = set()
        self._replies: list[Transmit] = []
        self._events: deque[StateChange] = deque()

    # ------------------------------------------------------------------ connections

    def connect(self, address: SocketAddress, options: ConnectionOptions, now: int) -> DatagramConnection | None:
        """Starts a connection to a peer; None when too many connections live.

        Raises `ValueError` if this endpoint already has a connection to that address.
        """
        if address in self.connections:
            raise ValueError(f"there is already a connection to {address} from this local address")
        connection = self._add(address, Address.from_socket(address), options, now)
        if connection is not None:
            connection.connect(self._policy(connection.address, options, now), now)
            self._collect(connection)
        return connection

    def join(
        self,
        own_address: SocketAddress,
        partner: "Endpoint",
        partner_address: SocketAddress,
        identities: tuple[NetworkingIdentity, NetworkingIdentity],
        now: int,
    ) -> tuple[DatagramConnection, DatagramConnection] | None:
        """Connects this endpoint to another of this process, at once and without handshake (spec 2, 2.14).

        Both get one connection, ours sees the first identity as its peer. Our options choose the cipher. None when
        too many connections live, and then neither endpoint has any.
        """
        one = self._add(partner_address, Address.from_socket(partner_address), self.options, now)
        two = partner._add(own_address, Address.from_socket(own_address), partner.options, now)
        if one is None or two is None:
            self.release()
            partner.release()
            return None
        agreements = agree_in_memory(self._entropy, (one.id, two.id), identities, self.options.unencrypted)
        one.join(agreements[0], now)
        two.join(agreements[1], now)
        self._collect(one)
        partner._collect(two)
        return one, two

    def accept(self, connection: DatagramConnection, now: int) -> Result:
        """Accepts an incoming connection (spec 3, 6.3)."""
        result = connection.accept(self._policy(connection.address, connection.options, now), now)
        self._collect(connection)
        return result

    def close(self, connection: DatagramConnection, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """Closes a connection; its address stays occupied until the peer had time to hear of it."""
        connection.close(reason, debug, enable_linger, now)
        self._collect(connection)

    def drop(self, now: int) -> None:
        """Stops all lingering: the socket will be closed as soon as the peers were told."""
        for connection in list(self._addresses):
            connection.drop(now)
            self._collect(connection)

    def release(self) -> None:
        """Gives all ids back: the socket is gone, and with it whatever its connections still had to say."""
        for connection in list(self._addresses):
            self._remove(connection)

    def touch(self, connection: DatagramConnection) -> None:
        """Something was done to a connection directly (a send, a flush): it is asked for datagrams next time."""
        self._due[connection] = None

    def _add(
        self, address: SocketAddress, peer: Address, options: ConnectionOptions, now: int
    ) -> DatagramConnection | None:
        number = self._ids.take()
        if not number:
            return None
        connection = DatagramConnection(
            number, peer, self._entropy, self.credentials, options, self.counters, self.ready, now
        )
        self.connections[address] = connection
        self._addresses[connection] = address
        return connection

    def _remove(self, connection: DatagramConnection) -> None:
        del self.connections[self._addresses.pop(connection)]
        self._due.pop(connection, None)
        self._scheduled.pop(connection, None)
        self._ids.give_back(connection.id)
        self._claims.discard((connection.remote_id, connection.peer.identity))

    def _policy(self, peer: Address, options: ConnectionOptions, now: int) -> Policy:
        allow = options.allow_without_auth
        if peer.is_loopback:
            allow = max(allow, options.localhost_allow_without_auth)
        return Policy(allow, self._trust, (now + self._unix_epoch_us) // 1_000_000)

    def _collect(self, connection: DatagramConnection) -> None:
        self._due[connection] = None
        self._take_events(connection)

    def _take_events(self, connection: DatagramConnection) -> None:
        while True:
            event = connection.next_event()
            if event is None:
                return
            self._events.append(event)

    # ------------------------------------------------------------------ verbs

    def receive_datagram(self, data: bytes, address: SocketAddress, now: int) -> None:
        """Takes one UDP payload. Never raises because of `data`."""
        self.receive_datagrams([data], address, now)

    def receive_datagrams(self, datagrams: list[bytes], address: SocketAddress, now: int) -> None:
        """Takes UDP payloads that came from one address, in order."""
        connection = self.connections.get(address)
        for data in datagrams:
            if connection is not None and (
                connection.state is not State.FIN_WAIT or not self._is_newcomer(connection, data)
            ):
                connection.receive_datagram(data, now)
            else:
                connection = self._receive_from_stranger(data, address, now) or connection
        if connection is not None:
            self._collect(connection)

    def datagrams_to_send(self, now: int) -> list[Transmit]:
        """What leaves now: replies to strangers, then what each connection that is due has to say."""
        transmits = self._replies
        self._replies = []
        if self._due:
            due = self._due
            self._due = {}
            for connection in due:
                datagrams = connection.datagrams_to_send(now)
                if datagrams:
                    transmits.append((datagrams, self._addresses[connection]))
                self._take_events(connection)
                self._schedule(connection, now)
        return transmits

    def next_timer(self) -> int:
        """When to call `handle_timer` and `datagrams_to_send` next; 0 if something is owed already."""
        if self._replies or self._due:
            return 0
        timers = self._timers
        while timers:
            deadline, _, connection = timers[0]
            if self._scheduled.get(connection) == deadline:
                return deadline
            heappop(timers)
        return NEVER

    def handle_timer(self, now: int) -> None:
        """Runs the timers that are due."""
        timers = self._timers
        while timers and timers[0][0] <= now:
            deadline, _, connection = heappop(timers)
            if self._scheduled.get(connection) != deadline:
                continue
            del self._scheduled[connection]
            connection.handle_timer(now)
            if connection.state == State.DEAD:
                self._remove(connection)
            else:
                self._collect(connection)

    def next_event(self) -> StateChange | None:
        """The oldest change of any connection's state that was not taken yet."""
        return self._events.popleft() if self._events else None

    def _schedule(self, connection: DatagramConnection, now: int) -> None:
        """One entry in the heap for each connection; a later deadline waits until the earlier entry comes up."""
        deadline = max(connection.next_timer(), now)
        if deadline < self._scheduled.get(connection, NEVER):
            self._scheduled[connection] = deadline
            self._entries += 1
            heappush(self._timers, (deadline, self._entries, connection))

    # ------------------------------------------------------------------ strangers

    def _is_newcomer(self, closed: DatagramConnection, data: bytes) -> bool:
        """Whether somebody else asks to connect from the port of a connection that we closed a moment ago."""
        if not self._accepts or len(data) < datagram.MINIMUM_DATAGRAM_BYTES or data[0] & 0x80:
            return False
        message = datagram.decode_control(data)
        if isinstance(message, ChallengeRequest):
            return message.connection_id != closed.remote_id
        return isinstance(message, ConnectRequest) and message.client_connection_id != closed.remote_id

    def _receive_from_stranger(self, data: bytes, address: SocketAddress, now: int) -> DatagramConnection | None:
        """A datagram from an address without connection; the connection if one was made (spec 1, 3.4)."""
        if not self._accepts:
            self.counters.stray += 1
            return None
        if len(data) < datagram.MINIMUM_DATAGRAM_BYTES or data[0] & 0x80:
            self.counters.stray += 1
            return None
        message = datagram.decode_control(data)
        if message is None:
            self.counters.malformed += 1
        elif isinstance(message, ChallengeRequest):
            self._reply_to_challenge(message, address, now)
        elif isinstance(message, ConnectRequest):
            connection = self._request_received(message, address, now)
            if connection is not None:
                connection.statistics.packets_received += 1
                connection.statistics.bytes_received += len(data)
            return connection
        elif isinstance(message, ConnectionClosed):
            self.counters.stray += 1
            if message.to_connection_id or message.from_connection_id:
                self._reply(encode_no_connection(message.to_connection_id, message.from_connection_id), address)
        else:
            self.counters.stray += 1
        return None

    def _reply(self, data: bytes, address: SocketAddress) -> None:
        if len(self._replies) >= REPLIES_MAX:
            self.counters.replies_dropped += 1
        else:
            self._replies.append(([data], address))

    def _reply_to_challenge(self, message: ChallengeRequest, address: SocketAddress, now: int) -> None:
        if not message.connection_id:
            self.counters.malformed += 1
            return
        peer = Address.from_socket(address)
        reply = ChallengeReply(
            connection_id=message.connection_id,
            challenge=self._challenge_key.make(_address_bytes(peer), now),
            your_timestamp=message.my_timestamp,
            protocol_version=PROTOCOL_VERSION,
        )
        self._reply(datagram.encode_control(datagram.CHALLENGE_REPLY, reply), address)

    def _request_received(self, message: ConnectRequest, address: SocketAddress, now: int) -> DatagramConnection | None:
        peer = Address.from_socket(address)
        if not self._challenge_key.check(message.challenge, _address_bytes(peer), now):
            self.counters.bad_challenges += 1
            return None
        if not message.client_connection_id:
            self.counters.malformed += 1
            return None
        negotiation = check_request(message, peer, self._policy(peer, self.options, now), now)
        if negotiation is None:
            self.counters.bad_requests += 1
            return None
        claim = (negotiation.client_id, negotiation.peer.identity)
        if claim in self._claims:
            reason = int(EndReason.MISC_GENERIC)
            self._reply(encode_closed(0, negotiation.client_id, reason, _TEXT_ID_EXISTS), address)
            return None
        closed = self.connections.get(address)
        if closed is not None:
            closed.stop_telling()
            self._remove(closed)
        connection = self._add(address, peer, self.options, now)
        if connection is None:
            self.counters.no_room += 1
            return None
        self._claims.add(claim)
        connection.request_received(negotiation, now)
        return connection


def _address_bytes(address: Address) -> bytes:
    return address.packed + address.port.to_bytes(2, "little")
