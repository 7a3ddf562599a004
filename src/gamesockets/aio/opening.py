"""How is something opened that can be awaited as well as used in ``async with``?"""

import asyncio
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Generic, TypeVar

T = TypeVar("T")


def running_loop() -> AbstractEventLoop:
    """The event loop of this thread. Raises `RuntimeError`, which says what to do, where none of asyncio runs."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "gamesockets.aio needs a running event loop of asyncio, and here is none: use it in a coroutine that "
            "asyncio.run runs. Under trio, use trio-asyncio, or NetworkingSockets on a thread"
        ) from None


def is_loop_running() -> bool:
    """Whether an event loop of asyncio runs on this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Opening(Generic[T]):
    """What `connect`, `serve` and `create_socket_pair` return: ``await`` it, or use it in ``async with``.

    Args:
        open_it: does the work, once the event loop runs.
        contexts: which parts of what was opened are closed, the last first, when the block is left.
    """

    __slots__ = ("_contexts", "_open", "_stack")

    def __init__(
        self,
        open_it: Callable[[], Awaitable[T]],
        contexts: Callable[[T], Iterable[AbstractAsyncContextManager[Any, None]]],
    ) -> None:
        self._open = open_it
        self._contexts = contexts
        self._stack = AsyncExitStack()

    def __await__(self) -> Generator[Any, None, T]:
        return self._open().__await__()

    async def __aenter__(self) -> T:
        opened = await self._open()
        for part in self._contexts(opened):
            self._stack.push_async_exit(part)
        return opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)
