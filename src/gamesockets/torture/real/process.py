"""What does the process of one side do? It plays until its standard input says "leave", and reports in lines of JSON.

The first line says where a server listens (`{"address": …}`). Then one a second says how things are (`{"sample": …}`),
a broken promise what (`{"violation": …}`), and the last what was left after everything was closed (`{"left": …}`).
The end of its input ends it, so that it never outlives whoever started it.
"""

import gc
import json
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from gamesockets.torture.ledger import Violation
from gamesockets.torture.outcome import described
from gamesockets.torture.real.plan import SERVER, Plan
from gamesockets.torture.real.player import Player
from gamesockets.torture.real.side import Side

__all__ = ["LEAVE", "run"]

LEAVE: Final = "leave"
_SAMPLE_EVERY_S: Final = 1.0
_LEAVING_S_MAX: Final = 90.0
_FORGOTTEN_S_MAX: Final = 20.0
_STATM: Final = Path("/proc/self/statm")
_PAGE_BYTES: Final = 4096

Make: TypeAlias = Callable[[Mapping[int, int | float]], Side]


def run(make: Make) -> int:
    """The whole process; its only argument is the plan. Returns the exit status."""
    plan = Plan.from_json(sys.argv[1])
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read_commands, args=(commands,), daemon=True).start()
    side = make(plan.conditions())
    try:
        if plan.role == SERVER:
            _say({"address": side.listen()})
        _Life(side, plan, commands).play()
    except Violation as broken:
        _say({"violation": str(broken)})
        return 1
    except Exception as error:  # noqa: BLE001 - that there is none is one of the promises
        _say({"violation": described(error, time.monotonic())})
        return 1
    finally:
        side.stop()
    return 0


class _Life:
    def __init__(self, side: Side, plan: Plan, commands: queue.SimpleQueue[str]) -> None:
        self._side = side
        self._commands = commands
        self._player = Player(side, plan)
        self._tick_s = 1 / plan.ticks_per_second
        self._began = time.monotonic()
        self._sample_at = self._began
        self._last = self._began

    def play(self) -> None:
        """Until it is told to leave, everything is said, and everything is forgotten. Raises `Violation`."""
        leaves_by = forgotten_by = float("inf")
        due = self._began
        while True:
            now = time.monotonic()
            self._player.tick(now)
            if now >= self._sample_at:
                self._sample_at += _SAMPLE_EVERY_S
                self._sample(now)
            if self._is_told_to_leave():
                self._player.leave(now)
                leaves_by = now + _LEAVING_S_MAX
            if leaves_by < float("inf") and not self._player.calls:
                forgotten_by = min(forgotten_by, now + _FORGOTTEN_S_MAX)
                if now > forgotten_by or self._side.held() == (0, 0):
                    break
            elif now > leaves_by:
                raise Violation(f"{self._player.calls} connections could not be ended")
            due = max(due + self._tick_s, now)  # ticks that a busy machine missed are not made up for
            time.sleep(max(0.0, due - time.monotonic()))
        gc.collect()
        connections, held_bytes = self._side.held()
        _say({"left": {"connections": connections, "held_bytes": held_bytes}})

    def _is_told_to_leave(self) -> bool:
        try:
            return self._commands.get_nowait() == LEAVE
        except queue.Empty:
            return False

    def _sample(self, now: float) -> None:
        connections, held_bytes = self._side.held()
        sample: dict[str, float] = {
            "at_s": round(now - self._began, 3),
            "cpu_s": round(time.process_time(), 3),
            "resident_bytes": resident_bytes(),
            "blocks": sys.getallocatedblocks(),
            "connections": connections,
            "held_bytes": held_bytes,
        }
        _say({"sample": sample | self._player.totals().as_dict()})


def resident_bytes() -> int:
    """How much memory this process occupies; 0 where the system does not tell."""
    if not _STATM.exists():
        return 0
    return int(_STATM.read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def _say(line: dict[str, object]) -> None:
    print(json.dumps(line), flush=True)


def _read_commands(commands: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        commands.put(line.strip())
    commands.put(LEAVE)
