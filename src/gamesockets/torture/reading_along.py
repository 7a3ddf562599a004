"""Would the reference library have gone along with what our sides sent each other?

A model of its receiver gets each packet that arrives. What it refuses for want of room is no fault: a receiver may do
that, and the sender repeats. What closes its connection, or what it would lose without a word, is one.
"""

from typing import Final, final

from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.trace import TraceSink
from gamesockets.sim.host import Connection
from gamesockets.torture.ledger import Violation
from gamesockets.torture.pairing import End
from gamesockets.torture.reference_receiver import IGNORED, REFUSED, Limits, ReferenceModel
from gamesockets.values.message import NetworkingMessage
from gamesockets.wire.frames import AckBlock

_TOLERATED: Final = (f"was {REFUSED}", f"was {IGNORED}")
"""Packets that found no room, and copies or late ones, which the network makes."""


@final
class _Reader(TraceSink):
    """The model behind one end, and what it says of the packets that this end receives."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        options = connection.core.options
        self.model = ReferenceModel(
            Limits(
                options.recv_buffer_size_bytes,
                options.recv_buffer_messages,
                options.recv_max_message_size,
                options.recv_max_segments_per_packet,
            )
        )
        self.problem = ""

    def packet_received(self, number: int, expected: int, payload: bytes, size_bytes: int, now: int) -> None:  # noqa: ARG002
        model = self.model
        if self.problem:
            return
        try:
            model.receive(number, payload, now)
        except Exception as error:  # noqa: BLE001 - raised later: nothing must be raised from here
            self.problem = f"the model fails at packet {number}: {error!r}"
            return
        complaints = [one for one in model.complaints if not any(words in one for words in _TOLERATED)]
        model.complaints.clear()
        if complaints:
            self.problem = complaints[0]

    def packet_sent(self, number: int, payload: bytes, size_bytes: int, now: int) -> None:  # noqa: ARG002
        self.model.next_to_send = number + 1

    def acknowledged(self, latest: int, delay_us: int, round_trip_us: int, blocks: list[AckBlock]) -> None:
        """Nothing to compare."""

    def packet_lost(self, number: int, size_bytes: int, now: int) -> None:
        """Nothing to compare."""

    def message_queued(self, outcome: int, size_bytes: int, flags: int, lane: int) -> None:
        """Nothing to compare."""

    def message_received(self, message: NetworkingMessage, is_late: bool) -> None:
        """Nothing to compare."""


@final
class ReadingAlong:
    """The models behind all ends of a run."""

    def __init__(self) -> None:
        self._readers: dict[DatagramConnection, _Reader] = {}

    def watch(self, end: End) -> None:
        """From now on, if it does not yet."""
        core = end.connection.core
        if core not in self._readers:
            reader = self._readers[core] = _Reader(end.connection)
            core.set_trace(reader)

    def was_read(self, end: End) -> None:
        """The application has taken everything out of its inbox, and so does the one of the model."""
        reader = self._readers.get(end.connection.core)
        if reader is not None:
            reader.model.take()

    def check(self) -> None:
        """Raises `Violation` if a model has complained."""
        for reader in self._readers.values():
            if reader.problem:
                raise Violation(f"the reference library would not take what {reader.connection} got: {reader.problem}")
