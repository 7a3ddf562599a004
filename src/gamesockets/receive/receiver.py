"""The order of work for one packet's plaintext: frames in, messages and acks of our packets out (spec 2, 2.4 and 2.5).

Segments and stop-waiting values take effect as they are read. What the peer says about *our* packets is checked, so
that a bad ack ends the payload where it stands, and collected for the sending side.
"""

from typing import Final, TypeAlias, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.acks import AckReporter
from gamesockets.receive.budget import HELD, HOPELESS, ReceiveBudget
from gamesockets.receive.lane import ReceiveLane
from gamesockets.receive.memory import FREE_BYTES, MemoryPool
from gamesockets.receive.reliable import ReliableStream
from gamesockets.receive.sink import MessageSink
from gamesockets.receive.unreliable import PIECE_OVERHEAD_BYTES, PIECES_BYTES_MAX, UnreliableReassembly
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.wire.frames import RELATIVE, AckBlock, FrameSink, decode
from gamesockets.wire.numbers import widen
from gamesockets.wire.stream import (
    BAD_HEADER,
    HEADER_BYTES_READ,
    MAX_NUMBER_AHEAD,
    MAX_NUMBER_INCREMENT,
    MAX_SIZE_UPPER,
    decode_message_header,
)

FLAG_RELIABLE: Final = 8
_MASK64: Final = 0xFFFF_FFFF_FFFF_FFFF
_WRAPS_FROM: Final = 1 << 61
"""Smaller sums, which is all that honest peers make, need no arithmetic of 64 bits."""

_WINDOW_BYTES: Final = 4096
"""Usually the whole buffer: what a packet brings and what is left of the one before."""

OPEN: Final = 0
"""Messages are delivered."""
DISCARDING: Final = 1
"""Lingering: nobody will read, so reliable bytes are acknowledged and dropped, unreliable ones stay unacknowledged."""

# What is to be done with a packet whose payload was processed.
FAULTY: Final = 0
"""The connection has to end: `fault` says why."""
IGNORED: Final = 1
"""Nothing: the peer hears of it as little as of a packet that is lost, but its number is used up."""
NOT_ACKNOWLEDGED: Final = 2
"""It came, but part of it was refused: the peer has to take it for lost."""
ACKNOWLEDGED: Final = 3
"""It is to be reported when a packet leaves anyway."""
ACKNOWLEDGED_SOON: Final = 4
"""It had reliable data, so it is to be reported in time."""

# What an ack frame says: newest packet of ours that it reports on, delay in units of 32 us, blocks.
Ack: TypeAlias = tuple[int, int, list[AckBlock]]


_NO_LANE: Final = ReceiveLane(-1)
"""Stands for a lane that was selected and has brought nothing yet; never changed."""


@final
class Receiver(FrameSink):
    """Takes apart the payloads of one connection."""

    __slots__ = (
        "_ack_reporter",
        "_budget",
        "_first",
        "_held_bytes",
        "_lane",
        "_memory",
        "_next_to_send",
        "_now",
        "_number",
        "_options",
        "_others",
        "_peer",
        "_queue_full_before",
        "_segments",
        "_selected",
        "_stream_position",
        "_unreliable_number",
        "_verdict",
        "acks",
        "fault",
        "inbox",
        "mode",
        "over_budget",
        "pieces_expired",
        "queue_full",
        "reliable_messages",
        "unreliable_messages",
    )

    def __init__(
        self,
        ack_reporter: AckReporter,
        peer: PeerRecord,
        inbox: MessageSink,
        options: ConnectionOptions,
        pool: MemoryPool,
    ) -> None:
        self._ack_reporter = ack_reporter
        self._peer = peer
        self._options = options
        self.inbox = inbox
        self.mode = OPEN
        self._first = ReceiveLane(0)
        self._others: dict[int, ReceiveLane] | None = None
        """The lanes beside lane 0 by index, once there are any."""
        self._lane = self._first
        self._selected = 0
        self._held_bytes = 0
        """What all lanes hold of messages that were not delivered."""
        self._budget = ReceiveBudget(peer, pool, options)
        self._memory = self._budget.share
        self._queue_full_before = 0
        """What `queue_full` was at the end of the last interval."""
        self._now = 0
        self._number = 0
        self._next_to_send = 0
        self._segments = 0
        self._stream_position = 0
        self._unreliable_number = 0
        self._verdict = ACKNOWLEDGED
        self.acks: list[Ack] = []
        """The ack frames of the last payload, those behind a fault left out."""
        self.fault = ""
        """What was wrong with the last payload."""
        self.queue_full = 0
        """How often a message or segment was refused because a limit was reached."""
        self.over_budget = 0
        """How often a segment was refused because incomplete messages take too much memory."""
        self.pieces_expired = 0
        """How many unreliable messages were given up because no further piece came."""
        self.reliable_messages = 0
        """How many whole messages came."""
        self.unreliable_messages = 0

    def configure(self, options: ConnectionOptions) -> None:
        """New limits, from the next payload on."""
        self._options = options
        self._budget.configure(options)

    def expect_bulk(self, is_bulk: bool) -> None:
        """Whether the peer is ours and was told that it may send more behind a hole."""
        self._budget.lend_for_bulk(is_bulk)
        for lane in self.lanes():
            lane.stream.is_bulk = is_bulk

    def finish_interval(self, now: int) -> None:
        """Gives memory back, after what is too old to be of use."""
        if self._held_bytes:
            self._forget_old_pieces()
        if self.holds_memory():
            queued_bytes = self._peer.queued_bytes
            incomplete_bytes = self._held_bytes - queued_bytes
            if incomplete_bytes < 0 or self.queue_full != self._queue_full_before:
                incomplete_bytes = 0  # the application reads too slowly
            self._queue_full_before = self.queue_full
            self._memory.settle(self._held_bytes + queued_bytes, incomplete_bytes, self._budget.taken_bytes, now)
        self._budget.finish_interval()

    def holds_memory(self) -> bool:
        """Whether `finish_interval` has something to do."""
        return self._held_bytes > 0 or self._memory.granted_bytes > FREE_BYTES

    def has_brought_messages(self) -> bool:
        """Whether a whole message ever came."""
        return self.reliable_messages + self.unreliable_messages > 0

    def release(self) -> None:
        """The connection is gone, or has to make room: what is not complete never will be."""
        self._lane = self._first = ReceiveLane(0)
        self._others = None
        self._held_bytes = 0
        self._budget.release()

    def _forget_old_pieces(self) -> None:
        """Gives up unreliable messages of which no piece came since the last call: the rest of them is lost."""
        for lane in self.lanes():
            reassembly = lane.reassembly
            if reassembly is not None and reassembly.held_bytes:
                held_bytes = reassembly.held_bytes
                self.pieces_expired += reassembly.forget_old()
                self._held_bytes += reassembly.held_bytes - held_bytes

    def process(self, payload: bytes, number: int, next_to_send: int, now: int) -> int:
        """Hands the payload of packet `number` through; what is to be done with the packet.

        `next_to_send` is one above the highest packet number that the peer can have an ack for. The ack frames are in
        `acks` afterwards, whatever the outcome.
        """
        self._now = now
        self._number = number
        self._next_to_send = next_to_send
        self._lane = self._first
        self._segments = 0
        self._stream_position = 0
        self._unreliable_number = 0
        self._verdict = ACKNOWLEDGED
        self.fault = ""
        if self.acks:
            self.acks = []
        fault = decode(payload, self)
        if fault:
            self._fail(fault)
        return self._verdict

    def _fail(self, fault: str) -> bool:
        """The payload breaks a rule: the rest of it is skipped."""
        self.fault = fault
        self._verdict = FAULTY
        return False

    def select_lane(self, lane: int) -> bool:
        if lane == 0:
            self._lane = self._first
        else:
            self._lane = _NO_LANE if self._others is None else self._others.get(lane, _NO_LANE)
        self._selected = lane
        self._unreliable_number = 0
        self._stream_position = 0
        return True

    def lanes(self) -> list[ReceiveLane]:
        """Lane 0, and the others that have brought something."""
        return [self._first] if self._others is None else [self._first, *self._others.values()]

    def _make_lane(self) -> ReceiveLane:
        if self._others is None:
            self._others = {}
        lane = self._lane = self._others[self._selected] = ReceiveLane(self._selected, self._budget.is_bulk)
        return lane

    def ack(self, latest_bits: int, latest: int, delay: int, blocks: list[AckBlock]) -> bool:
        latest = widen(latest, latest_bits, self._next_to_send)
        if latest < 0:
            return self._fail(f"Ack of packet {latest}")
        if latest >= self._next_to_send:
            self._verdict = IGNORED
            return False
        end = latest + 1
        for acks, nacks in blocks:
            begin = end - acks - nacks
            if begin < 0:
                return self._fail(f"Ack range underflow, end={end}, num={acks}+{nacks}")
            end = begin
        self.acks.append((latest, delay, blocks))
        return True

    def stop_waiting(self, offset: int) -> bool:
        value = self._number - offset - 1
        if value < 0 or not self._ack_reporter.stop_waiting(value, self._number):
            return self._fail(f"stop_waiting pktNum {self._number} offset {offset}")
        return True

    def unreliable(self, number_bits: int, number: int, offset: int, is_last: bool, data: bytes) -> bool:
        lane = self._lane
        if lane is _NO_LANE:
            lane = self._make_lane()
        if number_bits == RELATIVE:
            number += self._unreliable_number
            if number >= _WRAPS_FROM:
                number &= _MASK64
                if number >> 63:
                    number -= 1 << 64
        else:
            number = widen(number, number_bits, lane.highest_number)
            if number <= 0:
                return self._fail(f"Unreliable message number {number} is not positive")
        self._unreliable_number = number
        if number > lane.highest_number:
            lane.highest_number = number
        self._segments += 1
        if self._segments > self._options.recv_max_segments_per_packet:
            self._verdict = NOT_ACKNOWLEDGED
            return False
        if self.mode != OPEN:
            self._verdict = NOT_ACKNOWLEDGED
            return True
        if not is_last or offset:
            if offset + len(data) > PIECES_BYTES_MAX:
                return True
            whole = self._reassemble(lane, number, offset, is_last, data)
            if whole is None:
                return True
            data = whole
        peer = self._peer
        options = self._options
        size = len(data)
        if size > options.recv_max_message_size:
            return self._fail(_too_large(size, options.recv_max_message_size))
        if (
            peer.queued_messages >= options.recv_buffer_messages
            or peer.queued_bytes + size > options.recv_buffer_size_bytes
        ):
            self._verdict = NOT_ACKNOWLEDGED
            self.queue_full += 1
            return True
        if self._held_bytes + peer.queued_bytes + size > self._memory.granted_bytes and not self._may_grow(size):
            return True
        peer.queued_messages += 1
        peer.queued_bytes += size
        self.unreliable_messages += 1
        message = NetworkingMessage(data, number, 0, lane.index, self._now, peer)
        if number > lane.highest_queued:
            lane.highest_queued = number
            self.inbox.append(message)
        else:
            self.inbox.insert_late(message)
        return True

    def _reassemble(self, lane: ReceiveLane, number: int, offset: int, is_last: bool, data: bytes) -> bytes | None:
        """Keeps a piece of an unreliable message; the whole message if that completed it."""
        size = len(data) + PIECE_OVERHEAD_BYTES
        if self._held_bytes + size > self._budget.ahead_bytes:
            self._verdict = NOT_ACKNOWLEDGED
            self.over_budget += 1
            return None
        if self._held_bytes + self._peer.queued_bytes + size > self._memory.granted_bytes and not self._may_grow(size):
            return None
        reassembly = lane.reassembly
        if reassembly is None:
            reassembly = lane.reassembly = UnreliableReassembly()
        held_bytes = reassembly.held_bytes
        whole = reassembly.insert(number, offset, is_last, data)
        self._held_bytes += reassembly.held_bytes - held_bytes
        return whole

    def reliable(self, position_bits: int, position: int, data: bytes) -> bool:
        lane = self._lane
        stream = lane.stream
        if position_bits == RELATIVE:
            begin = self._stream_position + position
        else:
            begin = _expand_position(position, position_bits, stream.end())
            if begin < 1:
                return self._fail(f"Reliable stream position {begin} is not positive")
        self._stream_position = begin + len(data)
        if self._unreliable_number > 0:
            self._unreliable_number += 1
        self._segments += 1
        if self._segments > self._options.recv_max_segments_per_packet:
            self._verdict = NOT_ACKNOWLEDGED
            return False
        if not data:
            return True
        if self._verdict == ACKNOWLEDGED:
            self._verdict = ACKNOWLEDGED_SOON
        if self.mode != OPEN:
            return True
        if lane is _NO_LANE:
            lane = self._make_lane()
            stream = lane.stream
        size = len(data)
        if self._held_bytes + self._peer.queued_bytes + size > self._memory.granted_bytes and not self._may_grow(
            size, begin <= stream.base + len(stream.buffer) and not self._peer.queued_messages
        ):
            return True
        held_bytes = stream.held_bytes
        budget = self._budget
        if self._held_bytes + size > budget.ahead_bytes and not self._may_hold(stream, begin, size):
            if self.fault:
                return False
        elif not stream.insert(begin, data, budget.stream_bytes):
            self._verdict = NOT_ACKNOWLEDGED
            self.queue_full += 1
            return True
        goes_on = self._deliver_from_stream(lane, stream) if stream.buffer else True
        self._held_bytes += stream.held_bytes - held_bytes
        return goes_on

    def _may_grow(self, size: int, may_finish: bool = False) -> bool:
        """Whether so many more bytes may be held although the connection's share of the memory does not do."""
        if self._memory.grow(self._held_bytes + self._peer.queued_bytes + size, self._now, may_finish):
            return True
        self._verdict = NOT_ACKNOWLEDGED
        self.over_budget += 1
        return False

    def _may_hold(self, stream: ReliableStream, begin: int, size: int) -> bool:
        """Whether so many more bytes may be held although more is in use than anybody gets."""
        answer = self._budget.may_hold(stream, begin, size, self._held_bytes, self._now)
        if answer == HELD:
            return True
        if answer == HOPELESS:
            return self._fail(self._budget.fault(self._held_bytes))
        self._verdict = NOT_ACKNOWLEDGED
        self.over_budget += 1
        return False

    def _deliver_from_stream(self, lane: ReceiveLane, stream: ReliableStream) -> bool:
        """Takes as many whole messages out of the stream as there are and as the queue accepts."""
        buffer = stream.buffer
        end = len(buffer)
        if stream.needed_bytes > end:
            return True
        peer = self._peer
        options = self._options
        inbox = self.inbox
        # Headers and small messages are read from immutable bytes: a slice of the buffer would have to be copied again.
        window = bytes(buffer) if end <= _WINDOW_BYTES else bytes(buffer[:_WINDOW_BYTES])
        window_begin = 0
        window_end = len(window)
        start = 0
        fault = ""
        needed = 0
        while start < end:
            if window_end < end and window_end < start + HEADER_BYTES_READ:
                window = bytes(buffer[start : start + _WINDOW_BYTES])
                window_begin = start
                window_end = start + len(window)
            increment, size, body = decode_message_header(window, start - window_begin, len(window))
            if body < 0:
                if body == BAD_HEADER:
                    fault = f"Invalid reliable message header byte 0x{buffer[start]:02x}"
                break
            number = stream.last_message_number + increment
            if increment > MAX_NUMBER_INCREMENT or number > lane.highest_number + MAX_NUMBER_AHEAD:
                # sic: the reference library's own spelling
                fault = (
                    f"Reliable message number lurch.  Last reliable {stream.last_message_number}, "
                    f"offset {increment}, highest seen {lane.highest_number}"
                )
                break
            if size >> 5 > MAX_SIZE_UPPER or (
                size > 31 and (size > options.recv_buffer_size_bytes or size > options.recv_max_message_size)
            ):
                # sic: the reference library's own spelling
                fault = f"Reliable message size too large.  ({size >> 5}<<5 + {size & 31})"
                break
            if number > lane.highest_number:
                lane.highest_number = number
            body += window_begin
            stop = body + size
            if stop > end:
                needed = stop - start
                break
            if (
                peer.queued_messages >= options.recv_buffer_messages
                or peer.queued_bytes + size > options.recv_buffer_size_bytes
            ) and not self._budget.may_queue(size):
                self._verdict = NOT_ACKNOWLEDGED
                self.queue_full += 1
                break
            if size > options.recv_max_message_size:
                fault = _too_large(size, options.recv_max_message_size)
                break
            stream.last_message_number = number
            peer.queued_messages += 1
            peer.queued_bytes += size
            self.reliable_messages += 1
            data = window[body - window_begin : stop - window_begin] if stop <= window_end else bytes(buffer[body:stop])
            message = NetworkingMessage(data, number, FLAG_RELIABLE, lane.index, self._now, peer)
            if number > lane.highest_queued:
                lane.highest_queued = number
                inbox.append(message)
            else:
                inbox.insert_late(message)
            start = stop
        if start:
            stream.consume(start)
            budget = self._budget
            budget.taken_bytes += start
            if budget.overdrawing is stream:
                budget.overdrawing = None
            if self._memory.granted_bytes > FREE_BYTES:
                self._memory.on_taken()
        stream.needed_bytes = needed
        if fault:
            return self._fail(fault)
        return True


def _expand_position(low: int, bits: int, stream_end: int) -> int:
    """The position with these low bits: not the nearest, but never a block below the stream's end (spec 2, 2.2.7)."""
    mask = (1 << bits) - 1
    position = (stream_end & ~mask) + low
    if position + (mask >> 1) < stream_end:
        position += mask + 1
    return position


def _too_large(size: int, limit: int) -> str:
    return f"Failed to allocate a buffer of size {size} (limit is {limit})."
