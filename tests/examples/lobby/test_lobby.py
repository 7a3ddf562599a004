"""Does the lobby know who is there, and make matches of those who wait?"""

import json
from typing import Any

import pytest

from examples.lobby.lobby import MESSAGE_BYTES_MAX, SEATS, Letter, Lobby, LobbyError


def ask(lobby: Lobby, user: int, **request: str) -> list[Letter]:
    return lobby.receive(user, json.dumps(request).encode())


def entered(count: int) -> Lobby:
    lobby = Lobby()
    for user in range(count):
        ask(lobby, user, do="enter", name=f"u{user}")
    return lobby


def test_everybody_hears_who_comes_says_and_goes() -> None:
    lobby = entered(2)
    assert ask(lobby, 2, do="enter", name=" Ada ") == [
        Letter([2], {"welcome": "Ada", "users": 3}),
        Letter([0, 1], {"entered": "Ada"}),
    ]
    assert ask(lobby, 2, do="say", text="hello") == [Letter([0, 1], {"said": "hello", "by": "Ada"})]
    assert lobby.leave(2) == [Letter([0, 1], {"left": "Ada"})]
    assert lobby.leave(2) == []
    assert lobby.texts == 1


def test_four_who_wait_are_a_match_and_those_who_left_are_not() -> None:
    lobby = entered(SEATS + 2)
    for user in range(SEATS - 1):
        assert ask(lobby, user, do="play")[0].content == {"waiting": user + 1, "of": SEATS}
    assert len(ask(lobby, 0, do="play")[0].to) == SEATS - 1, "who asks twice waits once"
    lobby.leave(0)
    ask(lobby, SEATS, do="play")
    [letter] = ask(lobby, SEATS + 1, do="play")
    assert letter.to == [1, 2, SEATS, SEATS + 1]
    assert letter.content == {"match": 1, "players": [f"u{user}" for user in letter.to]}
    assert (lobby.waiting, lobby.matches) == ([], 1)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "JSON"),
        (b"\xff", "JSON"),
        (b"[" * 1_900, "JSON"),
        (b"x" * (MESSAGE_BYTES_MAX + 1), "at most"),
        (b"[]", "enter first"),
        (b'{"do": "play"}', "enter first"),
        (b'{"do": "enter", "name": ""}', "1 to 24 characters"),
        (b'{"do": "enter", "name": 5}', "enter first"),
        (b'{"do": "enter", "name": "u0"}', "u0 is here already"),
    ],
)
def test_what_means_nothing_is_said_to_mean_nothing(data: bytes, says: str) -> None:
    with pytest.raises(LobbyError, match=says):
        entered(1).receive(7, data)


@pytest.mark.parametrize("request_", [{"do": "dance"}, {}, {"do": "enter", "name": "other"}])
def test_nor_does_anything_else_of_a_user_with_a_name(request_: dict[str, Any]) -> None:
    with pytest.raises(LobbyError):
        entered(1).receive(0, json.dumps(request_).encode())
