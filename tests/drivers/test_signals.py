"""Are the program's signal handlers held while the main thread serves, and do they get all that came?"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from gamesockets.drivers.signals import LOOK_EVERY_NS, HeldSignals

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal to send oneself")

USR1 = signal.SIGUSR1 if sys.platform != "win32" else signal.SIGINT
USR2 = signal.SIGUSR2 if sys.platform != "win32" else signal.SIGINT


class Came(Exception):  # noqa: N818 - what came
    pass


@pytest.fixture
def came() -> Iterator[list[int]]:
    """The numbers of the signals whose handlers have run."""
    numbers: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        numbers.append(number)

    before = {number: signal.signal(number, note) for number in (USR1, USR2)}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_until_serving_is_over(came: list[int]) -> None:
    held = HeldSignals()
    with held:
        signal.raise_signal(USR1)
        signal.raise_signal(USR2)
        assert came == []
        held.let_run()
        assert came == [USR1, USR2], "in the order in which they came"
        held.hold()
        signal.raise_signal(USR1)
        assert came == [USR1, USR2]
    assert came == [USR1, USR2, USR1]


def test_while_it_sleeps_a_handler_runs_at_once(came: list[int]) -> None:
    held = HeldSignals()
    with held:
        held.let_run()
        signal.raise_signal(USR1)
        assert came == [USR1]


def test_the_handlers_of_the_program_are_back_afterwards() -> None:
    def mine(number: int, frame: FrameType | None) -> None:
        pass

    before = signal.signal(USR1, mine)
    default = signal.signal(USR2, signal.SIG_DFL)
    held = HeldSignals()
    for _ in range(3):
        with held:
            assert signal.getsignal(USR1) is not mine
            assert signal.getsignal(USR2) is signal.SIG_DFL, "what is no function stays"
        assert signal.getsignal(USR1) is mine
    signal.signal(USR1, before)
    signal.signal(USR2, default)


def test_a_handler_that_is_set_meanwhile_stays(came: list[int]) -> None:
    held = HeldSignals()
    later: list[int] = []
    with held:
        signal.signal(USR1, lambda number, frame: later.append(number))
        signal.raise_signal(USR1)
    signal.raise_signal(USR1)
    assert (came, later) == ([], [USR1, USR1])
    with held:
        signal.raise_signal(USR1)
        assert later == [USR1, USR1]
    assert later == [USR1, USR1, USR1]


def test_what_a_handler_raises_comes_out_and_the_others_run_nevertheless(came: list[int]) -> None:
    def fail(number: int, frame: FrameType | None) -> None:
        raise Came

    signal.signal(USR1, fail)
    held = HeldSignals()

    def serve() -> None:
        with held:
            signal.raise_signal(USR1)
            signal.raise_signal(USR2)

    with pytest.raises(Came):
        serve()
    assert came == [USR2]
    assert signal.getsignal(USR1) is fail


def test_a_wait_inside_a_handler_leaves_the_outer_one_asleep(came: list[int]) -> None:
    held = HeldSignals()

    def wait_too(number: int, frame: FrameType | None) -> None:
        with held:
            signal.raise_signal(USR2)
            assert came == []
        assert came == [USR2]

    signal.signal(USR1, wait_too)
    with held:
        held.let_run()
        signal.raise_signal(USR1)
        signal.raise_signal(USR2)
        assert came == [USR2, USR2], "the outer one still sleeps"
        held.hold()
        signal.raise_signal(USR2)
        assert came == [USR2, USR2]
    assert came == [USR2, USR2, USR2]


def test_other_threads_hold_nothing(came: list[int]) -> None:
    held = HeldSignals()

    def work() -> None:
        with held:
            held.let_run()
            held.hold()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    signal.raise_signal(USR1)
    assert came == [USR1]


def test_a_signal_of_the_system_interrupts_a_sleeping_wait(tmp_path: Path) -> None:
    """The usual end of a server in a container, with nothing but the package."""
    program = (
        "import os, signal, sys\n"
        "import gamesockets as gs\n"
        "def leave(number, frame):\n"
        "    raise SystemExit(7)\n"
        "signal.signal(signal.SIGTERM, leave)\n"
        "with gs.NetworkingSockets() as sockets:\n"
        "    sockets.create_listen_socket(gs.Address('127.0.0.1', 0))\n"
        "    print('listening', flush=True)\n"
        "    sockets.wait()\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "listening\n"
        os.kill(process.pid, signal.SIGTERM)
        assert process.wait(30) == 7


def test_another_handler_right_after_a_wait_is_held_and_stays(came: list[int]) -> None:
    """Not all signals are looked at each time; those that are held are."""
    held = HeldSignals()
    with held:
        pass
    others: list[int] = []

    def other(number: int, frame: FrameType | None) -> None:
        others.append(number)

    signal.signal(USR1, other)
    with held:
        signal.raise_signal(USR1)
        assert others == []
    assert (came, others) == ([], [USR1])
    assert signal.getsignal(USR1) is other


def test_a_signal_ignored_right_after_a_wait_stays_ignored(came: list[int]) -> None:
    held = HeldSignals()
    with held:
        pass
    signal.signal(USR1, signal.SIG_IGN)
    with held:
        signal.raise_signal(USR1)
    assert came == []
    assert signal.getsignal(USR1) == signal.SIG_IGN


def test_a_first_handler_is_held_a_moment_after_the_last_look(came: list[int]) -> None:
    held = HeldSignals()
    signal.signal(USR1, signal.SIG_IGN)
    with held:
        pass
    signal.signal(USR1, lambda number, _: came.append(number))
    time.sleep(2 * LOOK_EVERY_NS / 1e9)
    with held:
        signal.raise_signal(USR1)
        assert came == []
    assert came == [USR1]
