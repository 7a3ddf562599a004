"""Which commands are there? Each lives in a file of its own; this one only gathers them."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from gamesockets.build import BUILD
from gamesockets.cli.chat import app as chat_app
from gamesockets.cli.demo import demo
from gamesockets.cli.echo import echo
from gamesockets.cli.ping import ping
from gamesockets.cli.terminal import say
from gamesockets.version import __version__

app = typer.Typer(
    name="gamesockets",
    help="Try, test and talk to servers that speak Valve's GameNetworkingSockets protocol over UDP.",
    epilog="New here? Run `gamesockets demo`. "
    "Then `gamesockets echo` in one terminal and `gamesockets ping ::1` in another.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(echo)
app.command()(ping)
app.add_typer(chat_app, name="chat")


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"gamesockets {__version__} ({BUILD})")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """What stands before the name of a command."""


def run() -> None:
    """Run the command line on the arguments of the process."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a peer's text may hold what this terminal cannot show
    app()
