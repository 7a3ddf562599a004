"""How many steps does a scenario take? Calls, for interpreted code; instructions, for any build where valgrind is."""

from __future__ import annotations

import gc
import os
import platform
import re
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, Final, TypeAlias

from benchmarks.guard.workload import SCENARIOS, Pair

Figures: TypeAlias = dict[str, dict[str, float]]
"""By scenario, by what is counted."""

TURNS: Final = 40
_WARM_UP_TURNS: Final = 5
_SAME_EVERYWHERE: Final = {
    "PYTHONHASHSEED": "0",
    # glibc copies and searches in other steps on each processor, and by the sizes of its caches: 1 % of bulk.
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-BMI2,-ERMS,-FSRM,-SSE4_1,-SSE4_2,-SSSE3"
    ":glibc.cpu.x86_rep_movsb_threshold=0x1000000:glibc.cpu.x86_non_temporal_threshold=0x1000000",
}
_INSTRUCTIONS: Final = re.compile(r"I +refs: +([\d,]+)")


def calls() -> Figures:
    """Calls of Python and of C functions, per packet and message, and the most memory held at once."""
    figures: Figures = {}
    for name, scenario in SCENARIOS.items():
        pair = Pair()
        pair.run(scenario, _WARM_UP_TURNS)
        python_calls, c_calls, (packets, messages) = _count(lambda p=pair, s=scenario: p.run(s, TURNS))  # type: ignore[misc]
        peak_bytes = _peak(lambda p=pair, s=scenario: p.run(s, TURNS))  # type: ignore[misc]
        figures[name] = {
            "Python calls per packet": round(python_calls / packets, 2),
            "C calls per packet": round(c_calls / packets, 2),
            "calls per message": round((python_calls + c_calls) / messages, 2),
            "peak KiB": round(peak_bytes / 1024),
        }
    return figures


def _count(work: Callable[[], tuple[int, int]]) -> tuple[int, int, tuple[int, int]]:
    counts = {"call": 0, "c_call": 0}

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        if event in counts:
            counts[event] += 1

    sys.setprofile(note)
    try:
        result = work()
    finally:
        sys.setprofile(None)
    return counts["call"], counts["c_call"], result


def _peak(work: Callable[[], object]) -> int:
    """The most bytes held at once; when garbage would be collected depends on what was imported before."""
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()


def valgrind() -> str | None:
    """The tool that counts instructions, if it is here."""
    return shutil.which("valgrind")


def instructions() -> Figures:
    """Instructions per packet and message: those of a process that does the work, less one that only connects."""
    runs = [("bulk", 0), *[(name, TURNS) for name in SCENARIOS]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        (idle, _, _), *busy = pool.map(_watched_run, runs)
    return {
        name: {
            "instructions per packet": round((count - idle) / packets),
            "instructions per message": round((count - idle) / messages),
        }
        for name, (count, packets, messages) in zip(SCENARIOS, busy, strict=True)
    }


def _watched_run(run: tuple[str, int]) -> tuple[int, int, int]:
    """(instructions, packets, messages) of a whole process."""
    scenario, turns = run
    command = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", sys.executable]
    done = subprocess.run(
        [*command, "-m", "benchmarks.guard.workload", scenario, str(turns)],
        env={**os.environ, **_SAME_EVERYWHERE},
        capture_output=True,
        text=True,
        check=False,
    )
    found = _INSTRUCTIONS.search(done.stderr)
    if done.returncode or found is None:
        raise SystemExit(f"valgrind could not count: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    packets, messages = done.stdout.split()
    return int(found[1].replace(",", "")), int(packets), int(messages)


def calls_key() -> str:
    """What the calls depend on besides our code."""
    return f"Python {sys.version_info.major}.{sys.version_info.minor}"


def instructions_key(build: str) -> str:
    """What the instructions depend on besides our code."""
    libc = " ".join(platform.libc_ver())
    return f"{build}, Python {platform.python_version()} ({platform.python_compiler()}), {libc}, {platform.machine()}"
