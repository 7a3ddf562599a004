"""Does a poller wake for sockets, for time and for other threads, and give everything back?"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from gamesockets.drivers.poller import READ, WRITE, Poller

PATIENCE_S = 10.0


@pytest.fixture
def poller() -> Iterator[Poller]:
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
