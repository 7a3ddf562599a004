"""Does the server decide fairly, tell everyone, and stand whatever a client sends?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.arena import match as match_module
from examples.arena import protocol, rules
from examples.arena.match import InputQueue, Kick, Match, Outgoing
from examples.arena.protocol import Hello, Inputs, Joined, Left, Snapshot, Welcome

ADA, BEN = 100, 200


def drain(match: Match) -> dict[int, list[protocol.FromServer | Kick]]:
    """What was sent to whom since the last call."""
    told: dict[int, list[protocol.FromServer | Kick]] = {}
    for item in match.outgoing:
        told.setdefault(item.to, []).append(
            protocol.decode_from_server(item.data) if isinstance(item, Outgoing) else item
        )
    match.outgoing = []
    return told


def joined(match: Match, who: int, name: str) -> None:
    match.connect(who)
    match.receive(who, protocol.encode(Hello(name)))


def press(match: Match, who: int, newest: int, *buttons: int) -> None:
    match.receive(who, protocol.encode(Inputs(newest, bytes(buttons))))


def test_who_joins_learns_of_all_and_all_of_them() -> None:
    match = Match(1)
    joined(match, ADA, "Ada")
    joined(match, BEN, "Ben")
    told = drain(match)
    assert told[ADA][1:] == [Joined(1, "Ben")]
    assert told[BEN] == [Welcome(1, ((0, 0, "Ada"), (1, 0, "Ben")), tuple(match.world.gems))]
    match.disconnect(ADA)
    assert drain(match) == {BEN: [Left(0)]}
    assert match.names == {1: "Ben"}
    match.disconnect(ADA)
    assert drain(match) == {}


def test_twenty_snapshots_a_second_to_each_player() -> None:
    match = Match(1)
    joined(match, ADA, "Ada")
    match.connect(BEN)  # says nothing yet
    drain(match)
    for _ in range(60):
        match.tick()
    told = drain(match)
    assert [message.tick for message in told[ADA] if isinstance(message, Snapshot)] == list(range(3, 61, 3))
    assert BEN not in told


def test_each_input_counts_once_however_often_it_is_sent() -> None:
    match = Match(1)
    joined(match, ADA, "Ada")
    body = match.world.players[0].body
    press(match, ADA, 1, rules.LEFT)
    press(match, ADA, 2, rules.LEFT, rules.LEFT)
    press(match, ADA, 2, rules.LEFT, rules.LEFT)
    for _ in range(10):
        match.tick()
    assert match.world.players[0].body == rules.move(rules.move(body, rules.LEFT), rules.LEFT)


def test_an_input_that_was_lost_is_taken_for_the_one_before() -> None:
    queue = InputQueue()
    queue.add(Inputs(1, bytes([rules.UP])))
    queue.add(Inputs(3, bytes([rules.DOWN])))
    assert [queue.take() for _ in range(4)] == [[rules.UP], [rules.UP], [rules.DOWN], []]
    queue.add(Inputs(2, bytes([rules.LEFT])))  # too late
    assert queue.take() == []


def test_after_a_hold_up_a_player_catches_up_but_nobody_runs_faster_than_time() -> None:
    queue = InputQueue()
    for _ in range(60):
        assert queue.take() == []
    for newest in range(12, 37, 12):
        queue.add(Inputs(newest, bytes(12)))
    steps = [len(queue.take()) for _ in range(60)]
    assert max(steps) == 2
    cheat = InputQueue()
    taken = 0
    for tick in range(600):
        cheat.add(Inputs(3 * tick + 3, bytes(3)))  # three times as many inputs as ticks
        taken += len(cheat.take())
    assert taken <= 600


@given(st.lists(st.tuples(st.integers(1, (1 << 32) - 1), st.binary(min_size=1, max_size=12)), max_size=30))
def test_no_numbers_make_the_queue_grow_or_run_back(messages: list[tuple[int, bytes]]) -> None:
    queue = InputQueue()
    for newest, buttons in messages:
        queue.add(Inputs(max(newest, len(buttons)), buttons))
        assert len(queue) <= match_module.WAITING_MAX
        before = queue.confirmed
        assert len(queue.take()) <= 2
        assert queue.confirmed >= before


@pytest.mark.parametrize(
    ("data", "why"), [(b"", "ends after 0 bytes"), (b"\xff", "does not send"), (b"\x01\x01\x00", "no name")]
)
def test_nonsense_ends_in_a_kick_and_nothing_else(data: bytes, why: str) -> None:
    match = Match(1)
    joined(match, BEN, "Ben")
    joined(match, ADA, "Ada")
    drain(match)
    match.receive(ADA, data)
    told = drain(match)
    (kick,) = told[ADA]
    assert isinstance(kick, Kick)
    assert why in kick.text
    assert told[BEN] == [Left(1)]
    match.receive(ADA, data)  # what was still on its way
    match.tick()
    assert match.names == {0: "Ben"}


def test_saying_hello_twice_never_or_among_too_many() -> None:
    match = Match(1)
    joined(match, ADA, "Ada")
    match.receive(ADA, protocol.encode(Hello("Ada")))
    assert match.names == {}
    match.connect(BEN)
    drain(match)
    for _ in range(match_module.HELLO_TICKS_MAX + 1):
        match.tick()
    assert drain(match)[BEN] == [Kick(BEN, protocol.REASON_KICKED, "you did not say who you are")]
    for number in range(rules.PLAYERS_MAX + 1):
        joined(match, number, "crowd")
    assert drain(match)[rules.PLAYERS_MAX] == [Kick(rules.PLAYERS_MAX, protocol.REASON_FULL, "the arena is full")]


def test_a_flood_is_stopped_and_a_normal_player_is_not() -> None:
    match = Match(1)
    joined(match, ADA, "Ada")
    joined(match, BEN, "Ben")
    for tick in range(1, 200):
        press(match, ADA, tick, 0)
        for _ in range(10):
            press(match, BEN, tick, 0)
        match.tick()
    assert match.names == {0: "Ada"}
