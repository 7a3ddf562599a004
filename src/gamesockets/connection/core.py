"""What can be done with a connection, whatever carries its messages: datagrams (`connection`) or memory (`pipe`).

The layers above hold connections by this type. Code on the path of datagrams uses the class that it knows.
"""

from abc import ABC, abstractmethod

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.states import State
from gamesockets.connection.stats import Statistics
from gamesockets.connection.traffic import Traffic
from gamesockets.send.round_trip import RoundTripEstimator
from gamesockets.send.sender import Sender
from gamesockets.values.address import Address
from gamesockets.values.message import PeerRecord
from gamesockets.values.results import Result


class Core(ABC):
    """One end of a connection."""

    id: int
    address: Address
    state: State
    end_reason: int
    end_debug: str
    is_encrypted: bool
    is_authenticated: bool
    options: ConnectionOptions
    peer: PeerRecord
    inbox: Inbox
    traffic: Traffic
    sender: Sender
    statistics: Statistics
    ping: RoundTripEstimator

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
    def deliver_to(self, inbox: Inbox) -> None:
        """From now on messages go to this inbox; those that wait move there."""

    @abstractmethod
    def close(self, reason: int, debug: str, enable_linger: bool, now: int) -> None:
        """The application is done with the connection (spec 3, 6.5)."""

    @abstractmethod
    def measure(self, now: int) -> None:
        """Brings rates and quality up to date, because somebody asks for them."""
