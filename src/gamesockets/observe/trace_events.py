"""What happens on a connection, as events for programs: packets, acks, losses, messages, and how full the queues are.

`EVENTS` says which there are, with their fields and units. `docs/reference/trace.md` shows the same table to users.
No event holds a key or the contents of a message.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final, TypeAlias, final

from gamesockets.connection.connection import StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import visible
from gamesockets.connection.trace import TraceSink
from gamesockets.observe.log_fields import printable
from gamesockets.observe.snapshots import path_status
from gamesockets.values.enums import SendFlags
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.results import Result
from gamesockets.wire.frames import AckBlock

Event: TypeAlias = dict[str, Any]

VERSION: Final = 1
"""Of the format. It grows when a field changes its meaning, not when one is added."""

SAMPLE_US: Final = 50_000
"""A sample is taken so often at most, and only when a packet passes."""

EVERY_EVENT: Final = {
    "event": "which one",
    "at_us": "when, in µs, by the clock of `Library.time()`",
    "connection": "handle of the connection; not in `trace` and `dropped`",
}
"""What all of them have."""

EVENTS: Final[dict[str, dict[str, str]]] = {
    "trace": {
        "version": "of this format",
        "unix_us": "µs since 1970, at the moment of `at_us`",
    },
    "connection": {
        "peer": "address of the peer",
        "identity": "of the peer, as far as it is known",
        "name": "given by the application, or empty",
        "is_incoming": "whether the peer has asked for it",
        "state": "a name of `ConnectionState`",
    },
    "state": {
        "old_state": "a name of `ConnectionState`",
        "state": "the new one",
        "reason": "why it ended, or 0",
        "debug": "text about the end",
    },
    "packet_sent": {
        "number": "of the packet",
        "size_bytes": "of the UDP payload",
        "payload_bytes": "of the frames in it",
    },
    "packet_received": {
        "number": "of the packet",
        "size_bytes": "of the UDP payload",
        "payload_bytes": "of the frames in it",
        "missing": "how many packets before it have not come; below 0: it was late itself, by so many",
    },
    "ack": {
        "latest": "the newest packet of ours that the peer reports on",
        "delay_us": "how long the peer held the report back; -1 unknown",
        "round_trip_us": "since that packet left, less the delay; -1 unknown",
        "missing": "ranges [first, end) of packet numbers that the peer has not got",
    },
    "packet_lost": {
        "number": "of a packet of ours that counts as lost, and whose reliable parts are sent again",
        "size_bytes": "of the UDP payload",
    },
    "message_sent": {
        "number": "of the message in its lane",
        "lane": "of the message",
        "size_bytes": "of the message",
        "is_reliable": "whether it was sent reliably",
    },
    "message_refused": {
        "result": "a name of `Result`",
        "lane": "as it was asked for",
        "size_bytes": "of the message",
        "is_reliable": "whether it was to be reliable",
    },
    "message_received": {
        "number": "of the message in its lane",
        "lane": "of the message",
        "size_bytes": "of the message",
        "is_reliable": "whether it was sent reliably",
        "is_late": "whether one with a higher number went before",
    },
    "sample": {
        "rate_bytes_per_second": "how fast data may leave",
        "control": "who decides about that: `fixed`, `new` while little was sent, or a state as in `PathStatus`",
        "bandwidth_bytes_per_second": "what the path is believed to carry; 0 unknown",
        "delivery_bytes_per_second": "what the peer got lately; 0 unknown",
        "window_bytes": "how much may be on its way at most; 0 no limit",
        "in_flight_bytes": "how much is; 0 where nothing is counted",
        "round_trip_us": "smoothed; -1 unknown",
        "queued_bytes": "of messages that have not left",
        "lost_bytes": "of segments to be sent again",
        "unacked_bytes": "sent reliably and not acknowledged",
        "unread_messages": "received, and not read by the application",
        "lanes": "for each lane [queued bytes, bytes not acknowledged]",
    },
    "dropped": {"events": "how many events before this one were left out, because the disk or the reader was too slow"},
    "end": {"why": "`closed`, or `full` when the file has reached its limit"},
}


class EventSink(ABC):
    """Takes events, on any thread that holds a lock of the library: quickly, and without calling it."""

    @abstractmethod
    def put(self, event: Event) -> None:
        """One event. It must not raise."""


@final
class EventTrace(TraceSink):
    """Makes events of what a connection's trace tells."""

    __slots__ = ("_clock", "_connection", "_sampled_at", "_sink")

    def __init__(
        self, connection: DatagramConnection, name: str, is_incoming: bool, sink: EventSink, clock: Callable[[], int]
    ) -> None:
        self._connection = connection
        self._sink = sink
        self._clock = clock
        self._sampled_at = -SAMPLE_US
        sink.put(
            {
                "event": "connection",
                "at_us": clock(),
                "connection": connection.id,
                "peer": str(connection.address),
                "identity": printable(str(connection.peer.identity)),
                "name": printable(name),
                "is_incoming": is_incoming,
                "state": visible(connection.state).name,
            }
        )

    def packet_received(self, number: int, expected: int, payload: bytes, size_bytes: int, now: int) -> None:
        self._put(
            "packet_received",
            now,
            {
                "number": number,
                "size_bytes": size_bytes,
                "payload_bytes": len(payload),
                "missing": number - expected,
            },
        )
        self._sample(now)

    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:
        fields = {"number": number, "size_bytes": size_bytes, "payload_bytes": len(payload)}
        self._put("packet_sent", now, fields)
        self._sample(now)

    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        missing: list[list[int]] = []
        end = latest + 1
        for acks, nacks in blocks:
            middle = end - acks
            end = middle - nacks
            if nacks:
                missing.append([end, middle])
        fields = {"latest": latest, "delay_us": delay_us, "round_trip_us": round_trip_us, "missing": missing}
        self._put("ack", self._clock(), fields)

    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        self._put("packet_lost", now, {"number": number, "size_bytes": size_bytes})

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        fields: Event = {"lane": lane, "size_bytes": size_bytes, "is_reliable": flags & SendFlags.RELIABLE != 0}
        if outcome > 0:
            self._put("message_sent", self._clock(), {"number": outcome, **fields})
        else:
            self._put("message_refused", self._clock(), {"result": Result(-outcome).name, **fields})

    def message_received(self, message: NetworkingMessage, is_late: bool) -> None:
        self._put(
            "message_received",
            message.time_received,
            {
                "number": message.message_number,
                "lane": message.lane,
                "size_bytes": message.length,
                "is_reliable": message.flags & SendFlags.RELIABLE != 0,
                "is_late": is_late,
            },
        )

    def _sample(self, now: int) -> None:
        if now - self._sampled_at < SAMPLE_US:
            return
        self._sampled_at = now
        connection = self._connection
        sender = connection.sender
        lanes = sender.lanes.lanes
        path = path_status(connection)
        self._put(
            "sample",
            now,
            {
                "rate_bytes_per_second": sender.pacer.rate,
                "control": path.state,
                "bandwidth_bytes_per_second": path.bandwidth_bytes_per_second,
                "delivery_bytes_per_second": path.delivery_rate_bytes_per_second,
                "window_bytes": path.window_bytes,
                "in_flight_bytes": path.in_flight_bytes,
                "round_trip_us": connection.ping.smoothed_us,
                "queued_bytes": sender.lanes.queued_bytes,
                "lost_bytes": sender.retries.lost_bytes,
                "unacked_bytes": sender.unacked_reliable_bytes(),
                "unread_messages": connection.peer.queued_messages,
                "lanes": [
                    [lane.pending_reliable + lane.pending_unreliable, lane.unacked.unacked_bytes] for lane in lanes
                ],
            },
        )

    def _put(self, event: str, now: int, fields: Event) -> None:
        self._sink.put({"event": event, "at_us": now, "connection": self._connection.id, **fields})


def state_event(change: StateChange, now: int) -> Event:
    """A connection went from one state to another."""
    return {
        "event": "state",
        "at_us": now,
        "connection": change.connection.id,
        "old_state": visible(change.old_state).name,
        "state": visible(change.new_state).name,
        "reason": change.reason,
        "debug": printable(change.debug),
    }
