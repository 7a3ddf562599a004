"""What do all parts of the game-loop API hold? The node, and nothing else."""

from gamesockets.node.node import Node


class Calls:
    """A part of the game-loop API: checks arguments, takes the node's lock, finds objects by handle, calls the node."""

    def __init__(self, node: Node) -> None:
        self._node = node
