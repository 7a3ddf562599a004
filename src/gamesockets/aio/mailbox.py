"""How does a task wait for the messages of an inbox?"""

from asyncio import AbstractEventLoop, Future
from collections import deque
from collections.abc import Callable
from typing import Any, final

from gamesockets.connection.inbox import Inbox
from gamesockets.node.reading import READING
from gamesockets.values.arguments import check_type
from gamesockets.values.message import NetworkingMessage


@final
class Mailbox:
    """An inbox and the tasks that wait for it, first come, first served.

    A message is taken in the same step in which it is returned, so cancelling a task that waits loses none.

    Args:
        raise_if_over: raises what a waiting task should see once no message will come any more.
    """

    __slots__ = ("_loop", "_raise_if_over", "_waiters", "inbox", "number")

    def __init__(self, loop: AbstractEventLoop, inbox: Inbox, raise_if_over: Callable[[], None]) -> None:
        self._loop = loop
        self.inbox = inbox
        self.number = 0
        """Its place among those of its hub."""
        self._raise_if_over = raise_if_over
        self._waiters: deque[Future[None]] = deque()

    async def receive(self) -> NetworkingMessage:
        """The oldest message, once there is one."""
        if not self.inbox:
            await self._wait()
        messages = self.inbox.take(1)
        if self._waiters and self.inbox:
            self.wake()
        if READING.is_on:
            READING.note(messages)
        return messages[0]

    async def receive_many(self, max_messages: Any) -> list[NetworkingMessage]:
        """The oldest messages, once there is one."""
        _check_count(max_messages)
        if not self.inbox:
            await self._wait()
        messages = self.inbox.take(max_messages)
        if self._waiters and self.inbox:
            self.wake()
        if READING.is_on:
            READING.note(messages)
        return messages

    def receive_nowait(self, max_messages: Any) -> list[NetworkingMessage]:
        """The oldest messages; an empty list if there are none."""
        _check_count(max_messages)
        messages = self.inbox.take(max_messages)
        if READING.is_on:
            READING.note(messages)
        return messages

    async def _wait(self) -> None:
        while not self.inbox:
            self._raise_if_over()
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except BaseException:
                if waiter.done() and not waiter.cancelled():
                    self.wake()  # what this task was woken for is somebody else's now
                elif waiter in self._waiters:  # `wake` may have passed over it already
                    self._waiters.remove(waiter)
                raise

    def wake(self) -> None:
        """Lets one waiting task look."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def wake_all(self) -> None:
        """Lets all waiting tasks look: there will be no more."""
        while self._waiters:
            self.wake()


def number_of(mailbox: Mailbox) -> int:
    """To sort by."""
    return mailbox.number


def _check_count(max_messages: Any) -> None:
    """Of the application. Raises `TypeError` or `ValueError` for what can be no number of messages to take."""
    check_type("max_messages", max_messages, int)
    if max_messages < 1:
        raise ValueError(f"max_messages must be at least 1, not {max_messages}")
