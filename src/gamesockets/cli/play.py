"""`gamesockets play`: a small game in the terminal, to see what a bad network does to one, and what it does not."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Final, final

import typer
from rich.console import Console
from rich.live import Live
from rich.text import Text

import gamesockets as gs
from gamesockets.cli.addresses import resolve, resolve_bind
from gamesockets.cli.completions import complete_address, complete_bind
from gamesockets.cli.help_text import examples
from gamesockets.cli.keys import Keys, NoKeys, keyboard
from gamesockets.cli.peers import how_it_ended, why_not_connected
from gamesockets.cli.play_client import GameClient
from gamesockets.cli.play_messages import clean_name
from gamesockets.cli.play_rules import BOT_NAMES, DOWN, LEFT, RIGHT, STOP, UP
from gamesockets.cli.play_server import GameServer
from gamesockets.cli.play_view import Spoiling, plain_line, screen
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_USAGE, InputError, StopRequest, fail, say, stop_signals

EPILOG: Final = examples(
    ("gamesockets play", "against bots, and whoever joins"),
    ("gamesockets play 192.0.2.7 --name Ada", "join the game on that computer"),
    ("gamesockets play --serve --bots 0", "only the server, until Ctrl-C"),
)
FRAME_S: Final = 1 / 25
STATUS_S: Final = 0.25
PLAIN_S: Final = 1.0
LOSS_STEP_PERCENT: Final = 5
LOSS_MAX_PERCENT: Final = 50
LAG_STEP_MS: Final = 20
LAG_MAX_MS: Final = 300
CONNECT_TIMEOUT_S: Final = 10.0
LISTENING: Final = "arena listening on "

_STEERING: Final = {"w": UP, "s": DOWN, "a": LEFT, "d": RIGHT, " ": STOP}
_ARROWS: Final = {
    "A": (LOSS_STEP_PERCENT, 0),
    "B": (-LOSS_STEP_PERCENT, 0),
    "C": (0, LAG_STEP_MS),
    "D": (0, -LAG_STEP_MS),
}
_WINDOWS_ARROWS: Final = {"H": "A", "P": "B", "M": "C", "K": "D"}


def play(
    address: Annotated[
        str,
        typer.Argument(
            metavar="[ADDRESS]",
            help="The game to join; left out, one begins here, and others can join it.",
            autocompletion=complete_address,
            show_default=False,
        ),
    ] = "",
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Your name, up to 12 letters.")] = "player",
    bots: Annotated[
        int, typer.Option("--bots", min=0, max=len(BOT_NAMES), help="Players of the computer, in a game of your own.")
    ] = 3,
    bind: Annotated[
        str,
        typer.Option(
            "--bind", metavar="ADDRESS", help="Where a game of your own listens.", autocompletion=complete_bind
        ),
    ] = "[::]:27015",
    serve: Annotated[bool, typer.Option("--serve", help="Only the server, without a player.")] = False,
    loss: Annotated[
        int, typer.Option("--loss", min=0, max=LOSS_MAX_PERCENT, help="Simulated loss in percent, each way.")
    ] = 0,
    lag: Annotated[
        int, typer.Option("--lag", min=0, max=LAG_MAX_MS, help="Simulated delay in milliseconds, each way.")
    ] = 0,
    duration: Annotated[
        float | None,
        typer.Option("--duration", "-d", metavar="S", min=0.1, help="Seconds to play; until q if left out."),
    ] = None,
) -> None:
    """Play a small game: collect gems, against bots or somebody on your network, and spoil the network meanwhile.

    W, A, S and D steer; the arrow keys change the simulated loss and delay of your own packets. Beside the field stand
    ping, loss and rates. The server decides everything and tells all 20 times a second, unreliably: what is lost is
    made up for by the next. Without a terminal a line a second is written.

    Exit status: 0 played, 1 no game to be had there or the connection was lost, 2 wrong usage.
    """
    try:
        if serve:
            _serve(resolve_bind(bind), bots)
            return
        if address:
            _join(resolve(address), clean_name(name), Spoiling(loss, lag), duration)
            return
        resolve_bind(bind)
    except InputError as error:
        fail("play", str(error), EXIT_USAGE)
    with _server_beside(bind, bots) as port:
        _join(resolve(f"localhost:{port}"), clean_name(name), Spoiling(loss, lag), duration)


def _serve(address: gs.Address, bots: int) -> None:
    with stop_signals() as stop, gs.NetworkingSockets() as sockets:
        try:
            server = GameServer(sockets, address, bots)
        except OSError as error:
            fail("play", f"cannot listen on {address} ({error.strerror or error}): choose another --bind, or port 0")
        say(f"{LISTENING}{server.address}")
        try:
            server.run(stop)
        except KeyboardInterrupt:
            server.end()


@contextmanager
def _server_beside(bind: str, bots: int) -> Iterator[int]:
    """A game in a process of its own, so that what spoils our packets does not spoil those of others; its port."""
    command = [sys.executable, "-m", "gamesockets", "play", "--serve", "--bind", bind, "--bots", str(bots)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as server:
        try:
            first = server.stdout.readline() if server.stdout is not None else ""
            if not first.startswith(LISTENING):
                raise typer.Exit(EXIT_FAILURE)  # it has said why
            yield int(first.rpartition(":")[2])
        finally:
            server.terminate()


def _join(addresses: Sequence[gs.Address], name: str, spoiling: Spoiling, duration_s: float | None) -> None:
    console = Console()
    is_live = sys.stdout.isatty() and not console.is_dumb_terminal
    with stop_signals() as stop, gs.NetworkingSockets() as sockets, spoiled(sockets, spoiling) as spoil:
        game = Game(GameClient(sockets, addresses[0], name), spoil, spoiling, stop)
        try:
            if is_live:
                with keyboard() as keys, Live(console=console, screen=True, auto_refresh=False) as live:
                    game.run(keys, duration_s, lambda: live.update(game.screen(*console.size), refresh=True))
            else:
                game.run(NoKeys(), duration_s, game.plain_show())
        except KeyboardInterrupt:
            pass  # as good a way to leave as q
        client = game.client
        ended = client.ended
        last = plain_line(client, game.status)
        client.leave()
    if ended is not None and not client.is_connected:
        fail("play", why_not_connected(ended, addresses, CONNECT_TIMEOUT_S, "gamesockets play --serve"))
    if ended is not None:
        fail("play", f"connection to {addresses[0]} ended: {how_it_ended(ended)}")
    if is_live:
        say(last)


@final
class Game:
    """The loop of one player: keys in, steering out, a picture."""

    __slots__ = ("_spoil", "_spoiling", "_stop", "client", "status")

    def __init__(self, client: GameClient, spoil: Callable[[], None], spoiling: Spoiling, stop: StopRequest) -> None:
        self.client = client
        self._spoil = spoil
        self._spoiling = spoiling
        self._stop = stop
        self.status: gs.ConnectionStatus | None = None

    def run(self, keys: Keys, duration_s: float | None, show: Callable[[], None]) -> None:
        """Play until q, the end of the connection, or for so long."""
        client = self.client
        began = time.monotonic()
        end = math.inf if duration_s is None else began + duration_s
        frame_at = look_at = began
        while client.ended is None and (now := time.monotonic()) < end:
            client.take_in()
            client.send_steering()
            if now >= look_at:
                look_at = now + STATUS_S
                self.status = client.status()
            show()
            frame_at = max(frame_at + FRAME_S, now)
            while True:  # once in any case: on a slow machine the picture has taken the whole frame
                left = min(frame_at, end) - time.monotonic()
                with self._stop.waiting():
                    pressed = keys.wait(left)
                if pressed and not self.press(pressed):
                    return
                if left <= 0:
                    break

    def press(self, pressed: str) -> bool:
        """Keys were pressed; False if the player wants to leave."""
        rest = pressed
        while rest:
            arrow = _WINDOWS_ARROWS.get(rest[1:2]) if rest[0] in "\x00\xe0" else None
            if rest[:2] in ("\x1b[", "\x1bO"):
                arrow, rest = rest[2:3], rest[3:]
            elif arrow:
                rest = rest[2:]
            else:
                key, rest = rest[0].lower(), rest[1:]
                if key == "q":
                    return False
                self.client.steers = _STEERING.get(key, self.client.steers)
            if arrow in _ARROWS:
                self._change(*_ARROWS[arrow])
        return True

    def _change(self, loss_percent: int, lag_ms: int) -> None:
        spoiling = self._spoiling
        spoiling.loss_percent = min(max(spoiling.loss_percent + loss_percent, 0), LOSS_MAX_PERCENT)
        spoiling.lag_ms = min(max(spoiling.lag_ms + lag_ms, 0), LAG_MAX_MS)
        self._spoil()

    def screen(self, width: int, height: int) -> Text:
        """The picture of this moment."""
        return screen(self.client, self.status, self._spoiling, width, height)

    def plain_show(self) -> Callable[[], None]:
        """Writes a line a second."""
        due = time.monotonic() + PLAIN_S

        def show() -> None:
            nonlocal due
            if time.monotonic() >= due:
                due += PLAIN_S
                say(plain_line(self.client, self.status))

        return show


@contextmanager
def spoiled(sockets: gs.NetworkingSockets, spoiling: Spoiling) -> Iterator[Callable[[], None]]:
    """Simulated loss and delay for this process; the function applies what `spoiling` says now. Undone at the end."""

    def apply() -> None:
        for value in (gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND, gs.ConfigurationValue.FAKE_PACKET_LOSS_RECV):
            sockets.set_configuration_value(value, float(spoiling.loss_percent))
        for value in (gs.ConfigurationValue.FAKE_PACKET_LAG_SEND, gs.ConfigurationValue.FAKE_PACKET_LAG_RECV):
            sockets.set_configuration_value(value, spoiling.lag_ms)

    apply()
    try:
        yield apply
    finally:
        spoiling.loss_percent = spoiling.lag_ms = 0
        apply()
