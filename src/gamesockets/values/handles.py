"""Which numbers stand for connections, listen sockets and poll groups in the game-loop API?"""

from typing import NewType

ListenSocket = NewType("ListenSocket", int)
"""Handle of a listen socket, which accepts connections; 0 is none."""


Connection = NewType("Connection", int)
"""Handle of a connection to one peer; 0 is none."""


PollGroup = NewType("PollGroup", int)
"""Handle of a poll group, connections whose messages are received together; 0 is none."""
