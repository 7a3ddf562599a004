"""Can a peer's text do harm on a terminal, and do commands stop as asked?"""

import os
import signal
import threading

import pytest

from gamesockets.cli.terminal import decode, printable, stop_signals


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
def test_sigterm_stops_like_ctrl_c_and_the_old_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stop_signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_leave_the_handlers_alone() -> None:
    done = []

    def inside() -> None:
        with stop_signals():
            done.append(True)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert done == [True]
