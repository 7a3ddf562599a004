"""Do the arena's messages survive the way, and does nonsense decode to nothing?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamesockets.cli import play_messages as messages
from gamesockets.cli.play_rules import HEIGHT, PLAYERS_MAX, WIDTH, Arena


def test_what_a_client_says() -> None:
    assert messages.decode_from_client(messages.encode_hello("Ada")) == messages.Hello("Ada")
    assert messages.decode_from_client(messages.encode_steering(7, 3)) == messages.Steering(7, 3)
    assert messages.decode_from_client(messages.encode_steering(7, 200)) == messages.Steering(7, 0)


def test_what_the_server_says() -> None:
    arena = Arena(1)
    for name in ("Ada", "Bob"):
        arena.join(name)
    arena.players[1].score = 300
    state = messages.decode_from_server(messages.encode_state(9, arena.players, arena.gems))
    assert isinstance(state, messages.State)
    assert state.tick == 9
    assert state.players[1] == (arena.players[1].x, arena.players[1].y, 300)
    assert list(state.gems) == arena.gems
    assert messages.decode_from_server(messages.encode_welcome(5)) == messages.Welcome(5)
    assert messages.decode_from_server(messages.encode_roster(arena.players)) == messages.Roster({0: "Ada", 1: "Bob"})
    assert messages.decode_from_server(messages.encode_news("Ada\x1b[2J wins")) == messages.News("Ada\ufffd[2J wins")


def test_long_names_keep_nobody_from_reading_who_plays() -> None:
    arena = Arena(1)
    for _ in range(PLAYERS_MAX):
        arena.join(messages.clean_name("\N{GRINNING FACE}" * 40))
    roster = messages.decode_from_server(messages.encode_roster(arena.players))
    assert isinstance(roster, messages.Roster)
    assert len(roster.names) == PLAYERS_MAX


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"W",
        b"W\xff",
        b"R[1]",
        b'R{"99": "x"}',
        b'R{"a": "x"}',
        b"R" + b"[" * 1000,
        b"S",
        b"S" + bytes(4) + b"\x01\x00" + bytes((0, WIDTH, 0, 0, 0)),
        b"S" + bytes(4) + b"\x00\x01" + bytes((0, HEIGHT)),
        b"S" + bytes(4) + b"\xff\xff",
        b"N" * 2000,
    ],
)
def test_nonsense_of_a_server(data: bytes) -> None:
    assert messages.decode_from_server(data) is None


def test_nonsense_of_a_client() -> None:
    for data in (b"", b"I123", b"X", b"H" * 1000):
        assert messages.decode_from_client(data) is None


@given(st.binary(max_size=200), st.sampled_from([b"", b"S", b"R", b"W", b"N", b"H", b"I"]))
def test_any_bytes_decode_to_something_or_nothing(data: bytes, kind: bytes) -> None:
    messages.decode_from_server(kind + data)
    messages.decode_from_client(kind + data)


def test_names_can_be_shown() -> None:
    assert messages.clean_name("  Ada ") == "Ada"
    assert messages.clean_name("\x07") == "\ufffd"
    assert messages.clean_name("") == "anonymous"
    assert len(messages.clean_name("x" * 99)) == 12
