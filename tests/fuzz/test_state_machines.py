"""Sequences of steps that hypothesis chooses: what a failing one shows is a short program.

The drivers and their promises are those of the fuzz targets; here each step has a name and arguments.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.fuzz.conversation import FLAGS, OPTIONS, Conversation
from tests.fuzz.handshakes import SOURCES, Handshakes

from gamesockets.connection.states import State
from gamesockets.values.address import SocketAddress
from gamesockets.wire.frames import (
    encode_ack,
    encode_reliable,
    encode_select_lane,
    encode_stop_waiting,
    encode_unreliable,
    with_size,
)
from gamesockets.wire.messages_pb2 import UdpStats
from gamesockets.wire.stream import encode_message_header

BOUNDED = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
LONG = settings(BOUNDED, max_examples=40, stateful_step_count=60, derandomize=False)

LANES = st.sampled_from((0, 1, 2, 7, 8, 255))
SKIPPED = st.sampled_from((0, 0, 0, 1, 2, 50, 200))
RUNS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=6)


class EstablishedConnection(RuleBasedStateMachine):
    """A hostile peer, a busy application, and time."""

    @initialize(options=st.integers(0, len(OPTIONS) - 1), is_client=st.booleans(), pool=st.integers(0, 2))
    def begin(self, options: int, is_client: bool, pool: int) -> None:
        self.conversation = Conversation(options, is_client, pool, counts_lines=True)

    def _packet(self, frames: bytes, skipped: int) -> None:
        self.conversation.packet(frames[:1232], skipped)

    @rule(
        lane=LANES, ahead=st.integers(-50, 3000), size=st.integers(0, 70), claims=st.integers(0, 3000), skipped=SKIPPED
    )
    def reliable_segment(self, lane: int, ahead: int, size: int, claims: int, skipped: int) -> None:
        receiver = self.conversation.connection.traffic.receiver
        base = next((each.stream.base for each in receiver.lanes() if each.index == lane), 1)
        content = (encode_message_header(1, claims) + bytes(size))[: max(size, 1)]
        header = encode_reliable(48, max(base + ahead, 1) if ahead > 0 else base)
        self._packet(encode_select_lane(lane) + with_size(header, len(content)) + content, skipped)

    @rule(lane=LANES, number=st.integers(1, 400), size=st.integers(0, 1100), skipped=SKIPPED)
    def whole_message(self, lane: int, number: int, size: int, skipped: int) -> None:
        header = with_size(encode_unreliable(32, number, 0, True), size)
        self._packet(encode_select_lane(lane) + header + bytes(size), skipped)

    @rule(
        lane=LANES,
        number=st.integers(1, 30),
        offset=st.sampled_from((0, 1, 10, 100, 1000, 25_999, 26_001)),
        size=st.integers(0, 120),
        is_last=st.booleans(),
    )
    def piece_of_a_message(self, lane: int, number: int, offset: int, size: int, is_last: bool) -> None:
        header = with_size(encode_unreliable(32, number, offset, is_last), size)
        self._packet(encode_select_lane(lane) + header + bytes(size), 0)

    @rule(back=st.integers(-1, 300), runs=RUNS, delay=st.sampled_from((-1, 0, 1000, 10_000_000)))
    def acks(self, back: int, runs: list[tuple[int, int]], delay: int) -> None:
        latest = self.conversation.connection.sender.flight.next_number - 1 - back
        self._packet(encode_ack(max(latest, 0), delay, runs), 0)

    @rule(offset=st.one_of(st.integers(0, 300), st.integers(0, (1 << 64) - 1)))
    def stop_waiting(self, offset: int) -> None:
        self._packet(encode_stop_waiting(offset), 0)

    @rule(back=st.integers(0, 200))
    def late_packet(self, back: int) -> None:
        conversation = self.conversation
        conversation.again(conversation.number - back, with_size(encode_unreliable(32, 5, 0, True), 1) + b"x")

    @rule(flags=st.sampled_from((0, 2, 6)))
    def ack_request(self, flags: int) -> None:
        self.conversation.packet(b"", 0, UdpStats(flags=flags).SerializeToString())

    @rule(kind=st.integers(0, 5), count=st.integers(1, 60), lane=LANES)
    def flood(self, kind: int, count: int, lane: int) -> None:
        self.conversation.flood(kind, count, lane)

    @rule(payload=st.binary(max_size=60))
    def any_payload(self, payload: bytes) -> None:
        self._packet(payload, 0)

    @rule(kind=st.integers(0, 5), to_id=st.integers(0, 2), from_id=st.integers(0, 2), more=st.binary(max_size=13))
    def control_message(self, kind: int, to_id: int, from_id: int, more: bytes) -> None:
        self.conversation.control_message(kind, to_id, from_id, more)

    @rule(data=st.binary(max_size=50))
    def any_datagram(self, data: bytes) -> None:
        self.conversation.datagram(data)

    @rule(
        size=st.sampled_from((0, 1, 32, 1132, 3000, 17_000, 200_000)),
        flags=st.sampled_from(FLAGS),
        lane=st.integers(0, 3),
    )
    def we_send(self, size: int, flags: int, lane: int) -> None:
        self.conversation.say(size, flags, lane)

    @rule(count=st.integers(1, 4))
    def we_configure_lanes(self, count: int) -> None:
        self.conversation.lanes(count)

    @rule(limit=st.integers(0, 20))
    def we_read(self, limit: int) -> None:
        self.conversation.read(limit)

    @rule(time_us=st.sampled_from((100, 3_000, 50_000, 300_000, 5_000_000, 12_000_000)))
    def time_passes(self, time_us: int) -> None:
        self.conversation.wait(time_us)

    @precondition(lambda self: self.conversation.number > 10)
    @rule(linger=st.booleans())
    def we_close(self, linger: bool) -> None:
        self.conversation.close(linger)

    def teardown(self) -> None:
        if hasattr(self, "conversation"):
            self.conversation.wait(30_000_000)
            self.conversation.close(False)
            self.conversation.wait(10_000_000)
            assert self.conversation.connection.state == State.DEAD


class HandshakesOutOfOrder(RuleBasedStateMachine):
    """Two clients, a server, and a network that delivers anything to anybody."""

    @initialize(unencrypted=st.integers(0, 3), is_strict=st.booleans())
    def begin(self, unencrypted: int, is_strict: bool) -> None:
        self.play = Handshakes(unencrypted, is_strict)

    @rule(index=st.integers(0, 1))
    def connect(self, index: int) -> None:
        self.play.connect(index)

    @rule(index=st.integers(0, 8))
    def deliver(self, index: int) -> None:
        self.play.deliver(index)

    @rule(index=st.integers(0, 60), to=st.integers(0, 2), source=st.integers(0, len(SOURCES) - 1))
    def deliver_to_somebody_else(self, index: int, to: int, source: int) -> None:
        self.play.deliver(index, to, source)

    @rule(accept=st.booleans(), index=st.integers(0, 3))
    def decide(self, accept: bool, index: int) -> None:
        self.play.decide(accept or index > 0, index)

    @rule(data=st.binary(max_size=600), source=st.sampled_from(SOURCES), to=st.sampled_from(SOURCES))
    def any_datagram(self, data: bytes, source: SocketAddress, to: SocketAddress) -> None:
        self.play.arrive(data, source, to)

    @rule(time_us=st.sampled_from((1_000, 500_000, 3_000_000, 11_000_000)))
    def time_passes(self, time_us: int) -> None:
        self.play.wait(time_us)

    def teardown(self) -> None:
        if hasattr(self, "play"):
            self.play.finish()


EstablishedConnection.TestCase.settings = BOUNDED
HandshakesOutOfOrder.TestCase.settings = BOUNDED
TestEstablishedConnection = EstablishedConnection.TestCase
TestHandshakesOutOfOrder = HandshakesOutOfOrder.TestCase


@pytest.mark.slow
@pytest.mark.parametrize("machine", [EstablishedConnection, HandshakesOutOfOrder])
def test_other_sequences_each_time(machine: type[RuleBasedStateMachine]) -> None:
    run_state_machine_as_test(machine, settings=LONG)
