"""What do the records about a connection contain: info, status, lane status, description? (spec 3, 6.10 and 9)"""

from typing import Final

from gamesockets.connection.closing import cut_text
from gamesockets.connection.connection import Connection
from gamesockets.connection.pipe import Pipe
from gamesockets.connection.states import State, visible
from gamesockets.send.path_control import STATE_NAMES
from gamesockets.values.enums import ConnectionInfoFlags, IdentityType
from gamesockets.values.handles import ListenSocket
from gamesockets.values.moments import US_PER_SECOND
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, LaneStatus, PathStatus

QUEUE_TIME_UNKNOWN: Final = (1 << 63) - 1

_TYPE_PART_BYTES: Final = 79
_DESCRIPTION_BYTES: Final = 127
_FAST_PING_MS: Final = 5
_UNAUTHENTICATED: Final = int(ConnectionInfoFlags.UNAUTHENTICATED)
_UNENCRYPTED: Final = int(ConnectionInfoFlags.UNENCRYPTED)
_FAST: Final = int(ConnectionInfoFlags.FAST)
_UNSPLIT_MARGIN_BYTES: Final = 100


def describe(connection: Connection, name: str) -> str:
    """One line for logs: handle, kind, peer, name."""
    identity = connection.peer.identity
    address = connection.address
    if isinstance(connection, Pipe):
        where = "pipe"
    else:
        where = f"UDP {address}" if identity.type == IdentityType.IP_ADDRESS else f"UDP {identity}@{address}"
    text = f"#{connection.id} {cut_text(where, _TYPE_PART_BYTES)}"
    if name:
        text += f" '{name}'"
    return cut_text(text, _DESCRIPTION_BYTES)


def info_flags(connection: Connection) -> ConnectionInfoFlags:
    """Facts about encryption, identity and route (spec 3, 5.5)."""
    if isinstance(connection, Pipe):
        return ConnectionInfoFlags.LOOPBACK_BUFFERS | ConnectionInfoFlags.FAST
    flags = 0  # a plain number: an operation on flags takes as long as making the rest of the record
    if not connection.is_authenticated:
        flags |= _UNAUTHENTICATED
    if not connection.is_encrypted:
        flags |= _UNENCRYPTED
    address = connection.address
    if address.is_loopback or (address.is_private and 0 <= connection.ping.smoothed_ms <= _FAST_PING_MS):
        flags |= _FAST
    return ConnectionInfoFlags(flags)


def connection_info(
    connection: Connection, listen_socket: ListenSocket, name: str, state: State, reason: int, debug: str
) -> ConnectionInfo:
    """A snapshot; state, reason and text are those of the moment it is for."""
    return ConnectionInfo(
        identity=connection.peer.identity,
        user_data=connection.peer.user_data,
        listen_socket=listen_socket,
        address=connection.address,
        state=visible(state),
        end_reason=reason,
        end_debug=debug,
        connection_description=describe(connection, name),
        flags=info_flags(connection),
        certificate=connection.certificate,
    )


def connection_status(connection: Connection) -> ConnectionStatus:
    """Rates, ping, quality and queues at this moment; reading resets the largest jitter (spec 3, 9.2)."""
    sender = connection.sender
    statistics = connection.statistics
    interval = statistics.interval
    lanes = sender.lanes.lanes
    rate = sender.pacer.rate
    if connection.state == State.CONNECTED and len(lanes) == 1:
        unsplit = max(1, sender.filling.payload_bytes_max - _UNSPLIT_MARGIN_BYTES)
        queue_time = sender.pending_bytes() // unsplit * unsplit * 1_000_000 // rate
    else:
        queue_time = QUEUE_TIME_UNKNOWN
    return ConnectionStatus(
        state=visible(connection.state),
        ping=connection.ping.smoothed_ms,
        connection_quality_local=interval.quality(),
        connection_quality_remote=statistics.remote_quality(),
        out_packets_per_second=interval.out_packets_per_second,
        out_bytes_per_second=interval.out_bytes_per_second,
        in_packets_per_second=interval.in_packets_per_second,
        in_bytes_per_second=interval.in_bytes_per_second,
        send_rate_bytes_per_second=rate,
        pending_unreliable=sum([lane.pending_unreliable for lane in lanes]),
        pending_reliable=sum([lane.pending_reliable + lane.unacked.lost_bytes for lane in lanes]),
        sent_unacked_reliable=sum([lane.unacked.unacked_bytes for lane in lanes]),
        queue_time=queue_time,
        max_jitter=statistics.take_max_jitter_us(),
        path=path_status(connection),
    )


def path_status(connection: Connection) -> PathStatus:
    """What the sender has learned of the path."""
    path = connection.sender.path
    learned = path.learned
    state = "distrusted" if path.is_distrusted else "new" if path.waits_for_bulk else "fixed"
    if learned is None:
        return PathStatus(state, 0, 0, 0, 0, -1, 0, 0.0, path.lost_packets, path.late_packets)
    queue = learned.queue
    is_in_force = path.control is learned
    return PathStatus(
        state=STATE_NAMES[learned.state] if is_in_force else state,
        bandwidth_bytes_per_second=learned.bandwidth(),
        delivery_rate_bytes_per_second=learned.delivery.sample,
        window_bytes=learned.window_bytes if is_in_force else 0,
        in_flight_bytes=learned.in_flight_bytes,
        minimum_round_trip_us=queue.minimum_us or -1,
        standing_queue_us=queue.standing_us,
        loss=learned.delivery.smoothed_loss,
        lost_packets=path.lost_packets,
        late_packets=path.late_packets,
    )


def bytes_until_full(connection: Connection, horizon_us: int) -> int:
    """How much more may be sent now for all of it to have left within so many microseconds.

    What waits already is subtracted. Never more than the send buffer has room for; 0 once the connection has ended.
    """
    if connection.state not in (State.CONNECTING, State.CONNECTED):
        return 0
    sender = connection.sender
    path = sender.path
    rate = sender.pacer.rate
    if path.control is path.learned:
        rate = min(rate, path.learned.bandwidth() or rate)  # not what is tried beyond it for a moment
    pending_bytes = sender.pending_bytes()
    room_bytes = connection.options.send_buffer_size_bytes - pending_bytes
    return max(min(rate * horizon_us // US_PER_SECOND - pending_bytes, room_bytes), 0)


def lane_status(connection: Connection) -> list[LaneStatus]:
    """What waits in each lane; empty once the connection has ended (spec 2, 2.11)."""
    if connection.state not in (State.CONNECTING, State.CONNECTED):
        return []
    sender = connection.sender
    if connection.state == State.CONNECTED:
        times = sender.lanes.queue_times_us(sender.pacer.debt_us(), sender.pacer.rate)
    else:
        times = [QUEUE_TIME_UNKNOWN] * len(sender.lanes.lanes)
    return [
        LaneStatus(
            pending_unreliable=lane.pending_unreliable,
            pending_reliable=lane.pending_reliable + lane.unacked.lost_bytes,
            sent_unacked_reliable=lane.unacked.unacked_bytes,
            queue_time=queue_time,
        )
        for lane, queue_time in zip(sender.lanes.lanes, times, strict=True)
    ]
