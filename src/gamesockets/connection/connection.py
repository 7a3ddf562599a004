"""What can be done with a connection, whatever carries its messages?

Datagrams carry them (`datagram_connection`), or memory (`pipe`). The layers above hold connections by this type.
Code on the path of datagrams uses `DatagramConnection` itself.
"""

from abc import ABC, abstractmethod
from collections import deque
from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State, StateMachine
from gamesockets.connection.traffic import Traffic
from gamesockets.crypto.peer_check import PeerCredentials
from gamesockets.values.address import Address
from gamesockets.values.certificate import Certificate
from gamesockets.values.enums import SendFlags
from gamesockets.values.message import PeerRecord
from gamesockets.values.results import Result

_NO_DELAY: Final = int(SendFlags.NO_DELAY)


class Connection(StateMachine, ABC):
    """One end of a connection.

    It reports changes of its state in `changes`, which several connections share, so that the order is kept.
    """

    __slots__ = (
        "_changes",
        "address",
        "certificate",
        "id",
        "inbox",
        "is_authenticated",
        "is_encrypted",
        "options",
        "peer",
        "ping",
        "send_error",
        "send_error_since",
        "sender",
        "statistics",
        "traffic",
    )

    def __init__(
        self,
        connection_id: int,
        address: Address,
        peer: PeerRecord,
        inbox: Inbox,
        options: ConnectionOptions,
        traffic: Traffic,
        changes: "deque[StateChange]",
    ) -> None:
        super().__init__()
        self.id = connection_id
        self.address = address
        self.peer = peer
        self.inbox = inbox
        self.options = options
        self.is_encrypted = False
        self.is_authenticated = False
        self.certificate: Certificate | None = None
        """What the peer's certificate states: proven if `is_authenticated`, except that it owns the key in any case."""
        self.send_error = ""
        """What the system says to all that is sent at present; empty while datagrams leave. The driver sets it."""
        self.send_error_since = 0
        """When the system began to say so."""
        self.traffic = traffic
        self.sender = traffic.sender
        self.statistics = traffic.statistics
        self.ping = traffic.ping
        self._changes = changes

    def change(self, state: State, reason: int, debug: str) -> None:
        """Enters a state and reports that if the application has to know."""
        old_state = self.state
        if self.enter(state, reason, debug):
            # To the application a lingering connection is closed.
            told = State.FIN_WAIT if state == State.LINGER else state
            self._changes.append(StateChange(self, old_state, told, reason, debug))

    def introduce(self, peer: PeerCredentials) -> None:
        """The peer has shown its credentials, and they were good."""
        self.peer.identity = peer.identity
        self.is_authenticated = peer.authenticated
        self.certificate = peer.stated

    def deliver_to(self, inbox: Inbox) -> None:
        """From now on messages go to this inbox; those that wait move there."""
        self.inbox.move_to(self.peer, inbox)
        self.inbox = inbox
        self.traffic.deliver_to(inbox)

    @abstractmethod
    def send(self, data: bytes, flags: int, lane: int, now: int) -> int:
        """Sends or queues a message; its number, or minus the `Result` that says why not."""

    @abstractmethod
    def needs_service(self, now: int) -> bool:
        """After `send`: whether whoever serves the connection has something to do now."""

    @abstractmethod
    def flush(self) -> Result:
        """Ends the Nagle wait of everything queued."""

    @abstractmethod
    def configure_lanes(self, priorities: list[int], weights: list[int], now: int) -> Result:
        """Sets up the lanes of the sending direction (spec 3, 8.2); the values were checked by the caller."""

    @abstractmethod
    def configure(self, options: ConnectionOptions) -> None:
        """A configuration value that this connection sees has changed."""

    @abstractmethod
    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """The application is done with the connection (spec 3, 6.5)."""

    @abstractmethod
    def measure(self, now: int) -> None:
        """Brings rates and quality up to date; called before they are read."""


@final
class StateChange:
    """An event: the connection went from one state to another."""

    __slots__ = ("connection", "debug", "new_state", "old_state", "reason")

    def __init__(self, connection: Connection, old_state: State, new_state: State, reason: int, debug: str) -> None:
        self.connection = connection
        self.old_state = old_state
        self.new_state = new_state
        self.reason = reason
        self.debug = debug


def send_refusal(state: State, flags: int) -> int:
    """Minus the `Result` of a send that another state than CONNECTED forbids; 0 where messages may be queued."""
    if state == State.CONNECTING:
        return -int(Result.IGNORED) if flags & _NO_DELAY else 0
    if state in (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY):
        return -int(Result.NO_CONNECTION)
    return -int(Result.INVALID_PARAM)
