"""How does a test play a peer that sends exactly what the test says, and nothing by itself?

`Tap` records what passes on a simulated network. `RawClient` and `RawServer` make every datagram by hand.
"""

from typing import Any, Final

import pytest

from gamesockets.crypto import credentials
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, Cipher
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.crypto.peer_check import PeerCertificate, PeerCredentials, check_peer
from gamesockets.crypto.session import session_ciphers
from gamesockets.sim import Connection, Host, Passage, World
from gamesockets.values.address import Address
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import (
    ChallengeReply,
    ChallengeRequest,
    ConnectionClosed,
    ConnectOK,
    ConnectRequest,
    NoConnection,
    UdpStats,
)
from gamesockets.wire.packet import NO_TIME, encode_header, split_packet
from gamesockets.wire.versions import PROTOCOL_VERSION

ANONYMOUS: Final = NetworkingIdentity.localhost()
PING: Final = b"\x20\x01\x00\x01x"
"""A payload: one whole unreliable message, number 1, content "x"."""


class Tap:
    """Everything that left or arrived in a world, in order."""

    def __init__(self, world: World) -> None:
        self.passages: list[Passage] = []
        world.trace = self.passages.append

    def sent_by(self, address: Address) -> list[Passage]:
        return [p for p in self.passages if not p.is_arrival and p.source == address]

    def sent_to(self, address: Address) -> list[bytes]:
        return [p.data for p in self.passages if not p.is_arrival and p.destination == address]

    def clear(self) -> None:
        self.passages.clear()


def kind(data: bytes) -> str:
    """What a datagram is, in one word."""
    if data[0] & 0x80:
        return "data"
    names = ("challenge", "reply", "request", "ok", "closed", "none")
    return names[data[0] - datagram.CHALLENGE_REQUEST]


def parse(data: bytes) -> Any:
    """The control message in a datagram that must hold one."""
    message = datagram.decode_control(data)
    assert message is not None
    return message


def make_credentials(seed: int, ciphers: list[int], version: int = PROTOCOL_VERSION) -> LocalCredentials:
    """Credentials of a peer that speaks another version: that is signed, so it cannot be altered on the way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(credentials, "PROTOCOL_VERSION", version)
        return LocalCredentials(SeededEntropy(seed), Credentials(ANONYMOUS), ciphers)


class RawPeer:
    """What client and server have in common once they are connected."""

    def __init__(self, tap: Tap, world: World, host: Host, address: Address, own_id: int) -> None:
        self.tap = tap
        self.world = world
        self.host = host
        self.address = address
        self.id = own_id
        self.peer_id = 0
        self.number = 2
        """Of the next data packet."""
        self.sealing: Cipher
        self.opening: Cipher
        self._seen = 0

    def inject(self, data: bytes) -> list[bytes]:
        """Sends a datagram; what came back at once."""
        self.new()
        self.world.inject(data, self.address, self.host)
        self.world.run(0)
        return self.new()

    def new(self) -> list[bytes]:
        """The datagrams sent to this peer since the last call."""
        all_of_them = self.tap.sent_to(self.address)
        new = all_of_them[self._seen :]
        self._seen = len(all_of_them)
        return new

    def packet(self, payload: bytes, stats: bytes = b"", spacing_us: int = NO_TIME) -> bytes:
        """A data packet with the next number."""
        number = self.number
        self.number += 1
        header = encode_header(self.peer_id, number, stats, spacing_us)
        return header + self.sealing.seal(number, payload)

    def ask(self, payload: bytes = b"") -> list[bytes]:
        """Sends a packet that must be acknowledged at once; what came back."""
        return self.inject(self.packet(payload, UdpStats(flags=6).SerializeToString()))

    def open(self, data: bytes, number: int) -> bytes:
        """The payload of a data packet of the other side."""
        packet = split_packet(data)
        assert packet[0] == number & 0xFFFF
        assert int.from_bytes(data[1:5], "little") == self.id
        payload = self.opening.open(number, packet[3])
        assert payload is not None
        return payload

    def closed(self, to_id: int, from_id: int, reason: int = 1000, debug: bytes = b"") -> bytes:
        message = ConnectionClosed(reason_code=reason)
        if to_id:
            message.to_connection_id = to_id
        if from_id:
            message.from_connection_id = from_id
        if debug:
            message.debug = debug
        return datagram.encode_control(datagram.CONNECTION_CLOSED, message)

    def no_connection(self, to_id: int, from_id: int) -> bytes:
        message = NoConnection()
        if to_id:
            message.to_connection_id = to_id
        if from_id:
            message.from_connection_id = from_id
        return datagram.encode_control(datagram.NO_CONNECTION, message)


class RawClient(RawPeer):
    """A hand-made client of a simulated server."""

    def __init__(
        self,
        tap: Tap,
        world: World,
        server: Host,
        *,
        address: Address | None = None,
        version: int = PROTOCOL_VERSION,
        own_id: int = 0x1234_5678,
        ciphers: list[int] | None = None,
    ) -> None:
        super().__init__(tap, world, server, address or Address("192.0.2.7", 4000), own_id)
        self.credentials = make_credentials(own_id, ciphers or [CIPHER_AES_256_GCM], version)

    def challenge_request(self, own_id: int | None = None) -> bytes:
        message = ChallengeRequest(connection_id=self.id if own_id is None else own_id, my_timestamp=5)
        return datagram.encode_control(datagram.CHALLENGE_REQUEST, message)

    def get_challenge(self) -> int:
        [data] = self.inject(self.challenge_request())
        reply = parse(data)
        assert isinstance(reply, ChallengeReply)
        assert reply.connection_id == self.id
        return reply.challenge

    def connect_request(self, challenge: int, own_id: int | None = None) -> bytes:
        message = ConnectRequest(
            client_connection_id=self.id if own_id is None else own_id, challenge=challenge, my_timestamp=6
        )
        self.credentials.fill(message)
        return datagram.encode_control(datagram.CONNECT_REQUEST, message)

    def connect(self) -> Connection:
        """The whole handshake; the server's end of the connection."""
        replies = self.inject(self.connect_request(self.get_challenge()))
        if replies:
            self.take_ok(replies[0])
        return self.host.connections[-1]

    def take_ok(self, data: bytes) -> None:
        message = parse(data)
        assert isinstance(message, ConnectOK)
        self.peer_id = message.server_connection_id
        peer = check_peer(
            message.cert,
            PeerCertificate(message.cert),
            message.crypt,
            NetworkingIdentity.ip_address(self.host.address),
            allow_without_auth=2,
            trust=None,
            unix_time_s=0,
            challenge_version=None,
            local_lanes=1,
        )
        assert isinstance(peer, PeerCredentials)
        ciphers = session_ciphers(False, self.credentials, peer, self.id, self.peer_id, peer.ciphers[0])
        assert isinstance(ciphers, tuple)
        self.sealing, self.opening = ciphers


class RawServer(RawPeer):
    """A hand-made server of a simulated client."""

    def __init__(
        self,
        tap: Tap,
        world: World,
        client: Connection,
        *,
        version: int = PROTOCOL_VERSION,
        own_id: int = 0x0BAD_CAFE,
        ciphers: list[int] | None = None,
    ) -> None:
        super().__init__(tap, world, client.host, client.peer_address, own_id)
        self.peer_id = client.core.id
        self.version = version
        self.credentials = make_credentials(own_id, ciphers or [CIPHER_AES_256_GCM], version)
        self.ok = b""

    def challenge_reply(self, client_id: int | None = None, version: int | None = None) -> bytes:
        message = ChallengeReply(
            connection_id=self.peer_id if client_id is None else client_id,
            challenge=77,
            protocol_version=self.version if version is None else version,
        )
        return datagram.encode_control(datagram.CHALLENGE_REPLY, message)

    def connect_ok(self, client_id: int | None = None, own_id: int | None = None) -> bytes:
        message = ConnectOK(
            client_connection_id=self.peer_id if client_id is None else client_id,
            server_connection_id=self.id if own_id is None else own_id,
        )
        self.credentials.fill(message)
        return datagram.encode_control(datagram.CONNECT_OK, message)

    def accept(self) -> None:
        """The whole handshake; afterwards the client is connected."""
        [data] = self.inject(self.challenge_reply())
        request = parse(data)
        assert isinstance(request, ConnectRequest)
        self.take_request(request)
        self.inject(self.connect_ok())

    def take_request(self, request: ConnectRequest) -> None:
        peer = check_peer(
            request.cert,
            PeerCertificate(request.cert),
            request.crypt,
            NetworkingIdentity.ip_address(self.host.address),
            allow_without_auth=2,
            trust=None,
            unix_time_s=0,
            challenge_version=None,
            local_lanes=1,
        )
        assert isinstance(peer, PeerCredentials)
        cipher = self.credentials.ciphers[0]
        ciphers = session_ciphers(True, self.credentials, peer, self.peer_id, self.id, cipher)
        assert isinstance(ciphers, tuple)
        self.sealing, self.opening = ciphers
