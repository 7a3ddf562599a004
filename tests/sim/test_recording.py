"""Does a link follow what was measured?"""

from pathlib import Path

import pytest

from gamesockets import sim

CSV = "time,delay,loss\n0,0.02,0\n1.5,0.2,0.1\n2,0.05,0\n"


def test_a_table_is_read(tmp_path: Path) -> None:
    recording = sim.Recording.parse(CSV)
    assert recording == sim.Recording((0, 1.5, 2), (0.02, 0.2, 0.05), (0, 0.1, 0))
    path = tmp_path / "train.csv"
    path.write_text("# from a train\n" + CSV, encoding="utf-8")
    assert sim.Recording.load(path) == recording


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "1..1000000 rows"),
        ("0,0.1\n", "line 1"),
        ("0,0.1,0\n1,fast,0\n", "line 2"),
        ("0,0.1,0\n0,0.1,0\n", "ascend"),
        ("0,0.1,5\n", "loss must be 0..1"),
        ("0,-1,0\n", "latency must be 0..60"),
        ("0,nan,0\n", "latency must be"),
        ("nan,0,0\n1,0,0\n", "ascend"),
    ],
)
def test_anything_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sim.Recording.parse(text)


@pytest.mark.parametrize("repeat", [True, False])
def test_a_link_follows_it(repeat: bool) -> None:
    world = sim.World(seed=1)
    link = sim.Link(duplicate=0.5)
    world.run(1)
    world.replay(sim.Recording.parse(CSV), link, repeat=repeat)
    seen = []
    for _ in range(12):
        seen.append((link.conditions.latency, link.conditions.loss))
        world.run(0.5)
    first, second, third = (0.02, 0), (0.2, 0.1), (0.05, 0)
    if repeat:  # the last row lasts as long as the one before: half a second
        assert seen == [first, first, first, second, third] * 2 + [first, first]
    else:
        assert seen == [first, first, first, second] + [third] * 8
    assert link.conditions.duplicate == 0.5


def test_a_single_row_stays_in_force() -> None:
    world = sim.World(seed=1)
    link = sim.Link()
    world.replay(sim.Recording.parse("3,0.1,0.2"), link)
    world.run(10)
    assert (link.conditions.latency, link.conditions.loss) == (0.1, 0.2)
