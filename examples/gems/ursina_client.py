"""The smallest game with Ursina: `python -m examples.gems.ursina_client [HOST]`. Needs `pip install ursina`.

Ursina calls `update` of each entity once a frame: there the network has its turn.
"""

import sys
from typing import Any

from ursina import Entity, Ursina, color, held_keys

import gamesockets as gs
from examples.gems.server import HEIGHT, PLACE, WIDTH


class Network(Entity):  # type: ignore[misc] # Ursina has no types
    """An entity that nobody sees: it talks with the server and places the others."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.client = gs.Client(host)
        self.players: dict[int, Any] = {}

    def update(self) -> None:
        """One frame of the network."""
        for event in self.client.events():
            if isinstance(event, gs.Received) and len(event.data) % PLACE.size == 0:
                self.show(event.data)
        x = 1 + int(held_keys["right arrow"]) - int(held_keys["left arrow"])
        y = 1 + int(held_keys["down arrow"]) - int(held_keys["up arrow"])
        self.client.send(bytes((x, y)), gs.SendFlags.UNRELIABLE_NO_NAGLE)

    def show(self, places: bytes) -> None:
        """A square for each player, where the server has them."""
        found = {number: (x, y) for number, x, y in PLACE.iter_unpack(places)}
        for number in self.players.keys() - found.keys():
            self.players.pop(number).disable()
        for number, (x, y) in found.items():
            if number not in self.players:
                self.players[number] = Entity(
                    model="quad", color=color.hsv(number * 137.5 % 360, 0.65, 0.95), scale=0.5
                )
            self.players[number].position = (8 * x / WIDTH - 4, 4 - 8 * y / HEIGHT)


if __name__ == "__main__":
    app = Ursina()
    network = Network(sys.argv[1] if len(sys.argv) > 1 else "localhost:27015")
    with network.client:
        app.run()
