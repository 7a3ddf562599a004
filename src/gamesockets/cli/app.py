"""Which commands are there? Each lives in a file of its own; this one only gathers them, and says what went wrong."""

from __future__ import annotations

import io
import logging
import sys
from typing import Annotated, Final

import typer

from gamesockets.cli import (
    bench,
    cert,
    chat,
    decode,
    demo,
    dissector,
    doctor,
    echo,
    inspector,
    load,
    monitor,
    ping,
    play,
    torture,
)
from gamesockets.cli.about import version_line
from gamesockets.cli.help_text import examples
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, BugReports, note, say

NAME: Final = "gamesockets"
TRY: Final = "Try it"
SERVERS: Final = "Look at servers"
TOOLS: Final = "For developers"

app = typer.Typer(
    name=NAME,
    help="Try, test and talk to servers that speak Valve's GameNetworkingSockets protocol over UDP.",
    epilog=examples(
        ("gamesockets demo", "new here? Watch it work"),
        ("gamesockets echo", "a server; then in a second terminal one of these:"),
        ("gamesockets ping localhost", "round trips to it"),
        ("gamesockets load localhost --clients 100", "how many clients it bears"),
    )
    + "\n\nExit status of all commands: 0 it worked, 1 it did not, 2 the command line was wrong, 130 stopped by Ctrl-C "
    "before there was a result.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=demo.EPILOG, rich_help_panel=TRY)(demo.demo)
app.command(epilog=play.EPILOG, rich_help_panel=TRY)(play.play)
app.command(epilog=echo.EPILOG, rich_help_panel=TRY)(echo.echo)
app.add_typer(chat.app, name="chat", rich_help_panel=TRY)
app.add_typer(cert.app, name="cert", rich_help_panel=SERVERS)
app.command(epilog=ping.EPILOG, rich_help_panel=SERVERS)(ping.ping)
app.command(epilog=monitor.EPILOG, rich_help_panel=SERVERS)(monitor.monitor)
app.command(epilog=doctor.EPILOG, rich_help_panel=SERVERS)(doctor.doctor)
app.command(epilog=load.EPILOG, rich_help_panel=SERVERS)(load.load)
app.command(epilog=decode.EPILOG, rich_help_panel=TOOLS)(decode.decode)
app.command(epilog=inspector.EPILOG, rich_help_panel=TOOLS)(inspector.inspect)
app.command(epilog=dissector.EPILOG, rich_help_panel=TOOLS)(dissector.dissector)
app.command(epilog=torture.EPILOG, rich_help_panel=TOOLS)(torture.torture)
app.command(epilog=bench.EPILOG, rich_help_panel=TOOLS, context_settings={"ignore_unknown_options": True})(bench.bench)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(version_line())
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
    """Run the command line on the arguments of the process; ends it with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a peer's text may hold what this terminal cannot show
    reports = BugReports()
    logging.getLogger("gamesockets").addHandler(reports)
    try:
        status = app(prog_name=NAME, standalone_mode=False)
    except typer.Abort:
        status = EXIT_INTERRUPTED
    except Exception as error:
        # Only the command line parser's own exceptions format themselves; their classes differ between its versions.
        if not hasattr(error, "format_message"):
            raise
        status = _explain(error)
    finally:
        logging.getLogger("gamesockets").removeHandler(reports)
    sys.exit(status if isinstance(status, int) else 0)


def _explain(error: Exception) -> int:
    """One line about a wrong command line, instead of a box."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else NAME
    message = " ".join(str(error.format_message()).split())  # type: ignore[attr-defined] # looked for above
    if not message:  # nothing was given where something must be: the help page has been shown
        return EXIT_USAGE
    note(f"{path}: {message.rstrip('.')} (`{path} --help` explains)")
    return int(getattr(error, "exit_code", EXIT_FAILURE))
