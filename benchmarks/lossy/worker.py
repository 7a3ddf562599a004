"""What does each side of a measurement do?

Started as `python -m benchmarks.lossy.worker sender|receiver HOST`, its plan on standard input. The receiver tells
where it listens, counts what arrives until it hears a word, and reports. The sender hears where, connects all its
flows, tells that it is ready, hears when to begin, sends, and reports.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.control import Control
from benchmarks.lossy.contenders import CONTENDERS
from benchmarks.lossy.plan import BIN_S, GAME_BYTES, GAME_HZ, STAMP, Plan
from benchmarks.systems.base import BULK_LANE, OK, URGENT_LANE, Direct, check_full, run_without_loop
from benchmarks.usage import cpu_s, waited_s

FEED_S: Final = 0.002
SAMPLE_S: Final = 0.1
_WAIT_S: Final = 0.01


class Flow:
    """What a sender knows of one connection."""

    def __init__(self, node: Direct, connection: int, plan: Plan, begins_s: float) -> None:
        self._node = node
        self._connection = connection
        self._ahead_bytes = plan.ahead_bytes
        self._piece = bytes(plan.piece_bytes)
        self._begins_s = begins_s
        self._has_game = plan.has_game
        self._ticks = 0
        lane = BULK_LANE if plan.has_game else 0
        self._send_bulk = node.send_function(connection, True, False, lane)
        self._send_game: Callable[[bytes], int] = node.send_function(connection, False, True, URGENT_LANE)

    def feed(self, now: float) -> None:
        """The game's message if it is time, then bulk until enough waits."""
        if now < self._begins_s:
            return
        if self._has_game and now - self._begins_s >= self._ticks / GAME_HZ:
            self._ticks += 1
            data = STAMP.pack(time.monotonic())
            result = self._send_game(data + bytes(GAME_BYTES - len(data)))
            if result != OK:
                check_full(result)
        waiting = self._node.pending_bytes(self._connection)
        while waiting < self._ahead_bytes:
            result = self._send_bulk(self._piece)
            if result != OK:
                check_full(result)
                return
            waiting += len(self._piece)


def send(node: Direct, control: Control, plan: Plan) -> dict[str, Any]:
    """Sends all flows; what this side used, and what it learned of the path of the first."""
    addresses = str(run_without_loop(node.hear(control))["address"]).split(",")
    connections = [run_without_loop(node.connect_and_wait(address)) for address in addresses]
    if plan.has_game:
        for connection in connections:
            node.use_two_lanes(connection)
    control.tell(ready=1)
    begin_s = float(run_without_loop(node.hear(control))["begin_s"])
    flows = [
        Flow(node, connection, plan, begin_s + index * plan.apart_s) for index, connection in enumerate(connections)
    ]
    end_s = begin_s + plan.seconds
    samples: list[dict[str, float]] = []
    while (now := time.monotonic()) < begin_s:
        node.wait(min(_WAIT_S, begin_s - now))
    cpu_before, waited_before = cpu_s(), waited_s()
    while (now := time.monotonic()) < end_s:
        node.run_callbacks()
        for flow in flows:
            flow.feed(now)
        if now >= begin_s + len(samples) * SAMPLE_S:
            samples.append({"at_s": now - begin_s, **node.path_figures(connections[0])})
        node.wait(FEED_S)
    if node.ended:
        raise RuntimeError(f"{node.ended} connections ended, the last with {node.last_end}")
    return {
        "cpu_percent": 100 * (cpu_s() - cpu_before) / plan.seconds,
        "waited_percent": 100 * (waited_s() - waited_before) / plan.seconds,
        "samples": samples,
    }


def receive(node: Direct, control: Control, plan: Plan) -> dict[str, Any]:
    """Counts until a word comes: for each flow the bytes by time, and the game's messages' delays."""
    control.tell(address=run_without_loop(node.listen()))
    takes: list[Callable[[], list[bytes]]] = []
    arrived: list[dict[int, int]] = []
    game: list[tuple[float, float]] = []
    cpu_before = waited_before = begun = 0.0
    while control.poll() is None:
        node.wait(_WAIT_S)
        node.run_callbacks()
        while len(takes) < len(node.incoming):
            takes.append(node.take_function(node.incoming[len(takes)]))
            arrived.append({})
        for take, bins in zip(takes, arrived, strict=True):
            messages = take()
            now = time.monotonic()
            if messages and not begun:
                begun, cpu_before, waited_before = now, cpu_s(), waited_s()
            for data in messages:
                if plan.has_game and len(data) == GAME_BYTES:
                    game.append((now, now - STAMP.unpack_from(data)[0]))
                else:
                    at = int(now / BIN_S)
                    bins[at] = bins.get(at, 0) + len(data)
    seconds = max(BIN_S, time.monotonic() - begun)
    return {
        "cpu_percent": 100 * (cpu_s() - cpu_before) / seconds,
        "waited_percent": 100 * (waited_s() - waited_before) / seconds,
        "arrived": arrived,
        "game": game,
    }


def main() -> None:
    """Plays the side."""
    plan = Plan.from_json(sys.stdin.readline())
    contender = CONTENDERS[plan.contender]
    side, host = sys.argv[1:3]
    node = (contender.sender if side == "sender" else contender.receiver)(plan)
    node.host = host
    control = Control(sys.stdin, sys.stdout)
    try:
        control.report((send if side == "sender" else receive)(node, control, plan))
        if side == "sender":
            control.hear()  # until the receiver has reported: a close would change what arrives
    finally:
        run_without_loop(node.close())


if __name__ == "__main__":
    main()
