"""How are many seeds explored by several processes at once?"""

import multiprocessing
import os
import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import Final

from gamesockets.torture.outcome import Outcome
from gamesockets.torture.seeds import play, scenario_of

__all__ = ["explore", "explore_seed", "processors"]

_SEEDS_PER_TASK: Final = 8
_TASKS_AHEAD: Final = 2
"""So many tasks wait for each process: it never has to wait itself, and little is lost when the work is stopped."""


def explore_seed(seed: int) -> Outcome:
    """Plays the scenario of a seed."""
    return play(scenario_of(seed))


def explore(seeds: Iterable[int], processes: int) -> Iterator[Outcome]:
    """Plays the scenarios of all seeds, in the order in which they are done; stop asking to stop the work.

    Args:
        seeds: which; they may be endless.
        processes: how many at once; with 1 it is this one.
    """
    if processes == 1:
        for seed in seeds:
            yield explore_seed(seed)
        return
    context = multiprocessing.get_context("spawn")  # the same on every system
    remaining = iter(seeds)
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_leave_interrupts) as executor:
        waiting: set[Future[list[Outcome]]] = set()
        try:
            while True:
                while len(waiting) < processes * _TASKS_AHEAD:
                    task = list(islice(remaining, _SEEDS_PER_TASK))
                    if not task:
                        break
                    waiting.add(executor.submit(_explore_some, task))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def processors() -> int:
    """How many processes can work at once here."""
    return os.cpu_count() or 1


def _explore_some(seeds: list[int]) -> list[Outcome]:
    return [explore_seed(seed) for seed in seeds]


def _leave_interrupts() -> None:
    """Ctrl-C is for the first process, which stops the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
