"""Which bounds hold at any moment, whatever happened before?"""

from typing import Final

from gamesockets.connection.states import State
from gamesockets.send.flight import UNREPORTED_PACKETS_MAX
from gamesockets.sim.host import Host
from gamesockets.torture.ledger import Violation
from gamesockets.torture.pairing import End
from gamesockets.values.moments import NEVER

LONGEST_SLEEP_US: Final = 11_000_000
"""A connection has a deadline before: at the latest that of its keepalive, 10 s, and up to 0.1 s for company."""

_OTHERS_IN_FLIGHT_MAX: Final = 1000
"""Packets without data go on: acknowledgements and probes."""


def check_end(end: End) -> None:
    """The bounds of one connection. Raises `Violation`."""
    core = end.connection.core
    if core.state not in (State.CONNECTED, State.LINGER):
        return
    sender = core.sender
    flight = sender.flight
    if flight.next_number - flight.latest_reported > UNREPORTED_PACKETS_MAX + _OTHERS_IN_FLIGHT_MAX:
        raise Violation(f"{end} has {flight.next_number - flight.latest_reported} packets in flight")
    deadline = core.next_timer()
    now = end.host.local_us
    if deadline == NEVER or deadline > now + LONGEST_SLEEP_US:
        raise Violation(f"{end} is {core.state.name} and has no deadline: {deadline - now} us from now")


def check_host(host: Host) -> None:
    """The bounds of one port. Raises `Violation`."""
    endpoint = host.endpoint
    memory = endpoint.memory
    if memory.granted_bytes > memory.max_bytes or memory.granted_bytes < 0:
        raise Violation(f"{host} holds {memory.granted_bytes} bytes of {memory.max_bytes}")
    if endpoint.connections and endpoint.next_timer() == NEVER:
        for connection in endpoint.connections.values():
            if connection.next_timer() != NEVER:
                raise Violation(f"{host} forgot the timer of {connection}")


def check_emptied(host: Host) -> None:
    """After everything was closed and forgotten. Raises `Violation`."""
    endpoint = host.endpoint
    if endpoint.connections:
        raise Violation(f"{host} still has {list(endpoint.connections.values())}")
    if endpoint.memory.granted_bytes:
        raise Violation(f"{host} still holds {endpoint.memory.granted_bytes} bytes")
