"""The window beside flows that fill every queue: TCP CUBIC's, with a look now and then whether they are still there."""

from itertools import pairwise

import pytest

from gamesockets.send.competition import Competition
from gamesockets.send.delivery import DeliveryRate
from gamesockets.send.queue_delay import QueueDelay

MS = 1000
SECOND = 1_000_000
SIZE = 1448
PATH_US = 40 * MS


class Queue:
    """Rounds of a flow beside others: how long the queue is and what was lost in each is said by the test."""

    def __init__(self, window: int = 40) -> None:
        self.queue = QueueDelay(PATH_US, 0)
        self.delivery = DeliveryRate(0)
        self.competition = Competition()
        self.now = 0
        for _ in range(30):
            self.round(0)
        self.begin(window)

    def begin(self, window: int) -> None:
        """Others come, and so many packets a round trip arrived before."""
        self.competition.begin(window * SIZE * SECOND // PATH_US, PATH_US, self.now)

    def round(self, queue_ms: int, lost: int = 0, arrived: int = 40) -> bool:
        round_trip_us = PATH_US + queue_ms * MS
        self.now += round_trip_us
        for _ in range(2):
            self.queue.add(round_trip_us, self.now)
        self.queue.end_round(MS)
        self.delivery.lost_in_round = lost * SIZE
        self.delivery.arrived_in_round = arrived * SIZE
        return self.competition.end_round(self.queue, self.delivery, self.now)

    def looks(self) -> bool:
        return self.competition.is_looking

    @property
    def packets(self) -> float:
        return self.competition.window_bytes / SIZE


@pytest.mark.rule("2, 2.16 rule 23")
def test_the_window_is_that_of_cubic() -> None:
    """Seven tenths of what overflowed, then slowly back there, then beyond (RFC 9438, 4.2 and 4.6)."""
    queue = Queue(window=200)
    assert queue.packets == pytest.approx(200, abs=0.1)
    queue.round(80, lost=2)
    assert queue.packets == pytest.approx(140, abs=0.1)
    to_plateau_s = (200 * 0.3 / 0.4) ** (1 / 3)
    windows: list[tuple[float, float]] = []
    began = queue.now
    while queue.now - began < 9 * SECOND:
        assert not queue.round(80 + len(windows))
        if not queue.looks():
            windows.append(((queue.now - began) / SECOND, queue.packets))
    assert [packets for _, packets in windows] == sorted(packets for _, packets in windows)
    assert windows[0][1] < 165
    assert max(packets for at, packets in windows if at < to_plateau_s) < 201
    assert windows[-1][1] > 200


def test_small_windows_grow_like_those_of_tcp_reno() -> None:
    queue = Queue(window=6)
    queue.round(50, lost=1)
    for _ in range(18):
        queue.round(50)
    assert queue.packets > 4.2 + 11 * 0.5


def test_what_others_took_is_taken_back_but_no_more_in_a_hurry() -> None:
    """The window follows the queue that others make, until it overflows: then it is that of CUBIC."""
    queue = Queue(window=100)
    for number in range(120):
        queue.round(40 + number)
    regained = 1.25 * 100 * queue.queue.smoothed_us / PATH_US
    assert queue.packets == pytest.approx(regained, rel=0.05)
    after_overflow = Queue(window=100)
    after_overflow.round(40, lost=2)
    for number in range(140):
        after_overflow.round(40 + number)
    assert after_overflow.packets > 1.5 * 1.25 * 100 * after_overflow.queue.smoothed_us / PATH_US


def test_an_overflow_takes_back_three_tenths() -> None:
    queue = Queue()
    for _ in range(6):
        queue.round(100)
    before = queue.packets
    assert not queue.round(100, lost=2)
    assert queue.packets == pytest.approx(0.7 * before, rel=0.01)
    assert not queue.looks(), "it began lately"
    for _ in range(2):
        assert not queue.round(100, lost=3)
    assert queue.packets == pytest.approx(0.7 * before, rel=0.01), "what was lost before the cut cuts no more"
    queue.round(100, lost=3)
    assert queue.packets == pytest.approx(0.49 * before, rel=0.01)


def test_an_overflow_is_one_although_others_made_room_before_it_was_heard_of() -> None:
    queue = Queue()
    for _ in range(6):
        queue.round(100)
    before = queue.packets
    queue.round(60, lost=2)
    assert queue.packets == pytest.approx(0.7 * before, rel=0.01)


def test_an_overflow_is_a_reason_to_look_whether_the_queue_goes() -> None:
    queue = Queue(window=200)
    while not queue.looks():
        queue.round(100)
    while queue.looks():
        queue.round(60)
    looked_at = queue.now
    while queue.now - looked_at < 3.5 * SECOND:
        queue.round(100)
    queue.now += 2 * SECOND
    assert not queue.round(100, lost=2)
    assert queue.looks()
    for _ in range(3):
        assert not queue.round(80, lost=3)
        assert queue.looks()
    assert not queue.round(80)
    assert not queue.looks()
    assert queue.competition.is_expected(queue.now), "others were there"
    assert not queue.competition.is_expected(queue.now + 31 * SECOND)


def test_a_queue_that_goes_ends_it() -> None:
    queue = Queue()
    for _ in range(6):
        queue.round(100)
    queue.round(100, lost=2)
    assert not queue.round(50)
    assert not queue.round(queue.queue.threshold_us() // 2 // MS), "it is only shorter"
    assert queue.round(0)
    assert not queue.competition.is_expected(queue.now), "nobody was seen"


def test_who_is_back_goes_on_with_the_window_of_before() -> None:
    queue = Queue(window=100)
    while not queue.looks():
        queue.round(100)
    while queue.looks():
        queue.round(60)
    while not queue.round(0):
        pass
    before = queue.packets
    queue.begin(10)
    assert queue.packets == pytest.approx(0.85 * before, rel=0.02)
    queue.now += 40 * SECOND
    queue.begin(10)
    assert queue.packets == pytest.approx(10, abs=0.1), "long ago"


def looks(queues_ms: list[int]) -> list[int]:
    """When it begins to look, in microseconds from the start."""
    queue = Queue()
    began = queue.now
    found: list[int] = []
    was_looking = False
    for queue_ms in queues_ms:
        queue.round(queue_ms)
        if queue.looks() and not was_looking:
            found.append(queue.now - began)
        was_looking = queue.looks()
    return found


def test_it_looks_after_two_seconds_and_then_more_and_more_seldom() -> None:
    found = looks([100 + number for number in range(150)])
    apart = [after - before for before, after in pairwise([0, *found])]
    assert apart[:3] == pytest.approx([2 * SECOND, 4 * SECOND, 8 * SECOND], abs=SECOND // 2)


def test_it_looks_together_with_others_that_look() -> None:
    """Of several flows of ours each alone does not see the queue go: a shorter one may be a look of another."""
    queues_ms = [100 + number for number in range(100)]
    alone = looks(queues_ms)
    changed = 72
    queues_ms[changed:] = [queue_ms * 8 // 10 for queue_ms in queues_ms[changed:]]
    together = looks(queues_ms)
    assert alone[:2] == together[:2]
    assert together[2] == sum(40 + queue_ms for queue_ms in queues_ms[: changed + 1]) * MS < alone[2]


def test_a_queue_that_is_equally_long_twice_is_a_longer_path() -> None:
    queue = Queue()
    for _ in range(400):
        if queue.round(30):
            break
    assert queue.queue.minimum_us == PATH_US + 30 * MS
    assert queue.now < 25 * SECOND


def test_losses_of_radio_are_no_overflow() -> None:
    queue = Queue()
    queue.delivery.loss_floor = 0.02
    for _ in range(3):
        queue.round(100, lost=1)
    assert queue.packets >= 28, "as many as are lost anyway"
    queue.round(20)
    for _ in range(2):
        queue.round(20, lost=10)
    assert queue.packets >= 28, "the queue is far from full"
    before = queue.packets
    queue.round(100, lost=10)
    assert queue.packets == pytest.approx(0.7 * before, rel=0.01)


def test_what_the_application_does_not_send_is_no_growth() -> None:
    queue = Queue()
    queue.delivery.is_limited = True
    before = queue.packets
    for _ in range(50):
        queue.round(100)
    assert queue.packets == before


def test_the_window_has_bounds() -> None:
    queue = Queue(window=1 << 40)
    for _ in range(300):
        queue.round(100)
    assert queue.packets <= 100_000
    queue = Queue(window=0)
    for _ in range(100):
        queue.round(100, lost=40)
    assert queue.packets >= 4
