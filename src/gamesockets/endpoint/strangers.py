"""How are control messages from addresses without a connection answered? (spec 1, 3.3 to 3.5)

Nothing is kept for a stranger until its ConnectRequest has brought back a challenge that only its address could have
received. Answers are bounded in number and, up to there, no longer than what was asked. What is cheap to check comes
first: the challenge, then whether there is room (`limits`). Then a request waits for its turn (`requests`), and only
then somebody looks at its signature.
"""

from typing import Final, TypeAlias, final

from gamesockets.config.limits import Limits
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import encode_closed, encode_no_connection
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import ServerHandshake, check_request
from gamesockets.connection.path import Path
from gamesockets.crypto.peer_check import Refusal
from gamesockets.endpoint.challenge import ChallengeKey
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.endpoint.limits import (
    FULL,
    NO_ROOM_FOR_ADDRESS,
    REFUSALS_PER_S,
    ROOM,
    STRAY_REPLIES_PER_S,
    STRAYS_TOLD_MAX,
    Admission,
    Rate,
)
from gamesockets.endpoint.policies import Policies
from gamesockets.endpoint.requests import Request, Requests
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.moments import NEVER
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest, ConnectionClosed, ConnectRequest
from gamesockets.wire.packet import HEADER_BYTES, UNUSED_FLAGS
from gamesockets.wire.versions import PROTOCOL_VERSION

# UDP payloads for one path, in order.
Transmit: TypeAlias = tuple[list[bytes], Path]
Refused: TypeAlias = tuple[Address, str]

REPLIES_MAX: Final = 1024
"""Replies to strangers that may wait at once; more are dropped, and strangers retry."""

REFUSED_MAX: Final = 8
"""Refusals that wait to be told; of more nothing is said."""

_SECRET_BYTES: Final = 32
_TEXT_ID_EXISTS: Final = "A connection with that ID already exists."
_TEXT_FULL: Final = "The server is full."
_TEXT_FULL_FOR_ADDRESS: Final = "The server has too many connections from your address."


@final
class Strangers:
    """Answers the strangers of one port, and says which of them get a connection."""

    __slots__ = (
        "_admission",
        "_challenge_key",
        "_claims",
        "_counters",
        "_ids",
        "_policies",
        "_refusals",
        "_stray_replies",
        "_strays_told",
        "refused",
        "replies",
        "requests",
    )

    def __init__(self, entropy: Entropy, ids: ConnectionIds, policies: Policies, counters: Counters) -> None:
        self._challenge_key = ChallengeKey(entropy.random_bytes(_SECRET_BYTES))
        self._ids = ids
        self._policies = policies
        self._counters = counters
        self._admission = Admission(Limits(), 0)
        self.requests: Final = Requests()
        """Connect requests that wait for their turn."""
        self._refusals = Rate(0)
        self._stray_replies = Rate(0)
        self._strays_told: dict[int, None] = {}  # oldest first
        self._claims: set[tuple[int, NetworkingIdentity]] = set()
        """Connection id and identity of each client that has a connection."""
        self.replies: list[Transmit] = []
        """Replies that wait to be sent."""
        self.refused: list[Refused] = []
        """Who showed bad credentials lately, and what is wrong with them, for a log: the peers are not told."""

    @property
    def limits(self) -> Limits:
        """How many may connect, and how fast."""
        return self._admission.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._admission.limits = limits

    def receive(self, message: datagram.ControlMessage | None, path: Path, size_bytes: int, now: int) -> None:
        """Takes a control message, None for one that cannot be decoded, and the size of its datagram.

        A connect request waits until `next_request`.
        """
        if message is None:
            self._counters.malformed += 1
        elif isinstance(message, ChallengeRequest):
            if message.connection_id and message.connection_id == self.requests.client_id_at(path.remote):
                return  # its request waits, and another one would not be served sooner
            self._reply_to_challenge_request(message, path, now)
        elif isinstance(message, ConnectRequest):
            self._receive_request(message, path, size_bytes, now)
        else:
            self._counters.stray += 1
            if isinstance(message, ConnectionClosed) and (message.to_connection_id or message.from_connection_id):
                self._reply(encode_no_connection(message.to_connection_id, message.from_connection_id), path)

    def receive_newcomer(self, message: datagram.ControlMessage | None, path: Path, now: int) -> bool:
        """Takes a request from the address of a live connection; whether it proves that its sender receives there."""
        if isinstance(message, ChallengeRequest):
            self._reply_to_challenge_request(message, path, now)
        elif isinstance(message, ConnectRequest):
            return self._has_challenge(message, path, now)
        return False

    def receive_stray(self, data: bytes, path: Path, now: int) -> None:
        """Takes a data packet of a connection that does not exist, for example from before a restart (spec 1, 7.7).

        What no peer would send gets no answer, and so all answers are smaller than what they answer.
        """
        if len(data) < HEADER_BYTES or data[0] & UNUSED_FLAGS:
            return
        if not self._stray_replies.has_one(STRAY_REPLIES_PER_S, STRAY_REPLIES_PER_S, now):
            self._counters.replies_limited += 1
            return
        connection_id = int.from_bytes(data[1:5], "little")
        if connection_id in self._strays_told:
            return  # for a client on the reference library every answer is a sign of life: it would never time out
        if len(self._strays_told) >= STRAYS_TOLD_MAX:
            del self._strays_told[next(iter(self._strays_told))]
        self._strays_told[connection_id] = None
        self._stray_replies.take(STRAY_REPLIES_PER_S, now)
        self._reply(encode_no_connection(connection_id, 0), path)

    def take_replies(self) -> list[Transmit]:
        """The replies that wait; the list is the caller's from now on. A few more requests may be served."""
        self.requests.begin_turn()
        replies = self.replies
        self.replies = []
        return replies

    def next_timer(self) -> int:
        """When there is something to do besides receiving; 0 for at once."""
        if self.replies:
            return 0
        return self._admission.next_at() if len(self.requests) else NEVER

    def next_request(self, now: int) -> Request | None:
        """The connect request that is served now; None if none waits, or none may be served in this turn."""
        admission = self._admission
        if not self.requests.may_serve() or not admission.has_room_to_wait(now) or admission.next_at() > now:
            return None
        admission.take(now)
        return self.requests.take()

    def admitted(self, server: ServerHandshake, connection: DatagramConnection) -> None:
        """The client got this connection; no other client gets one with the same identity and id."""
        self._claims.add((server.client_id, server.peer.identity))
        self._admission.admitted(connection)

    def left(self, connection: DatagramConnection) -> None:
        """The connection is gone; its identity and id are free again."""
        self._claims.discard((connection.remote_id, connection.peer.identity))
        self._admission.left(connection)

    def _reply(self, data: bytes, path: Path) -> None:
        if len(self.replies) >= REPLIES_MAX:
            self._counters.replies_dropped += 1
        else:
            self.replies.append(([data], path))

    def _reply_to_challenge_request(self, message: ChallengeRequest, path: Path, now: int) -> None:
        if not message.connection_id:
            self._counters.malformed += 1
            return
        reply = ChallengeReply(
            connection_id=message.connection_id,
            challenge=self._challenge_key.make(_address_bytes(path), now),
            your_timestamp=message.my_timestamp,
            protocol_version=PROTOCOL_VERSION,
        )
        self._reply(datagram.encode_control(datagram.CHALLENGE_REPLY, reply), path)

    def _receive_request(self, message: ConnectRequest, path: Path, size_bytes: int, now: int) -> None:
        if not self._has_challenge(message, path, now):
            return
        client_id = message.client_connection_id
        if not client_id:
            self._counters.malformed += 1
            return
        waiting_id = self.requests.client_id_at(path.remote)
        if waiting_id:
            if waiting_id != client_id:
                self.requests.replace(path.remote, message, now)
        elif self.requests.is_full():
            if self._admission.has_room_to_wait(now):
                self._counters.too_fast += 1
            else:
                self._counters.no_room_to_wait += 1
        elif not self._is_refused(self._admission.check(path.address, now), client_id, path, now):
            self.requests.add(Request(message, path, size_bytes, now))

    def check_request(self, request: Request, options: ConnectionOptions, now: int) -> ServerHandshake | None:
        """Looks at the signature; a handshake if a connection is to be made."""
        path = request.path
        peer = path.address
        client_id = request.message.client_connection_id
        if now - request.received_at >= options.timeout_initial_us:
            self._counters.too_fast += 1
            return None
        if self._is_refused(self._admission.check_room(peer), client_id, path, now):
            return None
        policy = self._policies.towards(peer, options, now)
        server = check_request(request.message, peer, policy, request.received_at)
        if isinstance(server, Refusal):
            self._counters.bad_requests += 1
            if len(self.refused) < REFUSED_MAX:
                self.refused.append((peer, server.text))
            return None
        if (client_id, server.peer.identity) in self._claims:
            self._reply(encode_closed(0, client_id, int(EndReason.MISC_GENERIC), _TEXT_ID_EXISTS), path)
            return None
        return server

    def _has_challenge(self, message: ConnectRequest, path: Path, now: int) -> bool:
        if self._challenge_key.check(message.challenge, _address_bytes(path), now):
            return True
        self._counters.bad_challenges += 1
        return False

    def take_refused(self) -> list[Refused]:
        """Who was refused since the last call, and why."""
        refused = self.refused
        if refused:
            self.refused = []
        return refused

    def _is_refused(self, limit: int, client_id: int, path: Path, now: int) -> bool:
        """Whether a limit is reached. Who only has to wait is not told, and asks again."""
        counters = self._counters
        if self._ids.is_full():
            limit = FULL
        if limit == ROOM:
            return False
        if limit == FULL:
            counters.no_room += 1
            self._refuse(client_id, _TEXT_FULL, path, now)
        elif limit == NO_ROOM_FOR_ADDRESS:
            counters.no_room_for_address += 1
            self._refuse(client_id, _TEXT_FULL_FOR_ADDRESS, path, now)
        else:
            counters.too_fast_for_address += 1
        return True

    def _refuse(self, client_id: int, text: str, path: Path, now: int) -> None:
        if self._refusals.has_one(REFUSALS_PER_S, REFUSALS_PER_S, now):
            self._refusals.take(REFUSALS_PER_S, now)
            self._reply(encode_closed(0, client_id, int(EndReason.MISC_GENERIC), text), path)
        else:
            self._counters.replies_limited += 1


def is_newcomer(message: datagram.ControlMessage | None, known_id: int) -> bool:
    """Whether it asks for a connection under another client id than the known one."""
    if isinstance(message, ChallengeRequest):
        return message.connection_id != known_id
    return isinstance(message, ConnectRequest) and message.client_connection_id != known_id


def _address_bytes(path: Path) -> bytes:
    """An address as one socket always gives it: nothing else ever reads a challenge."""
    host: str = path.remote[0]
    port: int = path.remote[1]
    return port.to_bytes(2, "little") + host.encode()
