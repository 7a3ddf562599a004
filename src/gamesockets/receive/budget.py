"""How much may one connection hold of what its peer sent and the application has not read?

One budget, in two parts. The common part, `RecvBufferSize` and `RecvIncompleteSize`, is there for everybody. The part
for bulk, up to `RecvWindowSize` in all, is lent to a connection whose peer is ours: four times as much as its
application has read of it lately, and only while half of the memory of all connections is free. So it costs an attacker
a quarter of what it is worth, sent and delivered just before, and never the room that others need.
"""

from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.memory import MemoryPool, MemoryShare
from gamesockets.receive.reliable import ReliableStream
from gamesockets.values.message import PeerRecord

BULK_WINDOW_BUFFERS: Final = 16
"""A window of so many receive buffers at most: who sets a small `RecvBufferSize` is not sent that much more."""

LENT_FOR_READ: Final = 4
"""So much is lent for each byte read. A transfer that begins sends twice as much each round trip, so what comes behind
a hole until that is filled is two to four times what has been read."""

STALLED_US: Final = 30_000_000
"""So long a peer may use up the budget for incomplete messages without that the one that overdraws it gets further."""

# What `may_hold` says.
HELD: Final = 0
REFUSED: Final = 1
HOPELESS: Final = 2
"""For too long nothing got any further: the connection has to end."""


def bulk_window_bytes(options: ConnectionOptions) -> int:
    """What to announce to a peer: so much it may send behind a hole; 0 for nothing."""
    window_bytes = min(options.recv_window_size_bytes, BULK_WINDOW_BUFFERS * options.recv_buffer_size_bytes)
    return max(window_bytes, options.recv_buffer_size_bytes) if window_bytes else 0


@final
class ReceiveBudget:
    """The limits of one connection and its share of the common memory."""

    __slots__ = (
        "_common_bytes",
        "_options",
        "_overdrawn_at",
        "_peer",
        "_pool",
        "_read_before",
        "_read_then",
        "_window_bytes",
        "ahead_bytes",
        "is_bulk",
        "overdrawing",
        "share",
        "stream_bytes",
        "taken_bytes",
    )

    def __init__(self, peer: PeerRecord, pool: MemoryPool, options: ConnectionOptions) -> None:
        self._peer = peer
        self._pool = pool
        self._options = options
        self.share = MemoryShare(peer.handle, pool)
        self.is_bulk = False
        """The peer is ours, and may use the part for bulk."""
        self._window_bytes = 0
        self._common_bytes = 0
        self.ahead_bytes = 0
        """What may be held ahead of holes and in pieces without asking."""
        self.stream_bytes = 0
        """How far one stream may reach beyond its first byte that was not taken."""
        self.taken_bytes = 0
        """What the streams have given in messages."""
        self._read_then = 0
        """What the application had read of that when this interval began."""
        self._read_before = 0
        """What it had read when the one before began."""
        self.overdrawing: ReliableStream | None = None
        """The one stream that may go on beyond the budget, so that some message gets complete."""
        self._overdrawn_at = 0
        self.configure(options)

    def configure(self, options: ConnectionOptions) -> None:
        """New limits."""
        self._options = options
        self._common_bytes = options.recv_buffer_size_bytes + options.recv_incomplete_size_bytes
        # What comes ahead of holes and in pieces gets half, so that it never stands in the way of what comes in order.
        self.ahead_bytes = self._common_bytes // 2
        self.stream_bytes = options.recv_buffer_size_bytes
        if self.is_bulk:
            self._window_bytes = bulk_window_bytes(options)
            self.stream_bytes = max(self._window_bytes, options.recv_buffer_size_bytes)

    def lend_for_bulk(self, is_bulk: bool) -> None:
        """Whether the peer is ours, and was told how much may be sent behind a hole."""
        self.is_bulk = is_bulk
        self.configure(self._options)

    def finish_interval(self) -> None:
        """An interval ends."""
        self._read_before = self._read_then
        self._read_then = self.taken_bytes - self._peer.queued_bytes

    def _lent_bytes(self) -> int:
        """What may be held beyond the common part, by what was read in this interval and the last one."""
        if not self._pool.has_room():
            return 0
        return LENT_FOR_READ * max(self.taken_bytes - self._peer.queued_bytes - self._read_before, 0)

    def may_queue(self, size_bytes: int) -> bool:
        """Whether one more message may wait for the application although the receive buffer is full."""
        if not self.is_bulk:
            return False
        peer = self._peer
        options = self._options
        buffer_bytes = options.recv_buffer_size_bytes
        needed_bytes = peer.queued_bytes + size_bytes
        lent_bytes = self._lent_bytes()
        if needed_bytes > self._window_bytes or needed_bytes > buffer_bytes + lent_bytes:
            return False
        # As many more messages as there are more buffers.
        messages_lent = options.recv_buffer_messages * min(lent_bytes, self._window_bytes) // buffer_bytes
        return peer.queued_messages < options.recv_buffer_messages + messages_lent

    def may_hold(self, stream: ReliableStream, begin: int, size_bytes: int, held_bytes: int, now: int) -> int:
        """Whether so many more bytes may be held although more than `ahead_bytes` are: `HELD`, `REFUSED`, `HOPELESS`.

        Beyond the whole budget one stream at a time may go on, up to its receive buffer: its message gets complete,
        which makes room for the others, whose segments the peer repeats.
        """
        needed_bytes = held_bytes + size_bytes
        if (
            self.is_bulk
            and needed_bytes <= self._window_bytes
            and needed_bytes <= self.ahead_bytes + self._lent_bytes()
        ):
            return HELD
        if begin <= stream.base + len(stream.buffer):
            if needed_bytes <= self._common_bytes:
                return HELD
            is_in_buffer = begin + size_bytes - stream.base <= self._options.recv_buffer_size_bytes
            if self.overdrawing is stream:
                return HELD if is_in_buffer else REFUSED
            if self.overdrawing is None and is_in_buffer:
                self.overdrawing = stream
                self._overdrawn_at = now
                return HELD
            if (
                self.overdrawing is not None
                and now - self._overdrawn_at > STALLED_US
                and not self._peer.queued_messages
            ):
                return HOPELESS
        return REFUSED

    def fault(self, held_bytes: int) -> str:
        """What to end a `HOPELESS` connection with."""
        return f"Incomplete messages hold {held_bytes} bytes (limit is {self._common_bytes})."

    def release(self) -> None:
        """The connection is gone."""
        self.overdrawing = None
        self.share.close()
