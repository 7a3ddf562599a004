"""A packet that is missing counts as lost at once where order is kept, and later where packets have been late."""

import pytest

from gamesockets.send.flight import SentPacket
from gamesockets.send.reordering import DECAY_AFTER_US, WINDOW_MAX_US, WINDOW_MIN_US, Reordering
from gamesockets.values.moments import NEVER

MS = 1000


def packet(sent_at: int) -> SentPacket:
    return SentPacket(sent_at, 1200, (), 0, False, True)


def test_what_left_long_before_the_newest_arrival_is_lost_at_once() -> None:
    reordering = Reordering()
    reordering.on_arrived(packet(10 * MS))
    reordering.on_arrived(packet(5 * MS))
    assert not reordering.is_suspect(2, packet(9 * MS), 50 * MS)
    assert not reordering.is_waiting()
    assert reordering.keeps_order()


@pytest.mark.rule("2, 2.16 rule 25")
def test_what_left_just_before_is_given_the_window_and_then_given_up() -> None:
    reordering = Reordering()
    reordering.on_arrived(packet(10 * MS))
    missing = packet(10 * MS - 400)
    assert reordering.is_suspect(2, missing, 50 * MS)
    assert reordering.next_time() == 50 * MS + WINDOW_MIN_US - 400
    assert not reordering.is_given_up(2, missing, 50 * MS + 599)
    assert reordering.is_given_up(2, missing, 50 * MS + 600)
    assert reordering.must_judge(50 * MS), "a packet arrived since"
    reordering.judged()
    assert not reordering.must_judge(50 * MS + 599)
    assert reordering.must_judge(50 * MS + 600)
    reordering.settle(2)
    reordering.judged()
    assert not reordering.is_waiting()
    assert reordering.next_time() == NEVER


def test_a_later_arrival_gives_a_suspect_up_before_its_time() -> None:
    reordering = Reordering()
    missing = packet(0)
    assert reordering.is_suspect(7, missing, 50 * MS)
    assert reordering.suspects() == [7]
    reordering.judged()
    assert not reordering.must_judge(50 * MS), "nothing new is known"
    reordering.on_arrived(packet(WINDOW_MIN_US))
    assert reordering.must_judge(50 * MS)
    assert reordering.is_given_up(7, missing, 50 * MS)


@pytest.mark.rule("2, 2.16 rule 25")
def test_the_window_doubles_with_each_late_packet_up_to_its_limits() -> None:
    reordering = Reordering()
    windows: list[int] = []
    for _ in range(8):
        reordering.on_late(200 * MS, 0)
        windows.append(reordering.window_us)
    assert windows[:4] == [2 * MS, 4 * MS, 8 * MS, 16 * MS]
    assert windows[-1] == WINDOW_MAX_US
    assert not reordering.keeps_order()
    near = Reordering()
    for _ in range(8):
        near.on_late(2 * MS, 0)
    assert near.window_us == 4 * MS, "half a short round trip, but not less than this"


@pytest.mark.rule("2, 2.16 rule 25")
def test_the_window_shrinks_where_nothing_is_late_any_more() -> None:
    reordering = Reordering()
    for _ in range(3):
        reordering.on_late(200 * MS, 0)
    reordering.on_arrived(packet(1_000 * MS))
    for count in range(1, 5):
        reordering.is_suspect(1, packet(0), count * (DECAY_AFTER_US + 1))
    assert reordering.window_us == WINDOW_MIN_US
    assert reordering.keeps_order()
