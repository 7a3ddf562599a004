"""Can our connection take the place of the independent side in every recorded conversation with the reference library?

The recordings hold that side's secrets, so ours derives the same keys and reads what the reference library really sent.
Whatever ours sends instead is opened with the recorded keys and given to the reference model, which must be content.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.json_format import MessageToDict
from tests.support.recorded import HANDSHAKES, load
from tests.support.rig import PLAIN_ONLY, Rig

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.counters import Counters
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import Policy, ServerHandshake, check_request
from gamesockets.connection.path import Path
from gamesockets.connection.states import State
from gamesockets.crypto.cipher import CIPHER_NULL
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.receive.memory import MemoryPool
from gamesockets.send.builder import PacketBuilder
from gamesockets.torture.reference_receiver import ACKNOWLEDGED, ReferenceModel
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import ConnectionInfoFlags, SendFlags
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.results import Result
from gamesockets.wire.datagram import decode_control
from gamesockets.wire.messages_pb2 import ConnectRequest, UdpStats
from gamesockets.wire.packet import FLAG_DATA, TIME_SINCE_PREVIOUS_SHIFT, split_packet

ADDRESS: Final = Address("203.0.113.7", 51820)
ALLOW_ANYBODY: Final = 2
UNIX_TIME_S: Final = 1_790_000_000
"""Within the lifetime of the recorded certificates."""

CONVERSATIONS: Final = [name for name in HANDSHAKES if name != "packet-number-wrap"]

Row = dict[str, Any]


class Recorded(Entropy):
    """The secrets of the independent side, in the order in which they are asked for."""

    def __init__(self, own: Row) -> None:
        self._secrets = [bytes.fromhex(own["cert_key_seed_hex"]), bytes.fromhex(own["x25519_private_hex"])]
        self._secrets.append(int(own["nonce"]).to_bytes(8, "little"))

    def random_bytes(self, count: int) -> bytes:
        secret = self._secrets.pop(0)
        assert len(secret) == count
        return secret


class Replay:
    """Our connection in the place of the independent side of a recording, and everything both sides say."""

    def __init__(self, name: str) -> None:
        self.recording: Row = load(name)
        self.role: str = self.recording["independent_role"]
        self.rows: list[Row] = self.recording["datagrams"]
        own = self.recording[self.role]
        is_plain = self.recording["negotiated_cipher"] == CIPHER_NULL
        options = ConnectionOptions(unencrypted=PLAIN_ONLY if is_plain else 0, recv_window_size_bytes=0)
        self.counters = Counters()
        self.now = self._begin()
        self.connection = DatagramConnection(
            own["connection_id"],
            Path((ADDRESS.ip, ADDRESS.port)),
            Recorded(own),
            Credentials(NetworkingIdentity.localhost()),
            options,
            self.counters,
            MemoryPool(),
            set(),
            deque(),
            PacketBuilder(),
            self.now,
        )
        self.ours = ReferenceModel()
        """The reference library's place: gets what our side sends."""
        self.theirs = ReferenceModel()
        """What the reference library's packets must mean, read independently."""
        self.control: list[bytes] = []
        self.numbers: list[int] = []
        """Packet numbers that our side has used."""

    def _begin(self) -> int:
        """Our clock, so that the timestamps we write are the recorded ones: 64-bit numbers may be text."""
        stamp = int(self.rows[0]["fields"]["my_timestamp"])
        return stamp if self.role == "client" else 1_000_000

    def time(self, row: Row) -> int:
        """When a datagram passed, by our clock."""
        elapsed_s: float = row["time"] - self.rows[0]["time"]
        return self._begin() + round(elapsed_s * 1_000_000)

    def policy(self) -> Policy:
        """The authenticated recording insists on signatures of its root."""
        root = self.recording.get("root_ca")
        if root is None:
            return Policy(ALLOW_ANYBODY, None, UNIX_TIME_S)
        return Policy(0, TrustStore([bytes.fromhex(root["public_key_hex"])]), UNIX_TIME_S)

    def first(self, kind: str) -> Row:
        """The first recorded datagram of a kind."""
        return next(row for row in self.rows if row["kind"] == kind)

    def of_kind(self, kind: str, sent_by: str) -> Iterator[Row]:
        """All recorded datagrams of a kind and sender."""
        return (row for row in self.rows if row["kind"] == kind and row["sent_by"] == sent_by)

    def receive(self, row: Row) -> None:
        """A recorded datagram of the reference library arrives."""
        assert row["sent_by"] == "reference"
        data = bytes.fromhex(row["hex"])
        if data[0] & FLAG_DATA:
            self.connection.receive_packet(data, self.now)
        else:
            self.connection.receive_control(decode_control(data), len(data), self.now)

    def drain(self) -> None:
        """What our side sends now; data packets are opened and given to the model."""
        for data in self.connection.datagrams_to_send(self.now):
            if not data[0] & 0x80:
                self.control.append(data)
                continue
            number, stats, _, chunk = split_packet(data)
            assert data[1:5] == self.recording[self.other()]["connection_id"].to_bytes(4, "little")
            self.numbers.append(number)
            self.theirs.next_to_send = number + 1
            payload = self.opened(number, chunk)
            assert self.ours.receive(number, payload, self.now, 6 if stats else 0) == ACKNOWLEDGED
        assert not self.ours.complaints

    def other(self) -> str:
        """The role of the reference library."""
        return "server" if self.role == "client" else "client"

    def opened(self, number: int, chunk: bytes) -> bytes:
        """What the reference library would read, by the recorded keys."""
        if self.recording["negotiated_cipher"] == CIPHER_NULL:
            return chunk
        direction = f"{self.role}_to_{self.other()}_hex"
        iv = bytes.fromhex(self.recording["derived"][f"iv_{direction}"])
        nonce = (int.from_bytes(iv[:8], "little") + number) % (1 << 64)
        key = bytes.fromhex(self.recording["derived"][f"key_{direction}"])
        return AESGCM(key).decrypt(nonce.to_bytes(8, "little") + iv[8:], chunk, None)

    def run_until(self, time_us: int) -> None:
        """Time passes; timers fire."""
        self.drain()
        while (due := self.connection.next_timer()) <= time_us:
            self.now = max(due, self.now)
            self.connection.handle_timer(self.now)
            self.drain()
        self.now = max(time_us, self.now)

    def messages(self) -> list[NetworkingMessage]:
        """Our application reads everything."""
        return self.connection.inbox.take(1 << 30)

    def take_control(self) -> list[str]:
        """Control datagrams since the last call."""
        taken = [data.hex() for data in self.control]
        self.control.clear()
        return taken

    # ---- the handshake

    def shake_hands(self) -> None:
        """Up to Connected. Our datagrams are the recorded ones, byte for byte, without a window announced.

        The exception is the certificate of the authenticated side, which we did not issue; the recorded one is used.
        """
        if self.role == "client":
            self._connect()
        else:
            self._accept()
        assert self.connection.state == State.CONNECTED
        assert self.connection.is_encrypted == (self.recording["negotiated_cipher"] != CIPHER_NULL)
        assert self.connection.is_authenticated == ("root_ca" in self.recording)
        assert self.connection.remote_id == self.recording[self.other()]["connection_id"]
        assert self.connection.protocol_version == self.recording["reference_protocol_version"]

    def _connect(self) -> None:
        connection = self.connection
        connection.connect(self.policy(), self.now)
        is_authenticated = "root_ca" in self.recording
        if is_authenticated:
            assert connection._client is not None
            connection._client._credentials.certificate = bytes.fromhex(self.recording["client"]["cert_hex"])
        self.drain()
        assert self.take_control() == [self.first("ChallengeRequest")["hex"]]
        request = self.first("ConnectRequest")
        self.now = int(request["fields"]["my_timestamp"])
        self.receive(self.first("ChallengeReply"))
        self.drain()
        (sent,) = self.take_control()
        assert is_authenticated or sent == request["hex"]
        replies = list(self.of_kind("ConnectOK", "reference"))
        self.now = self.time(replies[0])
        for reply in replies:  # another one answers a repeated request, and changes nothing
            self.receive(reply)

    def _accept(self) -> None:
        connection = self.connection
        request = self.first("ConnectRequest")
        reply = self.first("ConnectOK")
        message = decode_control(bytes.fromhex(request["hex"]))
        assert isinstance(message, ConnectRequest)
        self.now = self.time(request)
        handshake = check_request(message, ADDRESS, self.policy(), self.now)
        assert isinstance(handshake, ServerHandshake)
        connection.request_received(handshake, len(request["hex"]) // 2, self.now)
        assert connection.accept(self.policy(), self.now) == Result.OK
        self.now += reply["fields"]["delay_time_usec"]
        self.drain()
        assert self.take_control() == [reply["hex"]]

    # ---- data

    def say_the_same(self, row: Row) -> None:
        """Our application sends the messages that the independent side had in this packet, and its packet leaves.

        Acks that the independent side sent at once leave ours when they are due, before the next message. A bare
        request for an ack is made the way our own machinery makes them.
        """
        reader = ReferenceModel(next_to_send=1 << 14)
        reader.newest = row["packet_number"] - 1
        reader.lanes.update(self.ours.lanes)
        reader.receive(row["packet_number"], bytes.fromhex(row["plaintext_hex"]), 0)
        for message in reader.take():
            flags = SendFlags.NO_NAGLE | (SendFlags.RELIABLE if message.reliable else 0)
            number = self.connection.send(message.data, int(flags), message.lane, self.now)
            assert number == message.number
        if row["stats_hex"] == "1806":
            self.connection.sender.ack_requests.wanted = True
            self.connection.traffic.acks.flush_by(self.now)
        self.drain()

    def account_for(self, row: Row) -> list[NetworkingMessage]:
        """A data packet of the reference library arrives, and nothing in it goes unnoticed; returns its messages."""
        connection, traffic = self.connection, self.connection.traffic
        number = row["packet_number"]
        sequenced = connection.statistics.sequenced
        jitter_samples = sum(connection.statistics.jitter_histogram)
        latest_before = traffic.sender.loss.minimum_waited_for
        self.ours.next_to_send = number + 1
        self.receive(row)

        counters = self.counters
        assert counters.undecryptable == counters.malformed == counters.stray == counters.duplicates == 0
        assert connection.state == State.CONNECTED
        assert traffic.window.newest == number
        assert connection.statistics.sequenced == sequenced + 1
        assert traffic.acks.next_number == number + 1
        verdict = self.theirs.receive(number, bytes.fromhex(row["plaintext_hex"]), self.now)
        assert verdict == ACKNOWLEDGED
        assert not self.theirs.complaints
        messages = self.messages()
        assert [(m.message_number, m.lane, m.flags == SendFlags.RELIABLE, m.data) for m in messages] == [
            (m.number, m.lane, m.reliable, m.data) for m in self.theirs.take()
        ]
        for frame in self.theirs.frames:
            if frame["type"] == "ack":
                assert traffic.sender.loss.minimum_waited_for == max(frame["latest"], latest_before)
                assert all(traffic.sender.flight.get(acked) is None for acked in range(2, frame["latest"] + 1))
        has_reliable = any(frame["type"] == "reliable" for frame in self.theirs.frames)
        assert has_reliable <= (traffic.acks.deadline() <= self.now + 50_000)
        spacing = row["time_since_prev"]
        if spacing is not None and spacing << TIME_SINCE_PREVIOUS_SHIFT < 250_000:
            assert sum(connection.statistics.jitter_histogram) == jitter_samples + 1
        if row["stats_hex"] is not None:
            assert row["stats_hex"] == "1802"
            assert traffic.acks.deadline() == self.now + 50_000
        return messages


@pytest.mark.rule("1, 10 rule 5", "1, 12 rule 2")
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name: str) -> None:
    """From the first datagram to the last."""
    replay = Replay(name)
    replay.shake_hands()
    connection = replay.connection
    data = [row for row in replay.rows if row["kind"] == "Data"]
    closing = next(row for row in replay.rows if row["kind"] == "ConnectionClosed")
    received = accounted = 0
    for row in replay.rows[replay.rows.index(data[0]) : replay.rows.index(closing)]:
        replay.run_until(replay.time(row))
        if row["kind"] != "Data":
            continue
        if row["sent_by"] == "independent":
            replay.say_the_same(row)
        else:
            accounted += 1
            received += len(replay.account_for(row))
    assert accounted == sum(row["sent_by"] == "reference" for row in data)
    assert received == sum(len(message_rows(row)) for row in data if row["sent_by"] == "reference")
    assert received > 0
    replay.run_until(replay.time(closing))
    assert not connection.sender.has_reliable_data(), "the reference library acknowledged everything"
    assert connection.ping.smoothed_ms >= 0
    assert replay.ours.acks.gaps[0].begin == replay.numbers[-1] + 1
    assert not replay.take_control()

    fields = closing["fields"]
    answers = list(replay.of_kind("NoConnection", "reference"))
    if closing["sent_by"] == "reference":
        replay.receive(closing)
        assert connection.state == State.CLOSED_BY_PEER
        assert (connection.end_reason, connection.end_debug) == (fields["reason_code"], fields["debug"])
        replay.drain()
        assert replay.take_control() == [next(replay.of_kind("NoConnection", "independent"))["hex"]]
        return
    connection.close(fields["reason_code"], fields["debug"], False, replay.now)
    replay.drain()
    assert replay.take_control() == [closing["hex"]]
    for row in answers:
        replay.run_until(replay.time(row))
        replay.receive(row)
        assert connection.state == State.FIN_WAIT
    replay.run_until(replay.now + 6_000_000)
    assert replay.take_control() == [], "the answer ends our repetitions"
    assert connection.state == State.DEAD


@pytest.mark.rule("1, 5.10 rule 9")
def test_what_the_reference_saw_of_an_authenticated_client() -> None:
    """Its view of the connection is the mirror of ours: a vouched-for peer, encryption, the certificate's name."""
    recording = load("handshake-client-authenticated")
    replay = Replay("handshake-client-authenticated")
    replay.shake_hands()
    view = recording["reference_view"]
    flags = ConnectionInfoFlags(view["connection_flags"])
    assert not flags & (ConnectionInfoFlags.UNAUTHENTICATED | ConnectionInfoFlags.UNENCRYPTED)
    assert replay.connection.is_authenticated
    assert replay.connection.is_encrypted
    assert view["remote_identity"] == recording["client_identity"]
    assert str(replay.connection.peer.identity) == recording["server_identity"]


def message_rows(row: Row) -> list[Row]:
    """Segments of a recorded packet: in these recordings each holds a message."""
    reader = ReferenceModel(next_to_send=1 << 14)
    reader.newest = row["packet_number"] - 1
    reader.receive(row["packet_number"], bytes.fromhex(row["plaintext_hex"]), 0)
    segments = [frame for frame in reader.frames if frame["type"] in ("reliable", "unreliable")]
    assert all(frame.get("last", True) for frame in segments)
    return segments


def test_packet_numbers_wrap() -> None:
    """Sixteen bits of packet numbers run over, and every packet around that is opened and taken apart.

    The packets between the handshake and these are not in the recording; both sides are set as if they had come.
    """
    replay = Replay("packet-number-wrap")
    replay.shake_hands()
    data = [row for row in replay.rows if row["kind"] == "Data"]
    assert {row["wire_packet_number"] for row in data} >= {0xFFFF, 0}
    first = data[0]["packet_number"]
    traffic = replay.connection.traffic
    traffic.window.newest = replay.theirs.newest = first - 1
    traffic.acks.next_number = first
    replay.theirs.acks.gaps[0].begin = first
    sent = 400  # of the independent side's packets the reference library knew about 150
    traffic.sender.flight.start_at(sent)
    replay.theirs.next_to_send = sent
    received = []
    for row in data:
        replay.now = replay.time(row)
        received += replay.account_for(row)
    sizes = {message.length for message in received}
    assert len(received) >= len(data) - 2
    assert len(sizes) == 1, "equal messages, each put together from pieces of two packets"
    assert replay.now > 0
    assert replay.counters.ignored == 0


STATS: Final = load("connection-stats")


@pytest.mark.rule("1, 1.5 rule 1", "1, 2.9 rule 1", "1, 2.9 rule 2")
@pytest.mark.parametrize("row", STATS["steady_traffic"] + STATS["others"], ids=lambda row: row["stats_hex"][:16])
def test_inline_statistics(row: Row) -> None:
    """Reports are kept as they were meant, and every blob is acked in the time it asks for."""
    rig = Rig()
    traffic = rig.connection.traffic
    statistics = rig.connection.statistics
    decoded = row["decoded"]
    rig.inject(2, b"", bytes.fromhex(row["stats_hex"]))
    for kind, kept in (("instantaneous", statistics.remote_instantaneous), ("lifetime", statistics.remote_lifetime)):
        expected = decoded.get("stats", {}).get(kind)
        if expected is None:
            assert kept is None
        else:
            assert kept is not None
            values = MessageToDict(kept, preserving_proto_field_name=True)
            assert {name: int(value) for name, value in values.items()} == expected
    assert traffic.acks.deadline() == rig.now + (0 if decoded.get("flags") == 6 else 50_000)
    rig.run_until(rig.now + 50_000)
    assert len(rig.sent) == 1


def contents(stats: UdpStats) -> set[str]:
    """Which reports; a tracer has none, it only asks for an ack."""
    return {field.name for field, _ in stats.stats.ListFields()}


@pytest.mark.rule("1, 8.1 rule 7")
def test_cadence_of_statistics() -> None:
    """Our reports leave when the recorded ones did: a tracer each 7 s, reports after 20 s and 120 s.

    The peer acks every blob at once, as in the recording; about ten small messages a second keep packets leaving.
    Two reports that the reference library sent within a second, its clocks being a tenth apart, may share a packet.
    """
    recorded: list[tuple[float, set[str]]] = []
    for row in STATS["steady_traffic"]:
        seconds, kinds = row["seconds_after_connect"], set(row["decoded"].get("stats", {}))
        if recorded and seconds - recorded[-1][0] < 1:
            recorded[-1][1].update(kinds)
        else:
            recorded.append((seconds, kinds))
    rig = Rig()
    start = rig.now
    ours: list[tuple[float, set[str]]] = []
    number = 2
    while len(ours) < len(recorded):
        rig.run_until(rig.now + 100_000)
        rig.inject(number, b"\x37" + number.to_bytes(4, "little"))
        number += 1
        assert len(rig.messages()) == 1
        rig.send(b"echo", int(SendFlags.NO_NAGLE))
        for packet in rig.drain():
            if packet.stats:
                ours.append(((packet.time_us - start) / 1_000_000, contents(UdpStats.FromString(packet.stats))))
                rig.inject(number, b"\x98" + packet.number.to_bytes(2, "little") + b"\0\0")
                number += 1
    assert [kinds for _, kinds in ours] == [kinds for _, kinds in recorded]
    for (seconds, _), (recorded_seconds, _) in zip(ours, recorded, strict=True):
        assert abs(seconds - recorded_seconds) < 0.5
