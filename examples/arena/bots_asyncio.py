"""How do the same bots play under asyncio? Two tasks each: one hears, one presses buttons."""

import asyncio

import gamesockets as gs
from examples.arena import protocol
from examples.arena.bots import Brain, bot_name
from examples.arena.client import explain_end
from examples.arena.protocol import EVENT_LANE, STATE_LANE, ProtocolError
from examples.arena.session import Session
from gamesockets import aio


async def run_bots(address: gs.Address, count: int) -> str:
    """Let bots play until cancelled, or until all have been sent away; then the reason is the result."""
    async with asyncio.TaskGroup() as tasks:
        bots = [tasks.create_task(run_bot(address, Session(bot_name(number)))) for number in range(count)]
    return bots[0].result()


async def run_bot(address: gs.Address, session: Session) -> str:
    """One bot, until it is cancelled or sent away; why is the result."""
    try:
        async with aio.connect(address) as connection:
            connection.configure_lanes(protocol.LANE_PRIORITIES, protocol.LANE_WEIGHTS)
            await connection.send(session.hello(), gs.SendFlags.RELIABLE_NO_NAGLE, EVENT_LANE)
            pressing = asyncio.create_task(_press_buttons(connection, session, Brain()))
            try:
                async for message in connection:
                    session.receive(message.data, asyncio.get_running_loop().time())
            finally:
                pressing.cancel()
            return connection.end_debug
    except (gs.ConnectionFailed, gs.ConnectionClosed) as error:
        return explain_end(error.reason, error.debug)
    except ProtocolError as error:
        return f"this is no arena server: {error}"


async def _press_buttons(connection: aio.Connection, session: Session, brain: Brain) -> None:
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        session.timeline.advance(loop.time())
        data = session.tick(brain.buttons(session))
        if data is not None:
            connection.send_nowait(data, gs.SendFlags.UNRELIABLE_NO_NAGLE, STATE_LANE)
        due_s = max(due_s + session.tick_s, loop.time())
        await asyncio.sleep(due_s - loop.time())
