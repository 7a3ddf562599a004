"""The common pool of memory is a bound, goes back, and takes its place from who makes no progress."""

import random

from gamesockets.receive.memory import (
    FINISHING_US,
    FREE_BYTES,
    RESERVE,
    STALLED_US,
    STEP_BYTES,
    MemoryPool,
    MemoryShare,
)

SECOND = 1_000_000


def pool_of(max_bytes: int) -> MemoryPool:
    """A pool that gives so much to anybody, and keeps the reserve beside it."""
    pool = MemoryPool()
    pool.max_bytes = -(-max_bytes * RESERVE // (RESERVE - 1))
    return pool


def test_a_share_grows_in_steps_and_gives_back_what_it_does_not_need() -> None:
    pool = pool_of(10 * STEP_BYTES)
    share = MemoryShare(1, pool)
    assert share.grow(FREE_BYTES + 1, 0)
    assert (share.granted_bytes, pool.granted_bytes) == (FREE_BYTES + STEP_BYTES, STEP_BYTES)
    assert share.grow(FREE_BYTES + 3 * STEP_BYTES, 0)
    assert pool.granted_bytes == 3 * STEP_BYTES
    share.settle(FREE_BYTES + STEP_BYTES + 1, 0, 0, 0)
    assert pool.granted_bytes == 2 * STEP_BYTES
    share.settle(0, 0, 0, 0)
    assert (share.granted_bytes, pool.granted_bytes) == (FREE_BYTES, 0)


def test_the_pool_is_a_bound_and_who_leaves_makes_room() -> None:
    pool = pool_of(4 * STEP_BYTES)
    shares = [MemoryShare(number, pool) for number in range(6)]
    assert [share.grow(FREE_BYTES + 1, 0) for share in shares] == [True] * 4 + [False] * 2
    assert pool.refused == 2
    shares[0].close()
    shares[0].close()
    assert pool.granted_bytes == 3 * STEP_BYTES
    assert shares[4].grow(FREE_BYTES + 1, 0)
    assert not shares[5].grow(FREE_BYTES + 1, 0)


def test_any_order_of_growing_and_settling_keeps_the_books() -> None:
    chance = random.Random(1)
    pool = pool_of(100 * STEP_BYTES)
    shares = [MemoryShare(number, pool) for number in range(20)]
    for _ in range(5000):
        share = chance.choice(shares)
        size = chance.randrange(20 * STEP_BYTES)
        if chance.random() < 0.5:
            before = share.granted_bytes
            if size > before and not share.grow(size, 0):
                assert share.granted_bytes == before
        elif chance.random() < 0.9:
            share.settle(min(size, share.granted_bytes), 0, 0, 0)
        else:
            share.close()
        assert pool.granted_bytes == sum(share.granted_bytes - FREE_BYTES for share in shares)
        assert pool.granted_bytes <= pool.max_bytes


def test_the_largest_of_those_without_progress_makes_room() -> None:
    pool = pool_of(10 * STEP_BYTES)
    small, large, busy, asking = [MemoryShare(number, pool) for number in range(1, 5)]
    for share, steps in ((small, 1), (large, 3), (busy, 6)):
        assert share.grow(FREE_BYTES + steps * STEP_BYTES, 0)
    for seconds in range(0, 31, 5):
        for share in (small, large):
            share.settle(share.granted_bytes, share.granted_bytes, 0, seconds * SECOND)
        busy.settle(busy.granted_bytes, busy.granted_bytes, seconds * 100_000, seconds * SECOND)
    assert not asking.grow(FREE_BYTES + 1, STALLED_US - 1)
    assert pool.evicted == []
    assert not asking.grow(FREE_BYTES + 1, STALLED_US + SECOND)
    assert pool.evicted == [large.connection_id]
    large.close()
    assert asking.grow(FREE_BYTES + 1, STALLED_US + SECOND)


def test_what_waits_for_the_application_is_no_stall() -> None:
    pool = pool_of(STEP_BYTES)
    slow, asking = MemoryShare(1, pool), MemoryShare(2, pool)
    assert slow.grow(FREE_BYTES + STEP_BYTES, 0)
    for seconds in range(0, 100, 5):
        slow.settle(slow.granted_bytes, 0, 0, seconds * SECOND)
    assert not asking.grow(FREE_BYTES + 1, 100 * SECOND)
    assert pool.evicted == []


def test_progress_ends_a_stall() -> None:
    pool = pool_of(STEP_BYTES)
    share, asking = MemoryShare(1, pool), MemoryShare(2, pool)
    assert share.grow(FREE_BYTES + STEP_BYTES, 0)
    for seconds in range(0, 100, 5):
        taken_bytes = share.granted_bytes if seconds >= 50 else 0
        share.settle(share.granted_bytes, share.granted_bytes, taken_bytes, seconds * SECOND)
    assert not asking.grow(FREE_BYTES + 1, 70 * SECOND)
    assert pool.evicted == []


def test_the_last_eighth_is_for_one_connection_that_finishes_a_message() -> None:
    pool = MemoryPool()
    pool.max_bytes = 16 * STEP_BYTES
    first, second, third = [MemoryShare(number, pool) for number in range(1, 4)]
    assert first.grow(FREE_BYTES + 14 * STEP_BYTES, 0)
    assert not second.grow(FREE_BYTES + 1, 0)
    assert second.grow(FREE_BYTES + 1, 0, True)
    assert not third.grow(FREE_BYTES + 1, 1, True), "one at a time"
    second.on_taken()
    assert third.grow(FREE_BYTES + 1, 2, True)
    assert not second.grow(FREE_BYTES + STEP_BYTES + 1, 3, True)
    third.close()
    assert second.grow(FREE_BYTES + STEP_BYTES + 1, 4, True)
    assert pool.granted_bytes == pool.max_bytes
    assert not second.grow(FREE_BYTES + 2 * STEP_BYTES + 1, 5, True), "there is an end to it"


def test_who_finishes_nothing_loses_the_reserve_to_others() -> None:
    pool = MemoryPool()
    pool.max_bytes = 16 * STEP_BYTES
    first, second, third = [MemoryShare(number, pool) for number in range(1, 4)]
    assert first.grow(FREE_BYTES + 14 * STEP_BYTES, 0)
    assert second.grow(FREE_BYTES + 1, 0, True)
    assert not third.grow(FREE_BYTES + 1, FINISHING_US, True)
    assert third.grow(FREE_BYTES + 1, FINISHING_US + 1, True)
