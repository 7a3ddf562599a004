"""Which colours and letters does the game use?"""

from typing import Final, final

import pygame
from pygame.typing import ColorLike

Colour = tuple[int, int, int]
Point = tuple[int, int]

BACKGROUND: Final[Colour] = (13, 16, 26)
FLOOR: Final[Colour] = (23, 28, 43)
GRID: Final[Colour] = (30, 36, 54)
EDGE: Final[Colour] = (64, 76, 110)
WALL: Final[Colour] = (54, 64, 94)
WALL_TOP: Final[Colour] = (76, 89, 128)
SHADOW: Final[Colour] = (16, 20, 31)
PANEL: Final[Colour] = (18, 22, 35)
PANEL_LINE: Final[Colour] = (46, 55, 82)
WELL: Final[Colour] = (30, 37, 57)
TEXT: Final[Colour] = (240, 243, 252)
SOFT: Final[Colour] = (178, 187, 212)
FAINT: Final[Colour] = (130, 141, 172)
ACCENT: Final[Colour] = (94, 203, 250)
WARNING: Final[Colour] = (250, 176, 86)
GEM: Final[Colour] = (255, 214, 92)
GEM_LIGHT: Final[Colour] = (255, 240, 190)
GEM_DARK: Final[Colour] = (222, 158, 48)

_HUE_STEP: Final = 137.5
"""The golden angle: neighbours in number are far apart in colour, however many there are."""


def player_colour(number: int) -> pygame.Color:
    """A colour for each player."""
    colour = pygame.Color(0)
    colour.hsva = ((number * _HUE_STEP + 200) % 360, 62, 96, 100)
    return colour


@final
class Fonts:
    """The letters that come with pygame: the same on every machine."""

    def __init__(self) -> None:
        self.small = pygame.font.Font(None, 17)
        self.body = pygame.font.Font(None, 20)
        self.title = pygame.font.Font(None, 36)


def put(surface: pygame.Surface, font: pygame.font.Font, text: str, colour: ColorLike, at: Point) -> None:
    """Text with its top left corner there."""
    surface.blit(font.render(text, True, colour), at)


def put_right(surface: pygame.Surface, font: pygame.font.Font, text: str, colour: ColorLike, at: Point) -> None:
    """Text with its top right corner there."""
    image = font.render(text, True, colour)
    surface.blit(image, (at[0] - image.get_width(), at[1]))


def put_centred(surface: pygame.Surface, font: pygame.font.Font, text: str, colour: ColorLike, at: Point) -> None:
    """Text around a point, with a dark rim, to be legible on anything."""
    image, rim = font.render(text, True, colour), font.render(text, True, BACKGROUND)
    left, top = at[0] - image.get_width() // 2, at[1] - image.get_height() // 2
    for x, y in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        surface.blit(rim, (left + x, top + y))
    surface.blit(image, (left, top))
