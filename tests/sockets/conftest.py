"""What every test of the game-loop API starts with, and what it can ask for."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.pairs import Loopback, NewLoopback, NewPair, NewSide, Pair, Side
from tests.support.process import own_global_values

import gamesockets as gs

__all__ = ["own_global_values"]  # a fixture


@pytest.fixture
def close_later() -> Iterator[ExitStack]:
    """Closes at the end of the test what the factories made."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def new_side(close_later: ExitStack) -> NewSide:
    def make(*arguments: Any, **keywords: Any) -> Side:
        side = Side(*arguments, **keywords)
        close_later.callback(side.close)
        return side

    return make


@pytest.fixture
def new_loopback(close_later: ExitStack) -> NewLoopback:
    return lambda *arguments, **keywords: close_later.enter_context(Loopback(*arguments, **keywords))


@pytest.fixture
def new_pair(close_later: ExitStack) -> NewPair:
    return lambda *arguments, **keywords: close_later.enter_context(Pair(*arguments, **keywords))


@pytest.fixture
def sockets() -> Iterator[gs.NetworkingSockets]:
    with gs.NetworkingSockets() as sockets:
        yield sockets


@pytest.fixture
def loopback(new_loopback: NewLoopback) -> Loopback:
    return new_loopback()


@pytest.fixture
def pair(new_pair: NewPair) -> Pair:
    return new_pair()
