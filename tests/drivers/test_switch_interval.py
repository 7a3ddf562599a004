"""Is the switch interval short only while it must be, and never other than the program wants it afterwards?"""

import os
import sys
from collections.abc import Iterator

import pytest

from gamesockets.drivers.switch_interval import SWITCH_INTERVAL_S, SwitchInterval

USUAL_S = 0.005
OWN_S = 0.01


@pytest.fixture
def interval() -> Iterator[SwitchInterval]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(USUAL_S)
    yield SwitchInterval()
    sys.setswitchinterval(before_s)


def now_s() -> float:
    return round(sys.getswitchinterval(), 6)


def test_short_while_any_service_needs_it(interval: SwitchInterval) -> None:
    interval.open(1)
    interval.open(2)
    assert now_s() == USUAL_S
    interval.shorten(1)
    interval.shorten(2)
    interval.shorten(2)
    assert now_s() == SWITCH_INTERVAL_S
    interval.restore(1)
    assert now_s() == SWITCH_INTERVAL_S
    interval.restore(2)
    assert now_s() == USUAL_S
    interval.shorten(1)
    interval.close(1)
    assert now_s() == USUAL_S
    interval.shorten(1)
    assert now_s() == USUAL_S, "a closed service needs nothing"


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("own_s", [0.0005, 0.003, OWN_S])
def test_a_value_that_the_program_sets_stays(interval: SwitchInterval, is_short: bool, own_s: float) -> None:
    interval.open(1)
    interval.open(2)
    interval.shorten(1)
    if not is_short:
        interval.restore(1)
    sys.setswitchinterval(own_s)
    for service in (1, 2):
        interval.shorten(service)
        assert now_s() == own_s
        interval.restore(service)
    interval.shorten(1)
    interval.close(2)
    interval.close(1)
    assert now_s() == own_s


def test_the_next_one_begins_anew(interval: SwitchInterval) -> None:
    interval.open(1)
    sys.setswitchinterval(OWN_S)
    interval.shorten(1)
    interval.close(1)
    interval.open(2)
    interval.shorten(2)
    assert now_s() == SWITCH_INTERVAL_S
    interval.close(2)
    assert now_s() == OWN_S


def test_a_shorter_one_is_not_made_longer(interval: SwitchInterval) -> None:
    sys.setswitchinterval(0.0001)
    interval.open(1)
    interval.shorten(1)
    assert now_s() == 0.0001
    interval.close(1)
    assert now_s() == 0.0001


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="there is no fork")
def test_a_forked_child_has_the_usual_one(interval: SwitchInterval) -> None:
    interval.open(1)
    interval.shorten(1)
    interval.forget_parent()
    assert now_s() == USUAL_S
