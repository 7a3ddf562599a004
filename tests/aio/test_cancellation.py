"""Do connection and event loop stay healthy, whatever is cancelled, and whenever?

After each cancellation a message goes both ways, and it is the next one. That no task, socket or complaint is left, the
frame around each test sees to.
"""

import asyncio
import socket
import time
from asyncio import Future, Task
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any, Final, Generic, TypeVar
from unittest.mock import patch

import pytest
from tests.support.linked import AT_ONCE, LOCAL, RELIABLE, SWIFT, Reception, echo, keep, linked, meet
from tests.support.loops import KINDS, on_every_loop, run
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import Result, aio

V = gs.ConfigurationValue
T = TypeVar("T")

NARROW: Final = {V.SEND_BUFFER_SIZE: 4096, **SWIFT}
"""A buffer that is soon full, and soon empty."""


class AwaitPoint:
    """Cancels the task that something is awaited in while it waits for the nth time.

    Args:
        step: counted from 0.
        is_late: in the turn in which the wait is over, when the task has been told to go on but has not yet.
    """

    def __init__(self, step: int, is_late: bool) -> None:
        self.was_reached = False
        self._step = step
        self._is_late = is_late

    async def through(self, awaited: Awaitable[T]) -> T:
        """Awaits it."""
        return await _Stepped(self, awaited)

    def passed(self, step: int, waited_for: "Future[Any] | None") -> None:
        """What is awaited waits, for a future or one turn of the loop."""
        if step != self._step:
            return
        self.was_reached = True
        task = asyncio.current_task()
        assert task is not None
        if self._is_late and waited_for is not None:
            waited_for.add_done_callback(lambda _: task.cancel())
        else:
            asyncio.get_running_loop().call_soon(task.cancel)


class _Stepped(Generic[T]):
    """Awaits something, and tells the point each time that it waits."""

    def __init__(self, point: AwaitPoint, awaited: Awaitable[T]) -> None:
        self._point = point
        self._awaited = awaited

    def __await__(self) -> Generator[Any, None, T]:
        iterator: Any = self._awaited.__await__()
        thrown: BaseException | None = None
        for step in count():
            try:
                waited_for = iterator.send(None) if thrown is None else iterator.throw(thrown)
            except StopIteration as end:
                result: T = end.value
                return result
            self._point.passed(step, waited_for)
            thrown = None
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001 - it goes on into what is awaited
                thrown = error
        raise AssertionError


Attempt = Callable[[Callable[[Awaitable[Any]], Awaitable[Any]]], Coroutine[Any, Any, None]]


TRIES: Final = 20
"""On a machine that stands still for a moment, what is awaited may be there before anybody waits."""


async def at_every_await_point(attempt: Attempt, steps_min: int) -> None:
    """Repeats `attempt`, which awaits something through the function that it is given, cancelled ever later."""
    for is_late in (False, True):
        for step in count():
            for _ in range(TRIES if step < steps_min else 1):
                point = AwaitPoint(step, is_late)
                await attempt(point.through)
                if point.was_reached:
                    break
            else:
                assert step >= steps_min
                break


async def outcome_of(awaited: Awaitable[T]) -> T | None:
    """Awaits something in a task of its own; None if it was cancelled."""

    async def wait() -> T:
        return await awaited

    task = asyncio.create_task(wait())
    with suppress(asyncio.CancelledError):
        return await task
    assert task.cancelled()
    return None


def unhurried_lookup() -> Any:
    """Names are looked up by a thread: if that has its answer before anybody could wait for it, nothing waits."""
    look_up = socket.getaddrinfo

    def slowly(*arguments: Any, **options: Any) -> Any:
        time.sleep(0.005)
        return look_up(*arguments, **options)

    return patch.object(socket, "getaddrinfo", slowly)


@on_every_loop
async def test_connect_at_every_await_point() -> None:
    async with aio.serve(keep, LOCAL, 0) as server:

        async def attempt(through: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
            client = await outcome_of(through(aio.connect("localhost", server.address.port)))
            if client is not None:
                await client.close()
            await until(lambda: not server.connections)

        with unhurried_lookup():
            await at_every_await_point(attempt, 2)


@on_every_loop
async def test_serve_at_every_await_point() -> None:
    async def attempt(through: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
        server = await outcome_of(through(aio.serve(keep, "localhost", 0)))
        if server is not None:
            await server.close()

    with unhurried_lookup():
        await at_every_await_point(attempt, 1)


@on_every_loop
async def test_send_at_every_await_point() -> None:
    async with linked(NARROW) as (client, theirs):

        async def attempt(through: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
            expected: list[bytes] = []

            async def fill_and_send() -> None:
                while client.send_nowait(b"f" * 1000, RELIABLE) == Result.OK:
                    expected.append(b"f" * 1000)
                await client.send(b"b" * 3000, RELIABLE)

            async def send() -> None:
                await through(client.send(b"x" * 3900, RELIABLE))

            # All begin in one turn: what leaves in the next makes room, on a slow machine for all that there is.
            before = asyncio.create_task(fill_and_send())
            sending = asyncio.create_task(send())
            after = asyncio.create_task(client.send(b"a" * 3000, RELIABLE))
            await asyncio.wait([before, sending, after])
            assert (before.exception(), after.exception()) == (None, None)
            expected += [b"b" * 3000, b"x" * 3900, b"a" * 3000]
            if sending.cancelled():
                expected.remove(b"x" * 3900)
            assert [(await theirs.receive()).data for _ in expected] == expected
            await meet(client, theirs)

        await at_every_await_point(attempt, 1)


@on_every_loop
async def test_receive_at_every_await_point() -> None:
    async with linked() as (client, theirs):
        ways: list[Callable[[], Awaitable[Any]]] = [
            theirs.receive,
            theirs.receive_many,
            lambda: anext(theirs),
        ]

        for way in ways:

            async def attempt(
                through: Callable[[Awaitable[Any]], Awaitable[Any]], way: Callable[[], Awaitable[Any]] = way
            ) -> None:
                receiving = asyncio.create_task(outcome_of(through(way())))
                await until(lambda: theirs._conversation.mailbox._waiters or receiving.done())
                await client.send(b"x", AT_ONCE)
                got = await receiving
                if got is None:
                    got = await theirs.receive()
                assert (got[0] if isinstance(got, list) else got).data == b"x"
                await meet(client, theirs)

            await at_every_await_point(attempt, 1)


@on_every_loop
async def test_close_at_every_await_point() -> None:
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:
        for is_server_side in (False, True):

            async def attempt(
                through: Callable[[Awaitable[Any]], Awaitable[Any]], is_server_side: bool = is_server_side
            ) -> None:
                client = await aio.connect(server.address)
                theirs = await reception.next()
                await client.send(b"x" * 5000, RELIABLE)
                await theirs.send(b"x" * 5000, RELIABLE)
                closer, other = (theirs, client) if is_server_side else (client, theirs)
                await outcome_of(through(closer.close(1234, "bye", linger=True)))
                assert not closer.is_open
                await other.wait_closed()
                assert (other.end_reason, other.end_debug) == (1234, "bye")
                await client.close()
                await until(lambda: not server.connections)

            await at_every_await_point(attempt, 1)


@on_every_loop
async def test_closing_a_server_at_every_await_point() -> None:
    async def attempt(through: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
        ended = 0

        async def linger(connection: aio.Connection) -> None:
            nonlocal ended
            try:
                await connection.wait_closed()
                await asyncio.sleep(0.002)
            finally:
                ended += 1

        server = await aio.serve(linger, LOCAL, 0)
        clients = [await aio.connect(server.address) for _ in range(2)]
        await until(lambda: len(server.connections) == 2)
        await outcome_of(through(server.close(1234, "bye")))
        assert ended == 2
        await server.wait_closed()
        for client in clients:
            await client.wait_closed()
            assert client.end_reason == 1234
            await client.close()

    await at_every_await_point(attempt, 1)


@on_every_loop
async def test_a_block_at_every_await_point() -> None:
    """While it is entered, inside, and while it is left: whoever is cancelled leaves nothing behind."""
    async with aio.serve(echo, LOCAL, 0) as server:

        async def attempt(through: Callable[[Awaitable[Any]], Awaitable[Any]]) -> None:
            async def visit() -> None:
                async with aio.connect(server.address) as client:
                    await client.send(b"x" * 5000, AT_ONCE)
                    assert (await client.receive()).data == b"x" * 5000
                await client.wait_closed()

            await outcome_of(through(visit()))
            await until(lambda: not server.connections)

        await at_every_await_point(attempt, 3)


# ---------------------------------------------------------------------- at random

CANCELLATIONS: Final = 120
"""On each kind of loop: together some hundred."""


class Fuzz:
    """Operations that are cancelled at random moments, in random number at once, on one connection after another."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.cancelled = 0
        self.reception = Reception()

    async def cancel_soon(self, *tasks: "Task[Any]") -> list[Any]:
        """Cancels tasks, some of them twice, after some turns of the loop or some time; what the others returned."""
        random = self.random
        for task in random.sample(tasks, len(tasks)):
            for _ in range(random.choice([1, 1, 1, 2])):
                if random.random() < 0.7:
                    for _ in range(random.randrange(6)):
                        await asyncio.sleep(0)
                else:
                    await asyncio.sleep(random.random() * 0.004)
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        self.cancelled += sum([task.cancelled() for task in tasks])
        return [None if task.cancelled() else task.result() for task in tasks]

    async def connect(self, server: aio.Server) -> None:
        """Connects, is cancelled; if too late, the connection is closed, which is cancelled too."""
        (client,) = await self.cancel_soon(asyncio.create_task(opened(server.address)))
        if client is not None:
            await self.cancel_soon(asyncio.create_task(client.close(linger=True)))
            await client.close()

    async def send(self, one: aio.Connection, two: aio.Connection) -> None:
        """Fills the buffer; some of those who wait for room are cancelled."""
        count = self.random.randrange(2, 9)
        texts = [b"%d " % number + bytes(self.random.randrange(3500)) for number in range(count)]
        tasks = [asyncio.create_task(one.send(text, RELIABLE)) for text in texts]
        numbers = await self.cancel_soon(*self.random.sample(tasks, count // 2))
        await asyncio.gather(*tasks, return_exceptions=True)
        expected = [text for text, task in zip(texts, tasks, strict=True) if not task.cancelled()]
        assert len(numbers) == count // 2
        assert [(await two.receive()).data for _ in expected] == expected

    async def receive(self, one: aio.Connection, two: aio.Connection) -> None:
        """Several tasks receive while messages come; some are cancelled, and no message is lost or comes twice."""
        count = self.random.randrange(2, 9)
        tasks = [asyncio.create_task(two.receive()) for _ in range(count)]
        await asyncio.sleep(0)
        for number in range(count):
            await one.send(b"%d" % number, AT_ONCE)
        chosen = self.random.sample(tasks, self.random.randrange(1, count))
        await self.cancel_soon(*chosen)
        others = [task for task in tasks if task not in chosen]
        received = [int(message.data) for message in await asyncio.gather(*others)]
        received += [int(task.result().data) for task in chosen if not task.cancelled()]
        while len(received) < count:
            received.append(int((await two.receive()).data))
        assert sorted(received) == list(range(count))

    async def close(self, server: aio.Server) -> None:
        """Closes from either end, or both, and is cancelled."""
        client = await aio.connect(server.address)
        theirs = await self.reception.next()
        await client.send(bytes(self.random.randrange(20_000)), RELIABLE)
        ends = self.random.choice([[client], [theirs], [client, theirs]])
        await self.cancel_soon(*[asyncio.create_task(end.close(linger=self.random.random() < 0.5)) for end in ends])
        await client.close()  # perhaps none had begun when it was cancelled
        await theirs.wait_closed()

    async def close_server(self) -> None:
        """Closes a server with clients, and is cancelled."""
        reception = Reception()
        server = await aio.serve(reception, LOCAL, 0)
        clients = [await aio.connect(server.address) for _ in range(self.random.randrange(3))]
        for _ in clients:
            await (await reception.next()).send(bytes(self.random.randrange(20_000)), RELIABLE)
        closing = [asyncio.create_task(server.close(linger=self.random.random() < 0.5)) for _ in range(2)]
        await self.cancel_soon(*closing[: self.random.randrange(1, 3)])
        await asyncio.gather(*closing, return_exceptions=True)
        await server.close()
        for client in clients:
            await client.wait_closed()
            await client.close()


async def opened(address: gs.Address) -> aio.Connection:
    return await aio.connect(address)


async def fuzz(seed: int, cancellations: int) -> None:
    it = Fuzz(seed)
    async with aio.serve(it.reception, LOCAL, 0, config=SWIFT) as server, linked(NARROW) as (client, theirs):
        while it.cancelled < cancellations:
            chance = it.random.random()
            if chance < 0.35:
                await it.send(client, theirs)
            elif chance < 0.7:
                await it.receive(*it.random.choice([(client, theirs), (theirs, client)]))
            elif chance < 0.85:
                await it.connect(server)
            elif chance < 0.93:
                await it.close(server)
            else:
                await it.close_server()
            await meet(client, theirs, b"%d" % it.cancelled)
        await until(lambda: not server.connections)


@pytest.mark.parametrize("kind", KINDS)
def test_some_hundred_cancellations(kind: str) -> None:
    """All kinds together. The seed is in the failure's traceback; each kind has its own."""
    seed = sum(kind.encode())
    run(lambda: fuzz(seed, CANCELLATIONS), kind)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", KINDS)
def test_many_thousand_cancellations(kind: str, seed: int) -> None:
    run(lambda: fuzz(seed, 1000), kind, patience_s=100)
