"""How is `gamesockets torture --real` played, and what is said about it?"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path
from typing import Final

import typer

import gamesockets
from gamesockets.cli.bench import checkout
from gamesockets.cli.progress import Bar, progress_bar
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, fail, note, say
from gamesockets.cli.units import count, duration, size
from gamesockets.torture.real.memory import BLOCKS, FLAT, MINUTES_MIN, RESIDENT, flatness_of, warm_up_s
from gamesockets.torture.real.picture import picture_of
from gamesockets.torture.real.plan import CLIENT, ROLES, SERVER, Plan
from gamesockets.torture.real.soak import Sample, SoakReport, soak

LIBRARY: Final = "GNS_LIBRARY"
OURS: Final = "gamesockets"
REFERENCE: Final = "the reference library"
SUITE: Final = Path("tests", "interop", "soak.py")


def torture_real(minutes: float, role: str, save: Path | None) -> None:
    """Plays for so long and says how it went; exits with 1 if a promise was broken."""
    if role not in ROLES:
        fail("torture", f"--role is {CLIENT} or {SERVER}, not {role!r}", EXIT_USAGE)
    other = SERVER if role == CLIENT else CLIENT
    names = {role: OURS, other: REFERENCE if os.environ.get(LIBRARY) else OURS}
    seconds = minutes * 60
    plan = Plan(role=SERVER, seed=time.time_ns() % (1 << 31), surge_s=warm_up_s(seconds) / 2)
    note(
        f"{OURS} as {role} beside {names[other]}, {plan.loss_percent:g} % loss and {plan.lag_ms} ms each way, "
        f"for {duration(seconds)}"
    )
    try:
        with progress_bar("torture --real") as bar:
            report = soak(
                {one: _command(name) for one, name in names.items()},
                plan,
                seconds,
                lambda report, gone_s: _show(bar, report, gone_s, seconds),
                _environment(),
            )
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    is_good = _tell(report, names, seconds)
    if save is not None:
        _write(report, names, role, seconds, save)
    if not is_good:
        raise typer.Exit(EXIT_FAILURE)


def _command(name: str) -> list[str]:
    if name == OURS:
        return [sys.executable, "-m", "gamesockets.torture.real"]
    if checkout(SUITE) is None:
        fail(
            "torture",
            f"{LIBRARY} is set, and {REFERENCE} is driven by {SUITE}, which only a checkout has: run it there",
        )
    return [sys.executable, "-m", "tests.interop.soak"]


def _environment() -> dict[str, str]:
    """The processes must find the same gamesockets again, and the tests of the checkout."""
    root = checkout(SUITE)
    path = [str(root) if root else "", str(Path(gamesockets.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}


def _show(bar: Bar, report: SoakReport, gone_s: float, seconds: float) -> None:
    newest = [report.samples[role][-1] for role in ROLES if report.samples[role]]
    heard = sum(int(sample["reliable_heard_bytes"]) for sample in newest)
    memory = ", ".join(size(sample["resident_bytes"]) for sample in newest)
    bar.show(gone_s, seconds, f"{duration(gone_s)}, {size(heard)} reliable, memory {memory}")


def _tell(report: SoakReport, names: dict[str, str], seconds: float) -> bool:
    """Says how it went; whether all was well."""
    problems = list(report.violations)
    for role, name in names.items():
        samples = report.samples[role]
        if not samples:
            continue
        say(_line(role, name, samples[-1]))
        if name != OURS:
            continue
        resident, blocks = flatness_of(samples, RESIDENT, seconds), flatness_of(samples, BLOCKS, seconds)
        if resident is None or blocks is None:
            say(f"{'':8}memory: not judged; it takes {MINUTES_MIN} minutes after a third to warm up")
        else:
            say(
                f"{'':8}memory: {size(resident.least)} to {size(resident.most)} in {resident.minutes} minutes, "
                f"which differ by {resident.spread:.1%}; {count(round(blocks.least))} to {count(round(blocks.most))} "
                f"blocks in use, by {blocks.spread:.1%}"
            )
            if not (resident.is_flat and blocks.is_flat):
                problems.append(f"{role}: memory is not flat: minutes differ by more than {FLAT:.0%}")
        left = report.left.get(role)
        if left is not None and any(left.values()):
            problems.append(f"{role}: after closing {left['connections']} connections hold {left['held_bytes']} bytes")
    for problem in problems:
        say(f"BROKEN  {problem}")
    if not problems:
        say("all promises held: every reliable byte arrived, once and in order")
    return not problems


def _line(role: str, name: str, last: Sample) -> str:
    said, heard = size(last["reliable_said_bytes"]), size(last["reliable_heard_bytes"])
    ends = (
        f"{last['agreed']:.0f} ended by agreement, {last['linger']:.0f} with linger, {last['abrupt']:.0f} abruptly, "
        f"{last['unheard']:.0f} with a close that was lost; {last['failed']:.0f} handshakes failed"
    )
    return (
        f"{role:8}{name}: {count(int(last['started']))} connections ({ends}), "
        f"{said} said and {heard} heard reliably, {count(int(last['unreliable_said']))} and "
        f"{count(int(last['unreliable_heard']))} messages unreliably, {last['cpu_s']:.0f} s of processor time"
    )


def _write(report: SoakReport, names: dict[str, str], role: str, seconds: float, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = folder / f"soak-{role}.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        columns = list(next(iter(report.samples[one] for one in ROLES if report.samples[one]), [{}])[0])
        writer.writerow(["role", "library", *columns])
        for one in ROLES:
            for sample in report.samples[one]:
                writer.writerow([one, names[one], *[sample[column] for column in columns]])
    picture = folder / f"soak-{role}.svg"
    labels = {one: f"{names[one]}, {one}" for one in (role, *[x for x in ROLES if x != role])}
    title = f"{OURS} as {role}: {duration(seconds)} at 20 % loss and 100 ms each way"
    picture.write_text(picture_of(title, labels, report.samples, seconds), encoding="utf-8")
    say(f"written: {table} and {picture}")
