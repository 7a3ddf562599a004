"""How is what the sender learned of its path written, for people and for programs?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import gamesockets as gs
from gamesockets.cli.peers import percent
from gamesockets.cli.units import bytes_per_second, milliseconds, size


def path_text(path: gs.PathStatus) -> str:
    """State, bandwidth, window and queue; the state alone while nothing was learned."""
    if not path.bandwidth_bytes_per_second:
        return path.state
    window = f"window {size(path.window_bytes)}, " if path.window_bytes else ""
    return (
        f"{path.state}, {bytes_per_second(path.bandwidth_bytes_per_second)}, {window}"
        f"queue {milliseconds(path.standing_queue_us)} ms, {percent(path.loss)} lost"
    )


def path_document(path: gs.PathStatus) -> dict[str, Any]:
    """All of it; unknown values and limits that there are not are None."""
    found = asdict(path)
    for name in ("bandwidth_bytes_per_second", "delivery_rate_bytes_per_second", "window_bytes"):
        found[name] = found[name] or None
    if path.minimum_round_trip_us < 0:
        found["minimum_round_trip_us"] = None
    return found
