"""What can happen to a `Client` or a `Server`? Each kind of event is a class, made for ``match``."""

from dataclasses import dataclass
from typing import TypeAlias

from gamesockets.game.peer import Peer
from gamesockets.values.message import NetworkingMessage


@dataclass(frozen=True, slots=True)
class Connected:
    """A peer is connected: messages flow.

    Attributes:
        peer: who.
    """

    peer: Peer


@dataclass(frozen=True, slots=True)
class Received:
    """A message has come.

    Attributes:
        peer: from whom; its `Connected` came before.
        data: what it says.
        message: the same with its flags, lane, number and time.
    """

    peer: Peer
    data: bytes
    message: NetworkingMessage


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection has ended, whoever ended it, or could not be made. All its messages came before.

    Attributes:
        peer: with whom.
        reason: why; `EndReason` names the known numbers.
        debug: text for people.
    """

    peer: Peer
    reason: int
    debug: str


Event: TypeAlias = Connected | Received | Disconnected
