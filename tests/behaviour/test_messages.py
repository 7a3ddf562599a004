"""Does every message arrive as it was sent, whatever its kind and size?"""

from __future__ import annotations

import pytest
from tests.behaviour.stage import End, Pairing, Stage
from tests.behaviour.traffic import Outgoing, assert_in_order, expected, mixture, numbered
from tests.interop.gns import MAX_MESSAGE_BYTES, Config, Options, Result, Send

from gamesockets.values import results

SIZES = [0, 1, 64, 1_000, 1_132, 1_200, 16_000, 100_000, MAX_MESSAGE_BYTES]
# Fast, yet so slow that the socket of a receiver that has to wait for a processor does not overflow.
FAST: Options = {Config.SEND_RATE_MIN: 10_000_000, Config.SEND_RATE_MAX: 10_000_000}
# The same in packets, for packets of 200 bytes.
FAST_IN_SMALL_PACKETS: Options = {Config.SEND_RATE_MIN: 1_000_000, Config.SEND_RATE_MAX: 1_000_000}
MANY_MESSAGES: Options = {
    Config.SEND_RATE_MIN: 4_000_000,
    Config.SEND_RATE_MAX: 4_000_000,
    Config.SEND_BUFFER_SIZE: 64 << 20,
    Config.RECV_BUFFER_SIZE: 64 << 20,
    Config.RECV_BUFFER_MESSAGES: 100_000,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("flags", [Send.UNRELIABLE, Send.RELIABLE], ids=["unreliable", "reliable"])
def test_sizes(pairing: Pairing, stage: Stage, flags: Send, size: int) -> None:
    """One message each way, at the same time; large unreliable ones arrive as reliable (spec 2, 2.7.1)."""
    link = stage.link(pairing, FAST)
    upwards, downwards = Outgoing(2 * size + 1, size, flags), Outgoing(2 * size + 2, size, flags)
    assert link.client.send(link.client_connection, [upwards]) == [1]
    assert link.server.send(link.server_connection, [downwards]) == [1]
    assert link.server.wait_for_messages(link.server_connection, 1) == [expected(upwards, 1)]
    assert link.client.wait_for_messages(link.client_connection, 1) == [expected(downwards, 1)]


@pytest.mark.parametrize("sender", ["client", "server"])
def test_all_sizes_in_a_row(pairing: Pairing, stage: Stage, sender: End) -> None:
    """Messages of every size follow each other on one connection, numbered from 1 (spec 3, 7.2)."""
    link = stage.link(pairing, {**FAST, Config.SEND_BUFFER_SIZE: 4 << 20, Config.RECV_BUFFER_SIZE: 4 << 20})
    near, near_connection, far, far_connection = link.ends(sender)
    messages = [
        Outgoing(size, size, flags)
        for size in (*SIZES, *range(1_125, 1_140), *range(1_215, 1_225))
        for flags in (Send.RELIABLE, Send.RELIABLE_NO_NAGLE)
    ]
    sent = numbered(messages, near.send(near_connection, messages))
    assert [message.number for message in sent] == list(range(1, len(sent) + 1))
    assert far.wait_for_messages(far_connection, len(sent)) == sent


@pytest.mark.rule("3, 7.1 rule 3")
def test_too_large_to_send(pairing: Pairing, stage: Stage) -> None:
    """One byte more than the limit is refused by the sender (spec 3, 7.1)."""
    link = stage.link(pairing)
    oversize = Outgoing(1, MAX_MESSAGE_BYTES + 1, Send.RELIABLE)
    for side, connection in (link.end("client"), link.end("server")):
        (refusal,) = side.send(connection, [oversize])
        assert -refusal in {Result.INVALID_PARAM, results.Result.VALUE_OUT_OF_RANGE}, (
            "the reference library's, and ours"
        )


@pytest.mark.rule("3, 7.2 rule 2")
def test_twenty_thousand_mixed_messages(pairing: Pairing, stage: Stage) -> None:
    """20,000 messages of both kinds on four lanes each way at once: in order on their lane, none lost."""
    link = stage.link(pairing, MANY_MESSAGES)
    lanes = range(4)
    sent = {}
    for seed, (side, connection) in enumerate((link.end("client"), link.end("server"))):
        assert side.configure_lanes(connection, [0] * len(lanes), [1] * len(lanes)) == Result.OK
        messages = mixture(seed, 20_000, lanes, largest=2_000)
        sent[side] = numbered(messages, side.send(connection, messages))
    for sender, receiver, connection in (
        (link.client, link.server, link.server_connection),
        (link.server, link.client, link.client_connection),
    ):
        got = receiver.wait_for_reliable(connection, sent[sender], timeout_s=90)
        assert_in_order(got, sent[sender], unreliable_share=0.5)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({Config.MTU_PACKET_SIZE: 200}, id="smallest-packets"),
        pytest.param({Config.MTU_PACKET_SIZE: 576}, id="small-packets"),
        pytest.param({Config.SEND_TIME_SINCE_PREVIOUS_PACKET: 1}, id="time-since-previous-packet"),
        pytest.param({Config.NAGLE_TIME: 0}, id="no-nagle"),
    ],
)
def test_settings_that_change_packets(pairing: Pairing, stage: Stage, options: Options) -> None:
    """Smaller packets and the optional time field of the packet header carry the same messages."""
    link = stage.link(pairing, {**FAST_IN_SMALL_PACKETS, **options})
    # A receiver holds 20 pieces of unreliable messages (spec 2, 2.5.1): 2,000 bytes in packets of 200.
    messages = mixture(7, 400, [0], largest=2_000)
    sent = {}
    for side, connection in (link.end("client"), link.end("server")):
        sent[side] = numbered(messages, side.send(connection, messages))
    for sender, receiver, connection in (
        (link.client, link.server, link.server_connection),
        (link.server, link.client, link.client_connection),
    ):
        got = receiver.wait_for_reliable(connection, sent[sender])
        assert_in_order(got, sent[sender], unreliable_share=0.5)
