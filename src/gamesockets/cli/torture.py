"""`gamesockets torture`: does the transport keep its promises over years of play, simulated or on real sockets?"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Final, final

import typer

from gamesockets.cli.help_text import examples
from gamesockets.cli.progress import Bar, progress_bar
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, fail, note, say
from gamesockets.cli.torture_real import torture_real
from gamesockets.cli.units import count
from gamesockets.torture.outcome import Outcome
from gamesockets.torture.pool import explore, processors
from gamesockets.torture.real.plan import CLIENT
from gamesockets.torture.scenario import Scenario
from gamesockets.torture.seeds import play, scenario_of
from gamesockets.torture.shrink import shrink

EPILOG: Final = examples(
    ("gamesockets torture", "20 simulated hours, some ten seconds"),
    ("gamesockets torture --seeds 1000:21000 --hours 10000 -j 8", "over night"),
    ("gamesockets torture --seeds 4711", "one seed again; what fails is shrunk"),
    ("gamesockets torture --replay scenario.json", "a scenario that was written down"),
    ("gamesockets torture --real --minutes 30", "real sockets, at 20 % loss and 100 ms each way"),
)
HOURS: Final = 20.0


def torture(
    seeds: Annotated[
        str,
        typer.Option("--seeds", "-s", metavar="FIRST[:END]", help="Which seeds, END left out; `0:` is without an end."),
    ] = "0:",
    hours: Annotated[
        float, typer.Option("--hours", min=0.0, max=1e9, help="Stop when so many hours were simulated.")
    ] = HOURS,
    processes: Annotated[
        int, typer.Option("--processes", "-j", min=0, max=1024, help="How many at once; 0 for one a processor.")
    ] = 1,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="FILE", dir_okay=False, help="Play this scenario instead."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="DIRECTORY",
            file_okay=False,
            help="Write each failing scenario there, shrunk; with --real the measurements and a picture.",
        ),
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", "-k", help="Go on after a failure, and list all at the end.")
    ] = False,
    shrinking: Annotated[
        bool, typer.Option("--shrink/--no-shrink", help="Whether to look for the smallest scenario that fails.")
    ] = True,
    real: Annotated[
        bool, typer.Option("--real", help="Play on real sockets instead, in two processes, on a very bad network.")
    ] = False,
    minutes: Annotated[float, typer.Option("--minutes", min=0.02, max=1e6, help="How long, with --real.")] = 1.0,
    role: Annotated[
        str, typer.Option("--role", metavar="client|server", help="What gamesockets is, with --real.")
    ] = CLIENT,
) -> None:
    """Play random scenarios in simulated networks, and check that every promise holds.

    A seed decides everything: hosts, networks, traffic, lanes, settings, closes, crashes, pauses, attacks. A failing
    seed is printed, fails again in the same way, and is shrunk to the smallest scenario that does.

    With --real, two processes play a game on connections that come and go, at 20 % loss and 100 ms each way, with 4 %
    reordered and 4 % twice. Every byte is checked, and so is memory. In a checkout, with GNS_LIBRARY naming the
    reference library, that is at the other end.

    Exit status: 0 if all promises held, 1 if one was broken.
    """
    if real:
        torture_real(minutes, role, save)
        return
    if replay is not None:
        _replay(replay, shrinking, save)
        return
    failures: list[Outcome] = []
    run = Run(hours)
    try:
        with progress_bar("torture") as bar:
            for outcome in explore(parse_seeds(seeds), processes or processors()):
                run.add(outcome, bar)
                if outcome.violation:
                    failures.append(outcome)
                    note(f"seed {outcome.seed}: {outcome.violation}")
                if (failures and not keep_going) or run.is_over:
                    break
    except KeyboardInterrupt:
        if not run.seeds:
            raise typer.Exit(EXIT_INTERRUPTED) from None
    say(run.text(len(failures)))
    for outcome in failures:
        report(scenario_of(outcome.seed), outcome.violation, shrinking, save)
    if failures:
        raise typer.Exit(EXIT_FAILURE)


def _replay(path: Path, shrinking: bool, save: Path | None) -> None:
    try:
        scenario = Scenario.from_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        fail("torture", f"{path} cannot be replayed: {error}", EXIT_USAGE)
    outcome = play(scenario)
    if not outcome.violation:
        say(f"{path}: all promises held over {outcome.seconds:.0f} s and {count(outcome.datagrams)} datagrams")
        return
    report(scenario, outcome.violation, shrinking, save)
    raise typer.Exit(EXIT_FAILURE)


def report(scenario: Scenario, violation: str, shrinking: bool, save: Path | None) -> None:
    """Says what fails and how to see it again, with the smallest scenario that fails like that."""
    say()
    say(f"seed {scenario.seed} fails: {violation}")
    if shrinking:
        with progress_bar("shrink") as bar:
            steps = len(scenario.steps)

            def show(smaller: Scenario) -> None:
                bar.show(steps - len(smaller.steps), steps, f"{len(smaller.steps)} of {steps} steps")

            scenario, violation = shrink(scenario, violation, show)
        say(f"the smallest scenario found has {len(scenario.steps)} of {steps} steps: {violation}")
    text = scenario.to_json()
    if save is None:
        say(text.rstrip())
        say("again: `gamesockets torture --replay FILE`, with this as FILE")
        return
    save.mkdir(parents=True, exist_ok=True)
    path = save / f"seed-{scenario.seed}.json"
    path.write_text(text, encoding="utf-8")
    say(f"again: gamesockets torture --replay {path}")


def parse_seeds(text: str) -> Iterable[int]:
    """The seeds that `FIRST`, `FIRST:END` or `FIRST:` stands for. Ends the command if it is none of these."""
    first, colon, end = text.partition(":")
    try:
        start = int(first or 0)
        if not colon:
            return range(start, start + 1)
        if not end:
            return _from(start)
        return range(start, int(end))
    except ValueError:
        fail("torture", f"--seeds is FIRST:END, FIRST: or FIRST in whole numbers, not {text!r}", EXIT_USAGE)


def _from(start: int) -> Iterator[int]:
    return itertools.count(start)


@final
class Run:
    """What all scenarios together have come to."""

    def __init__(self, hours_wanted: float) -> None:
        self._seconds_wanted = hours_wanted * 3600
        self._began = time.monotonic()
        self.seeds = 0
        self.seconds = 0.0
        self.datagrams = 0
        self.messages = 0
        self.connections = 0

    @property
    def is_over(self) -> bool:
        """Whether enough was simulated."""
        return self.seconds >= self._seconds_wanted

    def add(self, outcome: Outcome, bar: Bar) -> None:
        """One more scenario is done."""
        self.seeds += 1
        self.seconds += outcome.seconds
        self.datagrams += outcome.datagrams
        self.messages += outcome.messages
        self.connections += outcome.connections
        hours = f"{self.seconds / 3600:,.1f} of {self._seconds_wanted / 3600:,.1f} h"
        bar.show(self.seconds, self._seconds_wanted, f"{hours}, {count(self.seeds)} seeds, at {outcome.seed}")

    def text(self, failures: int) -> str:
        """The figures in one line."""
        took = time.monotonic() - self._began
        verdict = f"{failures} BROKEN" if failures else "all promises held"
        return (
            f"{verdict}: {self.seconds / 3600:,.1f} simulated hours, {count(self.seeds)} seeds, "
            f"{count(self.connections)} connections, {count(self.datagrams)} datagrams, "
            f"{count(self.messages)} messages, in {took:,.0f} s"
        )
