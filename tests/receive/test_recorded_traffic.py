"""Does recorded traffic of two reference libraries become the recorded messages, and are our acks as good as theirs?"""

from typing import Any, Final

import pytest
from tests.support.captures import CAPTURES, OTHER, SIDES, Message, Packet, events, microseconds, received_by
from tests.support.recorded import load
from tests.support.rig import ASK_AT_ONCE, Rig, SentPacket

from gamesockets.connection.states import State
from gamesockets.receive.acks import AckReporter
from gamesockets.torture.reference_receiver import ACKNOWLEDGED, ReferenceModel
from gamesockets.values.enums import SendFlags

MILLISECOND: Final = 1000
OUR_FIRST_PACKET: Final = 20_000
"""Recorded acks are about packets of the reference library; far above them, ours are not meant."""

CROSSING_US: Final = 1_200
"""Recorded times are taken between the two sides: so long a packet may be on its way before it is read."""

DELAY_NOISE_US: Final = 6_000
UNKNOWN: Final = 0xFFFF
PING_MESSAGE: Final = b"m"


def frames_of(payload: bytes) -> list[dict[str, Any]]:
    """The frames of one of our packets, as an independent reader sees them."""
    model = ReferenceModel(next_to_send=1 << 14)
    model.newest = OUR_FIRST_PACKET
    assert model.receive(OUR_FIRST_PACKET + 1, payload, 0) == ACKNOWLEDGED
    return model.frames


def ack_of(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The only ack frame."""
    (ack,) = [frame for frame in frames if frame["type"] == "ack"]
    return ack


class Truth:
    """What arrived at a side so far, and what the peer wants to hear of."""

    def __init__(self) -> None:
        self.arrived: set[int] = set()
        self.wanted_from = 0

    def packet_arrived(self, packet: Packet) -> None:
        self.arrived.add(packet.number)
        for frame in packet.frames:
            if frame["type"] == "stop_waiting":
                self.wanted_from = max(self.wanted_from, frame["pkt"])

    def assert_told(self, ack: dict[str, Any]) -> None:
        """What the frame calls received was, what it calls missing was not, and no hole is left out (spec 2, 2.6.4)."""
        end = ack["latest"] + 1
        for acked, missing in ack["blocks"]:
            self._assert_arrived(end - acked, end)
            assert self.arrived.isdisjoint(range(end - acked - missing, end - acked))
            end -= acked + missing
        self._assert_arrived(self.wanted_from, end)

    def _assert_arrived(self, begin: int, end: int) -> None:
        assert self.arrived.issuperset(range(max(begin, self.wanted_from, 2), end))


@pytest.mark.rule("2, 2.17 rule 1")
@pytest.mark.parametrize("name", CAPTURES)
def test_messages_of_a_capture(name: str) -> None:
    """A connection for each side gets the packets as they arrived, copies, gaps and all.

    Each delivers exactly the recorded messages in the recorded order, drops copies unread, and whatever ack frame it
    sends by its own choice of time is true and complete.
    """
    rigs = {side: Rig(is_client=side == "client") for side in SIDES}
    start = rigs["client"].now
    truths = {side: Truth() for side in SIDES}
    got: dict[str, list[Message]] = {side: [] for side in SIDES}
    copies = dict.fromkeys(SIDES, 0)
    acked = dict.fromkeys(SIDES, False)

    def check(side: str, sent: list[SentPacket]) -> None:
        for packet in sent:
            for frame in frames_of(packet.payload):
                if frame["type"] == "ack":
                    truths[side].assert_told(frame)
                    acked[side] = True

    for rig in rigs.values():
        rig.number_from(OUR_FIRST_PACKET)
    for time_us, is_sending, packet in events(name):
        if is_sending:
            continue
        side = OTHER[packet.sender]
        rig, truth = rigs[side], truths[side]
        before = len(rig.sent)
        rig.run_until(start + time_us)
        check(side, rig.sent[before:])
        copies[side] += packet.number in truth.arrived
        rig.inject(packet.number, packet.payload)
        truth.packet_arrived(packet)
        check(side, rig.drain())
        got[side] += [
            Message(side, row.message_number, row.lane, row.flags == SendFlags.RELIABLE, row.data)
            for row in rig.messages()
        ]
    for side, rig in rigs.items():
        assert got[side] == received_by(name, side)
        assert rig.connection.traffic.window.newest == max(truths[side].arrived, default=1)
        assert rig.endpoint.counters.duplicates == copies[side]
        assert rig.connection.state == State.CONNECTED
        before = len(rig.sent)
        rig.run_until(rig.now + 60 * MILLISECOND)
        check(side, rig.sent[before:])
        has_reliable = any(message.reliable for message in got[side])
        assert acked[side] or not has_reliable


@pytest.mark.rule("2, 2.6.4 rule 7")
@pytest.mark.parametrize("name", CAPTURES)
def test_ack_frames_of_a_capture(name: str) -> None:
    """Asked at the moments when the reference library wrote an ack frame, our reporter writes the same.

    Packet numbers and blocks are equal in every recorded packet; the delay is, up to the noise of the recorded times.
    """
    reporters = {side: AckReporter(2) for side in SIDES}
    on_the_way: dict[str, list[tuple[int, Packet]]] = {side: [] for side in SIDES}
    heard: set[tuple[str, int]] = set()

    def read(side: str, now: int, latest: int) -> None:
        """The side reads what came, but not what can have crossed a packet that does not know of it."""
        waiting = on_the_way[side]
        on_the_way[side] = []
        for arrived_at, packet in waiting:
            if (packet.sender, packet.number) in heard:
                continue
            if packet.number > latest and now - arrived_at < CROSSING_US:
                on_the_way[side].append((arrived_at, packet))
                continue
            heard.add((packet.sender, packet.number))
            wants_ack = False
            for frame in packet.frames:
                if frame["type"] == "stop_waiting":
                    assert reporters[side].stop_waiting(frame["pkt"], packet.number)
                wants_ack |= frame["type"] == "reliable"
            reporters[side].received(packet.number, wants_ack, arrived_at)

    for now, is_sending, packet in events(name):
        side = packet.sender
        if not is_sending:
            on_the_way[OTHER[side]].append((now, packet))
            continue
        recorded = ack_of(packet.frames)
        read(side, now, recorded["latest"])
        ours = ack_of(frames_of(reporters[side].frame(now, now, 1248)))
        assert (ours["latest"], ours["blocks"]) == (recorded["latest"], recorded["blocks"])
        if UNKNOWN in (ours["delay"], recorded["delay"]):
            assert ours["delay"] == recorded["delay"]
        else:
            assert abs(ours["delay"] - recorded["delay"]) * 32 < DELAY_NOISE_US


@pytest.mark.rule("2, 2.6.1 rule 7", "2, 2.6.4 rule 4", "2, 2.6.4 rule 7")
@pytest.mark.parametrize("case", load("snp-ack-generation")["cases"], ids=lambda case: case["name"])
def test_ack_for_a_given_reception(case: dict[str, Any]) -> None:
    """The ack frame is, byte for byte, what the reference library answered; so is the one in the next packet.

    Left out on purpose: the stop-waiting frame before it. Our first packets have nothing new to say with it, and no
    receiver needs it (spec 2, 2.16, free choices).
    """
    rig = Rig()
    for packet in case["received"]:
        rig.inject(packet["pkt"], bytes.fromhex(packet["payload_hex"]))
    rig.inject(case["ack_request_pkt"], b"", ASK_AT_ONCE)
    (reply,) = rig.drain()
    assert reply.number == 2
    assert case["reply_frames"][0]["type"] == case["following_frames"][0]["type"] == "stop_waiting"
    assert reply.payload == bytes.fromhex(case["reply_payload_hex"])[2:]
    rig.now += 32 * case["following_frames"][1]["delay"]
    rig.send(PING_MESSAGE, int(SendFlags.NO_NAGLE))
    (following,) = rig.drain()
    assert following.payload == bytes.fromhex(case["following_payload_hex"])[2:]


ON_PURPOSE: Final[dict[str, tuple[list[tuple[float, int, list[list[int]]]], str]]] = {
    "lane_after_reliable": (
        [(50, 2, [])],
        "reliable data is remembered whatever lane comes last, so it is acked in 50 ms (spec 2, 2.6.1, trap)",
    ),
    "select_after_reliable": ([(50, 2, [])], "the same"),
    "nack_waits_for_think": (
        [(3, 4, [[1, 1]])],
        "a hole is told after the hold-off of 3 ms, because our timers know of it: the peer repeats sooner",
    ),
    "nack_after_holdoff": ([(3, 4, [[1, 1]]), (8, 4, [[1, 1]])], "the same, and the later message tells it again"),
}
"""Rows of snp-ack-scheduling in which we do better: (ms, latest, blocks) of what we send, and why."""


@pytest.mark.rule("2, 2.6.1 rule 10", "2, 2.6.2", "2, 2.6.4 rule 7")
@pytest.mark.parametrize("case", load("snp-ack-scheduling")["cases"], ids=lambda case: case["name"])
def test_time_of_acks(case: dict[str, Any]) -> None:
    """Acks and nacks leave when the reference library's did, timer noise of its host aside, and say the same.

    A stop-waiting frame goes with them only when it has something new to say, as in the answers to ack blocks.
    """
    rig = Rig()
    start = rig.now
    application_at = case.get("receiver_application_sends_1_byte_nonagle_at_ms")
    happens: list[tuple[int, dict[str, Any] | None]] = [
        (packet["t_ms"] * MILLISECOND, packet) for packet in case["received"]
    ]
    if application_at is not None:
        happens.append((application_at * MILLISECOND, None))
    for time_us, packet in happens:
        rig.run_until(start + time_us)
        if packet is None:
            rig.send(PING_MESSAGE, int(SendFlags.NO_NAGLE))
        else:
            rig.inject(packet["pkt"], bytes.fromhex(packet["payload_hex"]))
        rig.drain()
    rig.run_until(start + case["watched_ms"] * MILLISECOND)
    recorded = case["sent_back"]
    if case["name"] in ON_PURPOSE:
        expected, _ = ON_PURPOSE[case["name"]]
    else:
        expected = [(row["t_ms"], *(ack_of(row["frames"])[key] for key in ("latest", "blocks"))) for row in recorded]
    assert len(rig.sent) == len(expected)
    for packet_sent, (at_ms, latest, blocks), number in zip(rig.sent, expected, range(2, 9), strict=False):
        elapsed_us = packet_sent.time_us - start
        assert packet_sent.number == number
        assert -MILLISECOND < microseconds(at_ms) - elapsed_us < 7 * MILLISECOND
        frames = frames_of(packet_sent.payload)
        ack = ack_of(frames)
        assert (ack["latest"], ack["blocks"]) == (latest, blocks)
        arrived_at = max(time_us for time_us, packet in happens if packet is not None and packet["pkt"] == latest)
        assert ack["delay"] == (elapsed_us - arrived_at) // 32
        row = next((row for row in recorded if row["pkt"] == packet_sent.number), None)
        if row is not None and case["name"] not in ON_PURPOSE:
            kinds = [frame["type"] for frame in row["frames"] if frame["type"] != "stop_waiting"]
            assert [frame["type"] for frame in frames if frame["type"] != "stop_waiting"] == kinds
            waits = [offset for offset in (row["frames"][0]["offset"],) if offset != row["pkt"] - 1]
            assert [frame["offset"] for frame in frames if frame["type"] == "stop_waiting"] == waits


def test_what_differs_on_purpose_is_recorded_otherwise() -> None:
    """The table names only cases there are, and in each of them the reference library did something else."""
    cases = {case["name"]: case for case in load("snp-ack-scheduling")["cases"]}
    for name, (expected, reason) in ON_PURPOSE.items():
        assert reason
        assert [row["t_ms"] for row in cases[name]["sent_back"]] != [at_ms for at_ms, _, _ in expected]
