"""Does each message wake somebody, and is none lost when the one it woke is cancelled or too late?"""

import asyncio

import pytest
from tests.support.loops import on_a_loop, on_every_loop

import gamesockets as gs
from gamesockets import NetworkingMessage
from gamesockets.aio.mailbox import Mailbox
from gamesockets.connection.inbox import Inbox
from gamesockets.values.message import PeerRecord


class Post:
    """A mailbox, and messages that are put into it by hand."""

    def __init__(self) -> None:
        self.inbox = Inbox(set())
        self.is_over = False
        self.mailbox = Mailbox(asyncio.get_running_loop(), self.inbox, self._raise_if_over)
        self._peer = PeerRecord(1, gs.NetworkingIdentity.localhost(), -1)
        self._numbers = 0

    def _raise_if_over(self) -> None:
        if self.is_over:
            raise gs.ConnectionClosed(1000, "over")

    def put(self, *texts: bytes) -> None:
        for text in texts:
            self._numbers += 1
            self._peer.queued_messages += 1
            self._peer.queued_bytes += len(text)
            self.inbox.append(NetworkingMessage(text, self._numbers, 0, 0, 0, self._peer))

    def deliver(self, *texts: bytes) -> None:
        self.put(*texts)
        self.mailbox.wake()

    def receiver(self) -> "asyncio.Task[bytes]":
        async def receive() -> bytes:
            return (await self.mailbox.receive()).data

        return asyncio.create_task(receive())

    async def receivers(self, count: int) -> "list[asyncio.Task[bytes]]":
        tasks = [self.receiver() for _ in range(count)]
        await asyncio.sleep(0)
        return tasks


@on_every_loop
async def test_tasks_are_served_in_the_order_in_which_they_came() -> None:
    post = Post()
    tasks = await post.receivers(3)
    post.deliver(b"1", b"2", b"3")
    assert await asyncio.gather(*tasks) == [b"1", b"2", b"3"]


@on_a_loop
async def test_a_batch_wakes_the_next_only_if_something_is_left() -> None:
    post = Post()
    many = asyncio.create_task(post.mailbox.receive_many(2))
    await asyncio.sleep(0)
    one = post.receiver()
    await asyncio.sleep(0)
    post.deliver(b"1", b"2", b"3")
    assert [message.data for message in await many] == [b"1", b"2"]
    assert await one == b"3"


@on_a_loop
async def test_a_task_that_was_woken_and_cancelled_hands_its_turn_on() -> None:
    post = Post()
    first, second = await post.receivers(2)
    post.deliver(b"1")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == b"1"


@on_a_loop
async def test_a_task_that_was_cancelled_before_the_message_came_ends_as_cancelled() -> None:
    """It is still in line when the message comes in the same turn of the loop."""
    post = Post()
    first, second = await post.receivers(2)
    first.cancel()
    post.deliver(b"1")
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await second == b"1"


@on_a_loop
async def test_a_task_that_is_cancelled_leaves_the_line() -> None:
    post = Post()
    first, second = await post.receivers(2)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    post.deliver(b"1")
    assert await second == b"1"
    post.put(b"2")
    assert (await post.mailbox.receive()).data == b"2"


@on_a_loop
async def test_who_comes_too_late_waits_again() -> None:
    post = Post()
    (late,) = await post.receivers(1)
    post.deliver(b"1")
    assert [message.data for message in post.inbox.take(5)] == [b"1"], "before the task ran"
    await asyncio.sleep(0)
    assert not late.done()
    post.deliver(b"2")
    assert await late == b"2"


@on_a_loop
async def test_at_the_end_what_is_left_is_given_out_and_the_rest_hear_of_it() -> None:
    post = Post()
    tasks = await post.receivers(3)
    post.put(b"1")
    post.is_over = True
    post.mailbox.wake_all()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[0] == b"1"
    assert [type(outcome) for outcome in outcomes[1:]] == [gs.ConnectionClosed] * 2
