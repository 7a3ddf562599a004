"""Do both libraries say the same of the same connection: info, quick status and the detailed text? (spec 3, part 9)"""

from __future__ import annotations

import re
import threading
import time
from typing import Final

import pytest
from tests.behaviour.side import Side, Status
from tests.behaviour.stage import End, Link, Pairing, Stage, one_driver
from tests.behaviour.traffic import Outgoing
from tests.interop.gns import Config, Options, OptionValue, Send, State
from tests.support.ports import silent_address

BOTH_ROLES: Final = [Pairing("threads", "reference"), Pairing("reference", "threads")]
ALL_PAIRINGS: Final = [*BOTH_ROLES, Pairing("reference", "reference")]
ENDS: Final[list[End]] = ["client", "server"]

LAG_MS: Final = 20
LAGGING: Final[dict[Config, OptionValue]] = {
    Config.FAKE_PACKET_LAG_SEND: LAG_MS,
    Config.FAKE_PACKET_LAG_RECV: LAG_MS,
}
SPACED: Final[Options] = {Config.SEND_TIME_SINCE_PREVIOUS_PACKET: 1}

STEP_S: Final = 0.025
MESSAGE_BYTES: Final = 400
SETTLE_S: Final = 1.0
TOTALS_AFTER_S: Final = 130.0

CHALLENGE_BYTES: Final = 512
CHALLENGE_REPLY_BYTES: Final = 26

FIXED_COLUMNS: Final = re.compile(
    r" *(Sent|Recv|Recv w seq|Dropped  |OutOfOrder|OOOFixed|Duplicate|SeqLurch|\d|0-25|<1|per)"
)
NUMBER: Final = re.compile(r"\d[\d,]*(?:\.\d+)?")


# ---------------------------------------------------------------------- reading the text


def shape(text: str) -> list[str]:
    """The lines, with # for every number and with one blank for the blanks that pad it."""
    return [
        re.sub(r" *" + NUMBER.pattern, " #", line) if line.strip()[:1] != "<" else line for line in text.split("\n")
    ]


def widths(text: str) -> list[int]:
    """How long the lines are that have fixed columns."""
    return [len(line) for line in text.split("\n") if FIXED_COLUMNS.match(line)]


def numbers(text: str) -> dict[str, list[float]]:
    """The numbers of every line with a label, by block and label; tables and headings are left out."""
    found: dict[str, list[float]] = {}
    heading = ""
    for line in text.split("\n"):
        label, colon, rest = line.strip().partition(":")
        if line.startswith("    ") and not line.startswith("     "):
            heading = NUMBER.sub("", line).strip()
        elif colon:
            found[f"{heading} {label.strip()}"] = [float(one.replace(",", "")) for one in NUMBER.findall(rest)]
    return found


def assert_same_lines(one: str, other: str) -> None:
    """The same lines in the same order, and the same columns."""
    assert shape(one) == shape(other)
    assert widths(one) == widths(other)


def close(one: float, other: float) -> bool:
    """Pings agree within 2 ms or 10 %."""
    return abs(one - other) <= max(2.0, 0.1 * max(one, other))


# ---------------------------------------------------------------------- traffic


def talk(links: list[Link], seconds: float, reliable_every: int = 10) -> None:
    """Both ends of every link send at an even pace."""
    pace = threading.Event()
    begin = time.monotonic()
    for step in range(round(seconds / STEP_S)):
        flags = Send.RELIABLE * (step % reliable_every == 0) | Send.NO_NAGLE
        for link in links:
            for which in ENDS:
                side, connection = link.end(which)
                side.send(connection, [Outgoing(step, MESSAGE_BYTES, flags)])
        pace.wait(max(0.0, begin + (step + 1) * STEP_S - time.monotonic()))


def texts(link: Link) -> tuple[str, str]:
    """What client and server say at this moment."""
    return (
        link.client.detailed_status(link.client_connection),
        link.server.detailed_status(link.server_connection),
    )


def assert_rates_and_pings_agree(link: Link) -> None:
    """What one end sends, the other receives: packets and bytes within 5 %, in both kinds of status."""
    statuses: dict[End, Status] = {which: link.end(which)[0].status(link.end(which)[1]) for which in ENDS}
    client, server = statuses["client"], statuses["server"]
    for near, far in ((client, server), (server, client)):
        assert near.state == State.CONNECTED
        assert near.out_packets_per_second == pytest.approx(far.in_packets_per_second, rel=0.05)
        assert near.out_bytes_per_second == pytest.approx(far.in_bytes_per_second, rel=0.05)
        assert near.quality_local == pytest.approx(1.0, abs=0.02)
        assert near.quality_remote == pytest.approx(1.0, abs=0.02)
    assert close(client.ping_ms, server.ping_ms), (client.ping_ms, server.ping_ms)
    assert client.send_rate == server.send_rate
    of_client, of_server = map(numbers, texts(link))
    for near_text, far_text, near in ((of_client, of_server, client), (of_server, of_client, server)):
        for mine, theirs in (
            ("Current rates: Sent", "Current rates: Recv"),
            ("Current rates: Recv", "Current rates: Sent"),
        ):
            assert near_text[mine] == pytest.approx(far_text[theirs], rel=0.05)
        assert close(near_text["Current rates: Ping"][0], near.ping_ms)
        assert near_text["Current rates: Est avail bandwidth"] == [pytest.approx(near.send_rate / 1024, abs=0.051)]
        told = "Rate stats received from remote host s ago:"
        for label in ("Sent", "Recv"):
            assert near_text[f"{told} {label}"] == pytest.approx(far_text[f"Current rates: {label}"], rel=0.05)
        assert close(near_text[f"{told} Ping"][0], far_text["Current rates: Ping"][0])


def assert_counters_agree(link: Link) -> None:
    """Every datagram that one end counts as sent is one that the other counts as received or dropped.

    Only the challenge and its reply are on one side alone: a server keeps nothing of them.
    """
    of_client, of_server = map(numbers, texts(link))
    totals = "Lifetime stats: "
    for near, far, handshake_packets, one_sided_bytes, client_only in (
        (of_client, of_server, 2, CHALLENGE_BYTES, -1),
        (of_server, of_client, 1, -CHALLENGE_REPLY_BYTES, 1),
    ):
        packets, sent_bytes = near[totals + "Sent"]
        received, received_bytes = far[totals + "Recv"]
        [sequenced] = far[totals + "Recv w seq"]
        dropped = far[totals + "Dropped"][0]
        assert sequenced + dropped == packets - handshake_packets
        assert received + dropped == packets + client_only
        if not dropped:
            assert received_bytes == sent_bytes - one_sided_bytes
        for label in ("OutOfOrder", "Duplicate", "SeqLurch"):
            assert far[totals + label] == [0, 0]


# ---------------------------------------------------------------------- scenarios


def test_connecting_and_giving_up_read_the_same(stage: Stage) -> None:
    """Nobody answers; the texts, and info and status beside them, are equal to the last byte."""
    with silent_address() as address:
        sides: list[Side] = [stage.open("threads", "ours"), stage.open("reference", "reference")]
        options: Options = {Config.TIMEOUT_INITIAL: 1800, Config.SEND_RATE_MIN: 100_000, Config.SEND_RATE_MAX: 100_000}
        asking = [(side, side.connect(str(address), options)) for side in sides]
        time.sleep(0.25)
        ours, reference = (side.detailed_status(connection) for side, connection in asking)
        assert ours == reference
        assert ours.startswith("End-to-end connection: connecting\n    Current rates:\n")
        for side, connection in asking:
            side.wait_for_state(connection, State.PROBLEM_DETECTED_LOCALLY)
        ours, reference = (side.detailed_status(connection) for side, connection in asking)
        assert ours == reference
        statuses = [side.status(connection) for side, connection in asking]
        assert statuses[0] == statuses[1]
        infos = [side.info(connection) for side, connection in asking]
        assert infos[0] is not None
        assert infos[1] is not None
        assert infos[0]._replace(description="") == infos[1]._replace(description="")


FIXED: Final[Options] = {Config.SEND_RATE_MIN: 262_144, Config.SEND_RATE_MAX: 262_144}
"""The default of the reference library, whose rate never follows the path."""


def test_a_new_connection_reads_the_same(stage: Stage) -> None:
    """In either role: the same text as the reference library's in that role, but for the ping."""
    links = [stage.link(pairing, FIXED) for pairing in ALL_PAIRINGS]
    for which in ENDS:
        said = []
        for link in links:
            side, connection = link.end(which)
            # Ours announces a window in the handshake, which makes that a few bytes longer (spec 2, 2.16 rule 28).
            text = re.sub(r"[\d,]+ bytes", "# bytes", side.detailed_status(connection))
            said.append(re.sub(r"Ping:\d+ms", "Ping:#ms", re.sub(r" +# bytes", " # bytes", text)))
        assert said[0] == said[1] == said[2]


def test_half_a_minute_of_traffic_reads_the_same(stage: Stage) -> None:
    """Lag and even traffic until both know what the other measured (20 s): same lines, and numbers that agree."""
    links = []
    for pairing in BOTH_ROLES:
        lagging: End = "client" if pairing.client == "reference" else "server"
        links.append(stage.link(pairing, {**SPACED, **FIXED}, {lagging: LAGGING}))
    talk(links, 32)
    for link in links:
        assert_same_lines(*texts(link))
        assert_rates_and_pings_agree(link)
        client, server = (link.end(which)[0].info(link.end(which)[1]) for which in ENDS)
        assert client is not None
        assert server is not None
        assert (client.state, client.flags, client.reason, client.text) == (
            server.state, server.flags, server.reason, server.text,
        )  # fmt: skip
    time.sleep(SETTLE_S)
    for link in links:
        assert_counters_agree(link)
        link.server.close_connection(link.server_connection, 1234, "enough")
    for link in links:
        link.client.wait_for_state(link.client_connection, State.CLOSED_BY_PEER)
    ours, reference = (link.client.detailed_status(link.client_connection) for link in links)
    assert ours.startswith("End-to-end connection: closed by remote host, reason code 1234.  (enough)\n")
    assert_same_lines(ours, reference)
    assert ours.split("\n")[0] == reference.split("\n")[0]


@one_driver
def test_losses_are_counted_alike(pairing: Pairing, stage: Stage) -> None:
    """What one library counts as sent is what the other counts as received or dropped, packet for packet."""
    lossy: dict[Config, OptionValue] = {Config.FAKE_PACKET_LOSS_SEND: 5, Config.FAKE_PACKET_LOSS_RECV: 5}
    faulty: End = "client" if pairing.client == "reference" else "server"
    link = stage.link(pairing, SPACED)
    side, _ = link.end(faulty)
    side.set_globals(lossy)
    talk([link], 6)
    side.set_globals(dict.fromkeys(lossy, 0))
    talk([link], 1)
    time.sleep(SETTLE_S)
    assert_counters_agree(link)
    for text in texts(link):
        assert 0 < numbers(text)["Lifetime stats: Dropped"][0] < 50


def test_queues_read_the_same(stage: Stage) -> None:
    """A queue of seconds: the same sizes and the same time to wait in either library, then nothing."""
    rate, size = 40_000, 80_000
    limits: Options = {Config.SEND_RATE_MIN: rate, Config.SEND_RATE_MAX: rate}
    links = [stage.link(pairing, limits) for pairing in BOTH_ROLES]
    for which in ENDS:
        said: list[tuple[Status, dict[str, list[float]]]] = []
        for link in links:
            side, connection = link.end(which)
            side.send(connection, [Outgoing(1, size, Send.RELIABLE | Send.NO_NAGLE)])
            said.append((side.status(connection), numbers(side.detailed_status(connection))))
        for status, text in said:
            waiting = status.pending_unreliable + status.pending_reliable
            assert waiting + status.sent_unacked_reliable == pytest.approx(size, rel=0.001)
            assert status.queue_time_us == pytest.approx(waiting * 1_000_000 / rate, rel=0.05)
            assert text["Current rates: Bytes buffered"][0] == pytest.approx(waiting, rel=0.1)
            assert text["Current rates: Est avail bandwidth"] == [39.1]
        (one, _), (other, _) = said
        assert one.queue_time_us == pytest.approx(other.queue_time_us, rel=0.1)
        for link in links:
            side, connection = link.end(which)
            settled = side.wait_for_status(connection, lambda status: status.queue_time_us == 0, "empty queue")
            assert settled.pending_reliable < 2_000


@one_driver
@pytest.mark.parametrize("is_spaced", [False, True])
def test_jitter_needs_the_spacing_of_packets(pairing: Pairing, stage: Stage, is_spaced: bool) -> None:
    """Without it nobody knows; with it both do, and asking again starts anew (spec 3, 9.2)."""
    link = stage.link(pairing, SPACED if is_spaced else {Config.SEND_TIME_SINCE_PREVIOUS_PACKET: 0})
    talk([link], 1)
    time.sleep(SETTLE_S)
    for which in ENDS:
        side, connection = link.end(which)
        first = side.status(connection).max_jitter_us
        assert 0 <= first < 250_000 if is_spaced else first == -1
        assert side.status(connection).max_jitter_us == -1
        assert ("Latency variance histogram not available" in side.detailed_status(connection)) != is_spaced


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_totals_of_the_peer_read_the_same(stage: Stage) -> None:
    """After two minutes both have the other's lifetime totals, with all histograms (spec 1, 8.1)."""
    links = [stage.link(pairing, SPACED) for pairing in ALL_PAIRINGS]
    talk(links, TOTALS_AFTER_S)
    for link in links:
        assert_same_lines(*texts(link))
        assert_rates_and_pings_agree(link)
        client, server = map(numbers, texts(link))
        for near, far in ((client, server), (server, client)):
            told = "Lifetime stats received from remote host s ago: "
            for label in ("Sent", "Recv"):
                assert near[told + label] == pytest.approx(far[f"Lifetime stats: {label}"], rel=0.15)
            assert near[told + "Dropped"] == far["Lifetime stats: Dropped"]
            intervals = far["Lifetime stats: Connection quality histogram"][0]
            assert intervals - 4 <= near[told + "Connection quality histogram"][0] <= intervals
