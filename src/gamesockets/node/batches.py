"""How do messages get from a call of the program into connections: one, a list of them, or one for many?"""

from collections.abc import Iterable
from typing import Final

from gamesockets.clock import now_us
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service
from gamesockets.node.members import Member
from gamesockets.values.results import Result

CONNECTIONS_PER_ROUND: Final = 64
"""After so many connections what was queued leaves, and what has come meanwhile is taken: acks must not wait long."""

FROM_INSIDE: Final = 0
"""This thread holds the lock already, perhaps in the middle of a change: a signal handler or finalizer sends."""

_UNKNOWN: Final = -int(Result.INVALID_PARAM)


def send_one(members: dict[int, Member], service: Service, handle: int, data: bytes, flags: int, lane: int) -> int:
    """Queues a message and sends what is due; its number, minus the `Result`, or `FROM_INSIDE`. Without the lock."""
    if service.is_inside():
        return FROM_INSIDE
    with service.lock:
        member = members.get(handle)
        return _UNKNOWN if member is None else member.send(data, flags, lane)


def send_batch(members: dict[int, Member], service: Service, messages: list[tuple[int, bytes, int, int]]) -> list[int]:
    """Queues messages given by handle, payload, flags and lane, then sends what is due. With the node's lock held.

    For each the number, or minus the `Result`; 0 for those behind one of the same connection that failed.
    """
    outcomes: list[int] = []
    failed: set[int] = set()
    touched: dict[int, Member] = {}
    now = now_us()
    for handle, data, flags, lane in messages:
        if handle in failed:
            outcomes.append(0)
            continue
        member = members.get(handle)
        if member is None:
            outcome = _UNKNOWN
        else:
            outcome = member.connection.send(data, flags, lane, now)
            touched[handle] = member
            if len(touched) == CONNECTIONS_PER_ROUND:
                _send_due(touched.values(), service, now)
                touched = {}
                service.serve_between()
                now = now_us()
        if outcome < 0:
            failed.add(handle)
        outcomes.append(outcome)
    _send_due(touched.values(), service, now)
    return outcomes


def broadcast(members: list[Member], service: Service, data: bytes, flags: int, lane: int) -> int:
    """Queues a message for each of these connections, then sends what is due; how many took it. With the lock held."""
    taken = 0
    for start in range(0, len(members), CONNECTIONS_PER_ROUND):
        if start:
            service.serve_between()
        now = now_us()
        part = members[start : start + CONNECTIONS_PER_ROUND]
        for member in part:
            if member.connection.send(data, flags, lane, now) > 0:
                taken += 1
        _send_due(part, service, now)
    return taken


def _send_due(members: Iterable[Member], service: Service, now: int) -> None:
    due: dict[Port, None] = {}
    for member in members:
        member.mark_due(due, now)
    service.pump_due(due, now)
