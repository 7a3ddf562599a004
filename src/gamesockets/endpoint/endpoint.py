"""One local address, many peers: routes datagrams, makes connections and takes them away, runs their timers.

A data packet belongs to the connection whose id it names, if it came on that connection's path. A control message
belongs to the connection whose path leads to where it came from, or else to a stranger (`strangers`).

It has the same five verbs as a simulated link. After any call that changes state, drain `datagrams_to_send` and
`next_event`, then read `next_timer` once.
"""

from collections import deque
from heapq import heapify, heappop, heappush
from typing import Final

from gamesockets.build import mypyc_attr
from gamesockets.config.limits import Limits
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import TEXT_MEMORY
from gamesockets.connection.connection import StateChange
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import ServerHandshake, agree_in_memory
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.path import ANY_LOCAL, NOWHERE, Path
from gamesockets.connection.states import State
from gamesockets.connection.totals import Totals
from gamesockets.crypto.credentials import APP_ID, Credentials
from gamesockets.crypto.expected import Expected
from gamesockets.crypto.trust import TrustStore
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.endpoint.policies import Policies
from gamesockets.endpoint.requests import Request
from gamesockets.endpoint.search import Search
from gamesockets.endpoint.strangers import Refused, Strangers, Transmit, is_newcomer
from gamesockets.receive.memory import MemoryPool
from gamesockets.send.builder import PacketBuilder
from gamesockets.values.address import SocketAddress
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result
from gamesockets.wire import datagram
from gamesockets.wire.packet import FLAG_DATA

__all__ = ["Endpoint", "Transmit"]

_SWEEP_MIN: Final = 256
FAR_US: Final = 3_000_000
ALIGN_US: Final = 100_000
"""Deadlines that are `FAR_US` away or more come up to `ALIGN_US` later, so that those of many connections fall together
and a wake-up serves them all: keepalive, the ends of intervals, statistics."""


@mypyc_attr(allow_interpreted_subclasses=True)
class Endpoint:
    """All connections of one UDP socket.

    `credentials` say who this side is, `trust` whose signatures on certificates count;
    `unix_epoch_us` is added to `now` to get Unix time, which certificates need; they must be good for the app `app_id`.
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
        app_id: int = APP_ID,
        ready: set[Inbox] | None = None,
    ) -> None:
        self._entropy = entropy
        self._ids = ids
        self.credentials = credentials
        """Who this side is, for connections from now on."""
        self.options = options
        """What incoming connections start with."""
        self._policies = Policies(trust, unix_epoch_us, app_id)
        self.ready: set[Inbox] = set() if ready is None else ready
        """Inboxes that hold messages; may be shared between endpoints."""
        self.counters = Counters()
        self.totals = Totals()
        """What the connections did that are gone."""
        self.memory: Final = MemoryPool()
        """What its connections may hold of what they received."""
        self.strangers: Final = Strangers(entropy, ids, self._policies, self.counters) if accepts else None
        """Answers those who have no connection; None where nobody may connect."""
        self.connections: dict[SocketAddress, DatagramConnection] = {}
        """By the remote address of their path."""
        self._by_id: dict[bytes, DatagramConnection] = {}
        """By connection id, as it stands in data packets."""
        self._builder: Final = PacketBuilder()
        """Where its connections put together their packets, one at a time."""
        self._due: list[DatagramConnection] = []
        """Connections that may have something to send now; each says itself whether it is among them."""
        self._timers: list[tuple[int, int, DatagramConnection]] = []
        """A heap of deadlines. Only the entry for the deadline that the connection names itself counts."""
        self.heard_control = False
        """Whether anything but data packets came since somebody set this back."""
        self._sweep_at = _SWEEP_MIN
        """How many entries of `_timers` are too many."""
        self._entries = 0
        self._events: deque[StateChange] = deque()
        self._searches: dict[DatagramConnection, Search] = {}
        """Connections whose peer may be at several addresses, until one of these has answered."""

    def set_limits(self, limits: Limits) -> None:
        """How many may connect from now on, how fast, and how much memory they may take."""
        self.memory.max_bytes = limits.memory_max_bytes
        if self.strangers is not None:
            self.strangers.limits = limits

    # ------------------------------------------------------------------ connections

    def connect(
        self, remote: SocketAddress, options: ConnectionOptions, now: int, expected: Expected | None = None
    ) -> DatagramConnection | None:
        """Starts a connection to a peer, who must be the one that is expected; None when too many connections live.

        Raises `ValueError` if this endpoint already has a connection to that address.
        """
        if remote in self.connections:
            raise ValueError(f"there is already a connection to {remote} from this local address")
        connection = self.add(Path(remote), options, now)
        if connection is not None:
            connection.expected = expected
            connection.connect(self._policies.towards(connection.address, options, now), now)
            self.touch(connection)
        return connection

    def look_for_peer(
        self, options: ConnectionOptions, now: int, expected: Expected | None = None
    ) -> DatagramConnection | None:
        """Starts a connection whose peer's address is not known yet; None when too many connections live.

        Raises `ValueError` if this endpoint already has such a connection.
        """
        if NOWHERE in self.connections:
            raise ValueError("this local address already looks for a peer")
        connection = self.add(Path(NOWHERE), options, now)
        if connection is not None:
            connection.expected = expected
            connection.look_for_peer(now)
            self.touch(connection)
        return connection

    def search(self, connection: DatagramConnection, addresses: list[SocketAddress], now: int) -> None:
        """After `look_for_peer`: the peer is at one of these addresses, and the first that answers is taken."""
        if connection.state != State.CONNECTING:
            return
        if len(addresses) == 1:
            self._found(connection, addresses[0], now)
        else:
            self._searches[connection] = Search(connection, addresses, now)
        self.touch(connection)

    def _found(self, connection: DatagramConnection, remote: SocketAddress, now: int) -> None:
        """The peer is there."""
        self._searches.pop(connection, None)
        del self.connections[NOWHERE]
        self.connections[remote] = connection
        path = Path(remote)
        connection.found_peer(path, self._policies.towards(path.address, connection.options, now), now)

    def join(
        self,
        own_address: SocketAddress,
        partner: "Endpoint",
        partner_address: SocketAddress,
        identities: tuple[NetworkingIdentity, NetworkingIdentity],
        now: int,
    ) -> tuple[DatagramConnection, DatagramConnection] | None:
        """Connects this endpoint to another of this process, at once and without handshake (spec 2, 2.14).

        Each gets one connection; ours sees the first identity as its peer. Our options choose the cipher. None when
        too many connections live, and then neither endpoint has any.
        """
        one = self.add(Path(partner_address), self.options, now)
        two = partner.add(Path(own_address), partner.options, now)
        if one is None or two is None:
            self.release()
            partner.release()
            return None
        agreements = agree_in_memory(self._entropy, (one.id, two.id), identities, self.options.unencrypted)
        one.join(agreements[0], now)
        two.join(agreements[1], now)
        self.touch(one)
        partner.touch(two)
        return one, two

    def accept(self, connection: DatagramConnection, now: int) -> Result:
        """Accepts an incoming connection (spec 3, 6.3)."""
        self.touch(connection)
        return connection.accept(self._policies.towards(connection.address, connection.options, now), now)

    def close(self, connection: DatagramConnection, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """Closes a connection; its address stays occupied for 5 s, in which the peer is told."""
        connection.close(reason, debug, enable_linger, now)
        self.touch(connection)

    def drop(self, now: int) -> None:
        """Stops all lingering: the socket is closed as soon as the peers were told."""
        for connection in self.connections.values():
            connection.drop(now)
            self.touch(connection)

    def release(self) -> None:
        """Removes all connections and gives their ids back, because the socket was closed."""
        for connection in list(self.connections.values()):
            self._remove(connection)

    def touch(self, connection: DatagramConnection) -> None:
        """Something was done to a connection directly (a send, a flush): `datagrams_to_send` asks it next time."""
        if not connection.timers.is_due:
            connection.timers.is_due = True
            self._due.append(connection)

    def add(self, path: Path, options: ConnectionOptions, now: int) -> DatagramConnection | None:
        """A new connection that has said nothing yet; None when too many connections live."""
        number = self._ids.take()
        if not number:
            return None
        connection = DatagramConnection(
            number,
            path,
            self._entropy,
            self.credentials,
            options,
            self.counters,
            self.memory,
            self.ready,
            self._events,
            self._builder,
            now,
        )
        self.connections[path.remote] = connection
        self._by_id[connection.id_bytes] = connection
        return connection

    def _remove(self, connection: DatagramConnection) -> None:
        del self.connections[connection.path.remote]
        del self._by_id[connection.id_bytes]
        connection.timers.is_due = False
        connection.timers.scheduled_at = NEVER
        self._searches.pop(connection, None)
        self._ids.give_back(connection.id)
        receiver = connection.traffic.receiver
        receiver.release()
        counters = self.counters
        counters.queue_full += receiver.queue_full
        counters.over_budget += receiver.over_budget
        counters.messages_expired += receiver.pieces_expired
        self.totals.count(connection)
        if self.strangers is not None:
            self.strangers.left(connection)

    # ------------------------------------------------------------------ verbs

    def receive_datagram(self, data: bytes, remote: SocketAddress, now: int, local: bytes = ANY_LOCAL) -> None:
        """Takes one UDP payload. Never raises because of `data`."""
        self.receive_datagrams([data], remote, now, local)

    def receive_datagrams(
        self, datagrams: list[bytes], remote: SocketAddress, now: int, local: bytes = ANY_LOCAL
    ) -> None:
        """Takes UDP payloads that came from one address, and to one of ours, in order.

        `local` is what the socket takes with answers.
        """
        connection: DatagramConnection | None = None
        for data in datagrams:
            if len(data) < datagram.MINIMUM_DATAGRAM_BYTES or not data[0] & FLAG_DATA:
                if connection is not None:
                    self.touch(connection)
                    connection = None
                self._receive_control(data, remote, now, local)
                continue
            if connection is None or data[1:5] != connection.id_bytes:
                if connection is not None:
                    self.touch(connection)
                connection = self._find(data, remote, now, local)
            if connection is not None:
                connection.receive_packet(data, now)
        if connection is not None:
            self._see_to_answers(connection, now)
        if self.memory.evicted:
            self._evict(now)

    def _see_to_answers(self, connection: DatagramConnection, now: int) -> None:
        """Packets came: their connection is asked for datagrams when it owes some for them, most often never."""
        answer_at = connection.answers_at(now)
        if answer_at <= now:
            self.touch(connection)
        elif answer_at < connection.timers.scheduled_at:
            self._wake_at(answer_at, connection)

    def datagrams_to_send(self, now: int) -> list[Transmit]:
        """What leaves now: replies to strangers, then the datagrams of each connection that is due."""
        transmits = [] if self.strangers is None else self.strangers.take_replies()
        if self._due:
            due = self._due
            self._due = []
            for connection in due:
                if not connection.timers.is_due:
                    continue  # it was removed
                connection.timers.is_due = False
                datagrams = connection.datagrams_to_send(now)
                if datagrams:
                    transmits.append((datagrams, connection.path))
                if self._searches:
                    self._ask_further(connection, transmits, now)
                self._schedule(connection, now)
        return transmits

    def take_refused(self) -> list[Refused]:
        """Strangers who were refused since the last call, and why."""
        return [] if self.strangers is None else self.strangers.take_refused()

    def next_timer(self) -> int:
        """When to call `handle_timer` and `datagrams_to_send` next; 0 if something waits to be sent."""
        if self._due:
            return 0
        first = NEVER if self.strangers is None else self.strangers.next_timer()
        timers = self._timers
        while timers:
            deadline, _, connection = timers[0]
            if connection.timers.scheduled_at == deadline:
                if connection.next_timer() <= deadline:
                    return min(deadline, first)
                heappop(timers)
                connection.timers.scheduled_at = NEVER
                self._schedule(connection, deadline)  # it has moved: nobody need wake up for it
            else:
                heappop(timers)
        return first

    def handle_timer(self, now: int) -> None:
        """Runs the timers that are due, and serves connect requests that wait."""
        if self.strangers is not None:
            self._serve_requests(self.strangers, now)
        timers = self._timers
        while timers and timers[0][0] <= now:
            deadline, _, connection = heappop(timers)
            if connection.timers.scheduled_at != deadline:
                continue
            connection.timers.scheduled_at = NEVER
            connection.handle_timer(now)
            if connection.state == State.DEAD:
                self._remove(connection)
            else:
                self.touch(connection)

    def next_event(self) -> StateChange | None:
        """The oldest change of any connection's state that was not taken yet."""
        return self._events.popleft() if self._events else None

    def _ask_further(self, connection: DatagramConnection, transmits: list[Transmit], now: int) -> None:
        search = self._searches.get(connection)
        if search is not None and connection.state == State.CONNECTING:
            transmits += search.datagrams_to_send(now)
            connection.timers.handshake = search.next_timer()

    def _schedule(self, connection: DatagramConnection, now: int) -> None:
        """One entry in the heap for each connection; a later deadline waits until the earlier entry comes up."""
        deadline = max(connection.next_timer(), now)
        if deadline == NEVER:
            return
        if deadline - now >= FAR_US:
            deadline = (deadline + ALIGN_US - 1) // ALIGN_US * ALIGN_US
        if deadline < connection.timers.scheduled_at:
            self._wake_at(deadline, connection)

    def _wake_at(self, deadline: int, connection: DatagramConnection) -> None:
        connection.timers.scheduled_at = deadline
        self._entries += 1
        heappush(self._timers, (deadline, self._entries, connection))
        if len(self._timers) >= self._sweep_at:
            self._sweep_timers()

    def _sweep_timers(self) -> None:
        """Removes entries that an earlier deadline has replaced: busy connections make many, and they come up late."""
        live = {entry[2]: entry for entry in self._timers if entry[2].timers.scheduled_at == entry[0]}
        self._timers[:] = live.values()
        heapify(self._timers)
        self._sweep_at = max(_SWEEP_MIN, 2 * len(self._timers))

    def _evict(self, now: int) -> None:
        """Ends connections that have to make room for others."""
        for number in self.memory.evicted:
            connection = self._by_id.get(number.to_bytes(4, "little"))
            if connection is not None:
                self.counters.evicted += 1
                connection.fail(int(EndReason.MISC_INTERNAL_ERROR), TEXT_MEMORY, now)
                connection.traffic.receiver.release()
                self.touch(connection)
        self.memory.evicted.clear()

    def start_over(self) -> None:
        """After an exception in the middle of something: asks every connection anew what it has to send, and when."""
        self._timers.clear()
        self._due = list(self.connections.values())
        for connection in self._due:
            connection.timers.is_due = True
            connection.timers.scheduled_at = NEVER

    # ------------------------------------------------------------------ routes

    def _find(self, data: bytes, remote: SocketAddress, now: int, local: bytes) -> DatagramConnection | None:
        """The connection of a data packet. None if id and path do not match one; then nothing is left to do."""
        connection = self._by_id.get(data[1:5])
        if connection is not None and connection.path.remote == remote:
            return connection
        at_address = self.connections.get(remote)
        if at_address is None:
            self.counters.stray += 1
            if connection is None and self.strangers is not None:
                self.strangers.receive_stray(data, Path(remote, local), now)
        else:
            at_address.receive_stray(data, now)
            self.touch(at_address)
        return None

    def _answered(
        self, message: datagram.ControlMessage | None, remote: SocketAddress, now: int
    ) -> DatagramConnection | None:
        """The connection whose peer has just answered from there, if one is looking for it."""
        for search in self._searches.values():
            if search.is_answered(message, remote):
                if search.connection.state == State.CONNECTING:
                    self._found(search.connection, remote, now)
                    return search.connection
                return None
        return None

    def _receive_control(self, data: bytes, remote: SocketAddress, now: int, local: bytes) -> None:
        """Takes anything but a data packet."""
        self.heard_control = True
        strangers = self.strangers
        connection = self.connections.get(remote)
        message: datagram.ControlMessage | None = None
        if strangers is not None or connection is not None or self._searches:
            message = datagram.decode_control(data)
        if connection is None and self._searches:
            connection = self._answered(message, remote, now)
        if connection is not None and strangers is not None and is_newcomer(message, connection.remote_id):
            if connection.data_flows:
                is_proven = strangers.receive_newcomer(message, Path(remote, local), now)
                connection.newcomer_received(is_proven, len(data), now)
                self.touch(connection)
                return
            is_free = connection.state == State.FIN_WAIT
        else:
            is_free = connection is None
        if connection is not None and not is_free:
            connection.receive_control(message, len(data), now)
            self.touch(connection)
        elif strangers is None or len(data) < datagram.MINIMUM_DATAGRAM_BYTES:
            self.counters.stray += 1
        else:
            strangers.receive(message, Path(remote, local), len(data), now)
            self._serve_requests(strangers, now)

    def _serve_requests(self, strangers: Strangers, now: int) -> None:
        """Makes connections for the oldest connect requests, as many as this turn has time for."""
        request = strangers.next_request(now)
        while request is not None:
            path = request.path
            known = self.connections.get(path.remote)
            if known is not None and known.state != State.FIN_WAIT:
                self.counters.ignored += 1  # while the request waited, its address got a connection in another way
            else:
                server = strangers.check_request(request, self.options, now)
                if server is not None:
                    self._welcome(strangers, server, request, known, now)
            request = strangers.next_request(now)

    def _welcome(
        self,
        strangers: Strangers,
        server: ServerHandshake,
        request: Request,
        known: DatagramConnection | None,
        now: int,
    ) -> None:
        """A connection for a client whose signature is good, in place of the one that has ended there, if any."""
        if known is not None:
            known.stop_telling()
            self._remove(known)
        newcomer = self.add(request.path, self.options, now)
        if newcomer is None:
            self.counters.no_room += 1
            return
        strangers.admitted(server, newcomer)
        newcomer.request_received(server, request.size_bytes, now)
        self.touch(newcomer)
