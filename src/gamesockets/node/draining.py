"""How does a program end its connections gently? It admits nobody, tells the peers, and waits until they know."""

from typing import Final, final

from gamesockets.clock import now_us
from gamesockets.node.endings import SHUTTING_DOWN_TEXT
from gamesockets.node.members import Member
from gamesockets.node.node import Node
from gamesockets.observe.life_lines import ENDED

TIMEOUT_S: Final = 5.0
"""How long a drain may take unless the program says something else. Docker kills after 10 s, Kubernetes after 30 s."""


@final
class Drain:
    """One drain of a node. All methods are called with the node's lock held.

    begin             nobody is admitted any more: newcomers are told that the application is shutting down
    living            how many go on
    close             the rest is closed, after what was sent reliably
    is_over           whether all of them know, or were told often enough
    end               whoever lingers is told now, and the listen sockets are closed
    """

    __slots__ = ("_node", "_untold")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._untold: list[Member] = []

    def begin(self) -> None:
        """From now on newcomers are turned away. What lives goes on."""
        self._node.is_draining = True

    def living(self) -> int:
        """How many connections have not ended."""
        return sum(member.connection.state not in ENDED for member in self._node.members.values())

    def close(self, reason: int, debug: str) -> None:
        """Closes every connection once what was sent reliably has arrived."""
        node = self._node
        node.service.pump_gathered()
        now = now_us()
        closed = list(node.members.values())
        node.members.clear()
        for member in closed:
            member.close(reason, debug or SHUTTING_DOWN_TEXT, True, now)
            member.serve(now)
        node.service.notify()
        self._untold = closed

    def is_over(self) -> bool:
        """After `close`: whether all peers know of the end, or were told often enough."""
        untold = self._untold
        while untold and untold[-1].is_farewell_over():
            untold.pop()
        return not untold

    def end(self) -> int:
        """Waits for nobody any more: drops what lingers, and closes the listen sockets; how many peers may not know."""
        node = self._node
        left = sum(not member.is_farewell_over() for member in self._untold)
        if not node.is_closed:
            now = now_us()
            for port in list(node.service.ports()):
                port.endpoint.drop(now)
                node.service.pump(port, now)
            for handle in node.listeners.handles():
                node.close_listener(handle, SHUTTING_DOWN_TEXT)
        node.is_draining = False
        return left
