"""Which commands are there? Each lives in a module of its own, which is imported only if the command may be wanted."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer

from gamesockets.cli.about import version_line
from gamesockets.cli.help_text import examples
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, BugReports, note, say

NAME: Final = "gamesockets"
TRY: Final = "Try it"
SERVERS: Final = "Look at servers"
TOOLS: Final = "For developers"


class Command(NamedTuple):
    """A command: its name, which is also that of its function, and where it stands on the first page of the help."""

    name: str
    panel: str
    module: str = ""
    """If it is not called as the command."""
    takes_any_option: bool = False


COMMANDS: Final = (
    Command("demo", TRY),
    Command("play", TRY),
    Command("echo", TRY),
    Command("chat", TRY),
    Command("cert", SERVERS),
    Command("ping", SERVERS),
    Command("monitor", SERVERS),
    Command("doctor", SERVERS),
    Command("load", SERVERS),
    Command("decode", TOOLS),
    Command("inspect", TOOLS, module="inspector"),
    Command("dissector", TOOLS),
    Command("torture", TOOLS),
    Command("bench", TOOLS, takes_any_option=True),
)
"""In the order of the help."""


def whole_app() -> typer.Typer:
    """The command line with all its commands."""
    return _app(COMMANDS)


def app_for(arguments: Sequence[str]) -> typer.Typer:
    """One that does what the whole command line does with these arguments.

    All commands together take half a second to import. If the first argument is a command, only that one is.
    """
    return _app([command for command in COMMANDS if command.name == next(iter(arguments), "")] or COMMANDS)


def _app(commands: Sequence[Command]) -> typer.Typer:
    app = typer.Typer(
        name=NAME,
        help="Try, test and talk to servers that speak Valve's GameNetworkingSockets protocol over UDP.",
        epilog=examples(
            ("gamesockets demo", "new here? Watch it work"),
            ("gamesockets echo", "a server; then in a second terminal one of these:"),
            ("gamesockets ping localhost", "round trips to it"),
            ("gamesockets load localhost --clients 100", "how many clients it bears"),
        )
        + "\n\nExit status of all commands: 0 it worked, 1 it did not, 2 the command line was wrong, 130 stopped by "
        "Ctrl-C before there was a result.",
        no_args_is_help=True,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, panel, module, takes_any_option in commands:
        found: Any = import_module(f"gamesockets.cli.{module or name}")
        if hasattr(found, "app"):
            app.add_typer(found.app, name=name, rich_help_panel=panel)
        else:
            settings = {"ignore_unknown_options": True} if takes_any_option else None
            add = app.command(epilog=found.EPILOG, rich_help_panel=panel, context_settings=settings)
            add(getattr(found, name))
    app.callback()(options)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        say(version_line())
        raise typer.Exit


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
        status = app_for(sys.argv[1:])(prog_name=NAME, standalone_mode=False)
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
