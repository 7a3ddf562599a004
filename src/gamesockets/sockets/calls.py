"""What does every chapter of calls hold? The node that they are about, and nothing else."""

from gamesockets.node.node import Node


class Calls:
    """A chapter of the game-loop API: finds objects by handle, with the node's lock held, and does what was asked."""

    def __init__(self, node: Node) -> None:
        self._node = node
