"""What do the players of this game say to each other? A few bytes, as a game in C++ would lay them out.

    client -> server, unreliable   u8 kind=1, i8 dx, i8 dy               where I want to go, -100..100
    server -> client, reliable     u8 kind=2, u16 id                     who you are
    server -> client, unreliable   u8 kind=3, u32 tick, n x (u16 id, i16 x, i16 y)

Numbers are little-endian. The field is 2,000 units wide and high, and a player moves at most 10 units a tick.
"""

import struct
from dataclasses import dataclass, field

KIND_INPUT, KIND_WELCOME, KIND_SNAPSHOT = 1, 2, 3
EDGE = 1_000
STRENGTH_MAX = 100
STEP = 10

_INPUT = struct.Struct("<Bbb")
_WELCOME = struct.Struct("<BH")
_HEAD = struct.Struct("<BI")
_PLAYER = struct.Struct("<Hhh")


class GameError(ValueError):
    """Bytes that are no message of this game."""


def encode_input(dx: int, dy: int) -> bytes:
    """Where a player wants to go."""
    return _INPUT.pack(KIND_INPUT, dx, dy)


def decode_input(data: bytes) -> tuple[int, int]:
    """The two numbers, within their limits. Raises `GameError`."""
    if len(data) != _INPUT.size or data[0] != KIND_INPUT:
        raise GameError("no input")
    _, dx, dy = _INPUT.unpack(data)
    return max(-STRENGTH_MAX, min(dx, STRENGTH_MAX)), max(-STRENGTH_MAX, min(dy, STRENGTH_MAX))


def encode_welcome(number: int) -> bytes:
    """Who a player is."""
    return _WELCOME.pack(KIND_WELCOME, number)


def decode_welcome(data: bytes) -> int:
    """A player's number. Raises `GameError`."""
    if len(data) != _WELCOME.size or data[0] != KIND_WELCOME:
        raise GameError("no welcome")
    return int(_WELCOME.unpack(data)[1])


def decode_snapshot(data: bytes) -> tuple[int, dict[int, tuple[int, int]]]:
    """The tick, and where everybody is. Raises `GameError`."""
    if len(data) < _HEAD.size or data[0] != KIND_SNAPSHOT or (len(data) - _HEAD.size) % _PLAYER.size:
        raise GameError("no snapshot")
    players = {number: (x, y) for number, x, y in _PLAYER.iter_unpack(data[_HEAD.size :])}
    return int(_HEAD.unpack_from(data)[1]), players


@dataclass(slots=True)
class Player:
    """Where somebody is, and wants to go."""

    number: int
    x: int = 0
    y: int = 0
    dx: int = 0
    dy: int = 0


@dataclass(slots=True)
class World:
    """Everybody, by number. No network, no clock."""

    players: dict[int, Player] = field(default_factory=dict)
    tick: int = 0

    def enter(self) -> Player:
        """One more player, in the middle, with the smallest free number."""
        number = next(number for number in range(1, 1 << 16) if number not in self.players)
        player = self.players[number] = Player(number)
        return player

    def leave(self, player: Player) -> None:
        """One less."""
        del self.players[player.number]

    def advance(self) -> None:
        """One tick."""
        self.tick += 1
        for player in self.players.values():
            player.x = max(-EDGE, min(player.x + player.dx * STEP // STRENGTH_MAX, EDGE))
            player.y = max(-EDGE, min(player.y + player.dy * STEP // STRENGTH_MAX, EDGE))

    def snapshot(self) -> bytes:
        """Where everybody is."""
        rows = [_PLAYER.pack(player.number, player.x, player.y) for player in self.players.values()]
        return _HEAD.pack(KIND_SNAPSHOT, self.tick & 0xFFFFFFFF) + b"".join(rows)
