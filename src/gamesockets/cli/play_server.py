"""How does the arena of `gamesockets play` meet the network? It decides everything; clients only steer."""

from __future__ import annotations

import time
from typing import Final, final

import gamesockets as gs
from gamesockets.cli.peers import ENDED
from gamesockets.cli.play_messages import (
    Hello,
    Steering,
    decode_from_client,
    encode_news,
    encode_roster,
    encode_state,
    encode_welcome,
)
from gamesockets.cli.play_rules import BOT_NAMES, PLAYERS_MAX, TICKS_PER_SECOND, Arena
from gamesockets.cli.terminal import StopRequest

TICK_S: Final = 1 / TICKS_PER_SECOND
REASON_FULL: Final = 1001
REASON_NONSENSE: Final = 1002
REASON_OVER: Final = 1000
TICKS_BEHIND_MAX: Final = 10


@final
class _Guest:
    """A connection; `player` is None until it has said hello."""

    __slots__ = ("newest", "player")

    def __init__(self) -> None:
        self.player: int | None = None
        self.newest = -1


@final
class GameServer:
    """One match for all who come. Raises `OSError` if it cannot listen there."""

    def __init__(self, sockets: gs.NetworkingSockets, address: gs.Address, bots: int, seed: int | None = None) -> None:
        self.arena = Arena(seed)
        for name in BOT_NAMES[:bots]:
            self.arena.join(name, is_bot=True)
        self._sockets = sockets
        self._guests: dict[gs.Connection, _Guest] = {}
        sockets.set_status_callback(self._on_status)
        self._listen = sockets.create_listen_socket(address)
        self.address = sockets.get_listen_socket_address(self._listen) or address

    def run(self, stop: StopRequest) -> None:
        """Serve until somebody stops it, which raises `KeyboardInterrupt`."""
        due = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= due:
                self.tick()
                due = max(due + TICK_S, now - TICKS_BEHIND_MAX * TICK_S)
            with stop.waiting():
                self._sockets.wait(max(due - time.monotonic(), 0))
            self.take_in()

    def take_in(self) -> None:
        """What has arrived since."""
        self._sockets.run_callbacks()
        for message in self._sockets.receive_messages_on_listen_socket(self._listen):
            guest = self._guests.get(message.connection)
            if guest is not None:
                self._receive(message.connection, guest, message.data)

    def tick(self) -> None:
        """A moment of the game, and what all are told of it."""
        arena = self.arena
        arena.tick()
        playing = [connection for connection, guest in self._guests.items() if guest.player is not None]
        if arena.news:
            news = [encode_news(text) for text in arena.news] + [encode_roster(arena.players)]
            arena.news.clear()
            for data in news:
                self._sockets.broadcast(data, playing, gs.SendFlags.RELIABLE)
        state = encode_state(arena.tick_number, arena.players, arena.gems)
        self._sockets.broadcast(state, playing, gs.SendFlags.UNRELIABLE_NO_NAGLE)

    def end(self) -> None:
        """Tell all that the game is over."""
        for connection in self._guests:
            self._sockets.close_connection(connection, REASON_OVER, "the host has ended the game")

    def _receive(self, connection: gs.Connection, guest: _Guest, data: bytes) -> None:
        message = decode_from_client(data)
        if isinstance(message, Steering):
            if guest.player is not None and message.number > guest.newest:
                guest.newest = message.number
                self.arena.steer(guest.player, message.direction)
        elif isinstance(message, Hello) and guest.player is None:
            guest.player = self.arena.join(message.name)
            if guest.player is None:
                self._close(connection, REASON_FULL, f"the arena is full: {PLAYERS_MAX} play")
            else:
                self._sockets.send_message_to_connection(
                    connection, encode_welcome(guest.player), gs.SendFlags.RELIABLE
                )
        else:
            self._close(connection, REASON_NONSENSE, "that is no message of this game")

    def _close(self, connection: gs.Connection, reason: int, text: str) -> None:
        self._forget(connection)
        self._sockets.close_connection(connection, reason, text, enable_linger=True)

    def _forget(self, connection: gs.Connection) -> None:
        guest = self._guests.pop(connection, None)
        if guest is not None and guest.player is not None:
            self.arena.leave(guest.player)

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, state = status.connection, status.connection_info.state
        if state == gs.ConnectionState.CONNECTING:
            if self._sockets.accept_connection(connection) == gs.Result.OK:
                self._guests[connection] = _Guest()
        elif state in ENDED:
            self._forget(connection)
            self._sockets.close_connection(connection)
