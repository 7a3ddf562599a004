"""What may strangers do to a server, and the network to a handshake, with any messages in any order?

Two clients of ours ask a server of ours. The test is the network: it delivers what was sent whenever it likes, to whom
it likes, twice, altered, with parts of other messages in it, or not at all. What the network does not touch must work,
and nobody is sent more than he has sent before he has proven that he receives.
"""

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import DecodeError
from tests.fuzz.choices import Choices

from gamesockets.config.limits import Limits
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State
from gamesockets.crypto.credentials import Credentials
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.values.address import SocketAddress
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.enums import SendFlags
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ConnectOK, ConnectRequest

SERVER: Final[SocketAddress] = ("192.0.2.1", 1)
CLIENTS: Final[tuple[SocketAddress, ...]] = (("192.0.2.2", 2), ("192.0.2.3", 3))
STRANGER: Final[SocketAddress] = ("192.0.2.4", 4)
SOURCES: Final = (*CLIENTS, STRANGER, SERVER)
KEPT: Final = 60
"""Datagrams that the network remembers."""
RELIABLE: Final = int(SendFlags.RELIABLE)
HELLO: Final = b"from one end to the other"


class Handshakes:
    """A server, two clients and the network between them."""

    def __init__(self, unencrypted: int = 0, is_strict: bool = False) -> None:
        entropy = SeededEntropy(11)
        ids = ConnectionIds(entropy)
        self.now = 1_000_000
        self.options = ConnectionOptions(unencrypted=unencrypted, allow_without_auth=0 if is_strict else 2)
        named = [Credentials(NetworkingIdentity.parse(text)) for text in ("str:server", "str:one")]
        self.server = Endpoint(entropy, ids, named[0], self.options, accepts=True)
        self.server.set_limits(Limits())
        self.ends: dict[SocketAddress, Endpoint] = {
            SERVER: self.server,
            CLIENTS[0]: Endpoint(entropy, ids, named[1], self.options),
            CLIENTS[1]: Endpoint(entropy, ids, Credentials(None), self.options),
        }
        self.clients: dict[SocketAddress, DatagramConnection] = {}
        self.seen: list[tuple[SocketAddress, SocketAddress, bytes]] = []
        """From whom, to whom, and what; the newest last."""
        self.asked_bytes: dict[SocketAddress, int] = dict.fromkeys(SOURCES, 0)
        self.proven: set[SocketAddress] = set()
        """Addresses that once had a connection at the server."""
        self.accepted: set[int] = set()
        self._keys: dict[SocketAddress, set[bytes]] = {address: set() for address in SOURCES}
        """What each end sent to agree on keys."""
        self.is_spoiled = False
        """Somebody put other keys into a message. Without certificates that is not seen, and both ends stay deaf."""

    # ------------------------------------------------------------------ steps

    def connect(self, index: int) -> None:
        """A client begins, once."""
        address = CLIENTS[index % len(CLIENTS)]
        if address not in self.clients:
            connection = self.ends[address].connect(SERVER, self.options, self.now)
            assert connection is not None
            self.clients[address] = connection
        self.drain()

    def deliver(self, index: int, to: int = -1, source: int = -1) -> None:
        """A datagram that was sent before arrives, where it belongs or elsewhere."""
        if self.seen:
            origin, target, data = self.seen[-1 - index % len(self.seen)]
            self.arrive(
                data,
                origin if source < 0 else SOURCES[source % len(SOURCES)],
                target if to < 0 else (SERVER, *CLIENTS)[to % 3],
            )

    def arrive(self, data: bytes, source: SocketAddress, target: SocketAddress) -> None:
        """Any datagram."""
        if source == target or target not in self.ends:
            return
        if target == SERVER:
            self.asked_bytes[source] += len(data)
        message = datagram.decode_control(data)
        if isinstance(message, ConnectRequest | ConnectOK) and _keys_of(message) not in self._keys[source]:
            self.is_spoiled = True
        self.ends[target].receive_datagram(data, source, self.now)
        self.drain()

    def decide(self, accept: bool, index: int) -> None:
        """The server's application accepts a connection that waits, or closes one."""
        waiting = [c for c in self.server.connections.values() if c.state == State.CONNECTING]
        everything = list(self.server.connections.values())
        if accept and waiting:
            connection = waiting[index % len(waiting)]
            self.server.accept(connection, self.now)
            self.accepted.add(connection.id)
        elif not accept and everything:
            self.server.close(everything[index % len(everything)], 1001, "no", False, self.now)
        self.drain()

    def wait(self, time_us: int) -> None:
        """Time passes."""
        until = self.now + time_us
        fired = 0
        while (due := min(end.next_timer() for end in self.ends.values())) <= until:
            self.now = max(self.now, due)
            for end in self.ends.values():
                end.handle_timer(self.now)
            self.drain()
            fired += 1
            assert fired <= 1000 + time_us // 1000, "a timer that fires in vain"
        self.now = until

    # ------------------------------------------------------------------ what must hold

    def drain(self) -> None:
        """Everybody sends what is due."""
        self.proven |= {address for address in SOURCES if address in self.server.connections}
        for origin, end in self.ends.items():
            for datagrams, path in end.datagrams_to_send(self.now):
                for data in datagrams:
                    assert len(data) <= 1300
                    self.seen.append((origin, path.remote, data))
                    message = datagram.decode_control(data)
                    if isinstance(message, ConnectRequest | ConnectOK):
                        self._keys[origin].add(_keys_of(message))
                    if end is self.server and path.remote not in self.proven:
                        self.asked_bytes[path.remote] -= len(data)
                        assert self.asked_bytes[path.remote] >= 0, "more than was asked for"
        del self.seen[:-KEPT]
        self.check()

    def check(self) -> None:
        """Everything that holds between two steps."""
        connections = self.server.connections
        assert set(connections) <= set(SOURCES)
        assert len(self.server._by_id) == len(connections)
        for connection in connections.values():
            assert connection.state != State.NONE
            assert not connection.data_flows or connection.id in self.accepted, "nobody has accepted it"
        ids = {connection.id for connection in connections.values()}
        for client in self.clients.values():
            if client.state == State.CONNECTED and client.remote_id in ids:
                [theirs] = [each for each in connections.values() if each.id == client.remote_id]
                assert theirs.remote_id == client.id
            if client.state == State.PROBLEM_DETECTED_LOCALLY:
                assert client.end_reason
                assert client.end_debug

    def finish(self) -> None:
        """From now on the network is perfect: who is connected at both ends understands the other."""
        if self.is_spoiled:
            return
        for client_address, client in self.clients.items():
            theirs = self.server.connections.get(client_address)
            if theirs is None or not client.data_flows or not theirs.data_flows or theirs.id != client.remote_id:
                continue
            assert client.send(HELLO, RELIABLE, 0, self.now) > 0
            self.ends[client_address].touch(client)
            found: list[bytes] = []
            for _ in range(40):
                self.drain()
                for source, target, data in list(self.seen):
                    if {source, target} == {client_address, SERVER}:
                        self.ends[target].receive_datagram(data, source, self.now)
                self.seen.clear()
                found += [message.data for message in theirs.inbox.take(1000) if message.peer is theirs.peer]
                if HELLO in found or not _both_flow(client, theirs):
                    break
                self.wait(100_000)
            assert HELLO in found or not _both_flow(client, theirs), "both connected, and deaf"


def _both_flow(one: DatagramConnection, two: DatagramConnection) -> bool:
    return one.data_flows and two.data_flows


def _keys_of(message: ConnectRequest | ConnectOK) -> bytes:
    """All that the keys of a connection are made of (spec 1, 4.2)."""
    return message.cert.cert + message.crypt.info


# ---------------------------------------------------------------------- from bytes


def altered(choices: Choices, data: bytes, other: bytes) -> bytes:
    """A datagram with other bytes in it, or a control message with other fields, or with fields of another one."""
    kind = choices.byte()
    message = datagram.decode_control(data) if kind >= 0x60 else None
    if message is None:
        place = choices.below(len(data) + 1)
        if kind & 1:
            return data[:place] + choices.take(4) + data[place + 4 :]
        return data[:place] + choices.take(2) + other[place:]
    donor = datagram.decode_control(other)
    fields: list[Any] = list(message.DESCRIPTOR.fields)
    for _ in range(1 + kind % 3):
        field = choices.pick(fields)
        name = field.name
        match choices.byte() % 4:
            case 0:
                message.ClearField(name)
            case 1 if donor is not None and type(donor) is type(message) and donor.HasField(name):
                if field.message_type is None:
                    setattr(message, name, getattr(donor, name))
                else:
                    getattr(message, name).CopyFrom(getattr(donor, name))
            case _ if field.message_type is None:
                if field.type == field.TYPE_BYTES:
                    setattr(message, name, choices.take(choices.below(20)))
                else:
                    width = 64 if field.type == field.TYPE_FIXED64 else 32
                    near = int(getattr(message, name))
                    setattr(message, name, choices.number(near) & ((1 << width) - 1))
            case _:
                inner = getattr(message, name)
                blob = inner.SerializeToString()
                place = choices.below(len(blob) + 1)
                try:
                    inner.ParseFromString(blob[:place] + choices.take(3) + blob[place + 3 :])
                except DecodeError:
                    inner.Clear()
    try:
        return datagram.encode_control(data[0], message)
    except ValueError:
        return data


def step(choices: Choices, play: Handshakes) -> None:
    """One thing that the network, a client or the server's application does."""
    kind = choices.byte()
    if kind < 0x18:
        play.connect(choices.byte())
    elif kind < 0x70:
        play.deliver(kind & 3 if kind & 4 else choices.byte())
    elif kind < 0x88:
        play.deliver(choices.byte(), choices.byte() % 3, choices.byte() % 4)
    elif kind < 0xB8:
        if play.seen:
            source, target, data = play.seen[-1 - choices.byte() % len(play.seen)]
            other = play.seen[-1 - choices.byte() % len(play.seen)][2]
            play.arrive(altered(choices, data, other), source, target)
    elif kind < 0xC0:
        play.arrive(choices.take(choices.below(600)), choices.pick(SOURCES), SERVER)
    elif kind < 0xE0:
        play.decide(kind < 0xDA, choices.byte())
    else:
        play.wait(choices.pick((1, 1000, 100_000, 500_000, 2_000_000, 11_000_000)))


def handshakes(data: bytes) -> None:
    """A server, two clients, and a network that does what it likes (spec 1, 3)."""
    choices = Choices(data)
    first = choices.byte()
    play = Handshakes(choices.pick((0, 0, 1, 2, 3)), first & 7 == 7)
    while not choices.is_over():
        step(choices, play)
    play.finish()
    for connection in list(play.server.connections.values()):
        play.server.close(connection, 1000, "", False, play.now)
    play.wait(30_000_000)
    assert not play.server.connections, "a connection that nobody has"
    assert play.server.memory.granted_bytes == 0


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"handshakes": handshakes}
