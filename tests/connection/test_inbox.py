"""The queue of received messages: order, and the counts that limits are checked against."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import chances, fast, scripts, texts

from gamesockets.connection.inbox import Inbox
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord


def peer(handle: int = 1) -> PeerRecord:
    return PeerRecord(handle, NetworkingIdentity.invalid())


def message(of: PeerRecord, number: int, lane: int = 0, data: bytes = b"", now: int = 0) -> NetworkingMessage:
    """A message that was counted as the receiver counts it."""
    of.queued_messages += 1
    of.queued_bytes += len(data)
    return NetworkingMessage(data, number, 0, lane, now, of)


def numbers(messages: list[NetworkingMessage]) -> list[int]:
    return [item.message_number for item in messages]


def filled(inbox: Inbox, of: PeerRecord, *arriving: int, lane: int = 0) -> None:
    for number in arriving:
        inbox.append(message(of, number, lane))


def test_messages_come_out_in_order_of_arrival() -> None:
    inbox, one, two = Inbox(set()), peer(1), peer(2)
    for place in range(10):
        inbox.append(message(one if place % 3 else two, place + 1))
    assert numbers(inbox.take(4)) == [1, 2, 3, 4]
    assert len(inbox) == 6
    assert numbers(inbox.take(100)) == [5, 6, 7, 8, 9, 10]
    assert inbox.take(100) == []


@pytest.mark.rule("2, 2.5.3 rule 3")
@pytest.mark.parametrize(
    ("queued", "late", "expected"),
    [
        ([], 1, [1]),
        ([12], 11, [11, 12]),
        ([2, 3, 4], 1, [1, 2, 3, 4]),
        ([1, 3, 4], 2, [1, 2, 3, 4]),
        ([1, 2], 2, [1, 2, 2]),
    ],
)
def test_a_late_message_goes_before_all_higher_ones(queued: list[int], late: int, expected: list[int]) -> None:
    """The reference library stops one step early, which is allowed but not wanted (spec 2, 2.5.3)."""
    ready: set[Inbox] = set()
    inbox, of = Inbox(ready), peer()
    filled(inbox, of, *queued)
    inbox.insert_late(message(of, late))
    assert inbox in ready
    assert numbers(inbox.take(10)) == expected


def test_a_late_message_is_sorted_among_its_own_lane_and_connection_only() -> None:
    inbox, one, two = Inbox(set()), peer(1), peer(2)
    filled(inbox, one, 5)
    filled(inbox, two, 6)
    filled(inbox, one, 7, lane=1)
    late = message(one, 4)
    inbox.insert_late(late)
    filled(inbox, one, 8)
    inbox.insert_late(message(one, 3, lane=2))
    taken = inbox.take(10)
    assert taken[0] is late
    assert numbers(taken) == [4, 5, 6, 7, 8, 3]


@pytest.mark.rule("2, 2.5.3 rule 3")
@fast
@given(
    scripts(st.tuples(st.integers(1, 2), st.integers(0, 2), st.integers(1, 40))),
    chances,
)
def test_within_a_lane_the_queue_is_always_sorted(arrivals: list[tuple[int, int, int]], chance: random.Random) -> None:
    """Whatever the order of arrival, as long as the application has not taken anything in between."""
    inbox = Inbox(set())
    peers = {1: peer(1), 2: peer(2)}
    highest: dict[tuple[int, int], int] = {}
    for handle, lane, number in arrivals:
        if number > highest.get((handle, lane), 0):
            highest[handle, lane] = number
            inbox.append(message(peers[handle], number, lane))
        else:
            inbox.insert_late(message(peers[handle], number, lane))
    taken = inbox.take(1000)
    assert len(taken) == len(arrivals)
    for handle, lane in highest:
        mine = [item.message_number for item in taken if item.peer is peers[handle] and item.lane == lane]
        assert mine == sorted(mine)


@fast
@given(
    scripts(st.tuples(st.sampled_from(("come", "come", "come", "take")), st.integers(0, 3), st.integers(1, 40)), 60),
)
def test_a_late_message_goes_where_a_search_from_the_end_would_put_it(script: list[tuple[str, int, int]]) -> None:
    """Before those of its lane behind the last one that is not higher, and before nothing else."""
    inbox, peers = Inbox(set()), (peer(1), peer(2))
    model: list[tuple[int, int]] = []
    highest = [0] * 4
    for verb, of, number in script:
        if verb == "take":
            assert numbers(inbox.take(of)) == [waiting for _, waiting in model[:of]]
            del model[:of]
        elif number > highest[of]:
            highest[of] = number
            inbox.append(message(peers[of % 2], number, of))
            model.append((of, number))
        else:
            inbox.insert_late(message(peers[of % 2], number, of))
            place = len(model)
            for index in range(len(model) - 1, -1, -1):
                if model[index][0] == of:
                    if model[index][1] <= number:
                        break
                    place = index
            model.insert(place, (of, number))
    assert numbers(inbox.take(1000)) == [waiting for _, waiting in model]


def test_many_late_messages_find_their_places_behind_many_that_wait() -> None:
    inbox, of = Inbox(set()), peer()
    filled(inbox, of, *range(2, 4002, 2))
    late = list(range(3999, 2999, -2))
    random.Random(1).shuffle(late)
    for number in late:
        inbox.insert_late(message(of, number))
    filled(inbox, of, 4001)
    taken = numbers(inbox.take(5000))
    assert taken[-101:] == list(range(3901, 4002)), "at least the newest 256 are searched"
    assert sorted(taken) == sorted([*range(2, 4002, 2), *late, 4001])


@fast
@given(
    scripts(
        st.tuples(
            st.sampled_from(("add", "add", "add", "take", "take_from", "discard", "move")),
            st.integers(0, 2),
            st.integers(0, 5),
        )
    )
)
def test_the_counts_are_right_and_whoever_waits_finds_what_is_there(script: list[tuple[str, int, int]]) -> None:
    """Two inboxes, three connections: as in a group that connections join and leave."""
    ready: set[Inbox] = set()
    boxes = [Inbox(ready), Inbox(ready)]
    model: list[list[tuple[int, int]]] = [[], []]
    peers = [peer(handle) for handle in range(3)]
    home = [0, 0, 0]
    for now, (verb, who, limit) in enumerate(script):
        place = home[who]
        box, expected = boxes[place], model[place]
        if verb == "add":
            box.append(message(peers[who], now + 1, data=bytes(limit), now=now))
            expected.append((who, now + 1))
        elif verb == "take":
            assert numbers(box.take(limit)) == [number for _, number in expected[:limit]]
            del expected[:limit]
        elif verb in ("take_from", "discard"):
            mine = [entry for entry in expected if entry[0] == who]
            if verb == "take_from":
                mine = mine[:limit]
                assert numbers(box.take_from(peers[who], limit)) == [number for _, number in mine]
            else:
                box.discard(peers[who])
            model[place] = [entry for entry in expected if entry not in mine]
        else:
            home[who] = 1 - place
            box.move_to(peers[who], boxes[1 - place])
            moving = [entry for entry in expected if entry[0] == who]
            model[place] = [entry for entry in expected if entry[0] != who]
            model[1 - place] = sorted(model[1 - place] + moving, key=lambda entry: entry[1])
        assert [len(box) for box in boxes] == [len(entries) for entries in model]
        assert ready == {box for box in boxes if len(box)}
        for index, of in enumerate(peers):
            assert of.queued_messages == sum(entry[0] == index for entries in model for entry in entries)
    for box in boxes:
        box.take(1000)
    assert all(of.queued_messages == of.queued_bytes == 0 for of in peers)
    assert not ready


@pytest.mark.rule("2, 2.5.3 rule 1", "3, 8.1 rule 2")
def test_messages_of_one_connection_can_be_taken_from_a_shared_queue() -> None:
    inbox, one, two = Inbox(set()), peer(1), peer(2)
    for number in range(1, 5):
        inbox.append(message(one, number, data=b"one"))
        inbox.append(message(two, number, data=b"two"))
    assert texts(inbox.take_from(one, 3)) == [b"one"] * 3
    assert (one.queued_messages, one.queued_bytes) == (1, 3)
    assert (two.queued_messages, two.queued_bytes) == (4, 12)
    inbox.discard(two)
    assert texts(inbox.take(10)) == [b"one"]
    assert two.queued_bytes == 0


@pytest.mark.rule("2, 2.5.3 rule 4", "3, 8.1 rule 3")
def test_a_connection_that_joins_a_group_is_merged_by_time_of_arrival() -> None:
    ready: set[Inbox] = set()
    own, group = Inbox(ready), Inbox(ready)
    one, two = peer(1), peer(2)
    for now in (10, 30):
        own.append(message(one, now, now=now))
    for now in (20, 30, 40):
        group.append(message(two, now + 1, now=now))
    own.move_to(one, group)
    assert numbers(group.take(10)) == [10, 21, 31, 30, 41]
    assert len(own) == 0


def test_what_was_told_is_news_again_only_when_more_comes_or_a_rest_is_left() -> None:
    ready: set[Inbox] = set()
    inbox, one, two = Inbox(ready), peer(1), peer(2)

    def tell() -> bool:
        was_ready = inbox in ready
        for told in ready:
            told.told()
        ready.clear()
        return was_ready

    filled(inbox, one, 1, 2, 3)
    filled(inbox, two, 1)
    assert tell()
    assert not tell()
    filled(inbox, one, 5)
    assert tell()
    inbox.insert_late(message(one, 4))
    assert tell()
    assert numbers(inbox.take(1)) == [1]
    assert tell(), "a rest"
    assert len(inbox.take_from(one, 1)) == 1
    assert tell(), "a rest of this connection"
    assert len(inbox.take_from(one, 10)) == 3
    assert not tell(), "what is left is of the other one"
    filled(inbox, two, 2)
    assert len(inbox.take(10)) == 2
    assert not tell(), "nothing is left"
