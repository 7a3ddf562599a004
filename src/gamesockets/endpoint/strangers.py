"""How are control messages from addresses without a connection answered? (spec 1, 3.3 to 3.5)

Nothing is kept for a stranger until its ConnectRequest has brought back a challenge that only its address could have
received. Answers are bounded in number and no longer than what was asked.
"""

from typing import Final, TypeAlias, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import encode_closed, encode_no_connection
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import ServerHandshake, check_request
from gamesockets.connection.path import Path
from gamesockets.endpoint.challenge import ChallengeKey
from gamesockets.endpoint.policies import Policies
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest, ConnectionClosed, ConnectRequest
from gamesockets.wire.versions import PROTOCOL_VERSION

# UDP payloads for one path, in order.
Transmit: TypeAlias = tuple[list[bytes], Path]

REPLIES_MAX: Final = 1024
"""Replies to strangers that may wait at once; more are dropped, and strangers retry."""

_SECRET_BYTES: Final = 32
_TEXT_ID_EXISTS: Final = "A connection with that ID already exists."


@final
class Strangers:
    """Answers the strangers of one port, and says which of them get a connection."""

    __slots__ = ("_challenge_key", "_claims", "_counters", "_policies", "replies")

    def __init__(self, entropy: Entropy, policies: Policies, counters: Counters) -> None:
        self._challenge_key = ChallengeKey(entropy.random_bytes(_SECRET_BYTES))
        self._policies = policies
        self._counters = counters
        self._claims: set[tuple[int, NetworkingIdentity]] = set()
        """Connection id and identity of each client that has a connection."""
        self.replies: list[Transmit] = []
        """Replies that wait to be sent."""

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

    def take_replies(self) -> list[Transmit]:
        """The replies that wait; the list is the caller's from now on."""
        replies = self.replies
        self.replies = []
        return replies

    def admitted(self, server: ServerHandshake) -> None:
        """The client got a connection; no other client gets one with the same identity and id."""
        self._claims.add((server.client_id, server.peer.identity))

    def left(self, connection: DatagramConnection) -> None:
        """The connection is gone; its identity and id are free again."""
        self._claims.discard((connection.remote_id, connection.peer.identity))

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
        if not self._challenge_key.check(message.challenge, _address_bytes(peer), now):
            self._counters.bad_challenges += 1
            return None
        if not message.client_connection_id:
            self._counters.malformed += 1
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


def is_newcomer(message: datagram.ControlMessage | None, known_id: int) -> bool:
    """Whether it asks for a connection under another client id than the known one."""
    if isinstance(message, ChallengeRequest):
        return message.connection_id != known_id
    return isinstance(message, ConnectRequest) and message.client_connection_id != known_id


def _address_bytes(address: Address) -> bytes:
    return address.packed + address.port.to_bytes(2, "little")
