"""Numbers that stand for connections, listen sockets and poll groups in the game-loop API."""

from typing import NewType

ListenSocket = NewType("ListenSocket", int)
"""Handle of a socket that accepts connections; 0 is none."""


Connection = NewType("Connection", int)
"""Handle of a connection to one peer; 0 is none."""


PollGroup = NewType("PollGroup", int)
"""Handle of a set of connections that are received from together; 0 is none."""
