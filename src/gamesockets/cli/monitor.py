"""`gamesockets monitor`: how are these servers doing, now and over the last minute?"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias, final

import typer
from rich.console import Console
from rich.live import Live

import gamesockets as gs
from gamesockets.cli.addresses import resolve
from gamesockets.cli.completions import complete_address, complete_identity
from gamesockets.cli.help_text import examples
from gamesockets.cli.keys import Keys, NoKeys, keyboard
from gamesockets.cli.monitor_view import closing_line, document, plain_line, screen
from gamesockets.cli.monitor_watch import Phase, Watch
from gamesockets.cli.proof import CertificateFile, KeyFile, Require, TrustFile, proof_from
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_USAGE, InputError, StopRequest, fail, note, say, stop_signals
from gamesockets.cli.units import duration as time_span
from gamesockets.cli.units import plural

EPILOG: Final = examples(
    ("gamesockets monitor localhost", "one server, until q"),
    ("gamesockets monitor eu.example:27015 us.example:27015", "several, each in a block or a line"),
    ("gamesockets monitor HOST --json -d 60 > minute.jsonl", "a minute for programs, a line a second"),
)
SERVERS_MAX: Final = 200
TURN_SECONDS: Final = 0.2  # so long a change of state, or a message to throw away, may wait

Show: TypeAlias = Callable[[bool], None]


def monitor(
    addresses: Annotated[
        list[str],
        typer.Argument(
            metavar="ADDRESS",
            help="host:port, [ipv6]:port or a name; port 27015 when left out.",
            autocompletion=complete_address,
        ),
    ],
    interval: Annotated[
        float, typer.Option("--interval", "-i", min=0.1, max=3600, help="Seconds between looks.")
    ] = 1.0,
    duration: Annotated[
        float | None,
        typer.Option("--duration", "-d", metavar="S", min=0.1, help="Seconds to watch; until q when left out."),
    ] = None,
    ping_hz: Annotated[
        float,
        typer.Option(
            "--ping-hz",
            min=0,
            max=100,
            help="Also send so many tiny unreliable messages a second, which keep the ping fresh. "
            "Only for servers that ignore or echo what they do not know.",
        ),
    ] = 0.0,
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who we claim to be, such as str:monitor.",
            autocompletion=complete_identity,
        ),
    ] = "",
    certificate: CertificateFile = None,
    key: KeyFile = None,
    trust: TrustFile = None,
    require: Require = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line, server and interval, and nothing else.")
    ] = False,
) -> None:
    """Watch servers: state, ping, jitter, quality both ways, rates, queue, lanes, and the last minute of each.

    Connects as a client that sends nothing: the protocol's own keep-alives carry the figures, so any server that
    accepts connections can be watched. One that goes away is tried again, with growing pauses. Without a terminal
    it writes plain lines.

    Exit status: 0 all servers were connected at the end, 1 some were not, 2 wrong usage or a name that does not
    resolve.
    """
    if len(addresses) > SERVERS_MAX:
        fail("monitor", f"{len(addresses)} servers are too many: give {SERVERS_MAX} at most", EXIT_USAGE)
    try:
        targets = [(text, resolve(text)) for text in addresses]
        proof = proof_from(identity, certificate, key, trust, require)
    except InputError as error:
        fail("monitor", str(error), EXIT_USAGE)
    is_live = sys.stdout.isatty() and not as_json and not Console().is_dumb_terminal
    with stop_signals() as stop, proof.open() as sockets:
        run = MonitorRun(sockets, targets, Pace(interval, duration, ping_hz), stop, note if not is_live else _nowhere)
        try:
            if is_live:
                with keyboard() as keys, _live_screen(run) as show:
                    run.run(keys, show)
            else:
                run.run(NoKeys(), _json_lines(run) if as_json else _plain_lines(run))
        except KeyboardInterrupt:
            pass  # the usual way to end it
        connected = run.finish()
    if not as_json:
        for line in run.closing_lines():
            say(line)
    if not connected:
        raise typer.Exit(EXIT_FAILURE)


@final
@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, for how long (`None`: until told to stop), and how often to send something tiny."""

    interval_s: float
    duration_s: float | None
    ping_hz: float


@final
class MonitorRun:
    """One run of the command: all watches, one loop."""

    __slots__ = ("_began_s", "_pace", "_sockets", "_stop", "watches")

    def __init__(
        self,
        sockets: gs.NetworkingSockets,
        targets: Sequence[tuple[str, Sequence[gs.Address]]],
        pace: Pace,
        stop: StopRequest,
        tell: Callable[[str], None],
    ) -> None:
        self._sockets = sockets
        self._pace = pace
        self._stop = stop
        self._began_s = time.monotonic()
        self.watches = [Watch(text, found, sockets, pace.interval_s, tell) for text, found in targets]
        sockets.set_status_callback(self._on_status)

    @property
    def title(self) -> str:
        """The first line of the screen."""
        many = plural(len(self.watches), "server")
        span = time_span(time.monotonic() - self._began_s)
        total = "" if self._pace.duration_s is None else f" of {time_span(self._pace.duration_s)}"
        return f"gamesockets monitor: {many}, every {self._pace.interval_s:g} s, {span}{total}"

    def run(self, keys: Keys, show: Show) -> None:
        """Watch until the time is over or q was pressed; `show` is told whether there are new samples."""
        began = self._began_s
        end = began + self._pace.duration_s if self._pace.duration_s is not None else math.inf
        looks, probes = 1, 1
        while True:
            self._sockets.run_callbacks()
            now = time.monotonic()
            for watch in self.watches:
                watch.tick(now)
            if self._pace.ping_hz and now >= began + probes / self._pace.ping_hz:
                probes = max(probes, int((now - began) * self._pace.ping_hz)) + 1
                for watch in self.watches:
                    watch.probe()
            is_due = now >= began + looks * self._pace.interval_s
            if is_due:
                looks = max(looks, int((now - began) / self._pace.interval_s)) + 1
                for watch in self.watches:
                    watch.sample(now)
            show(is_due)
            if now >= end:
                return
            wake = min(end, began + looks * self._pace.interval_s, now + TURN_SECONDS)
            if self._pace.ping_hz:
                wake = min(wake, began + probes / self._pace.ping_hz)
            with self._stop.waiting():
                pressed = keys.wait(wake - time.monotonic())
            if "q" in pressed.lower():
                return

    def finish(self) -> bool:
        """Close everything; whether all servers were connected just before."""
        all_connected = all(watch.phase is Phase.CONNECTED for watch in self.watches)
        now = time.monotonic()
        for watch in self.watches:
            watch.close(now)
        return all_connected

    def closing_lines(self) -> list[str]:
        """What to remember of each server."""
        now = time.monotonic()
        return [closing_line(watch, now - self._began_s, now) for watch in self.watches]

    def _on_status(self, status: gs.StatusInfo) -> None:
        for watch in self.watches:
            if watch.connection == status.connection:
                watch.on_status(status.connection_info, time.monotonic())


@contextmanager
def _live_screen(run: MonitorRun) -> Iterator[Show]:
    """The whole terminal, given back as it was."""
    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:

        def show(_has_new_samples: bool) -> None:
            width, height = console.size
            live.update(screen(run.watches, run.title, time.monotonic(), width, height), refresh=True)

        yield show


def _plain_lines(run: MonitorRun) -> Show:
    def show(has_new_samples: bool) -> None:
        if has_new_samples:
            clock = time.strftime("%H:%M:%S")
            for watch in run.watches:
                say(plain_line(watch, clock))

    return show


def _json_lines(run: MonitorRun) -> Show:
    def show(has_new_samples: bool) -> None:
        if has_new_samples:
            for watch in run.watches:
                say(json.dumps(document(watch, time.time(), time.monotonic())))

    return show


def _nowhere(_line: str) -> None:
    """The screen shows what happened; lines would tear it."""
