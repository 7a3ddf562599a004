"""Do values set for the process act on `aio`, the simulated network among them?"""

import asyncio
from typing import Any

import pytest
from tests.support.linked import AT_ONCE, linked, meet
from tests.support.loops import on_a_loop, on_every_loop

import gamesockets as gs
from gamesockets import aio

V = gs.ConfigurationValue


@on_every_loop
async def test_simulated_lag_and_loss() -> None:
    async with linked() as (client, theirs):
        await meet(client, theirs)
        assert aio.set_configuration_value(V.FAKE_PACKET_LAG_SEND, 30)
        assert aio.set_configuration_value(V.FAKE_PACKET_LOSS_SEND, 20.0)
        assert aio.get_configuration_value(V.FAKE_PACKET_LAG_SEND) == 30
        before = gs.Library.time()
        for number in range(5):
            await client.send(b"%d" % number, AT_ONCE)
        assert [(await theirs.receive()).data for _ in range(5)] == [b"%d" % number for number in range(5)]
        assert gs.Library.time() - before >= 30_000
        for value in (V.FAKE_PACKET_LAG_SEND, V.FAKE_PACKET_LOSS_SEND):
            assert aio.set_configuration_value(value, None)
        await meet(client, theirs)


@on_a_loop
async def test_a_value_for_the_process_is_inherited_by_all() -> None:
    assert aio.set_configuration_value(V.NAGLE_TIME, 1234)
    async with linked() as (client, theirs), aio.create_socket_pair(True) as (one, _):
        assert [end.get_configuration_value(V.NAGLE_TIME) for end in (client, theirs, one)] == [1234] * 3
        assert aio.set_configuration_value(V.NAGLE_TIME, None)
        assert client.get_configuration_value(V.NAGLE_TIME) == aio.get_configuration_value(V.NAGLE_TIME) == 5000


def test_without_a_loop() -> None:
    assert aio.set_configuration_value(V.NAGLE_TIME, 77)
    assert aio.get_configuration_value(V.NAGLE_TIME) == 77
    assert gs.Library.get_configuration_value(V.NAGLE_TIME) == 77
    with gs.NetworkingSockets() as sockets:
        assert sockets.get_configuration_value(V.NAGLE_TIME) == 77
    assert aio.set_configuration_value(V.NAGLE_TIME, None)


def test_values_that_cannot_be_set() -> None:
    unknown: Any = 99_999
    no_value: Any = "NAGLE_TIME"
    assert not aio.set_configuration_value(unknown, 1)
    assert aio.get_configuration_value(unknown) is None
    assert not aio.set_configuration_value(V.NAGLE_TIME, "much")
    with pytest.raises(TypeError, match="value must be int"):
        aio.get_configuration_value(no_value)
    with pytest.raises(TypeError, match="value must be int"):
        aio.set_configuration_value(no_value, 1)


def test_nothing_of_aio_is_made_outside_a_loop() -> None:
    opening = aio.connect("127.0.0.1", 1)
    entering = opening.__aenter__()
    with pytest.raises(RuntimeError, match="needs a running event loop of asyncio, and here is none"):
        entering.send(None)


@on_a_loop
async def test_an_opening_can_be_waited_for_with_a_limit() -> None:
    pair = await asyncio.wait_for(aio.create_socket_pair(), 5)
    await meet(*pair)
    for end in pair:
        await end.close()
