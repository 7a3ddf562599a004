"""How does the match look? Draws what a session knows onto a pygame surface of any size."""

from collections import deque
from dataclasses import dataclass
from math import hypot
from typing import Final, final

import pygame
from pygame.typing import ColorLike

from examples.arena import rules
from examples.arena.look import (
    ACCENT,
    BACKGROUND,
    EDGE,
    FAINT,
    FLOOR,
    GEM,
    GEM_DARK,
    GEM_LIGHT,
    GRID,
    SHADOW,
    SOFT,
    TEXT,
    WALL,
    WALL_TOP,
    Fonts,
    player_colour,
    put,
    put_centred,
)
from examples.arena.netcode import Place, place_of
from examples.arena.panel import WIDTH as PANEL_WIDTH
from examples.arena.panel import Panel
from examples.arena.session import Session

MINIMUM_SIZE: Final = (960, 600)

HELP: Final = "Move: WASD or arrows    Dash: space    P prediction    I interpolation    G server's view    Esc leave"

_MARGIN: Final = 12
_LINE_HEIGHT: Final = 24
_TRAIL: Final = 14
_FIELD_WIDTH: Final = rules.WIDTH / rules.UNITS_PER_PIXEL
_FIELD_HEIGHT: Final = rules.HEIGHT / rules.UNITS_PER_PIXEL
_GRID_PIXELS: Final = 60


@dataclass(slots=True)
class Options:
    """What the keys P, I and G switch."""

    predict: bool = True
    interpolate: bool = True
    show_ghosts: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """What goes where in a window."""

    field: pygame.Rect
    panel: pygame.Rect
    news_line: pygame.Rect
    help_line: pygame.Rect

    @classmethod
    def of(cls, size: tuple[int, int]) -> "Layout":
        """The panel keeps its width, the field keeps its shape and takes what is left."""
        width, height = max(size[0], MINIMUM_SIZE[0]), max(size[1], MINIMUM_SIZE[1])
        panel = pygame.Rect(width - PANEL_WIDTH, 0, PANEL_WIDTH, height)
        room_x, room_y = panel.left - 2 * _MARGIN, height - _MARGIN - 2 * _LINE_HEIGHT
        scale = min(room_x / _FIELD_WIDTH, room_y / _FIELD_HEIGHT)
        field = pygame.Rect(0, 0, int(_FIELD_WIDTH * scale), int(_FIELD_HEIGHT * scale))
        field.center = (panel.left // 2, _LINE_HEIGHT + room_y // 2 + 4)
        news_line = pygame.Rect(field.left, field.top - _LINE_HEIGHT + 3, field.width, _LINE_HEIGHT - 3)
        help_line = pygame.Rect(field.left, field.bottom + 7, field.width, _LINE_HEIGHT - 3)
        return cls(field, panel, news_line, help_line)


@final
class View:
    """Draws frame after frame; keeps what only the picture needs: the background, and where everybody just was."""

    def __init__(self, panel: Panel) -> None:
        self.options = Options()
        self._panel = panel
        self._fonts = Fonts()
        self._background: pygame.Surface | None = None
        self._trails: dict[int, deque[Place]] = {}

    def draw(self, surface: pygame.Surface, session: Session, share: float, message: str = "") -> None:
        """One frame. `share` is how much of the current tick has passed, `message` a line across the field."""
        layout = Layout.of(surface.get_size())
        if self._background is None or self._background.get_size() != surface.get_size():
            self._background = _draw_background(surface.get_size(), layout.field)
        surface.blit(self._background, (0, 0))
        canvas = _Canvas(surface, layout.field)
        for gem in session.gems:
            _draw_gem(canvas, (gem.x / rules.UNITS_PER_PIXEL, gem.y / rules.UNITS_PER_PIXEL))
        places = session.places(share, predict=self.options.predict, interpolate=self.options.interpolate)
        self._draw_players(canvas, session, places)
        if message:
            put_centred(surface, self._fonts.title, message, TEXT, layout.field.center)
        self._draw_lines(surface, session, layout)
        self._panel.draw(surface, layout.panel, self._fonts, session)

    def _draw_players(self, canvas: "_Canvas", session: Session, places: dict[int, Place]) -> None:
        self._trails = {number: trail for number, trail in self._trails.items() if number in places}
        newest = session.timeline.newest
        order = sorted(places, key=lambda number: number == session.me)  # we are on top of everybody
        for number in order:
            trail = self._trails.setdefault(number, deque(maxlen=_TRAIL))
            trail.append(places[number])
            for age, place in enumerate(trail):
                grown = age / len(trail)
                colour = player_colour(number).lerp(FLOOR, 0.95 - 0.45 * grown)
                canvas.circle(colour, place, 20 * (0.35 + 0.5 * grown))
        for number in order:
            body = newest.get(number)
            if self.options.show_ghosts and body is not None:
                canvas.ring(player_colour(number).lerp(FLOOR, 0.3), place_of(body), 20, 2)
        for number in order:
            _draw_player(canvas, number, places[number], self._heading(number), number == session.me)
        if session.me in places and session.prediction is not None:
            cooldown = session.prediction.body.cooldown
            canvas.ring(TEXT if not cooldown else FAINT, places[session.me], 26, 2)
        for number in order:
            x, y = canvas.point(places[number])
            name = session.names.get(number, "")
            name_colour = TEXT if number == session.me else SOFT
            half = self._fonts.body.size(name)[0] // 2
            x = max(canvas.field.left + half, min(canvas.field.right - half, x))
            above = y - canvas.length(36) - 4
            y = above if above > canvas.field.top + 8 else y + canvas.length(36) + 4
            put_centred(canvas.surface, self._fonts.body, name, name_colour, (x, y))

    def _heading(self, number: int) -> Place:
        """The direction somebody moves in, of length 1; to the front while they stand."""
        trail = self._trails[number]
        x, y = trail[-1][0] - trail[0][0], trail[-1][1] - trail[0][1]
        length = hypot(x, y)
        return (x / length, y / length) if length > 2 else (0.0, 0.35)

    def _draw_lines(self, surface: pygame.Surface, session: Session, layout: Layout) -> None:
        left, right = layout.news_line.left, layout.news_line.right
        for news in reversed(session.news):
            width = self._fonts.body.size(news)[0]
            if left + width > right:
                break
            put(surface, self._fonts.body, news, SOFT, (left, layout.news_line.top))
            left += width + 16
        put(surface, self._fonts.small, HELP, FAINT, layout.help_line.topleft)
        switched_off = [
            word
            for word, is_on in (("prediction", self.options.predict), ("interpolation", self.options.interpolate))
            if not is_on
        ]
        if switched_off:
            text = f"{' and '.join(switched_off)} off"
            put_centred(surface, self._fonts.title, text, ACCENT, (layout.field.centerx, layout.field.bottom - 30))


@final
class _Canvas:
    """A surface with the field's own coordinates."""

    def __init__(self, surface: pygame.Surface, field: pygame.Rect) -> None:
        self.surface = surface
        self.field = field
        self._scale = field.width / _FIELD_WIDTH

    def point(self, place: Place) -> tuple[int, int]:
        return round(self.field.left + place[0] * self._scale), round(self.field.top + place[1] * self._scale)

    def length(self, pixels: float) -> int:
        return max(1, round(pixels * self._scale))

    def circle(self, colour: ColorLike, place: Place, radius: float) -> None:
        pygame.draw.aacircle(self.surface, colour, self.point(place), self.length(radius))

    def ring(self, colour: ColorLike, place: Place, radius: float, width: int) -> None:
        pygame.draw.aacircle(self.surface, colour, self.point(place), self.length(radius), width)

    def polygon(self, colour: ColorLike, places: list[Place]) -> None:
        points = [self.point(place) for place in places]
        pygame.draw.polygon(self.surface, colour, points)
        pygame.draw.aalines(self.surface, colour, True, points)

    def box(self, colour: ColorLike, box: tuple[float, float, float, float], radius: float) -> None:
        """A rectangle with round corners: left, top, right, bottom."""
        left, top = self.point(box[:2])
        right, bottom = self.point(box[2:])
        area = (left, top, right - left, bottom - top)
        pygame.draw.rect(self.surface, colour, area, border_radius=self.length(radius))


def _draw_background(size: tuple[int, int], field: pygame.Rect) -> pygame.Surface:
    """All that never moves, drawn once for each size of the window."""
    surface = pygame.Surface(size)
    surface.fill(BACKGROUND)
    canvas = _Canvas(surface, field)
    pygame.draw.rect(surface, FLOOR, field, border_radius=8)
    for x in range(_GRID_PIXELS, int(_FIELD_WIDTH), _GRID_PIXELS):
        pygame.draw.line(surface, GRID, canvas.point((x, 0)), canvas.point((x, _FIELD_HEIGHT)))
    for y in range(_GRID_PIXELS, int(_FIELD_HEIGHT), _GRID_PIXELS):
        pygame.draw.line(surface, GRID, canvas.point((0, y)), canvas.point((_FIELD_WIDTH, y)))
    for wall in rules.WALLS:
        left, top, right, bottom = (side / rules.UNITS_PER_PIXEL for side in wall)
        canvas.box(SHADOW, (left + 7, top + 9, right + 7, bottom + 9), 12)
        canvas.box(WALL, (left, top, right, bottom), 12)
        canvas.box(WALL_TOP, (left + 5, top + 5, right - 5, bottom - 9), 9)
    pygame.draw.rect(surface, EDGE, field, 2, border_radius=8)
    return surface


def _draw_gem(canvas: _Canvas, place: Place) -> None:
    x, y = place
    canvas.circle((48, 46, 50), place, 20)
    canvas.polygon(GEM_DARK, [(x, y - 13), (x + 11, y), (x, y + 13), (x - 11, y)])
    canvas.polygon(GEM, [(x, y - 13), (x + 11, y), (x, y + 5), (x - 11, y)])
    canvas.polygon(GEM_LIGHT, [(x, y - 13), (x + 4, y - 2), (x, y + 5), (x - 11, y)])


def _draw_player(canvas: _Canvas, number: int, place: Place, heading: Place, is_me: bool) -> None:
    colour = player_colour(number)
    x, y = place
    canvas.circle(SHADOW, (x + 3, y + 5), 20)
    canvas.circle(colour.lerp(BACKGROUND, 0.45), place, 20)
    canvas.circle(colour, place, 17)
    if is_me:
        canvas.circle(colour.lerp(TEXT, 0.25), place, 13)
    for side in (-1, 1):  # two eyes that look where it goes
        eye = (x + 8 * heading[0] - side * 6 * heading[1], y + 8 * heading[1] + side * 6 * heading[0])
        if hypot(*heading) < 0.5:
            eye = (x + side * 6, y - 2)
        canvas.circle(TEXT, eye, 4.5)
        canvas.circle(BACKGROUND, (eye[0] + 1.6 * heading[0], eye[1] + 1.6 * heading[1]), 2.4)
