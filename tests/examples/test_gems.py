"""Is the game in one file a game: do two players see each other move, in a window that nobody sees?"""

from __future__ import annotations

import os
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

    last = client.play(str(server.address), frames=30)
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
