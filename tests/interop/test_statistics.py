"""Do both ends measure the same path, and does each learn what the other measured?"""

from __future__ import annotations

import threading
import time

import pytest
from tests.behaviour.side import Side, Status
from tests.behaviour.stage import REFERENCE_ALONE, End, Link, Pairing, Stage, one_driver
from tests.behaviour.traffic import Outgoing
from tests.interop.gns import Config, OptionValue, Send

LAG_MS = 30
LOSS_PERCENT = 5
PATH: dict[Config, OptionValue] = {
    Config.FAKE_PACKET_LAG_SEND: LAG_MS,
    Config.FAKE_PACKET_LAG_RECV: LAG_MS,
    Config.FAKE_PACKET_LOSS_SEND: LOSS_PERCENT,
    Config.FAKE_PACKET_LOSS_RECV: LOSS_PERCENT,
}
STEP_S = 0.02
STATISTICS_DEADLINE_S = 60.0
ENDS: list[End] = ["client", "server"]


def talk_until_reported(links: list[Link]) -> dict[tuple[int, End], Status]:
    """Every end sends 50 packets a second until it knows what its peer measured (after 20 s, spec 1, 8.1)."""
    deadline = time.monotonic() + STATISTICS_DEADLINE_S
    pace = threading.Event()
    for step in range(1_000_000):
        for link in links:
            for which in ENDS:
                side, connection = link.end(which)
                side.send(connection, [Outgoing(step, 400, Send.RELIABLE * (step % 10 == 0) | Send.NO_NAGLE)])
        pace.wait(STEP_S)
        if step % 50 == 0:
            statuses = {
                (number, which): link.end(which)[0].status(link.end(which)[1])
                for number, link in enumerate(links)
                for which in ENDS
            }
            if all(status.quality_remote >= 0 for status in statuses.values()):
                return statuses
            assert time.monotonic() < deadline, f"no report from the peer: {statuses}"
    raise AssertionError


@pytest.mark.parametrize(
    "pairings",
    [
        pytest.param([Pairing("threads", "reference"), Pairing("reference", "threads")], id="ours-in-both-roles"),
        pytest.param([REFERENCE_ALONE], id="reference-alone", marks=pytest.mark.slow),
    ],
)
def test_ping_and_quality_agree(stage: Stage, pairings: list[Pairing]) -> None:
    """On a path of 60 ms and 5 % loss both ends see 60 ms and 0.95, and report it to each other."""
    links = []
    for pairing in pairings:
        faulty: End = "client" if pairing.client == "reference" else "server"
        links.append(stage.link(pairing, values={faulty: PATH}))
    statuses = talk_until_reported(links)
    for number, link in enumerate(links):
        client, server = statuses[number, "client"], statuses[number, "server"]
        for status in (client, server):
            assert 2 * LAG_MS - 5 <= status.ping_ms <= 2 * LAG_MS + 30
            assert status.quality_local == pytest.approx(1 - LOSS_PERCENT / 100, abs=0.07)
            assert status.quality_remote == pytest.approx(1 - LOSS_PERCENT / 100, abs=0.07)
        assert abs(client.ping_ms - server.ping_ms) <= 15
        for near, far in ((client, server), (server, client)):
            assert near.quality_remote == pytest.approx(far.quality_local, abs=0.09)
            arriving = 1 - LOSS_PERCENT / 100
            assert far.in_packets_per_second == pytest.approx(near.out_packets_per_second * arriving, rel=0.25)
            assert far.in_bytes_per_second == pytest.approx(near.out_bytes_per_second * arriving, rel=0.25)
        for which in ENDS:
            assert_reported(*link.end(which))


def assert_reported(side: Side, connection: int) -> None:
    """Each has understood the statistics that its peer sent (spec 3, 9.3)."""
    assert "\n    Rate stats received from remote host" in side.detailed_status(connection)


@one_driver
def test_queues_empty_when_all_is_acknowledged(pairing: Pairing, stage: Stage) -> None:
    """What is in flight is shown, and counts as settled once the peer has acknowledged it (spec 2, 2.11)."""
    link = stage.link(pairing, {Config.SEND_RATE_MIN: 200_000, Config.SEND_RATE_MAX: 200_000})
    for near, near_connection, far, far_connection in (link.ends("client"), link.ends("server")):
        near.send(near_connection, [Outgoing(1, 60_000, Send.RELIABLE)])
        assert near.status(near_connection).pending_reliable > 0
        far.wait_for_messages(far_connection, 1)
        settled = near.wait_for_status(
            near_connection,
            lambda status: status.pending_reliable == status.sent_unacked_reliable == 0,
            "empty queue",
        )
        assert settled.send_rate == 200_000
        assert settled.ping_ms >= 0
