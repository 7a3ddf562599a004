"""The honest clients: how do they talk to the server, what do they get, and does a new one get in?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import gamesockets as gs
from benchmarks.hostile.app import HONEST
from benchmarks.hostile.attack import Victim
from benchmarks.hostile.talk import BEFORE, DURING, PHASES, Tally, Up, make_up, read_up

TICKS_PER_S: Final = 30
CONNECT_S: Final = 20.0


@dataclass
class Newcomer:
    """Somebody who wants in while the attack goes on."""

    asked_at: float
    connected_after_s: float = -1.0
    ended: str = ""


class Clients:
    """Some clients in one program of the game-loop API. Call `serve` often."""

    def __init__(self, address: gs.Address, count: int) -> None:
        self._address = address
        self._sockets = gs.NetworkingSockets(gs.NetworkingIdentity.generic_string(HONEST))
        self._sockets.set_status_callback(self._on_change)
        self._group = self._sockets.create_poll_group()
        self.phase = BEFORE
        self.sent = [0] * PHASES
        """By phase, those that the library took."""
        self.refused = 0
        """Messages that it did not take."""
        self.tally = Tally()
        self.round_trips_s: list[float] = []
        """Of what was sent during the attack."""
        self.ended: list[str] = []
        """Why connections of these clients ended."""
        self.newcomers: dict[gs.Connection, Newcomer] = {}
        self._is_closing = False
        self._reliable_sent = [0] * count
        self._unreliable_sent = [0] * count
        self._turns = [0] * count
        self._connections = [self._sockets.connect(address) for _ in range(count)]
        for connection in self._connections:
            self._sockets.set_connection_poll_group(connection, self._group)
        self._waiting = set(self._connections)

    def connect(self) -> None:
        """Waits until all are connected. Raises `TimeoutError`."""
        until = time.monotonic() + CONNECT_S
        while self._waiting:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self._waiting)} honest clients were not connected")
            self.serve(0.05)

    def victims(self) -> tuple[Victim, ...]:
        """What somebody on the path knows of them."""
        members = self._sockets._node.members
        found = []
        for connection in self._connections:
            member = members[connection]
            core = member.connection
            port = member._port.udp.local_address.port  # type: ignore[attr-defined]
            found.append(Victim("127.0.0.1", port, core.id, core.remote_id))  # type: ignore[attr-defined]
        return tuple(found)

    def count(self) -> int:
        """How many there are."""
        return len(self._connections)

    def reliable_sent(self) -> list[int]:
        """How many reliable messages each has sent."""
        return list(self._reliable_sent)

    def speak(self, client: int) -> None:
        """One message of one of them: in turns unreliable and reliable."""
        is_reliable = self._turns[client] % 2 == 1
        self._turns[client] += 1
        numbers = self._reliable_sent if is_reliable else self._unreliable_sent
        up = Up(self.phase, client, numbers[client], time.monotonic_ns() // 1000)
        flags = gs.SendFlags.RELIABLE_NO_NAGLE if is_reliable else gs.SendFlags.UNRELIABLE_NO_NAGLE
        result = self._sockets.send_message_to_connection(self._connections[client], make_up(up), flags)
        if result == gs.Result.OK:
            numbers[client] += 1
            self.sent[self.phase] += 1
        else:
            self.refused += 1

    def serve(self, timeout_s: float) -> None:
        """Waits so long for something, and takes what has come."""
        sockets = self._sockets
        sockets.wait(timeout_s)
        sockets.run_callbacks()
        while messages := sockets.receive_messages_on_poll_group(self._group):
            now_us = time.monotonic_ns() // 1000
            for message in messages:
                up = read_up(message.data)
                if up is not None:
                    self.tally.take(up, bool(message.flags & gs.SendFlags.RELIABLE))
                    if up.phase == DURING:
                        self.round_trips_s.append((now_us - up.sent_us) / 1e6)

    def all_reliable_came(self, tally: Tally) -> bool:
        """Whether all that was sent reliably has reached the end whose tally it is, and in order."""
        return not tally.disorder and all(
            tally.next_reliable.get(client, 0) == sent for client, sent in enumerate(self._reliable_sent)
        )

    def invite(self) -> Newcomer:
        """A new client wants in."""
        connection = self._sockets.connect(self._address)
        newcomer = self.newcomers[connection] = Newcomer(time.monotonic())
        return newcomer

    def _on_change(self, change: gs.StatusInfo) -> None:
        connection, info = change.connection, change.connection_info
        newcomer = self.newcomers.get(connection)
        if info.state == gs.ConnectionState.CONNECTED:
            self._waiting.discard(connection)
            if newcomer is not None:
                newcomer.connected_after_s = time.monotonic() - newcomer.asked_at
                self._sockets.close_connection(connection)
        elif info.state in (gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY):
            why = f"{info.end_reason} {info.end_debug}"
            if newcomer is not None:
                newcomer.ended = why
            elif not self._is_closing:
                self.ended.append(why)
            self._sockets.close_connection(connection)

    def close(self) -> None:
        """They leave."""
        self._is_closing = True
        for connection in self._connections:
            self._sockets.close_connection(connection)
        self._sockets.close()
