"""Does the chat room say the right lines to the right people, and stand rude guests?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamesockets.cli.chat_room import (
    LINE_MAX_BYTES,
    NICK_MAX_CHARACTERS,
    Room,
    nick_problem,
    requested_nick,
    split_line,
)

ANNA, BEN, CARA = 1, 2, 3


def full_room() -> Room:
    room = Room(seed=1)
    for who in (ANNA, BEN, CARA):
        room.enter(who)
    room.hear(ANNA, "/nick Anna")
    room.hear(BEN, "/nick Ben")
    return room


def test_a_newcomer_is_greeted_and_announced() -> None:
    room = Room(seed=1)
    room.enter(ANNA)
    outcome = room.enter(BEN)
    nick = room.nick(BEN)
    assert (ANNA, f"{nick} came in") in outcome.deliveries
    greeting = [line for who, line in outcome.deliveries if who == BEN]
    assert nick in greeting[0]
    assert room.nick(ANNA) in greeting[1]
    assert outcome.shown == [f"{nick} came in"]


def test_words_reach_everyone_but_the_speaker() -> None:
    room = full_room()
    outcome = room.hear(ANNA, " hello there \n")
    assert outcome.deliveries == [(BEN, "Anna: hello there"), (CARA, "Anna: hello there")]
    assert outcome.shown == ["Anna: hello there"]


def test_the_host_speaks_and_is_renamed() -> None:
    room = full_room()
    assert {line for _, line in room.host_says("dinner!").deliveries} == {"host: dinner!"}
    assert room.host_says("dinner!").shown == []
    assert len(room.host_says("/nick Mum").deliveries) == 3
    assert room.host_nick == "Mum"
    assert room.host_says("/nick anna").shown == ["anna is taken, choose another name"]
    assert room.host_says("  ").deliveries == []


def test_a_new_name_is_told_to_all() -> None:
    room = full_room()
    outcome = room.hear(CARA, "/nick  Cara   Mia ")
    assert room.nick(CARA) == "Cara Mia"
    assert (CARA, "You are Cara Mia now.") in outcome.deliveries
    assert [who for who, _ in outcome.deliveries] == [ANNA, BEN, CARA]


@pytest.mark.parametrize("line", ["/nick", "/nick ", "/nick Ben", "/nick bEN", "/nick host", "/nick " + "x" * 33])
def test_a_bad_or_taken_name_is_refused_to_the_asker_alone(line: str) -> None:
    room = full_room()
    outcome = room.hear(ANNA, line)
    assert [who for who, _ in outcome.deliveries] == [ANNA]
    assert room.nick(ANNA) == "Anna"


def test_leaving_is_told_once() -> None:
    room = full_room()
    outcome = room.leave(BEN, "connection lost")
    assert outcome.deliveries == [
        (ANNA, "Ben left (connection lost)"),
        (CARA, "Ben left (connection lost)"),
    ]
    assert room.leave(BEN).deliveries == []
    assert BEN not in room
    assert len(room) == 2
    assert room.members() == [ANNA, CARA]


def test_strangers_and_empty_lines_are_not_heard() -> None:
    room = full_room()
    assert room.hear(99, "hello").deliveries == []
    assert room.hear(ANNA, " \r\n ").deliveries == []


def test_control_characters_do_not_reach_terminals() -> None:
    room = full_room()
    outcome = room.hear(ANNA, "\x1b[2Jgone\u202e")
    assert all("\x1b" not in line and "\u202e" not in line for _, line in outcome.deliveries)


def test_long_lines_are_relayed_in_pieces_that_valves_example_can_hold() -> None:
    room = full_room()
    outcome = room.hear(ANNA, "word " * 400)
    assert len(outcome.deliveries) > 2
    assert all(len(line.encode()) <= LINE_MAX_BYTES for _, line in outcome.deliveries)


@given(st.text(max_size=400), st.integers(min_value=4, max_value=60))
def test_pieces_join_to_the_line(text: str, limit: int) -> None:
    pieces = list(split_line(text, limit))
    assert all(0 < len(piece.encode()) <= limit for piece in pieces)
    assert "".join(pieces) == text.strip().encode("utf-8", "replace").decode()


def test_only_the_word_nick_asks_for_a_name() -> None:
    assert requested_nick("/nick Anna") == "Anna"
    assert requested_nick("/nickel is a metal") is None
    assert requested_nick("nick") is None
    assert requested_nick("/nick") == ""


def test_names_have_limits() -> None:
    assert nick_problem("x" * NICK_MAX_CHARACTERS) is None
    assert nick_problem("x" * (NICK_MAX_CHARACTERS + 1)) is not None
    assert nick_problem("bell\a") is not None
