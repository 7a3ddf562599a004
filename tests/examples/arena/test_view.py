"""Does the window show the match at any size, and do its sliders make the network worse? Without a screen."""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.examples.arena.simulated import SimulatedMatch
from tests.examples.programs import example
from tests.support.programs import Program

import gamesockets as gs
from examples.arena.bots import Brain
from examples.arena.session import Session
from gamesockets import sim

os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"
pygame = pytest.importorskip("pygame", reason="the game's window needs pygame-ce: pip install 'gamesockets[examples]'")

from examples.arena import play as play_module  # noqa: E402 - after pygame was looked for
from examples.arena import rules  # noqa: E402
from examples.arena.panel import Panel, Slider, network_rows  # noqa: E402
from examples.arena.view import MINIMUM_SIZE, Layout, View  # noqa: E402

SIZES = [MINIMUM_SIZE, (1280, 800), (1920, 1080), (960, 1200), (2560, 640)]


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.init()
    pygame.font.init()
    yield
    pygame.quit()


@cache
def played(players: int) -> Session:
    """What somebody sees after some seconds of play among so many."""
    game = SimulatedMatch(seed=2)
    for number in range(players):
        game.join(f"player number {number}", Brain(number).buttons, sim.Conditions(latency=0.05, loss=0.02))
    game.world.run(1.5)
    return game.clients[-1].session


@pytest.mark.parametrize("size", SIZES)
def test_nothing_overlaps_at_any_size(size: tuple[int, int]) -> None:
    layout = Layout.of(size)
    window = pygame.Rect((0, 0), size)
    parts = [layout.field, layout.panel, layout.news_line, layout.help_line]
    for number, part in enumerate(parts):
        assert window.contains(part)
        assert part.collidelist(parts[number + 1 :]) == -1
    assert layout.field.width / layout.field.height == pytest.approx(rules.WIDTH / rules.HEIGHT, rel=0.01)


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_follows_the_windows_size(size: tuple[int, int]) -> None:
    session = played(3)
    view = View(Panel("127.0.0.1:27015", [Slider("Fake lag", "ms", 300, 60, lambda _: None)]))
    for shown in (MINIMUM_SIZE, size, (640, 480)):
        surface = pygame.Surface(shown)
        view.draw(surface, session, 0.5)
    surface = pygame.Surface(size)
    view.draw(surface, session, 0.5)
    field = Layout.of(size).field
    scale = field.width / (rules.WIDTH / rules.UNITS_PER_PIXEL)
    colours = set()
    for x, y in session.places(0.5).values():
        colours.add(tuple(surface.get_at((round(field.left + x * scale), round(field.top + y * scale)))))
    floor = tuple(surface.get_at((field.left + 12, field.top + 12)))
    assert len(colours) == 3
    assert floor not in colours


def test_a_window_can_be_resized_while_the_game_runs() -> None:
    session = played(2)
    view = View(Panel("somewhere", []))
    window = pygame.Window("test", (1280, 800), resizable=True)
    window.minimum_size = MINIMUM_SIZE
    for wanted, size in (((1280, 800),) * 2, ((1000, 700),) * 2, ((300, 200), MINIMUM_SIZE)):
        window.size = wanted
        surface = window.get_surface()
        view.draw(surface, session, 0.5)
        window.flip()
        assert surface.get_size() == size
        field = Layout.of(size).field
        assert surface.get_at((field.left + 60, field.top))[:3] == (64, 76, 110)  # its edge is where it should be
    window.destroy()


@pytest.mark.parametrize("players", [1, 32])
def test_the_panel_has_room_for_one_and_for_all(players: int) -> None:
    session = played(players)
    panel = Panel("somewhere", [Slider("Fake lag", "ms", 300, 0, lambda _: None) for _ in range(2)])
    surface = pygame.Surface(MINIMUM_SIZE)
    View(panel).draw(surface, session, 0.0, "connecting")
    area = Layout.of(MINIMUM_SIZE).panel
    assert all(area.contains(slider.rect) for slider in panel.sliders)
    own_row = pygame.Rect(area.left, 40, 12, 250)
    assert any(surface.get_at((own_row.left + 12, y))[:3] == (30, 37, 57) for y in range(own_row.top, own_row.bottom))


def test_a_slider_follows_the_mouse_and_stays_in_its_range() -> None:
    values: list[int] = []
    slider = Slider("Fake lag", "ms", 300, 0, values.append)
    slider.rect = pygame.Rect(100, 50, 214, 38)

    def mouse(kind: int, x: int, y: int = 70) -> None:
        slider.handle(pygame.event.Event(kind, pos=(x, y), button=1))

    mouse(pygame.MOUSEMOTION, 200)  # nobody has pressed
    mouse(pygame.MOUSEBUTTONDOWN, 20)  # somewhere else
    mouse(pygame.MOUSEMOTION, 200)
    assert values == []
    mouse(pygame.MOUSEBUTTONDOWN, 207)
    mouse(pygame.MOUSEMOTION, 900, 900)
    mouse(pygame.MOUSEMOTION, -5)
    mouse(pygame.MOUSEBUTTONUP, -5)
    mouse(pygame.MOUSEMOTION, 207)
    assert values == [150, 300, 0]


def test_the_sliders_set_the_networks_values() -> None:
    with gs.NetworkingSockets() as sockets:
        play_module.set_lag(sockets, 40)
        play_module.set_loss(sockets, 7)
        values = gs.ConfigurationValue
        try:
            assert sockets.get_configuration_value(values.FAKE_PACKET_LAG_SEND) == 40
            assert sockets.get_configuration_value(values.FAKE_PACKET_LAG_RECV) == 40
            assert sockets.get_configuration_value(values.FAKE_PACKET_LOSS_SEND) == 7
            assert sockets.get_configuration_value(values.FAKE_PACKET_LOSS_RECV) == 7
        finally:
            play_module.set_lag(sockets, 0)
            play_module.set_loss(sockets, 0)


def test_figures_that_are_not_known_yet_are_dashes() -> None:
    with gs.NetworkingSockets() as sockets:
        connection = sockets.connect(gs.Address("127.0.0.1", 9))
        rows = dict(network_rows(sockets.get_quick_connection_status(connection), Session("Ada")))
    assert rows["Ping"] == "-"
    assert rows["Quality in / out"] == "- / -"
    assert rows["Guesses proven wrong"] == "-"
    assert dict(network_rows(None, Session("Ada")))["Connection"] == "ended"


def test_a_player_among_bots_is_drawn_and_photographed(tmp_path: Path) -> None:
    """Server, bots and a window, each in a process of its own; the window on a screen that does not exist."""
    photograph = tmp_path / "arena.png"
    options = ["--count", "3", "--autopilot", "--seconds", "1.5", "--size", "960x600", "--lag", "40", "--loss", "5"]
    with Program(example("arena", "demo", *options, "--screenshot", str(photograph))) as demo:
        assert demo.finish() == 0
        assert demo.output == []
    image = pygame.image.load(photograph)
    assert image.get_size() == (960, 600)
    colours = {tuple(image.get_at((x, y)))[:3] for x in range(0, 960, 3) for y in range(0, 600, 3)}
    assert len(colours) > 100


def test_the_keyboard_and_the_close_button_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with gs.NetworkingSockets() as sockets:
        listen_socket = sockets.create_listen_socket(gs.Address("127.0.0.1", 0))
        address = sockets.get_listen_socket_address(listen_socket)
        assert address is not None
        pressed = dict.fromkeys((pygame.K_w, pygame.K_RIGHT, pygame.K_SPACE), True)
        monkeypatch.setattr(pygame.key, "get_pressed", lambda: _Keys(pressed))
        assert play_module.held_buttons() == rules.UP | rules.RIGHT | rules.DASH
        for key in (pygame.K_p, pygame.K_i, pygame.K_g, pygame.K_p):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key))
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        assert play_module.play(address, "Ada") == ""  # without the close button it would go on for ever


class _Keys(dict[int, bool]):
    def __missing__(self, key: int) -> bool:
        return False


def test_the_server_s_view_and_life_without_prediction_can_be_looked_at() -> None:
    session = played(2)
    view = View(Panel("somewhere", []))
    pictures = set()
    for switch in ("show_ghosts", "predict", "interpolate"):
        surface = pygame.Surface(MINIMUM_SIZE)
        view.draw(surface, session, 1.0)
        pictures.add(pygame.image.tobytes(surface, "RGB"))
        setattr(view.options, switch, not getattr(view.options, switch))
    assert len(pictures) == 3


def test_dragging_a_slider_makes_the_network_worse_until_the_window_closes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads the values from another `NetworkingSockets`: they are the process's."""
    values = (gs.ConfigurationValue.FAKE_PACKET_LAG_SEND, gs.ConfigurationValue.FAKE_PACKET_LOSS_RECV)
    seen: list[list[object]] = []
    draw = View.draw
    with gs.NetworkingSockets() as sockets:

        def draw_and_drag(view: View, surface: Any, *rest: Any) -> None:
            draw(view, surface, *rest)
            seen.append([sockets.get_configuration_value(value) for value in values])
            lag, loss = view._panel.sliders
            step = [
                (pygame.MOUSEBUTTONDOWN, {"pos": lag.track.midright, "button": 1}),
                (pygame.MOUSEBUTTONUP, {"pos": lag.track.midright, "button": 1}),
                (pygame.MOUSEBUTTONDOWN, {"pos": loss.track.center, "button": 1}),
                (pygame.QUIT, {}),
            ][len(seen) - 1]
            pygame.event.post(pygame.event.Event(*step))

        monkeypatch.setattr(View, "draw", draw_and_drag)
        assert play_module.play(gs.Address("127.0.0.1", 9), "Ada", lag_ms=20) == ""
        assert seen == [[20, 0.0], [300, 0.0], [300, 0.0], [300, 15.0]]
        assert [sockets.get_configuration_value(value) for value in values] == [0, 0.0]
