"""Is the guess right, is a wrong one put right without a jolt, and do the others glide?"""

from itertools import pairwise
from random import Random

import pytest

from examples.arena import rules
from examples.arena.netcode import Prediction, Timeline, place_of
from examples.arena.protocol import INPUTS_PER_MESSAGE
from examples.arena.rules import Body

START = Body(600 * 16, 300 * 16)
TICK_S = 1 / 60


def test_a_button_counts_at_once_and_an_answer_that_agrees_changes_nothing() -> None:
    random = Random(1)
    prediction = Prediction(START)
    truth = [START]
    for number in range(1, 301):
        buttons = random.randint(0, rules.BUTTONS_MAX)
        prediction.press(buttons)
        truth.append(rules.move(truth[-1], buttons))
        if number > 12 and number % 3 == 0:  # the answers come twelve ticks later
            prediction.confirm(truth[number - 12], number - 12)
            assert prediction.correction_pixels == 0
            assert prediction.pending == 12
        assert prediction.body == truth[-1]
    assert prediction.confirmed_body == truth[288]


def test_a_wrong_guess_is_corrected_and_the_picture_glides_there() -> None:
    prediction = Prediction(START)
    for _ in range(10):
        prediction.press(rules.RIGHT)
    shown = prediction.place
    elsewhere = START._replace(y=START.y + 40 * rules.UNITS_PER_PIXEL)  # the server pushed us
    prediction.confirm(elsewhere, 4)
    truth = elsewhere
    for _ in range(6):
        truth = rules.move(truth, rules.RIGHT)
    assert prediction.body == truth
    assert prediction.correction_pixels > 39
    assert prediction.place == pytest.approx(shown)
    distances = []
    for _ in range(30):
        prediction.press(0)
        distances.append(abs(prediction.place[1] - place_of(prediction.body)[1]))
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1


def test_a_huge_correction_is_a_jump() -> None:
    prediction = Prediction(START)
    prediction.press(rules.RIGHT)
    prediction.confirm(START._replace(y=800 * 16), 1)
    assert prediction.place == place_of(prediction.body)


def test_a_frame_between_two_ticks_is_drawn_between() -> None:
    prediction = Prediction(START)
    for _ in range(20):
        prediction.press(rules.RIGHT)
    before = prediction.place
    prediction.press(rules.RIGHT)
    assert prediction.place_between(0) == before
    assert prediction.place_between(1) == prediction.place
    assert before[0] < prediction.place_between(0.5)[0] < prediction.place[0]


def test_a_message_repeats_the_last_inputs() -> None:
    prediction = Prediction(START, confirmed=7)
    for buttons in range(30):
        prediction.press(buttons)
        inputs = prediction.to_send()
        assert inputs.newest == 8 + buttons
        assert list(inputs.buttons) == list(range(buttons + 1))[-INPUTS_PER_MESSAGE:]


def test_without_any_answer_what_is_kept_stays_bounded() -> None:
    prediction = Prediction(START)
    for _ in range(10_000):
        prediction.press(rules.LEFT)
    assert prediction.pending == 240


def moving(tick: int) -> dict[int, Body]:
    """Somebody who runs to the right, 4 pixels a tick."""
    return {0: Body(tick * 4 * rules.UNITS_PER_PIXEL, 100)}


def watch(timeline: Timeline, arrivals: list[tuple[float, int]], seconds: float) -> list[float]:
    """What a screen with 60 frames a second shows: x of player 0, frame by frame."""
    shown: list[float] = []
    waiting = sorted(arrivals)
    for frame in range(round(seconds * 60)):
        now_s = frame * TICK_S
        while waiting and waiting[0][0] <= now_s:
            at_s, tick = waiting.pop(0)
            timeline.add(tick, moving(tick), at_s)
        timeline.advance(now_s)
        if 0 in timeline.places():
            shown.append(timeline.places()[0][0])
    return shown


def test_others_glide_between_snapshots() -> None:
    shown = watch(Timeline(), [(tick * TICK_S + 0.05, tick) for tick in range(3, 240, 3)], 3.9)
    steps = [after - before for before, after in pairwise(shown[30:])]
    assert all(3.5 < step < 4.5 for step in steps)


def test_others_glide_in_spite_of_loss_jitter_and_disorder() -> None:
    random = Random(3)
    timeline = Timeline()
    arrivals = [
        (tick * TICK_S + 0.05 + random.random() * 0.04, tick)
        for tick in range(3, 600, 3)
        if random.random() > 0.1 or tick < 10
    ]
    shown = watch(timeline, arrivals, 9.9)
    steps = [after - before for before, after in pairwise(shown[60:])]
    assert min(steps) >= 0
    uneven = sum(not 3 < step < 5 for step in steps)  # where several in a row were lost
    assert uneven < len(steps) / 20
    assert 0.1 < timeline.delay_s < 0.2
    assert timeline.jitter_s < 0.05


def test_when_nothing_comes_they_stand_still_and_then_catch_up() -> None:
    timeline = Timeline()
    arrivals = [(tick * TICK_S, tick) for tick in range(3, 600, 3) if not 120 < tick < 240]
    shown = watch(timeline, arrivals, 9.5)
    assert shown[225] == shown[200] == 480
    assert shown[-1] - shown[-61] == pytest.approx(240, abs=10)


def test_old_snapshots_are_ignored_and_few_are_kept() -> None:
    timeline = Timeline()
    assert timeline.add(10, moving(10), 1.0)
    assert not timeline.add(10, moving(10), 1.0)
    assert not timeline.add(7, moving(7), 1.0)
    for tick in range(11, 5000):
        timeline.add(tick, moving(tick), 1.0 + tick * TICK_S)
    timeline.advance(0.0)  # long before all that is kept
    assert timeline.places()[0][0] == (4999 - 63) * 4


def test_who_comes_or_goes_does_so_at_a_snapshot() -> None:
    timeline = Timeline()
    timeline.add(0, {0: START, 1: START}, 0.0)
    timeline.add(3, {0: START, 2: START}, 3 * TICK_S)
    timeline.advance(timeline.delay_s + 1 * TICK_S)
    assert timeline.places().keys() == {0, 1}
    timeline.advance(timeline.delay_s + 5 * TICK_S)
    assert timeline.places().keys() == {0, 2}
