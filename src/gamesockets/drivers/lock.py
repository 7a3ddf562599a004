"""Which lock guards the ports of one owner, and what takes its place in a forked child?

It is re-entrant: a signal handler or a finalizer that interrupts its holder can read under it. What changes something
asks `is_inside` first, and is put off or refused there, for the holder may be half through a change.
"""

import sys
import threading
from collections.abc import Callable
from typing import Any, Final, NoReturn, final

from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.errors import CalledAfterFork

_RLock: Final[Any] = type(threading.RLock())


@final
class _LockOfPython314(_RLock):  # type: ignore[misc] # a class of C, which type checkers know as a function
    """Since Python 3.14 a signal handler may run between `__enter__` and the block of a `with`.

    What it raises there would leave the lock taken for ever. Leaving stays the C function: one in Python may be
    interrupted as it begins.
    """

    def __enter__(self) -> bool:
        depth = self._recursion_count()
        try:
            return bool(self.acquire())
        except BaseException:
            if self._recursion_count() > depth:
                self.release()
            raise


_new_rlock: Final[Callable[[], Any]] = _LockOfPython314 if sys.version_info >= (3, 14) else threading.RLock


def new_lock() -> Any:
    """A lock with which no line of debug output is delivered."""
    lock = _new_rlock()
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
