"""Sets of packet numbers kept as runs: they behave like sets of single numbers."""

from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast, scripts

from gamesockets.send.number_runs import NumberRuns, Run


def runs_of(numbers: set[int]) -> list[Run]:
    begins = sorted(number for number in numbers if number - 1 not in numbers)
    ends = sorted(number + 1 for number in numbers if number + 1 not in numbers)
    return list(zip(begins, ends, strict=True))


@fast
@given(
    scripts(st.tuples(st.sampled_from(("add", "gaps", "take", "forget")), st.integers(0, 60), st.integers(1, 12)), 40)
)
def test_it_is_a_set_of_numbers(script: list[tuple[str, int, int]]) -> None:
    runs = NumberRuns()
    model: set[int] = set()
    for verb, begin, size in script:
        asked = set(range(begin, begin + size))
        if verb == "add":
            assert runs.add(begin, begin + size) == runs_of(asked - model)
            model |= asked
        elif verb == "gaps":
            assert runs.gaps(begin, begin + size) == runs_of(asked - model)
        elif verb == "take":
            end = begin
            while end in model:
                end += 1
            assert runs.take_through(begin) == end
            model = {number for number in model if number >= end}
        else:
            runs.forget_below(begin)
            model -= {number for low, high in runs_of(model) if high <= begin for number in range(low, high)}
        assert runs.gaps(-1, 100) == runs_of(set(range(-1, 100)) - model)
        assert runs.is_empty() == (not model)
    runs.clear()
    assert runs.is_empty()
