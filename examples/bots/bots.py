"""How do bots play on any server that speaks the game's few bytes? A task each; they come back when they are lost."""

import asyncio
import random

import gamesockets as gs
from examples.bots.game import EDGE, STRENGTH_MAX, GameError, decode_snapshot, decode_welcome, encode_input
from gamesockets import aio

THINK_HZ = 10


class Bot:
    """Walks to one random place after another."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._goal = self._place()
        self.number = 0
        self.snapshots = 0
        self.walked = 0
        self._here: tuple[int, int] | None = None

    def _place(self) -> tuple[int, int]:
        return self._random.randint(-EDGE, EDGE), self._random.randint(-EDGE, EDGE)

    def receive(self, data: bytes) -> None:
        """A message of the server. Raises `GameError` if it is none of this game."""
        try:
            _, players = decode_snapshot(data)
        except GameError:
            self.number, self._here = decode_welcome(data), None
            return
        self.snapshots += 1
        here = players.get(self.number)
        if here is not None and self._here is not None:
            self.walked += abs(here[0] - self._here[0]) + abs(here[1] - self._here[1])
        self._here = here

    def think(self) -> bytes:
        """Where to go next."""
        x, y = self._here or (0, 0)
        dx, dy = self._goal[0] - x, self._goal[1] - y
        if abs(dx) < STRENGTH_MAX and abs(dy) < STRENGTH_MAX:
            self._goal = self._place()
        return encode_input(
            max(-STRENGTH_MAX, min(dx, STRENGTH_MAX)),
            max(-STRENGTH_MAX, min(dy, STRENGTH_MAX)),
        )


async def play(address: str, bot: Bot, backoff: aio.Backoff | None = None) -> None:
    """One bot, until it is cancelled. A server that says something else is a `GameError`."""
    identity = gs.NetworkingIdentity.generic_string(f"bot-{id(bot) & 0xFFFF}")
    async for connection in aio.connect(address, identity=identity, backoff=backoff):
        thinking = asyncio.create_task(_think(connection, bot))
        try:
            async for message in connection:
                bot.receive(message.data)
        except gs.ConnectionClosed:
            continue  # lost: the next round finds the server again
        finally:
            thinking.cancel()


async def _think(connection: aio.Connection, bot: Bot) -> None:
    while connection.is_open:
        connection.send_nowait(bot.think(), gs.SendFlags.UNRELIABLE_NO_NAGLE)
        await asyncio.sleep(1 / THINK_HZ)


async def crowd(address: str, count: int, seconds: float) -> list[Bot]:
    """Many bots for a while; all of them, with what they saw."""
    bots = [Bot(seed) for seed in range(count)]
    tasks = [asyncio.create_task(play(address, bot)) for bot in bots]
    done, pending = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)
    for task in done:
        task.result()  # raises what ended it
    return bots
