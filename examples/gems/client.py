"""The smallest game with pygame: `python -m examples.gems.client [HOST]`. Arrow keys move; others see it."""

import sys
from typing import Final

import pygame

import gamesockets as gs
from examples.gems.server import HEIGHT, PLACE, WIDTH

FRAMES_PER_SECOND: Final = 60
SIZE: Final = 24


def direction(keys: pygame.key.ScancodeWrapper) -> bytes:
    """The two bytes that the server understands."""
    x = 1 + keys[pygame.K_RIGHT] - keys[pygame.K_LEFT]
    y = 1 + keys[pygame.K_DOWN] - keys[pygame.K_UP]
    return bytes((x, y))


def colour(number: int) -> pygame.Color:
    """A colour for each player, as far apart as can be."""
    found = pygame.Color(0)
    found.hsva = ((number * 137.5) % 360, 65, 95, 100)
    return found


def draw(window: pygame.Surface, places: bytes) -> None:
    """All players; the first is the one who plays here."""
    window.fill((18, 22, 35))
    for place, (number, x, y) in enumerate(PLACE.iter_unpack(places)):
        box = pygame.Rect(x - SIZE // 2, y - SIZE // 2, SIZE, SIZE)
        pygame.draw.rect(window, colour(number), box, border_radius=6)
        if place == 0:
            pygame.draw.rect(window, "white", box, width=2, border_radius=6)


def play(host: str, frames: int | None = None) -> bytes:
    """Play until the window is closed, the server is gone, or so many frames are over; the last places."""
    pygame.init()
    window = pygame.display.set_mode((WIDTH, HEIGHT))
    clock, places = pygame.time.Clock(), b""
    with gs.Client(host) as client:
        while frames is None or frames > 0:
            if any(event.type == pygame.QUIT for event in pygame.event.get()):
                break
            for event in client.events():
                if isinstance(event, gs.Disconnected):
                    pygame.display.set_caption(f"disconnected: {event.debug}")
                elif isinstance(event, gs.Received) and len(event.data) % PLACE.size == 0:
                    places = event.data
            client.send(direction(pygame.key.get_pressed()), gs.SendFlags.UNRELIABLE_NO_NAGLE)
            draw(window, places)
            pygame.display.flip()
            clock.tick(FRAMES_PER_SECOND)
            frames = None if frames is None else frames - 1
    pygame.quit()
    return places


if __name__ == "__main__":
    play(sys.argv[1] if len(sys.argv) > 1 else "localhost:27015")
