"""Are handles unlike each other, recognisable by kind, and dead once their object is gone?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamesockets.node import handles
from gamesockets.node.handles import HandleTable


@pytest.mark.rule("3, 0 rule 1")
def test_the_first_numbers() -> None:
    table: HandleTable[str] = HandleTable(high_bit=False)
    assert [table.add(name) for name in "abc"] == [0x1_0000, 0x2_0001, 0x3_0002]
    assert table.remove(0x1_0000) == "a"
    assert table.add("d") == 0x4_0000, "the lowest free slot, and a counter never seen before"
    assert table.values() == ["b", "c", "d"]


@pytest.mark.rule("3, 0 rule 1")
def test_poll_groups_have_the_top_bit() -> None:
    table: HandleTable[str] = HandleTable(high_bit=True)
    assert [table.add(name) for name in "ab"] == [0x8001_0000, 0x8002_0001]
    assert table.get(0x8002_0001) == "b"
    assert table.get(0x0002_0001) is None


@pytest.mark.rule("3, 0 rule 1", "3, 8.1 rule 6")
def test_unknown_handles() -> None:
    table: HandleTable[str] = HandleTable(high_bit=False)
    handle = table.add("a")
    for wrong in (0, -1, handle + 1, handle | 0x8000_0000, 1 << 40):
        assert table.get(wrong) is None
        assert table.remove(wrong) is None
    assert table.get(handle) == "a"


def test_removing_twice() -> None:
    table: HandleTable[str] = HandleTable(high_bit=False)
    handle = table.add("a")
    assert table.remove(handle) == "a"
    assert table.remove(handle) is None
    assert table.values() == []


def test_the_counter_goes_round_without_the_top_bit() -> None:
    table: HandleTable[int] = HandleTable(high_bit=False)
    seen = []
    for number in range(0x7FFF):
        seen.append(table.add(number))
        table.remove(seen[-1])
    assert len(set(seen)) == 0x7FFF
    assert max(seen) == 0x7FFF_0000
    assert table.add(0) == 0x1_0000, "never 0"


def test_there_are_so_many_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "_SLOTS_MAX", 3)
    table: HandleTable[int] = HandleTable(high_bit=False)
    taken = [table.add(number) for number in range(3)]
    with pytest.raises(OSError, match="more than 3 objects"):
        table.add(3)
    table.remove(taken[1])
    assert table.get(table.add(4)) == 4


@settings(max_examples=100)
@given(st.lists(st.integers(-8, 8)), st.booleans())
def test_it_behaves_like_a_dictionary(steps: list[int], high_bit: bool) -> None:
    """Positive numbers are added, others remove the object that was added so many steps ago."""
    table: HandleTable[int] = HandleTable(high_bit)
    model: dict[int, int] = {}
    given_out: list[int] = []
    for step in steps:
        if step > 0:
            handle = table.add(step)
            assert handle not in given_out
            assert 0 < handle < 1 << 32
            assert bool(handle >> 31) == high_bit
            given_out.append(handle)
            model[handle] = step
        elif -step < len(given_out):
            handle = given_out[step - 1]
            assert table.remove(handle) == model.pop(handle, None)
        assert table.values() == list(model.values())
        assert all(table.get(handle) == model.get(handle) for handle in given_out)
        assert len({handle & 0xFFFF for handle in model}) == len(model)
