"""Replay protection: the window gives the verdicts of a model that remembers every number (spec 1, 4.6)."""

from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.receive.replay_window import DUPLICATE, LURCH, NEW, TOO_OLD, ReplayWindow

STEPS = scripts(
    st.one_of(
        st.just(1),
        st.integers(-4, 4),
        st.integers(-200, 130),
        st.sampled_from((-127, -128, -64, -65, 63, 64, 65, LURCH - 1, LURCH, LURCH + 1, 0x4000)),
    )
)


class EveryNumber:
    """The rules of spec 1, 4.6 with all received numbers in a set."""

    def __init__(self, newest: int) -> None:
        self.newest: Final = [newest]
        self.received = set(range(-300, newest + 1))
        self.dropped = self.out_of_order = self.duplicate = self.lurch = 0

    def check(self, number: int) -> int:
        newest = self.newest[-1]
        if number > newest:
            return NEW
        if number < newest // 64 * 64 - 64 or number <= 0:
            self.lurch += 1
            return TOO_OLD
        if number in self.received:
            self.duplicate += 1
            return DUPLICATE
        return NEW

    def record(self, number: int) -> None:
        newest = self.newest[-1]
        if number < newest:
            self.out_of_order += 1
            self.dropped -= 1
        elif number - newest >= LURCH:
            self.lurch += 1
            self.received.update(range(-300, number))
        else:
            self.dropped += number - newest - 1
        self.received.add(number)
        self.newest.append(max(number, newest))


@pytest.mark.rule("1, 4.6 rule 2", "1, 4.6 rule 4", "1, 4.6 rule 8", "1, 4.6 rule 9", "1, 4.6 rule 11", "1, 8.4 rule 2")
@fast
@given(STEPS, st.sampled_from((0, 1, 63, 64, 1000)))
@example([LURCH - 1, -50, LURCH, -50], 1)
@example([2, 62, -62, 64, -126, 1, -127], 1)
def test_verdicts_and_counts_are_those_of_the_model(steps: list[int], start: int) -> None:
    window = ReplayWindow(start)
    model = EveryNumber(start)
    for step in steps:
        number = model.newest[-1] + step
        verdict = window.check(number)
        assert verdict == model.check(number)
        if verdict == NEW:
            window.record(number)
            model.record(number)
        assert window.newest == model.newest[-1]
        counts = (window.dropped, window.out_of_order, window.duplicate, window.lurch)
        assert counts == (model.dropped, model.out_of_order, model.duplicate, model.lurch)


@pytest.mark.rule("1, 4.6 rule 5")
@fast
@given(STEPS)
def test_nothing_is_taken_twice(steps: list[int]) -> None:
    window = ReplayWindow(1)
    taken: set[int] = set()
    for step in steps:
        number = window.newest + step
        if window.check(number) == NEW:
            assert number not in taken
            taken.add(number)
            window.record(number)


@pytest.mark.rule("2, 2.4 rule 4")
def test_checking_changes_nothing_until_the_packet_was_opened() -> None:
    """A forged packet must not use up the number of the true one."""
    window = ReplayWindow(1)
    assert window.check(50) == window.check(50) == NEW
    assert window.newest == 1
    window.record(50)
    assert window.check(50) == DUPLICATE
    assert window.check(20) == window.check(20) == NEW


@pytest.mark.rule("1, 4.6 rule 1")
def test_the_handshake_counts_as_the_first_packet() -> None:
    window = ReplayWindow(1)
    assert window.check(1) == DUPLICATE
    assert window.check(0) == TOO_OLD
    assert window.check(-5) == TOO_OLD
    assert window.check(2) == NEW


@pytest.mark.rule("1, 4.6 rule 10", "1, 13 rule 13", "2, 2.4 rule 1")
@pytest.mark.parametrize(("jump", "verdict"), [(LURCH - 1, NEW), (LURCH, DUPLICATE)])
def test_after_a_long_jump_the_packets_skipped_count_as_received(jump: int, verdict: int) -> None:
    """From a gap of 99 late packets are still accepted, from one of 100 they are not."""
    window = ReplayWindow(1)
    window.record(1 + jump)
    assert window.check(jump) == verdict


@pytest.mark.rule("1, 4.6 rule 10")
def test_a_long_jump_settles_what_was_missing_before_it_too() -> None:
    window = ReplayWindow(1)
    window.record(89)
    window.record(91)
    window.record(91 + LURCH)
    assert window.oldest_accepted() == 64
    assert window.check(90) == DUPLICATE


@pytest.mark.rule("1, 4.6 rule 5", "2, 2.4 rule 1")
def test_between_64_and_127_numbers_back_are_accepted() -> None:
    window = ReplayWindow(128)
    window.record(128 + 99)
    window.record(128 + 99 + 99)
    newest = 326
    oldest = newest // 64 * 64 - 64
    assert window.oldest_accepted() == oldest
    assert window.check(oldest) == NEW
    assert window.check(oldest - 1) == TOO_OLD


def test_memory_stays_small_however_many_packets_are_lost() -> None:
    """Every second packet missing for a long time: only the last hundred or so are remembered."""
    window = ReplayWindow(1)
    for number in range(3, 20_003, 2):
        window.record(number)
    late = [number for number in range(2, 20_002, 2) if window.check(number) == NEW]
    assert late == list(range(window.oldest_accepted(), 20_002, 2))
    assert window._missing is not None
    assert len(window._missing) == len(late) <= 64
    for number in range(20_002, 20_202):
        window.record(number)
    assert not window._missing, "what is too old is forgotten on a healthy link too"
