"""Acknowledgements: no frame ever claims a packet that did not come, and no deadline is missed (spec 2, 2.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import Ack, AckMeaning, fast, meaning_of_ack, read_payload, scripts, slow

from gamesockets.receive.acks import ACK_DELAY_US, HOLES_MAX, NACK_HOLD_OFF_US, REPEATS, AckReporter
from gamesockets.values.moments import NEVER
from gamesockets.wire.frames import ACK_DELAY_UNKNOWN, ACK_HEADER_BYTES

AMPLE = 1200


def read(frame: bytes) -> Ack:
    frames, is_faulty = read_payload(frame)
    assert not is_faulty
    assert len(frames) == 1
    assert isinstance(frames[0], Ack)
    return frames[0]


class Book:
    """All that one reporter was given and has reported, number by number, to check its frames against."""

    def __init__(self, first: int = 2) -> None:
        self.reporter = AckReporter(first)
        self.first = first
        self.now = 0
        self.arrived_at: dict[int, int] = {}
        self.next = first
        self.minimum = 0
        self.minimum_set_by = 0
        self.missed_at: dict[int, int] = {}
        self.promised: dict[int, int] = {}
        self.told_missing: set[int] = set()
        self.most_holes = 0

    def receive(self, number: int, wants_ack: bool) -> None:
        is_late = number < self.minimum
        self.reporter.received(number, wants_ack, self.now)
        if is_late or number in self.arrived_at:
            return
        self.arrived_at[number] = self.now
        self.missed_at.pop(number, None)
        for missed in range(self.next, number):
            self.missed_at[missed] = self.now
        self.next = max(self.next, number + 1)
        if wants_ack:
            self.promise(number, self.now + ACK_DELAY_US)
        holes = sum(missing - 1 not in self.missed_at for missing in self.missed_at)
        self.most_holes = max(self.most_holes, holes)

    def promise(self, number: int, deadline: int) -> None:
        self.promised[number] = min(self.promised.get(number, NEVER), deadline)

    def flush_by(self, deadline: int) -> None:
        self.reporter.flush_by(deadline)
        self.promise(self.next - 1, deadline)

    def stop_waiting(self, value: int, packet_number: int) -> None:
        value = min(value, self.next - 1)
        is_allowed = value >= self.minimum or packet_number < self.minimum_set_by
        assert self.reporter.stop_waiting(value, packet_number) == is_allowed
        if value > self.minimum:
            self.minimum = value
            self.minimum_set_by = packet_number
            self.missed_at = {number: at for number, at in self.missed_at.items() if number >= value}

    def write(self, due: int, room: int) -> AckMeaning | None:
        """Has a frame written, and checks all that it says."""
        encoded = self.reporter.frame(self.now, due, room)
        assert len(encoded) <= max(room, 0)
        if not encoded:
            assert room < ACK_HEADER_BYTES
            return None
        frame = read(encoded)
        meaning = meaning_of_ack(frame, self.next + 50)
        assert self.minimum - 1 <= meaning.latest < self.next
        claimed = meaning.claims(max(self.minimum, self.first))
        assert claimed <= self.arrived_at.keys(), "a packet that never came was acknowledged"
        skipped = self.missed_at.keys() - meaning.missing
        assert all(number > meaning.latest for number in skipped), "a hole was skipped"
        if self.most_holes <= HOLES_MAX:
            wronged = meaning.missing & self.arrived_at.keys()
            assert all(number < self.minimum for number in wronged), "a packet that came was called missing"
        if frame.delay != ACK_DELAY_UNKNOWN and meaning.latest >= self.minimum:
            assert frame.delay == (self.now - self.arrived_at[meaning.latest]) >> 5
        self.promised = {number: at for number, at in self.promised.items() if number > meaning.latest}
        self.told_missing |= meaning.missing
        return meaning


RECEIVING = st.one_of(
    st.tuples(st.just("next"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("next"), st.just(0), st.booleans()),
    st.tuples(st.just("skip"), st.integers(1, 20), st.booleans()),
    st.tuples(st.just("late"), st.integers(0, 1000), st.booleans()),
    st.tuples(st.just("late"), st.integers(0, 1000), st.booleans()),
    st.tuples(st.just("again"), st.integers(0, 1000), st.booleans()),
    st.tuples(st.just("wait"), st.one_of(st.integers(0, 4_000), st.integers(0, 60_000)), st.just(False)),
    st.tuples(st.just("frame"), st.just(0), st.just(False)),
)
EVERYTHING = st.one_of(
    RECEIVING,
    RECEIVING,
    st.tuples(st.just("stop"), st.integers(0, 1000), st.booleans()),
    st.tuples(st.just("flush"), st.integers(0, 100_000), st.just(False)),
    st.tuples(st.just("small frame"), st.integers(0, 30), st.booleans()),
    st.tuples(st.just("frame"), st.integers(0, 60_000), st.just(False)),
)


def play(book: Book, verb: str, amount: int, flag: bool) -> None:
    if verb in ("next", "skip"):
        book.receive(book.next + amount, flag)
    elif verb == "late":
        if book.missed_at:
            book.receive(sorted(book.missed_at)[amount % len(book.missed_at)], flag)
    elif verb == "again":
        if book.arrived_at:
            book.receive(sorted(book.arrived_at)[amount % len(book.arrived_at)], flag)
    elif verb == "wait":
        book.now += amount
    elif verb == "stop":
        value = book.minimum - amount % 3 if flag else book.minimum + amount % (book.next - book.minimum + 3)
        book.stop_waiting(max(value, 0), book.next + 1 - amount % 4)
    elif verb == "flush":
        book.flush_by(book.now + amount)
    else:
        book.write(book.now + (amount if verb == "frame" else 0), amount if verb == "small frame" else AMPLE)


@pytest.mark.rule("2, 2.6.1 rule 7", "2, 2.6.4 rule 6", "2, 2.16 rule 9")
@fast
@given(scripts(EVERYTHING))
def test_no_frame_ever_claims_what_did_not_come(script: list[tuple[str, int, bool]]) -> None:
    """Packets, stop-waiting values, flushes, frames in any room: each frame accounts for every hole (spec 2, 2.6.4)."""
    book = Book()
    for step in script:
        play(book, *step)
        if not book.reporter.has_news:
            assert book.reporter.deadline() == book.reporter.nack_wanted_at() == NEVER
    book.write(book.now, AMPLE)


@pytest.mark.rule("2, 2.6.1 rule 2", "2, 2.6.1 rule 6")
@fast
@given(scripts(RECEIVING), st.sampled_from((1, 2, 65_530)))
def test_deadlines_and_hold_offs_are_exactly_those_promised(script: list[tuple[str, int, bool]], first: int) -> None:
    """An ack is due 50 ms after the first unreported packet that wants one, a nack is wanted 3 ms after its hole.

    With room for everything, and with fewer holes than must be merged, this is exact.
    """
    book = Book(first)
    for verb, amount, flag in script:
        if verb != "frame":
            play(book, verb, amount, flag)
        else:
            deadline = book.reporter.deadline()
            told_before = set(book.told_missing)
            meaning = book.write(book.now, AMPLE)
            assert meaning is not None
            if book.most_holes <= HOLES_MAX and deadline > book.now:
                young = {number for number in meaning.missing - told_before if number in book.missed_at}
                assert all(book.now >= book.missed_at[number] + NACK_HOLD_OFF_US for number in young)
        if book.most_holes > HOLES_MAX:
            return
        assert book.reporter.next_number == book.next
        if not book.reporter.has_news:
            assert book.reporter.deadline() == book.reporter.nack_wanted_at() == NEVER
        assert book.reporter.deadline() == min(book.promised.values(), default=NEVER)
        untold = [at + NACK_HOLD_OFF_US for number, at in book.missed_at.items() if number not in book.told_missing]
        assert book.reporter.nack_wanted_at() == min(untold, default=NEVER)


@pytest.mark.rule("2, 2.6.4 rule 1")
@fast
@given(scripts(EVERYTHING), st.integers(5, 40))
def test_what_is_due_is_told_at_last_even_in_little_room(script: list[tuple[str, int, bool]], room: int) -> None:
    """What finds no room is tried again, but not at once: there is always an end to the frames wanted now."""
    book = Book()
    for step in script:
        play(book, *step)
    book.now += 200_000
    for _ in range(2):
        book.write(book.now, room)
        assert book.reporter.deadline() > book.now
        assert book.reporter.nack_wanted_at() > book.now
        book.now += 20_000
    book.write(book.now, AMPLE)
    assert book.reporter.deadline() == NEVER
    assert book.reporter.nack_wanted_at() == NEVER
    assert book.promised == {}


def reporter_with(*received: int) -> AckReporter:
    reporter = AckReporter(2)
    for number in received:
        reporter.received(number, False, 0)
    reporter.flush_by(0)
    return reporter


@pytest.mark.rule("2, 2.2.9 rule 2", "2, 2.6.1 rule 1", "2, 2.6.4 rule 2")
@pytest.mark.parametrize(
    ("received", "latest", "blocks"),
    [
        ((), 1, ()),
        ((2, 3, 4), 4, ()),
        ((2, 4, 5), 5, ((2, 1),)),
        ((2, 4, 6, 7, 11, 12), 12, ((2, 3), (2, 1), (1, 1))),
        ((4, 3), 4, ((2, 1),)),
        ((5, 2, 3, 4), 5, ()),
        ((10, 5), 10, ((1, 4), (1, 3))),
    ],
)
def test_frames_for_given_receptions(
    received: tuple[int, ...], latest: int, blocks: tuple[tuple[int, int], ...]
) -> None:
    frame = read(reporter_with(*received).frame(0, 0, AMPLE))
    assert (frame.latest_bits, frame.latest, frame.blocks) == (16, latest, blocks)


@pytest.mark.rule("2, 2.6.1 rule 3")
def test_before_the_first_packet_there_is_nothing_to_time() -> None:
    assert read(AckReporter(2).frame(1000, 1000, AMPLE)).delay == ACK_DELAY_UNKNOWN


@pytest.mark.rule("2, 2.6.4 rule 4")
@pytest.mark.parametrize(
    ("waited_us", "delay"), [(0, 0), (31, 0), (32, 1), (65534 * 32, 65534), (65534 * 32 + 1, 65535)]
)
def test_the_delay_since_the_newest_packet(waited_us: int, delay: int) -> None:
    """Above 65534 units of 32 us it is not told (spec 2, 2.2.9)."""
    reporter = AckReporter(2)
    reporter.received(2, False, 500)
    assert read(reporter.frame(500 + waited_us, 500, AMPLE)).delay == delay


@pytest.mark.rule("2, 2.6.1 rule 5", "2, 2.6.1 rule 9")
def test_later_packets_do_not_push_the_deadline_back() -> None:
    reporter = AckReporter(2)
    reporter.received(2, False, 0)
    assert reporter.deadline() == NEVER
    reporter.received(3, True, 1_000)
    reporter.received(4, True, 30_000)
    assert reporter.deadline() == 1_000 + ACK_DELAY_US
    reporter.frame(40_000, 40_000, AMPLE)
    assert reporter.deadline() == NEVER
    reporter.received(5, True, 45_000)
    assert reporter.deadline() == 45_000 + ACK_DELAY_US


@pytest.mark.rule("2, 2.6.4 rule 5")
def test_a_deadline_forces_holes_that_are_still_held_off() -> None:
    """Else the packets above the hole could not be acknowledged in time."""
    reporter = AckReporter(2)
    reporter.received(2, True, 0)
    reporter.received(4, True, ACK_DELAY_US)
    frame = read(reporter.frame(ACK_DELAY_US, ACK_DELAY_US, AMPLE))
    assert (frame.latest, frame.blocks) == (2, ()), "what is due lies below the hole"
    assert reporter.deadline() == 2 * ACK_DELAY_US
    frame = read(reporter.frame(ACK_DELAY_US + 1, 2 * ACK_DELAY_US, AMPLE))
    assert (frame.latest, frame.blocks) == (4, ((1, 1),))


@pytest.mark.rule("2, 2.6.1 rule 6", "2, 2.6.4 rule 3")
def test_a_packet_that_is_only_late_is_never_reported_missing() -> None:
    """That is what the hold-off of 3 ms is for."""
    reporter = AckReporter(2)
    reporter.received(2, False, 0)
    reporter.received(4, False, 10_000)
    assert reporter.nack_wanted_at() == 10_000 + NACK_HOLD_OFF_US
    assert read(reporter.frame(10_100, 10_100, AMPLE)).blocks == ()
    reporter.received(3, False, 12_000)
    assert reporter.nack_wanted_at() == NEVER
    frame = read(reporter.frame(14_000, 14_000, AMPLE))
    assert (frame.latest, frame.blocks) == (4, ())


@pytest.mark.rule("2, 2.6.4 rule 5")
def test_holes_are_repeated_until_the_peer_stops_waiting() -> None:
    reporter = reporter_with(2, 4)
    for _ in range(3):
        assert read(reporter.frame(0, 0, AMPLE)).blocks == ((1, 1),)
    assert reporter.stop_waiting(4, 5)
    assert read(reporter.frame(0, 0, AMPLE)).blocks == ()


@pytest.mark.rule("2, 2.6.1 rule 4", "2, 2.6.3")
def test_stop_waiting_cuts_a_hole_and_is_clamped_to_what_came() -> None:
    reporter = reporter_with(2, 20)
    assert reporter.stop_waiting(10, 21)
    assert read(reporter.frame(0, 0, AMPLE)).blocks == ((1, 10),)
    assert reporter.stop_waiting(500, 600)
    assert reporter.stop_waiting(20, 601), "the same again: more than 20 has not come"
    assert read(reporter.frame(0, 0, AMPLE)).blocks == ()
    reporter.received(19, False, 0)
    reporter.received(22, False, 0)
    reporter.flush_by(0)
    assert read(reporter.frame(0, 0, AMPLE)).blocks == ((1, 1),)


@pytest.mark.rule("2, 2.6.3")
def test_taking_back_a_stop_waiting_value_is_a_fault_unless_the_packet_is_older() -> None:
    """Spec 2, 2.6.3."""
    reporter = reporter_with(*range(2, 30))
    assert reporter.stop_waiting(10, 29)
    assert reporter.stop_waiting(10, 30)
    assert reporter.stop_waiting(9, 28)
    assert not reporter.stop_waiting(9, 29)
    assert not reporter.stop_waiting(9, 40)


def test_what_is_news_is_repeated_so_that_one_lost_frame_does_no_harm() -> None:
    reporter = AckReporter(2)
    told = [reporter.has_news]
    reporter.received(2, False, 0)
    for _ in range(REPEATS):
        told.append(reporter.has_news)
        reporter.frame(0, 0, AMPLE)
    told.append(reporter.has_news)
    assert told == [False, *[True] * REPEATS, False]


@pytest.mark.rule("2, 2.6.1 rule 8")
def test_the_sixty_first_hole_costs_the_shortest_old_run() -> None:
    """Of the ten oldest pairs that with the fewest packets between is merged, the older on a tie (spec 2, 2.6.1)."""
    runs = [5, 4, 3, 9, 3, 2, 7, 2, 6, 6] + [1] * 60
    reporter = AckReporter(2)
    number = 2
    given_up: list[int] = []
    for index, run in enumerate(runs[: HOLES_MAX + 1]):
        number += 1
        for _ in range(run):
            reporter.received(number, False, 0)
            if index == 5:
                given_up.append(number)
            number += 1
    reporter.flush_by(0)
    frame = read(reporter.frame(0, 0, AMPLE))
    assert len(frame.blocks) == HOLES_MAX
    meaning = meaning_of_ack(frame, number)
    assert meaning.missing >= set(given_up)
    assert len(meaning.missing) == HOLES_MAX + 1 + len(given_up)


@pytest.mark.rule("2, 2.6.1 rule 8")
def test_merged_holes_keep_their_deadlines_and_their_place_among_the_reported() -> None:
    reporter = AckReporter(2)
    for number in range(3, 3 + 2 * HOLES_MAX, 2):
        reporter.received(number, False, 0)
    last = 1 + 2 * HOLES_MAX
    reporter.flush_by(0)
    reporter.frame(0, 0, AMPLE)
    reporter.received(last + 2, False, 1_000)
    assert reporter.nack_wanted_at() == 1_000 + NACK_HOLD_OFF_US, "the new hole is news, whatever was merged"

    reporter = AckReporter(2)
    reporter.received(3, True, 0)
    for number in range(5, 5 + 2 * HOLES_MAX, 2):
        reporter.received(number, False, 10_000)
    assert reporter.deadline() == ACK_DELAY_US, "a packet given up is still to be told of, as missing"


@fast
@given(scripts(st.one_of(RECEIVING, st.tuples(st.just("stop"), st.integers(0, 1000), st.just(False)))))
def test_stop_waiting_leaves_the_rest_as_it_was(script: list[tuple[str, int, bool]]) -> None:
    """What lies above it is still reported in time; only needless acks may remain of what lay below."""
    book = Book()
    for step in script:
        play(book, *step)
        if book.most_holes > HOLES_MAX:
            return
        due = [at for number, at in book.promised.items() if number >= book.minimum]
        assert book.reporter.deadline() <= min(due, default=NEVER)
        untold = [at + NACK_HOLD_OFF_US for number, at in book.missed_at.items() if number not in book.told_missing]
        assert book.reporter.nack_wanted_at() == min(untold, default=NEVER)


@slow
@given(st.lists(st.integers(0, 3), min_size=150, max_size=200))
def test_memory_and_frames_stay_bounded_on_a_terrible_link(skips: list[int]) -> None:
    book = Book()
    for skip in skips:
        book.receive(book.next + skip, True)
    book.now += ACK_DELAY_US
    meaning = book.write(book.now, AMPLE)
    assert meaning is not None
    assert meaning.latest == book.next - 1
    assert book.reporter.deadline() == NEVER


def test_holes_that_find_no_room_are_tried_again_together() -> None:
    """Else each of them has packets of its own for that: as many as the rate allows, for as long as nothing comes."""
    reporter = AckReporter(2)
    now = 0
    for number in range(3, 163, 2):
        reporter.received(number, True, now)
        now += 700
    frames = 0
    until = now + 1_000_000
    while (deadline := reporter.deadline()) < until:
        now = max(now, deadline)
        assert reporter.frame(now, now, 50)
        frames += 1
    assert 80 <= frames <= 110, "one each 10 ms"
