"""What is the network doing, and what if it were worse? The panel beside the field: scores, figures, sliders."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, final

import pygame

import gamesockets as gs
from examples.arena.look import (
    ACCENT,
    FAINT,
    PANEL,
    PANEL_LINE,
    SOFT,
    TEXT,
    WARNING,
    WELL,
    Fonts,
    player_colour,
    put,
    put_right,
)
from examples.arena.session import Session

WIDTH: Final = 280
_PADDING: Final = 16
_ROW: Final = 20
_SCORE_ROW: Final = 22
_GRAPH_HEIGHT: Final = 52
_SLIDER_HEIGHT: Final = 40
_HEADING: Final = 24

SAMPLES: Final = 120
"""Of the ping, four a second: what the graph shows."""

_PING_GRAPH_MS_MIN: Final = 50


def network_rows(status: gs.ConnectionStatus | None, session: Session) -> list[tuple[str, str]]:
    """The figures of the overlay, a label and a value each; `-` for what is not known yet."""
    timeline, prediction = session.timeline, session.prediction
    pending = 0 if prediction is None else prediction.pending
    wrong = f"{100 * session.corrections / session.snapshots:.0f}%" if session.snapshots else "-"
    rows = [
        ("Others shown late by", f"{1000 * timeline.delay_s:.0f} ms"),
        ("Snapshot jitter", f"{1000 * timeline.jitter_s:.0f} ms"),
        ("Inputs on their way", f"{pending}"),
        ("Guesses proven wrong", wrong),
    ]
    if status is None:
        return [("Connection", "ended"), *rows]
    queued = status.pending_reliable + status.pending_unreliable
    return [
        ("Ping", "-" if status.ping < 0 else f"{status.ping} ms"),
        (
            "Quality in / out",
            f"{_percent(status.connection_quality_local)} / {_percent(status.connection_quality_remote)}",
        ),
        ("In", f"{status.in_bytes_per_second / 1000:.1f} kB/s, {status.in_packets_per_second:.0f} packets/s"),
        ("Out", f"{status.out_bytes_per_second / 1000:.1f} kB/s, {status.out_packets_per_second:.0f} packets/s"),
        ("Queued / unacked", f"{queued} / {status.sent_unacked_reliable} B"),
        *rows,
    ]


def _percent(share: float) -> str:
    return "-" if share < 0 else f"{100 * share:.0f}%"


@final
class Slider:
    """A number to drag. `changed` is called with each new value."""

    def __init__(self, label: str, unit: str, maximum: int, value: int, changed: Callable[[int], None]) -> None:
        self.label = label
        self.unit = unit
        self.value = value
        self.rect = pygame.Rect(0, 0, 0, 0)
        """Where it lies; set by whoever lays out."""
        self._maximum = maximum
        self._changed = changed
        self._is_dragged = False

    @property
    def track(self) -> pygame.Rect:
        """The groove that the knob runs in."""
        return pygame.Rect(self.rect.left + 7, self.rect.bottom - 14, self.rect.width - 14, 4)

    def handle(self, event: pygame.event.Event) -> None:
        """Mouse events: a click anywhere on the slider, then dragging, also outside of it."""
        if event.type == pygame.MOUSEBUTTONDOWN and event.button == 1 and self.rect.collidepoint(event.pos):
            self._is_dragged = True
        elif event.type == pygame.MOUSEBUTTONUP and event.button == 1:
            self._is_dragged = False
        if self._is_dragged and event.type in {pygame.MOUSEBUTTONDOWN, pygame.MOUSEMOTION}:
            track = self.track
            share = min(1.0, max(0.0, (event.pos[0] - track.left) / max(1, track.width)))
            value = round(share * self._maximum)
            if value != self.value:
                self.value = value
                self._changed(value)

    def draw(self, surface: pygame.Surface, fonts: Fonts) -> None:
        """Label and value above, groove and knob below."""
        put(surface, fonts.body, self.label, SOFT, (self.rect.left, self.rect.top))
        put_right(surface, fonts.body, f"{self.value} {self.unit}", TEXT, (self.rect.right, self.rect.top))
        track = self.track
        filled = round(track.width * self.value / self._maximum)
        pygame.draw.rect(surface, PANEL_LINE, track, border_radius=2)
        colour = WARNING if self.value else ACCENT
        pygame.draw.rect(surface, colour, (track.left, track.top, filled, track.height), border_radius=2)
        knob = (track.left + filled, track.centery)
        pygame.draw.aacircle(surface, TEXT, knob, 8)
        pygame.draw.aacircle(surface, colour, knob, 5)


@final
class Panel:
    """Everything beside the field. It shows what it is given and decides nothing."""

    def __init__(self, title: str, sliders: Sequence[Slider]) -> None:
        self.sliders = list(sliders)
        self.pings: deque[int] = deque(maxlen=SAMPLES)
        self.status: gs.ConnectionStatus | None = None
        self._title = title

    def sample(self, status: gs.ConnectionStatus | None) -> None:
        """A new look at the connection, some times a second."""
        self.status = status
        if status is not None and status.ping >= 0:
            self.pings.append(status.ping)

    def draw(self, surface: pygame.Surface, area: pygame.Rect, fonts: Fonts, session: Session) -> None:
        """From the bottom up what has a fixed height, then as many scores as fit above."""
        pygame.draw.rect(surface, PANEL, area)
        pygame.draw.line(surface, PANEL_LINE, area.topleft, area.bottomleft)
        inner = area.inflate(-2 * _PADDING, -2 * _PADDING)
        rows = network_rows(self.status, session)
        bottom = inner.bottom
        for slider in reversed(self.sliders):
            bottom -= _SLIDER_HEIGHT
            slider.rect = pygame.Rect(inner.left, bottom, inner.width, _SLIDER_HEIGHT - 2)
            slider.draw(surface, fonts)
        bottom -= _HEADING
        _heading(surface, fonts, "WHAT IF THE NETWORK WERE WORSE?", inner, bottom)
        bottom -= len(rows) * _ROW + 10
        for number, (label, value) in enumerate(rows):
            y = bottom + number * _ROW
            put(surface, fonts.body, label, SOFT, (inner.left, y))
            put_right(surface, fonts.body, value, TEXT, (inner.right, y))
        bottom -= _GRAPH_HEIGHT + 8
        self._draw_graph(surface, fonts, pygame.Rect(inner.left, bottom, inner.width, _GRAPH_HEIGHT))
        bottom -= _HEADING
        _heading(surface, fonts, "NETWORK", inner, bottom)
        put(surface, fonts.title, "ARENA", TEXT, inner.topleft)
        put_right(surface, fonts.small, self._title, FAINT, (inner.right, inner.top + 9))
        self._draw_scores(surface, fonts, session, inner, inner.top + 38, bottom - 2)

    def _draw_scores(
        self, surface: pygame.Surface, fonts: Fonts, session: Session, inner: pygame.Rect, top: int, bottom: int
    ) -> None:
        ranking = sorted(session.names, key=lambda number: (-session.scores.get(number, 0), number))
        room = max(1, (bottom - top) // _SCORE_ROW)
        shown = ranking if len(ranking) <= room else ranking[: room - 1]
        if session.me in ranking and session.me not in shown:
            shown = [*shown[:-1], session.me]
        for row, number in enumerate(shown):
            y = top + row * _SCORE_ROW
            if number == session.me:
                pygame.draw.rect(surface, WELL, (inner.left - 6, y - 3, inner.width + 12, _SCORE_ROW), border_radius=5)
            pygame.draw.aacircle(surface, player_colour(number), (inner.left + 6, y + 8), 6)
            put(
                surface, fonts.body, session.names[number], TEXT if number == session.me else SOFT, (inner.left + 20, y)
            )
            put_right(surface, fonts.body, str(session.scores.get(number, 0)), TEXT, (inner.right, y))
        if len(shown) < len(ranking):
            y = top + len(shown) * _SCORE_ROW
            put(surface, fonts.small, f"and {len(ranking) - len(shown)} more", FAINT, (inner.left + 20, y))

    def _draw_graph(self, surface: pygame.Surface, fonts: Fonts, area: pygame.Rect) -> None:
        pygame.draw.rect(surface, WELL, area, border_radius=5)
        top_ms = _PING_GRAPH_MS_MIN
        while top_ms < max(self.pings, default=0):
            top_ms *= 2
        if len(self.pings) > 1:
            step = (area.width - 6) / (SAMPLES - 1)
            left = area.right - 3 - step * (len(self.pings) - 1)
            height = area.height - 24  # above it there is room for the words
            points = [(left + step * i, area.bottom - 4 - height * ms / top_ms) for i, ms in enumerate(self.pings)]
            pygame.draw.aalines(surface, ACCENT, False, points)
        put(surface, fonts.small, f"ping of the last {SAMPLES // 4} s", FAINT, (area.left + 6, area.top + 4))
        put_right(surface, fonts.small, f"0 to {top_ms} ms", FAINT, (area.right - 6, area.top + 4))


def _heading(surface: pygame.Surface, fonts: Fonts, text: str, inner: pygame.Rect, y: int) -> None:
    put(surface, fonts.small, text, FAINT, (inner.left, y + 4))
