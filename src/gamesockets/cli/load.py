"""`gamesockets load`: how does a server bear many clients, and how fast does it answer them?"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

import gamesockets as gs
from gamesockets.cli.addresses import resolve, split_host_port
from gamesockets.cli.completions import complete_address, complete_identity
from gamesockets.cli.help_text import examples
from gamesockets.cli.load_report import WIDTH, Plan, Tally, document, problems, text
from gamesockets.cli.load_traffic import SIZE_MIN
from gamesockets.cli.peers import parse_identity
from gamesockets.cli.progress import Bar, progress_bar
from gamesockets.cli.proof import CertificateFile, KeyFile, Require, TrustFile, proof_from
from gamesockets.cli.terminal import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    InputError,
    fail,
    note,
    on_stop_signals,
    say,
)
from gamesockets.cli.units import count, milliseconds

if TYPE_CHECKING:
    from gamesockets.cli.load_run import LoadRun

EPILOG: Final = examples(
    ("gamesockets load localhost", "10 clients, 30 messages a second each, for 10 s"),
    ("gamesockets load HOST:27015 -n 300 -d 30 --rate 20", "a full server"),
    ("gamesockets load HOST --reliable --size 1000 --report load.json", "keep the figures"),
    ("gamesockets load HOST --max-loss 1 --max-p99 50 --json", "a check for CI"),
    ("gamesockets load HOST -n 100 --script bots.py", "clients that do what `async def play(connection, number)` says"),
    ("gamesockets load HOST --no-echo -d 60", "a server that does not send messages back"),
)
OPEN_FILES_SPARE: Final = 64
WIDTH_MIN: Final = 60
CLIENT_NUMBER: Final = "{n}"


def load(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="host:port, [ipv6]:port or a name; port 27015 when left out.",
            autocompletion=complete_address,
        ),
    ],
    clients: Annotated[int, typer.Option("--clients", "-n", min=1, max=60_000, help="How many clients.")] = 10,
    rate: Annotated[
        float, typer.Option("--rate", min=0.01, max=10_000, help="Messages a second, of each client.")
    ] = 30.0,
    size: Annotated[
        int, typer.Option("--size", "-s", min=SIZE_MIN, max=gs.Library.MAX_MESSAGE_SIZE, help="Bytes in a message.")
    ] = 64,
    duration: Annotated[
        float,
        typer.Option("--duration", "-d", min=0.1, max=1_000_000, help="Seconds to send for, once all are connected."),
    ] = 10.0,
    reliable: Annotated[
        bool, typer.Option("--reliable", "-r", help="Reliable messages: lost packets show as delay, not loss.")
    ] = False,
    echo: Annotated[
        bool,
        typer.Option(
            "--echo/--no-echo",
            help="Whether the server sends messages back. Without, latency is the ping of the connections, and loss "
            "what the server reports of their quality, from 20 s on.",
        ),
    ] = True,
    connect_rate: Annotated[
        float, typer.Option("--connect-rate", min=0.1, max=10_000, help="Clients to connect a second.")
    ] = 100.0,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout", "-W", min=0.1, max=3600, help="Seconds a client may take to connect, and the last echoes."
        ),
    ] = 5.0,
    max_loss: Annotated[
        float | None,
        typer.Option("--max-loss", metavar="PERCENT", min=0, max=100, help="Fail when more messages are lost."),
    ] = None,
    max_p99: Annotated[
        float | None,
        typer.Option("--max-p99", metavar="MS", min=0, help="Fail when 1 in 100 round trips takes longer."),
    ] = None,
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who the clients claim to be; {n} becomes a client's number, as in str:bot-{n}.",
            autocompletion=complete_identity,
        ),
    ] = "",
    certificate: CertificateFile = None,
    key: KeyFile = None,
    trust: TrustFile = None,
    require: Require = False,
    script: Annotated[
        Path | None,
        typer.Option(
            "--script",
            metavar="FILE",
            help="Python code of yours says what the clients do, in `async def play(connection, number)`: it gets the "
            "connection of gamesockets.aio. Latency and loss are then those of --no-echo.",
            dir_okay=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as a JSON document on standard output.")] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", metavar="FILE", help="Write the JSON document to a file.", dir_okay=False),
    ] = None,
) -> None:
    """Load a server with many clients and measure loss, order and latency.

    Connects all clients, then each sends at a steady rate to an echo server (`gamesockets echo`, or any that sends
    messages back). Counts what got lost, came twice or out of order; latencies are kept in a histogram, so hours
    of load take no more memory than seconds. When this program itself falls behind, the report says so.

    Exit status: 0 all clients did well and the limits are met, 1 not so, 2 wrong usage or a name that does not
    resolve, 130 stopped by Ctrl-C (the report is written all the same).
    """
    try:
        play = None
        if script is not None:
            from gamesockets.cli.load_script import load_script  # noqa: PLC0415 - as below

            play, echo = load_script(script), False
        target, host = resolve(address)[0], split_host_port(address)[0]
        proof = proof_from(identity.replace(CLIENT_NUMBER, "1"), certificate, key, trust, require)
        names = [parse_identity(identity.replace(CLIENT_NUMBER, str(number))) for number in (1, clients)]
    except InputError as error:
        fail("load", str(error), EXIT_USAGE)
    plan = Plan(
        clients,
        rate,
        size,
        duration,
        reliable,
        echo,
        connect_rate,
        timeout,
        max_loss,
        max_p99,
        script.name if script is not None else "",
    )
    if report is not None:
        _check_writable(report)
    _allow_open_files(clients + OPEN_FILES_SPARE)
    from gamesockets.cli.load_run import LoadRun  # noqa: PLC0415 - the other commands start faster without asyncio

    def name(number: int) -> gs.NetworkingIdentity | None:
        if CLIENT_NUMBER not in identity:
            return names[0]
        return parse_identity(identity.replace(CLIENT_NUMBER, str(number)))

    if not as_json:
        kind = "reliable" if reliable else "unreliable"
        work = (
            f"{clients} clients x {rate:g} Hz x {size} bytes, {kind}" if play is None else f"{clients} x {plan.script}"
        )
        say(f"LOAD {address}: {work}, {duration:g} s")
    run = LoadRun(plan, host, target, name, play, proof)
    with progress_bar("load") as bar:
        tally = asyncio.run(_run(run, bar))
    result = document(plan, tally, str(run.address))
    if as_json:
        say(json.dumps(result, indent=2))
    else:
        for line in text(plan, tally, _width()):
            say(line)
    if report is not None:
        _write(report, result)
    if tally.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if found := problems(plan, tally):
        if as_json:
            note(f"gamesockets load: {'; '.join(found)}")
        raise typer.Exit(EXIT_FAILURE)


async def _run(run: LoadRun, bar: Bar) -> Tally:
    """The run, with Ctrl-C and SIGTERM ending it in good order."""
    loop = asyncio.get_running_loop()
    with on_stop_signals(lambda: loop.call_soon_threadsafe(run.stop)):
        return await run.run(lambda: _show(bar, run))


def _show(bar: Bar, run: LoadRun) -> None:
    tally, plan, totals = run.tally, run.plan, run.tally.totals
    if run.phase == "connecting":
        failed = f", {tally.failures.total} failed" if tally.failures.total else ""
        bar.show(tally.connected + tally.failures.total, plan.clients, f"{tally.connected} connected{failed}")
        return
    words = [f"{count(totals.sent)} sent"]
    if totals.round_trips.count:
        words.append(f"p99 {milliseconds(totals.round_trips.percentile(99))} ms")
    if tally.ended_early.total:
        words.append(f"{tally.ended_early.total} gone")
    bar.show(run.sending_for_s, plan.duration_s, ", ".join(words) if run.phase == "sending" else run.phase)


def _width() -> int:
    """How wide the report may be: a narrow terminal must not fold its bars."""
    return min(max(shutil.get_terminal_size().columns, WIDTH_MIN), WIDTH) if sys.stdout.isatty() else WIDTH


def _check_writable(path: Path) -> None:
    """Say now, not after an hour of load, that the report cannot be written."""
    try:
        with path.open("a", encoding="utf-8"):
            pass
    except OSError as error:
        fail("load", f"cannot write {path} ({error.strerror or error}): choose another --report", EXIT_USAGE)


def _write(path: Path, result: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        fail("load", f"cannot write {path} ({error.strerror or error})")


def _allow_open_files(wanted: int) -> None:
    """Each client has a socket; where the system limits open files, ask for as many as it grants."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - not on Windows

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            with suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
