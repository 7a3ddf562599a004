"""How are control messages from addresses without a connection answered? (spec 1, 3.3 to 3.5)

Nothing is kept for a stranger until its ConnectRequest has brought back a challenge that only its address could have
received. Answers are bounded in number and, up to there, no longer than what was asked. What is cheap to check comes
first: the challenge, then whether there is room (`limits`), then signatures.
"""

from typing import Final, TypeAlias, final

from gamesockets.config.limits import Limits
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import encode_closed, encode_no_connection
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import ServerHandshake, check_request
from gamesockets.connection.path import Path
from gamesockets.endpoint.challenge import ChallengeKey
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.endpoint.limits import (
    FULL,
    NO_ROOM_FOR_ADDRESS,
    NO_ROOM_TO_WAIT,
    REFUSALS_PER_S,
    ROOM,
    STRAY_REPLIES_PER_S,
    STRAYS_TOLD_MAX,
    TOO_FAST,
    Admission,
    Rate,
)
from gamesockets.endpoint.policies import Policies
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest, ConnectionClosed, ConnectRequest
from gamesockets.wire.packet import HEADER_BYTES, UNUSED_FLAGS
from gamesockets.wire.versions import PROTOCOL_VERSION

# UDP payloads for one path, in order.
Transmit: TypeAlias = tuple[list[bytes], Path]

REPLIES_MAX: Final = 1024
"""Replies to strangers that may wait at once; more are dropped, and strangers retry."""

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
        "replies",
    )

    def __init__(self, entropy: Entropy, ids: ConnectionIds, policies: Policies, counters: Counters) -> None:
        self._challenge_key = ChallengeKey(entropy.random_bytes(_SECRET_BYTES))
        self._ids = ids
        self._policies = policies
        self._counters = counters
        self._admission = Admission(Limits(), 0)
        self._refusals = Rate(0)
        self._stray_replies = Rate(0)
        self._strays_told: dict[int, None] = {}  # oldest first
        self._claims: set[tuple[int, NetworkingIdentity]] = set()
        """Connection id and identity of each client that has a connection."""
        self.replies: list[Transmit] = []
        """Replies that wait to be sent."""

    @property
    def limits(self) -> Limits:
        """How many may connect, and how fast."""
        return self._admission.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._admission.limits = limits

    def receive(
        self, message: datagram.ControlMessage | None, path: Path, options: ConnectionOptions, now: int
    ) -> ServerHandshake | None:
        """Takes a control message, None for one that cannot be decoded; a handshake if a connection is to be made."""
        if message is None:
            self._counters.malformed += 1
        elif isinstance(message, ChallengeRequest):
            self._reply_to_challenge_request(message, path, now)
        elif isinstance(message, ConnectRequest):
            return self._check_request(message, path, options, now)
        else:
            self._counters.stray += 1
            if isinstance(message, ConnectionClosed) and (message.to_connection_id or message.from_connection_id):
                self._reply(encode_no_connection(message.to_connection_id, message.from_connection_id), path)
        return None

    def receive_newcomer(self, message: datagram.ControlMessage | None, path: Path, now: int) -> bool:
        """Takes a request from the address of a live connection; whether it proves that its sender receives there."""
        if isinstance(message, ChallengeRequest):
            self._reply_to_challenge_request(message, path, now)
        elif isinstance(message, ConnectRequest):
            return self._has_challenge(message, Address.from_socket(path.remote), now)
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
        """The replies that wait; the list is the caller's from now on."""
        replies = self.replies
        self.replies = []
        return replies

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
            challenge=self._challenge_key.make(_address_bytes(Address.from_socket(path.remote)), now),
            your_timestamp=message.my_timestamp,
            protocol_version=PROTOCOL_VERSION,
        )
        self._reply(datagram.encode_control(datagram.CHALLENGE_REPLY, reply), path)

    def _check_request(
        self, message: ConnectRequest, path: Path, options: ConnectionOptions, now: int
    ) -> ServerHandshake | None:
        peer = Address.from_socket(path.remote)
        if not self._has_challenge(message, peer, now):
            return None
        if not message.client_connection_id:
            self._counters.malformed += 1
            return None
        if not self._has_room(message.client_connection_id, path, peer, now):
            return None
        server = check_request(message, peer, self._policies.towards(peer, options, now), now)
        if server is None:
            self._counters.bad_requests += 1
            return None
        if (server.client_id, server.peer.identity) in self._claims:
            reason = int(EndReason.MISC_GENERIC)
            self._reply(encode_closed(0, server.client_id, reason, _TEXT_ID_EXISTS), path)
            return None
        return server

    def _has_challenge(self, message: ConnectRequest, peer: Address, now: int) -> bool:
        if self._challenge_key.check(message.challenge, _address_bytes(peer), now):
            return True
        self._counters.bad_challenges += 1
        return False

    def _has_room(self, client_id: int, path: Path, peer: Address, now: int) -> bool:
        """Whether the limits allow one more; who has to wait only is not told, and asks again."""
        counters = self._counters
        limit = FULL if self._ids.is_full() else self._admission.check(peer, now)
        if limit == ROOM:
            return True
        if limit == FULL:
            counters.no_room += 1
            self._refuse(client_id, _TEXT_FULL, path, now)
        elif limit == NO_ROOM_FOR_ADDRESS:
            counters.no_room_for_address += 1
            self._refuse(client_id, _TEXT_FULL_FOR_ADDRESS, path, now)
        elif limit == NO_ROOM_TO_WAIT:
            counters.no_room_to_wait += 1
        elif limit == TOO_FAST:
            counters.too_fast += 1
        else:
            counters.too_fast_for_address += 1
        return False

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


def _address_bytes(address: Address) -> bytes:
    return address.packed + address.port.to_bytes(2, "little")
