"""Can a peer's text do harm on a terminal, and do commands stop as asked?"""

import contextlib
import logging
import os
import signal
import threading

import pytest

from gamesockets.cli.terminal import BugReports, decode, on_stop_signals, printable, stop_signals


def test_ordinary_text_passes_unchanged() -> None:
    text = "Grüße, 你好, 👩\N{ZERO WIDTH JOINER}🚀!"
    assert printable(text) == text
    assert decode(text.encode()) == text


@pytest.mark.parametrize("text", ["\x1b[31m", "\x07", "a\rb", "a\nb", "\u202eevil", "\x9b2J", "\u2028"])
def test_what_a_terminal_would_obey_is_replaced(text: str) -> None:
    assert printable(text).isprintable()


def test_tabs_become_blanks_and_bad_bytes_a_sign() -> None:
    assert printable("a\tb") == "a   b"
    assert decode(b"\xff\xfe") == "\N{REPLACEMENT CHARACTER}" * 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_wait_and_the_old_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_signals() as stop:
        with pytest.raises(KeyboardInterrupt), stop.waiting():
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_work_is_not_cut_in_half() -> None:
    with stop_signals() as stop:
        signal.raise_signal(signal.SIGINT)  # between two waits: nothing happens yet
        with pytest.raises(KeyboardInterrupt), stop.waiting():
            raise AssertionError("a stop that was asked for must not wait")
        with stop.waiting():
            pass  # the same stop does not disturb the cleaning up


def test_a_stop_that_a_finalizer_swallowed_is_seen_at_the_next_wait() -> None:
    """Python drops what a signal handler raises in a weakref callback or `__del__`."""
    with stop_signals() as stop:
        with stop.waiting(), contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt), stop.waiting():
            raise AssertionError("the stop was lost")
        with stop.waiting():
            pass


def test_a_second_signal_does_not_wait() -> None:
    with stop_signals():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_other_threads_leave_the_handlers_alone() -> None:
    done = []

    def inside() -> None:
        with stop_signals():
            done.append(True)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert done == [True]


def test_the_first_signal_asks_and_the_second_ends() -> None:
    asked = []
    before = signal.getsignal(signal.SIGINT)
    with on_stop_signals(lambda: asked.append(True)):
        signal.raise_signal(signal.SIGINT)
        assert asked == [True]
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert asked == [True]
    assert signal.getsignal(signal.SIGINT) is before


def test_only_faults_of_the_library_itself_reach_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger("test")
    logger.addHandler(BugReports())
    logger.error("a peer misbehaved")
    assert capsys.readouterr().err == ""
    logger.error("the service failed", exc_info=ZeroDivisionError("oops"))
    assert "the service failed\nZeroDivisionError: oops" in capsys.readouterr().err
