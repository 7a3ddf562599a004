"""States of a connection, seen from inside, and which of them may follow which (spec 1, 7.1)."""

from enum import IntEnum
from typing import Final

from gamesockets.values.enums import ConnectionState


class State(IntEnum):
    """`ConnectionState` plus what the application no longer sees."""

    NONE = 0
    CONNECTING = 1
    CONNECTED = 3
    CLOSED_BY_PEER = 4
    PROBLEM_DETECTED_LOCALLY = 5
    FIN_WAIT = -1
    LINGER = -2
    DEAD = -3


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.NONE: frozenset({State.CONNECTING, State.CONNECTED}),
    State.CONNECTING: frozenset(
        {State.CONNECTED, State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY, State.FIN_WAIT}
    ),
    State.CONNECTED: frozenset({State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY, State.LINGER, State.FIN_WAIT}),
    State.LINGER: frozenset({State.FIN_WAIT}),
    State.CLOSED_BY_PEER: frozenset({State.FIN_WAIT}),
    State.PROBLEM_DETECTED_LOCALLY: frozenset({State.FIN_WAIT}),
    State.FIN_WAIT: frozenset({State.DEAD}),
    State.DEAD: frozenset(),
}


def visible(state: State) -> ConnectionState:
    """What the application is shown: closed states that it no longer owns are NONE."""
    return ConnectionState(max(state.value, 0))
