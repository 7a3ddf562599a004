"""What does somebody see who uses `gamesockets.aio` where no event loop of asyncio runs? What to do instead."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from gamesockets import aio


async def handler(_: aio.Connection) -> None:
    raise AssertionError("nobody can connect")


async def serve() -> None:
    async with aio.serve(handler, "127.0.0.1:0"):
        pass


async def connect() -> None:
    async with aio.connect("127.0.0.1:9"):
        pass


async def await_it() -> None:
    await aio.connect("127.0.0.1:9")


async def connect_again_and_again() -> None:
    async for _ in aio.connect("127.0.0.1:9"):
        pass


async def connect_to_a_name() -> None:
    await aio.connect("localhost:9")


async def pair() -> None:
    async with aio.create_socket_pair():
        pass


WAYS: Final = [serve, connect, await_it, connect_again_and_again, connect_to_a_name, pair]


def run_in_trio(way: Callable[[], Awaitable[Any]]) -> None:
    trio = pytest.importorskip("trio")
    trio.run(way)


def run_by_hand(way: Callable[[], Awaitable[Any]]) -> None:
    """An event loop of nobody: a coroutine that somebody drives."""
    coroutine: Any = way()
    try:
        coroutine.send(None)
    finally:
        coroutine.close()


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("run", [run_in_trio, run_by_hand], ids=["trio", "by_hand"])
def test_another_event_loop_is_told_what_to_do(
    way: Callable[[], Awaitable[Any]], run: Callable[[Callable[[], Awaitable[Any]]], None]
) -> None:
    with pytest.raises(RuntimeError, match=r"needs a running event loop of asyncio.*Under trio, use trio-asyncio"):
        run(way)


def test_a_server_as_a_whole_program_is_refused_inside_a_loop() -> None:
    async def inside() -> None:
        aio.run_server(handler, "127.0.0.1:0")

    with pytest.raises(RuntimeError, match=r"one runs here already: use `async with aio.serve\(...\) as server`"):
        asyncio.run(inside())
