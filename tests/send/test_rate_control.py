"""The seam: a fixed rate wants to hear nothing and changes nothing; equal limits choose it."""

import pytest

from gamesockets.send.flight import Flight, SentPacket
from gamesockets.send.pacing import MAX_RATE
from gamesockets.send.path_feedback import NO_LIMIT, PathFeedback
from gamesockets.send.rate_control import FIXED_RATE, NO_WINDOW, RateControl
from gamesockets.values.moments import NEVER

MS = 1000


def test_a_fixed_rate_has_no_window_asks_for_no_acks_and_forgets_everything() -> None:
    packet = SentPacket(0, 1000, (), 0, False, True)
    FIXED_RATE.on_sent(packet)
    FIXED_RATE.on_lost(packet)
    FIXED_RATE.on_delivered(packet)
    FIXED_RATE.on_round_trip(50 * MS, 0)
    FIXED_RATE.on_acks(1000, 0)
    FIXED_RATE.on_silence(0)
    FIXED_RATE.limited_by_application(0)
    FIXED_RATE.limit(1, 2)
    assert (FIXED_RATE.rate, FIXED_RATE.window_bytes, FIXED_RATE.in_flight_bytes) == (0, NO_WINDOW, 0)
    assert FIXED_RATE.ack_interval_us() == NEVER
    assert not FIXED_RATE.is_adaptive
    assert not FIXED_RATE.is_limited()


def test_every_method_of_the_seam_is_for_controllers_to_give() -> None:
    control = RateControl(True)
    packet = SentPacket(0, 1000, (), 0, False, True)
    calls = (
        lambda: control.limit(1, 2),
        lambda: control.on_sent(packet),
        lambda: control.on_delivered(packet),
        lambda: control.on_lost(packet),
        lambda: control.on_round_trip(1, 0),
        lambda: control.on_acks(1, 0),
        lambda: control.on_silence(0),
        lambda: control.limited_by_application(0),
        control.is_limited,
        control.ack_interval_us,
    )
    for call in calls:
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.rule("2, 2.9.1 rule 4")
@pytest.mark.parametrize(
    ("rate_min", "rate_max"), [(262_144, 262_144), (300_000, 200_000), (MAX_RATE, MAX_RATE), (MAX_RATE, NO_LIMIT)]
)
def test_equal_limits_or_a_lower_one_above_the_upper_one_fix_the_rate(rate_min: int, rate_max: int) -> None:
    path = PathFeedback(Flight(2))
    path.limit(rate_min, rate_max)
    path.on_connected(0)
    path.limit(rate_min, rate_max)
    assert not path.waits_for_bulk
    assert path.control is FIXED_RATE
    assert path.pacer.rate == rate_min


@pytest.mark.rule("2, 2.16 rule 20")
@pytest.mark.parametrize(
    ("round_trip_ms", "limits", "rate"),
    [
        (-1, (16_384, NO_LIMIT), 262_144),
        (400, (16_384, NO_LIMIT), 262_144),
        (50, (16_384, NO_LIMIT), 800_000),
        (1, (16_384, NO_LIMIT), 4_000_000),
        (50, (16_384, 100_000), 100_000),
        (50, (2_000_000, NO_LIMIT), 2_000_000),
    ],
)
def test_a_new_connection_starts_at_the_games_rate_or_at_32_packets_a_round_trip(
    round_trip_ms: int, limits: tuple[int, int], rate: int
) -> None:
    path = PathFeedback(Flight(2))
    path.limit(*limits)
    if round_trip_ms >= 0:
        path.on_round_trip(round_trip_ms * MS, 0)
    path.on_connected(0)
    assert path.waits_for_bulk
    assert path.pacer.rate == rate


def test_what_was_learned_stays_while_the_rate_is_fixed_for_a_while() -> None:
    path = PathFeedback(Flight(2))
    path.limit(16_384, NO_LIMIT)
    path.on_connected(0)
    path.begin_bulk(0)
    learned = path.learned
    assert path.control is learned is not None
    path.on_sent(1000, (), False, 0, True)
    assert learned.in_flight_bytes == 1000
    path.limit(50_000, 50_000)
    assert not path.control.is_adaptive
    assert path.pacer.rate == 50_000
    path.on_acknowledged(path._flight.take_range(2, 3), 50 * MS)
    assert learned.in_flight_bytes == 0
    path.limit(16_384, NO_LIMIT)
    assert path.control is learned
    assert not path.waits_for_bulk
