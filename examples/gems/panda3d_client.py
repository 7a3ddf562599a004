"""The smallest game with Panda3D: `python -m examples.gems.panda3d_client [HOST]`. Needs `pip install panda3d`.

The network is one task among Panda3D's own: take what has come, send the keys, move the models.
"""

import sys
from typing import Any, Final

from direct.showbase.ShowBase import ShowBase
from direct.task import Task
from panda3d.core import CardMaker, NodePath

import gamesockets as gs
from examples.gems.server import HEIGHT, PLACE, WIDTH

SIZE: Final = 0.06
KEYS: Final = ("arrow_left", "arrow_right", "arrow_down", "arrow_up")


class Window(ShowBase):  # type: ignore[misc] # Panda3D has no types
    """The window, the players in it, and the connection."""

    def __init__(self, host: str, **options: Any) -> None:
        super().__init__(**options)
        self.client = gs.Client(host)
        self.players: dict[int, NodePath] = {}
        self.held = dict.fromkeys(KEYS, 0)
        for key in KEYS:
            self.accept(key, self.held.__setitem__, [key, 1])
            self.accept(f"{key}-up", self.held.__setitem__, [key, 0])
        self.taskMgr.add(self.talk, "network")

    def talk(self, task: Task.Task) -> int:
        """One frame of the network."""
        for event in self.client.events():
            if isinstance(event, gs.Received) and len(event.data) % PLACE.size == 0:
                self.show(event.data)
        left, right, down, up = (self.held[key] for key in KEYS)
        self.client.send(bytes((1 + right - left, 1 + down - up)), gs.SendFlags.UNRELIABLE_NO_NAGLE)
        return int(task.cont)

    def show(self, places: bytes) -> None:
        """A square for each player, where the server has them."""
        found = {number: (x, y) for number, x, y in PLACE.iter_unpack(places)}
        for number in self.players.keys() - found.keys():
            self.players.pop(number).removeNode()
        for number, (x, y) in found.items():
            if number not in self.players:
                card = CardMaker(f"player {number}")
                card.setFrame(-SIZE, SIZE, -SIZE, SIZE)
                self.players[number] = self.aspect2d.attachNewNode(card.generate())
                self.players[number].setColor(0.4 + number % 3 * 0.3, 0.4 + number // 3 % 3 * 0.3, 0.9, 1)
            self.players[number].setPos(2 * x / WIDTH - 1, 0, 1 - 2 * y / HEIGHT)


if __name__ == "__main__":
    window = Window(sys.argv[1] if len(sys.argv) > 1 else "localhost:27015")
    with window.client:
        window.run()
