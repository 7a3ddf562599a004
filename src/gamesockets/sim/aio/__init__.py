"""How does a program written for `gamesockets.aio` behave on a bad network? Unchanged, in virtual time.

async def main() -> None:
    async with aio.serve(handler, "::", 27015), aio.connect("localhost", 27015) as connection:
        ...

sim.aio.run(main(), seed=7, conditions=sim.Conditions(latency=0.05, loss=0.02))
"""

from gamesockets.sim.aio.loop import EventLoop
from gamesockets.sim.aio.machine import Machine
from gamesockets.sim.aio.running import machine, run

__all__ = ["EventLoop", "Machine", "machine", "run"]
