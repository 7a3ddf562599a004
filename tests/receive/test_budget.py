"""What a connection may hold: a common part for all, and for bulk as much as was read lately while there is room."""

import pytest

from gamesockets.config.options import ConnectionOptions
from gamesockets.receive.budget import (
    HELD,
    HOPELESS,
    REFUSED,
    STALLED_US,
    ReceiveBudget,
    bulk_window_bytes,
)
from gamesockets.receive.memory import MemoryPool, MemoryShare
from gamesockets.receive.reliable import ReliableStream
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import PeerRecord

MIB = 1 << 20
WINDOW = 16 * MIB
COMMON = 5 * MIB
AHEAD = COMMON // 2


class Setting:
    def __init__(self, is_bulk: bool = True, pool_bytes: int = 256 * MIB, **options: int) -> None:
        self.peer = PeerRecord(1, NetworkingIdentity.invalid(), -1)
        self.pool = MemoryPool()
        self.pool.max_bytes = pool_bytes
        self.budget = ReceiveBudget(self.peer, self.pool, ConnectionOptions(**options))
        self.budget.lend_for_bulk(is_bulk)
        self.stream = ReliableStream(is_bulk)

    def ahead(self, held_bytes: int, size_bytes: int = 1000, now: int = 0) -> int:
        """What becomes of bytes behind a hole."""
        return self.budget.may_hold(self.stream, self.stream.base + 100, size_bytes, held_bytes, now)

    def in_order(self, held_bytes: int, now: int = 0) -> int:
        return self.budget.may_hold(self.stream, self.stream.base, 1000, held_bytes, now)


def test_a_peer_that_is_not_ours_gets_the_common_part() -> None:
    setting = Setting(is_bulk=False)
    setting.budget.taken_bytes = 100 * MIB
    assert setting.budget.stream_bytes == MIB
    assert setting.budget.ahead_bytes == AHEAD
    assert setting.ahead(AHEAD) == REFUSED
    assert setting.in_order(AHEAD) == HELD
    assert setting.in_order(COMMON - 1000) == HELD
    assert not setting.budget.may_queue(1)


@pytest.mark.rule("2, 2.16 rule 28")
def test_a_peer_of_ours_may_hold_beside_it_four_times_what_was_read_of_it_lately() -> None:
    setting = Setting()
    assert setting.budget.stream_bytes == WINDOW
    assert setting.ahead(AHEAD) == REFUSED, "it has brought nothing yet"
    setting.budget.taken_bytes = 3 * MIB
    assert setting.ahead(AHEAD + 12 * MIB - 1000) == HELD
    assert setting.ahead(AHEAD + 12 * MIB) == REFUSED
    setting.peer.queued_bytes = 2 * MIB
    assert setting.ahead(AHEAD + 4 * MIB - 1000) == HELD
    assert setting.ahead(AHEAD + 4 * MIB) == REFUSED, "what waits for the application was not read"


def test_what_was_read_counts_for_this_interval_and_the_next() -> None:
    setting = Setting()
    setting.budget.taken_bytes = 3 * MIB
    setting.budget.finish_interval()
    assert setting.ahead(AHEAD + 2 * MIB) == HELD
    setting.budget.finish_interval()
    assert setting.ahead(AHEAD) == REFUSED


def test_there_is_an_end_to_it_however_much_is_read() -> None:
    setting = Setting()
    setting.budget.taken_bytes = 1 << 40
    assert setting.ahead(WINDOW - 1000) == HELD
    assert setting.ahead(WINDOW) == REFUSED
    assert not setting.budget.may_queue(WINDOW + 1)


@pytest.mark.rule("2, 2.16 rule 28")
def test_nothing_is_lent_unless_half_of_the_common_memory_is_free() -> None:
    setting = Setting(pool_bytes=8 * MIB)
    setting.budget.taken_bytes = 100 * MIB
    assert setting.ahead(AHEAD) == HELD
    others = MemoryShare(2, setting.pool)
    assert others.grow(4 * MIB + 32_768, 0)
    assert setting.ahead(AHEAD) == REFUSED
    assert not setting.budget.may_queue(MIB + 1)
    others.close()
    assert setting.ahead(AHEAD) == HELD


def test_more_messages_may_wait_for_an_application_that_reads() -> None:
    setting = Setting()
    setting.peer.queued_bytes = MIB
    setting.budget.taken_bytes = MIB
    assert not setting.budget.may_queue(1), "it has read nothing"
    setting.budget.taken_bytes = 5 * MIB // 4
    assert setting.budget.may_queue(MIB // 2)
    setting.peer.queued_messages = 1999
    assert setting.budget.may_queue(1), "a buffer more, so as many messages more"
    setting.peer.queued_messages = 2000
    assert not setting.budget.may_queue(1)


def test_one_stream_may_overdraw_and_without_progress_the_connection_ends() -> None:
    setting = Setting(is_bulk=False)
    other = ReliableStream()
    assert setting.in_order(COMMON) == HELD
    assert setting.budget.overdrawing is setting.stream
    assert setting.budget.may_hold(other, other.base, 1000, COMMON, STALLED_US) == REFUSED
    assert setting.budget.may_hold(other, other.base, 1000, COMMON, STALLED_US + 1) == HOPELESS
    setting.peer.queued_messages = 1
    assert setting.budget.may_hold(other, other.base, 1000, COMMON, STALLED_US + 1) == REFUSED
    assert f"limit is {COMMON}" in setting.budget.fault(6 * MIB)


@pytest.mark.rule("2, 2.16 rule 28")
@pytest.mark.parametrize(
    ("buffer_bytes", "window_bytes"), [(MIB, 16 * MIB), (4096, 65_536), (4 * MIB, 16 * MIB), (64 * MIB, 64 * MIB)]
)
def test_the_window_announced_follows_the_receive_buffer(buffer_bytes: int, window_bytes: int) -> None:
    assert bulk_window_bytes(ConnectionOptions(recv_buffer_size_bytes=buffer_bytes)) == window_bytes


def test_a_window_of_zero_is_not_announced_and_nothing_is_lent() -> None:
    assert bulk_window_bytes(ConnectionOptions(recv_window_size_bytes=0)) == 0
    assert bulk_window_bytes(ConnectionOptions(recv_window_size_bytes=2 * MIB)) == 2 * MIB
    setting = Setting(recv_window_size_bytes=0)
    setting.budget.taken_bytes = 100 * MIB
    assert setting.budget.stream_bytes == MIB
    assert setting.ahead(AHEAD) == REFUSED
    assert not setting.budget.may_queue(1)
