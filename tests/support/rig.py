"""How does a test get an established connection without sockets and time, and write the peer's packets by hand?"""

from dataclasses import dataclass
from typing import Final

from benchmarks.simulated.flow import take_for_reference

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State
from gamesockets.crypto.credentials import Credentials
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.results import Result
from gamesockets.wire.numbers import widen
from gamesockets.wire.packet import NO_TIME, encode_header, split_packet

CLIENT_ADDRESS: Final = ("127.0.0.1", 1111)
SERVER_ADDRESS: Final = ("127.0.0.1", 2222)
PLAIN_ONLY: Final = 3
ASK_AT_ONCE: Final = bytes.fromhex("1806")
"""Inline statistics that hold nothing but the request for an immediate ack."""


@dataclass(frozen=True)
class SentPacket:
    """A data packet that our side sent."""

    time_us: int
    number: int
    stats: bytes
    payload: bytes


def pair(options: ConnectionOptions, now: int) -> tuple[Endpoint, DatagramConnection, Endpoint, DatagramConnection]:
    """Client and server with an established connection between them; both have said all they had to say."""
    entropy = SeededEntropy(5)
    ids = ConnectionIds(entropy)
    anyone = NetworkingIdentity.localhost()
    client_end = Endpoint(entropy, ids, Credentials(anyone), options)
    server_end = Endpoint(entropy, ids, Credentials(anyone), options, accepts=True)
    client = client_end.connect(SERVER_ADDRESS, options, now)
    assert client is not None
    server: DatagramConnection | None = None
    while client.state != State.CONNECTED:
        for datagrams, _ in client_end.datagrams_to_send(now):
            server_end.receive_datagrams(datagrams, CLIENT_ADDRESS, now)
        if server is None and CLIENT_ADDRESS in server_end.connections:
            server = server_end.connections[CLIENT_ADDRESS]
            assert server_end.accept(server, now) == Result.OK
        for datagrams, _ in server_end.datagrams_to_send(now):
            client_end.receive_datagrams(datagrams, SERVER_ADDRESS, now)
    assert server is not None
    assert client_end.datagrams_to_send(now) == server_end.datagrams_to_send(now) == []
    return client_end, client, server_end, server


class Rig:
    """Our side, `connection`; the other side is whoever calls `inject`."""

    def __init__(self, options: ConnectionOptions | None = None, is_client: bool = False, now: int = 1_000_000) -> None:
        self.options = options or ConnectionOptions(unencrypted=PLAIN_ONLY)
        assert self.options.unencrypted == PLAIN_ONLY
        client_end, client, server_end, server = pair(self.options, now)
        self.now = now
        self.endpoint, self.connection = (client_end, client) if is_client else (server_end, server)
        take_for_reference(self.connection.traffic)  # so does whoever calls `inject`
        self.peer_address = SERVER_ADDRESS if is_client else CLIENT_ADDRESS
        self.sent: list[SentPacket] = []
        """Data packets since the beginning."""
        self.control: list[bytes] = []
        """Other datagrams since the beginning."""
        self._last_number = 1

    def number_from(self, number: int) -> None:
        """Before anything was sent: as if packets up to `number` - 1 had been sent and settled."""
        assert not self.sent
        self.connection.sender.flight.start_at(number)
        self._last_number = number - 1

    def inject(self, number: int, payload: bytes, stats: bytes = b"") -> None:
        """A data packet of the peer arrives."""
        header = encode_header(self.connection.id, number, stats, NO_TIME)
        self.endpoint.receive_datagram(header + payload, self.peer_address, self.now)

    def drain(self) -> list[SentPacket]:
        """What our side sends now."""
        before = len(self.sent)
        for datagrams, path in self.endpoint.datagrams_to_send(self.now):
            assert path.remote == self.peer_address
            for data in datagrams:
                if not data[0] & 0x80:
                    self.control.append(data)
                    continue
                wire_number, stats, _, payload = split_packet(data)
                assert wire_number >= 0
                assert int.from_bytes(data[1:5], "little") == self.connection.remote_id
                number = widen(wire_number, 16, self._last_number)
                assert number == self._last_number + 1, "packet numbers are consecutive (spec 2, 2.16 rule 1)"
                self._last_number = number
                self.sent.append(SentPacket(self.now, number, stats, payload))
        return self.sent[before:]

    def send(self, data: bytes, flags: int, lane: int = 0) -> int:
        """Our application sends; the packet leaves when it is drained."""
        number = self.connection.send(data, flags, lane, self.now)
        self.endpoint.touch(self.connection)
        return number

    def run_until(self, time_us: int) -> None:
        """Time passes; whatever is due happens at its time."""
        self.drain()
        while (due := self.endpoint.next_timer()) <= time_us:
            self.now = max(due, self.now)
            self.endpoint.handle_timer(self.now)
            self.drain()
        self.now = time_us

    def messages(self) -> list[NetworkingMessage]:
        """Our application reads everything."""
        return self.connection.inbox.take(1 << 30)
