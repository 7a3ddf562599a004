"""Do stop signals ask once or twice, raise nothing, and leave the program's own handlers as they were?"""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from gamesockets.drivers.stop_signals import STOP_SIGNALS, on_stop_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")


@pytest.fixture
def own() -> Iterator[list[int]]:
    """The program has handlers of its own, which note what they get."""
    got: list[int] = []
    before = {number: signal.signal(number, lambda number, _: got.append(number)) for number in STOP_SIGNALS}
    yield got
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_two_ask_and_the_third_is_the_programs(own: list[int], number: signal.Signals) -> None:
    asked: list[int] = []
    handlers = [signal.getsignal(number) for number in STOP_SIGNALS]
    with on_stop_signals(lambda: asked.append(1)):
        for count in (1, 2, 2):
            signal.raise_signal(number)
            assert len(asked) == count
    assert own == [number]
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == handlers


def test_the_third_ctrl_c_of_a_program_without_handlers_interrupts_it() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with on_stop_signals(lambda: None):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_the_program_sets_inside_stays(own: list[int]) -> None:
    def newer(*_: object) -> None:
        own.append(0)

    with on_stop_signals(lambda: None):
        signal.signal(signal.SIGTERM, newer)
    assert signal.getsignal(signal.SIGTERM) is newer


def test_on_another_thread_nothing_is_done() -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    seen: list[object] = []

    def inside() -> None:
        with on_stop_signals(lambda: None):
            seen.extend(signal.getsignal(number) for number in STOP_SIGNALS)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == before
