"""Is every payload that was ever recorded taken apart into the frames that were recorded with it?"""

from typing import Any

import pytest
from tests.support.captures import CAPTURES, OTHER, SIDES, Packet, events, packets
from tests.support.hand_made import CASES
from tests.support.recorded import load

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.inbox import Inbox
from gamesockets.receive.acks import AckReporter
from gamesockets.receive.memory import MemoryPool
from gamesockets.receive.receiver import Receiver
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import PeerRecord
from gamesockets.wire.frames import RELATIVE, AckBlock, FrameSink, decode
from gamesockets.wire.numbers import widen


class Listener(FrameSink):
    """Stands between the decoder and a receiver, and writes the frames down as the recordings do.

    Full numbers and positions are read from the receiver after each frame. A sink does not see whether a size was on
    the wire, so `size_explicit` is left out here and checked by `assert_sizes_stand_where_they_may`.
    """

    def __init__(self) -> None:
        options = ConnectionOptions(recv_buffer_size_bytes=1 << 25)
        self.inbox = Inbox(set())
        self.receiver = Receiver(
            AckReporter(2), PeerRecord(1, NetworkingIdentity.invalid(), -1), self.inbox, options, MemoryPool()
        )
        self.frames: list[dict[str, Any]] = []
        self.number = 0
        self.next_to_send = 2
        self._lane = 0

    def listen(self, number: int, payload: bytes) -> list[dict[str, Any]]:
        """The frames of a packet, fed to the receiver on the way."""
        self.receiver.process(b"", number, self.next_to_send, 0)  # as at the beginning of every packet
        self.frames = []
        self.number = number
        self._lane = 0
        assert decode(payload, self) == self.receiver.fault == ""
        self.inbox.take(1 << 30)
        return self.frames

    def unreliable(self, number_bits: int, number: int, offset: int, is_last: bool, data: bytes) -> bool:
        goes_on = self.receiver.unreliable(number_bits, number, offset, is_last, data)
        how = {"num_delta": number} if number_bits == RELATIVE else {"num_bits": number_bits}
        full = self.receiver._unreliable_number
        self.frames.append(
            {"type": "unreliable", "lane": self._lane, "num": full, "offset": offset, "last": is_last}
            | {"size": len(data)}
            | how
        )
        return goes_on

    def reliable(self, position_bits: int, position: int, data: bytes) -> bool:
        goes_on = self.receiver.reliable(position_bits, position, data)
        how = {"pos_gap": position} if position_bits == RELATIVE else {"pos_bits": position_bits}
        begin = self.receiver._stream_position - len(data)
        self.frames.append({"type": "reliable", "lane": self._lane, "pos": begin, "size": len(data)} | how)
        return goes_on

    def ack(self, latest_bits: int, latest: int, delay: int, blocks: list[AckBlock]) -> bool:
        full = widen(latest, latest_bits, self.next_to_send)
        pairs = [list(block) for block in blocks]
        self.frames.append({"type": "ack", "latest_bits": latest_bits, "latest": full, "delay": delay, "blocks": pairs})
        return True

    def stop_waiting(self, offset: int) -> bool:
        self.frames.append({"type": "stop_waiting", "offset": offset, "pkt": self.number - offset - 1})
        return True

    def select_lane(self, lane: int) -> bool:
        self._lane = lane
        self.frames.append({"type": "select_lane", "lane": lane})
        return self.receiver.select_lane(lane)


def without_size_form(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in frame.items() if key != "size_explicit"} for frame in frames]


def assert_sizes_stand_where_they_may(payload: bytes, frames: list[dict[str, Any]]) -> None:
    """A recorded segment without a size is the last frame, and its lead byte says so."""
    for place, frame in enumerate(frames):
        if frame.get("size_explicit") is False:
            assert place == len(frames) - 1
            lead = payload[len(payload) - frame["size"] - header_bytes(frame)]
            assert lead & 7 == 7


def header_bytes(frame: dict[str, Any]) -> int:
    """Size of a segment header without a size byte; the recorded ones use the shortest forms."""
    if frame["type"] == "reliable":
        if "pos_bits" in frame:
            return 1 + int(frame["pos_bits"]) // 8
        return next(1 + size for size in (0, 1, 2, 4) if frame["pos_gap"] < 256**size)
    number = frame["num_bits"] // 8 if "num_bits" in frame else varint_bytes(frame["num_delta"], 1)
    return 1 + int(number) + varint_bytes(frame["offset"], 0)


def varint_bytes(value: int, left_out: int) -> int:
    return 0 if value == left_out else max(1, -(-value.bit_length() // 7))


@pytest.mark.rule("2, 2.2", "2, 2.7.2 rule 3", "2, 2.7.3 rule 1")
@pytest.mark.parametrize("name", CAPTURES)
def test_captures(name: str) -> None:
    """Every packet, in the order of arrival, so that short numbers meet the state they were meant for."""
    ends = {side: Listener() for side in SIDES}
    seen: set[int] = set()
    for packet in packets(name):
        assert_sizes_stand_where_they_may(packet.payload, packet.frames)
        if not packet.arrivals_us:  # the receiver never saw it; only full numbers can be told
            lost = Listener()
            lost.next_to_send = packet.number + 1
            assert lost.listen(packet.number, packet.payload) == without_size_form(packet.frames)
            seen.add(id(packet))
    count = len(seen)
    heard: set[tuple[str, int]] = set()
    for _, is_sending, packet in events(name):
        if is_sending:
            ends[packet.sender].next_to_send = packet.number + 1
        elif (packet.sender, packet.number) not in heard:
            heard.add((packet.sender, packet.number))
            assert_heard(ends[OTHER[packet.sender]], packet)
    assert count + len(heard) == len(load(name)["packets"])


def assert_heard(listener: Listener, packet: Packet) -> None:
    assert listener.listen(packet.number, packet.payload) == without_size_form(packet.frames)


@pytest.mark.rule("2, 2.2.4", "2, 2.16 rule 10")
@pytest.mark.parametrize(
    "case",
    [case for case in CASES if any("frames" in packet for packet in case["packets"])],
    ids=lambda case: case["name"],
)
def test_unusual_payloads(case: dict[str, Any]) -> None:
    """Every field width, relative and long forms, in the recorded order."""
    listener = Listener()
    listener.next_to_send = 5 if "peer_sender_state" in case else 2
    for packet in case["packets"]:
        payload = bytes.fromhex(packet["payload_hex"])
        assert listener.listen(packet["pkt"], payload) == without_size_form(packet["frames"])


@pytest.mark.parametrize("case", load("snp-ack-generation")["cases"], ids=lambda case: case["name"])
def test_generated_acks(case: dict[str, Any]) -> None:
    """Both recorded answers, up to the longest ack frame there is."""
    listener = Listener()
    listener.next_to_send = case["ack_request_pkt"] + 1
    for number, kind in ((2, "reply"), (3, "following")):
        payload = bytes.fromhex(case[f"{kind}_payload_hex"])
        frames = case[f"{kind}_frames"]
        assert_sizes_stand_where_they_may(payload, frames)
        assert listener.listen(number, payload) == without_size_form(frames)


@pytest.mark.parametrize("case", load("snp-ack-scheduling")["cases"], ids=lambda case: case["name"])
def test_scheduled_acks(case: dict[str, Any]) -> None:
    """Every recorded answer."""
    listener = Listener()
    listener.next_to_send = 5
    for packet in case["sent_back"]:
        payload = bytes.fromhex(packet["payload_hex"])
        assert_sizes_stand_where_they_may(payload, packet["frames"])
        assert listener.listen(packet["pkt"], payload) == without_size_form(packet["frames"])
