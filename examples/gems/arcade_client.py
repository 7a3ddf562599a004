"""The smallest game with Arcade: `python -m examples.gems.arcade_client [HOST]`. Needs `pip install arcade`.

Arcade calls `on_update` before each frame: there the network has its turn; `on_draw` shows what it brought.
"""

import sys

import arcade

import gamesockets as gs
from examples.gems.server import HEIGHT, PLACE, WIDTH

SIZE = 24


class Window(arcade.Window):  # type: ignore[misc] # looked at without Arcade
    """The window, the places of all players, and the connection."""

    def __init__(self, host: str) -> None:
        super().__init__(WIDTH, HEIGHT, "gems")
        self.client = gs.Client(host)
        self.places = b""
        self.held: set[int] = set()

    def on_key_press(self, symbol: int, modifiers: int) -> None:  # noqa: ARG002 - as Arcade calls it
        """A key goes down."""
        self.held.add(symbol)

    def on_key_release(self, symbol: int, modifiers: int) -> None:  # noqa: ARG002 - as Arcade calls it
        """A key goes up."""
        self.held.discard(symbol)

    def on_update(self, delta_time: float) -> None:  # noqa: ARG002 - as Arcade calls it
        """One frame of the network."""
        for event in self.client.events():
            if isinstance(event, gs.Received) and len(event.data) % PLACE.size == 0:
                self.places = event.data
        x = 1 + (arcade.key.RIGHT in self.held) - (arcade.key.LEFT in self.held)
        y = 1 + (arcade.key.DOWN in self.held) - (arcade.key.UP in self.held)
        self.client.send(bytes((x, y)), gs.SendFlags.UNRELIABLE_NO_NAGLE)

    def on_draw(self) -> None:
        """A square for each player, where the server has them."""
        self.clear()
        for number, x, y in PLACE.iter_unpack(self.places):
            shade = (100 + number * 60 % 156, 100 + number * 110 % 156, 220)
            arcade.draw_rect_filled(arcade.XYWH(x, HEIGHT - y, SIZE, SIZE), shade)


if __name__ == "__main__":
    window = Window(sys.argv[1] if len(sys.argv) > 1 else "localhost:27015")
    with window.client:
        arcade.run()
