"""What becomes of connections whose event loop ends before they were closed, as at the end of `asyncio.run`?

Their peers are told, after up to a second for what was sent reliably. A loop says that it ends only to asynchronous
generators, which `shutdown_asyncgens` closes while it still runs; so there is one for each loop.
"""

import asyncio
import contextlib
from asyncio import AbstractEventLoop
from collections.abc import AsyncGenerator
from typing import Final
from weakref import WeakSet

from gamesockets.node.node import Node
from gamesockets.node.process import EXIT_FLUSH_US
from gamesockets.values.enums import EndReason

_LOOK_EVERY_S: Final = 0.002

_NODES: Final[dict[AbstractEventLoop, WeakSet[Node]]] = {}
_GENERATORS: Final[dict[AbstractEventLoop, AsyncGenerator[None, None]]] = {}


def close_at_end(loop: AbstractEventLoop, node: Node) -> None:
    """Has `node` closed when the loop, which runs, is shut down. A loop that is only closed does not tell."""
    for ended in [known for known in _GENERATORS if known.is_closed()]:
        _NODES.pop(ended, None)
        _GENERATORS.pop(ended, None)
    if loop not in _GENERATORS:
        nodes = _NODES[loop] = WeakSet()
        generator = _GENERATORS[loop] = _close_nodes_of(nodes)
        with contextlib.suppress(StopIteration):
            generator.asend(None).send(None)  # up to its yield: a loop knows only those that have begun
    _NODES[loop].add(node)


async def _close_nodes_of(nodes: WeakSet[Node]) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        living = [node for node in nodes if not node.is_closed]
        for node in living:
            node.begin_farewell(int(EndReason.APP_GENERIC))
        deadline = asyncio.get_running_loop().time() + EXIT_FLUSH_US / 1_000_000
        while not all(node.is_farewell_over() for node in living):
            if asyncio.get_running_loop().time() > deadline:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
        for node in living:
            node.close()
