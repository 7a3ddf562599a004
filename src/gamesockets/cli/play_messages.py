"""What do the server and the players of `gamesockets play` tell each other? Bytes to values and back, with bounds.

Reliable: hello, welcome, roster, news. Unreliable: steering, repeated every moment, and the state, of which only the
newest counts. Malformed messages decode to None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias, final

from gamesockets.cli.play_rules import GEMS, HEIGHT, NAME_CHARACTERS_MAX, PLAYERS_MAX, STEPS, STOP, WIDTH, Player
from gamesockets.cli.terminal import printable

MESSAGE_BYTES_MAX: Final = 1200
NEWS_CHARACTERS_MAX: Final = 80

_STEER: Final = Struct("<cIB")
_STATE_HEAD: Final = Struct("<cIBB")
_PLAYER: Final = Struct("<BBBH")
_GEM: Final = Struct("<BB")


@final
@dataclass(frozen=True, slots=True)
class Hello:
    """A client says its name."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Steering:
    """A client steers; numbers tell which message is the newest."""

    number: int
    direction: int


@final
@dataclass(frozen=True, slots=True)
class Welcome:
    """The server says which number the client's player has."""

    number: int


@final
@dataclass(frozen=True, slots=True)
class Roster:
    """The server says who plays: names by number."""

    names: Mapping[int, str]


@final
@dataclass(frozen=True, slots=True)
class News:
    """The server says what happened, in words."""

    text: str


@final
@dataclass(frozen=True, slots=True)
class State:
    """The field in one moment: x, y and score of each player by number, and the gems."""

    tick: int
    players: Mapping[int, tuple[int, int, int]]
    gems: Sequence[tuple[int, int]]


FromClient: TypeAlias = Hello | Steering
FromServer: TypeAlias = Welcome | Roster | News | State


def clean_name(text: str) -> str:
    """A name as it may be shown: no control codes, not empty, short."""
    return printable(text.strip())[:NAME_CHARACTERS_MAX] or "anonymous"


def encode_hello(name: str) -> bytes:
    """A client's first message."""
    return b"H" + name.encode()


def encode_steering(number: int, direction: int) -> bytes:
    """What a client sends all the time."""
    return _STEER.pack(b"I", number & 0xFFFF_FFFF, direction)


def encode_welcome(number: int) -> bytes:
    """The server's first message."""
    return b"W" + bytes((number,))


def encode_roster(players: Mapping[int, Player]) -> bytes:
    """Who plays. Short enough for every client, whatever the names."""
    names = {number: player.name for number, player in players.items()}
    return b"R" + json.dumps(names, ensure_ascii=False).encode()


def encode_news(text: str) -> bytes:
    """What happened."""
    return b"N" + text.encode()


def encode_state(tick: int, players: Mapping[int, Player], gems: Sequence[tuple[int, int]]) -> bytes:
    """The field as it is."""
    parts = [_STATE_HEAD.pack(b"S", tick & 0xFFFF_FFFF, len(players), len(gems))]
    parts += [_PLAYER.pack(number, player.x, player.y, player.score) for number, player in players.items()]
    parts += [_GEM.pack(*gem) for gem in gems]
    return b"".join(parts)


def decode_from_client(data: bytes) -> FromClient | None:
    """What a client says."""
    if data[:1] == b"H" and len(data) <= 4 * NAME_CHARACTERS_MAX + 1:
        return Hello(clean_name(data[1:].decode("utf-8", "replace")))
    if data[:1] == b"I" and len(data) == _STEER.size:
        _, number, direction = _STEER.unpack(data)
        return Steering(number, direction if direction in STEPS else STOP)
    return None


def decode_from_server(data: bytes) -> FromServer | None:
    """What the server says."""
    kind = data[:1]
    if len(data) > MESSAGE_BYTES_MAX:
        return None
    if kind == b"S":
        return _decode_state(data)
    if kind == b"W" and len(data) == 2 and data[1] < PLAYERS_MAX:
        return Welcome(data[1])
    if kind == b"N":
        return News(printable(data[1:].decode("utf-8", "replace"))[:NEWS_CHARACTERS_MAX])
    if kind == b"R":
        return _decode_roster(data[1:])
    return None


def _decode_roster(data: bytes) -> Roster | None:
    try:
        names = json.loads(data)
        known = {int(number): clean_name(str(name)) for number, name in names.items()}
    except (ValueError, AttributeError, RecursionError):
        return None
    return Roster(known) if len(known) <= PLAYERS_MAX and all(0 <= number < PLAYERS_MAX for number in known) else None


def _decode_state(data: bytes) -> State | None:
    if len(data) < _STATE_HEAD.size:
        return None
    _, tick, player_count, gem_count = _STATE_HEAD.unpack_from(data)
    gems_at = _STATE_HEAD.size + player_count * _PLAYER.size
    if player_count > PLAYERS_MAX or gem_count > GEMS or len(data) != gems_at + gem_count * _GEM.size:
        return None
    players = {number: (x, y, score) for number, x, y, score in _PLAYER.iter_unpack(data[_STATE_HEAD.size : gems_at])}
    gems = [(x, y) for x, y in _GEM.iter_unpack(data[gems_at:])]
    places = [*gems, *[(x, y) for x, y, _ in players.values()]]
    return State(tick, players, gems) if all(x < WIDTH and y < HEIGHT for x, y in places) else None
