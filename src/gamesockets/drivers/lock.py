"""Which lock guards the ports of one owner, and what takes its place in a forked child?

It is re-entrant: a signal handler or a finalizer that interrupts its holder can read under it. What changes something
asks `is_inside` first, and is put off or refused there, for the holder may be half through a change.
"""

import threading
from collections.abc import Callable
from typing import Any, NoReturn, final

from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.errors import CalledAfterFork


def new_lock() -> Any:
    """A lock with which no line of debug output is delivered."""
    lock = threading.RLock()
    OUTPUT.not_within(lock)
    return lock


def is_inside(lock: Any) -> Callable[[], bool]:
    """Tells whether the calling thread holds the lock."""
    owned: Callable[[], bool] = lock._is_owned  # noqa: SLF001 - `threading.Condition` uses it too; there is no public name
    return owned


@final
class DeadLock:
    """Stands for the lock in a forked child: it cannot be taken."""

    def _is_owned(self) -> NoReturn:
        raise CalledAfterFork

    def acquire(self) -> NoReturn:
        """Raises `CalledAfterFork`."""
        raise CalledAfterFork

    def release(self) -> NoReturn:
        """As `acquire`; who was inside when the process was forked leaves with this error."""
        raise CalledAfterFork

    def __enter__(self) -> NoReturn:
        raise CalledAfterFork

    def __exit__(self, *_: object) -> None:
        pass
