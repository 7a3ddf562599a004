"""Does a connection give what arrived, tell what it is, and end so that everybody knows why?"""

import asyncio
from typing import Any

import pytest
from tests.support.linked import AT_ONCE, LOCAL, RELIABLE, SLOW, Reception, keep, linked, meet
from tests.support.loops import on_a_loop, on_every_loop, run
from tests.support.waiting import until

import gamesockets as gs
from gamesockets import ConnectionState, aio

V = gs.ConfigurationValue


# ---------------------------------------------------------------------- receiving


@on_every_loop
async def test_several_tasks_receive_each_message_once() -> None:
    async with linked() as (client, theirs):
        tasks = [asyncio.create_task(theirs.receive()) for _ in range(10)]
        await asyncio.sleep(0)
        for number in range(10):
            await client.send(b"%d" % number, AT_ONCE)
        assert [message.data for message in await asyncio.gather(*tasks)] == [b"%d" % number for number in range(10)]
        await meet(client, theirs)


@on_every_loop
async def test_receiving_many_at_once() -> None:
    async with linked() as (client, theirs):
        assert theirs.receive_nowait() == []
        for number in range(6):
            await client.send(b"%d" % number, RELIABLE)
        came: list[bytes] = []
        while len(came) < 6:
            batch = await theirs.receive_many(4)
            assert 1 <= len(batch) <= 4
            came += [message.data for message in batch]
        assert came == [b"%d" % number for number in range(6)]
        await client.send(b"x", AT_ONCE)
        await client.send(b"y", AT_ONCE)
        waiting = asyncio.create_task(theirs.receive())
        assert (await waiting).data == b"x"
        await until(lambda: len(theirs._conversation.mailbox.inbox))
        assert [message.data for message in theirs.receive_nowait()] == [b"y"]


@pytest.mark.parametrize(("number", "error"), [(0, ValueError), (-1, ValueError), ("2", TypeError), (None, TypeError)])
def test_numbers_of_messages_that_make_no_sense(number: Any, error: type[Exception]) -> None:
    async def main() -> None:
        async with aio.create_socket_pair() as (one, _):
            with pytest.raises(error, match="max_messages must be"):
                await one.receive_many(number)
            with pytest.raises(error, match="max_messages must be"):
                one.receive_nowait(number)

    run(main)


@on_every_loop
async def test_what_arrived_before_the_end_can_still_be_received() -> None:
    async with linked() as (client, theirs):
        for number in range(5):
            await theirs.send(b"%d" % number, RELIABLE)
        await theirs.close(1001, "that was all", linger=True)
        await client.wait_closed()
        assert (await client.receive()).data == b"0"
        assert [message.data for message in await client.receive_many(2)] == [b"1", b"2"]
        assert [message.data for message in client.receive_nowait(1)] == [b"3"]
        assert [message.data async for message in client] == [b"4"]
        for _ in range(2):
            with pytest.raises(gs.ConnectionClosed, match="reason 1001: that was all"):
                await client.receive()
            with pytest.raises(gs.ConnectionClosed, match="reason 1001"):
                await client.receive_many()
        assert client.receive_nowait() == []


@pytest.mark.parametrize(("reason", "is_quiet"), [(0, True), (1000, True), (1999, True), (2000, False), (2999, False)])
def test_iteration_ends_quietly_only_on_a_normal_close(reason: int, is_quiet: bool) -> None:
    async def main() -> None:
        async with linked() as (client, theirs):
            await theirs.send(b"last", AT_ONCE)
            closing = asyncio.create_task(theirs.close(reason, linger=True))
            came: list[bytes] = []

            async def iterate() -> None:
                async for message in client:
                    came.append(message.data)  # noqa: PERF401 - what came before an exception counts

            if is_quiet:
                await iterate()
            else:
                with pytest.raises(gs.ConnectionClosed) as end:
                    await iterate()
                assert end.value.reason == reason
            assert came == [b"last"]
            await closing

    run(main)


@on_a_loop
async def test_iteration_ends_quietly_when_this_side_closes() -> None:
    async with linked() as (client, _):

        async def iterate() -> list[bytes]:
            return [message.data async for message in client]

        iterating = asyncio.create_task(iterate())
        await asyncio.sleep(0)
        await client.close(2500, "abrupt")
        assert await iterating == []
        with pytest.raises(gs.ConnectionClosed, match="reason 2500: abrupt"):
            await client.receive()


@on_a_loop
async def test_asyncio_timeout_around_receive() -> None:
    async with linked() as (client, theirs):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await client.receive()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.receive(), 0.005)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.wait_closed(), 0.005)
        await meet(client, theirs)


# ---------------------------------------------------------------------- ends


@on_every_loop
async def test_all_who_wait_hear_of_the_end() -> None:
    async with linked() as (client, theirs):
        receiving = [asyncio.create_task(client.receive()) for _ in range(3)]
        waiting = [asyncio.create_task(client.wait_closed()) for _ in range(3)]
        await asyncio.sleep(0)
        await theirs.close(1400, "x" * 200)
        await asyncio.gather(*waiting)
        ends = await asyncio.gather(*receiving, return_exceptions=True)
        assert {(type(end), getattr(end, "reason", 0), getattr(end, "debug", "")) for end in ends} == {
            (gs.ConnectionClosed, 1400, "x" * 127)
        }
        assert len({id(end) for end in ends}) == 3
        assert client.state == ConnectionState.CLOSED_BY_PEER
        assert not client.is_open
        await client.close(1500, "too late")
        assert client.end_reason == 1400


@on_every_loop
async def test_closing_at_both_ends_at_once() -> None:
    async with linked() as (client, theirs):
        await asyncio.gather(client.close(1100, "one"), theirs.close(1200, "two"))
        assert (client.end_reason, theirs.end_reason) == (1100, 1200)


@on_a_loop
async def test_several_tasks_close() -> None:
    async with linked() as (client, _):
        await asyncio.gather(*[client.close(1100 + number) for number in range(4)])
        assert client.end_reason == 1100


@on_a_loop
async def test_of_several_that_close_one_is_cancelled() -> None:
    async with linked(SLOW) as (client, theirs):
        await client.send(bytes(100_000), RELIABLE)
        closing = [asyncio.create_task(client.close(1100, "slowly", linger=True)) for _ in range(2)]
        await until(lambda: not client.is_open)
        assert not closing[0].done()
        closing[0].cancel()
        await closing[1]
        assert closing[0].cancelled()
        await theirs.wait_closed()
        assert (theirs.end_reason, theirs.end_debug) == (1100, "slowly")


@pytest.mark.parametrize(
    ("options", "text"), [({"reason": "x"}, "reason"), ({"debug": b"x"}, "debug"), ({"linger": 1}, "linger")]
)
def test_a_close_that_cannot_be_meant(options: dict[str, Any], text: str) -> None:
    async def main() -> None:
        async with linked() as (client, theirs):
            with pytest.raises(TypeError, match=f"{text} must be"):
                await client.close(**options)
            await meet(client, theirs)

    run(main)


@pytest.mark.slow
@on_a_loop
async def test_a_connection_whose_peer_is_gone_is_closed_in_the_end() -> None:
    """It is told four times, and then nobody waits any longer."""
    reception = Reception()
    async with aio.serve(reception, LOCAL, 0) as server:
        client = await aio.connect(server.address)
        await reception.next()
        assert aio.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, 100)
        await client.close()
        assert aio.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, None)


# ---------------------------------------------------------------------- what it is


@on_every_loop
async def test_names_and_user_data() -> None:
    async with linked() as (client, theirs):
        assert (client.name, client.user_data) == ("", -1)
        client.name, client.user_data = "player one", -(1 << 63)
        assert (client.name, client.user_data) == ("player one", -(1 << 63))
        assert theirs.name == ""
        assert "'player one'" in client.info().connection_description
        with pytest.raises(ValueError, match="at most 31"):
            client.name = "x" * 32
        with pytest.raises(ValueError, match="user_data"):
            client.user_data = 1 << 63
        wrong: Any = 1.5
        with pytest.raises(TypeError, match="name must be str"):
            client.name = wrong
        with pytest.raises(TypeError, match="user_data must be int"):
            client.user_data = wrong
        theirs.user_data = 42
        await client.send(b"x", AT_ONCE)
        assert (await theirs.receive()).user_data == 42
        await client.close()
        assert client.name == "player one"
        with pytest.raises(gs.ConnectionClosed):
            client.name = "too late"
        with pytest.raises(gs.ConnectionClosed):
            client.user_data = 1


@on_every_loop
async def test_how_it_does() -> None:
    async with linked() as (client, theirs):
        await meet(client, theirs)
        info = client.info()
        assert (info.state, info.end_reason, info.address) == (ConnectionState.CONNECTED, 0, client.address)
        assert theirs.info().listen_socket != 0
        assert client.state == ConnectionState.CONNECTED
        status = client.status()
        assert status.state == ConnectionState.CONNECTED
        assert status.ping >= 0
        assert len(client.lane_status()) == 1
        assert client.detailed_status().endswith("\n")
        assert client.debug_text()
        assert str(client.handle) in repr(client)
        assert "connected" in repr(client)
        await theirs.close(1111, "over")
        await client.wait_closed()
        info = client.info()
        assert (info.state, info.end_reason, info.end_debug) == (ConnectionState.CLOSED_BY_PEER, 1111, "over")
        assert client.status().state == ConnectionState.CLOSED_BY_PEER
        assert "ended" in repr(client)
        await client.close()
        assert client.status().state == ConnectionState.NONE
        assert client.info().end_reason == 1111
        assert client.detailed_status()
        assert client.debug_text()
        assert client.get_configuration_value(V.NAGLE_TIME) is None
        assert not client.set_configuration_value(V.NAGLE_TIME, 1)


@on_a_loop
async def test_configuration_of_a_connection() -> None:
    async with linked() as (client, _):
        assert client.set_configuration_value(V.NAGLE_TIME, 123)
        assert client.get_configuration_value(V.NAGLE_TIME) == 123
        assert aio.set_configuration_value(V.NAGLE_TIME, 321)
        assert client.get_configuration_value(V.NAGLE_TIME) == 123
        assert client.set_configuration_value(V.NAGLE_TIME, None)
        assert client.get_configuration_value(V.NAGLE_TIME) == 321
        assert not client.set_configuration_value(V.NAGLE_TIME, "x")
        wrong: Any = "NAGLE_TIME"
        with pytest.raises(TypeError, match="value must be int"):
            client.get_configuration_value(wrong)


@on_a_loop
async def test_status_callbacks_of_the_configuration_are_told() -> None:
    changes: list[tuple[ConnectionState, ConnectionState]] = []

    def note(change: gs.StatusInfo) -> None:
        changes.append((change.old_state, change.connection_info.state))

    async with aio.serve(keep, LOCAL, 0) as server:
        config = {V.CALLBACK_CONNECTION_STATUS_CHANGED: note}
        async with aio.connect(server.address, config=config):
            pass
    state = ConnectionState
    assert changes[:2] == [(state.NONE, state.CONNECTING), (state.CONNECTING, state.CONNECTED)]


def test_a_status_callback_that_raises_is_reported_and_disturbs_nothing() -> None:
    reports: list[dict[str, Any]] = []

    def fail(change: gs.StatusInfo) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        async with linked({V.CALLBACK_CONNECTION_STATUS_CHANGED: fail}) as (client, theirs):
            await meet(client, theirs)

    run(main)
    assert len(reports) >= 2
    assert {report["message"] for report in reports} == {"a status callback of gamesockets raised"}
    assert {type(report["exception"]) for report in reports} == {ZeroDivisionError}
