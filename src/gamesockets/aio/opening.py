"""How is something opened that can be awaited as well as used in ``async with``?"""

from collections.abc import Awaitable, Callable, Generator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from types import TracebackType
from typing import Any, Generic, TypeVar, final

T = TypeVar("T")


@final
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
