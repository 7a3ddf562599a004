"""What do `Client` and `Server` have in common? A `NetworkingSockets`, a queue of events, a loop, and an end."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final

from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.game.events import Connected, Disconnected, Event, Received
from gamesockets.game.peer import Peer, mark_ended
from gamesockets.node.creation import Config
from gamesockets.node.draining import TIMEOUT_S
from gamesockets.node.endings import SHUTTING_DOWN_TEXT
from gamesockets.sockets.networking_sockets import NetworkingSockets
from gamesockets.values.enums import ConnectionState, EndReason
from gamesockets.values.errors import CalledAfterFork, CalledFromInside
from gamesockets.values.handles import Connection
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import ConnectionInfo, StatusInfo

MESSAGES_MAX: Final = 10_000
"""How many messages one call takes; the rest waits for the next one, so that no flood keeps a game from drawing."""

EVENTS_MAX: Final = 100_000
"""Events that wait for `events`; the oldest are dropped beyond that."""

FLUSH_S: Final = 1.0
"""How long the end of a `with` block goes on for what was sent reliably."""

_ENDED: Final = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)


class GameLoop(ABC):
    """Used on one thread, the one of the game."""

    def __init__(
        self,
        identity: NetworkingIdentity | None,
        config: Config | None,
        credentials: Credentials | None,
        trust: TrustStore | None,
    ) -> None:
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._peers: dict[Connection, Peer] = {}
        self._changes: list[StatusInfo] = []
        self._sockets = NetworkingSockets(identity, config, credentials=credentials, trust=trust)
        self._sockets.set_status_callback(self._changes.append)

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Delivers what was sent reliably, for up to a second, and tells 1000; after an exception 2000, at once."""
        if not isinstance(error, Exception):
            self.close()
        self._sockets.__exit__(kind, error, trace)

    @property
    def sockets(self) -> NetworkingSockets:
        """What it stands on: all its calls work here, too. Leave its status callback and its messages alone."""
        return self._sockets

    # ------------------------------------------------------------------ events

    def events(self) -> Iterator[Event]:
        """What has happened since the last call: `Connected`, `Received` and `Disconnected`, oldest first.

        Call it once a frame. It never blocks. A loop over it that is left early finds the rest next time.
        """
        self._collect()
        events = self._events
        while events:
            yield events.popleft()

    def wait(self, timeout: float | None = None) -> bool:
        """Sleeps until something has happened; False if `timeout` seconds passed without anything, or it was closed."""
        return bool(self._events) or self._sockets.wait(timeout)

    @abstractmethod
    def _take_messages(self) -> list[NetworkingMessage]:
        """The messages of all peers."""

    @abstractmethod
    def _met(self, connection: Connection, info: ConnectionInfo) -> None:
        """A connection is connecting."""

    def _collect(self) -> None:
        """Messages are taken before changes: so the change that let a peer send has come when its message is told."""
        messages = self._take_messages()
        self._sockets.run_callbacks()
        ended: list[StatusInfo] = []
        while self._changes:
            change = self._changes.pop(0)
            state = change.connection_info.state
            if state == ConnectionState.CONNECTING:
                self._met(change.connection, change.connection_info)
                self._sockets.run_callbacks()  # accepting it has connected it
            elif state == ConnectionState.CONNECTED:
                peer = self._peers.get(change.connection)
                if peer is not None:
                    self._up(peer)
            elif state in _ENDED:
                ended.append(change)
        self._tell_of(messages)
        for change in ended:
            self._end(change)

    def _up(self, peer: Peer) -> None:
        self._events.append(Connected(peer))

    def _tell_of(self, messages: list[NetworkingMessage]) -> None:
        for message in messages:
            peer = self._peers.get(message.connection)
            if peer is not None:
                self._events.append(Received(peer, message.data, message))

    def _end(self, change: StatusInfo) -> None:
        connection, info = change.connection, change.connection_info
        peer = self._peers.get(connection)
        if peer is not None:
            while rest := self._sockets.receive_messages_on_connection(connection, MESSAGES_MAX):
                self._tell_of(rest)
            self._forget(peer, info.end_reason, info.end_debug)
        self._sockets.close_connection(connection)

    def _forget(self, peer: Peer, reason: int, debug: str) -> None:
        mark_ended(peer, reason, debug)
        del self._peers[peer.connection]
        self._events.append(Disconnected(peer, reason, debug))

    # ------------------------------------------------------------------ the loop and its end

    def run(
        self,
        on_tick: Callable[[], object],
        hz: float | None = 60.0,
        *,
        grace: float = 0.0,
        timeout: float = TIMEOUT_S,
        stop_signals: bool = True,
    ) -> None:
        """Calls `on_tick` until Ctrl-C, SIGTERM or `stop`, then drains; see `NetworkingSockets.run`.

        Afterwards `events` tells of the end of those who were there, and a client connects no more.
        """
        self._sockets.run(on_tick, hz, grace=grace, timeout=timeout, stop_signals=stop_signals)
        self._forget_all(0, "")

    def stop(self) -> None:
        """Has `run` drain and return: from `on_tick`, another thread or a signal handler."""
        self._sockets.stop()

    def drain(self, timeout: float = TIMEOUT_S, *, reason: int = 0, debug: str = "") -> bool:
        """Admits nobody, delivers what was sent reliably, tells all peers and connects no more.

        See `NetworkingSockets.drain`.
        """
        is_clean = self._sockets.drain(timeout, reason=reason, debug=debug)
        self._forget_all(reason, debug)
        return is_clean

    def _forget_all(self, reason: int, debug: str) -> None:
        for peer in list(self._peers.values()):
            self._forget(peer, reason or int(EndReason.APP_GENERIC), debug or SHUTTING_DOWN_TEXT)

    def close(self, reason: int = 0, debug: str = "") -> None:
        """Ends all connections, for up to a second with what was sent reliably, and closes. Harmless to repeat.

        In a forked child it does nothing, and inside a signal handler it waits for nobody.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        with suppress(CalledAfterFork, CalledFromInside):
            self.drain(FLUSH_S, reason=reason, debug=debug)
        self._sockets.close()
