"""How does a match meet the network, with the game-loop API? One thread, 60 turns a second, no window.

with Server(gs.Address("::", 27015)) as server:
    server.run()
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self, final

import gamesockets as gs
from examples.arena import protocol, rules
from examples.arena.match import Kick, Match
from examples.arena.protocol import EVENT_LANE

TICK_S: Final = 1 / rules.TICKS_PER_SECOND
TICKS_BEHIND_MAX: Final = 15
"""After the machine was busy elsewhere, catch up on a quarter of a second and let go of the rest."""

GUESTS_MAX: Final = 64
"""Connections, with or without a player. More than players, so that one who comes too late is told so."""


@final
class Server:
    """Listens, and plays one match with all who come. Raises `OSError` if it cannot listen there."""

    def __init__(self, address: gs.Address, seed: int | None = None) -> None:
        self.match = Match(seed)
        self._guests: set[gs.Connection] = set()
        self._sockets = gs.NetworkingSockets(identity=gs.NetworkingIdentity.generic_string("arena-server"))
        self._sockets.set_status_callback(self._on_status)
        self._group = self._sockets.create_poll_group()
        try:
            self._listen_socket = self._sockets.create_listen_socket(address)
        except BaseException:
            self._sockets.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sockets.close_listen_socket(self._listen_socket, "the server has ended")
        self._sockets.close()

    @property
    def address(self) -> gs.Address:
        """Where it listens; the port is the real one, also if 0 was asked for."""
        address = self._sockets.get_listen_socket_address(self._listen_socket)
        return address or gs.Address("::", 0)  # after the end

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Play until told to stop, by Ctrl-C or SIGTERM too; then everybody is told.

        `NetworkingSockets.run` leaves out turns that come too late. A match must not run slower: it makes up for them.
        """
        due = time.monotonic()

        def turn() -> None:
            nonlocal due
            now = time.monotonic()
            due = max(due, now - TICKS_BEHIND_MAX * TICK_S)
            while due <= now + TICK_S / 10:
                self.tick()
                due += TICK_S
            if should_stop():
                self._sockets.stop()

        self._sockets.run(turn, hz=rules.TICKS_PER_SECOND)

    def tick(self) -> None:
        """One turn: hear, decide, tell."""
        self._sockets.run_callbacks()
        while messages := self._sockets.receive_messages_on_poll_group(self._group):
            for message in messages:
                self.match.receive(message.connection, message.data)
        self.match.tick()
        outgoing, self.match.outgoing = self.match.outgoing, []
        batch: list[gs.OutgoingMessage] = []
        for item in outgoing:
            connection = gs.Connection(item.to)
            if isinstance(item, Kick):
                self._close(connection, item.reason, item.text)
            else:
                flags = gs.SendFlags.RELIABLE_NO_NAGLE if item.lane == EVENT_LANE else gs.SendFlags.UNRELIABLE_NO_NAGLE
                batch.append(gs.OutgoingMessage(connection, item.data, flags, item.lane))
        # Of a connection that ended meanwhile a message is refused; the status change is on its way to us.
        self._sockets.send_messages(batch)

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, state = status.connection, status.connection_info.state
        if state == gs.ConnectionState.CONNECTING:
            if len(self._guests) >= GUESTS_MAX:
                self._sockets.close_connection(connection, protocol.REASON_FULL, "the server is full")
                return
            if self._sockets.accept_connection(connection) != gs.Result.OK:
                return  # it gave up in the meantime
            self._sockets.configure_connection_lanes(connection, protocol.LANE_PRIORITIES, protocol.LANE_WEIGHTS)
            self._sockets.set_connection_poll_group(connection, self._group)
            self._guests.add(connection)
            self.match.connect(connection)
        elif state in {gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY}:
            self._close(connection, 0, "")

    def _close(self, connection: gs.Connection, reason: int, text: str) -> None:
        self._guests.discard(connection)
        self.match.disconnect(connection)
        self._sockets.close_connection(connection, reason, text, enable_linger=True)
