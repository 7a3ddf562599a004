"""What may an authenticated peer do to a connection, whatever was built up before, and what does it get for it?

One `Conversation` is an established connection of ours, and a peer that sends any packet it likes. After each step all
that is promised is checked: bounds of memory and of queues, the books of the sender, true acks, and on request what the
step has cost. hypothesis calls the steps by name (`test_state_machines.py`); `conversations` reads them from bytes.
"""

from collections.abc import Callable
from typing import Final

from benchmarks.hostile.payloads import ROOM, filled, whole
from tests.fuzz.choices import Choices
from tests.support.rig import PLAIN_ONLY, Rig, SentPacket
from tests.support.snp import Ack, StopWaiting, meaning_of_ack, pieces_of, read_payload

from gamesockets.build import COMPILED
from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.connection.traffic import PACKETS_PER_TURN
from gamesockets.receive.acks import HOLES_MAX
from gamesockets.receive.lane import ReceiveLane
from gamesockets.receive.memory import FREE_BYTES
from gamesockets.receive.receiver import ACKNOWLEDGED, ACKNOWLEDGED_SOON, Receiver
from gamesockets.receive.reliable import HOLES_MAX_EXTENDING, ISLAND_OVERHEAD_BYTES
from gamesockets.receive.unreliable import PIECES_MAX
from gamesockets.send.flight import UNREPORTED_PACKETS_MAX
from gamesockets.torture.cost import LINES_PER_PACKET_REPORTED, MULTIPLE, lines_of
from gamesockets.torture.reference_receiver import near
from gamesockets.values.enums import SendFlags
from gamesockets.values.moments import NEVER
from gamesockets.wire import datagram
from gamesockets.wire.frames import (
    RELATIVE,
    encode_ack,
    encode_reliable,
    encode_select_lane,
    encode_stop_waiting,
    encode_unreliable,
    to_end,
    with_size,
)
from gamesockets.wire.messages_pb2 import (
    ChallengeReply,
    ChallengeRequest,
    ConnectionClosed,
    ConnectOK,
    ConnectRequest,
    NoConnection,
    UdpStats,
)
from gamesockets.wire.stream import encode_message_header

RELIABLE: Final = int(SendFlags.RELIABLE)
FLAGS: Final = (0, int(SendFlags.NO_NAGLE), int(SendFlags.NO_DELAY), RELIABLE, RELIABLE | int(SendFlags.NO_NAGLE))
RELIABLE_NOW: Final = int(SendFlags.RELIABLE_NO_NAGLE)
UNRELIABLE_NOW: Final = int(SendFlags.NO_NAGLE)
FULL: Final = 1100
"""Bytes of data in a packet of a flood."""
OVERHEAD_BYTES: Final = 100
"""Of a message in the stream beside its contents; generous."""
LINES_PER_PACKET_SENT: Final = 1200
"""A packet of the peer may cause answers, and free the way for data that waited: each costs its own lines."""
TIMERS_PER_SECOND: Final = 5000
"""More would be a timer that fires and changes nothing."""

OPTIONS: Final = (
    ConnectionOptions(unencrypted=PLAIN_ONLY),
    ConnectionOptions(
        unencrypted=PLAIN_ONLY,
        recv_buffer_size_bytes=5000,
        recv_buffer_messages=10,
        recv_max_message_size=3000,
        recv_incomplete_size_bytes=20_000,
        recv_max_segments_per_packet=50,
        send_buffer_size_bytes=20_000,
        mtu_packet_size=400,
    ),
    ConnectionOptions(unencrypted=PLAIN_ONLY, send_rate_min=20_000_000, send_rate_max=20_000_000, nagle_time_us=0),
    ConnectionOptions(unencrypted=PLAIN_ONLY, timeout_connected_us=2_000_000, send_time_since_previous_packet=1),
)
ROUNDS_MAX: Final = 20
"""Much that waits leaves in turns of 128 packets."""

POOL_BYTES: Final = (1 << 40, 256 * 1024, 0)


class Conversation(Rig):
    """Our connection, and all that its peer and its application may do with it."""

    def __init__(self, options: int = 0, is_client: bool = False, pool: int = 0, counts_lines: bool = False) -> None:
        super().__init__(OPTIONS[options % len(OPTIONS)], is_client)
        self.endpoint.memory.max_bytes = POOL_BYTES[pool % len(POOL_BYTES)]
        self.number = 1
        """Of the peer's last packet."""
        self.arrived: set[int] = set()
        """Packets of the peer that we were given."""
        self.stream: dict[int, dict[int, int]] = {}
        """What we sent on each lane, byte for byte."""
        self.delivered: dict[int, int] = {}
        """The last reliable message number on each lane."""
        self.minimum = 0
        """Our last stop-waiting value for the peer."""
        self.refused: set[int] = set()
        """Those of them that must be sent again."""
        self._counts_lines = counts_lines and not COMPILED
        self._checked = 0

    # ------------------------------------------------------------------ the peer

    def packet(self, payload: bytes, skipped: int = 0, stats: bytes = b"") -> None:
        """The peer's next packet, after so many that do not come."""
        self.number += 1 + skipped
        self.again(self.number, payload, stats)

    def again(self, number: int, payload: bytes, stats: bytes = b"") -> None:
        """A packet with any number, late or seen before."""
        number = near(number & 0xFFFF, 16, self.connection.traffic.window.newest)  # as it will be understood
        self.number = max(self.number, number)
        self.arrived.add(number)

        def arrive() -> None:
            self.inject(number, payload, stats)
            receiver = self.connection.traffic.receiver
            if receiver._number == number and receiver._verdict not in (ACKNOWLEDGED, ACKNOWLEDGED_SOON):
                self.refused.add(number)

        self._served(arrive)

    def datagram(self, data: bytes) -> None:
        """Anything else from the peer's address."""
        self._served(lambda: self.endpoint.receive_datagram(data, self.peer_address, self.now))

    def control_message(self, kind: int, to_id: int, from_id: int, more: bytes = b"") -> None:
        """A control message; id 0 for none, 1 for the right one, 2 for another one."""
        connection = self.connection
        to_number = (0, connection.id, connection.id ^ 0x0101)[to_id % 3]
        from_number = (0, connection.remote_id, connection.remote_id ^ 0x0101)[from_id % 3]
        message: datagram.ControlMessage
        match kind % 6:
            case 0:
                message = ChallengeRequest(connection_id=from_number, my_timestamp=len(more))
            case 1:
                message = ChallengeReply(connection_id=to_number, challenge=len(more), protocol_version=len(more))
            case 2:
                message = ConnectRequest(client_connection_id=from_number, challenge=len(more))
            case 3:
                message = ConnectOK(client_connection_id=to_number, server_connection_id=from_number)
            case 4:
                message = ConnectionClosed(
                    to_connection_id=to_number, from_connection_id=from_number, reason_code=len(more), debug=more
                )
            case _:
                message = NoConnection(to_connection_id=to_number, from_connection_id=from_number)
        self.datagram(datagram.encode_control(32 + kind % 6, message))

    # ------------------------------------------------------------------ what takes many packets

    def flood(self, kind: int, count: int, lane: int = 0) -> None:
        """Builds something up, by so many packets."""
        FLOODS[kind % len(FLOODS)](self, count, lane)

    def islands(self, count: int, lane: int) -> None:
        """Full segments of a reliable stream, each behind a hole."""
        for place in range(count):
            content = bytes([place & 0xFF]) * FULL
            header = with_size(encode_reliable(48, 2000 + 3000 * place), FULL)
            self.packet(encode_select_lane((lane + place // 25) % 256) + header + content)

    def endless_message(self, count: int, lane: int) -> None:
        """A reliable message of which all comes in order, and never its end."""
        stream = next((each.stream for each in self._lanes() if each.index == lane), None)
        begin = 1 if stream is None else stream.base + len(stream.buffer)
        data = encode_message_header(1, 500_000) + bytes(FULL * count)
        for place in range(0, FULL * count, FULL):
            header = with_size(encode_reliable(48, begin + place), FULL)
            self.packet(encode_select_lane(lane) + header + data[place : place + FULL])

    def unread(self, count: int, lane: int) -> None:
        """Unreliable messages that nobody takes, with room between their numbers."""
        highest = max(each.highest_number for each in self._lanes())
        for place in range(count):
            self.packet(whole(bytes(FULL), highest + 2 + 2 * place, lane))

    def pieces(self, count: int, lane: int) -> None:
        """Fragments of messages that never get complete, on many lanes."""
        for place in range(count):
            header = with_size(encode_unreliable(32, 1 + place, 5, False), FULL)
            self.packet(encode_select_lane((lane + place) % 256) + header + bytes(FULL))

    def gaps(self, count: int, lane: int) -> None:
        """Every second packet does not come."""
        for _ in range(count):
            self.packet(whole(b"x", 1, lane), 1)

    def much_of_ours(self, count: int, lane: int) -> None:
        """We send, and the peer says of every third packet that it is missing."""
        for place in range(count):
            self.say(600, RELIABLE_NOW if place % 2 else UNRELIABLE_NOW)
            self.wait(20_000)
            if place % 10 == 9:
                latest = self.connection.sender.flight.next_number - 1
                self.packet(encode_ack(latest, 0, [(2, 1)] * min(3, latest // 4)))

    def _lanes(self) -> list[ReceiveLane]:
        return self.connection.traffic.receiver.lanes()

    # ------------------------------------------------------------------ our application

    def is_dead(self) -> bool:
        """Whether the connection is gone: nobody has anything to call any more."""
        return self.connection.state == State.DEAD

    def say(self, size: int, flags: int, lane: int = 0) -> None:
        """Sends a message; a full buffer and a lane that does not exist are answers."""
        if self.is_dead():
            return
        result = self.send(bytes([size & 0xFF]) * size, flags, lane)
        assert result != 0
        self._serve()

    def lanes(self, count: int) -> None:
        """So many lanes from now on."""
        if self.is_dead():
            return
        self.connection.configure_lanes(
            [number % 3 for number in range(count)], [1 + number for number in range(count)], self.now
        )
        self.endpoint.touch(self.connection)
        self._serve()

    def flush(self) -> None:
        """Nothing waits for company any longer."""
        if self.is_dead():
            return
        self.connection.flush()
        self.endpoint.touch(self.connection)
        self._serve()

    def read(self, limit: int) -> None:
        """Takes messages; reliable ones come in the order of their numbers."""
        is_gone = self.connection.state in (State.FIN_WAIT, State.LINGER, State.DEAD)
        taken = self.connection.inbox.take(limit)
        assert not (is_gone and taken), "a message after close"
        for message in taken:
            assert len(message.data) <= self.options.recv_max_message_size
            if message.flags & RELIABLE:
                assert message.message_number >= self.delivered.get(message.lane, 0), "out of order"
                self.delivered[message.lane] = message.message_number

    def close(self, linger: bool) -> None:
        """Our application has enough."""
        if self.is_dead():
            return
        self.endpoint.close(self.connection, 1000, "closed by the test", linger, self.now)
        self._serve()

    # ------------------------------------------------------------------ time

    def wait(self, time_us: int) -> None:
        """Time passes, and every timer fires when it is due."""
        until = self.now + time_us
        fired = 0
        self.drain()
        while (due := self.endpoint.next_timer()) <= until:
            self.now = max(due, self.now)
            self.endpoint.handle_timer(self.now)
            self.drain()
            fired += 1
            assert fired <= 100 + TIMERS_PER_SECOND * time_us // 1_000_000, "a timer that fires in vain"
        self.now = until
        self.check()

    # ------------------------------------------------------------------ what must hold

    def _serve(self) -> None:
        """As a driver does: what is due leaves, and timers whose time has come run."""
        self.drain()
        rounds = 0
        while self.endpoint.next_timer() <= self.now:
            self.endpoint.handle_timer(self.now)
            self.drain()
            rounds += 1
            assert rounds < ROUNDS_MAX, "a timer that fires in vain"
        self.check()

    def _served(self, arrive: Callable[[], None]) -> None:
        """A datagram arrives and is answered: few answers, few lines."""
        controls = len(self.control)
        sent = len(self.sent)
        was_lingering = self.connection.state == State.LINGER

        def serve() -> None:
            arrive()
            self.drain()
            self.endpoint.next_timer()

        if self._counts_lines:
            flight = self.connection.sender.flight
            open_before = [
                (number, record)
                for number in range(flight.latest_reported - UNREPORTED_PACKETS_MAX, flight.next_number)
                if (record := flight.get(number)) is not None
            ]
            lines = lines_of(serve)
            reported = sum(flight.get(number) is not record for number, record in open_before)
            more = reported * LINES_PER_PACKET_REPORTED + (len(self.sent) - sent) * LINES_PER_PACKET_SENT
            assert lines <= MULTIPLE * ordinary_lines() + more, f"{lines} lines for one packet"
        else:
            serve()
        # Who lingers and is told of the end confirms it, and still says its own (spec 1, 7.6 rule 3).
        ends = was_lingering and self.connection.state == State.FIN_WAIT
        assert len(self.control) - controls <= 1 + ends, "more than one answer"
        self.check()

    def check(self) -> None:
        """Everything that holds between two steps."""
        self._check_sent()
        connection = self.connection
        if connection.state == State.DEAD:
            assert not self.endpoint.connections
            assert self.endpoint.memory.granted_bytes == 0
            return
        self._check_received(connection.traffic.receiver)
        self._check_sender()
        if connection.state == State.PROBLEM_DETECTED_LOCALLY:
            assert connection.end_reason
            assert connection.end_debug
        assert len(connection.traffic.acks._holes) <= HOLES_MAX + 1
        assert self.endpoint.memory.granted_bytes <= self.endpoint.memory.max_bytes

    def _check_received(self, receiver: Receiver) -> None:
        options = self.options
        peer = self.connection.peer
        assert peer.queued_messages == len(self.connection.inbox) <= options.recv_buffer_messages
        assert (
            peer.queued_bytes
            == sum(len(m.data) for m in self.connection.inbox.waiting())
            <= options.recv_buffer_size_bytes
        )
        held = 0
        for lane in receiver.lanes():
            held += lane.stream.held_bytes + (lane.reassembly.held_bytes if lane.reassembly is not None else 0)
            assert len(lane.stream._islands) <= HOLES_MAX_EXTENDING + 1
            assert lane.reassembly is None or lane.reassembly._count <= PIECES_MAX + 1
        assert receiver._held_bytes == held
        budget = options.recv_buffer_size_bytes + options.recv_incomplete_size_bytes
        assert held <= budget + options.recv_buffer_size_bytes + OVERHEAD_BYTES
        # What a run of bytes behind a hole takes beside them is counted once it is there.
        assert held + peer.queued_bytes <= receiver._memory.granted_bytes + ISLAND_OVERHEAD_BYTES
        assert receiver._memory.granted_bytes >= FREE_BYTES
        assert len(receiver.lanes()) <= 256

    def _check_sender(self) -> None:
        sender = self.connection.sender
        lanes = sender.lanes.lanes
        lost = sum(lane.unacked.lost_bytes for lane in lanes)
        assert sender.lanes.queued_bytes == sum(lane.pending_reliable + lane.pending_unreliable for lane in lanes) >= 0
        assert sender.lanes.queued_bytes <= self.options.send_buffer_size_bytes
        assert sender.pending_bytes() == sender.lanes.queued_bytes + lost
        assert (sender.retries.lost_bytes > 0) == (lost > 0)
        assert sender.unacked_reliable_bytes() == sum(lane.unacked.unacked_bytes for lane in lanes) >= 0
        flight = sender.flight
        assert flight.next_number - flight.latest_reported <= UNREPORTED_PACKETS_MAX + PACKETS_PER_TURN
        if self.connection.data_flows and sender.has_reliable_data():
            assert sender.next_time(self.now) < NEVER, "nobody would ever wake it again"

    def _check_sent(self) -> None:
        """Acks are true, and a byte of the stream is never sent in two versions."""
        for packet in self.sent[self._checked :]:
            assert len(packet.payload) + len(packet.stats) + 7 <= self.options.mtu_packet_size
            self._check_packet(packet)
        self._checked = len(self.sent)

    def _check_packet(self, packet: SentPacket) -> None:
        frames, is_faulty = read_payload(packet.payload)
        assert not is_faulty
        for frame in frames:
            if isinstance(frame, Ack):
                meaning = meaning_of_ack(frame, self.number + 1)
                assert meaning.latest <= self.number
                claims = meaning.claims(max(self.connection.traffic.acks._minimum, 2))
                assert claims <= self.arrived, f"packets {sorted(claims - self.arrived)[:5]} never came"
                assert not claims & self.refused, f"packets {sorted(claims & self.refused)[:5]} were refused"
            elif isinstance(frame, StopWaiting):
                value = packet.number - frame.offset - 1
                assert value >= self.minimum, "a stop-waiting value went back"
                self.minimum = value
        for piece in pieces_of(packet.payload):
            if piece.is_reliable:
                sent = self.stream.setdefault(piece.lane, {})
                for place, byte in enumerate(piece.data, piece.place):
                    assert sent.setdefault(place, byte) == byte, "other bytes than before"


# ---------------------------------------------------------------------- from bytes


def payload(choices: Choices, conversation: Conversation) -> bytes:
    """Frames that fit the state of the connection, or nearly."""
    receiver = conversation.connection.traffic.receiver
    lane = receiver.lanes()[0]
    frames = b""
    number_known = position_known = False
    for _ in range(1 + choices.below(6)):
        kind = choices.byte()
        if kind < 0x40:  # part of the reliable stream
            content = _stream_bytes(choices)
            end = lane.stream.base + len(lane.stream.buffer)
            if position_known:
                header = encode_reliable(RELATIVE, choices.number() & 0xFFFF)
            else:
                header = encode_reliable(choices.pick((24, 32, 48, 48)), max(choices.number(end), 0))
            position_known = True
            frames += with_size(header, len(content)) + content if kind < 0x38 else to_end(header) + content
        elif kind < 0x70:  # an unreliable message, or a piece of one
            content = bytes([kind]) * choices.below(60)
            number = choices.number(lane.highest_number)
            offset = choices.number() & 0xFFFF if kind & 1 else 0
            bits = RELATIVE if number_known else choices.pick((16, 32, 32))
            header = encode_unreliable(bits, number & ((1 << 63) - 1), offset, kind & 2 > 0)
            number_known = True
            frames += with_size(header, len(content)) + content
        elif kind < 0x88:
            frames += encode_select_lane(choices.pick((0, 1, 2, 3, 7, 8, 255)))
            lane = next((each for each in receiver.lanes() if each.index == frames[-1]), receiver.lanes()[0])
            number_known = position_known = False
        elif kind < 0xC0:
            next_number = conversation.connection.sender.flight.next_number
            latest = next_number - 1 - (choices.byte() % 64 if kind & 1 else 0)
            blocks = [(choices.byte(), choices.byte() % 40) for _ in range(choices.below(4))]
            if kind & 2:  # a true one, as far as numbers go
                blocks = [(min(acks, 3), min(nacks, 3)) for acks, nacks in blocks]
            frames += encode_ack(max(latest, 0), choices.pick((-1, 0, 100, 1_000_000)), blocks)
        elif kind < 0xD0:
            frames += encode_stop_waiting(choices.number() & ((1 << 64) - 1) if kind < 0xC3 else choices.below(80))
        elif kind < 0xE0:  # many of a kind
            first = lane.highest_number + choices.byte()
            frames = filled([frames, *[whole(b"x", first + choices.pick((1, 2, -1)) * place) for place in range(60)]])
        else:
            frames += choices.take(choices.below(40))
    return frames[:1232]


def _stream_bytes(choices: Choices) -> bytes:
    """Messages of a stream, whole or begun."""
    content = b""
    for _ in range(choices.below(4)):
        size = choices.pick((0, 1, 10, 31, 32, 100, 2000, 600_000))
        content += encode_message_header(choices.pick((1, 1, 1, 2, 500, 9_999, 1_000_001)), size)
        content += bytes([size & 0xFF]) * min(size, 60)
    return content


def step(choices: Choices, conversation: Conversation) -> None:
    """One thing that the peer, the network or our application does."""
    kind = choices.byte()
    if kind < 0x08:
        conversation.flood(kind, choices.below(64), choices.pick((0, 1, 7, 200)))
    elif kind < 0x70:
        conversation.packet(payload(choices, conversation), choices.pick((0, 0, 0, 0, 0, 1, 3, 70)))
    elif kind < 0x80:
        conversation.again(conversation.number - choices.below(140), payload(choices, conversation))
    elif kind < 0x84:
        conversation.again(conversation.number + choices.number(), payload(choices, conversation))
    elif kind < 0x90:
        stats = UdpStats(flags=choices.byte() & 7).SerializeToString() + choices.take(choices.below(12))
        conversation.packet(payload(choices, conversation), 0, stats)
    elif kind < 0xA0:
        conversation.control_message(choices.byte(), choices.byte(), choices.byte(), choices.take(choices.below(8)))
    elif kind < 0xA8:
        conversation.datagram(choices.take(choices.below(80)))
    elif kind < 0xC8:
        size = choices.pick((0, 1, 31, 32, 200, 1131, 1132, 3000, 16_500, 16_501, 70_000))
        conversation.say(size, choices.pick(FLAGS), choices.below(3))
    elif kind < 0xCC:
        conversation.lanes(1 + choices.below(4))
    elif kind < 0xD0:
        conversation.flush()
    elif kind < 0xE0:
        conversation.read(choices.pick((1, 3, 1000)))
    elif kind < 0xFA:
        conversation.wait(choices.pick((1, 500, 5_000, 50_000, 250_000, 1_000_000, 11_000_000)))
    else:
        conversation.close(kind & 1 > 0)


def play(data: bytes, counts_lines: bool) -> None:
    """A whole conversation out of bytes; afterwards it comes to rest."""
    choices = Choices(data)
    first = choices.byte()
    conversation = Conversation(first & 3, first & 4 > 0, (first >> 3) % 5 // 2, counts_lines)
    while not choices.is_over():
        step(choices, conversation)
    conversation.wait(30_000_000)
    conversation.read(1 << 30)
    conversation.close(False)
    conversation.wait(10_000_000)
    assert conversation.connection.state == State.DEAD
    assert not conversation.endpoint.connections


def conversations(data: bytes) -> None:
    """An established connection in the hands of a hostile peer: bounds, books, true acks (docs/security.md)."""
    play(data, counts_lines=False)


def costs(data: bytes) -> None:
    """The same, and no packet costs more than its bound."""
    play(data, counts_lines=True)


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"conversations": conversations, "costs": costs}

_ordinary: list[int] = []

FLOODS: Final[tuple[Callable[[Conversation, int, int], None], ...]] = (
    Conversation.islands,
    Conversation.endless_message,
    Conversation.unread,
    Conversation.pieces,
    Conversation.gaps,
    Conversation.much_of_ours,
)


def ordinary_lines() -> int:
    """What a packet full of messages of one byte costs."""
    if not _ordinary:
        frames = [with_size(encode_unreliable(32, 4001, 0, True), 1) + b"x"]
        frames += [with_size(encode_unreliable(RELATIVE, 1, 0, True), 1) + b"x"] * ROOM
        victim = Conversation()
        _ordinary.append(lines_of(lambda: victim.packet(filled(frames))))
    return _ordinary[0]
