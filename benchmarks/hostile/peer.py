"""A client made by hand: it shakes hands as it should, and then sends exactly what it is told to."""

from __future__ import annotations

import contextlib
import socket
import time
from random import Random
from typing import Final

from benchmarks.hostile.attack import take
from gamesockets.clock import now_us
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.closing import encode_closed
from gamesockets.connection.handshake import Agreement, ClientHandshake, Policy
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, Cipher
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.values.address import Address
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import (
    ChallengeReply,
    ChallengeRequest,
    ConnectionClosed,
    ConnectOK,
    ConnectRequest,
    UdpStats,
)
from gamesockets.wire.numbers import widen
from gamesockets.wire.packet import FLAG_DATA, NO_TIME, encode_header
from gamesockets.wire.versions import PROTOCOL_VERSION

RETRY_S: Final = 0.1
CONNECT_S: Final = 10.0
ANSWER_AT_ONCE: Final = UdpStats(flags=6).SerializeToString()
"""Statistics of a packet that is to be acknowledged at once."""


class NotConnectedError(OSError):
    """The server did not let the peer in."""


class Introduction:
    """What a peer says of itself in its connect requests, made once for as many as one likes."""

    def __init__(self, random: Random, identity: str) -> None:
        entropy = SeededEntropy(random.getrandbits(32))
        self.credentials = LocalCredentials(
            entropy, Credentials(NetworkingIdentity.generic_string(identity)), [CIPHER_AES_256_GCM]
        )

    def request(self, own_id: int, challenge: int) -> ConnectRequest:
        """A connect request with that challenge."""
        message = ConnectRequest(client_connection_id=own_id, challenge=challenge, my_timestamp=1)
        self.credentials.fill(message)
        return message


def any_id(random: Random) -> int:
    """A connection id that a peer may have."""
    return random.getrandbits(16) << 16 | random.randrange(1, 1 << 16)


def challenge_request(own_id: int) -> bytes:
    """The first datagram of a handshake."""
    message = ChallengeRequest(connection_id=own_id, my_timestamp=1, protocol_version=PROTOCOL_VERSION)
    return datagram.encode_control(datagram.CHALLENGE_REQUEST, message)


def connect_request(message: ConnectRequest) -> bytes:
    """The second one."""
    return datagram.encode_control(datagram.CONNECT_REQUEST, message)


def closed(to_id: int, from_id: int, debug: str = "") -> bytes:
    """The last datagram of a connection; ids of 0 are left out."""
    return encode_closed(from_id, to_id, int(EndReason.APP_GENERIC), debug)


class Peer:
    """One connection of it."""

    def __init__(self, opened: socket.socket, random: Random, identity: str) -> None:
        self.socket = opened
        self.id = any_id(random)
        self.server_id = 0
        self.number = 2
        """Of the next packet."""
        self.latest = 1
        """The newest packet of the server that came."""
        self.is_over = False
        """The server has ended the connection."""
        self._handshake = ClientHandshake(
            self.id,
            Address(*opened.getpeername()[:2]),
            SeededEntropy(random.getrandbits(32)),
            Credentials(NetworkingIdentity.generic_string(identity)),
            ConnectionOptions.default(),
            Policy(2, None, 0),
        )
        self._sealing: Cipher

    def connect(self) -> None:
        """The whole handshake. Raises `NotConnectedError`."""
        until = time.monotonic() + CONNECT_S
        while time.monotonic() < until:
            for data in self._handshake.datagrams_to_send(now_us(), -1):
                with contextlib.suppress(OSError):
                    self.socket.send(data)
            answer = take(self.socket, RETRY_S)
            message = None if answer is None else datagram.decode_control(answer)
            if isinstance(message, ChallengeReply):
                self._handshake.challenge_reply(message, now_us())
            elif isinstance(message, ConnectOK):
                agreement = self._handshake.connect_ok(message, Policy(2, None, 0), 1, now_us())
                if isinstance(agreement, Agreement):
                    self.server_id = agreement.remote_id
                    self._sealing = agreement.sealing
                    return
            elif isinstance(message, ConnectionClosed):
                break
        raise NotConnectedError("refused, or no answer")

    def packet(self, payload: bytes, stats: bytes = b"", spacing_us: int = NO_TIME) -> bytes:
        """A data packet with the next number."""
        number = self.number
        self.number = number + 1
        return encode_header(self.server_id, number, stats, spacing_us) + self._sealing.seal(number, payload)

    def listen(self) -> None:
        """Takes what the server has sent."""
        while (data := take(self.socket)) is not None:
            if data[0] & FLAG_DATA:
                if len(data) >= 7:
                    self.latest = max(self.latest, widen(data[5] | data[6] << 8, 16, self.latest))
            elif data[0] in (datagram.CONNECTION_CLOSED, datagram.NO_CONNECTION):
                self.is_over = True
