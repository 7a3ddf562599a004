"""Is a simulated link as bad as asked, in the reference library's order, the same every time, and bounded?"""

from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamesockets.bad_network.link import TokenBucket
from gamesockets.sim import Conditions, Link
from gamesockets.values.moments import NEVER

SECOND = 1_000_000
MANY = 20_000


def payload(number: int) -> bytes:
    return number.to_bytes(4, "big")


def number_of(data: bytes) -> int:
    return int.from_bytes(data, "big")


def passage(link: Link, count: int, interval: int = 1000) -> list[tuple[int, int, int]]:
    """Send `count` numbered datagrams, one each `interval`; number, delay and time of each arrival."""
    arrivals: list[tuple[int, int, int]] = []

    def arrive(now: int) -> None:
        for data, address in link.datagrams_to_send(now):
            assert address == "peer"
            arrivals.append((number_of(data), now - number_of(data) * interval, now))

    for number in range(count):
        now = number * interval
        while link.next_timer() <= now:
            arrive(link.next_timer())
        link.receive_datagram(payload(number), "peer", now)
        arrive(now)
    while link.next_timer() != NEVER:
        arrive(link.next_timer())
    assert_nothing_unaccounted(link)
    return arrivals


def assert_nothing_unaccounted(link: Link) -> None:
    gone = link.lost + link.rate_dropped + link.queue_dropped
    assert link.entered + link.duplicated == link.delivered + gone + link.waiting


def numbers(arrivals: list[tuple[int, int, int]]) -> list[int]:
    return [number for number, _, _ in arrivals]


def about(share: float, count: int = MANY) -> Any:
    """Within five standard deviations of a binomial count. Seeds are fixed, so nothing fails by chance."""
    return pytest.approx(count * share, abs=5 * (count * share * (1 - share)) ** 0.5)


# ---- a perfect network, and making links


def test_without_conditions_datagrams_pass_at_once_in_order() -> None:
    link = Link()
    assert link.next_timer() == NEVER
    for number in range(10):
        link.receive_datagram(payload(number), number, 77)
    assert link.next_timer() == 77
    link.handle_timer(77)
    assert link.datagrams_to_send(76) == []
    assert link.waiting == 10
    assert link.datagrams_to_send(77) == [(payload(number), number) for number in range(10)]
    assert (link.next_timer(), link.waiting) == (NEVER, 0)
    assert (link.entered, link.delivered) == (10, 10)


@pytest.mark.rule("2, 2.13 rule 4")
def test_latency_is_exact_to_the_microsecond() -> None:
    link = Link(latency=0.0123456)
    link.receive_datagram(b"a", "peer", 1000)
    assert link.next_timer() == 13346
    assert link.datagrams_to_send(13345) == []
    assert link.datagrams_to_send(13346) == [(b"a", "peer")]


@pytest.mark.rule("2, 2.13 rule 8")
def test_arrivals_are_in_order_of_time_and_ties_in_order_of_entry() -> None:
    link = Link(latency=0.002)
    link.receive_datagram(b"1", "peer", 0)
    link.conditions = Conditions(latency=0.001)
    link.receive_datagram(b"2", "peer", 0)
    link.receive_datagram(b"3", "peer", 1000)
    link.receive_datagram(b"4", "peer", 1000)
    assert [data for data, _ in link.datagrams_to_send(SECOND)] == [b"2", b"1", b"3", b"4"]


def test_options_replace_single_conditions() -> None:
    base = Conditions(latency=0.1, loss=0.5, queue_limit_bytes=1000)
    assert Link().conditions == Conditions()
    assert Link(Random(1), base).conditions == base
    assert Link(conditions=base, loss=0.0, seed=1).conditions == replace(base, loss=0.0)
    assert Link(latency=0.1, reorder=0.2, duplicate=0.3).conditions == Conditions(
        latency=0.1, reorder=0.2, duplicate=0.3
    )


def test_the_short_form_of_jitter_means_its_average() -> None:
    conditions = Link(jitter=0.02).conditions
    assert conditions.jitter_average == 0.02
    assert conditions.jitter_maximum == pytest.approx(0.1)
    assert conditions.jitter_probability == 1.0
    assert Link(jitter=60).conditions.jitter_maximum == 60


def test_the_short_form_of_rate_allows_a_burst_of_50_ms() -> None:
    assert Link(rate=10_000).conditions.rate_burst_bytes == 16384
    assert Link(rate=20_000_000).conditions.rate_burst_bytes == 1_000_000


def test_random_and_seed_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="random or seed"):
        Link(Random(1), seed=1)


BAD: dict[str, list[Any]] = {
    "latency": [-0.001, 60.1, float("nan"), float("inf"), "1", None, True],
    "jitter_average": [-1, 61],
    "jitter_maximum": [-1, 61],
    "jitter_probability": [-0.1, 1.1],
    "loss": [-0.1, 1.1, 5],
    "reorder": [-0.1, 1.1],
    "reorder_delay": [-1, 61],
    "duplicate": [-0.1, 1.1],
    "duplicate_delay_maximum": [-1, 61],
    "rate_bytes_per_second": [-1, 1e6, (1 << 40) + 1],
    "rate_burst_bytes": [-1, 0.5],
    "queue_limit_bytes": [0, (1 << 40) + 1],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_a_bad_condition_is_named_with_its_range(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must be \d+\.\.\d+ \(.*\), not ") as failure:
        Conditions(**{name: value})
    assert repr(value) in str(failure.value)


def test_the_ends_of_the_ranges_are_allowed() -> None:
    Conditions(latency=60, loss=1, duplicate=0, queue_limit_bytes=1)
    with pytest.raises(ValueError, match="loss must be"):
        Link(loss=5)
    with pytest.raises(ValueError, match="rate_bytes_per_second must be"):
        Link(rate=-5)


# ---- determinism


def test_equal_seeds_give_equal_passages_and_other_seeds_do_not() -> None:
    def one(seed: int) -> list[tuple[int, int, int]]:
        return passage(Link(latency=0.05, jitter=0.01, loss=0.1, reorder=0.1, duplicate=0.1, seed=seed), 1000)

    assert one(3) == one(3)
    assert one(3) != one(4)
    default = passage(Link(loss=0.5), 100)
    assert default == passage(Link(loss=0.5, seed=0), 100) == passage(Link(Random(0), loss=0.5), 100)


# ---- each condition by itself


@pytest.mark.rule("2, 2.13 rule 3")
@pytest.mark.parametrize("loss", [0.01, 0.3, 0.9])
def test_loss(loss: float) -> None:
    link = Link(loss=loss, seed=1)
    arrivals = passage(link, MANY)
    assert link.lost == about(loss)
    assert len(arrivals) == MANY - link.lost
    assert numbers(arrivals) == sorted(numbers(arrivals))
    runs = sum(later - earlier > 1 for earlier, later in pairwise(numbers(arrivals)))
    assert runs == about(loss * (1 - loss)), "draws are independent: losses do not clump"


@pytest.mark.rule("2, 2.13 rule 3")
def test_certain_loss_loses_all() -> None:
    link = Link(loss=1.0)
    assert passage(link, 1000) == []
    assert link.lost == 1000


@pytest.mark.rule("2, 2.13 rule 5")
def test_jitter_alone_never_reorders() -> None:
    """Not even when datagrams follow each other closely and only some are delayed."""
    for probability in (0.1, 0.75, 1.0):
        conditions = Conditions(latency=0.02, jitter_average=0.03, jitter_maximum=0.2, jitter_probability=probability)
        link = Link(Random(5), conditions)
        arrivals = passage(link, MANY, interval=300)
        assert numbers(arrivals) == list(range(MANY))
        times = [now for _, _, now in arrivals]
        assert all(earlier < later for earlier, later in pairwise(times)), "a microsecond apart at least"
        assert link.reordered == 0


@pytest.mark.rule("2, 2.13 rule 5")
def test_jitter_far_apart_is_exponential_and_cut() -> None:
    """When nothing is ahead to wait for, the delay is min(maximum, an exponential draw)."""
    conditions = Conditions(latency=0.01, jitter_average=0.02, jitter_maximum=0.05, jitter_probability=0.6)
    delays = [delay - 10_000 for _, delay, _ in passage(Link(Random(6), conditions), MANY, interval=SECOND)]
    assert min(delays) == 0
    assert max(delays) == 50_000
    assert sum(delay > 0 for delay in delays) == about(0.6)
    assert sum(delay > 20_000 for delay in delays) == about(0.6 * 0.3679)
    assert sum(delay == 50_000 for delay in delays) == about(0.6 * 0.0821)


def test_jitter_clumps() -> None:
    """Datagrams behind a delayed one wait for it and follow 1 µs later; then the delay is forgotten."""

    class Draws(Random):
        """Says which datagrams are delayed, all by as much."""

        delayed = iter([True, False, False, False])

        def random(self) -> float:
            return 0.0 if next(self.delayed) else 0.99

        def uniform(self, a: float, b: float) -> float:
            return 0.5

    link = Link(Draws(), Conditions(jitter_average=0.01, jitter_maximum=0.0025, jitter_probability=0.5))
    arrivals = passage(link, 4)
    assert [now for _, _, now in arrivals] == [2500, 2501, 2502, 3000]


def test_jitter_may_reorder_if_told_so() -> None:
    """Each datagram then has a delay of its own: the same draws, nobody waits for the one ahead."""
    in_order = Conditions(latency=0.01, jitter_average=0.02, jitter_maximum=0.05, jitter_probability=0.6)
    arrivals = passage(Link(Random(6), replace(in_order, jitter_reorders=True)), MANY, interval=1000)
    delays = [delay - 10_000 for _, delay, _ in arrivals]
    assert numbers(arrivals) != list(range(MANY))
    assert sorted(numbers(arrivals)) == list(range(MANY))
    assert min(delays) == 0
    assert max(delays) == 50_000
    assert sum(delay > 0 for delay in delays) == about(0.6)


@pytest.mark.parametrize("word", [1, None, "yes"])
def test_whether_jitter_reorders_is_a_truth_value(word: object) -> None:
    with pytest.raises(ValueError, match="jitter_reorders must be True or False"):
        Conditions(jitter_reorders=word)  # type: ignore[arg-type] # what a user might do


@pytest.mark.rule("2, 2.13 rule 9")
def test_a_link_does_not_know_of_the_jitter_of_another() -> None:
    conditions = Conditions(jitter_average=0.01, jitter_maximum=0.01, jitter_probability=1.0)
    one, two = Link(Random(1), conditions), Link(Random(1), conditions)
    for link in (one, two):
        link.receive_datagram(b"data", "peer", 0)
    assert one.next_timer() == two.next_timer() > 0


@pytest.mark.rule("2, 2.13 rule 5")
@pytest.mark.parametrize("off", [{"jitter_average": 0.0}, {"jitter_maximum": 0.0}, {"jitter_probability": 0.0}])
def test_jitter_is_off_when_any_of_it_is_zero(off: dict[str, Any]) -> None:
    on = Conditions(jitter_average=0.05, jitter_maximum=0.1, jitter_probability=1.0)
    link = Link(Random(1), replace(on, **off))
    assert {delay for _, delay, _ in passage(link, 100)} == {0}


def test_the_short_form_delays_by_that_much_on_average() -> None:
    delays = [delay for _, delay, _ in passage(Link(jitter=0.01, seed=2), MANY, interval=SECOND)]
    assert sum(delays) / MANY == pytest.approx(10_000, rel=0.03)


@pytest.mark.rule("2, 2.13 rule 6")
def test_reorder_lets_later_datagrams_overtake() -> None:
    link = Link(Random(7), Conditions(latency=0.03, reorder=0.2, reorder_delay=0.0025))
    arrivals = passage(link, MANY)
    assert link.reordered == about(0.2)
    assert sorted(numbers(arrivals)) == list(range(MANY))
    assert sum(delay == 32_500 for _, delay, _ in arrivals) == link.reordered
    assert sum(delay == 30_000 for _, delay, _ in arrivals) == MANY - link.reordered
    overtaken = sum(earlier > later for earlier, later in pairwise(numbers(arrivals)))
    assert overtaken > MANY * 0.1


@pytest.mark.rule("2, 2.13 rule 6", "3, 4.8")
def test_reorder_comes_after_jitter() -> None:
    """What is held back does not hold back what follows."""
    link = Link(jitter=0.001, reorder=1.0)
    link.receive_datagram(b"first", "peer", 0)
    link.conditions = replace(link.conditions, reorder=0.0)
    link.receive_datagram(b"second", "peer", 0)
    assert [data for data, _ in link.datagrams_to_send(SECOND)] == [b"second", b"first"]


@pytest.mark.rule("2, 2.13 rule 7")
def test_duplicates_follow_the_original() -> None:
    link = Link(Random(8), Conditions(latency=0.01, duplicate=0.3, duplicate_delay_maximum=0.004))
    arrivals = passage(link, MANY, interval=SECOND)
    assert link.duplicated == about(0.3)
    assert len(arrivals) == MANY + link.duplicated == link.delivered
    copies = [delay for (before, _, _), (number, delay, _) in pairwise(arrivals) if before == number]
    assert len(copies) == link.duplicated
    assert min(copies) >= 10_001
    assert max(copies) <= 14_001
    for quarter in range(4):
        low = 10_001 + quarter * 1000
        assert sum(low <= delay < low + 1000 for delay in copies) == about(0.25, link.duplicated)
    originals = {number: delay for number, delay, _ in reversed(arrivals)}
    assert set(originals.values()) == {10_000}, "the original is not delayed by its copy"


@pytest.mark.rule("2, 2.13 rule 7")
def test_certain_duplication_makes_one_copy_each() -> None:
    link = Link(duplicate=1.0)
    assert sorted(numbers(passage(link, 50))) == sorted([*range(50), *range(50)])


# ---- rate limit


def offer(link: Link, rate: float, seconds: float, size: int = 1000) -> int:
    """Bytes that pass when datagrams of `size` are offered at `rate` bytes per second."""
    interval = size * SECOND / rate
    passed = 0
    for number in range(int(seconds * SECOND / interval)):
        now = int(number * interval)
        link.receive_datagram(bytes(size), "peer", now)
        passed += sum(len(data) for data, _ in link.datagrams_to_send(now))
    assert_nothing_unaccounted(link)
    return passed


def test_links_with_one_bucket_share_the_limit() -> None:
    """A link that joins later does not fill it again."""
    bucket = TokenBucket()
    conditions = Conditions(rate_bytes_per_second=1000, rate_burst_bytes=5000)
    passed = []
    for _ in range(3):
        link = Link(Random(), conditions, bucket=bucket)
        for _ in range(10):
            link.receive_datagram(bytes(1000), None, 0)
        passed.append(len(link.datagrams_to_send(0)))
    assert passed == [5, 0, 0]
    link = Link(Random(), conditions, bucket=bucket)
    link.receive_datagram(bytes(1000), None, SECOND)
    assert len(link.datagrams_to_send(SECOND)) == 1
    link.conditions = Conditions()
    link.conditions = conditions
    for _ in range(10):
        link.receive_datagram(bytes(1000), None, SECOND)
    assert len(link.datagrams_to_send(SECOND)) == 5


@pytest.mark.parametrize("rate", [10_000, 123_457, 2_000_000])
def test_the_rate_holds_in_the_long_run(rate: int) -> None:
    link = Link(Random(), Conditions(rate_bytes_per_second=rate, rate_burst_bytes=16384))
    seconds = 20_000_000 / rate
    passed = offer(link, 3 * rate, seconds)
    assert passed == pytest.approx(rate * seconds + 16384, abs=1000)
    assert link.rate_dropped > 0
    assert link.lost == 0


def test_below_the_rate_nothing_is_dropped() -> None:
    link = Link(rate=100_000)
    assert offer(link, 99_000, 60) == pytest.approx(99_000 * 60, abs=1000)
    assert link.rate_dropped == 0


@pytest.mark.rule("2, 2.13 rule 2", "3, 17")
def test_the_bucket_starts_full_and_may_be_overdrawn() -> None:
    link = Link(Random(), Conditions(rate_bytes_per_second=1000, rate_burst_bytes=2500))
    for _ in range(5):
        link.receive_datagram(bytes(1000), "peer", 0)
    assert (len(link.datagrams_to_send(0)), link.rate_dropped) == (3, 2)
    link.receive_datagram(bytes(1000), "peer", SECOND // 2)
    assert link.rate_dropped == 3, "500 bytes paid the debt; the bucket is empty"
    link.receive_datagram(bytes(1000), "peer", SECOND // 2 + 1)
    assert link.rate_dropped == 3, "a thousandth of a byte is not empty"
    link.receive_datagram(bytes(1000), "peer", SECOND)
    assert link.rate_dropped == 4


def test_a_pause_fills_the_bucket_to_the_burst_and_no_further() -> None:
    link = Link(Random(), Conditions(rate_bytes_per_second=1_000_000, rate_burst_bytes=3000))
    for start in (0, 100 * SECOND):
        for _ in range(10):
            link.receive_datagram(bytes(1000), "peer", start)
        assert len(link.datagrams_to_send(start)) == 3


@pytest.mark.rule("2, 2.13 rule 2")
def test_a_rate_without_burst_lets_nothing_pass() -> None:
    link = Link(Random(), Conditions(rate_bytes_per_second=1_000_000, rate_burst_bytes=0))
    assert passage(link, 100) == []
    assert link.rate_dropped == 100


def test_a_rate_switched_on_later_starts_with_a_full_bucket() -> None:
    link = Link()
    link.receive_datagram(bytes(1000), "peer", 5 * SECOND)
    link.conditions = Conditions(rate_bytes_per_second=1, rate_burst_bytes=1500)
    for _ in range(3):
        link.receive_datagram(bytes(1000), "peer", 9 * SECOND)
    assert (link.waiting, link.rate_dropped) == (3, 1)


def test_a_smaller_burst_shrinks_the_bucket_and_other_changes_do_not_refill_it() -> None:
    link = Link(Random(), Conditions(rate_bytes_per_second=1, rate_burst_bytes=100_000))
    link.receive_datagram(bytes(1000), "peer", 0)
    link.conditions = replace(link.conditions, rate_burst_bytes=1000)
    for _ in range(3):
        link.receive_datagram(bytes(1000), "peer", 0)
    assert link.rate_dropped == 2
    link.conditions = replace(link.conditions, latency=0.1, rate_bytes_per_second=2)
    link.receive_datagram(bytes(1000), "peer", 0)
    assert link.rate_dropped == 3


@pytest.mark.rule("2, 2.13 rule 2", "3, 4.8")
def test_the_rate_limit_comes_before_loss() -> None:
    link = Link(Random(), Conditions(loss=1.0, rate_bytes_per_second=1, rate_burst_bytes=1500))
    for _ in range(5):
        link.receive_datagram(bytes(1000), "peer", 0)
    assert (link.lost, link.rate_dropped) == (2, 3)


# ---- bounds, and everything at once


def test_the_queue_is_bounded_even_for_empty_datagrams() -> None:
    link = Link(Random(), Conditions(latency=1.0, queue_limit_bytes=480))
    for _ in range(20):
        link.receive_datagram(b"", "peer", 0)
    assert (link.waiting, link.queue_dropped) == (10, 10)
    assert len(link.datagrams_to_send(SECOND)) == 10
    link.receive_datagram(bytes(432), "peer", SECOND)
    link.receive_datagram(b"", "peer", SECOND)
    assert (link.waiting, link.queue_dropped) == (1, 11), "delivery makes room again"
    assert_nothing_unaccounted(link)


def test_a_copy_without_room_is_dropped_alone() -> None:
    link = Link(Random(), Conditions(duplicate=1.0, queue_limit_bytes=148))
    link.receive_datagram(bytes(100), "peer", 0)
    assert (link.waiting, link.queue_dropped, link.duplicated) == (1, 1, 1)
    assert_nothing_unaccounted(link)


def test_conditions_changed_on_the_way_hold_for_what_enters_later() -> None:
    link = Link(latency=0.1)
    link.receive_datagram(b"slow", "peer", 0)
    link.conditions = Conditions(loss=1.0)
    link.receive_datagram(b"lost", "peer", 0)
    link.conditions = Conditions()
    assert link.conditions.latency == 0.0
    link.receive_datagram(b"fast", "peer", 0)
    assert link.datagrams_to_send(0) == [(b"fast", "peer")]
    assert link.next_timer() == 100_000


shares = st.floats(0, 1)
delays = st.floats(0, 1)


@pytest.mark.rule("2, 2.13 rule 8")
@given(
    conditions=st.builds(
        Conditions,
        latency=delays,
        jitter_average=delays,
        jitter_maximum=delays,
        jitter_probability=shares,
        jitter_reorders=st.booleans(),
        loss=shares,
        reorder=shares,
        reorder_delay=delays,
        duplicate=shares,
        duplicate_delay_maximum=delays,
        rate_bytes_per_second=st.integers(0, 100_000),
        rate_burst_bytes=st.integers(0, 5000),
        queue_limit_bytes=st.integers(1, 5000),
    ),
    seed=st.integers(0, 1 << 32),
    sizes=st.lists(st.integers(0, 1300), max_size=60),
)
@settings(max_examples=100)
def test_whatever_the_conditions_all_datagrams_are_accounted_for(
    conditions: Conditions, seed: int, sizes: list[int]
) -> None:
    link = Link(conditions=conditions, seed=seed)
    sent: list[bytes] = []
    arrived: list[bytes] = []
    now = 0
    for number, size in enumerate(sizes):
        now += number * 100
        sent.append(payload(number) + bytes(size))
        link.receive_datagram(sent[-1], "peer", now)
        if number % 3 == 0:
            arrived += [data for data, _ in link.datagrams_to_send(now)]
        assert_nothing_unaccounted(link)
        assert link.next_timer() == NEVER or link.waiting
    while link.next_timer() != NEVER:
        due = link.next_timer()
        assert due <= now + 4 * SECOND + len(sizes), "no longer than all delays together"
        arrived += [data for data, _ in link.datagrams_to_send(due)]
    assert link.waiting == 0
    assert len(arrived) == link.delivered
    assert set(arrived) <= set(sent), "contents do not change"
    assert max((arrived.count(data) for data in set(arrived)), default=0) <= 2
