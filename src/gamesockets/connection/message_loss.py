"""Which unreliable messages are lost on purpose? Whole ones, while all packets arrive: a test for games (spec 3, 2.1).

The classes stand in front of an inbox and of a sender, and only while their configuration value is not 0.
"""

from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.sink import MessageSink
from gamesockets.send.sender import MAX_UNRELIABLE_BYTES, UNRELIABLE_RUN_MAX, Outbox, Sender
from gamesockets.values.entropy import Entropy, chance
from gamesockets.values.enums import SendFlags
from gamesockets.values.message import NetworkingMessage

_RELIABLE: Final = int(SendFlags.RELIABLE)


@final
class LossyInbox(MessageSink):
    """Stands in front of an inbox and drops unreliable messages that came (FAKE_MESSAGE_LOSS_RECV)."""

    __slots__ = ("_entropy", "_inbox", "_percent")

    def __init__(self, inbox: MessageSink, percent: float, entropy: Entropy) -> None:
        self._inbox = inbox
        self._percent = percent
        self._entropy = entropy

    def append(self, message: NetworkingMessage) -> None:
        if not self._loses(message):
            self._inbox.append(message)

    def insert_late(self, message: NetworkingMessage) -> None:
        if not self._loses(message):
            self._inbox.insert_late(message)

    def _loses(self, message: NetworkingMessage) -> bool:
        """Decides at random. A lost message no longer counts for the receive limits; the receiver has counted it."""
        if message.flags & _RELIABLE or not chance(self._entropy, self._percent):
            return False
        peer = message.peer
        peer.queued_messages -= 1
        peer.queued_bytes -= len(message.payload)
        return True


@final
class LossyOutbox(Outbox):
    """Stands in front of a sender and drops unreliable messages as they are sent (FAKE_MESSAGE_LOSS_SEND)."""

    __slots__ = ("_entropy", "_options", "_outbox", "_sender")

    def __init__(self, outbox: Outbox, sender: Sender, options: ConnectionOptions, entropy: Entropy) -> None:
        self._outbox = outbox
        self._sender = sender
        self._options = options
        self._entropy = entropy

    def send(self, data: bytes, flags: int, lane_index: int, now: int) -> int:
        options = self._options
        if not flags & _RELIABLE and chance(self._entropy, options.message_loss_send_percent):
            lanes = self._sender.lanes.lanes
            size = len(data)
            if (
                0 <= lane_index < len(lanes)
                and size <= MAX_UNRELIABLE_BYTES
                and self._sender.pending_bytes() + size <= options.send_buffer_size_bytes
                and lanes[lane_index].last_number - lanes[lane_index].last_reliable_number < UNRELIABLE_RUN_MAX
            ):
                # Its number is used, so that the peer finds it missing.
                lanes[lane_index].last_number += 1
                return lanes[lane_index].last_number
        return self._outbox.send(data, flags, lane_index, now)
