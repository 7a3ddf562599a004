"""How are the packets and messages of a connection watched? Through one optional sink for all tracing.

Logs, a packet decoder and tests implement `TraceSink` and hand it to `DatagramConnection.set_trace`. Without a sink a
data packet costs one comparison, and a message nothing: a watched connection has objects in front of inbox and sender.
"""

from abc import ABC, abstractmethod
from typing import final

from gamesockets.build import mypyc_attr
from gamesockets.receive.sink import MessageSink
from gamesockets.send.flight import SentPacket
from gamesockets.send.sender import Outbox
from gamesockets.values.message import NetworkingMessage
from gamesockets.wire.frames import ACK_DELAY_SHIFT, ACK_DELAY_UNKNOWN, AckBlock


@mypyc_attr(allow_interpreted_subclasses=True)
class TraceSink(ABC):
    """Told of everything in the order in which it happens. It must not change or keep the connection, nor raise."""

    __slots__ = ()

    @abstractmethod
    def packet_received(self, number: int, expected: int, payload: bytes, size_bytes: int, now: int) -> None:
        """A genuine data packet came; what is in it happens next.

        `expected` is one above the highest number before: a larger `number` leaves a gap, a smaller one was late.
        `payload` is the frames in the clear, `size_bytes` the size of the UDP payload.
        """
        raise NotImplementedError

    @abstractmethod
    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:
        """A data packet leaves."""
        raise NotImplementedError

    @abstractmethod
    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        """The peer reports packets of ours up to `latest`.

        `delay_us` is how long it held that back, `round_trip_us` what remains of the time since the packet left:
        below 0 or above 2 s it is useless. Both are -1 where the peer does not say, or the packet is settled.
        """
        raise NotImplementedError

    @abstractmethod
    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        """A packet of ours counts as lost. It may turn out to be late."""
        raise NotImplementedError

    @abstractmethod
    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        """The application sent: `outcome` is the message's number, or minus the `Result` that refused it."""
        raise NotImplementedError

    @abstractmethod
    def message_received(self, message: NetworkingMessage, is_late: bool) -> None:
        """A whole message goes to the application; late if one with a higher number of its lane went before."""
        raise NotImplementedError


@final
class Tee(TraceSink):
    """Tells two sinks."""

    __slots__ = ("_one", "_two")

    def __init__(self, one: TraceSink, two: TraceSink) -> None:
        self._one = one
        self._two = two

    def packet_received(self, number: int, expected: int, payload: bytes, size_bytes: int, now: int) -> None:
        self._one.packet_received(number, expected, payload, size_bytes, now)
        self._two.packet_received(number, expected, payload, size_bytes, now)

    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:
        self._one.packet_sent(number, payload, size_bytes, now)
        self._two.packet_sent(number, payload, size_bytes, now)

    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        self._one.acknowledged(latest, delay_us, round_trip_us, blocks)
        self._two.acknowledged(latest, delay_us, round_trip_us, blocks)

    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        self._one.packet_lost(number, size_bytes, now)
        self._two.packet_lost(number, size_bytes, now)

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        self._one.message_queued(outcome, size_bytes, flags, lane)
        self._two.message_queued(outcome, size_bytes, flags, lane)

    def message_received(self, message: NetworkingMessage, is_late: bool) -> None:
        self._one.message_received(message, is_late)
        self._two.message_received(message, is_late)


@final
class TracedInbox(MessageSink):
    """Stands in front of an inbox."""

    __slots__ = ("_inbox", "_trace")

    def __init__(self, inbox: MessageSink, trace: TraceSink) -> None:
        self._inbox = inbox
        self._trace = trace

    def append(self, message: NetworkingMessage) -> None:
        self._trace.message_received(message, False)
        self._inbox.append(message)

    def insert_late(self, message: NetworkingMessage) -> None:
        self._trace.message_received(message, True)
        self._inbox.insert_late(message)


@final
class TracedOutbox(Outbox):
    """Stands in front of a sender."""

    __slots__ = ("_outbox", "_trace")

    def __init__(self, outbox: Outbox, trace: TraceSink) -> None:
        self._outbox = outbox
        self._trace = trace

    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        outcome = self._outbox.send(data, flags, lane_index, now)
        self._trace.message_queued(outcome, len(data), flags, lane_index)
        return outcome


def tell_of_ack(
    trace: TraceSink, record: SentPacket | None, latest: int, delay: int, blocks: list[AckBlock], now: int
) -> None:
    """An ack frame came; `record` is that of packet `latest`, unless that is settled."""
    if record is None or delay == ACK_DELAY_UNKNOWN:
        trace.acknowledged(latest, -1, -1, blocks)
    else:
        delay_us = delay << ACK_DELAY_SHIFT
        trace.acknowledged(latest, delay_us, now - record.sent_at - delay_us, blocks)


def tell_of_losses(trace: TraceSink, losses: list[tuple[int, int]] | None, now: int) -> None:
    """Numbers and sizes of packets that count as lost since the last call; the list is empty then."""
    if losses:
        for number, size_bytes in losses:
            trace.packet_lost(number, size_bytes, now)
        losses.clear()
