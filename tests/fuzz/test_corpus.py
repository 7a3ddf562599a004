"""Every kept input keeps its promise, and a short run finds nothing. `python -m tests.fuzz` runs for longer."""

import pytest
from tests.fuzz.engine import FailureError, grow, run, shortest
from tests.fuzz.targets import CORPUS, REGRESSIONS, SLOW, TARGETS, corpus

from gamesockets.build import COMPILED

EXECUTIONS = {"conversations": 60, "handshakes": 120, "chains": 200, "peers": 500, "costs": 30}
"""Others are quick. A seed that stands here makes the run the same everywhere."""


def is_tried(name: str) -> bool:
    return not (COMPILED and name == "costs")


@pytest.mark.parametrize("name", [name for name in TARGETS if name not in SLOW])
def test_kept_inputs_keep_their_promises(name: str) -> None:
    for data in corpus(name):
        TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run_finds_nothing(name: str) -> None:
    if is_tried(name):
        count = EXECUTIONS.get(name, 1000)
        assert run(TARGETS[name], corpus(name), 15, count, 1e9) == count


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_a_longer_run_finds_nothing(name: str) -> None:
    if is_tried(name):
        assert run(TARGETS[name], corpus(name), 16, 1 << 40, 5)


def test_every_file_of_inputs_belongs_to_a_target() -> None:
    names = {path.stem for folder in (CORPUS, REGRESSIONS) for path in folder.glob("*.txt")}
    assert names <= TARGETS.keys()
    assert {path.stem for path in CORPUS.glob("*.txt")} == TARGETS.keys() - SLOW


def test_every_regression_says_what_it_found() -> None:
    for path in REGRESSIONS.glob("*.txt"):
        lines = path.read_text(encoding="ascii").splitlines()
        for before, line in zip(["", *lines], lines, strict=False):
            assert line.startswith("#") or before.startswith("#"), f"{path.name}: {line}"


# ---------------------------------------------------------------------- the engine itself


def faulty(data: bytes) -> None:
    if b"\x07" in data and len(data) > 3:
        raise ValueError("a seven")


def test_the_engine_finds_a_fault_and_makes_the_input_short() -> None:
    with pytest.raises(FailureError, match="a seven") as caught:
        run(faulty, [b"abcdef"], 1, 100_000, 60)
    short = shortest(faulty, caught.value)
    assert len(short) == 4
    assert b"\x07" in short


def test_inputs_that_reach_nothing_new_are_not_kept() -> None:
    if not COMPILED:
        kept = grow(TARGETS["frames"], [b"", b"\x80\x00", b"\x80\x01", b"\x90\x01"])
        assert len(kept) == 3
        assert b"" in kept
