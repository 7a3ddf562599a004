"""Is the peer still there? Keepalives, missed replies, probes, and when to give up (spec 1, 7.3 and 7.4)."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.connection.liveness import (
    ACK_REQUEST,
    DOUBT_EVERY_US,
    DOUBT_US,
    IMMEDIATE_ACK_REQUEST,
    KEEPALIVE_US,
    MISSES_TO_GIVE_UP,
    NO_REQUEST,
    PROBE_EVERY_US,
    TRACER_AFTER_US,
    Liveness,
)
from gamesockets.values.moments import NEVER

SECOND = 1_000_000
TIMEOUT_US = 10 * SECOND


class Side:
    """What a conductor does with it: asks when it is time, and sends what it is told to."""

    def __init__(self, worst_us: int = 0) -> None:
        self.liveness = Liveness(0, TIMEOUT_US)
        self.now = 0
        self.worst_us = worst_us
        self.sent: list[tuple[int, int]] = []
        self.given_up_at = -1

    def turn(self) -> None:
        if self.liveness.handle_timer(self.now):
            self.given_up_at = self.now
            return
        request = self.liveness.request_due(self.now)
        if request != NO_REQUEST:
            self.ask(request)

    def ask(self, request: int) -> None:
        self.sent.append((self.now, request))
        self.liveness.asked(self.now, request)
        self.liveness.expect_reply(self.now, request == IMMEDIATE_ACK_REQUEST, self.worst_us)

    def run_until(self, end: int) -> None:
        while self.given_up_at < 0 and self.liveness.next_time() <= end:
            assert self.liveness.next_time() > self.now or self.now == 0, "asked for the same moment again"
            self.now = self.liveness.next_time()
            self.turn()
        self.now = max(self.now, end)


@pytest.mark.rule("1, 7.2", "1, 7.3 rule 3", "1, 7.3 rule 4")
def test_a_peer_that_falls_silent_on_an_idle_connection() -> None:
    """As measured with the reference library: keepalive at 10.0 s, first probe at 10.45 s, the end at 20.45 s."""
    side = Side()
    side.run_until(60 * SECOND)
    assert side.sent[0] == (10 * SECOND, ACK_REQUEST)
    probes = [at for at, request in side.sent if request == IMMEDIATE_ACK_REQUEST]
    assert probes[0] == 10_450_000
    assert {later - earlier for earlier, later in pairwise(probes)} == {PROBE_EVERY_US}
    assert side.given_up_at == 20_450_000


@pytest.mark.rule("1, 7.3 rule 2")
def test_any_sign_of_life_starts_all_over() -> None:
    side = Side()
    side.run_until(15 * SECOND)
    assert side.liveness.misses() > 4
    side.liveness.heard(side.now)
    assert side.liveness.misses() == 0
    assert side.liveness.next_time() == 25 * SECOND
    assert side.liveness.request_due(side.now) == NO_REQUEST
    side.run_until(60 * SECOND)
    assert side.given_up_at == 35_450_000


@pytest.mark.rule("1, 7.4 rule 1")
def test_a_peer_that_answers_is_asked_every_ten_seconds_only() -> None:
    side = Side()
    for _ in range(10):
        side.run_until(side.liveness.next_time())
        side.liveness.heard(side.now + 20_000)
    assert [at for at, _ in side.sent] == [KEEPALIVE_US + place * (KEEPALIVE_US + 20_000) for place in range(10)]
    assert {request for _, request in side.sent} == {ACK_REQUEST}


@pytest.mark.rule("1, 7.3 rule 1")
@pytest.mark.parametrize(
    ("worst_us", "is_immediate", "wait_us"),
    [
        (-1, True, 1_250_000),
        (-1, False, 1_450_000),
        (0, True, 250_000),
        (0, False, 450_000),
        (100_000, True, 450_000),
        (499_000, True, 1_248_000),
        (500_000, True, 1_250_000),
        (2_000_000, False, 1_450_000),
    ],
)
def test_how_long_a_reply_may_take(worst_us: int, is_immediate: bool, wait_us: int) -> None:
    liveness = Liveness(0, TIMEOUT_US)
    liveness.expect_reply(7, is_immediate, worst_us)
    assert liveness.next_time() == 7 + wait_us
    assert not liveness.handle_timer(7 + wait_us - 1)
    assert liveness.misses() == 0
    assert not liveness.handle_timer(7 + wait_us)
    assert liveness.misses() == 1


@pytest.mark.rule("1, 7.3 rule 1")
def test_a_running_reply_timer_is_not_pushed_back() -> None:
    """Else steady sending would hide that nobody answers."""
    liveness = Liveness(0, TIMEOUT_US)
    liveness.expect_reply(0, True, 0)
    liveness.expect_reply(200_000, True, 0)
    liveness.expect_reply(240_000, False, -1)
    assert liveness.next_time() == 250_000


@pytest.mark.rule("1, 7.4 rule 1")
def test_no_keepalive_while_a_reply_is_awaited() -> None:
    liveness = Liveness(0, TIMEOUT_US)
    liveness.expect_reply(KEEPALIVE_US - 1, True, -1)
    assert liveness.request_due(KEEPALIVE_US) == NO_REQUEST


@pytest.mark.rule("1, 7.4 rule 3")
def test_outstanding_data_finds_a_dead_peer_sooner() -> None:
    """About 0.45 s after sending instead of ten seconds later."""
    side = Side()
    side.now = SECOND
    side.liveness.heard(SECOND)
    side.liveness.expect_reply(SECOND, False, 0)
    side.run_until(60 * SECOND)
    assert side.sent[0] == (1_450_000, IMMEDIATE_ACK_REQUEST)
    assert side.given_up_at == 11_450_000


@pytest.mark.rule("1, 7.3 rule 4")
def test_probes_are_not_sent_faster_than_every_200_ms_even_if_something_else_asks_too() -> None:
    side = Side()
    side.run_until(11 * SECOND)
    side.ask(IMMEDIATE_ACK_REQUEST)
    asked_at = side.now
    assert side.liveness.request_due(asked_at + PROBE_EVERY_US - 1) == NO_REQUEST
    assert side.liveness.request_due(asked_at + PROBE_EVERY_US) == IMMEDIATE_ACK_REQUEST


@pytest.mark.rule("1, 7.3 rule 5", "3, 6.4")
def test_a_short_timeout_still_takes_four_missed_replies() -> None:
    side = Side(worst_us=500_000)
    side.liveness.timeout_us = 0
    side.now = 1
    side.liveness.expect_reply(1, True, 500_000)
    misses = 0
    while side.given_up_at < 0:
        side.run_until(side.liveness.next_time())
        misses = max(misses, side.liveness.misses())
    assert misses == MISSES_TO_GIVE_UP
    assert side.given_up_at > 4 * 1_250_000


@pytest.mark.rule("1, 7.4 rule 2")
def test_the_tracer_keeps_the_ping_fresh() -> None:
    """More than 7 s after both the last request and the last sample."""
    liveness = Liveness(0, TIMEOUT_US)
    assert liveness.tracer_at(-1) == TRACER_AFTER_US
    assert not liveness.tracer_due(TRACER_AFTER_US, -1)
    assert liveness.tracer_due(TRACER_AFTER_US + 1, -1)
    assert not liveness.tracer_due(TRACER_AFTER_US + 1, 5)
    liveness.asked(3 * SECOND, ACK_REQUEST)
    assert liveness.tracer_at(2 * SECOND) == 10 * SECOND
    assert liveness.tracer_at(4 * SECOND) == 11 * SECOND


@pytest.mark.rule("1, 7.3 rule 5")
@fast
@given(
    scripts(st.tuples(st.sampled_from(("heard", "data", "stats", "quiet")), st.integers(0, 3_000_000)), 30),
    st.integers(-1, 600).map(lambda milliseconds: 1000 * milliseconds),
)
def test_a_peer_heard_of_is_never_given_up_and_a_silent_one_always_is(
    script: list[tuple[str, int]], worst_us: int
) -> None:
    side = Side(worst_us)
    heard_at = 0
    for verb, pause in script:
        side.run_until(side.now + pause)
        if side.given_up_at >= 0:
            break
        if verb == "heard":
            side.liveness.heard(side.now)
            heard_at = side.now
        elif verb != "quiet":
            side.liveness.expect_reply(side.now, verb == "stats", worst_us)
        assert side.liveness.last_heard_at == heard_at
    side.run_until(side.now + 60 * SECOND)
    assert side.given_up_at >= heard_at + TIMEOUT_US
    assert side.given_up_at <= heard_at + KEEPALIVE_US + 2 * SECOND + TIMEOUT_US + 4 * 1_500_000
    assert side.liveness.next_time() < NEVER


# ---------------------------------------------------------------------- doubt


@pytest.mark.rule("1, 7.3 rule 7")
def test_a_hint_that_the_peer_is_gone_makes_it_answer_within_two_seconds() -> None:
    side = Side()
    side.run_until(SECOND)
    side.liveness.doubt(side.now, 0)
    assert side.liveness.is_in_doubt()
    side.turn()
    side.run_until(60 * SECOND)
    assert [at for at, _ in side.sent] == [SECOND + place * PROBE_EVERY_US for place in range(10)]
    assert {request for _, request in side.sent} == {IMMEDIATE_ACK_REQUEST}
    assert side.given_up_at == SECOND + DOUBT_US


@pytest.mark.rule("1, 7.3 rule 7")
def test_an_answer_ends_the_doubt_and_the_next_hint_must_wait() -> None:
    side = Side()
    side.run_until(SECOND)
    for _ in range(1000):
        side.liveness.doubt(side.now, 0)
        side.turn()
        side.liveness.heard(side.now)
        assert not side.liveness.is_in_doubt()
        side.now += 1000
    assert len(side.sent) == 1
    side.now = SECOND + DOUBT_EVERY_US
    side.liveness.doubt(side.now, 0)
    assert side.liveness.is_in_doubt()


def test_a_pause_of_our_own_is_not_taken_for_silence() -> None:
    """The answer waits to be read, when time has passed and nothing was done in it."""
    side = Side()
    side.run_until(SECOND)
    side.liveness.doubt(side.now, 0)
    side.turn()
    side.now += 30 * SECOND
    side.turn()
    assert side.given_up_at < 0


@pytest.mark.rule("1, 7.3 rule 7")
def test_a_slow_peer_in_doubt_gets_the_time_of_its_slowest_round_trips() -> None:
    side = Side(worst_us=3 * SECOND)
    side.liveness.doubt(0, 3 * SECOND)
    side.turn()
    side.run_until(60 * SECOND)
    assert side.given_up_at == 2 * 3 * SECOND + 250_000
