"""Does a poller wake for sockets, for time and for other threads, and give everything back?"""

import errno
import selectors
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from tests.support.selecting import SELECTORS, SelectOfWindows, use_selector
from tests.support.waiting import wait_until

from gamesockets.drivers.poller import READ, WRITE, Poller

PATIENCE_S = 60.0


@pytest.fixture(params=SELECTORS, ids=[kind.__name__ for kind in SELECTORS])
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Poller]:
    use_selector(request.param, monkeypatch)
    with closing(Poller()) as poller:
        yield poller


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    first, second = socket.socketpair()
    with first, second:
        yield first, second


def test_it_sleeps_until_the_timeout(poller: Poller) -> None:
    before = time.monotonic()
    assert poller.select(0.02) == []
    assert time.monotonic() - before >= 0.019
    assert poller.select(0) == []


def test_a_ready_socket_ends_the_sleep(poller: Poller, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    owner = object()
    poller.register(near, owner)
    assert poller.select(0) == []
    far.send(b"x")
    assert poller.select(None) == [(owner, READ)]
    assert poller.select(None) == [(owner, READ)], "until it was read"
    near.recv(1)
    assert poller.select(0) == []


def test_watching_for_writing(poller: Poller, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    poller.register(near, "owner")
    poller.watch(near, READ | WRITE, "owner")
    assert poller.select(None) == [("owner", WRITE)]
    far.send(b"x")
    assert poller.select(None) == [("owner", READ | WRITE)]
    poller.watch(near, READ, "owner")
    near.recv(1)
    assert poller.select(0) == []


def test_a_forgotten_socket_is_silent(poller: Poller, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    poller.register(near, "owner")
    far.send(b"x")
    poller.unregister(near)
    assert poller.select(0) == []


def test_another_thread_ends_the_sleep(poller: Poller) -> None:
    waker = threading.Timer(0.01, poller.wake)
    waker.start()
    before = time.monotonic()
    assert poller.select(PATIENCE_S) == []
    assert time.monotonic() - before < PATIENCE_S
    waker.join()


def test_a_wake_before_the_sleep_counts_once(poller: Poller, ends: tuple[socket.socket, socket.socket]) -> None:
    near, far = ends
    poller.register(near, "owner")
    poller.wake()
    poller.wake()
    assert poller.select(None) == []
    far.send(b"x")
    poller.wake()
    assert poller.select(None) == [("owner", READ)], "wake-ups are left out"


def test_waking_never_blocks(poller: Poller) -> None:
    for _ in range(20_000):
        poller.wake()
    assert poller.select(None) == []
    assert poller.select(0) == [], "all were taken together"


def test_nobody_sleeps_at_first(poller: Poller) -> None:
    assert poller.sleeping_until == 0


# ---------------------------------------------------------------------- changes while somebody sleeps


def is_asleep(poller: Poller) -> bool:
    return poller._notices_changes or poller._is_asleep


def test_a_socket_that_is_registered_meanwhile_is_watched(
    poller: Poller, ends: tuple[socket.socket, socket.socket]
) -> None:
    near, far = ends
    found: list[object] = []

    def sleep() -> None:
        while not found:
            found.extend(poller.select(PATIENCE_S))

    with ThreadPoolExecutor(1) as pool:
        sleeping = pool.submit(sleep)
        wait_until(lambda: is_asleep(poller))
        poller.register(near, "owner")
        far.send(b"x")
        sleeping.result(PATIENCE_S)
    assert found == [("owner", READ)]


def test_what_is_watched_for_may_change_meanwhile(poller: Poller, ends: tuple[socket.socket, socket.socket]) -> None:
    near, _ = ends
    poller.register(near, "owner")
    found: list[object] = []

    def sleep() -> None:
        while not found:  # without events is what became ready before the selector knew what it is watched for
            found.extend([(data, events) for data, events in poller.select(PATIENCE_S) if events])

    with ThreadPoolExecutor(1) as pool:
        sleeping = pool.submit(sleep)
        wait_until(lambda: is_asleep(poller))
        poller.watch(near, READ | WRITE, "owner")
        sleeping.result(PATIENCE_S)
    assert found == [("owner", WRITE)]


def test_a_port_is_free_at_once_although_somebody_slept_on_it(poller: Poller) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        address = bound.getsockname()
        poller.register(bound, "owner")
        with ThreadPoolExecutor(1) as pool:
            sleeping = pool.submit(poller.select, PATIENCE_S)
            wait_until(lambda: is_asleep(poller))
            poller.unregister(bound)
            bound.close()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
                again.bind(address)
            poller.wake()
            assert sleeping.result(PATIENCE_S) == []


def test_a_socket_closed_under_a_poller_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are watched on, and it may still be forgotten again and changed."""
    use_selector(SelectOfWindows, monkeypatch)
    with closing(Poller()) as poller:
        (one, other), (near, far) = socket.socketpair(), socket.socketpair()
        with other, near, far:
            poller.register(one, "closed")
            poller.register(near, "open")
            one.close()
            far.send(b"x")
            assert poller.select(0) == []
            assert poller.select(PATIENCE_S) == [("open", READ)]
            poller.watch(one, READ | WRITE, "closed")
            poller.unregister(one)


@pytest.mark.parametrize("error", [OSError(errno.ENOMEM, "on purpose"), ValueError("on purpose")])
def test_a_selector_that_fails_does_not_spin(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    class Failing(selectors.SelectSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            raise error

    use_selector(Failing, monkeypatch)
    pauses: list[float] = []
    monkeypatch.setattr("gamesockets.drivers.poller.time.sleep", pauses.append)
    with closing(Poller()) as poller, ThreadPoolExecutor(1) as pool:
        assert pool.submit(poller.select, None).result(PATIENCE_S) == []
    assert len(pauses) == 1


def alarm_again_and_again() -> None:
    """Python looks for signals before a system call: one that comes between the two does not end the sleep."""
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no alarm")
@pytest.mark.parametrize("kind", [TimeoutError, KeyError, RuntimeError, ValueError])
def test_what_a_signal_handler_raises_ends_the_sleep(poller: Poller, kind: type[Exception]) -> None:
    def handle(*_: object) -> None:
        if not came:
            came.append(kind)
            raise kind("from a handler")

    def sleep() -> None:
        alarm_again_and_again()
        poller.select(PATIENCE_S)

    came: list[type[Exception]] = []
    before = signal.signal(signal.SIGALRM, handle)
    try:
        with pytest.raises(kind, match="from a handler"):
            sleep()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="there is no alarm")
def test_a_signal_handler_may_close_what_its_own_thread_sleeps_on(
    poller: Poller, ends: tuple[socket.socket, socket.socket]
) -> None:
    near, _ = ends
    poller.register(near, "owner")

    def handle(*_: object) -> None:
        if near.fileno() >= 0:
            poller.unregister(near)
            near.close()
            poller.wake()

    before = signal.signal(signal.SIGALRM, handle)
    try:
        alarm_again_and_again()
        began = time.monotonic()
        assert poller.select(PATIENCE_S) == []
        assert time.monotonic() - began < PATIENCE_S / 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_too_many_sockets_are_an_error_of_registering(monkeypatch: pytest.MonkeyPatch) -> None:
    use_selector(SelectOfWindows, monkeypatch)
    with closing(Poller()) as poller:
        monkeypatch.setattr(SelectOfWindows, "room", 2)
        (one, far), (two, _) = pairs = socket.socketpair(), socket.socketpair()
        try:
            poller.register(one, "fits")
            with pytest.raises(OSError, match="too many open sockets") as refusal:
                poller.register(two, "does not fit")
            assert refusal.value.errno == errno.EMFILE
            far.send(b"x")
            assert poller.select(PATIENCE_S) == [("fits", READ)]
        finally:
            for pair in pairs:
                for end in pair:
                    end.close()


def test_a_poller_that_cannot_be_made_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    use_selector(SelectOfWindows, monkeypatch)
    monkeypatch.setattr(SelectOfWindows, "room", 0)
    with pytest.raises(OSError, match="too many open sockets"):
        Poller()  # an open socket would be a ResourceWarning, which is an error here
