"""Does traffic survive loss, lag, reordering and duplication?"""

from __future__ import annotations

import threading
import time

import pytest
from tests.behaviour.side import Side
from tests.behaviour.stage import End, Link, Pairing, Stage
from tests.behaviour.traffic import Received, assert_in_order, mixture, numbered
from tests.interop.gns import Config, Options, OptionValue, Result

# Each direction is simulated once, at the end that sends or at the end that receives: 100 ms there and back.
BAD_NETWORK: dict[Config, OptionValue] = {
    Config.FAKE_PACKET_LOSS_SEND: 10,
    Config.FAKE_PACKET_LOSS_RECV: 10,
    Config.FAKE_PACKET_LAG_SEND: 50,
    Config.FAKE_PACKET_LAG_RECV: 50,
    Config.FAKE_PACKET_REORDER_SEND: 10,
    Config.FAKE_PACKET_REORDER_RECV: 10,
    Config.FAKE_PACKET_REORDER_TIME: 15,
    Config.FAKE_PACKET_DUP_SEND: 10,
    Config.FAKE_PACKET_DUP_RECV: 10,
    Config.FAKE_PACKET_DUP_TIME_MAX: 10,
}
OPTIONS: Options = {
    Config.SEND_RATE_MIN: 1_000_000,
    Config.SEND_RATE_MAX: 1_000_000,
    Config.SEND_BUFFER_SIZE: 8 << 20,
    Config.RECV_BUFFER_SIZE: 8 << 20,
    Config.RECV_BUFFER_MESSAGES: 100_000,
}
STEP_S = 0.05
PACKETS_PER_SECOND_MAX = 600  # about 150 are needed
LANES = range(3)


def talk(link: Link, seconds: float) -> dict[Side, list[Received]]:
    """Both ends send a handful of messages of both kinds every 50 ms; what each sent."""
    sent: dict[Side, list[Received]] = {link.client: [], link.server: []}
    pace = threading.Event()
    end = time.monotonic() + seconds
    seed = 0
    while time.monotonic() < end:
        for side, connection in (link.end("client"), link.end("server")):
            seed += 1
            messages = mixture(seed, 12, LANES, largest=5_000)
            sent[side] += numbered(messages, side.send(connection, messages))
        pace.wait(STEP_S)
    return sent


def conditions(pairing: Pairing, faulty: End) -> dict[Config, OptionValue]:
    """What is simulated at one end, for both directions; where both ends share their settings, all that leaves either
    end instead, or all that arrives."""
    if not pairing.is_one_process:
        return BAD_NETWORK
    other = "_RECV" if faulty == "client" else "_SEND"
    return {value: amount for value, amount in BAD_NETWORK.items() if not value.name.endswith(other)}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("faulty", ["client", "server"], ids=["faulty-client", "faulty-server"])
def test_two_way_traffic(pairing: Pairing, stage: Stage, faulty: End, seconds: int) -> None:
    """No reliable byte is lost or out of order, unreliable content is intact, and not by flooding the path;
    the handshake succeeds as well."""
    link = stage.link(pairing, OPTIONS, {faulty: conditions(pairing, faulty)})
    for side, connection in (link.end("client"), link.end("server")):
        assert side.configure_lanes(connection, [0] * len(LANES), [1] * len(LANES)) == Result.OK
    sent = talk(link, seconds)
    for sender, receiver, connection in (
        (link.client, link.server, link.server_connection),
        (link.server, link.client, link.client_connection),
    ):
        got = receiver.wait_for_reliable(connection, sent[sender], timeout_s=60)
        assert_in_order(got, sent[sender], unreliable_share=0.3)
        assert receiver.status(connection).in_packets_per_second < PACKETS_PER_SECOND_MAX
