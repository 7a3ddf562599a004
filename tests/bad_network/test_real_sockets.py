"""Does each value of the simulated bad network do its work on real sockets? (spec 3, 4.8)

A plain UDP socket asks a listening server for challenges; each question is one datagram in and its answer one datagram
out, so every value shows by itself. Two tests at the end let whole connections through.
"""

import select
import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from tests.support.pair import Config, Pair, global_values

import gamesockets as gs
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest

V = gs.ConfigurationValue
QUESTION_BYTES = 512


class Questioner:
    """Asks a server of ours for challenges and notes when each answer comes."""

    def __init__(self, server: gs.NetworkingSockets) -> None:
        self.server = server
        listen_socket = server.create_listen_socket(gs.Address("127.0.0.1", 0))
        address = server.get_listen_socket_address(listen_socket)
        assert address is not None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((address.ip, address.port))
        self._asked = 0
        self._asked_at: dict[int, float] = {}

    def close(self) -> None:
        self._socket.close()

    def answer_bytes(self) -> int:
        """The size of an answer."""
        question = ChallengeRequest(connection_id=1, my_timestamp=1, protocol_version=13)
        self._socket.send(datagram.encode_control(datagram.CHALLENGE_REQUEST, question))
        return len(self._socket.recv(2048))

    def ask(self, count: int, quiet_s: float = 0.3, limit_s: float = 10.0) -> dict[int, list[float]]:
        """The delays of the answers to `count` questions in seconds, by question, in order of arrival."""
        for _ in range(count):
            self._asked += 1
            question = ChallengeRequest(connection_id=self._asked, my_timestamp=1, protocol_version=13)
            self._asked_at[self._asked] = time.monotonic()
            self._socket.send(datagram.encode_control(datagram.CHALLENGE_REQUEST, question))
        delays: dict[int, list[float]] = defaultdict(list)
        end = time.monotonic() + limit_s
        while time.monotonic() < end and select.select([self._socket], [], [], quiet_s)[0]:
            answer = datagram.decode_control(self._socket.recv(2048))
            assert isinstance(answer, ChallengeReply)
            delays[answer.connection_id].append(time.monotonic() - self._asked_at[answer.connection_id])
        return delays


@pytest.fixture
def questioner() -> Iterator[Questioner]:
    with gs.NetworkingSockets() as server:
        questioner = Questioner(server)
        yield questioner
        questioner.close()


def under(questioner: Questioner, config: Config) -> AbstractContextManager[None]:
    """The network is as bad as `config` says."""
    return global_values(questioner.server, config)


def test_a_perfect_network_answers_each_question_once(questioner: Questioner) -> None:
    answers = questioner.ask(50)
    assert sorted(map(len, answers.values())) == [1] * 50


@pytest.mark.parametrize("value", [V.FAKE_PACKET_LOSS_SEND, V.FAKE_PACKET_LOSS_RECV])
def test_loss(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 100}):
        assert not questioner.ask(20)
    with under(questioner, {value: 50}):
        assert 20 < len(questioner.ask(100)) < 80
    assert len(questioner.ask(20)) == 20


@pytest.mark.parametrize("value", [V.FAKE_PACKET_LAG_SEND, V.FAKE_PACKET_LAG_RECV])
def test_lag(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 150}):
        answers = questioner.ask(20)
    assert len(answers) == 20
    assert min(delay for delays in answers.values() for delay in delays) >= 0.15
    assert list(answers) == sorted(answers)


@pytest.mark.parametrize(
    ("average", "longest", "share"),
    [
        (V.FAKE_PACKET_JITTER_SEND_AVG, V.FAKE_PACKET_JITTER_SEND_MAX, V.FAKE_PACKET_JITTER_SEND_PCT),
        (V.FAKE_PACKET_JITTER_RECV_AVG, V.FAKE_PACKET_JITTER_RECV_MAX, V.FAKE_PACKET_JITTER_RECV_PCT),
    ],
    ids=["send", "receive"],
)
def test_jitter(
    average: gs.ConfigurationValue,
    longest: gs.ConfigurationValue,
    share: gs.ConfigurationValue,
    questioner: Questioner,
) -> None:
    """Delays differ, and yet no packet overtakes another; the longest delay and the share limit them."""
    with under(questioner, {average: 100, longest: 400, share: 100}):
        answers = questioner.ask(30, quiet_s=0.6)
        assert len(answers) == 30
        assert list(answers) == sorted(answers)
        assert max(delay for delays in answers.values() for delay in delays) > 0.05
    for harmless in ({longest: 10, share: 100}, {longest: 5000, share: 0}, {longest: 0, share: 100}):
        with under(questioner, {average: 2000, **harmless}):
            answers = questioner.ask(30)
            assert len(answers) == 30
            assert max(delay for delays in answers.values() for delay in delays) < 1


@pytest.mark.parametrize("value", [V.FAKE_PACKET_REORDER_SEND, V.FAKE_PACKET_REORDER_RECV])
def test_reordering(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 40, V.FAKE_PACKET_REORDER_TIME: 150}):
        answers = questioner.ask(40)
    assert len(answers) == 40
    assert list(answers) != sorted(answers)
    overtaken = [delays[0] for delays in answers.values() if delays[0] >= 0.15]
    assert 4 <= len(overtaken) < 40
    with under(questioner, {value: 40, V.FAKE_PACKET_REORDER_TIME: 0}):
        answers = questioner.ask(40)
    assert list(answers) == sorted(answers)


@pytest.mark.parametrize("value", [V.FAKE_PACKET_DUP_SEND, V.FAKE_PACKET_DUP_RECV])
def test_duplication(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 100, V.FAKE_PACKET_DUP_TIME_MAX: 0}):
        answers = questioner.ask(20)
        assert sorted(map(len, answers.values())) == [2] * 20
    with under(questioner, {value: 100, V.FAKE_PACKET_DUP_TIME_MAX: 300}):
        answers = questioner.ask(30, quiet_s=0.6)
        assert sorted(map(len, answers.values())) == [2] * 30
        assert max(last - first for first, last in answers.values()) > 0.05
    with under(questioner, {value: 50}):
        assert 20 < sum(len(delays) - 1 for delays in questioner.ask(100).values()) < 80


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        (V.FAKE_RATE_LIMIT_SEND_RATE, V.FAKE_RATE_LIMIT_SEND_BURST),
        (V.FAKE_RATE_LIMIT_RECV_RATE, V.FAKE_RATE_LIMIT_RECV_BURST),
    ],
    ids=["send", "receive"],
)
def test_rate_limit(rate: gs.ConfigurationValue, burst: gs.ConfigurationValue, questioner: Questioner) -> None:
    """The bucket is full at first, may be overdrawn by one packet, and fills with time; what is too much is dropped."""
    size = questioner.answer_bytes() if rate == V.FAKE_RATE_LIMIT_SEND_RATE else QUESTION_BYTES
    with under(questioner, {burst: 10 * size, rate: 2 * size}):
        assert 10 <= len(questioner.ask(50, quiet_s=0.1)) <= 12
        time.sleep(1.0)
        assert 1 <= len(questioner.ask(50, quiet_s=0.1)) <= 10
    with under(questioner, {burst: 0, rate: 1_000_000}):
        assert not questioner.ask(10)
    with under(questioner, {burst: 0}):
        assert len(questioner.ask(10)) == 10


@pytest.mark.parametrize(
    ("rate", "burst"),
    [
        (V.FAKE_RATE_LIMIT_SEND_RATE, V.FAKE_RATE_LIMIT_SEND_BURST),
        (V.FAKE_RATE_LIMIT_RECV_RATE, V.FAKE_RATE_LIMIT_RECV_BURST),
    ],
    ids=["send", "receive"],
)
def test_the_rate_limit_is_that_of_the_whole_process(
    rate: gs.ConfigurationValue, burst: gs.ConfigurationValue, questioner: Questioner
) -> None:
    size = questioner.answer_bytes() if rate == V.FAKE_RATE_LIMIT_SEND_RATE else QUESTION_BYTES
    with under(questioner, {burst: 10 * size, rate: 1}), gs.NetworkingSockets() as other_server:
        other = Questioner(other_server)
        answered = len(questioner.ask(6, quiet_s=0.1)) + len(other.ask(20, quiet_s=0.1))
        other.close()
        assert 10 <= answered <= 11


def test_what_is_on_its_way_when_the_network_heals_still_arrives(questioner: Questioner) -> None:
    with under(questioner, {V.FAKE_PACKET_LAG_RECV: 400}):
        assert not questioner.ask(5, quiet_s=0.05)
    answers = questioner.ask(5, quiet_s=0.8)
    assert len(answers) == 10


def test_every_living_object_of_the_process_is_affected() -> None:
    """Also those made before, and those made after; handshakes too."""
    pair = Pair()
    try:
        with gs.NetworkingSockets() as third, global_values(third, {V.FAKE_PACKET_LOSS_SEND: 100}):
            assert pair.send(b"lost") == gs.Result.OK
            late = gs.NetworkingSockets()
            connection = late.connect(pair.address)
            time.sleep(0.3)
            assert not pair.server.receive_messages_on_connection(pair.far)
            assert pair.is_in(late, connection, gs.ConnectionState.CONNECTING)
            late.close()
        assert pair.receive(1) == [b"lost"]
    finally:
        pair.close()


def test_reliable_messages_survive_everything_at_once() -> None:
    pair = Pair()
    awful = {
        V.FAKE_PACKET_LOSS_SEND: 10,
        V.FAKE_PACKET_LOSS_RECV: 10,
        V.FAKE_PACKET_LAG_SEND: 10,
        V.FAKE_PACKET_LAG_RECV: 10,
        V.FAKE_PACKET_JITTER_SEND_AVG: 5,
        V.FAKE_PACKET_JITTER_RECV_AVG: 5,
        V.FAKE_PACKET_REORDER_SEND: 10,
        V.FAKE_PACKET_REORDER_RECV: 10,
        V.FAKE_PACKET_DUP_SEND: 10,
        V.FAKE_PACKET_DUP_RECV: 10,
        V.FAKE_RATE_LIMIT_SEND_RATE: 500_000,
        V.FAKE_RATE_LIMIT_RECV_RATE: 500_000,
    }
    wanted = [number.to_bytes(2, "big") * 100 for number in range(300)]
    try:
        with global_values(pair.client, awful):
            for data in wanted:
                assert pair.send(data) == gs.Result.OK
            assert pair.receive(len(wanted), timeout_s=60) == wanted
    finally:
        pair.close()


@pytest.mark.parametrize("value", [V.FAKE_MESSAGE_LOSS_SEND, V.FAKE_MESSAGE_LOSS_RECV])
def test_message_loss_takes_unreliable_messages_alone(value: gs.ConfigurationValue) -> None:
    pair = Pair()
    try:
        with global_values(pair.server, {value: 100}):
            for _ in range(20):
                assert pair.send(b"unreliable", gs.SendFlags.UNRELIABLE_NO_NAGLE) == gs.Result.OK
            assert pair.send(b"reliable") == gs.Result.OK
            assert pair.receive(1) == [b"reliable"]
        assert pair.send(b"unreliable", gs.SendFlags.UNRELIABLE_NO_NAGLE) == gs.Result.OK
        assert pair.receive(1) == [b"unreliable"]
    finally:
        pair.close()
