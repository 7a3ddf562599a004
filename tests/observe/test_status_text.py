"""Do people get the right words and numbers about a connection? (spec 3, 2 and 9.3)"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.rig import Rig
from tests.support.snp import fast

import gamesockets as gs
from gamesockets import sim
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State
from gamesockets.connection.stats import Interval
from gamesockets.observe.status_text import SAMPLES_MIN, debug_text, detailed_status, percent_text
from gamesockets.wire.messages_pb2 import ConnectionQuality

SECOND: Final = 1_000_000
RELIABLE: Final = gs.SendFlags.RELIABLE
SPACING: Final = {gs.ConfigurationValue.SEND_TIME_SINCE_PREVIOUS_PACKET: 1}

PING_HEADING: Final = "         0-25    25-50    50-75   75-100  100-125  125-150  150-200  200-300     300+"
QUALITY_HEADING: Final = "    perfect    99+  97-99  95-97  90-95  75-90  50-75    <50   dead"
JITTER_HEADING: Final = "          <1     1-2     2-5    5-10   10-20     >20"


def connected(sent: int = 1, sent_bytes: int = 100, received: int = 0, received_bytes: int = 0) -> DatagramConnection:
    """A connection of which nothing is known but these totals."""
    connection = Rig().connection
    statistics = connection.statistics
    statistics.packets_sent, statistics.bytes_sent = sent, sent_bytes
    statistics.packets_received, statistics.bytes_received = received, received_bytes
    connection.ping.smoothed_us = -1
    statistics.ping_histogram = []
    statistics.pings._samples.clear()
    return connection


def text_of(connection: DatagramConnection, now: int = 0) -> list[str]:
    text = detailed_status(connection, now)
    assert text.endswith("\n")
    return text[:-1].split("\n")


def block(lines: list[str], heading: str, indent: int = 4) -> list[str]:
    """The lines below a heading that are indented deeper than it, without their common indentation."""
    begin = lines.index(" " * indent + heading) + 1
    deeper = " " * (indent + 4)
    found: list[str] = []
    for line in lines[begin:]:
        if not line.startswith(deeper):
            break
        found.append(line.removeprefix(deeper))
    return found


def totals(connection: DatagramConnection) -> list[str]:
    return block(text_of(connection), "Lifetime stats:")


def rates(connection: DatagramConnection) -> list[str]:
    return block(text_of(connection), "Current rates:")


# ---------------------------------------------------------------------- the whole text


@pytest.mark.rule("3, 9.3 rule 1")
def test_nothing_known_yet() -> None:
    assert text_of(connected()) == [
        "End-to-end connection: connected",
        "    Current rates:",
        "        Sent:   0.0 pkts/sec   0.0 K/sec",
        "        Recv:   0.0 pkts/sec   0.0 K/sec",
        "        Est avail bandwidth: 3906.2KB/s  ",
        "        Bytes buffered: 0",
        "    Lifetime stats:",
        "        Totals",
        "            Sent:          1 pkts             100 bytes",
        "            Recv:          0 pkts               0 bytes",
        "        No ping distribution available.  (0 samples)",
        "        No connection quality distribution available.  (0 measurement intervals)",
        "        Latency variance histogram not available",
        "    No rate stats received from remote host",
        "    No lifetime stats received from remote host",
    ]


@pytest.mark.rule("3, 9.3 rule 1")
def test_everything_known() -> None:
    connection = connected(1_234_567, 9_876_543_210, 1_000, 999_999)
    statistics = connection.statistics
    statistics.sequenced = 990
    window = connection.traffic.window
    window.dropped, window.out_of_order, window.duplicate, window.lurch = 10, 5, 123, 1
    connection.ping.smoothed_us = 57_000
    interval = Interval()
    interval.out_packets_per_second, interval.out_bytes_per_second = 60.04, 1024 * 12.34
    interval.in_packets_per_second, interval.in_bytes_per_second = 10_000.06, 1024 * 99_999.94
    interval.dropped, interval.weird, interval.peak_jitter_us = 0.1, 0.0525, 12_345
    statistics.interval = interval
    connection.sender.lanes.queued_bytes = 65_536
    for ping_ms in (20, 30, 60, 90, 120, 140, 180, 250, 400, 20):
        statistics.ping(ping_ms)
    statistics.quality_histogram = [5, 1, 1, 1, 1, 1, 0, 0, 2]
    for quality in (100, 100, 100, 100, 100, 99, 97, 95, 90, 75, 0, 0):
        statistics.qualities.add(quality)
    statistics.jitter_histogram = [6, 5, 4, 3, 2, 1]
    told = ConnectionQuality()
    told.instantaneous.out_packets_per_sec_x10, told.instantaneous.out_bytes_per_sec = 305, 2048
    told.instantaneous.in_packets_per_sec_x10, told.instantaneous.in_bytes_per_sec = 9, 512
    told.instantaneous.ping_ms, told.instantaneous.peak_jitter_usec = 61, 990
    told.instantaneous.packets_dropped_pct, told.instantaneous.packets_weird_sequence_pct = 10, 5
    told.lifetime.packets_sent, told.lifetime.kb_sent = 20_000, 3_000
    told.lifetime.packets_recv, told.lifetime.kb_recv = 21_000, 3
    told.lifetime.packets_recv_sequenced, told.lifetime.packets_recv_dropped = 20_900, 100
    told.lifetime.packets_recv_out_of_order_corrected = 2_100
    told.lifetime.ping_histogram_100 = 4
    told.lifetime.quality_histogram_100 = 50
    told.lifetime.quality_ntile_2nd = 98
    statistics.received_from_peer(told, 3 * SECOND)
    assert text_of(connection, 15_340_000) == [
        "End-to-end connection: connected",
        "    Current rates:",
        "        Sent:  60.0 pkts/sec  12.3 K/sec",
        "        Recv:10000.1 pkts/sec99999.9 K/sec",
        "        Ping:57ms    Max latency variance: 12.3ms",
        "        Quality: 84.8%  (Dropped:10.0%  WeirdSeq:5.25%)",
        "        Est avail bandwidth: 3906.2KB/s  ",
        "        Bytes buffered: 65,536",
        "    Lifetime stats:",
        "        Totals",
        "            Sent:  1,234,567 pkts   9,876,543,210 bytes",
        "            Recv:      1,000 pkts         999,999 bytes",
        "            Recv w seq:        990 pkts",
        "            Dropped   :         10 pkts   1.00%",
        "            OutOfOrder:          5 pkts   0.50%",
        "            OOOFixed  :          0 pkts   0.00%",
        "            Duplicate :        123 pkts  12.30%",
        "            SeqLurch  :          1 pkts   0.10%",
        "        Ping histogram: (10 total samples)",
        "        " + PING_HEADING,
        "                    2        1        1        1        1        1        1        1        1",
        "                20.0%    10.0%    10.0%    10.0%    10.0%    10.0%    10.0%    10.0%    10.0%",
        "        Ping distribution:",
        "           50th   75th",
        "          105ms  170ms",
        "        Connection quality histogram: (12 measurement intervals)",
        "        " + QUALITY_HEADING,
        "                  5      1      1      1      1      1      0      0      2",
        "              41.7%   8.3%   8.3%   8.3%   8.3%   8.3%   0.0%   0.0%  16.7%",
        "        Connection quality distribution:",
        "          50th  25th",
        "           98%   86%",
        "        Latency variance histogram: (21 total measurements)",
        "        " + JITTER_HEADING,
        "                   6       5       4       3       2       1",
        "               28.6%   23.8%   19.0%   14.3%    9.5%    4.8%",
        "    Rate stats received from remote host 12.3s ago:",
        "        Sent:  30.5 pkts/sec   2.0 K/sec",
        "        Recv:   0.9 pkts/sec   0.5 K/sec",
        "        Ping:61ms    Max latency variance: 1.0ms",
        "        Quality: 85.0%  (Dropped:10.0%  WeirdSeq:5.00%)",
        "        Bytes buffered: 0",
        "    Lifetime stats received from remote host 12.3s ago:",
        "        Totals",
        "            Sent:     20,000 pkts       3,072,000 bytes",
        "            Recv:     21,000 pkts           3,072 bytes",
        "            Recv w seq:     20,900 pkts",
        "            Dropped   :        100 pkts   0.48%",
        "            OutOfOrder:          0 pkts   0.00%",
        "            OOOFixed  :      2,100 pkts  10.00%",
        "            Duplicate :          0 pkts   0.00%",
        "            SeqLurch  :          0 pkts   0.00%",
        "        No ping distribution available.  (4 samples)",
        "        Connection quality histogram: (50 measurement intervals)",
        "        " + QUALITY_HEADING,
        "                 50      0      0      0      0      0      0      0      0",
        "             100.0%   0.0%   0.0%   0.0%   0.0%   0.0%   0.0%   0.0%   0.0%",
        "        Connection quality distribution:",
        "           2nd",
        "           98%",
        "        Latency variance histogram not available",
    ]


@pytest.mark.parametrize(
    ("state", "headline"),
    [
        (State.CONNECTING, "connecting"),
        (State.CONNECTED, "connected"),
        (State.CLOSED_BY_PEER, "closed by remote host, reason code 1234.  (enough)"),
        (State.PROBLEM_DETECTED_LOCALLY, "closed due to problem detected locally, reason code 1234.  (enough)"),
        (State.LINGER, "closed, reason code 1234.  (enough)"),
        (State.FIN_WAIT, "closed, reason code 1234.  (enough)"),
        (State.NONE, "closed, reason code 1234.  (enough)"),
    ],
)
def test_the_first_line_tells_the_state(state: State, headline: str) -> None:
    connection = connected()
    connection.state, connection.end_reason, connection.end_debug = state, 1234, "enough"
    assert text_of(connection)[0] == f"End-to-end connection: {headline}"


def test_there_is_no_more_to_say_before_the_first_packet() -> None:
    assert detailed_status(connected(sent=0), 0) == "End-to-end connection: connected\n"


def test_a_peer_cannot_write_lines_of_its_own() -> None:
    connection = connected()
    connection.state, connection.end_reason = State.CLOSED_BY_PEER, 1000
    connection.end_debug = "bye)\n    Current rates:\r\x1b[2J\u2028ü"
    assert text_of(connection)[0].endswith(", reason code 1000.  (bye)?    Current rates:??[2J?ü)")
    assert text_of(connection)[1:] == text_of(connected())[1:]
    connection.peer.identity = gs.NetworkingIdentity.generic_string("evil\nSenderState")
    assert debug_text(connection, "").splitlines()[1] == "SenderState"
    assert debug_text(connection, "").count("\nSenderState\n") == 1


# ---------------------------------------------------------------------- lines that come and go


@pytest.mark.parametrize(
    ("ping_ms", "jitter_us", "line"),
    [
        (-1, -1, None),
        (0, -1, "Ping:0ms    Max latency variance: ???ms"),
        (-1, 0, "Ping:???ms    Max latency variance: 0.0ms"),
        (2000, 249_960, "Ping:2000ms    Max latency variance: 250.0ms"),
    ],
)
def test_delays_as_far_as_they_are_known(ping_ms: int, jitter_us: int, line: str | None) -> None:
    connection = connected()
    connection.ping.smoothed_us = ping_ms * 1000 if ping_ms >= 0 else -1
    connection.statistics.interval = Interval()
    connection.statistics.interval.peak_jitter_us = jitter_us
    assert [found for found in rates(connection) if found.startswith("Ping")] == ([line] if line else [])
    told = ConnectionQuality()
    told.instantaneous.SetInParent()
    if ping_ms >= 0:
        told.instantaneous.ping_ms = ping_ms
    if jitter_us >= 0:
        told.instantaneous.peak_jitter_usec = jitter_us
    connection.statistics.received_from_peer(told, 0)
    found = block(text_of(connection), "Rate stats received from remote host 0.0s ago:")
    assert [one for one in found if one.startswith("Ping")] == ([line] if line else [])


@pytest.mark.parametrize(
    ("dropped", "weird", "line"),
    [
        (0.0, 0.0, "Quality:  100%  (Dropped:0.00%  WeirdSeq:0.00%)"),
        (0.08, 0.0, "Quality: 92.0%  (Dropped:8.00%  WeirdSeq:0.00%)"),
        (0.94, 0.0, "Quality: 6.00%  (Dropped:94.0%  WeirdSeq:0.00%)"),
        (1.0, 0.0, "Quality: 0.00%  (Dropped: 100%  WeirdSeq:0.00%)"),
    ],
)
def test_quality_of_either_side(dropped: float, weird: float, line: str) -> None:
    connection = connected()
    interval = connection.statistics.interval = Interval()
    interval.dropped, interval.weird = dropped, weird
    assert line in rates(connection)
    told = ConnectionQuality()
    told.instantaneous.packets_dropped_pct = round(dropped * 100)
    told.instantaneous.packets_weird_sequence_pct = round(weird * 100)
    connection.statistics.received_from_peer(told, 0)
    assert line in block(text_of(connection), "Rate stats received from remote host 0.0s ago:")


def test_a_peer_that_talks_nonsense_spoils_only_its_own_lines() -> None:
    connection = connected()
    told = ConnectionQuality()
    told.instantaneous.packets_dropped_pct = 0xFFFF_FFFF
    told.instantaneous.packets_weird_sequence_pct = 7
    told.instantaneous.ping_ms = 0xFFFF_FFFF
    told.lifetime.packets_recv_sequenced = told.lifetime.packets_recv_dropped = (1 << 64) - 1
    told.lifetime.kb_sent = (1 << 64) - 1
    for name in ("25", "50", "75", "100", "max"):
        setattr(told.lifetime, f"ping_histogram_{name}", 0xFFFF_FFFF)
    connection.statistics.received_from_peer(told, 0)
    lines = text_of(connection)
    told_rates = block(lines, "Rate stats received from remote host 0.0s ago:")
    assert "Quality:  ???%  (Dropped:4294967295%  WeirdSeq:7.00%)" in told_rates
    assert "Ping:4294967295ms    Max latency variance: ???ms" in told_rates
    told_totals = block(lines, "Lifetime stats received from remote host 0.0s ago:")
    assert "    Dropped   :18,446,744,073,709,551,615 pkts  50.00%" in told_totals
    assert "Ping histogram: (21474836475 total samples)" in told_totals


@pytest.mark.rule("3, 9.3 rule 2")
@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (-1.0, "???"),
        (0.0, "0.00"),
        (0.0949, "9.49"),
        (0.09501, "9.5"),
        (0.5, "50.0"),
        (0.9949, "99.5"),
        (0.9951, "100"),
        (1.0, "100"),
    ],
)
def test_percent(fraction: float, text: str) -> None:
    assert percent_text(fraction) == text


@pytest.mark.rule("3, 9.3 rule 2")
@fast
@given(st.floats(0, 1))
def test_percent_is_always_short_and_right(fraction: float) -> None:
    text = percent_text(fraction)
    assert 3 <= len(text) <= 4
    assert float(text) == pytest.approx(fraction * 100, abs=0.51 if fraction > 0.99 else 0.051)


@pytest.mark.parametrize("samples", [0, 1, SAMPLES_MIN - 1, SAMPLES_MIN, 19, 20, 49, 50])
def test_ping_is_tabled_as_soon_as_there_are_enough_samples(samples: int) -> None:
    connection = connected()
    for _ in range(samples):
        connection.statistics.ping(33)
    lines = totals(connection)
    if samples < SAMPLES_MIN:
        assert f"No ping distribution available.  ({samples} samples)" in lines
        assert "Ping distribution:" not in lines
        return
    place = lines.index(f"Ping histogram: ({samples} total samples)")
    assert lines[place + 1] == PING_HEADING
    assert lines[place + 2].split() == ["0", str(samples), *["0"] * 7]
    assert lines[place + 3].split() == ["0.0%", "100.0%", *["0.0%"] * 7]
    assert lines[place + 4] == "Ping distribution:"
    names = "   50th   75th"
    if samples >= 20:
        names = "    5th   50th   75th   95th"
    if samples >= 50:
        names += "   98th"
    assert lines[place + 5] == names
    assert lines[place + 6] == "   33ms" * len(names.split())


@pytest.mark.rule("1, 8.3 rule 3")
def test_every_ping_sample_is_tabled_however_close() -> None:
    connection = connected()
    for now in range(10):
        connection.traffic.take_ping_sample(20, now)
    assert "Ping histogram: (10 total samples)" in totals(connection)


@pytest.mark.parametrize("samples", [0, 1, SAMPLES_MIN - 1, SAMPLES_MIN, 19, 20, 49, 50])
def test_quality_is_tabled_as_soon_as_there_are_enough_intervals(samples: int) -> None:
    connection = connected()
    statistics = connection.statistics
    for place in range(samples):
        statistics.packets_received += 10
        statistics.sequenced += 10
        statistics.finish_interval((place + 1) * 5 * SECOND + 1_000_000, 0)
    lines = totals(connection)
    if samples < SAMPLES_MIN:
        assert f"No connection quality distribution available.  ({samples} measurement intervals)" in lines
        return
    place = lines.index(f"Connection quality histogram: ({samples} measurement intervals)")
    assert lines[place + 1] == QUALITY_HEADING
    assert lines[place + 2].split() == [str(samples), *["0"] * 8]
    assert lines[place + 3].split() == ["100.0%", *["0.0%"] * 8]
    assert lines[place + 4] == "Connection quality distribution:"
    known = 2 + (samples >= 20) + (samples >= 50)
    assert lines[place + 5] == "".join(["  50th", "  25th", "   5th", "   2nd"][:known])
    assert lines[place + 6] == "  100%" * known


def test_jitter_is_tabled_from_the_first_measurement_on() -> None:
    connection = connected()
    statistics = connection.statistics
    statistics.arrived(0, -1, True)
    assert "Latency variance histogram not available" in totals(connection)
    statistics.arrived(10_000, 3_000, True)
    lines = totals(connection)
    place = lines.index("Latency variance histogram: (1 total measurements)")
    assert lines[place + 1 :] == [
        JITTER_HEADING,
        "           0       0       0       1       0       0",
        "        0.0%    0.0%    0.0%  100.0%    0.0%    0.0%",
    ]


@pytest.mark.parametrize("size", [0, 999, 1000, 1_000_000, 123_456_789_012])
def test_counts_have_thousands_commas(size: int) -> None:
    assert f"    Sent:          7 pkts {size:>15,} bytes" in totals(connected(sent=7, sent_bytes=size))
    connection = connected()
    connection.sender.lanes.queued_bytes = size
    assert f"Bytes buffered: {size:,}" in rates(connection)


# ---------------------------------------------------------------------- living connections


def numbers(line: str) -> list[float]:
    """Every number of a line, the thousands commas taken out."""
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", line)]


def number_of(lines: list[str], start: str) -> float:
    """The first number of the first line that begins so."""
    return numbers(next(line for line in lines if line.strip().startswith(start)))[0]


def live_lines(connection: sim.Connection) -> list[str]:
    return text_of(connection.core, connection.host.world.now_us)


def talk(world: sim.World, ends: tuple[sim.Connection, ...], seconds: float) -> None:
    """Every end sends 50 packets of 400 bytes a second."""

    def tick() -> None:
        for end in ends:
            end.send(bytes(400), gs.SendFlags.NO_NAGLE)

    world.every(0.02, tick)
    world.run(seconds)


def test_a_living_connection_is_measured() -> None:
    """On a path of 60 ms and 5 % loss, numbers are those of the path."""
    world = sim.World(seed=3)
    conditions = sim.Conditions(latency=0.03, loss=0.05)
    ends = world.pair(up=conditions, down=conditions, config=SPACING)
    talk(world, ends, 150)
    for end, other in (ends, ends[::-1]):
        lines = live_lines(end)
        assert lines[0] == "End-to-end connection: connected"
        current = block(lines, "Current rates:")
        assert number_of(current, "Sent") == pytest.approx(50, rel=0.05)
        assert number_of(current, "Recv") == pytest.approx(47.5, rel=0.07)
        assert 60 <= number_of(current, "Ping") <= 64
        assert number_of(current, "Quality") == pytest.approx(95, abs=4)
        lifetime = block(lines, "Lifetime stats:")
        statistics = end.core.statistics
        assert numbers(lifetime[1]) == [statistics.packets_sent, statistics.bytes_sent]
        assert numbers(lifetime[2]) == [statistics.packets_received, statistics.bytes_received]
        assert number_of(lifetime, "Dropped") == pytest.approx(7_500 * 0.05, rel=0.2)
        assert number_of(lifetime, "Ping histogram") > 500
        assert sum(numbers(lifetime[lifetime.index(PING_HEADING) + 1])) == number_of(lifetime, "Ping histogram")
        assert number_of(lifetime, "Connection quality histogram") in (29, 30)
        assert number_of(lifetime, "Latency variance histogram") > 5_000
        told = block(lines, next(line.strip() for line in lines if "Rate stats received" in line))
        assert number_of(told, "Sent") == pytest.approx(50, rel=0.05)
        assert 60 <= number_of(told, "Ping") <= 64
        heading = next(line.strip() for line in lines if "Lifetime stats received" in line)
        told_totals = block(lines, heading)
        age = numbers(heading)[0]
        assert number_of(told_totals, "Sent") == pytest.approx(50 * (150 - age), rel=0.05)
        assert number_of(told_totals, "Sent") <= other.core.statistics.packets_sent


def test_both_ends_count_the_same_datagrams() -> None:
    """Without loss what one sent is what the other received, but for the challenge, which costs a server no memory."""
    world = sim.World(seed=1)
    client, server = world.pair()
    talk(world, (client, server), 10)
    world.run(0.015)
    sent = {end: numbers(block(live_lines(end), "Lifetime stats:")[1]) for end in (client, server)}
    received = {end: numbers(block(live_lines(end), "Lifetime stats:")[2]) for end in (client, server)}
    assert received[server] == [sent[client][0] - 1, sent[client][1] - 512]
    assert received[client][0] == sent[server][0] + 1


def test_connecting_to_nobody_and_giving_up() -> None:
    world = sim.World()
    client = world.connect(gs.Address("10.9.9.9", 9), config={gs.ConfigurationValue.TIMEOUT_INITIAL: 2_000})
    world.run(0.9)
    lines = live_lines(client)
    assert lines[0] == "End-to-end connection: connecting"
    assert rates(client.core)[2:] == ["Est avail bandwidth: 256.0KB/s  ", "Bytes buffered: 0"]
    assert "    Sent:          2 pkts           1,024 bytes" in totals(client.core)
    world.run(2)
    problem = "closed due to problem detected locally, reason code 5003.  (Timed out attempting to connect)"
    assert live_lines(client)[0] == f"End-to-end connection: {problem}"


def test_the_send_rate_in_force_is_shown_before_connecting() -> None:
    world = sim.World()
    limits = {gs.ConfigurationValue.SEND_RATE_MIN: 102_400, gs.ConfigurationValue.SEND_RATE_MAX: 102_400}
    client = world.connect(gs.Address("10.9.9.9", 9), config=limits)
    assert client.status().send_rate_bytes_per_second == 102_400
    world.run(0)
    assert "Est avail bandwidth: 100.0KB/s  " in rates(client.core)


def test_numbers_stay_readable_after_the_end() -> None:
    world = sim.World(seed=1)
    client, server = world.pair()
    talk(world, (client, server), 11)
    before = block(live_lines(client), "Current rates:")
    server.close(1234, "enough")
    world.run(1)
    lines = live_lines(client)
    assert lines[0] == "End-to-end connection: closed by remote host, reason code 1234.  (enough)"
    assert block(lines, "Current rates:") == before


# ---------------------------------------------------------------------- debug text


def test_debug_text_of_a_new_connection() -> None:
    world = sim.World()
    client = world.connect(gs.Address("10.9.9.9", 9))
    assert debug_text(client.core, "me") == (
        f"#{client.core.id} UDP invalid@10.9.9.9:9 'me'\n"
        "SenderState\n"
        "    x: 262144 bytes/s\n"
        "    x_calc: 262144 bytes/s\n"
        "    rtt: ?\n"
        "    tx_s: 512 bytes\n"
        "    pending bytes: 0\n"
        "    outstanding reliable bytes: 0\n"
        "    reliable messages: 0\n"
        "    messages: 0\n"
        "    minimum rate: 16384 bytes/s\n"
        "    maximum rate: none\n"
        "    rate control: new\n"
        "    lost packets: 0\n"
        "    late packets: 0\n"
        "\n"
        "ReceiverState\n"
        "    x_recv: 0 bytes/s\n"
        "    rx_s: ?\n"
        "    i_mean: ?\n"
        "    reliable messages: 0\n"
        "    messages: 0\n"
    )


def fields(text: str) -> Iterator[tuple[str, str]]:
    side = ""
    for line in text.splitlines()[1:]:
        if line.startswith("    "):
            label, _, value = line.strip().partition(": ")
            yield f"{side} {label}", value
        elif line:
            side = line


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_debug_text_counts_messages_and_bytes(loss: float) -> None:
    world = sim.World(seed=2)
    conditions = sim.Conditions(latency=0.02, loss=loss)
    client, server = world.pair(up=conditions)
    assert client.configure_lanes([0, 0]) == gs.Result.OK
    for number in range(200):
        client.send(bytes(300), RELIABLE if number % 4 == 0 else gs.SendFlags.NO_NAGLE, number & 1)
        world.run(0.1)
    sender = dict(fields(debug_text(client.core, "")))
    receiver = dict(fields(debug_text(server.core, "")))
    assert (sender["SenderState reliable messages"], sender["SenderState messages"]) == ("50", "200")
    assert sender["SenderState rtt"] in ("20 ms", "21 ms", "22 ms")
    assert sender["SenderState outstanding reliable bytes"] == "0"
    assert receiver["ReceiverState reliable messages"] == "50"
    assert int(receiver["ReceiverState messages"]) == len(server.receive(1000))
    mean = client.core.statistics.bytes_sent // client.core.statistics.packets_sent
    assert sender["SenderState tx_s"] == f"{mean} bytes"
    if loss:
        assert numbers(receiver["ReceiverState i_mean"])[0] == pytest.approx(10, rel=0.4)
    else:
        assert receiver["ReceiverState i_mean"] == "?"
    client.send(bytes(3000), RELIABLE)
    waiting = dict(fields(debug_text(client.core, "")))
    total = numbers(waiting["SenderState pending bytes"] + " " + waiting["SenderState outstanding reliable bytes"])
    assert sum(total) >= 3000


# ---------------------------------------------------------------------- the API


def test_the_game_loop_api_gives_both_texts() -> None:
    with gs.NetworkingSockets() as sockets:
        listening = sockets.create_listen_socket(gs.Address("127.0.0.1", 0))
        address = sockets.get_listen_socket_address(listening)
        assert address is not None
        connection = sockets.connect(address)
        sockets.set_connection_name(connection, "mine")
        detailed = sockets.get_detailed_connection_status(connection)
        assert detailed is not None
        assert detailed.startswith("End-to-end connection: connecting\n    Current rates:\n")
        debug = sockets.get_connection_debug_text(connection)
        assert debug is not None
        assert debug.startswith(f"#{connection} UDP invalid@{address} 'mine'\nSenderState\n")


@pytest.mark.rule("3, 9.3 rule 1")
@pytest.mark.parametrize(
    "ask", [gs.NetworkingSockets.get_detailed_connection_status, gs.NetworkingSockets.get_connection_debug_text]
)
def test_unknown_and_closed_handles_have_no_text(ask: Callable[[gs.NetworkingSockets, gs.Connection], object]) -> None:
    with gs.NetworkingSockets() as sockets:
        assert ask(sockets, gs.Connection(0)) is None
        assert ask(sockets, gs.Connection(12345)) is None
        connection = sockets.connect(gs.Address("127.0.0.1", 9))
        assert ask(sockets, connection) is not None
        sockets.close_connection(connection)
        assert ask(sockets, connection) is None
