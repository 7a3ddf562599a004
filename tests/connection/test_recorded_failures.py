"""Do connections fail to come about as the reference library's did? The recorded cases that need a whole endpoint.

What a single message can get wrong is in test_handshake.py; here it is the order and the addressing of messages, and
silence.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest
from tests.support.recorded import handshake_failures
from tests.support.rig import CLIENT_ADDRESS, SERVER_ADDRESS

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import visible
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM
from gamesockets.crypto.credentials import Credentials, LocalCredentials
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.values.address import SocketAddress
from gamesockets.values.entropy import SeededEntropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.results import Result
from gamesockets.wire.datagram import (
    CHALLENGE_REPLY,
    CHALLENGE_REQUEST,
    CONNECT_OK,
    CONNECT_REQUEST,
    CONNECTION_CLOSED,
    NO_CONNECTION,
    ControlMessage,
    decode_control,
    encode_control,
)
from gamesockets.wire.messages_pb2 import (
    ChallengeReply,
    ChallengeRequest,
    ConnectionClosed,
    ConnectOK,
    ConnectRequest,
    NoConnection,
)

START: Final = 1_000_000
SECOND: Final = 1_000_000
VERSION: Final = 13
THEIR_ID: Final = 0x0BAD_CAFE
OUR_LITERAL_IDS: Final = (5, 9, 0x0005_0000)
"""Ids that stand in the descriptions of cases; all others were random."""

OTHER_ADDRESS: Final = ("127.0.0.1", 3333)


class Stage:
    """Our endpoint, and the independent side that the description of a case tells us to play."""

    def __init__(self, accepts: bool) -> None:
        self.entropy = SeededEntropy(11)
        self.now = START
        anyone = NetworkingIdentity.localhost()
        self.endpoint = Endpoint(
            self.entropy, ConnectionIds(self.entropy), Credentials(anyone), ConnectionOptions(), accepts=accepts
        )
        self.sent: list[tuple[int, ControlMessage, SocketAddress]] = []

    def drain(self) -> None:
        """What our side sends now, which is never a data packet here."""
        for datagrams, path in self.endpoint.datagrams_to_send(self.now):
            for data in datagrams:
                message = decode_control(data)
                assert message is not None
                self.sent.append((self.now, message, path.remote))

    def run_until(self, time_us: int) -> None:
        """Time passes."""
        self.drain()
        while (due := self.endpoint.next_timer()) <= time_us:
            self.now = max(due, self.now)
            self.endpoint.handle_timer(self.now)
            self.drain()
        self.now = time_us

    def say(self, kind: int, message: ControlMessage, address: SocketAddress) -> None:
        """The independent side sends a message, and our side says what it has to say to that."""
        self.endpoint.receive_datagram(encode_control(kind, message), address, self.now)
        self.drain()

    def last(self, kind: type[Any]) -> Any:
        """The last message of a kind that our side sent."""
        return [message for _, message, _ in self.sent if isinstance(message, kind)][-1]

    def replies(self) -> list[ControlMessage]:
        """All messages but those of an attempt to connect that goes on, which the recordings leave out too."""
        expected = (ChallengeRequest, ChallengeReply, ConnectRequest)
        return [message for _, message, _ in self.sent if not isinstance(message, expected)]

    def application_saw(self) -> list[dict[str, Any]]:
        """State changes as the recordings write them."""
        saw = []
        while (event := self.endpoint.next_event()) is not None:
            state = int(visible(event.new_state))
            saw.append({"state": state, "end_reason": event.reason, "end_debug": event.debug})
        return saw

    def credentials(self, identity: str = "") -> LocalCredentials:
        """Good ones for the independent side."""
        who = NetworkingIdentity.parse(identity) if identity else NetworkingIdentity.localhost()
        return LocalCredentials(self.entropy, Credentials(who), [CIPHER_AES_256_GCM])


def with_roles(message: dict[str, Any]) -> dict[str, Any]:
    """Random ids replaced by whose they are: a reply is from the reference library to the independent side."""
    fields = dict(message)
    for name, role in (("from_connection_id", "replying side"), ("to_connection_id", "other side")):
        if name in fields and fields[name] not in OUR_LITERAL_IDS:
            fields[name] = role
    return fields


def fields_of(message: ControlMessage) -> dict[str, Any]:
    """The fields that are set, as the recordings write them."""
    return {field.name: value.decode() if isinstance(value, bytes) else value for field, value in message.ListFields()}


# ---- Our side is the client ----


class ClientStage(Stage):
    """Our client has sent its first ChallengeRequest."""

    def __init__(self) -> None:
        super().__init__(accepts=False)
        connection = self.endpoint.connect(SERVER_ADDRESS, ConnectionOptions(), self.now)
        assert connection is not None
        self.connection: DatagramConnection = connection
        self.drain()
        self.request: ChallengeRequest = self.last(ChallengeRequest)
        assert self.request.connection_id == connection.id

    def challenge_reply(self, version: int) -> None:
        reply = ChallengeReply(
            connection_id=self.connection.id,
            challenge=7,
            your_timestamp=self.request.my_timestamp,
            protocol_version=version,
        )
        self.say(CHALLENGE_REPLY, reply, SERVER_ADDRESS)

    def connect_ok(self, client_id: int, server_id: int, is_signed: bool = True) -> None:
        self.challenge_reply(VERSION)
        assert self.last(ConnectRequest).challenge == 7
        ok = ConnectOK(client_connection_id=client_id, server_connection_id=server_id)
        self.credentials().fill(ok)
        if not is_signed:
            ok.crypt.ClearField("signature")
        self.say(CONNECT_OK, ok, SERVER_ADDRESS)


def old_challenge_reply(stage: ClientStage) -> None:
    stage.challenge_reply(7)


def low_half_zero(stage: ClientStage) -> None:
    stage.connect_ok(stage.connection.id, 0x0005_0000)


def wrong_client_id(stage: ClientStage) -> None:
    stage.connect_ok(stage.connection.id ^ 1, THEIR_ID)


def unsigned(stage: ClientStage) -> None:
    stage.connect_ok(stage.connection.id, THEIR_ID, is_signed=False)


def silence(stage: ClientStage) -> None:
    stage.run_until(START + 10 * SECOND)
    times = [at - START for at, message, _ in stage.sent if isinstance(message, ChallengeRequest)]
    assert times == [half * SECOND // 2 for half in range(20)], "retried each half second (spec 1, 3.2)"


def closed_with_text(stage: ClientStage) -> None:
    closed = ConnectionClosed(to_connection_id=stage.connection.id, reason_code=1234, debug=b"go away")
    stage.say(CONNECTION_CLOSED, closed, SERVER_ADDRESS)


def closed_without_text(stage: ClientStage) -> None:
    stage.say(CONNECTION_CLOSED, ConnectionClosed(to_connection_id=stage.connection.id), SERVER_ADDRESS)


def closed_for_another(stage: ClientStage) -> None:
    stage.say(CONNECTION_CLOSED, ConnectionClosed(from_connection_id=5), SERVER_ADDRESS)


def no_connection(stage: ClientStage) -> None:
    stage.say(NO_CONNECTION, NoConnection(to_connection_id=stage.connection.id), SERVER_ADDRESS)


def no_connection_of_another(stage: ClientStage) -> None:
    wrong = NoConnection(to_connection_id=stage.connection.id, from_connection_id=9)
    stage.say(NO_CONNECTION, wrong, SERVER_ADDRESS)


CLIENT_CASES: Final[dict[str, Callable[[ClientStage], None]]] = {
    "challenge reply version 7": old_challenge_reply,
    "server id low half zero": low_half_zero,
    "wrong client id": wrong_client_id,
    "no crypt signature": unsigned,
    "silent server": silence,
    "closed during connect": closed_with_text,
    "closed during connect, no debug": closed_without_text,
    "closed for somebody else": closed_for_another,
    "no connection during connect": no_connection,
    "no connection, wrong pair": no_connection_of_another,
}


def assert_as_recorded(stage: Stage, case: dict[str, Any]) -> None:
    """Same replies, field by field, and the same state changes; ids are those of the sides they belong to."""
    recorded = case["reference_replied"]
    replies = stage.replies()
    assert [type(reply).__name__ for reply in replies] == [reply["kind"] for reply in recorded]
    for ours, theirs in zip(replies, recorded, strict=True):
        assert with_roles(fields_of(ours)) == with_roles(theirs["fields"])
        datagram = bytes.fromhex(theirs["hex"]).ljust(theirs.get("zero_padded_to", 0), b"\0")
        assert len(datagram) == theirs["length"]
        recorded_message = decode_control(datagram)
        assert recorded_message is not None
        assert fields_of(recorded_message) == theirs["fields"]
    assert stage.application_saw() == case["application_saw"]


@pytest.mark.rule("1, 2.3", "1, 3.6 rule 7", "1, 10 rule 4")
@pytest.mark.parametrize("name", CLIENT_CASES)
def test_as_client(name: str) -> None:
    """Whatever a server does instead of letting us in.

    One of the bad introductions is here too, because a server must learn by its own id that it was refused.
    """
    stage = ClientStage()
    CLIENT_CASES[name](stage)
    assert_as_recorded(stage, handshake_failures("client")[name])
    for reply in stage.replies():
        from_id = fields_of(reply).get("from_connection_id", stage.connection.id)
        assert from_id == stage.connection.id


@pytest.mark.rule("1, 3.6 rule 2")
@pytest.mark.parametrize("name", ["wrong client id", "closed for somebody else", "no connection, wrong pair"])
def test_what_is_ignored_does_not_end_the_attempt(name: str) -> None:
    """Our client retries, and a good answer still gets it connected."""
    stage = ClientStage()
    CLIENT_CASES[name](stage)
    before = len(stage.sent)
    stage.run_until(stage.now + SECOND)
    assert len(stage.sent) > before
    ok = ConnectOK(client_connection_id=stage.connection.id, server_connection_id=THEIR_ID)
    stage.challenge_reply(VERSION)
    stage.credentials().fill(ok)
    stage.say(CONNECT_OK, ok, SERVER_ADDRESS)
    assert [saw["state"] for saw in stage.application_saw()] == [1, 3]


# ---- Our side is the server ----


class ServerStage(Stage):
    """Our server, and clients that behave."""

    def __init__(self) -> None:
        super().__init__(accepts=True)

    def request(self, identity: str, address: SocketAddress) -> None:
        """A client at that address goes through the handshake up to its ConnectRequest."""
        challenge = ChallengeRequest(connection_id=THEIR_ID, my_timestamp=1, protocol_version=VERSION)
        self.say(CHALLENGE_REQUEST, challenge, address)
        reply: ChallengeReply = self.last(ChallengeReply)
        request = ConnectRequest(client_connection_id=THEIR_ID, challenge=reply.challenge, my_timestamp=2)
        self.credentials(identity).fill(request)
        self.say(CONNECT_REQUEST, request, address)


@pytest.mark.rule("1, 3.5 rule 7")
def test_application_never_accepts() -> None:
    """The server gives up after TimeoutInitial and tells the client."""
    stage = ServerStage()
    stage.request("", CLIENT_ADDRESS)
    stage.run_until(START + 10 * SECOND)
    (sent_at,) = [at for at, message, _ in stage.sent if isinstance(message, ConnectionClosed)]
    assert sent_at == START + 10 * SECOND
    assert_as_recorded(stage, handshake_failures("server")["application never accepts"])
    assert stage.last(ConnectionClosed).to_connection_id == THEIR_ID


@pytest.mark.rule("1, 3.5 rule 4")
def test_duplicate_identity_and_id_from_another_port() -> None:
    """The newcomer is told, without an id of ours; the old connection stays."""
    stage = ServerStage()
    stage.request("str:dup", CLIENT_ADDRESS)
    first = stage.endpoint.connections[CLIENT_ADDRESS]
    assert stage.endpoint.accept(first, stage.now) == Result.OK
    stage.drain()
    accepted = [message for message in stage.replies() if isinstance(message, ConnectOK)]
    assert len(accepted) == 1
    stage.sent.clear()
    stage.request("str:dup", OTHER_ADDRESS)
    assert stage.sent[-1][2] == OTHER_ADDRESS
    assert_as_recorded(stage, handshake_failures("server")["duplicate identity and connection id from another port"])
    assert stage.last(ConnectionClosed).to_connection_id == THEIR_ID
    assert list(stage.endpoint.connections) == [CLIENT_ADDRESS]
