"""How long do messages wait until the application reads them? Measured once there is a collector of metrics."""

import threading
from collections.abc import Sequence
from typing import Any, Final, final

from gamesockets.clock import now_us
from gamesockets.drivers.lag import Lag
from gamesockets.values.message import NetworkingMessage


@final
class Reading:
    """The delays of all messages that this process has read since `is_on` was set.

    Whoever hands messages to the application looks at `is_on` first: while it is off, that is all it costs.
    """

    __slots__ = ("_lag", "_lock", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._lag = Lag()
        self.start_anew()

    def start_anew(self) -> None:
        """In the constructor, and after a fork in the child: a thread that held the lock is gone."""
        self._lock: Any = threading.RLock()  # re-entrant: a signal handler may read messages

    def note(self, taken: Sequence[NetworkingMessage]) -> None:
        """These messages are handed to the application now."""
        now = now_us()
        with self._lock:
            for message in taken:
                self._lag.note(now - message.time_received)

    def add_to(self, total: Lag) -> None:
        """Adds what was measured so far."""
        with self._lock:
            total.add(self._lag)


READING: Final = Reading()
"""The one there is."""
