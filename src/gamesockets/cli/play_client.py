"""What does one player of `gamesockets play` know? The newest state, who plays, what happened, how the network does."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, final

import gamesockets as gs
from gamesockets.cli.peers import ENDED
from gamesockets.cli.play_messages import (
    News,
    Roster,
    State,
    Welcome,
    decode_from_server,
    encode_hello,
    encode_steering,
)
from gamesockets.cli.play_rules import STOP, TICKS_PER_SECOND

SAMPLES: Final = 60
NEWS_SHOWN: Final = 3
WINDOW_TICKS: Final = 3 * TICKS_PER_SECOND


@final
class GameClient:
    """Connects, steers, and takes in what the server says."""

    def __init__(self, sockets: gs.NetworkingSockets, address: gs.Address, name: str) -> None:
        self._sockets = sockets
        self.address = address
        self.number: int | None = None
        self.names: Mapping[int, str] = {}
        self.state: State | None = None
        self.news: deque[str] = deque(maxlen=NEWS_SHOWN)
        self.ended: gs.ConnectionInfo | None = None
        self.is_connected = False
        self.has_left = False
        self.states_came = 0
        self.steers = STOP
        self.pings_ms: deque[float | None] = deque(maxlen=SAMPLES)
        self._sent = 0
        self._ticks_seen: deque[int] = deque(maxlen=WINDOW_TICKS)
        sockets.set_status_callback(self._on_status)
        self._connection = sockets.connect(address)
        sockets.send_message_to_connection(self._connection, encode_hello(name), gs.SendFlags.RELIABLE)

    @property
    def lost_percent(self) -> float:
        """Of the states of the last seconds, how many have not arrived."""
        seen = self._ticks_seen
        expected = (max(seen) - min(seen) + 1) if seen else 0
        return 100 * (1 - len(seen) / expected) if expected > len(seen) else 0.0

    def take_in(self) -> None:
        """What has arrived since."""
        self._sockets.run_callbacks()
        if self.ended is not None or self.has_left:
            return
        for message in self._sockets.receive_messages_on_connection(self._connection):
            found = decode_from_server(message.data)
            if isinstance(found, State):
                self.states_came += 1
                self._ticks_seen.append(found.tick)
                while max(self._ticks_seen) - self._ticks_seen[0] >= WINDOW_TICKS:
                    self._ticks_seen.popleft()
                if self.state is None or found.tick > self.state.tick:
                    self.state = found
            elif isinstance(found, Welcome):
                self.number = found.number
            elif isinstance(found, Roster):
                self.names = found.names
            elif isinstance(found, News):
                self.news.append(found.text)

    def send_steering(self) -> None:
        """Said every moment, for it may get lost; only the newest counts."""
        if self.number is not None and self.ended is None and not self.has_left:
            self._sent += 1
            data = encode_steering(self._sent, self.steers)
            self._sockets.send_message_to_connection(self._connection, data, gs.SendFlags.UNRELIABLE_NO_NAGLE)

    def status(self) -> gs.ConnectionStatus | None:
        """How the connection does; its ping is remembered."""
        status = self._sockets.get_quick_connection_status(self._connection)
        self.pings_ms.append(None if status is None or status.ping < 0 else status.ping)
        return status

    def leave(self) -> None:
        """Good-bye; after that nothing more happens here."""
        self.has_left = True
        self._sockets.close_connection(self._connection, 1000, "left the game")

    def _on_status(self, status: gs.StatusInfo) -> None:
        if status.connection_info.state == gs.ConnectionState.CONNECTED:
            self.is_connected = True
        elif status.connection_info.state in ENDED:
            self.ended = status.connection_info
