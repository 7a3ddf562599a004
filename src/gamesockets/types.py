"""Which records does a user see? Handles, messages, and what the library says about a connection.

The enumerations are named here too, so that one module holds everything a public signature mentions.
"""

from dataclasses import dataclass
from typing import Any, Final, NewType, TypeAlias, final

from gamesockets.address import Address
from gamesockets.enums import (
    ConfigurationDataType,
    ConfigurationScope,
    ConfigurationString,
    ConfigurationValue,
    ConnectionInfoFlags,
    ConnectionState,
    DebugType,
    EndReason,
    IdentityType,
    SendFlags,
    SendType,
)
from gamesockets.identity import NetworkingIdentity
from gamesockets.results import Result

__all__ = [
    "ConfigurationDataType",
    "ConfigurationScope",
    "ConfigurationString",
    "ConfigurationValue",
    "Connection",
    "ConnectionInfo",
    "ConnectionInfoFlags",
    "ConnectionState",
    "ConnectionStatus",
    "DebugType",
    "EndReason",
    "IdentityType",
    "LaneStatus",
    "ListenSocket",
    "MessageData",
    "NetworkingMessage",
    "OutgoingMessage",
    "PeerRecord",
    "PollGroup",
    "Result",
    "SendFlags",
    "SendType",
    "StatusInfo",
]

ListenSocket = NewType("ListenSocket", int)
"""Handle of a socket that accepts connections; 0 is none."""

Connection = NewType("Connection", int)
"""Handle of a connection to one peer; 0 is none."""

PollGroup = NewType("PollGroup", int)
"""Handle of a set of connections that are received from together; 0 is none."""

MessageData: TypeAlias = bytes | bytearray | memoryview
"""What may be sent as a message. The library copies it before the call returns."""


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """What is known about a connection and its peer at one moment (spec 3, 9.1).

    Attributes:
        identity: the peer. Invalid until an outgoing connection was answered.
        user_data: the application's own number; -1 when never set.
        listen_socket: the socket that took an incoming connection, 0 for one initiated here.
        address: the peer's address; ``::`` with port 0 when there is none, as for pairs inside the process.
        state: how far the connection has come.
        end_reason: why it ended, 0 while it has not. `EndReason` names the known numbers.
        end_debug: text for people about the end, at most 127 bytes.
        connection_description: one line for logs.
        flags: facts about encryption, identity and route.
    """

    identity: NetworkingIdentity
    user_data: int
    listen_socket: ListenSocket
    address: Address
    state: ConnectionState
    end_reason: int
    end_debug: str
    connection_description: str
    flags: ConnectionInfoFlags


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """One change of a connection's state (spec 3, 1.6).

    Attributes:
        connection: whose state changed.
        connection_info: a snapshot of the moment of the change; the connection may have moved on since.
        old_state: the state before.
    """

    connection: Connection
    connection_info: ConnectionInfo
    old_state: ConnectionState


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """How well a connection runs, measured at the moment of asking (spec 3, 9.2).

    Attributes:
        state: how far the connection has come.
        ping: smoothed round-trip time in milliseconds; -1 unknown.
        connection_quality_local: share of packets that arrived here in order, 0..1; -1 unknown.
        connection_quality_remote: the same as the peer last reported it; -1 unknown.
        out_packets_per_second: over the last interval of 5 s, as the other three rates; 0 before the first.
        out_bytes_per_second: see there.
        in_packets_per_second: see there.
        in_bytes_per_second: see there.
        send_rate_bytes_per_second: how fast data may leave.
        pending_unreliable: bytes not yet sent.
        pending_reliable: bytes not yet sent, and those to be sent again.
        sent_unacked_reliable: bytes sent and not yet acknowledged.
        queue_time: microseconds a new message would wait; 2**63 - 1 if not connected or with several lanes.
        max_jitter: largest jitter in microseconds since it was last asked for; -1 none measured.
    """

    state: ConnectionState
    ping: int
    connection_quality_local: float
    connection_quality_remote: float
    out_packets_per_second: float
    out_bytes_per_second: float
    in_packets_per_second: float
    in_bytes_per_second: float
    send_rate_bytes_per_second: int
    pending_unreliable: int
    pending_reliable: int
    sent_unacked_reliable: int
    queue_time: int
    max_jitter: int


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What waits in one lane (spec 3, 9.2). Bytes; `queue_time` is in microseconds."""

    pending_unreliable: int
    pending_reliable: int
    sent_unacked_reliable: int
    queue_time: int


@dataclass(slots=True)
class OutgoingMessage:
    """One message of a batch to send (spec 3, 7.4)."""

    connection: Connection
    data: MessageData
    flags: SendFlags = SendFlags.UNRELIABLE
    lane: int = 0


@final
class PeerRecord:
    """What all messages of one connection share: its handle, the peer's name, the application's number.

    Messages refer to it instead of copying, so new user data shows on messages that still wait (spec 3, 7.5).
    """

    __slots__ = ("handle", "identity", "queued_bytes", "queued_messages", "user_data")

    def __init__(self, handle: int, identity: NetworkingIdentity, user_data: int = -1) -> None:
        self.handle = handle
        self.identity = identity
        self.user_data = user_data
        self.queued_messages = 0
        """Messages that wait for the application, and their bytes: what the receive limits count."""
        self.queued_bytes = 0

    def __repr__(self) -> str:
        return f"PeerRecord({self.handle:#010x}, {self.identity!r}, {self.user_data})"


_CHANNEL: Final = -1
_UNRELIABLE: Final = SendFlags.UNRELIABLE
_RELIABLE: Final = SendFlags.RELIABLE
_RELIABLE_NUMBER: Final = int(SendFlags.RELIABLE)
_DESTROYED: Final = b"\0destroyed"
"""Stands in for the payload of a destroyed message; recognised by being this very object."""


@final
class NetworkingMessage:
    """A message that arrived (spec 3, 7.5). Read-only, and independent of its connection's further life.

    The constructor runs once per message and takes plain positional values: it is not meant for applications.
    Neither are `payload` and `peer`, fields that the receive queue reads without the cost of a property.
    """

    __slots__ = ("_flags", "_lane", "_message_number", "_time_received", "payload", "peer")

    def __init__(
        self,
        data: bytes,
        message_number: int,
        flags: int,
        lane: int,
        time_received: int,
        peer: PeerRecord,
    ) -> None:
        self.payload = data
        self._message_number = message_number
        self._flags = flags
        self._lane = lane
        self._time_received = time_received
        self.peer = peer

    @property
    def data(self) -> bytes:
        """The payload. Raises `ValueError` after `destroy`."""
        data = self.payload
        if data is _DESTROYED:
            raise ValueError("the message was destroyed, its data is gone")
        return data

    @property
    def length(self) -> int:
        """Bytes of payload. Raises `ValueError` after `destroy`."""
        return len(self.data)

    @property
    def connection(self) -> Connection:
        """The connection it came through."""
        return Connection(self.peer.handle)

    @property
    def identity(self) -> NetworkingIdentity:
        """The sender."""
        return self.peer.identity

    @property
    def user_data(self) -> int:
        """The connection's user data as it is now."""
        return self.peer.user_data

    @property
    def time_received(self) -> int:
        """Local time in microseconds when the last piece arrived."""
        return self._time_received

    @property
    def message_number(self) -> int:
        """The sender's count of messages on this lane, from 1; reliable and unreliable ones share it."""
        return self._message_number

    @property
    def channel(self) -> int:
        """Always -1: channels belong to the messages interface."""
        return _CHANNEL

    @property
    def lane(self) -> int:
        """The lane on the sender's side."""
        return self._lane

    @property
    def flags(self) -> SendFlags:
        """`SendFlags.RELIABLE` or `SendFlags.UNRELIABLE`; all flags of the sender only from a pipe of this process."""
        flags = self._flags
        if flags == _RELIABLE_NUMBER:
            return _RELIABLE
        return SendFlags(flags) if flags else _UNRELIABLE

    def copy_to(self, buffer: Any) -> int:
        """Copy the whole payload to the start of a writable buffer.

        Returns:
            How many bytes were copied.

        Raises:
            TypeError: the object is no buffer, not in one piece, or cannot be written to.
            ValueError: the buffer is too small, or the message was destroyed.
        """
        data = self.data
        size = len(data)
        with memoryview(buffer) as view, view.cast("B") as target:
            if target.readonly:
                raise TypeError(f"a {type(buffer).__name__} cannot be written to")
            if target.nbytes < size:
                raise ValueError(f"the message has {size} bytes, the buffer only {target.nbytes}")
            target[:size] = data
        return size

    def destroy(self) -> None:
        """Give the payload free at once. Never needed, and harmless to repeat."""
        self.payload = _DESTROYED

    def __repr__(self) -> str:
        size = "destroyed" if self.payload is _DESTROYED else f"{len(self.payload)} bytes"
        kind = "reliable" if self._flags & _RELIABLE_NUMBER else "unreliable"
        return (
            f"<NetworkingMessage {self._message_number} of lane {self._lane} "
            f"from connection {self.peer.handle:#010x}: {size}, {kind}>"
        )
