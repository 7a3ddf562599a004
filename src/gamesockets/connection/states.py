"""Which states does a connection pass through, and which of them may follow which? (spec 1, 7.1)

                        NONE
     connect, request    |    join: both ends in one process
             .-----------'-----------.
             v                       v      close with linger
        CONNECTING -- agreed --> CONNECTED ------------------> LINGER
             |                       |                            |
             '-----------+-----------'                            |
                         |                                        |
          .--------------+---------------.                        |
          | peer closed  | close         | trouble here           | all acknowledged,
          v              |               v                        | peer closed,
    CLOSED_BY_PEER       |    PROBLEM_DETECTED_LOCALLY            | trouble here
          |              |               |                        |
          | close        |               | close                  |
          '-----------.  |  .------------'                        |
                      v  v  v                                     |
                      FIN_WAIT <----------------------------------'
                         | 5 s
                         v
                        DEAD

"close" is the application's call; "trouble here" is a timeout, or something of the peer's that cannot be accepted.

The application does not see all states: once it has closed a connection, that is gone for it. The peer cannot tell a
lingering connection from a connected one.

NONE: the object was made a moment ago. Nobody knows of it, no timer runs.

CONNECTING: a client asks until the server answers; a server waits until its application accepts. Messages may be queued
    already. Both give up when the initial timeout has passed, so no connection stays in this state.

CONNECTED: data packets flow both ways, and all timers of the traffic run. Each end leaves it when it wants to, when it
    hears that the other has left it, or when it has heard nothing for the timeout.

LINGER: the application has closed the connection, and was told so, but reliable data is still on its way. The traffic
    goes on without it, and what the peer sends is discarded. It ends with the last ack, if the peer falls silent, as
    any connection does, and if the peer takes too little of the data (`lingering`).

CLOSED_BY_PEER, PROBLEM_DETECTED_LOCALLY: the connection has ended, and the application was told why. What was received
    can still be read, so only the application leaves these states, by closing. No timer runs. The peer is told of the
    end when it sends something, and after a local problem once at the beginning.

FIN_WAIT: the application is done. The object lives 5 s longer, so that the peer, whatever it still sends, hears of the
    end instead of nothing (`closing.Farewell`). Meanwhile its address belongs to this connection.

DEAD: the id and the address are free for others. The object is not used any more.
"""

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

_DATA_FLOWS: Final = frozenset({State.CONNECTED, State.LINGER})


_VISIBLE: Final = {state: ConnectionState(max(state.value, 0)) for state in State}


def visible(state: State) -> ConnectionState:
    """What the application is shown: closed states that it no longer owns are NONE."""
    return _VISIBLE[state]


class StateMachine:
    """The state of one connection, and `enter`, the only method that changes it.

    A base class and no part of its own, because the state is read for every packet and message.
    """

    __slots__ = ("data_flows", "end_debug", "end_reason", "state")

    def __init__(self) -> None:
        self.state = State.NONE
        self.data_flows = False
        """Connected or lingering: data packets are sent and taken."""
        self.end_reason = 0
        """Why it ended; 0 before."""
        self.end_debug = ""
        """The same in words."""

    def enter(self, state: State, reason: int, debug: str) -> bool:
        """Changes the state; whether the application is told of it.

        It is not told of what follows its own close: the end of lingering, and DEAD.

        Raises `AssertionError` if the table has no way from here to there: a bug of ours.
        """
        old_state = self.state
        if state not in TRANSITIONS[old_state]:
            raise AssertionError(f"no way from {old_state.name} to {state.name}")
        self.state = state
        self.data_flows = state in _DATA_FLOWS
        self.end_reason = reason
        self.end_debug = debug
        return old_state != State.LINGER and state != State.DEAD
