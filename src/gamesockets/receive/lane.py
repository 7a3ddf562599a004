"""What does one lane of the receiving side remember between packets?"""

from typing import final

from gamesockets.build import mypyc_attr
from gamesockets.receive.reliable import ReliableStream
from gamesockets.receive.unreliable import UnreliableReassembly


@mypyc_attr(acyclic=True)
@final
class ReceiveLane:
    """Numbers seen, the reliable stream, and unreliable messages in pieces."""

    __slots__ = ("highest_number", "highest_queued", "index", "reassembly", "stream")

    def __init__(self, index: int, is_bulk: bool = False) -> None:
        self.index = index
        self.highest_number = 0
        """Highest message number seen in any header."""
        self.highest_queued = 0
        self.stream = ReliableStream(is_bulk)
        self.reassembly: UnreliableReassembly | None = None
        """Made for the first piece."""
