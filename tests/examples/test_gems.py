"""Is the game in one file a game: do two players see each other move, in a window that nobody sees?"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from tests.support.waiting import wait_until

import gamesockets as gs
from examples.gems.server import HEIGHT, PLACE, WIDTH, Game

FOLDER: Final = Path(__file__).parents[2] / "examples"


@pytest.fixture
def server() -> Iterator[gs.Server]:
    """The game, on a thread of its own."""
    with gs.Server("127.0.0.1:0") as running:
        thread = threading.Thread(target=running.run, args=(Game(running).tick,), kwargs={"hz": 60})
        thread.start()
        yield running
        running.stop()
        thread.join()


def places(client: gs.Client) -> list[tuple[int, ...]]:
    """The newest state that has come; empty without."""
    found = [event.data for event in client.events() if isinstance(event, gs.Received)]
    return list(PLACE.iter_unpack(found[-1])) if found else []


def test_players_move_and_see_each_other(server: gs.Server) -> None:
    with gs.Client(server.address) as one, gs.Client(server.address) as two:
        seen: list[list[tuple[int, ...]]] = [[], []]

        def step() -> None:
            one.send(bytes((2, 0)))
            two.wait(0.05)
            for mine, client in enumerate((one, two)):
                seen[mine] = places(client) or seen[mine]

        wait_until(lambda: len(seen[1]) == 2 and seen[1][1][1:] == (WIDTH, 0), lambda: f"corner: {seen}", pause=step)
        assert seen[1][0][1:] == (WIDTH // 2, HEIGHT // 2)
        assert seen[0][0][0] == seen[1][1][0], "each has the same number for both"
        two.send(b"\xff\xff")  # nonsense is dropped
        one.close()
        wait_until(
            lambda: len(seen[1]) == 1, "one player left", pause=lambda: seen.__setitem__(1, places(two) or seen[1])
        )


def test_the_window_shows_the_players(server: gs.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")
    from examples.gems import client

    last = client.play(str(server.address), frames=30) or client.play(str(server.address), frames=1200)
    number, x, y = PLACE.unpack(last)
    assert (x, y) == (WIDTH // 2, HEIGHT // 2)
    window = pygame.Surface((WIDTH, HEIGHT))
    client.draw(window, last + PLACE.pack(number + 1, 100, 50))
    assert window.get_at((100, 50)) == client.colour(number + 1)
    assert window.get_at((x, y)) == client.colour(number)
    assert window.get_at((10, 10)) == (18, 22, 35, 255)


def test_it_is_short() -> None:
    for name in ("server", "client"):
        assert (FOLDER / "gems" / f"{name}.py").read_text("utf-8").count("\n") <= 80


def test_the_container_runs_what_there_is() -> None:
    """Ports, program and health check; the files themselves are built elsewhere."""
    text = (FOLDER / "deploy" / "Dockerfile").read_text("utf-8")
    assert '"examples.gems.server", "[::]:27015"' in text
    assert "EXPOSE 27015/udp" in text
    assert "USER 65532" in text
    assert "27015:27015/udp" in (FOLDER / "deploy" / "compose.yaml").read_text("utf-8")


def test_panda3d_places_the_players(server: gs.Server) -> None:
    pytest.importorskip("panda3d", reason="Panda3D is not installed")
    from examples.gems.panda3d_client import Window

    window = Window(str(server.address), windowType="none")
    try:
        with window.client:
            window.aspect2d = window.render2d.attachNewNode("aspect2d")
            window.held["arrow_right"] = 1
            wait_until(
                lambda: any(node.getX() == 1.0 for node in window.players.values()),
                "the right edge",
                pause=window.taskMgr.step,
            )
            window.show(b"")
            assert window.players == {}
    finally:
        window.destroy()


def test_ursina_places_the_players(server: gs.Server) -> None:
    pytest.importorskip("ursina", reason="Ursina is not installed")
    program = (
        "import sys, time\n"
        "from ursina import Ursina, held_keys\n"
        "from examples.gems.ursina_client import Network\n"
        "app = Ursina(window_type='none')\n"
        "network = Network(sys.argv[1])\n"
        "held_keys['right arrow'] = 1\n"
        "end = time.monotonic() + 20\n"
        "with network.client:\n"
        "    while time.monotonic() < end and not any(p.x == 4.0 for p in network.players.values()):\n"
        "        app.step()\n"
        "    print('right edge', [tuple(p.position) for p in network.players.values()])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(server.address)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=FOLDER.parent,
    )
    assert "right edge [(4.0, 0.0, 0.0)]" in done.stdout, done.stdout + done.stderr


def test_arcade_shows_the_players(server: gs.Server) -> None:
    """Only where there is a screen, or EGL: Arcade draws with OpenGL 3.3."""
    pytest.importorskip("arcade", reason="Arcade is not installed")
    program = (
        "import os, sys, time\n"
        "os.environ['ARCADE_HEADLESS'] = 'True'\n"
        "import arcade\n"
        "from examples.gems.arcade_client import Window\n"
        "window = Window(sys.argv[1])\n"
        "end = time.monotonic() + 20\n"
        "with window.client:\n"
        "    while time.monotonic() < end and not window.places:\n"
        "        window.on_update(0.02)\n"
        "        time.sleep(0.02)\n"
        "    window.on_draw()\n"
        "    print('places', len(window.places), arcade.get_image(310, 170, 20, 20).getpixel((10, 10))[:3])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(server.address)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
        cwd=FOLDER.parent,
    )
    if done.returncode and ("EGL" in done.stderr or "GL" in done.stderr):
        pytest.skip("no OpenGL without a screen here")
    assert "places 5 (100, 100, 220)" in done.stdout, done.stdout + done.stderr
