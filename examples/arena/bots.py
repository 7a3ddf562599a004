"""Who plays when nobody is there? A bot's head, and any number of them in one thread with the game-loop API."""

import time
from collections.abc import Callable
from random import Random
from typing import Final, final

import gamesockets as gs
from examples.arena import rules
from examples.arena.client import Client
from examples.arena.netcode import place_of
from examples.arena.session import TICK_S, Session

NAMES: Final = (
    "Ada", "Blaise", "Claude", "Dorothy", "Edsger", "Frances", "Grace", "Haskell",
    "Ida", "John", "Katherine", "Linus", "Margaret", "Niklaus", "Ole", "Peter",
)  # fmt: skip

_STUCK_PIXELS: Final = 1.0


@final
class Brain:
    """Runs for a gem near by, and around what is in the way. Knows no more than a player sees."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = Random(seed)
        self._last_place = (0.0, 0.0)
        self._detour_ticks = 0
        self._detour = 0

    def buttons(self, session: Session) -> int:
        """The buttons to hold for the next tick."""
        if session.prediction is None or not session.gems:
            return 0
        x, y = place_of(session.prediction.body)
        if self._detour_ticks:
            self._detour_ticks -= 1
            self._last_place = (-1.0, -1.0)
            return self._detour
        targets = [(gem.x / rules.UNITS_PER_PIXEL - x, gem.y / rules.UNITS_PER_PIXEL - y) for gem in session.gems]
        right, down = min(targets, key=lambda way: way[0] ** 2 + way[1] ** 2)
        buttons = (rules.RIGHT if right > 6 else rules.LEFT if right < -6 else 0) | (
            rules.DOWN if down > 6 else rules.UP if down < -6 else 0
        )
        is_stuck = abs(x - self._last_place[0]) + abs(y - self._last_place[1]) < _STUCK_PIXELS
        self._last_place = (x, y)
        if is_stuck and buttons:
            self._detour_ticks = self._random.randint(15, 50)
            self._detour = self._random.choice((rules.UP, rules.DOWN, rules.LEFT, rules.RIGHT))
        elif self._random.random() < 0.01:
            buttons |= rules.DASH
        return buttons


def bot_name(number: int) -> str:
    """Names for any number of bots."""
    return NAMES[number % len(NAMES)] + ("" if number < len(NAMES) else f" {number // len(NAMES) + 1}")


def run_bots(address: gs.Address, count: int, should_stop: Callable[[], bool] = lambda: False) -> str:
    """Let bots play until told to stop, or until all have been sent away; then the reason is the result."""
    with gs.NetworkingSockets() as sockets:
        bots = [(Client(sockets, address, bot_name(number)), Brain()) for number in range(count)]
        while not should_stop() and any(not client.ended for client, _ in bots):
            sockets.run_callbacks()
            now_s = time.monotonic()
            for client, brain in bots:
                client.update(now_s, brain.buttons(client.session))
            time.sleep(TICK_S)
        ended = bots[0][0].ended
        for client, _ in bots:
            client.leave()
        return ended
