"""What are the rules of the arena of `gamesockets play`? Players steer, collect gems, and the first with enough wins.

No network and no clock: the server calls `tick` a fixed number of times a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final, final

TICKS_PER_SECOND: Final = 20
TICKS_PER_STEP: Final = 2
WIDTH: Final = 44
HEIGHT: Final = 18
GEMS: Final = 5
PLAYERS_MAX: Final = 12
SCORE_TO_WIN: Final = 25
NAME_CHARACTERS_MAX: Final = 12

STOP: Final = 0
UP: Final = 1
DOWN: Final = 2
LEFT: Final = 3
RIGHT: Final = 4
STEPS: Final = {STOP: (0, 0), UP: (0, -1), DOWN: (0, 1), LEFT: (-1, 0), RIGHT: (1, 0)}
BOT_NAMES: Final = ("Ada", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal")


@final
@dataclass(slots=True)
class Player:
    """Somebody on the field; `steers` is one of the directions."""

    name: str
    x: int
    y: int
    score: int = 0
    steers: int = STOP
    is_bot: bool = False


@final
class Arena:
    """The field and all that is on it. `news` holds what happened, for the server to tell and to clear."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = Random(seed)
        self.players: dict[int, Player] = {}
        self.gems: list[tuple[int, int]] = []
        self.tick_number = 0
        self.news: list[str] = []
        self._fill()

    def join(self, name: str, is_bot: bool = False) -> int | None:
        """A new player's number, None if the field is full."""
        number = next((free for free in range(PLAYERS_MAX) if free not in self.players), None)
        if number is not None:
            name = self._unused(name)
            x, y = self._free_place()
            self.players[number] = Player(name, x, y, is_bot=is_bot)
            self.news.append(f"{name} joins")
        return number

    def _unused(self, name: str) -> str:
        """The name, with a number behind it if somebody has it already."""
        taken = {player.name for player in self.players.values()}
        tried, count = name, 1
        while tried in taken:
            count += 1
            tried = f"{name[: NAME_CHARACTERS_MAX - len(f' {count}')]} {count}"
        return tried

    def leave(self, number: int) -> None:
        """Somebody has gone."""
        player = self.players.pop(number, None)
        if player is not None:
            self.news.append(f"{player.name} leaves")

    def steer(self, number: int, direction: int) -> None:
        """From now on the player goes that way, until the wall."""
        if number in self.players and direction in STEPS:
            self.players[number].steers = direction

    def tick(self) -> None:
        """A moment passes."""
        self.tick_number += 1
        if self.tick_number % TICKS_PER_STEP:
            return
        for player in self.players.values():
            if player.is_bot:
                player.steers = self._bot_steers(player)
            step_x, step_y = STEPS[player.steers]
            player.x = min(max(player.x + step_x, 0), WIDTH - 1)
            player.y = min(max(player.y + step_y, 0), HEIGHT - 1)
            if (player.x, player.y) in self.gems:
                self.gems.remove((player.x, player.y))
                player.score += 1
                self._fill()
                if player.score >= SCORE_TO_WIN:
                    self._start_over(player)

    def _start_over(self, winner: Player) -> None:
        self.news.append(f"{winner.name} wins with {winner.score} gems")
        for player in self.players.values():
            player.score = 0

    def _fill(self) -> None:
        while len(self.gems) < GEMS:
            self.gems.append(self._free_place())

    def _free_place(self) -> tuple[int, int]:
        taken = {*self.gems, *[(player.x, player.y) for player in self.players.values()]}
        while True:
            place = self._random.randrange(WIDTH), self._random.randrange(HEIGHT)
            if place not in taken:
                return place

    def _bot_steers(self, bot: Player) -> int:
        """To the nearest gem, now and then somewhere else: a bot that never errs is no fun."""
        if self._random.random() < 0.25:
            return bot.steers
        x, y = min(self.gems, key=lambda gem: abs(gem[0] - bot.x) + abs(gem[1] - bot.y))
        if x != bot.x:
            return RIGHT if x > bot.x else LEFT
        return DOWN if y > bot.y else UP if y < bot.y else STOP
