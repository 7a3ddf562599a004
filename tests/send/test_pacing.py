"""The send rate is met exactly in the long run, and bursts stay small (spec 2, 2.9)."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.snp import fast

from gamesockets.send.pacing import BURST_BYTES, FOLLOWED_SAVED_UP_US, MAX_RATE, MIN_RATE, QUANTUM_US, Pacer

FASTEST = MAX_RATE - 1
FULL = 1255
SECOND = 1_000_000
RATES = st.one_of(
    st.integers(MIN_RATE, FASTEST),
    st.integers(MIN_RATE, 2_000_000),
    st.sampled_from((MIN_RATE, 65_536, 262_144, 100 << 20, FASTEST)),
)


def pacer_at(rate: int, now: int = 0) -> Pacer:
    pacer = Pacer()
    pacer.connected(-1, now)
    pacer.limit(rate, rate)
    assert pacer.rate == rate
    return pacer


@fast
@given(RATES, st.integers(40, FULL), st.integers(0, 1 << 40))
@example(FASTEST, FULL, 0)
@example(MIN_RATE, FULL, 0)
def test_a_sender_with_always_something_to_say_meets_the_rate_exactly(rate: int, size: int, start: int) -> None:
    """Woken when it asked to be, it never gets ahead by more than the first burst and never falls behind."""
    pacer = pacer_at(rate, start)
    now = start
    sent = 0
    for _ in range(60):
        pacer.refill(now, True)
        while pacer.may_send():
            pacer.spend(size)
            sent += size
        earned = BURST_BYTES + rate * (now - start) / SECOND
        assert earned < sent <= earned + size
        wake = pacer.ready_at(now)
        assert wake > now
        now = wake


@fast
@given(RATES, st.lists(st.integers(0, 3_000), min_size=1, max_size=60))
def test_looking_often_or_seldom_makes_no_difference(rate: int, steps: list[int]) -> None:
    """No fraction of a byte is lost however short the steps are; only a late timer's credit is limited."""
    often, once = pacer_at(rate), pacer_at(rate)
    for pacer in (often, once):
        pacer.spend(100_000_000)
    now = 0
    for step in steps:
        now += step
        often.refill(now, True)
    once.refill(now, True)
    assert often.debt_us() == once.debt_us()
    assert often.ready_at(now) == once.ready_at(now)


@pytest.mark.rule("2, 2.9.2 rule 1")
def test_an_idle_sender_may_send_two_full_packets_at_once() -> None:
    """The allowance of 1248 bytes, and a bucket at zero may still go below (spec 2, 2.9.2)."""
    pacer = pacer_at(262_144)
    for now in (0, 10 * SECOND):
        pacer.refill(now, False)
        assert pacer.may_send()
        pacer.spend(FULL - 10)
        assert pacer.may_send()
        pacer.spend(FULL)
        assert not pacer.may_send()


def burst(pacer: Pacer) -> int:
    """How many bytes leave at once in full packets."""
    sent = 0
    while pacer.may_send():
        pacer.spend(FULL)
        sent += FULL
    return sent


@pytest.mark.rule("2, 2.9.2 rule 2")
def test_waiting_data_keeps_the_credit_of_a_late_timer() -> None:
    """Else timers that are late by nature would make a fast sender slow."""
    pacer = pacer_at(10_000_000)
    pacer.refill(0, True)
    pacer.spend(BURST_BYTES)
    pacer.refill(20_000, True)
    assert 200_000 < burst(pacer) <= 200_000 + FULL


def test_data_that_comes_after_a_pause_finds_no_more_than_a_burst() -> None:
    pacer = pacer_at(10_000_000)
    pacer.refill(0, False)
    pacer.refill(20_000, True)
    assert burst(pacer) <= 2 * FULL


@pytest.mark.rule("2, 2.9.2 rule 2")
@pytest.mark.parametrize("rate", [MIN_RATE, 10_000_000, FASTEST])
def test_credit_is_never_unlimited(rate: int) -> None:
    """A process that was stopped for a minute does not flood the network afterwards."""
    pacer = pacer_at(rate)
    pacer.refill(0, True)
    pacer.refill(60 * SECOND, True)
    assert burst(pacer) <= max(300_000, rate // 100)


@fast
@given(RATES, st.integers(0, 50_000))
def test_when_it_says_ready_it_is_ready(rate: int, spent: int) -> None:
    """And not asked more often than once a millisecond, so that fast senders send batches."""
    pacer = pacer_at(rate)
    pacer.spend(spent)
    ready_at = pacer.ready_at(0)
    assert (ready_at == 0) == pacer.may_send()
    if ready_at:
        assert ready_at >= QUANTUM_US
        needed_us = -(-(spent - BURST_BYTES) * SECOND // rate)
        assert ready_at <= max(QUANTUM_US, needed_us + 1)
    pacer.refill(ready_at, True)
    assert pacer.may_send()


@fast
@given(RATES, st.integers(0, 50_000), st.integers(1, 1300))
def test_when_a_whole_packet_is_paid_for(rate: int, spent: int, size: int) -> None:
    pacer = pacer_at(rate)
    pacer.spend(spent)
    at = pacer.full_packet_at(0, size)
    missing = size + spent - BURST_BYTES
    assert at == max(0, missing * SECOND // rate)


def test_debt_in_time() -> None:
    pacer = pacer_at(100_000)
    assert pacer.debt_us() == 0
    pacer.spend(BURST_BYTES + 1000)
    assert pacer.debt_us() == 10_000


@pytest.mark.rule("2, 2.9.1 rule 1")
@pytest.mark.parametrize(
    ("rate_min", "rate_max", "rate"),
    [
        (262_144, 262_144, 262_144),
        (1, 1, MIN_RATE),
        (1 << 30, 1 << 30, MAX_RATE),
        (500_000, 100_000, 500_000),
        (1024, 50_000, 50_000),
        (10_000, 1 << 28, 438_000),
    ],
)
def test_limits(rate_min: int, rate_max: int, rate: int) -> None:
    """Between the limits the estimate from the ping counts; the minimum wins over a smaller maximum (spec 2, 2.9.1)."""
    pacer = Pacer()
    pacer.connected(10_000, 0)
    pacer.limit(rate_min, rate_max)
    assert pacer.rate == rate


@pytest.mark.rule("2, 2.9.1 rule 2")
def test_what_a_limit_cut_off_is_gone() -> None:
    pacer = Pacer()
    pacer.connected(10_000, 0)
    pacer.limit(1024, 50_000)
    pacer.limit(1024, 400_000)
    assert pacer.rate == 50_000, "a higher maximum alone does not free it"
    pacer.limit(300_000, 400_000)
    assert pacer.rate == 300_000, "a higher minimum does"


@pytest.mark.rule("2, 2.9.1 rule 1")
@pytest.mark.parametrize(
    ("round_trip_us", "estimate"), [(-1, 21_900), (0, 8_760_000), (1_000, 4_380_000), (200_000, 21_900)]
)
def test_the_one_estimate_there_is(round_trip_us: int, estimate: int) -> None:
    """4380 bytes a round trip; an unknown one counts as 200 ms, one below a millisecond as half of one."""
    pacer = Pacer()
    assert pacer.estimate == 65_536
    pacer.connected(round_trip_us, 0)
    assert pacer.estimate == estimate


@pytest.mark.rule("2, 2.9.1 rule 3")
def test_the_largest_rate_is_no_limit() -> None:
    """Nothing is spent, so nothing is owed, and a slower rate set later starts without debt."""
    pacer = pacer_at(MAX_RATE)
    for _ in range(10_000):
        assert pacer.may_send()
        pacer.spend(FULL)
    assert pacer.debt_us() == 0
    assert pacer.ready_at(5) == 5
    pacer.limit(1_000_000, 1_000_000)
    assert pacer.may_send()


# ---------------------------------------------------------------------- a controller sets the rate


def test_a_followed_rate_counts_at_once_and_keeps_the_tokens() -> None:
    pacer = pacer_at(100_000)
    pacer.spend(BURST_BYTES + 10_000)
    assert pacer.debt_us() == 100_000
    pacer.follow(1_000_000)
    assert (pacer.rate, pacer.estimate) == (1_000_000, 1_000_000)
    assert pacer.debt_us() == 10_000, "the debt in bytes is the same"
    pacer.follow(3)
    assert pacer.rate == MIN_RATE


@pytest.mark.parametrize(
    ("rate", "bytes_saved"),
    [(50_000, 4 * BURST_BYTES), (10_000_000, 10_000 * FOLLOWED_SAVED_UP_US // 1000)],
)
def test_a_late_timer_makes_up_for_8_ms_of_a_followed_rate(rate: int, bytes_saved: int) -> None:
    """More would be a burst that fills queues; a slow path may still send a few packets at once."""
    pacer = Pacer()
    pacer.connected(40_000, 0)
    pacer.follow(rate)
    pacer.refill(0, True)
    pacer.refill(SECOND, True)
    assert bytes_saved < burst(pacer) <= bytes_saved + FULL


def test_a_fixed_rate_after_a_followed_one_saves_as_before() -> None:
    pacer = Pacer()
    pacer.connected(40_000, 0)
    pacer.follow(10_000_000)
    pacer.limit(10_000_000, 10_000_000)
    pacer.refill(0, True)
    pacer.refill(20_000, True)
    assert burst(pacer) > 200_000


def test_data_that_comes_after_a_pause_of_a_followed_rate_finds_no_more_than_a_burst() -> None:
    pacer = Pacer()
    pacer.connected(40_000, 0)
    pacer.follow(10_000_000)
    pacer.refill(0, False)
    pacer.refill(SECOND, True)
    assert burst(pacer) <= 2 * FULL
