"""How are inputs made, how is a failing one made short, and how is it told which ones reach something new?

This engine knows nothing of coverage while it runs, which makes it quick, on the compiled build too. `grow` looks at
coverage once, when inputs are chosen to be kept.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from time import monotonic
from types import FrameType
from typing import Any, Final

from tests.fuzz.targets import Target

import gamesockets

SOURCE: Final = str(Path(gamesockets.__file__).parent)
SIZES: Final = (1, 2, 4, 8, 16, 40, 100, 300)
SIZE_MAX: Final = 600
_LOOKS_AT_THE_CLOCK_EVERY: Final = 200

Arcs = set[tuple[str, int, int]]


class FailureError(Exception):
    """A target raised something."""

    def __init__(self, data: bytes, error: BaseException) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.data = data
        self.error = error


def mutated(random: Random, corpus: list[bytes]) -> bytes:
    """An input that is new, or made of one or two of the corpus."""
    kind = random.randrange(8)
    if kind == 0:
        return random.randbytes(random.choice(SIZES))
    data = bytearray(random.choice(corpus))
    for _ in range(random.choice((1, 1, 2, 4, 8))):
        place = random.randrange(len(data) + 1)
        match random.randrange(6):
            case 0:
                data[place : place + 1] = random.randbytes(1)
            case 1:
                data[place:place] = random.randbytes(random.choice((1, 2, 4, 8)))
            case 2:
                del data[place : place + random.choice((1, 2, 4, 16))]
            case 3:
                other = random.choice(corpus)
                begin = random.randrange(len(other) + 1)
                data[place:place] = other[begin : begin + random.choice((4, 16, 64))]
            case 4 if place < len(data):
                data[place] ^= 1 << random.randrange(8)
            case _:
                data += random.randbytes(random.choice((1, 4, 12)))
    return bytes(data[:SIZE_MAX])


def run(target: Target, corpus: list[bytes], seed: int, executions: int, seconds: float) -> int:
    """Tries inputs until either limit; how many. Raises `FailureError` for the first that breaks a promise."""
    random = Random(seed)
    until = monotonic() + seconds
    count = 0
    while count < executions:
        data = mutated(random, corpus)
        count += 1
        try:
            target(data)
        except Exception as error:
            raise FailureError(data, error) from error
        if count % _LOOKS_AT_THE_CLOCK_EVERY == 0 and monotonic() >= until:
            break
    return count


def shortest(target: Target, failure: FailureError, tries: int = 4000) -> bytes:
    """A shorter input that fails in the same way."""
    expected = _way_of(failure.error)

    def fails(data: bytes) -> bool:
        try:
            target(data)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
            return _way_of(error) == expected
        return False

    return _reduced(failure.data, fails, tries)


def _way_of(error: BaseException) -> tuple[str, int]:
    """Which error, and where it came from."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error).__name__, 0 if trace is None else trace.tb_lineno


def _reduced(data: bytes, is_good: Callable[[bytes], bool], tries: int) -> bytes:
    """As much of the input as is needed for `is_good`."""
    size = max(len(data) // 2, 1)
    while size and tries > 0:
        place = 0
        while place < len(data) and tries > 0:
            shorter = data[:place] + data[place + size :]
            tries -= 1
            if is_good(shorter):
                data = shorter
            else:
                place += size
        size //= 2
    return data


def arcs_of(target: Target, data: bytes) -> Arcs:
    """Which steps from line to line of gamesockets an input runs."""
    arcs: Arcs = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if event != "call" or not frame.f_code.co_filename.startswith(SOURCE):
            return None
        name = frame.f_code.co_filename
        before = 0

        def line(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal before
            if event == "line":
                arcs.add((name, before, frame.f_lineno))
                before = frame.f_lineno
            return line

        return line

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        target(data)
    finally:
        sys.settrace(previous)
    return arcs


def grow(target: Target, candidates: Iterable[bytes], tries: int = 60) -> list[bytes]:
    """Those that reach something which none before them reaches, made short; the shortest first."""
    known: Arcs = set()
    kept: list[bytes] = []
    for data in sorted(set(candidates), key=len):
        new = arcs_of(target, data) - known
        if not new:
            continue

        def reaches(shorter: bytes, new: Arcs = new) -> bool:
            return new <= arcs_of(target, shorter)

        short = _reduced(data, reaches, tries)
        known |= arcs_of(target, short)
        kept.append(short)
    return kept
