"""How does the same match meet the network under asyncio? A task for each guest, and one that ticks.

async with arena_server(gs.Address("::", 27015)) as (match, server):
    await server.serve_forever(stop_signals=True)
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import gamesockets as gs
from examples.arena import protocol
from examples.arena.match import Kick, Match
from examples.arena.protocol import EVENT_LANE
from examples.arena.server import GUESTS_MAX, TICK_S, TICKS_BEHIND_MAX
from gamesockets import aio


@asynccontextmanager
async def arena_server(address: gs.Address, seed: int | None = None) -> AsyncIterator[tuple[Match, aio.Server]]:
    """A match that runs as long as the block, and its server. Raises `OSError` if it cannot listen there."""
    match = Match(seed)
    guests: dict[int, aio.Connection] = {}

    async def play(connection: aio.Connection) -> None:
        """One guest, from arriving to leaving; returning closes the connection."""
        connection.configure_lanes(protocol.LANE_PRIORITIES, protocol.LANE_WEIGHTS)
        guests[connection.handle] = connection
        match.connect(connection.handle)
        try:
            async for message in connection:
                match.receive(connection.handle, message.data)
        finally:
            del guests[connection.handle]
            match.disconnect(connection.handle)

    def admit(_: gs.ConnectionInfo) -> aio.Refusal | None:
        return aio.Refusal(protocol.REASON_FULL, "the server is full") if len(guests) >= GUESTS_MAX else None

    identity = gs.NetworkingIdentity.generic_string("arena-server")
    async with aio.serve(play, address, identity=identity, admit=admit) as server, asyncio.TaskGroup() as tasks:
        ticking = tasks.create_task(_tick_forever(match, guests, tasks))
        try:
            yield match, server
        finally:
            ticking.cancel()


async def _tick_forever(match: Match, guests: dict[int, aio.Connection], tasks: asyncio.TaskGroup) -> None:
    """Sixty times a second: decide, tell."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        match.tick()
        outgoing, match.outgoing = match.outgoing, []
        for item in outgoing:
            connection = guests.get(item.to)
            if connection is None:
                continue  # left in the meantime
            if isinstance(item, Kick):
                tasks.create_task(connection.close(item.reason, item.text))
            else:
                flags = gs.SendFlags.RELIABLE_NO_NAGLE if item.lane == EVENT_LANE else gs.SendFlags.UNRELIABLE_NO_NAGLE
                # Never waits: a guest whose line is full must not hold up the others.
                connection.send_nowait(item.data, flags, item.lane)
        due_s = max(due_s + TICK_S, loop.time() - TICKS_BEHIND_MAX * TICK_S)
        await asyncio.sleep(max(0.0, due_s - loop.time()))
