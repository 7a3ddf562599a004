"""Can somebody who sits on the path and alters what passes stand in for a peer with a certificate?

The man in the middle sees, changes, swaps, repeats, delays and drops every datagram of both sides. He has a key and a
certificate of his own, of the very authority that both sides trust.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Final

import pytest

import gamesockets as gs
from gamesockets import pki, sim
from gamesockets.crypto.exchange import ExchangeKey
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned, ConnectOK, ConnectRequest, CryptInfo

CREATED_S: Final = 1_767_225_600
PROVEN: Final = {gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0, gs.ConfigurationValue.TIMEOUT_INITIAL: 3000}
ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))
RELIABLE: Final = gs.SendFlags.RELIABLE
Message = ConnectRequest | ConnectOK
Alter = Callable[["Attacker", Message], None]


def name(text: str) -> gs.NetworkingIdentity:
    return gs.NetworkingIdentity.generic_string(text)


def certified(text: str, seed: int) -> pki.Credentials:
    key = pki.SigningKey(bytes([seed]) * 32)
    return pki.Credentials.certified(ROOT.issue(key.public, name(text), days=1, created_s=CREATED_S), key)


SERVER: Final = certified("server", 1)
ALICE: Final = certified("alice", 2)
MALLORY: Final = certified("mallory", 3)


class Attacker:
    """Alters handshake messages in the way it is told, and plays with the order of all datagrams."""

    def __init__(self, alter: Alter, random: Random | None = None, share: float = 1.0) -> None:
        self._alter = alter
        self._random = random
        self._share = share
        self._held: list[bytes] = []
        self.exchange = ExchangeKey(b"m" * 32)
        self.altered = 0

    def __call__(self, passage: sim.Passage) -> Iterable[bytes]:
        data = passage.data
        message = datagram.decode_control(data)
        if isinstance(message, (ConnectRequest, ConnectOK)) and (
            self._random is None or self._random.random() < self._share
        ):
            self._alter(self, message)
            kind = datagram.CONNECT_REQUEST if isinstance(message, ConnectRequest) else datagram.CONNECT_OK
            data = datagram.encode_control(kind, message)
            self.altered += 1
        return [data] if self._random is None else self._play(self._random, data)

    def _play(self, random: Random, data: bytes) -> list[bytes]:
        """Drops some, repeats some, holds some back for later."""
        self._held.append(data)
        random.shuffle(self._held)
        return [
            self._held[index] if random.random() < 0.3 else self._held.pop(index)
            for index in reversed(range(len(self._held)))
            if random.random() < 0.6
        ]


def his_exchange_key(attacker: Attacker, message: Message) -> CryptInfo:
    info = CryptInfo.FromString(message.crypt.info)
    info.key_data = attacker.exchange.public
    message.crypt.info = info.SerializeToString()
    return info


def swap_key(attacker: Attacker, message: Message) -> None:
    """Another exchange key under the old signature."""
    his_exchange_key(attacker, message)


def swap_and_sign(attacker: Attacker, message: Message) -> None:
    """Another exchange key, which he signs, beside the certificate of the victim."""
    his_exchange_key(attacker, message)
    assert MALLORY.key is not None
    message.crypt.signature = MALLORY.key.sign(message.crypt.info)


def be_mallory(attacker: Attacker, message: Message) -> None:
    """His own certificate and everything that belongs to it: the same as a server of his own."""
    swap_and_sign(attacker, message)
    proof = MALLORY.proof(CREATED_S)
    assert proof is not None
    message.cert.CopyFrom(proof)


def be_mallory_by_name(attacker: Attacker, message: Message) -> None:
    """The same, and the message says that he is the victim."""
    be_mallory(attacker, message)
    message.identity_string = b"str:server" if isinstance(message, ConnectOK) else b"str:alice"


def claim(attacker: Attacker, message: Message) -> None:
    """An unsigned certificate with the victim's name and his own key."""
    be_mallory(attacker, message)
    who = "server" if isinstance(message, ConnectOK) else "alice"
    content = Certificate.FromString(message.cert.cert)
    content.identity_string = f"str:{who}".encode()
    message.cert.CopyFrom(CertificateSigned(cert=content.SerializeToString()))


def strip(attacker: Attacker, message: Message) -> None:
    """No signature of the authority: perhaps unsigned is fine."""
    swap_and_sign(attacker, message)
    message.cert.ClearField("ca_signature")
    message.cert.ClearField("ca_key_id")


def forge_identity(attacker: Attacker, message: Message) -> None:
    """His certificate with the name changed, under the old signature of the authority."""
    be_mallory(attacker, message)
    who = b"str:server!" if isinstance(message, ConnectOK) else b"str:alice!!"
    message.cert.cert = message.cert.cert.replace(b"str:mallory", who)


ALTERATIONS: Final = [swap_key, swap_and_sign, be_mallory, be_mallory_by_name, claim, strip, forge_identity]


def meeting(seed: int, attacker: Attacker | None) -> tuple[sim.World, sim.Host, sim.Connection]:
    world = sim.World(seed, sim.Conditions(latency=0.02))
    server = world.listen(credentials=SERVER, trust=ROOT.trust(), config=PROVEN)
    host = world.host(credentials=ALICE, trust=ROOT.trust(), config=PROVEN)
    world.intercept = attacker
    client = world.connect(server, host=host, expected_identity=name("server"))
    return world, server, client


def test_without_him_they_meet() -> None:
    world, server, client = meeting(1, None)
    assert world.run_until(lambda: client.is_connected)
    world.run(0.1)
    for connection, who in ((client, "str:server"), (server.connections[0], "str:alice")):
        info = connection.info()
        assert str(info.identity) == who
        assert not info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED
        assert info.certificate is not None
        assert info.certificate.app_ids == (0,)


@pytest.mark.parametrize("alter", ALTERATIONS)
@pytest.mark.parametrize("victim", ["client", "server", "both"])
def test_what_he_alters_convinces_nobody(alter: Alter, victim: str) -> None:
    def only(attacker: Attacker, message: Message) -> None:
        is_answer = isinstance(message, ConnectOK)
        if victim == "both" or is_answer == (victim == "client"):
            alter(attacker, message)

    attacker = Attacker(only)
    world, server, client = meeting(2, attacker)
    client.send(b"secret", RELIABLE)
    states: set[gs.ConnectionState] = set()
    while world.now < 5:
        world.run(0.05)
        states.add(client.state)
    assert attacker.altered
    if victim != "server":  # a client that got the genuine answer waits for data that nobody can send it
        assert gs.ConnectionState.CONNECTED not in states
    if victim == "client":
        assert client.end_reason in {gs.EndReason.REMOTE_BAD_CRYPT, gs.EndReason.REMOTE_BAD_CERT}
    for connection in server.connections:
        assert connection.receive() == []
        if victim != "client":
            assert str(connection.info().identity) == "str:mallory", "nobody becomes alice but alice"
    assert client.receive() == []


@pytest.mark.parametrize("alter", ALTERATIONS)
@pytest.mark.parametrize("seed", range(12))
def test_in_no_order_of_packets(alter: Alter, seed: int) -> None:
    """Where he lets some through, a connection may come up, and then it is the genuine one."""
    world, server, client = meeting(seed, Attacker(alter, Random(seed), share=0.5))
    client.send(b"secret", RELIABLE)
    world.run(4)
    received = [message for connection in server.connections for message in connection.receive()]
    for message in received:
        assert str(message.identity) == "str:alice"
        assert message.data == b"secret"
    assert len(received) <= 1
    if client.is_connected:
        info = client.info()
        assert str(info.identity) == "str:server"
        assert info.certificate is not None
        assert SERVER.key is not None
        assert info.certificate.public_key == SERVER.key.public


def test_who_does_not_say_whom_it_expects_may_meet_another_player() -> None:
    """Why clients pin the server: his certificate is a good one, of the same authority."""
    world = sim.World(3)
    false_server = world.listen(credentials=MALLORY, trust=ROOT.trust(), config=PROVEN)
    host = world.host(credentials=ALICE, trust=ROOT.trust(), config=PROVEN)
    anyone = world.connect(false_server, host=host)
    assert world.run_until(lambda: anyone.is_connected)
    assert str(anyone.info().identity) == "str:mallory"
    other = world.host(credentials=ALICE, trust=ROOT.trust(), config=PROVEN)
    pinned = world.connect(false_server, host=other, expected_identity=name("server"))
    world.run(1)
    assert pinned.end_reason == gs.EndReason.REMOTE_BAD_CERT
    assert pinned.end_debug == "Peer is str:mallory, expected was str:server"
    [told] = [x for x in false_server.connections if x.end_reason == gs.EndReason.REMOTE_BAD_CERT]
    assert "expected was str:server" in told.end_debug, "the other side hears why"


def test_who_expects_an_identity_wants_it_proven_whatever_is_allowed() -> None:
    world = sim.World(4)
    claiming = world.listen(identity=name("server"))
    trusting = world.host(trust=ROOT.trust())
    pinned = world.connect(claiming, host=trusting, expected_identity=name("server"))
    world.run(1)
    assert (pinned.end_reason, pinned.end_debug) == (4003, "Unsigned certs are not allowed")
    without_trust = world.connect(claiming, expected_identity=name("server"))
    assert world.run_until(lambda: without_trust.is_connected), "where nobody is trusted, a claim has to do"
    other = world.connect(claiming, expected_identity=name("lobby"))
    world.run(1)
    assert other.end_reason == gs.EndReason.REMOTE_BAD_CERT


def test_another_key_than_the_known_one() -> None:
    world = sim.World(5)
    server = world.listen(credentials=pki.Credentials(None, pki.SigningKey(b"s" * 32)))
    known = world.connect(server, expected_key=pki.SigningKey(b"s" * 32).public)
    other = world.connect(server, expected_key=pki.SigningKey(b"t" * 32).public)
    world.run(1)
    assert known.is_connected
    assert other.end_reason == gs.EndReason.REMOTE_BAD_CERT
    assert "The peer's key has changed" in other.end_debug


def test_certificates_expire_while_the_world_runs() -> None:
    """Connections stay; who comes later is refused, until the certificate is renewed."""
    key = pki.SigningKey(b"a" * 32)
    short = ROOT.issue(key.public, name("alice"), days=60 / 86_400, created_s=CREATED_S)
    credentials = pki.Credentials.certified(short, key)
    world = sim.World(6)
    start_s = int(world.now)
    server = world.listen(credentials=SERVER, trust=ROOT.trust(), config=PROVEN)
    host = world.host(credentials=credentials, trust=ROOT.trust(), config=PROVEN)
    first = world.connect(server, host=host)
    assert world.run_until(lambda: first.is_connected)
    world.run(70)
    assert first.is_connected
    second_host = world.host(credentials=credentials, trust=ROOT.trust(), config=PROVEN)
    late = world.connect(server, host=second_host)
    world.run(1)
    assert (late.end_reason, late.end_debug) == (5002, "Our own certificate has expired: renew it")
    credentials.renew(ROOT.issue(key.public, name("alice"), days=1, created_s=CREATED_S + start_s))
    renewed = world.connect(server, host=world.host(credentials=credentials, trust=ROOT.trust(), config=PROVEN))
    assert world.run_until(lambda: renewed.is_connected)
    assert first.is_connected
