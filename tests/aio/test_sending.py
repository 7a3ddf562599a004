"""Does `send` wait for room in order, say what it cannot do, and never deceive?"""

import asyncio
from typing import Any, Final

import pytest
from tests.support.linked import AT_ONCE, RELIABLE, SLOW, SWIFT, linked, meet
from tests.support.loops import on_a_loop, on_every_loop, run
from tests.support.waiting import soon

import gamesockets as gs
from gamesockets import Result, SendFlags, aio

V = gs.ConfigurationValue
SMALL_BUFFER: Final = {V.SEND_BUFFER_SIZE: 20_000, **SWIFT}
STANDING_STILL: Final = {V.SEND_BUFFER_SIZE: 20_000, **SLOW}


async def receive_all(connection: aio.Connection, count: int) -> list[bytes]:
    return [(await connection.receive()).data for _ in range(count)]


# ---------------------------------------------------------------------- room


@on_every_loop
async def test_messages_that_wait_for_room_keep_the_order_of_the_calls() -> None:
    async with linked(SMALL_BUFFER) as (client, theirs):
        texts = [b"%03d" % number * 2000 for number in range(12)]
        tasks = [asyncio.create_task(client.send(text, RELIABLE)) for text in texts]
        assert await receive_all(theirs, len(texts)) == texts
        assert await asyncio.gather(*tasks) == list(range(1, 13))
        await meet(client, theirs)


@on_every_loop
async def test_several_tasks_send_more_than_fits() -> None:
    async with linked(SMALL_BUFFER) as (client, theirs):

        async def send_many(name: int) -> None:
            for number in range(25):
                await client.send(b"%d %d " % (name, number) + bytes(1000), RELIABLE)

        async with asyncio.TaskGroup() as group:
            for name in range(4):
                group.create_task(send_many(name))
            received = [text.split()[:2] for text in await receive_all(theirs, 100)]
        for name in range(4):
            own = [int(number) for who, number in received if int(who) == name]
            assert own == list(range(25))
        await meet(client, theirs)


@on_a_loop
async def test_without_waiting_a_full_buffer_is_told() -> None:
    async with linked(STANDING_STILL) as (client, _):
        assert client.send_nowait(bytes(15_000), RELIABLE) == Result.OK
        assert client.send_nowait(bytes(15_000), RELIABLE) == Result.LIMIT_EXCEEDED
        assert client.send_nowait(b"small", RELIABLE) == Result.OK
        waiting = asyncio.create_task(client.send(bytes(15_000), RELIABLE))
        await asyncio.sleep(0)
        assert client.send_nowait(b"small", RELIABLE) == Result.LIMIT_EXCEEDED, "others wait"
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert client.send_nowait(b"small", RELIABLE) == Result.OK
        await client.close()


@on_a_loop
async def test_a_message_that_can_never_fit() -> None:
    async with linked(SMALL_BUFFER) as (client, theirs):
        with pytest.raises(ValueError, match="20001 bytes never fits into SEND_BUFFER_SIZE, which is 20000"):
            await client.send(bytes(20_001), RELIABLE)
        await client.send(bytes(20_000), RELIABLE)
        assert len((await theirs.receive()).data) == 20_000
        await meet(client, theirs)


@on_a_loop
async def test_a_buffer_that_grows_lets_messages_in() -> None:
    async with linked(STANDING_STILL) as (client, _):
        await client.send(bytes(15_000), RELIABLE)
        waiting = asyncio.create_task(client.send(bytes(15_000), RELIABLE))
        await asyncio.sleep(0)
        assert client.set_configuration_value(V.SEND_BUFFER_SIZE, 60_000)
        await soon(waiting.done)
        assert await waiting == 2
        await client.close()


@pytest.mark.parametrize("scope", ["connection", "process"])
def test_a_buffer_that_shrinks_below_a_message_that_waits(scope: str) -> None:
    async def main() -> None:
        if scope == "process":
            aio.set_configuration_value(V.SEND_BUFFER_SIZE, 20_000)
        config = {key: x for key, x in STANDING_STILL.items() if scope != "process" or key != V.SEND_BUFFER_SIZE}
        async with linked(config) as (client, _):
            await client.send(bytes(15_000), RELIABLE)
            large = asyncio.create_task(client.send(bytes(15_000), RELIABLE))
            small = asyncio.create_task(client.send(bytes(100), RELIABLE))
            await asyncio.sleep(0)
            setter = aio if scope == "process" else client
            assert setter.set_configuration_value(V.SEND_BUFFER_SIZE, 5000)
            await soon(large.done)
            with pytest.raises(ValueError, match="15000 bytes never fits into SEND_BUFFER_SIZE, which is 5000"):
                await large
            assert not small.done(), "its turn comes when there is room"
            await client.close()
            with pytest.raises(gs.ConnectionClosed):
                await small

    run(main)


@on_every_loop
async def test_those_who_wait_for_room_hear_of_the_end() -> None:
    async with linked(STANDING_STILL) as (client, theirs):
        await client.send(bytes(15_000), RELIABLE)
        waiting = [asyncio.create_task(client.send(bytes(15_000), RELIABLE)) for _ in range(3)]
        await asyncio.sleep(0)
        await theirs.close(1321, "no more")
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(outcome, gs.ConnectionClosed)
            assert (outcome.reason, outcome.debug) == (1321, "no more")


@on_a_loop
async def test_a_task_that_was_cancelled_while_it_waited_has_sent_nothing() -> None:
    async with linked(SMALL_BUFFER) as (client, theirs):
        await client.send(b"1" * 15_000, RELIABLE)
        tasks = [asyncio.create_task(client.send(name * 15_000, RELIABLE)) for name in (b"2", b"3", b"4")]
        await asyncio.sleep(0)
        tasks[1].cancel()
        assert [text[:1] for text in await receive_all(theirs, 3)] == [b"1", b"2", b"4"]
        assert tasks[1].cancelled()
        await meet(client, theirs)


# ---------------------------------------------------------------------- what is sent


@on_every_loop
async def test_large_messages() -> None:
    async with linked({V.SEND_RATE_MIN: 20_000_000, V.SEND_RATE_MAX: 20_000_000}) as (client, theirs):
        text = bytes(range(256)) * 2048
        assert len(text) == gs.Library.MAX_MESSAGE_SIZE == 524_288
        assert await client.send(text, RELIABLE) == 1
        assert (await theirs.receive()).data == text
        with pytest.raises(ValueError, match="at most 524288 bytes, not 524289"):
            await client.send(bytes(524_289), RELIABLE)
        assert client.send_nowait(bytes(524_289), RELIABLE) == Result.VALUE_OUT_OF_RANGE
        await meet(client, theirs)


@on_every_loop
async def test_flags_and_numbers_arrive() -> None:
    async with linked() as (client, theirs):
        assert [await client.send(b"u", SendFlags.UNRELIABLE_NO_NAGLE) for _ in range(2)] == [1, 2]
        assert await client.send(b"", AT_ONCE) == 3
        messages = [await theirs.receive() for _ in range(3)]
        assert [(m.message_number, m.data, bool(m.flags & RELIABLE)) for m in messages] == [
            (1, b"u", False),
            (2, b"u", False),
            (3, b"", True),
        ]
        assert {m.connection for m in messages} == {theirs.handle}


@on_a_loop
async def test_flush_ends_the_wait_for_more_data() -> None:
    async with linked({V.NAGLE_TIME: 20_000}) as (client, theirs):
        await client.send(b"x", RELIABLE)
        assert client.status().pending_reliable > 0
        client.flush()
        assert client.status().pending_reliable == 0
        assert (await theirs.receive()).data == b"x"


@on_a_loop
async def test_no_delay_on_a_connection_that_is_up_waits_for_the_send_rate() -> None:
    """As in the reference library: only what would wait for the connection is dropped (spec 3, 7.3 rule 3)."""
    async with linked(SLOW) as (client, _):
        assert [await client.send(bytes(1000), SendFlags.UNRELIABLE_NO_DELAY) for _ in range(10)] == [*range(1, 11)]
        assert client.send_nowait(bytes(1000), SendFlags.UNRELIABLE_NO_DELAY) == Result.OK
        assert client.status().pending_unreliable > 0
        await client.close()


@on_a_loop
async def test_any_buffer_is_copied_before_the_call_returns() -> None:
    async with linked() as (client, theirs):
        data = bytearray(b"first")
        await client.send(data, RELIABLE)
        data[:] = b"later"
        assert client.send_nowait(memoryview(data), AT_ONCE) == Result.OK
        data[:] = b"never"
        assert await receive_all(theirs, 2) == [b"first", b"later"]


WRONG = [
    (("text",), TypeError, "data must be bytes or another buffer, not str"),
    ((None,), TypeError, "data must be bytes"),
    ((b"x", "reliable"), TypeError, "flags must be int, not 'reliable'"),
    ((b"x", 0, "1"), TypeError, "lane must be int, not '1'"),
    ((b"x", 0, 0.5), TypeError, "lane must be int"),
    ((b"x", 0, 1), ValueError, r"lane must be in 0\.\.0, not 1: call configure_lanes for more"),
    ((b"x", 0, -1), ValueError, "lane must be"),
]


@pytest.mark.parametrize(("arguments", "error", "text"), WRONG)
def test_what_cannot_be_sent(arguments: tuple[Any, ...], error: type[Exception], text: str) -> None:
    async def main() -> None:
        async with linked() as (client, theirs):
            with pytest.raises(error, match=text):
                await client.send(*arguments)
            if error is TypeError:
                with pytest.raises(error, match=text):
                    client.send_nowait(*arguments)
            else:
                assert client.send_nowait(*arguments) == Result.INVALID_PARAM
            await meet(client, theirs)

    run(main)


@on_a_loop
async def test_after_the_end_nothing_is_sent() -> None:
    async with linked() as (client, theirs):
        await theirs.close(1002, "go away")
        await client.wait_closed()
        for _ in range(2):
            with pytest.raises(gs.ConnectionClosed, match="reason 1002: go away"):
                await client.send(b"x")
        assert client.send_nowait(b"x") == Result.NO_CONNECTION
        client.flush()


# ---------------------------------------------------------------------- lanes


@on_every_loop
async def test_lanes() -> None:
    async with linked() as (client, theirs):
        client.configure_lanes([0, 1], [1, 1])
        with pytest.raises(ValueError, match=r"lane must be in 0\.\.1, not 2"):
            await client.send(b"x", RELIABLE, 2)
        assert await client.send(b"a", RELIABLE, 1) == 1
        assert await client.send(b"b", AT_ONCE, 0) == 1
        assert {(m.lane, m.data) for m in [await theirs.receive() for _ in range(2)]} == {(1, b"a"), (0, b"b")}
        assert len(client.lane_status()) == 2
        await theirs.send(b"one lane only", AT_ONCE)
        assert len(theirs.lane_status()) == 1


@on_a_loop
async def test_lanes_that_cannot_be() -> None:
    async with linked() as (client, theirs):
        wrong: list[Any] = [[], [0] * 256, [1 << 40]]
        for priorities in wrong:
            with pytest.raises(ValueError, match=r"lanes: 1\.\.255 priorities"):
                client.configure_lanes(priorities)
        with pytest.raises(ValueError, match="lanes"):
            client.configure_lanes([0, 0], [1])
        client.configure_lanes([0, 0, 0])
        with pytest.raises(ValueError, match="not fewer than before"):
            client.configure_lanes([0])
        nonsense: Any = ["high"]
        with pytest.raises(TypeError, match="priorities"):
            client.configure_lanes(nonsense)
        await theirs.close(1003, "done")
        await client.wait_closed()
        with pytest.raises(gs.ConnectionClosed, match="reason 1003: done"):
            client.configure_lanes([0, 0, 0])
        await client.close()
        with pytest.raises(gs.ConnectionClosed, match="reason 1003: done"):
            client.configure_lanes([0, 0, 0])
        assert client.lane_status() == []
