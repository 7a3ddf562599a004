"""On which event loops do the tests of `aio` run, and what must be left of each afterwards? Nothing."""

import asyncio
import contextlib
import gc
import importlib
import importlib.util
import logging
import os
import sys
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, Final, TypeAlias, TypeVar

import pytest
from tests.support.waiting import wait_until

T = TypeVar("T")
Main: TypeAlias = Callable[[], Coroutine[Any, Any, T]]

PATIENCE_S: Final = 60
"""Only a test that fails takes that long."""

SLOW_CALLBACK_S: Final = 60
"""Debug mode complains of slow callbacks, which on a busy machine says nothing."""


def _refuse(*_: Any) -> Any:
    raise NotImplementedError


class LoopWithoutReaders(asyncio.SelectorEventLoop):
    """As the proactor loop of Windows, and others: no `add_reader`."""

    add_reader: Any = _refuse
    remove_reader: Any = _refuse
    add_writer: Any = _refuse
    remove_writer: Any = _refuse


def _new_uvloop() -> AbstractEventLoop:
    loop = importlib.import_module("uvloop").new_event_loop()
    assert isinstance(loop, AbstractEventLoop)
    return loop


def _new_eager_loop() -> AbstractEventLoop:
    """Tasks begin to run within `create_task`, as programs may ask for since Python 3.12."""
    loop = asyncio.new_event_loop()
    loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009 - unknown to type checkers for 3.11
    return loop


FACTORIES: Final[dict[str, Callable[[], AbstractEventLoop]]] = {
    "asyncio": asyncio.new_event_loop,
    "debug": asyncio.new_event_loop,
    "uvloop": _new_uvloop,
    "fallback": LoopWithoutReaders,
    **({"eager": _new_eager_loop} if hasattr(asyncio, "eager_task_factory") else {}),
}

_HAS_UVLOOP: Final = importlib.util.find_spec("uvloop") is not None

KINDS: Final = [
    pytest.param(kind, marks=pytest.mark.skipif(kind == "uvloop" and not _HAS_UVLOOP, reason="no uvloop here"))
    for kind in FACTORIES
]


class Complaints(logging.Handler):
    """What asyncio reports because nobody else heard of it: exceptions, destroyed tasks, misuse of the loop."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def __enter__(self) -> "Complaints":
        logging.getLogger("asyncio").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("asyncio").removeHandler(self)


def open_sockets() -> int:
    """How many sockets are open, where the system tells."""
    if sys.platform != "linux":
        return 0
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the descriptor of this listing itself
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


def our_threads() -> set[threading.Thread]:
    """Those that gamesockets has started; asyncio has some of its own."""
    return {thread for thread in threading.enumerate() if thread.name.startswith("gamesockets")}


@cache
def _set_the_rest_aside() -> None:
    """Excludes what exists before the first test from garbage collection, which then takes half the time."""
    gc.collect()
    gc.freeze()


def run(main: Main[T], kind: str = "asyncio", patience_s: float = PATIENCE_S) -> T:
    """Runs a test on a new loop. Afterwards there is no task, no complaint, no open socket and no thread of ours."""
    _set_the_rest_aside()
    before = open_sockets()
    threads_before = our_threads()

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = SLOW_CALLBACK_S
        async with asyncio.timeout(patience_s):
            result = await main()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    with Complaints() as complaints:
        with asyncio.Runner(debug=kind == "debug", loop_factory=FACTORIES[kind]) as runner:
            result = runner.run(guarded())
        gc.collect()  # complains of tasks and exceptions, and raises what would have been a ResourceWarning
        after = open_sockets()
    assert complaints.texts == []
    assert after <= before, "sockets were left open"
    wait_until(lambda: our_threads() <= threads_before, "end of our threads")  # one that looked up a name may just end
    return result


def on_every_loop(test: Main[None]) -> Callable[[str], None]:
    """Makes a test of an async function: it runs on asyncio's loop, in debug mode, on uvloop, and without readers."""

    @pytest.mark.parametrize("kind", KINDS)
    def on_loop(kind: str) -> None:
        run(test, kind)

    return _named(on_loop, test)


def on_a_loop(test: Main[None]) -> Callable[[], None]:
    """The same, on asyncio's own loop only, in debug mode."""

    def on_loop() -> None:
        run(test, "debug")

    return _named(on_loop, test)


_F = TypeVar("_F", bound=Callable[..., None])


def _named(on_loop: _F, test: Main[None]) -> _F:
    on_loop.__name__ = test.__name__
    on_loop.__qualname__ = test.__qualname__
    on_loop.__module__ = test.__module__
    on_loop.__doc__ = test.__doc__
    return on_loop
