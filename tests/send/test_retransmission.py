"""The retransmission timer: probes against silence, pauses against refusal (spec 2, 2.8.3)."""

from typing import Final

import pytest
from tests.support.line import NO_NAGLE, PING_US, RELIABLE, UNRELIABLE, Line, lossy, pieces_in

from gamesockets.send.path_control import CRUISE, STARTUP
from gamesockets.send.retransmission import HOLD_FROM_TRANSMISSIONS
from gamesockets.values.moments import NEVER

PROBE_US: Final = 3 * PING_US // 2 + 60_000


@pytest.mark.rule("2, 2.16 rule 14")
def test_silence_is_answered_by_a_probe_that_backs_off() -> None:
    """One and a half round trips, the peer's 50 ms and some slack; then twice as long, but at most every second."""
    line = Line()
    line.send(bytes(3000))
    line.all_wanted()
    sent_at = line.now
    waits: list[int] = []
    for _ in range(6):
        line.now = line.sender.retransmission.expires_at()
        waits.append(line.now - sent_at)
        sent_at = line.now
        line.sender.loss.handle_timer(line.now)
        assert line.sender.ack_requests.wanted, "one ack tells the fate of everything"
        line.sender.ack_requests.wanted = False
        assert pieces_in(line, line.packet())[0].place == 1, "the oldest bytes, which the peer may be waiting for"
        assert not line.wants(), "one segment is enough"
        assert line.now < line.sender.next_time(line.now) <= line.sender.retransmission.expires_at()
    assert waits == [PROBE_US, 2 * PROBE_US, 4 * PROBE_US, 8 * PROBE_US, 1_000_000, 1_000_000]


@pytest.mark.rule("2, 2.16 rule 14")
@pytest.mark.parametrize(
    ("round_trip_us", "wait_us"), [(-1, 1_000_000), (0, 60_000), (100_000, 210_000), (2_000_000, 3_060_000)]
)
def test_how_long_silence_lasts_until_it_means_something(round_trip_us: int, wait_us: int) -> None:
    line = Line(round_trip_us=round_trip_us)
    line.send(b"x", RELIABLE | NO_NAGLE)
    assert line.sender.retransmission.expires_at() == NEVER
    line.packet()
    assert line.sender.retransmission.expires_at() == wait_us


def following(round_trip_us: int, is_ack_asked: bool) -> Line:
    """A sender that follows the path and has measured it, with reliable data on its way."""
    line = Line(round_trip_us=round_trip_us // 1000 * 1000)
    line.sender.path.begin_bulk(0)
    learned = line.sender.path.learned
    assert learned is not None
    learned.on_round_trip(round_trip_us, 0)
    line.send(bytes(3000))
    line.all_wanted()
    line.sender.retransmission.is_ack_asked = is_ack_asked
    return line


@pytest.mark.rule("2, 2.16 rule 14")
@pytest.mark.parametrize(
    ("round_trip_us", "is_ack_asked", "wait_us"),
    [(500, True, 10_500), (40_000, True, 50_000), (40_000, False, 100_000), (200_000, True, 210_000)],
)
def test_where_the_rate_follows_the_path_silence_means_something_sooner(
    round_trip_us: int, is_ack_asked: bool, wait_us: int
) -> None:
    """One round trip and 10 ms; the peer's 50 ms only where it was not asked for an ack (RFC 9002, 6.2.1)."""
    line = following(round_trip_us, is_ack_asked)
    assert line.sender.retransmission.expires_at() == wait_us
    learned = line.sender.path.learned
    assert learned is not None
    learned.queue.jitter_us = 5_000
    assert line.sender.retransmission.expires_at() == wait_us + 10_000, "four times the jitter"
    line.sender.path.limit(262_144, 262_144)
    round_trip_ms = round_trip_us // 1000
    assert line.sender.retransmission.expires_at() == round_trip_ms * 1500 + 60_000, "a fixed rate waits as it did"


@pytest.mark.rule("2, 2.16 rule 26")
def test_a_short_pause_of_the_peer_is_no_persistent_congestion() -> None:
    """On a path of half a millisecond three probes are gone after 70 ms, which any program may be busy."""
    line = following(500, True)
    learned = line.sender.path.learned
    assert learned is not None
    learned.state = CRUISE
    probes: list[int] = []
    forgotten_at: list[int] = []
    while line.now < 3_000_000:
        line.now = line.sender.retransmission.expires_at()
        line.sender.loss.handle_timer(line.now)
        probes.append(line.now)
        if learned.state == STARTUP:
            forgotten_at.append(line.now)
            learned.state = CRUISE
        line.all_wanted()
    assert probes[2] < 80_000
    assert len(forgotten_at) == 1, "once a silence"
    assert probes[0] + 150_000 <= forgotten_at[0] < 400_000, "three times the peer's 50 ms after the first"


def with_full_window() -> Line:
    """Half a millisecond away, with unreliable data that waits for room in the window."""
    line = Line(round_trip_us=0)
    line.sender.path.begin_bulk(0)
    learned = line.sender.path.learned
    assert learned is not None
    learned.on_round_trip(500, 0)
    for _ in range(3):
        line.send(bytes(1200), UNRELIABLE | NO_NAGLE)
    learned.in_flight_bytes = learned.window_bytes
    assert not line.wants()
    line.sender.retransmission.is_ack_asked = True
    line.sender.after_packets(0)
    return line


def test_a_full_window_lets_one_packet_after_another_ask_for_an_ack() -> None:
    """Nobody acks unreliable data unasked, and the packet that asked may be lost, or the ack."""
    line = with_full_window()
    waits: list[int] = []
    for _ in range(3):
        before = line.now
        line.now = line.sender.next_time(line.now)
        waits.append(line.now - before)
        line.sender.loss.handle_timer(line.now)
        assert line.sender.ack_requests.wanted
        line.packet()
        assert not line.wants(), "one is enough"
    assert waits == [10_500, 21_000, 42_000]


def test_an_ack_ends_that_and_so_does_a_queue_that_is_empty() -> None:
    line = with_full_window()
    line.now = line.sender.next_time(line.now)
    line.sender.loss.handle_timer(line.now)
    number = line.packet()
    line.arrive(number)
    line.ack()
    assert line.sender.retransmission.expires_at() == NEVER
    line.sender.after_packets(line.now)
    assert line.sender.retransmission.expires_at() == line.now + 10_500, "without back-off"
    line.sender.retransmission.is_probing = True
    while line.wants():
        line.packet()
        line.sender.retransmission.is_probing = True
    line.now += 10_500
    line.sender.ack_requests.wanted = False
    line.sender.loss.handle_timer(line.now)
    assert not line.sender.ack_requests.wanted
    assert line.sender.retransmission.expires_at() == NEVER
    line.sender.after_packets(line.now)
    assert line.sender.retransmission.expires_at() == NEVER


def test_progress_ends_the_back_off() -> None:
    line = Line()
    line.send(bytes(3000))
    numbers = line.all_wanted()
    for _ in range(3):
        line.now = line.sender.retransmission.expires_at()
        line.sender.loss.handle_timer(line.now)
        line.all_wanted()
    line.arrive(numbers[0])
    line.hear((2, []))
    assert line.sender.retransmission.expires_at() == line.now + PROBE_US
    line.arrive(*numbers[1:])
    line.ack()
    assert line.sender.retransmission.expires_at() == NEVER


def test_unreliable_data_alone_is_never_probed_for() -> None:
    line = Line()
    line.send(b"x", UNRELIABLE | NO_NAGLE)
    line.packet()
    assert line.sender.retransmission.expires_at() == NEVER


def test_a_probe_of_a_segment_that_waits_already_only_asks() -> None:
    line = lossy()
    line.ack()
    lost = line.sender.pending_bytes()
    line.now = line.sender.retransmission.expires_at()
    line.sender.loss.handle_timer(line.now)
    assert line.sender.pending_bytes() == lost
    assert line.sender.ack_requests.wanted


def test_what_is_refused_again_and_again_is_not_hurried() -> None:
    """A receiver whose application does not read refuses everything: growing pauses, but never a standstill."""
    line = lossy(1)
    holds: list[int] = []
    for _ in range(HOLD_FROM_TRANSMISSIONS + 6):
        line.now += 1
        line.ack()
        wanted = line.sender.wants_at(line.now)
        holds.append(wanted - line.now)
        line.now = wanted
        number = line.packet()
        assert pieces_in(line, number)[0].place == 1
        line.send(b"", UNRELIABLE | NO_NAGLE)
        line.arrive(line.packet())
    growing = [min((PING_US // 2 + 5_000) << doublings, 250_000) for doublings in range(7)]
    assert holds == [0] * (HOLD_FROM_TRANSMISSIONS - 1) + growing


def test_a_probe_ends_the_pause() -> None:
    """Silence is no refusal: what is asked for then goes out at once."""
    line = lossy(1)
    for _ in range(HOLD_FROM_TRANSMISSIONS + 4):
        line.ack()
        line.now = line.sender.wants_at(line.now)
        line.packet()
        line.send(b"", UNRELIABLE | NO_NAGLE)
        line.arrive(line.packet())
    line.ack()
    held_until = line.sender.wants_at(line.now)
    assert held_until > line.sender.retransmission.expires_at() > line.now
    line.now = line.sender.retransmission.expires_at()
    line.sender.loss.handle_timer(line.now)
    assert line.wants()
    assert pieces_in(line, line.packet())[0].place == 1


def test_other_data_flows_while_refused_segments_are_held() -> None:
    line = lossy(1)
    for _ in range(HOLD_FROM_TRANSMISSIONS - 1):
        line.ack()
        line.all_wanted()
        line.send(b"", UNRELIABLE | NO_NAGLE)
        line.arrive(line.packet())
    line.ack()
    assert line.sender.wants_at(line.now) > line.now
    line.send(b"meanwhile", UNRELIABLE | NO_NAGLE)
    assert [piece.data for piece in pieces_in(line, line.packet())] == [b"meanwhile"]
    line.finish()


def test_the_interval_stops_growing_however_long_nobody_answers() -> None:
    line = Line(round_trip_us=0)
    line.send(b"x", RELIABLE | NO_NAGLE)
    line.packet()
    for _ in range(1000):
        line.now = line.sender.retransmission.expires_at()
        line.sender.loss.handle_timer(line.now)
    assert line.sender.retransmission.expires_at() == line.now + 1_000_000
