"""Bursts of loss, corruption and black holes: does a link do as much of them as asked?"""

import pytest

from gamesockets.bad_network.link import Conditions, Link

COUNT = 20_000


def passed(link: Link, size_bytes: int = 100) -> list[bytes]:
    for number in range(COUNT):
        link.receive_datagram(number.to_bytes(4, "big") + bytes(size_bytes - 4), None, 0)
    return [data for data, _ in link.datagrams_to_send(0)]


@pytest.mark.parametrize("burst_loss", [1.0, 0.5])
def test_losses_come_in_bursts(burst_loss: float) -> None:
    """In the long run burst_start / (burst_start + burst_end) of the datagrams fall into one."""
    conditions = Conditions(burst_start=0.01, burst_end=0.1, burst_loss=burst_loss)
    link = Link(seed=1, conditions=conditions)
    arrived = {int.from_bytes(data[:4], "big") for data in passed(link)}
    lost = [number not in arrived for number in range(COUNT)]
    assert link.lost == sum(lost)
    assert sum(lost) / COUNT == pytest.approx(burst_loss * 0.01 / 0.11, rel=0.2)
    begins = sum(now and not before for before, now in zip([False, *lost], lost, strict=False))
    if burst_loss == 1:
        assert sum(lost) / begins == pytest.approx(10, rel=0.2)


def test_corruption_changes_a_few_bits() -> None:
    link = Link(seed=1, conditions=Conditions(corrupt=0.1))
    changed = 0
    for number, data in enumerate(passed(link)):
        whole = number.to_bytes(4, "big") + bytes(96)
        bits = (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).bit_count()
        assert bits <= 3
        changed += bits > 0
    assert link.corrupted == pytest.approx(COUNT * 0.1, rel=0.1)
    assert changed == pytest.approx(link.corrupted, rel=0.01), "the same bit may be changed twice"


def test_an_empty_datagram_can_be_corrupted() -> None:
    link = Link(seed=1, conditions=Conditions(corrupt=1))
    link.receive_datagram(b"", None, 0)
    assert link.datagrams_to_send(0) == [(b"", None)]


def test_a_black_hole_swallows_large_datagrams() -> None:
    link = Link(seed=1, conditions=Conditions(mtu_bytes=500))
    for size_bytes in (499, 500, 501, 1300):
        link.receive_datagram(bytes(size_bytes), None, 0)
    assert [len(data) for data, _ in link.datagrams_to_send(0)] == [499, 500]
    assert link.oversize_dropped == 2
    assert link.entered + link.duplicated == link.delivered + link.lost + link.oversize_dropped + link.waiting


def test_equal_seeds_draw_equally() -> None:
    conditions = Conditions(burst_start=0.05, corrupt=0.05, loss=0.05)
    assert passed(Link(seed=3, conditions=conditions)) == passed(Link(seed=3, conditions=conditions))


@pytest.mark.parametrize(
    ("field", "value"), [("burst_end", 0), ("burst_start", 1.1), ("corrupt", -0.1), ("mtu_bytes", 1.5)]
)
def test_values_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field} must be"):
        Conditions(**{field: value})  # type: ignore[arg-type] # on purpose
