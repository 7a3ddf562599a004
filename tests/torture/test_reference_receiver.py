"""Is the reference model like the reference library? It has to reproduce every recorded reception exactly."""

from typing import Any

import pytest
from tests.support.captures import CAPTURES, OTHER, SIDES, Message, events, packets, received_by
from tests.support.hand_made import CASES, is_body, limits
from tests.support.recorded import load

from gamesockets.torture.reference_receiver import (
    ACKNOWLEDGED,
    CLOSED,
    IGNORED,
    REFUSED,
    Limits,
    ReferenceModel,
)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_hand_made_cases(case: dict[str, Any]) -> None:
    """Outcome, delivered messages with their order, which packets count, frames, and the effect on sent data."""
    state = case.get("peer_sender_state", {})
    sent = state.get("peer_packets", [])
    model = ReferenceModel(Limits(*limits(case)), next_to_send=2 + len(sent))
    for packet in case["packets"]:
        verdict = model.receive(packet["pkt"], bytes.fromhex(packet["payload_hex"]), 0)
        if "frames" in packet:
            assert model.frames == packet["frames"]
        acknowledged = packet.get("acknowledged", ...)
        if acknowledged is True:
            assert verdict == ACKNOWLEDGED
        elif acknowledged is False:
            assert verdict in (REFUSED, IGNORED)
        elif acknowledged is ...:
            assert verdict in (CLOSED, ACKNOWLEDGED)
    assert model.closed == case.get("close_reason", 0)
    assert (case["outcome"] == "closed") == bool(model.closed)
    for message, row in zip(model.queue, case["delivered_to_application"], strict=True):
        assert (message.number, message.lane, message.reliable) == (row["number"], row["lane"], row["reliable"])
        assert is_body(message.data, row, case)
    if state:
        assert 5 * len(model.unacknowledged) == state["sent_unacked"]


@pytest.mark.rule("2, 2.17 rule 1")
@pytest.mark.parametrize("name", CAPTURES)
def test_traffic(name: str) -> None:
    """Frames of every packet and the messages of both applications, without a complaint about the reference library."""
    ends = {side: ReferenceModel() for side in SIDES}
    got: dict[str, list[Message]] = {side: [] for side in SIDES}
    for packet in packets(name):
        if not packet.arrivals_us:
            alone = ReferenceModel(next_to_send=1 << 15)
            alone.receive(packet.number, packet.payload, 0)
            assert alone.frames == packet.frames
    seen: set[tuple[str, int]] = set()
    for time_us, is_sending, packet in events(name):
        if is_sending:
            ends[packet.sender].next_to_send = packet.number + 1
            continue
        side = OTHER[packet.sender]
        verdict = ends[side].receive(packet.number, packet.payload, time_us)
        is_copy = (packet.sender, packet.number) in seen
        seen.add((packet.sender, packet.number))
        assert verdict == (IGNORED if is_copy else ACKNOWLEDGED)
        if not is_copy:
            assert ends[side].frames == packet.frames
        got[side] += [Message(side, row.number, row.lane, row.reliable, row.data) for row in ends[side].take()]
    for side in SIDES:
        assert got[side] == received_by(name, side)


@pytest.mark.parametrize("case", load("snp-ack-generation")["cases"], ids=lambda case: case["name"])
def test_ack_generation(case: dict[str, Any]) -> None:
    """Byte for byte what the reference receiver answered."""
    model = ReferenceModel()
    now = 1_000_000
    for packet in case["received"]:
        assert model.receive(packet["pkt"], bytes.fromhex(packet["payload_hex"]), now) == ACKNOWLEDGED
    assert model.receive(case["ack_request_pkt"], b"", now, flags=6) == ACKNOWLEDGED
    assert model.answer(now) == (2, bytes.fromhex(case["reply_payload_hex"]))
    later = now + 32 * case["following_frames"][1]["delay"]
    message = bytes.fromhex("37010000006d")
    assert model.packet(later, message) == (3, bytes.fromhex(case["following_payload_hex"]))


@pytest.mark.parametrize("case", load("snp-ack-scheduling")["cases"], ids=lambda case: case["name"])
def test_ack_scheduling(case: dict[str, Any]) -> None:
    """The model answers in the recorded millisecond with the recorded packet, timer noise and delay field aside.

    It has no periodic think, so hold-offs that only thinking ends are looked at when the recording says so.
    """
    model = ReferenceModel()
    start = 1_000_000
    happens = [(packet["t_ms"] * 1000, packet) for packet in case["received"]]
    application_at = case.get("receiver_application_sends_1_byte_nonagle_at_ms")
    answers: list[tuple[int, bytes]] = []
    woken_at = {"nack_holdoff": 3_000, "nack_waits_for_think": 927_400}.get(case["name"])
    for now in range(0, case["watched_ms"] * 1000, 100):
        while happens and happens[0][0] <= now:
            packet = happens.pop(0)[1]
            model.receive(packet["pkt"], bytes.fromhex(packet["payload_hex"]), start + now)
        if application_at is not None and now == application_at * 1000:
            answers.append((now, model.packet(start + now, bytes.fromhex("37010000006d"))[1]))
        answer = model.packet(start + now, b"") if now == woken_at else model.answer(start + now)
        if answer is not None:
            answers.append((now, answer[1]))
    assert len(answers) == len(case["sent_back"])
    for (time_us, payload), row in zip(answers, case["sent_back"], strict=True):
        # Timers of the host fired up to 6 ms late, and an answer was seen after it was sent.
        assert 0 <= row["t_ms"] - time_us / 1000 < 7
        recorded = bytes.fromhex(row["payload_hex"])
        assert payload[:5] + payload[7:] == recorded[:5] + recorded[7:]
