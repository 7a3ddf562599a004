"""`gamesockets inspect`: what happened on these connections, moment by moment?"""

from __future__ import annotations

import asyncio
import tempfile
import webbrowser
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

import gamesockets as gs
from gamesockets.cli.addresses import resolve
from gamesockets.cli.completions import complete_address
from gamesockets.cli.help_text import examples
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_USAGE, InputError, fail, note, on_stop_signals, say

if TYPE_CHECKING:
    from gamesockets.aio import Connection

EPILOG: Final = examples(
    ("GAMESOCKETS_TRACE=trace.jsonl python server.py", "a program that writes a trace; then, also while it runs:"),
    ("gamesockets inspect trace.jsonl", "its connections in the browser"),
    ("gamesockets inspect trace.jsonl -o page.html", "a page that can be sent to somebody"),
    ("gamesockets inspect --live localhost --send 30", "a connection of its own to an echo server"),
)
LIVE_BYTES_MAX: Final = 256 << 20
MESSAGE_BYTES: Final = 200
REASON_DONE: Final = 1000


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="A trace: JSON lines, as GAMESOCKETS_TRACE=FILE writes.", show_default=False
        ),
    ] = None,
    live: Annotated[
        str,
        typer.Option(
            "--live",
            "-l",
            metavar="ADDRESS",
            help="Instead of a file: connect to this server, and watch that connection.",
            autocompletion=complete_address,
        ),
    ] = "",
    send: Annotated[
        float,
        typer.Option("--send", min=0, max=1000, help="With --live: so many messages a second, for an echo server."),
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the page with the events in it to this file, and serve nothing."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the local page; 0 takes a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open the page in the browser.")] = True,
) -> None:
    """Show the trace of connections in the browser: rate, round trip, queues, losses, lanes and messages over time.

    The page is served on 127.0.0.1 alone, under an address that cannot be guessed, until Ctrl-C; it loads nothing from
    elsewhere. A file that is still being written is followed.

    Exit status: 0 ended by Ctrl-C, 1 the server or the port cannot be had, 2 wrong usage or no such file.
    """
    if (file is None) == (not live):
        fail("inspect", "give a trace file, or --live with the address of a server", EXIT_USAGE)
    if file is not None and not file.is_file():
        fail("inspect", f"there is no file {file}: give a trace, as GAMESOCKETS_TRACE=FILE writes it", EXIT_USAGE)
    if output is not None:
        if file is None:
            fail("inspect", "--output needs a trace file", EXIT_USAGE)
        _write(file, output)
        return
    with tempfile.TemporaryDirectory(prefix="gamesockets-inspect-") as folder:
        trace = Path(folder, "trace.jsonl") if file is None else file
        try:
            asyncio.run(_run(trace, live, send, port, browser))
        except InputError as error:
            fail("inspect", str(error), EXIT_USAGE)
        except (OSError, gs.ConnectionFailed) as error:
            fail("inspect", str(error) or type(error).__name__, EXIT_FAILURE)
        except KeyboardInterrupt:
            pass


def _write(trace: Path, output: Path) -> None:
    from gamesockets.cli.inspect_server import page_with  # noqa: PLC0415 - as in `_run`

    try:
        output.write_text(page_with(trace.read_text(encoding="utf-8", errors="replace")), encoding="utf-8")
    except OSError as error:
        fail("inspect", f"cannot write {output} ({error.strerror or error})")
    say(f"wrote {output}: open it in a browser")


async def _run(trace: Path, live: str, send: float, port: int, browser: bool) -> None:
    from gamesockets import aio  # noqa: PLC0415 - no other command needs it, or a web server
    from gamesockets.cli.inspect_server import Inspector  # noqa: PLC0415 - as above

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with on_stop_signals(lambda: loop.call_soon_threadsafe(stop.set)):
        async with AsyncExitStack() as stack:
            tasks: list[Awaitable[object]] = []
            if live:
                addresses = await asyncio.to_thread(resolve, live)
                gs.Library.set_trace(trace, LIVE_BYTES_MAX)
                stack.callback(gs.Library.set_trace, None)
                connection = await stack.enter_async_context(aio.connect(addresses[0]))
                tasks.append(_talk(connection, send))
            inspector = Inspector(trace)
            await stack.enter_async_context(inspector.serving(port))
            say(inspector.url)
            note("Ctrl-C ends it")
            if browser:
                await asyncio.to_thread(webbrowser.open, inspector.url)
            talking = [asyncio.ensure_future(task) for task in tasks]
            await stop.wait()
            for task in talking:
                task.cancel()
            await asyncio.gather(*talking, return_exceptions=True)


async def _talk(connection: Connection, per_second: float) -> None:
    """Reads what comes, and sends so many messages a second, every fourth reliable; until the connection ends."""

    async def read() -> None:
        async for _ in connection:
            pass

    reading = asyncio.create_task(read())
    try:
        number = 0
        while per_second and connection.is_open:
            flags = gs.SendFlags.RELIABLE if number % 4 == 0 else gs.SendFlags.UNRELIABLE
            await connection.send(bytes(MESSAGE_BYTES), flags)
            number += 1
            await asyncio.sleep(1 / per_second)
        await reading
    except gs.ConnectionClosed:
        pass
    finally:
        reading.cancel()
    note("the connection has ended; the page stays until Ctrl-C")
