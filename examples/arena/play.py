"""How does one play? The window, the keys and the loop, around a client, a view and the panel."""

import sys
import time
from pathlib import Path
from typing import Final

import pygame

import gamesockets as gs
from examples.arena import rules
from examples.arena.bots import Brain
from examples.arena.client import Client
from examples.arena.panel import Panel, Slider
from examples.arena.view import MINIMUM_SIZE, View

FRAMES_PER_SECOND: Final = 60
SAMPLE_S: Final = 0.25
LAG_MS_MAX: Final = 300
LOSS_PERCENT_MAX: Final = 30

_KEYS: Final = {
    rules.UP: (pygame.K_w, pygame.K_UP),
    rules.DOWN: (pygame.K_s, pygame.K_DOWN),
    rules.LEFT: (pygame.K_a, pygame.K_LEFT),
    rules.RIGHT: (pygame.K_d, pygame.K_RIGHT),
    rules.DASH: (pygame.K_SPACE, pygame.K_LSHIFT),
}


def play(
    address: gs.Address,
    name: str,
    *,
    size: tuple[int, int] = (1280, 800),
    lag_ms: int = 0,
    loss_percent: int = 0,
    autopilot: bool = False,
    seconds: float | None = None,
    screenshot: Path | None = None,
) -> str:
    """Play until the player leaves, `seconds` have passed, or the connection ends; then the result says why.

    `autopilot` lets a bot hold the buttons. `screenshot` names a file for the last frame.
    """
    pygame.display.init()
    pygame.font.init()
    try:
        window = pygame.Window("gamesockets arena", size, resizable=True)
        window.minimum_size = MINIMUM_SIZE
        with gs.NetworkingSockets() as sockets:
            set_lag(sockets, lag_ms)
            set_loss(sockets, loss_percent)
            try:
                client = Client(sockets, address, name)
                panel = Panel(
                    str(address),
                    [
                        Slider("Fake lag, each way", "ms", LAG_MS_MAX, lag_ms, lambda ms: set_lag(sockets, ms)),
                        Slider(
                            "Fake loss, each way", "%", LOSS_PERCENT_MAX, loss_percent, lambda x: set_loss(sockets, x)
                        ),
                    ],
                )
                _loop(window, sockets, client, View(panel), panel, Brain() if autopilot else None, seconds)
                if screenshot is not None:
                    pygame.image.save(window.get_surface(), screenshot)
                ended = client.ended
                client.leave()
                return ended
            finally:  # they are the process's, not ours
                set_lag(sockets, 0)
                set_loss(sockets, 0)
    finally:
        pygame.quit()


def set_lag(sockets: gs.NetworkingSockets, milliseconds: int) -> None:
    """Hold every packet of this process back for so long, each way."""
    for value in (gs.ConfigurationValue.FAKE_PACKET_LAG_SEND, gs.ConfigurationValue.FAKE_PACKET_LAG_RECV):
        sockets.set_configuration_value(value, milliseconds)


def set_loss(sockets: gs.NetworkingSockets, percent: int) -> None:
    """Lose so many of the packets of this process, each way."""
    for value in (gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND, gs.ConfigurationValue.FAKE_PACKET_LOSS_RECV):
        sockets.set_configuration_value(value, float(percent))


def _loop(
    window: pygame.Window,
    sockets: gs.NetworkingSockets,
    client: Client,
    view: View,
    panel: Panel,
    autopilot: Brain | None,
    seconds: float | None,
) -> None:
    clock = pygame.time.Clock()
    end_s = sys.float_info.max if seconds is None else time.monotonic() + seconds
    sample_s = 0.0
    while not client.ended and time.monotonic() < end_s:
        for event in pygame.event.get():
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                return
            if event.type == pygame.KEYDOWN:
                _switch(view, event.key)
            for slider in panel.sliders:
                slider.handle(event)
        sockets.run_callbacks()
        session = client.session
        now_s = time.monotonic()
        client.update(now_s, held_buttons() if autopilot is None else autopilot.buttons(session))
        if now_s >= sample_s:
            sample_s = now_s + SAMPLE_S
            panel.sample(client.status())
        message = "" if session.is_playing else "connecting"
        view.draw(window.get_surface(), session, client.tick_share(now_s), message)
        window.flip()
        clock.tick(FRAMES_PER_SECOND)


def held_buttons() -> int:
    """What the keyboard says at this moment."""
    pressed = pygame.key.get_pressed()
    return sum(button for button, keys in _KEYS.items() if any(pressed[key] for key in keys))


def _switch(view: View, key: int) -> None:
    options = view.options
    if key == pygame.K_p:
        options.predict = not options.predict
    elif key == pygame.K_i:
        options.interpolate = not options.interpolate
    elif key == pygame.K_g:
        options.show_ghosts = not options.show_ghosts
