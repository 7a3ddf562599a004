"""Does each value of the simulated bad network do its work on real sockets? (spec 3, 4.8)

A plain UDP socket asks a listening server for challenges; each question is one datagram in and its answer one datagram
out, so every value shows by itself. Two tests at the end let whole connections through.
"""

import socket
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

import pytest
from tests.support.pairs import LOCALHOST, Config, Pair, Side, global_values, settle
from tests.support.waiting import DEADLINE_S

import gamesockets as gs
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ChallengeReply, ChallengeRequest

V = gs.ConfigurationValue
QUESTION_BYTES = 512
CLOCK_STEP_S = 0.001
"""Two readings of the clock may differ by so much from the time between them."""


class Questioner:
    """Asks a server of ours for challenges and notes when each answer comes."""

    def __init__(self, server: gs.NetworkingSockets) -> None:
        self.server = server
        address = server.get_listen_socket_address(server.create_listen_socket(LOCALHOST))
        assert address is not None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(DEADLINE_S)
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

    def ask(self, count: int) -> range:
        """That many questions, which the server has read; their numbers.

        It serves nothing meanwhile: what comes while it is at work would count as having come when it began.
        """
        numbers = range(self._asked + 1, self._asked + 1 + count)
        with self.server._node.lock:
            for number in numbers:
                question = ChallengeRequest(connection_id=number, my_timestamp=1, protocol_version=13)
                self._asked_at[number] = time.monotonic()
                self._socket.send(datagram.encode_control(datagram.CHALLENGE_REQUEST, question))
        self._asked += count
        settle(self.server)
        return numbers

    def take(self, count: int) -> dict[int, list[float]]:
        """The next `count` answers in order of arrival: their delays in seconds, by question."""
        delays: dict[int, list[float]] = defaultdict(list)
        for _ in range(count):
            self._take_one(delays)
        return delays

    def rest(self) -> dict[int, list[float]]:
        """All answers that are still to come, on a network that is perfect again and on which none is delayed."""
        [last] = self.ask(1)
        delays: dict[int, list[float]] = defaultdict(list)
        while last not in delays:
            self._take_one(delays)
        assert len(delays.pop(last)) == 1
        return delays

    def _take_one(self, delays: dict[int, list[float]]) -> None:
        answer = datagram.decode_control(self._socket.recv(2048))
        assert isinstance(answer, ChallengeReply)
        delays[answer.connection_id].append(time.monotonic() - self._asked_at[answer.connection_id])


@pytest.fixture
def questioner() -> Iterator[Questioner]:
    with gs.NetworkingSockets() as server, closing(Questioner(server)) as questioner:
        yield questioner


@pytest.fixture
def pair() -> Iterator[Pair]:
    with Pair() as pair:
        yield pair


def under(questioner: Questioner, config: Config) -> AbstractContextManager[None]:
    """The network is as bad as `config` says."""
    return global_values(questioner.server, config)


def all_delays(answers: dict[int, list[float]]) -> list[float]:
    return [delay for delays in answers.values() for delay in delays]


def test_a_perfect_network_answers_each_question_once(questioner: Questioner) -> None:
    asked = questioner.ask(50)
    answers = questioner.rest()
    assert list(answers) == list(asked)
    assert len(all_delays(answers)) == 50


@pytest.mark.parametrize("value", [V.FAKE_PACKET_LOSS_SEND, V.FAKE_PACKET_LOSS_RECV])
def test_loss(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 100}):
        questioner.ask(20)
    assert not questioner.rest()
    with under(questioner, {value: 50}):
        questioner.ask(100)
    assert 20 < len(questioner.rest()) < 80
    questioner.ask(20)
    assert len(questioner.rest()) == 20


@pytest.mark.parametrize("value", [V.FAKE_PACKET_LAG_SEND, V.FAKE_PACKET_LAG_RECV])
def test_lag(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 150}):
        asked = questioner.ask(20)
        answers = questioner.take(20)
    assert list(answers) == list(asked)
    assert min(all_delays(answers)) >= 0.15 - CLOCK_STEP_S
    assert not questioner.rest()


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
        asked = questioner.ask(30)
        answers = questioner.take(30)
        assert list(answers) == list(asked)
        assert max(all_delays(answers)) > 0.05
    for harmless in ({longest: 10, share: 100}, {longest: 5000, share: 0}, {longest: 0, share: 100}):
        with under(questioner, {average: 2000, **harmless}):
            began = time.monotonic()
            asked = questioner.ask(30)
            asked_s = time.monotonic() - began
            answers = questioner.take(30)
            assert list(answers) == list(asked)
            assert max(all_delays(answers)) < 3 + asked_s


@pytest.mark.parametrize("value", [V.FAKE_PACKET_REORDER_SEND, V.FAKE_PACKET_REORDER_RECV])
def test_reordering(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 40, V.FAKE_PACKET_REORDER_TIME: 150}):
        asked = questioner.ask(40)
        answers = questioner.take(40)
    assert sorted(answers) == list(asked)
    assert list(answers) != sorted(answers)
    order = list(answers)
    overtaken = [number for place, number in enumerate(order) if number < max(order[: place + 1])]
    assert 4 <= len(overtaken) < 40
    assert min(answers[number][0] for number in overtaken) >= 0.15 - CLOCK_STEP_S
    with under(questioner, {value: 40, V.FAKE_PACKET_REORDER_TIME: 0}):
        asked = questioner.ask(40)
        answers = questioner.take(40)
    assert list(answers) == list(asked)


@pytest.mark.parametrize("value", [V.FAKE_PACKET_DUP_SEND, V.FAKE_PACKET_DUP_RECV])
def test_duplication(value: gs.ConfigurationValue, questioner: Questioner) -> None:
    with under(questioner, {value: 100, V.FAKE_PACKET_DUP_TIME_MAX: 0}):
        questioner.ask(20)
        answers = questioner.take(40)
    assert [len(delays) for delays in answers.values()] == [2] * 20
    with under(questioner, {value: 100, V.FAKE_PACKET_DUP_TIME_MAX: 1000}):
        questioner.ask(30)
        answers = questioner.take(60)
    assert [len(delays) for delays in answers.values()] == [2] * 30
    assert max(last - first for first, last in answers.values()) > 0.05
    with under(questioner, {value: 50, V.FAKE_PACKET_DUP_TIME_MAX: 0}):
        questioner.ask(100)
    answers = questioner.rest()
    assert len(answers) == 100
    assert 20 < len(all_delays(answers)) - 100 < 80


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
        began = time.monotonic()
        questioner.ask(50)
        filled = int(2 * (time.monotonic() - began))  # meanwhile, on a busy machine
        time.sleep(1.0)  # in which the bucket fills
        later = questioner.ask(50)
        filled_later = int(2 * (time.monotonic() - began))
    answers = list(questioner.rest())
    assert 10 <= sum(number not in later for number in answers) <= 12 + filled
    assert 1 <= sum(number in later for number in answers) <= 8 + filled_later
    with under(questioner, {burst: 0, rate: 1_000_000}):
        questioner.ask(10)
    assert not questioner.rest()
    with under(questioner, {burst: 0}):
        questioner.ask(10)
        assert len(questioner.take(10)) == 10


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
    with gs.NetworkingSockets() as other_server, closing(Questioner(other_server)) as other:
        with under(questioner, {burst: 10 * size, rate: 1}):
            questioner.ask(6)
            other.ask(20)
        assert 10 <= len(questioner.rest()) + len(other.rest()) <= 11


def test_what_is_on_its_way_when_the_network_heals_still_arrives(questioner: Questioner) -> None:
    with under(questioner, {V.FAKE_PACKET_LAG_RECV: 1500}):
        late = questioner.ask(5)
    fast = questioner.ask(5)
    answers = questioner.take(10)
    assert list(answers) == [*fast, *late]
    assert min(answers[late[0]]) >= 1.5 - CLOCK_STEP_S


@pytest.mark.rule("2, 2.13 rule 1", "3, 4.8")
def test_every_living_object_of_the_process_is_affected(pair: Pair) -> None:
    """Also those made before, and those made after; handshakes too."""
    with gs.NetworkingSockets() as third, global_values(third, {V.FAKE_PACKET_LOSS_SEND: 100}):
        assert pair.send(b"lost") == gs.Result.OK
        with closing(Side()) as late:
            connection = late.connect(pair.address)
            settle(pair.server)
            assert late.info(connection).state == gs.ConnectionState.CONNECTING
        assert not pair.server.receive_messages_on_connection(pair.incoming)
        assert not pair.server.dispatch_callback(pair.server.changes.append)
    assert pair.receive() == [b"lost"]


def test_reliable_messages_survive_everything_at_once(pair: Pair) -> None:
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
    with global_values(pair.client, awful):
        for data in wanted:
            assert pair.send(data) == gs.Result.OK
        assert pair.receive(len(wanted)) == wanted


@pytest.mark.parametrize("value", [V.FAKE_MESSAGE_LOSS_SEND, V.FAKE_MESSAGE_LOSS_RECV])
def test_message_loss_takes_unreliable_messages_alone(value: gs.ConfigurationValue, pair: Pair) -> None:
    with global_values(pair.server, {value: 100}):
        for _ in range(20):
            assert pair.send(b"unreliable", gs.SendFlags.UNRELIABLE_NO_NAGLE) == gs.Result.OK
        assert pair.send(b"reliable") == gs.Result.OK
        assert pair.receive() == [b"reliable"]
    assert pair.send(b"unreliable", gs.SendFlags.UNRELIABLE_NO_NAGLE) == gs.Result.OK
    assert pair.receive() == [b"unreliable"]
