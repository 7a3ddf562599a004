"""What can be seen of a server under attack from within: counts of what was refused, and what it holds in memory."""

from __future__ import annotations

import socket
import struct
from dataclasses import asdict
from typing import Final

from benchmarks.hostile.app import HONEST, App
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.endpoint.arrivals import ARRIVALS_MAX
from gamesockets.endpoint.limits import STRAYS_TOLD_MAX
from gamesockets.endpoint.strangers import REPLIES_MAX
from gamesockets.receive.acks import BULK_HOLES_MAX
from gamesockets.receive.budget import LENT_FOR_READ, bulk_window_bytes

_SO_MEMINFO: Final = 55
_MEMINFO_DROPS: Final = 8
_MEMINFO: Final = struct.Struct("=9I")

_NOT_COUNTS: Final = ("connections", "memory_bytes")


def counts(app: App) -> dict[str, int]:
    """What was dropped or refused so far, by the library, by the system and by the program."""
    found = {name: count for name, count in asdict(app.statistics()).items() if name not in _NOT_COUNTS}
    found["kernel_drops"] = _kernel_drops(app.port().udp._socket)
    found["ended"] = sum(role != HONEST for role, _, _ in app.ended)
    found["refused"] = app.refused
    return found


def _kernel_drops(listening: socket.socket) -> int:
    """Datagrams for which the socket's receive buffer had no room."""
    try:
        return int(_MEMINFO.unpack(listening.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))[_MEMINFO_DROPS])
    except (OSError, struct.error):
        return 0


def beyond_limits(app: App) -> list[str]:
    """Which structures hold more than they may; nothing if all is well."""
    with app.node.lock:
        endpoint = app.port().endpoint
        strangers = endpoint.strangers
        found = []
        for connection in endpoint.connections.values():
            found += _beyond_limits_of(connection)
        sizes = {
            "routes": (len(endpoint._by_id), len(endpoint.connections)),
            "due": (len(endpoint._due), len(endpoint.connections)),
            "timers": (len(endpoint._timers), 256 + 2 * len(endpoint.connections)),
            "memory": (endpoint.memory.granted_bytes, endpoint.memory.max_bytes),
            "backlog": (len(app.port().backlog), 2048),
            "arrivals": (app.port().arrivals.count, ARRIVALS_MAX),
        }
        if strangers is not None:
            sizes |= {
                "replies": (len(strangers.replies), REPLIES_MAX),
                "ids told of no connection": (len(strangers._strays_told), STRAYS_TOLD_MAX),
                "waiting": (len(strangers._admission._waiting), strangers.limits.waiting_max),
                "requests": (len(strangers.requests), strangers.requests.count_max),
                "claims": (len(strangers._claims), len(endpoint.connections)),
            }
        found += [f"{name}: {size} of {limit}" for name, (size, limit) in sizes.items() if size > limit]
    return found


def _beyond_limits_of(connection: DatagramConnection) -> list[str]:
    options, receiver, peer = connection.options, connection.traffic.receiver, connection.peer
    budget_bytes = options.recv_buffer_size_bytes + options.recv_incomplete_size_bytes
    # Who announced a window may hold beside that a multiple of what it brought before, where the application reads.
    lent_bytes = LENT_FOR_READ * receiver._budget.taken_bytes if receiver._budget.is_bulk else 0
    lent_bytes = min(bulk_window_bytes(options), lent_bytes)
    messages_lent = options.recv_buffer_messages * lent_bytes // options.recv_buffer_size_bytes
    sizes = {
        "queued messages": (peer.queued_messages, options.recv_buffer_messages + messages_lent),
        "queued bytes": (peer.queued_bytes, options.recv_buffer_size_bytes + lent_bytes),
        "held bytes": (receiver._held_bytes, budget_bytes + options.recv_buffer_size_bytes + lent_bytes),
        "lanes": (len(receiver.lanes()), 256),
        "bytes to send": (connection.sender.pending_bytes(), 2 * options.send_buffer_size_bytes),
        "holes": (len(connection.traffic.acks._holes), BULK_HOLES_MAX if receiver._budget.is_bulk else 64),
        "missing numbers": (len(connection.traffic.window._missing or ()), 256),
    }
    return [f"{name} of {peer.identity}: {size} of {limit}" for name, (size, limit) in sizes.items() if size > limit]
