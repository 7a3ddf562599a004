"""Which records does a user see? Messages to send, and facts about a connection."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from gamesockets.values.address import Address
from gamesockets.values.certificate import Certificate
from gamesockets.values.enums import Availability, ConnectionInfoFlags, ConnectionState, SendFlags
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.identity import NetworkingIdentity

__all__ = [
    "AuthenticationStatus",
    "ConnectionInfo",
    "ConnectionStatus",
    "LaneStatus",
    "MessageData",
    "OutgoingMessage",
    "PathStatus",
    "StatusCallback",
    "StatusInfo",
]

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it since Python 3.12

MessageData: TypeAlias = "Buffer"
"""What may be sent as a message: anything whose bytes lie in one piece in memory (C order), such as bytes, bytearray,
memoryview, array.array, a ctypes structure or a numpy array. It is copied before the call returns."""


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """What is known about a connection and its peer at one moment (spec 3, 9.1).

    Attributes:
        identity: the peer; invalid until the peer of an outgoing connection has answered.
        user_data: the application's own number; -1 when never set.
        listen_socket: the listen socket of an incoming connection; 0 for an outgoing one.
        address: the peer's address; ``::`` with port 0 when there is none, as for pairs inside the process.
        state: how far the connection has come.
        end_reason: why it ended, 0 while it has not. `EndReason` names the known numbers.
        end_debug: text for people about the end, at most 127 bytes.
        connection_description: one line for logs.
        flags: facts about encryption, identity and route.
        certificate: what the peer's certificate states: key, expiry, apps. That the peer owns the key is proven; the
            rest is proven unless the flag `UNAUTHENTICATED` is set. None before the peer has shown one, and for pairs
            inside the process.
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
    certificate: Certificate | None = None


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """One change of a connection's state (spec 3, 1.6).

    Attributes:
        connection: the handle of the connection whose state changed.
        connection_info: a snapshot of the moment of the change; the state may have changed again since.
        old_state: the state before.
    """

    connection: Connection
    connection_info: ConnectionInfo
    old_state: ConnectionState


StatusCallback: TypeAlias = Callable[[StatusInfo], object]
"""Called with each change; what it returns is ignored."""


@dataclass(frozen=True, slots=True)
class AuthenticationStatus:
    """Whether this side has a certificate to show (spec 3, 13.2).

    Attributes:
        availability: `CURRENT` with a certificate, also with one that has expired; else `CANNOT_TRY`.
        debug: text for people.
    """

    availability: Availability
    debug: str


AuthenticationCallback: TypeAlias = Callable[[AuthenticationStatus], object]
"""Called when the status has changed; what it returns is ignored."""


@dataclass(frozen=True, slots=True)
class PathStatus:
    """What the sender has learned of the path, once a connection moved more than a game does.

    Attributes:
        state: what the controller of the send rate does: `fixed` (`SEND_RATE_MIN` and `SEND_RATE_MAX` are equal), `new`
            (nothing learned yet), `startup`, `drain`, `cruise`, `up`, `down`, `probe-rtt`, `compete` (others fill the
            queue), or `distrusted` (the peer acknowledged what it cannot have: the rate is low and fixed).
        bandwidth_bytes_per_second: what the path is believed to carry for this connection; 0 unknown.
        delivery_rate_bytes_per_second: what arrived in the last round trip; 0 unknown.
        window_bytes: so much may be in flight; 0 without limit.
        in_flight_bytes: so much is, as far as known.
        minimum_round_trip_us: the shortest round trip of the last ten seconds or so, in microseconds; -1 unknown.
        standing_queue_us: by how much round trips are longer than that, in microseconds; 0 unknown.
        loss: share of packets that was lost lately, 0..1; 0 unknown.
        lost_packets: packets believed lost since the connection began, late ones left out.
        late_packets: packets that were believed lost until they were acknowledged.
    """

    state: str
    bandwidth_bytes_per_second: int
    delivery_rate_bytes_per_second: int
    window_bytes: int
    in_flight_bytes: int
    minimum_round_trip_us: int
    standing_queue_us: int
    loss: float
    lost_packets: int
    late_packets: int


UNKNOWN_PATH = PathStatus("new", 0, 0, 0, 0, -1, 0, 0.0, 0, 0)
"""The path of a connection that has sent nothing."""


@dataclass(frozen=True, slots=True)
class ConnectionStatus:
    """How well a connection runs, measured at the moment of asking (spec 3, 9.2).

    Attributes:
        state: how far the connection has come.
        ping: smoothed round-trip time in milliseconds; -1 unknown.
        connection_quality_local: share of packets that arrived here in order, 0..1; -1 unknown.
        connection_quality_remote: the same as the peer last reported it; -1 unknown.
        out_packets_per_second: sent in the last full interval of 5 s; 0 before the first one has ended.
        out_bytes_per_second: likewise.
        in_packets_per_second: likewise, received.
        in_bytes_per_second: likewise, received.
        send_rate_bytes_per_second: how fast data may be sent.
        pending_unreliable: bytes not yet sent.
        pending_reliable: bytes not yet sent, or to be sent again.
        sent_unacked_reliable: bytes sent and not yet acknowledged.
        queue_time: microseconds a new message would wait; 2**63 - 1 if not connected or with several lanes.
        max_jitter: largest jitter in microseconds since the previous call; -1 none measured.
        path: what the sender has learned of the path; not in the reference library.
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
    path: PathStatus = UNKNOWN_PATH


@dataclass(frozen=True, slots=True)
class LaneStatus:
    """What waits in one lane, as in `ConnectionStatus` (spec 3, 9.2): bytes, and microseconds for `queue_time`."""

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
