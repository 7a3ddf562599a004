"""Does an established connection of ours do with odd, wrong and excessive packets what the reference library did?"""

from typing import Any, Final

import pytest
from tests.support.hand_made import CASES, is_body, limits
from tests.support.rig import ASK_AT_ONCE, PLAIN_ONLY, Rig

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.torture.reference_receiver import ReferenceModel
from gamesockets.values.enums import SendFlags
from gamesockets.wire.datagram import decode_control
from gamesockets.wire.messages_pb2 import ConnectionClosed

BETTER: Final[dict[str, tuple[list[int], str]]] = {
    "order_fix_2": (
        [1, 2, 3, 4],
        "the reference library's search stops one message late; a correct insertion is compatible (spec 2, 2.5.3)",
    ),
}
"""Cases in which our application gets its messages in a better order: their numbers, and why."""


REPLAYED: Final = {
    "ack_future": "the number of a packet that is ignored is used up, so that nobody can send a copy of it",
}
"""Cases in which a second packet with the number of the first counts only in the reference library, and why."""

IN_FLIGHT: Final[dict[str, tuple[int, str]]] = {
    "ack_nack_then_ack": (
        0,
        "our stop-waiting value stays below a packet reported missing just now, so the frame that no longer mentions "
        "it says that it came after all; the reference library has given it up and repeats its data",
    ),
}
"""Cases in which less remains unacknowledged on our side: how many bytes, and why."""


def rig_for(case: dict[str, Any]) -> Rig:
    buffer_bytes, buffer_messages, message_bytes, segments = limits(case)
    options = ConnectionOptions(
        unencrypted=PLAIN_ONLY,
        recv_buffer_size_bytes=buffer_bytes,
        recv_buffer_messages=buffer_messages,
        recv_max_message_size=message_bytes,
        recv_max_segments_per_packet=segments,
    )
    return Rig(options)


def reported(rig: Rig, request_number: int) -> set[int]:
    """The packets that our side calls received when it is asked for an immediate ack."""
    rig.inject(request_number, b"", ASK_AT_ONCE)
    (answer,) = rig.drain()
    reader = ReferenceModel(next_to_send=request_number + 1)
    reader.receive(answer.number, answer.payload, 0)
    (ack,) = [frame for frame in reader.frames if frame["type"] == "ack"]
    end = ack["latest"] + 1
    received: set[int] = set()
    for acked, missing in ack["blocks"]:
        received |= set(range(end - acked, end))
        end -= acked + missing
    return received | set(range(end))


@pytest.mark.rule("2, 2.2.11 rule 2", "2, 2.4 rule 5", "2, 2.5.4", "2, 2.10 rule 5", "2, 2.16 rule 11")
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_outcome(case: dict[str, Any]) -> None:
    """Same state, same reason, same messages in the same order, and the same packets acknowledged."""
    rig = rig_for(case)
    connection = rig.connection
    state = case.get("peer_sender_state", {})
    for number in state.get("peer_packets", []):
        rig.send(b"four", int(SendFlags.RELIABLE | SendFlags.NO_NAGLE))
        assert [packet.number for packet in rig.drain()] == [number]
    for packet in case["packets"]:
        rig.inject(packet["pkt"], bytes.fromhex(packet["payload_hex"]))

    expected = case["delivered_to_application"]
    if case["name"] in BETTER:
        numbers, _ = BETTER[case["name"]]
        assert numbers != [row["number"] for row in expected]
        expected = [next(row for row in expected if row["number"] == number) for number in numbers]
    if case["name"] in REPLAYED:
        expected = []
    messages = rig.messages()
    for message, row in zip(messages, expected, strict=True):
        assert (message.message_number, message.lane) == (row["number"], row["lane"])
        assert message.flags == (SendFlags.RELIABLE if row["reliable"] else 0)
        assert is_body(message.data, row, case)

    if case["outcome"] == "closed":
        assert connection.state == State.PROBLEM_DETECTED_LOCALLY
        assert connection.end_reason == case["close_reason"]
        assert connection.end_debug
        rig.drain()
        (datagram,) = rig.control
        told = decode_control(datagram)
        assert isinstance(told, ConnectionClosed)
        assert told.reason_code == case["close_reason"]
        assert all("acknowledged" not in packet for packet in case["packets"])
        return

    assert case["outcome"] == "kept"
    assert connection.state == State.CONNECTED
    received = reported(rig, max(packet["pkt"] for packet in case["packets"]) + 1)
    for packet in case["packets"]:
        # Unknown in the recording: two packets had this number. One of them was processed, so it is reported.
        is_acknowledged = packet["acknowledged"] is not False and case["name"] not in REPLAYED
        assert (packet["pkt"] in received) == is_acknowledged
    if state:
        rig.run_until(rig.now + 60_000)
        assert connection.sender.pending_bytes() == state["pending"]
        unacked = IN_FLIGHT[case["name"]][0] if case["name"] in IN_FLIGHT else state["sent_unacked"]
        assert connection.sender.unacked_reliable_bytes() == unacked


@pytest.mark.rule("2, 2.5.3 rule 2")
def test_what_is_better_is_recorded() -> None:
    """The table names only cases there are."""
    assert BETTER.keys() | IN_FLIGHT.keys() | REPLAYED.keys() <= {case["name"] for case in CASES}
