"""Can `gamesockets play` be played: alone, by two, with keys, on a bad network, and is everybody told of the end?"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator

import pytest
from tests.support.ports import free_port, silent_address
from tests.support.programs import Program, gamesockets
from tests.support.waiting import wait_until
from typer.testing import CliRunner

import gamesockets as gs
from gamesockets.cli import play_rules as rules
from gamesockets.cli.keys import Keys
from gamesockets.cli.play import FRAME_S, Game, spoiled
from gamesockets.cli.play_client import GameClient
from gamesockets.cli.play_server import GameServer
from gamesockets.cli.play_view import SCREEN_HEIGHT, SCREEN_WIDTH, Spoiling, plain_line
from gamesockets.cli.terminal import StopRequest
from gamesockets.cli.whole import app

runner = CliRunner()
LOCAL = gs.Address("127.0.0.1", 0)


class Table:
    """A server and two players, all in this thread."""

    def __init__(self, server_sockets: gs.NetworkingSockets, player_sockets: list[gs.NetworkingSockets]) -> None:
        self.server = GameServer(server_sockets, LOCAL, bots=1, seed=1)
        self.players = [GameClient(s, self.server.address, f"p{n}") for n, s in enumerate(player_sockets)]

    def play(self) -> None:
        """A moment of the game."""
        self.server.take_in()
        self.server.tick()
        for player in self.players:
            player.take_in()
            player.send_steering()


@pytest.fixture
def table() -> Iterator[Table]:
    with gs.NetworkingSockets() as server, gs.NetworkingSockets() as one, gs.NetworkingSockets() as two:
        yield Table(server, [one, two])


def wait_for_state(table: Table) -> None:
    wait_until(lambda: all(len(player.names) == 3 for player in table.players), "players", pause=table.play)
    wait_until(
        lambda: all(player.state is not None and len(player.state.players) == 3 for player in table.players),
        "state",
        pause=table.play,
    )


def test_two_players_see_each_other_and_the_bot(table: Table) -> None:
    wait_for_state(table)
    one, two = table.players
    assert set(one.names.values()) == {"Ada", "p0", "p1"}
    assert {one.number, two.number} == {1, 2}
    assert one.number is not None
    one.steers = rules.LEFT
    number = one.number

    def is_left() -> bool:
        return two.state is not None and two.state.players[number][0] == 0

    wait_until(is_left, "the first player at the left wall, as the second one sees it", pause=table.play)
    assert "Ada " in plain_line(one, one.status())
    one.leave()
    wait_until(lambda: "p0 leaves" in two.news, "news", pause=table.play)
    assert number not in table.server.arena.players


def test_the_server_ends_and_all_are_told(table: Table) -> None:
    wait_for_state(table)
    table.server.end()
    for player in table.players:
        wait_until(lambda: player.ended is not None, "end", pause=player.take_in)  # noqa: B023 - called at once
        assert player.ended is not None
        assert player.ended.end_debug == "the host has ended the game"


def test_nonsense_and_one_too_many_have_to_go(table: Table) -> None:
    wait_for_state(table)
    arena = table.server.arena
    while len(arena.players) < rules.PLAYERS_MAX:
        arena.join("bot", is_bot=True)
    with gs.NetworkingSockets() as sockets:
        late = GameClient(sockets, table.server.address, "late")

        def is_over() -> bool:
            late.take_in()
            return late.ended is not None

        wait_until(is_over, "refusal", pause=table.play)
        assert late.ended is not None
        assert late.ended.end_debug == "the arena is full: 12 play"
        connection = sockets.connect(table.server.address)
        sockets.send_message_to_connection(connection, b"?", gs.SendFlags.RELIABLE)
        wait_until(
            lambda: (info := sockets.get_connection_info(connection)) is not None and info.end_reason == 1002,
            "refusal of nonsense",
            pause=table.play,
        )


def test_keys_steer_and_spoil(table: Table) -> None:
    wait_for_state(table)
    client = table.players[0]
    spoiling, applied = Spoiling(), []
    game = Game(client, lambda: applied.append((spoiling.loss_percent, spoiling.lag_ms)), spoiling, StopRequest())
    assert game.press("w")
    assert client.steers == rules.UP
    assert game.press("A\x1b[A\x1b[A\x1bOC")
    assert client.steers == rules.LEFT
    assert applied == [(5, 0), (10, 0), (10, 20)]
    assert game.press("\x1b[B\x1b[D\x1b[D \x1b")
    assert (spoiling.loss_percent, spoiling.lag_ms, client.steers) == (5, 0, rules.STOP)
    assert game.press("\xe0H\x00M")
    assert (spoiling.loss_percent, spoiling.lag_ms) == (10, 20)
    assert not game.press("dq")
    game.status = client.status()
    picture = game.screen(SCREEN_WIDTH, SCREEN_HEIGHT).plain
    assert len(picture.splitlines()) == SCREEN_HEIGHT
    assert max(map(len, picture.splitlines())) <= SCREEN_WIDTH
    for words in ("(you)", "◆", "@", "ping", "loss ↑↓", "10%", "20 ms", "W A S D"):
        assert words in picture
    assert "make it 80 x 22" in game.screen(40, 10).plain


class Pressed(Keys):
    """A keyboard on which that was pressed already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def wait(self, seconds: float) -> str:
        text, self._text = self._text, ""
        return text


def test_keys_are_heard_although_a_picture_takes_longer_than_a_frame(table: Table) -> None:
    pictures = 0

    def show() -> None:
        nonlocal pictures
        pictures += 1
        time.sleep(1.5 * FRAME_S)

    Game(table.players[0], lambda: None, Spoiling(), StopRequest()).run(Pressed("q"), 1.0, show)
    assert pictures == 1


def test_what_spoils_is_taken_back() -> None:
    value = gs.ConfigurationValue.FAKE_PACKET_LOSS_RECV
    with gs.NetworkingSockets() as sockets:
        with spoiled(sockets, Spoiling(25, 40)):
            assert sockets.get_configuration_value(value) == 25.0
            assert sockets.get_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LAG_SEND) == 40
        assert sockets.get_configuration_value(value) == 0.0


def test_a_game_of_ones_own_against_bots_on_a_bad_network() -> None:
    command = gamesockets("play", "--bind", f"127.0.0.1:{free_port()}", "--bots", "2", "-d", "2.5", "--loss", "10")
    with Program(command) as program:
        assert program.finish() == 0
        assert any("Ada " in line and "Bob " in line and "player " in line for line in program.output), program.output


def test_joining_a_server_until_it_ends() -> None:
    with Program(gamesockets("play", "--serve", "--bind", "127.0.0.1:0", "--bots", "0")) as server:
        address = server.wait_for(r"arena listening on (\S+)")[1]
        with Program(gamesockets("play", address, "--name", "Ada")) as player:
            player.wait_for(r"Ada \d+; ping")
            server.signal(signal.SIGINT if os.name != "nt" else signal.SIGTERM)
            if os.name != "nt":
                player.wait_for(
                    r"gamesockets play: connection to .* ended: the peer closed it \(1000: the host has ended"
                )
                assert player.finish() == 1
                assert server.finish() == 0


def test_no_game_there() -> None:
    result = runner.invoke(app, ["play", "nobody.invalid"])
    assert result.exit_code == 2
    assert "cannot resolve 'nobody.invalid'" in result.stderr
    with silent_address() as taken:
        result = runner.invoke(app, ["play", "--serve", "--bind", str(taken)])
    assert result.exit_code == 1
    assert "choose another --bind" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo terminals to test with")
def test_on_a_terminal() -> None:
    import fcntl
    import pty
    import struct
    import termios

    child, outer = pty.fork()
    if not child:
        os.environ["TERM"] = "xterm-256color"
        command = gamesockets("play", "--bind", "127.0.0.1:0", "--bots", "1")
        os.execv(command[0], command)  # noqa: S606 - our own program
    fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    seen = b""

    def read() -> None:
        nonlocal seen
        try:
            seen += os.read(outer, 65536)
        except OSError:
            seen += b"<end>"

    wait_until(lambda: b"First to" in seen or b"<end>" in seen, lambda: repr(seen[-500:]), pause=read)
    os.write(outer, b"d\x1b[Aq")
    wait_until(lambda: b"<end>" in seen, lambda: repr(seen[-500:]), pause=read)
    assert os.waitpid(child, 0)[1] == 0
    assert b"states lost" in seen
    os.close(outer)
