"""How long do small messages wait for more data? (Nagle's algorithm; spec 2, 2.7.1 and 2.9.3)"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.moments import NEVER

GATHER_BYTES: Final = 16_384
"""Full packets leave at once when this much is queued, even if all messages in them may wait."""

GATHER_US: Final = 50
"""How long a message that does not wait may be held back, so that others, on any connection, are served with it."""

GATHER_NAGLE_US: Final = 300
"""The same where only messages that may wait are queued: their full packets share a system call."""


@mypyc_attr(acyclic=True)
@final
class NagleTimer:
    """One timer for all queued messages: a message that does not wait ends the wait of those before it."""

    __slots__ = ("until",)

    def __init__(self) -> None:
        self.until = NEVER
        """When queued messages stop waiting; NEVER if none is queued, 0 if they do not wait."""

    def start(self, wait_us: int, now: int) -> None:
        """The first message that waits was queued; those behind it leave with it."""
        self.until = now + wait_us

    def end(self) -> None:
        """A message was queued that does not wait: those before it leave with it."""
        self.until = 0

    def flush(self) -> None:
        """Ends the wait of everything queued."""
        if self.until != NEVER:
            self.until = 0

    def reset(self) -> None:
        """Nothing is queued any more."""
        self.until = NEVER
