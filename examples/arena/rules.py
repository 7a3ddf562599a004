"""What may players do, and who scores? The rules of the game: no network, no pygame, no clock.

Server and client share `move`. The server runs it to decide where a player is; the client runs it to guess the answer
before it has come (prediction). So everything is a whole number: what is sent is exactly what was calculated, and a
right guess is right to the last bit on every machine.
"""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

TICKS_PER_SECOND: Final = 60

UNITS_PER_PIXEL: Final = 16
"""Lengths are in sixteenths of a pixel of the field, speeds in these per tick. All fit in 16 bits."""

WIDTH: Final = 1200 * UNITS_PER_PIXEL
HEIGHT: Final = 900 * UNITS_PER_PIXEL
RADIUS: Final = 20 * UNITS_PER_PIXEL
GEM_RADIUS: Final = 11 * UNITS_PER_PIXEL

PLAYERS_MAX: Final = 32
GEMS: Final = 14
SCORE_TO_WIN: Final = 20

UP: Final = 1
DOWN: Final = 2
LEFT: Final = 4
RIGHT: Final = 8
DASH: Final = 16
BUTTONS_MAX: Final = 31

_ACCELERATION: Final = 11
_DASH_SPEED: Final = 220
_DASH_TICKS: Final = 9
_COOLDOWN_TICKS: Final = 80
_SAFE_TICKS: Final = 60
"""After having been robbed, a player has peace for this long."""


class Wall(NamedTuple):
    """A rectangle that nobody can enter."""

    left: int
    top: int
    right: int
    bottom: int


def _wall(left: int, top: int, width: int, height: int) -> Wall:
    return Wall(*(pixels * UNITS_PER_PIXEL for pixels in (left, top, left + width, top + height)))


WALLS: Final = (
    _wall(250, 180, 70, 210),
    _wall(880, 180, 70, 210),
    _wall(250, 510, 70, 210),
    _wall(880, 510, 70, 210),
    _wall(470, 415, 260, 70),
)


class Body(NamedTuple):
    """All of a player that moves, and all that a prediction needs to go on from here."""

    x: int
    y: int
    vx: int = 0
    vy: int = 0
    dash: int = 0
    """Ticks that a dash still lasts."""
    cooldown: int = 0
    """Ticks until the next one may begin."""


def move(body: Body, buttons: int) -> Body:
    """Where a player is one tick later, holding these buttons."""
    right = bool(buttons & RIGHT) - bool(buttons & LEFT)
    down = bool(buttons & DOWN) - bool(buttons & UP)
    x, y, vx, vy, dash, cooldown = body
    if buttons & DASH and not cooldown and (right or down):
        speed = _diagonal(_DASH_SPEED) if right and down else _DASH_SPEED
        vx, vy, dash, cooldown = right * speed, down * speed, _DASH_TICKS, _COOLDOWN_TICKS
    elif dash:
        dash -= 1
    else:
        push = _diagonal(_ACCELERATION) if right and down else _ACCELERATION
        vx = _slower(vx + right * push)
        vy = _slower(vy + down * push)
    if cooldown and not dash:
        cooldown -= 1
    x, vx = _slide(x, vx, y, is_vertical=False)
    y, vy = _slide(y, vy, x, is_vertical=True)
    return Body(x, y, vx, vy, dash, cooldown)


def _diagonal(speed: int) -> int:
    """A share of the speed for each of two directions, so that a diagonal is no short cut."""
    return speed * 181 // 256


def _slower(speed: int) -> int:
    """Friction. Towards zero from both sides: `//` alone would round to the left."""
    return speed * 7 // 8 if speed >= 0 else -(-speed * 7 // 8)


def _slide(position: int, speed: int, across: int, *, is_vertical: bool) -> tuple[int, int]:
    """One axis of a step: stops at the border of the field and at walls, so that one glides along them."""
    size = HEIGHT if is_vertical else WIDTH
    moved = min(max(position + speed, RADIUS), size - RADIUS)
    for wall in WALLS:
        left, top, right, bottom = wall
        near, far, low, high = (top, bottom, left, right) if is_vertical else (left, right, top, bottom)
        if low - RADIUS < across < high + RADIUS and near - RADIUS < moved < far + RADIUS:
            moved = near - RADIUS if position <= near - RADIUS else far + RADIUS
    return moved, speed if moved == position + speed else 0


class Gem(NamedTuple):
    """Something to collect."""

    x: int
    y: int


class Collected(NamedTuple):
    """A player took gem number `slot`, and the next one lies elsewhere."""

    player: int
    score: int
    slot: int
    gem: Gem


class Robbed(NamedTuple):
    """A player dashed into another one and took a point."""

    thief: int
    thief_score: int
    victim: int
    victim_score: int


class Won(NamedTuple):
    """A player has enough points. The round is over, and all scores are zero again."""

    player: int


Event = Collected | Robbed | Won


class Player:
    """A player as the server knows them."""

    __slots__ = ("body", "safe", "score")

    def __init__(self, body: Body) -> None:
        self.body = body
        self.score = 0
        self.safe = 0
        """Ticks for which nobody can rob them."""


class World:
    """The field with all that is on it. Only the server has one: it decides."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = Random(seed)
        self.players: dict[int, Player] = {}
        self.gems = [Gem(*self._free_place()) for _ in range(GEMS)]

    def add(self, number: int) -> Player:
        """A new player somewhere on the field."""
        player = self.players[number] = Player(Body(*self._free_place()))
        return player

    def remove(self, number: int) -> None:
        """A player is gone."""
        del self.players[number]

    def settle(self) -> list[Event]:
        """Once a tick, when all have moved: who scored?"""
        return [*self._collect(), *self._rob(), *self._win()]

    def _collect(self) -> Iterator[Event]:
        reach = (RADIUS + GEM_RADIUS) ** 2
        for slot, gem in enumerate(self.gems):
            for number, player in self.players.items():
                if (player.body.x - gem.x) ** 2 + (player.body.y - gem.y) ** 2 < reach:
                    player.score += 1
                    self.gems[slot] = Gem(*self._free_place())
                    yield Collected(number, player.score, slot, self.gems[slot])
                    break

    def _rob(self) -> Iterator[Event]:
        reach = (2 * RADIUS) ** 2
        for player in self.players.values():
            player.safe = max(0, player.safe - 1)
        for thief_number, thief in self.players.items():
            if not thief.body.dash:
                continue
            for victim_number, victim in self.players.items():
                if victim is thief or not victim.score or victim.safe:
                    continue
                if (thief.body.x - victim.body.x) ** 2 + (thief.body.y - victim.body.y) ** 2 < reach:
                    victim.score -= 1
                    victim.safe = _SAFE_TICKS
                    thief.score += 1
                    yield Robbed(thief_number, thief.score, victim_number, victim.score)

    def _win(self) -> Iterator[Event]:
        for number, player in self.players.items():
            if player.score >= SCORE_TO_WIN:
                for everyone in self.players.values():
                    everyone.score = 0
                yield Won(number)
                return

    def _free_place(self) -> tuple[int, int]:
        """A place that a player can reach; most of the field is one, so this ends soon."""
        while True:
            x = self._random.randint(2 * RADIUS, WIDTH - 2 * RADIUS)
            y = self._random.randint(2 * RADIUS, HEIGHT - 2 * RADIUS)
            if not any(
                wall.left - 2 * RADIUS < x < wall.right + 2 * RADIUS
                and wall.top - 2 * RADIUS < y < wall.bottom + 2 * RADIUS
                for wall in WALLS
            ):
                return x, y
