"""What does each of the three processes of a measurement do? It answers in a line of JSON to each line that it is told.

Started as `python -m benchmarks.hostile.processes server|clients|attacker`, with a JSON object as the last argument.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import gamesockets as gs
from benchmarks.hostile import inside
from benchmarks.hostile.app import make_app
from benchmarks.hostile.attack import Target, Victim, run_for
from benchmarks.hostile.clients import TICKS_PER_S, Clients
from benchmarks.hostile.kinds import KINDS
from benchmarks.hostile.talk import DURING, percentile
from benchmarks.usage import allow_many_files, cpu_s, resident_bytes, waited_s

Word: TypeAlias = dict[str, Any]
Actions: TypeAlias = Mapping[str, Callable[[], Word]]

FILES_MAX: Final = 16_384
_INVITE_EVERY_S: Final = 0.5
_SAMPLE_EVERY_S: Final = 0.05


def serve(first: Word, actions: Actions) -> None:
    """Says the first word, and then the answer to each line, until the other side is gone."""
    print(json.dumps(first), flush=True)
    for line in sys.stdin:
        print(json.dumps(actions[line.strip()]()), flush=True)


class Server:
    """The server under attack."""

    def __init__(self, plan: Word) -> None:
        self._app = make_app(plan["api"], plan["listen_ip"])
        self._app.start()
        self._peak_bytes = 0
        threading.Thread(target=self._sample, name="memory", daemon=True).start()

    def run(self) -> None:
        """Until the runner is gone."""
        serve({"port": self._app.address.port}, {"look": self._look, "finish": self._finish})

    def _sample(self) -> None:
        while True:
            self._peak_bytes = max(self._peak_bytes, _resident_bytes())
            time.sleep(_SAMPLE_EVERY_S)

    def _look(self) -> Word:
        app = self._app
        return {
            "counts": inside.counts(app),
            "beyond": inside.beyond_limits(app),
            "cpu_s": cpu_s(),
            "waited_s": waited_s(),
            "resident_bytes": _resident_bytes(),
            "peak_bytes": self._peak_bytes,
            "received": app.tally.received,
            "disorder": app.tally.disorder,
            "next_reliable": [number for _, number in sorted(app.tally.next_reliable.items())],
            "unsent": app.unsent,
            "left": app.left,
            "honest_ended": [text for role, _, text in app.ended if role == "honest"],
            "connections": len(app.connections()),
            "error": "" if app.error is None else repr(app.error),
        }

    def _finish(self) -> Word:
        self._app.stop()
        del self._app  # what it still refers to would count as left
        gc.collect()
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
        return {"resident_bytes": resident_bytes()}


def _resident_bytes() -> int:
    """Now, without a garbage collection, which would take time from the server."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * 4096
    except OSError:
        return 0


class Crowd:
    """The honest clients, each of which speaks 30 times a second, at moments of its own."""

    def __init__(self, plan: Word) -> None:
        self._clients = Clients(gs.Address("127.0.0.1", plan["port"]), plan["clients"])
        self._clients.connect()
        self._phase = 0
        self._is_ending = False
        self._is_hushed = False
        self._late = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._talk, name="clients")

    def run(self) -> None:
        """Until the runner is gone."""
        victims = [[victim.ip, victim.port, victim.id, victim.server_id] for victim in self._clients.victims()]
        self._thread.start()
        try:
            actions = {"next phase": self._next_phase, "hush": self._hush, "look": self._look, "finish": self._finish}
            serve({"victims": victims}, actions)
        finally:
            self._is_ending = True

    def _talk(self) -> None:
        clients = self._clients
        count = clients.count()
        step_s = 1 / TICKS_PER_S / count
        due = time.monotonic()
        invite_at = 0.0
        client = 0
        while not self._is_ending:
            now = time.monotonic()
            with self._lock:
                clients.serve(min(max(0.0, due - now), 0.05))
                now = time.monotonic()
                if now - due > 0.5:  # this process got no processor time: what was not said is not said later
                    self._late += int((now - due) / step_s)
                    due = now
                while due <= now:
                    if not self._is_hushed:
                        clients.speak(client)
                    client = (client + 1) % count
                    due += step_s
                if clients.phase == DURING and now >= invite_at:
                    invite_at = now + _INVITE_EVERY_S
                    clients.invite()
            time.sleep(0)

    def _next_phase(self) -> Word:
        with self._lock:
            self._clients.phase += 1
        return {}

    def _hush(self) -> Word:
        self._is_hushed = True
        return {}

    def _look(self) -> Word:
        with self._lock:
            clients = self._clients
            newcomers = list(clients.newcomers.values())
            entered = [newcomer.connected_after_s for newcomer in newcomers if newcomer.connected_after_s >= 0]
            return {
                "sent": clients.sent,
                "refused": clients.refused,
                "late": self._late,
                "received": clients.tally.received,
                "disorder": clients.tally.disorder,
                "reliable_sent": clients.reliable_sent(),
                "next_reliable": [clients.tally.next_reliable.get(index, 0) for index in range(clients.count())],
                "round_trip_median_s": percentile(clients.round_trips_s, 0.5),
                "round_trip_99_s": percentile(clients.round_trips_s, 0.99),
                "ended": clients.ended,
                "newcomers": len(newcomers),
                "entered": len(entered),
                "entered_median_s": percentile(entered, 0.5),
                "entered_worst_s": max(entered, default=float("nan")),
                "newcomers_ended": sorted({newcomer.ended for newcomer in newcomers if newcomer.ended}),
            }

    def _finish(self) -> Word:
        self._is_ending = True
        self._thread.join()
        self._clients.close()
        return {}


class Attacker:
    """The hostile program."""

    def __init__(self, plan: Word) -> None:
        victims = tuple(Victim(*victim) for victim in plan["victims"])
        self._plan = plan
        self._attack = KINDS[plan["kind"]].attack(Target(plan["ip"], plan["port"], victims))

    def run(self) -> None:
        """Until the runner is gone."""
        serve({}, {"begin": self._begin, "go": self._go})

    def _begin(self) -> Word:
        self._attack.begin()
        return {}

    def _go(self) -> Word:
        began_s = cpu_s()
        pace = run_for(self._attack, self._plan["seconds"], self._plan["is_limited"])
        self._attack.end()
        return {
            "datagrams_per_s": pace.datagrams / pace.seconds,
            "bits_per_s": 8 * pace.data_bytes / pace.seconds,
            "cpu_s": cpu_s() - began_s,
        }


_PARTS: Final[dict[str, Callable[[Word], Server | Crowd | Attacker]]] = {
    "server": Server,
    "clients": Crowd,
    "attacker": Attacker,
}


def main() -> None:
    """Plays the part that the first argument names."""
    allow_many_files(FILES_MAX)
    _PARTS[sys.argv[1]](json.loads(sys.argv[2])).run()


if __name__ == "__main__":
    main()
