"""Which logger does a line go to, and what does its record say beside the text?

Every record has all of the fields, None where one means nothing: so a format string may name them. They are attributes
of the record, as `extra` of the standard library makes them.

| Field | Type | Means |
|---|---|---|
| `connection` | int | handle of the connection that the line is about |
| `peer` | str | the address of its peer |
| `identity` | str | the identity of its peer, as far as it is known |
| `state` | str | the state that it has entered, a name of `ConnectionState` |
| `reason` | int | why it ended, 0 as long as it has not |
| `debug_type` | str | the type of the line, a name of `DebugType` |
"""

import logging
from typing import Final, final

from gamesockets.connection.connection import Connection
from gamesockets.connection.states import State, visible
from gamesockets.values.enums import DebugType

LOG: Final = logging.getLogger("gamesockets")
"""The parent of all, and of lines about nothing else."""
LOG_CONNECTION: Final = logging.getLogger("gamesockets.connection")
"""Connections that come, go and fail."""
LOG_LISTEN: Final = logging.getLogger("gamesockets.listen")
"""Listen sockets."""
LOG_HANDLER: Final = logging.getLogger("gamesockets.handler")
"""What functions of the application do that are called from here: handlers of `aio.serve` and the like."""
LOG_TRACE: Final = logging.getLogger("gamesockets.trace")
"""Packets and messages, as far as configuration values ask for them."""
LOG_RECORDING: Final = logging.getLogger("gamesockets.recording")
"""Key logs and traces that are written to files."""


@final
class About:
    """Which connection a line is about. What is known of it is looked up when a logger wants the line."""

    __slots__ = ("connection", "reason", "state")

    def __init__(self, connection: Connection | None, state: State | None = None, reason: int | None = None) -> None:
        self.connection = connection
        self.state = state
        self.reason = reason


NOTHING: Final = About(None)
"""For lines about no connection."""


def printable(text: str) -> str:
    """The text with its control characters, which a peer may have chosen, escaped."""
    if text.isprintable():
        return text
    return "".join([x if x.isprintable() else x.encode("unicode_escape").decode("ascii") for x in text])


def extra(kind: DebugType, about: About) -> dict[str, object]:
    """The fields of one record."""
    connection = about.connection
    if connection is None:
        return {
            "connection": None,
            "peer": None,
            "identity": None,
            "state": None,
            "reason": None,
            "debug_type": kind.name,
        }
    state = connection.state if about.state is None else about.state
    return {
        "connection": connection.id,
        "peer": str(connection.address),
        "identity": printable(str(connection.peer.identity)),
        "state": visible(state).name,
        "reason": connection.end_reason if about.reason is None else about.reason,
        "debug_type": kind.name,
    }
