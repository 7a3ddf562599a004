"""How does the reference library take part in a soak? As the process `python -m tests.interop.soak PLAN`.

`gamesockets torture --real` starts it where GNS_LIBRARY names the library.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final, final

from tests.interop.gns import Config, GNSError, Library, Result, Send, State, StatusEvent
from tests.support.ports import free_port

from gamesockets.torture.real.process import run
from gamesockets.torture.real.side import Arrived, Change, Side

_TOLD: Final = (State.CONNECTED, State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY)
_REMEMBERED_S: Final = 6.0
"""So long a connection that was closed is counted: the library answers for it meanwhile, and does not tell."""


@final
class Reference(Side):
    """The reference library in this process."""

    def __init__(self, conditions: Mapping[int, int | float]) -> None:
        self._library = Library()
        self._library.start()
        for value, number in conditions.items():
            self._set(value, number)
        self._set(Config.IP_ALLOW_WITHOUT_AUTH, 2)
        self._library.on_status(self._on_status)
        self._group = self._library.create_poll_group()
        self._changes: list[Change] = []
        self._connections: set[int] = set()
        self._closed_at: list[float] = []

    def _set(self, value: int, number: int | float) -> None:
        if not self._library.set_value(value, number):
            raise GNSError(f"{Config(value).name} refused")

    def listen(self) -> str:
        address = f"127.0.0.1:{free_port('127.0.0.1')}"
        self._library.listen(address, {})
        return address

    def connect(self, address: str) -> int:
        connection = self._library.connect(address, {})
        self._library.set_poll_group(connection, self._group)
        self._connections.add(connection)
        return connection

    def configure_lanes(self, connection: int, priorities: Sequence[int]) -> None:
        self._library.configure_lanes(connection, priorities, None)

    def send(self, connection: int, data: bytes, is_reliable: bool, lane: int) -> bool:
        flags = Send.RELIABLE if is_reliable else Send.UNRELIABLE
        return self._library.send_many([(connection, data, flags, lane)])[0] > 0

    def close(self, connection: int, reason: int, linger: bool) -> None:
        self._connections.discard(connection)
        self._library.close(connection, reason, "soak", linger)
        self._closed_at.append(time.monotonic())

    def changes(self) -> list[Change]:
        self._library.run_callbacks()
        changes, self._changes = self._changes, []
        return changes

    def receive(self) -> list[Arrived]:
        arrived: list[Arrived] = []
        while messages := self._library.receive_on_group(self._group):
            arrived += [
                Arrived(one.connection, one.lane, bool(one.flags & Send.RELIABLE), one.data) for one in messages
            ]
        return arrived

    def held(self) -> tuple[int, int]:
        """Bytes are those of connections that are open: of others the library does not tell."""
        forgotten_at = time.monotonic() - _REMEMBERED_S
        self._closed_at = [closed_at for closed_at in self._closed_at if closed_at > forgotten_at]
        held_bytes = 0
        for connection in self._connections:
            status, _ = self._library.status(connection)
            held_bytes += status.pending_reliable + status.pending_unreliable + status.sent_unacked_reliable
        return len(self._connections) + len(self._closed_at), held_bytes

    def stop(self) -> None:
        self._library.stop()

    def _on_status(self, event: StatusEvent) -> None:
        connection, info = event.connection, event.info
        if info.state == State.CONNECTING and info.listen_socket:
            if self._library.accept(connection) == Result.OK:
                self._library.set_poll_group(connection, self._group)
                self._connections.add(connection)
        elif info.state in _TOLD:
            self._changes.append(Change(connection, info.state, info.end_reason, info.end_debug))


if __name__ == "__main__":
    sys.exit(run(Reference))
