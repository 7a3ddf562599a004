"""How does a client stay connected? It connects again, after a pause that grows with each failure."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from random import Random
from typing import final

from gamesockets.aio.connection import Connection
from gamesockets.aio.opening import Opening, running_loop
from gamesockets.clock import SystemEntropy
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.backoff import Backoff, longest_wait
from gamesockets.values.enums import DebugType
from gamesockets.values.errors import ConnectionFailed


@final
class Reconnecting(Opening[Connection]):
    """What `connect` returns: for one connection as every `Opening`, with ``async for`` for one after another."""

    __slots__ = ("_backoff", "_connect", "_peer")

    def __init__(self, connect: Callable[[], Awaitable[Connection]], peer: str, backoff: Backoff) -> None:
        super().__init__(connect, lambda connection: (connection,))
        self._connect = connect
        self._peer = peer
        self._backoff = backoff

    async def __aiter__(self) -> AsyncGenerator[Connection, None]:
        """A new connection for each round, until the loop is left.

        Raises:
            ConnectionFailed, OSError: of the last attempt, when the back-off allows no more.
            RuntimeError: no asyncio event loop runs here.
        """
        loop = running_loop()
        backoff = self._backoff
        failures = 0
        chance = Random(SystemEntropy().random_bytes(16))  # in a simulation the same for the same seed
        while True:
            try:
                connection = await self._connect()
            except (ConnectionFailed, OSError) as error:
                failures += 1
                if backoff.attempts is not None and failures >= backoff.attempts:
                    raise
                what = str(error)
            else:
                connected_at = loop.time()
                async with connection:
                    yield connection
                failures = 1 if loop.time() - connected_at > backoff.longest else failures + 1
                what = f"ended, reason {connection.end_reason}: {connection.end_debug}"
            pause = chance.uniform(0.0, longest_wait(backoff, failures))
            OUTPUT.say(DebugType.MESSAGE, f"connection to {self._peer}: {what}; connecting again in {pause:.1f} s")
            await asyncio.sleep(pause)
