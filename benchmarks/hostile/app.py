"""The server under attack: a program of each API that echoes what honest clients send.

What it does with others, the identities of the attackers say, so that one program serves all kinds of attack:
`hostile` ones are read and ignored, `refused` ones refused, `waiting` ones left waiting, `slow` ones read slowly,
`unread` ones not at all; `pushed` ones are sent a lot, and so are `lingering` ones, which are closed then.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import gamesockets as gs
from benchmarks.hostile.kinds import GAME_LOOP
from benchmarks.hostile.talk import DOWN_BYTES, Tally, read_up
from gamesockets import aio
from gamesockets.connection.connection import Connection as CoreConnection
from gamesockets.drivers.port import Port
from gamesockets.node.node import Node

HONEST: Final = "honest"
REFUSED: Final = "refused"
WAITING: Final = "waiting"
SLOW: Final = "slow"
UNREAD: Final = "unread"
PUSHED: Final = "pushed"
LINGERING: Final = "lingering"

PUSH: Final = bytes(400_000)
_SLOW_EVERY_S: Final = 0.1
_SLOW_MESSAGES: Final = 50
_NAP_S: Final = 0.033
_DRAIN_MAX: Final = 64
_RELIABLE: Final = gs.SendFlags.RELIABLE
_PADDING: Final = bytes(DOWN_BYTES)
_REFUSAL: Final = 1234

Config: TypeAlias = Mapping[gs.ConfigurationValue, int]


def role_of(identity: gs.NetworkingIdentity) -> str:
    """What a peer is, by what it calls itself."""
    return str(identity).removeprefix("str:")


class App(ABC):
    """Runs on a thread of its own from `start` to `stop`."""

    def __init__(self) -> None:
        self.tally = Tally()
        self.refused = 0
        """Connections that the program refused."""
        self.ended: list[tuple[str, int, str]] = []
        """Role, reason and text of connections that did not end by their peer's or the program's will."""
        self.left = 0
        """Connections of honest peers that their peers ended."""
        self.unsent = 0
        """Echoes that the library did not take."""
        self._thread = threading.Thread(target=self._run, name="app", daemon=True)
        self._is_ready = threading.Event()
        self.error: BaseException | None = None
        self.address: gs.Address

    def start(self) -> None:
        """Listens."""
        self._thread.start()
        self._is_ready.wait()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 - told to whoever looks
            self.error = error
        self._is_ready.set()

    @abstractmethod
    def run(self) -> None:
        """The program."""

    @abstractmethod
    def stop(self) -> None:
        """Closes everything and waits for the end."""

    @property
    @abstractmethod
    def node(self) -> Node:
        """The library's inside."""

    def port(self) -> Port:
        """The listening port."""
        (listener,) = self.node.listeners.values()
        return listener.port

    @abstractmethod
    def statistics(self) -> gs.Statistics:
        """What the library says that it has refused and dropped."""

    def connections(self) -> Sequence[CoreConnection]:
        """All that live behind it."""
        return list(self.port().endpoint.connections.values())

    def note_end(self, info: gs.ConnectionInfo) -> None:
        """A connection has ended, not by this program."""
        role = role_of(info.identity)
        if info.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY:
            self.ended.append((role, info.end_reason, info.end_debug))
        elif role == HONEST:
            self.left += 1

    def echo_for(self, data: bytes, is_reliable: bool) -> bytes | None:
        """What an honest message is answered with; None for any other message."""
        up = read_up(data)
        if up is None:
            return None
        self.tally.take(up, is_reliable)
        return data + _PADDING[len(data) :]


class GameLoopApp(App):
    """With `NetworkingSockets`."""

    def __init__(self, listen_ip: str, config: Config) -> None:
        super().__init__()
        self._listen_ip = listen_ip
        self._config = config
        self._sockets = gs.NetworkingSockets()
        self._is_stopping = False
        self._honest = self._sockets.create_poll_group()
        self._others = self._sockets.create_poll_group()
        self._slow = self._sockets.create_poll_group()
        self._pushed: list[gs.Connection] = []

    @property
    def node(self) -> Node:
        return self._sockets._node

    def statistics(self) -> gs.Statistics:
        return self._sockets.get_statistics()

    def run(self) -> None:
        sockets = self._sockets
        sockets.set_status_callback(self._on_change)
        listen_socket = sockets.create_listen_socket(gs.Address(self._listen_ip, 0), self._config)
        address = sockets.get_listen_socket_address(listen_socket)
        if address is None:
            raise OSError("closed at once")
        self.address = address
        self._is_ready.set()
        slow_at = 0.0
        while not self._is_stopping:
            sockets.wait(_NAP_S)
            sockets.run_callbacks()
            for message in sockets.receive_messages_on_poll_group(self._honest):
                is_reliable = bool(message.flags & _RELIABLE)
                echo = self.echo_for(message.data, is_reliable)
                if echo is not None:
                    flags = gs.SendFlags.RELIABLE_NO_NAGLE if is_reliable else gs.SendFlags.UNRELIABLE_NO_NAGLE
                    if sockets.send_message_to_connection(message.connection, echo, flags) != gs.Result.OK:
                        self.unsent += 1
            sockets.receive_messages_on_poll_group(self._others)
            now = time.monotonic()
            if now >= slow_at:
                slow_at = now + _SLOW_EVERY_S
                sockets.receive_messages_on_poll_group(self._slow, _SLOW_MESSAGES)
                for connection in self._pushed:
                    status = sockets.get_quick_connection_status(connection)
                    if status is not None and status.pending_reliable < len(PUSH) // 8:
                        sockets.send_message_to_connection(connection, PUSH[: len(PUSH) // 8], _RELIABLE)

    def _on_change(self, change: gs.StatusInfo) -> None:
        sockets, connection, info = self._sockets, change.connection, change.connection_info
        if info.state == gs.ConnectionState.CONNECTING:
            self._meet(connection, role_of(info.identity))
        elif info.state in (gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY):
            self.note_end(info)
            if connection in self._pushed:
                self._pushed.remove(connection)
            sockets.close_connection(connection)

    def _meet(self, connection: gs.Connection, role: str) -> None:
        sockets = self._sockets
        if role == WAITING:
            return
        if role == REFUSED:
            self.refused += 1
            sockets.close_connection(connection, _REFUSAL, "not you")
            return
        sockets.accept_connection(connection)
        if role == HONEST:
            sockets.set_connection_poll_group(connection, self._honest)
        elif role == SLOW:
            sockets.set_connection_poll_group(connection, self._slow)
        elif role != UNREAD:
            sockets.set_connection_poll_group(connection, self._others)
        if role in (PUSHED, LINGERING):
            sockets.send_message_to_connection(connection, PUSH, _RELIABLE)
        if role == PUSHED:
            self._pushed.append(connection)
        elif role == LINGERING:
            sockets.close_connection(connection, 0, "", enable_linger=True)

    def stop(self) -> None:
        self._is_stopping = True
        self._thread.join()
        self._sockets.close()


class AioApp(App):
    """With `gamesockets.aio`."""

    def __init__(self, listen_ip: str, config: Config) -> None:
        super().__init__()
        self._listen_ip = listen_ip
        self._config = config
        self._server: aio.Server | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    @property
    def node(self) -> Node:
        if self._server is None:
            raise OSError("not started")
        return self._server._node

    def statistics(self) -> gs.Statistics:
        if self._server is None:
            raise OSError("not started")
        return self._server.get_statistics()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with aio.serve(self._handle, self._listen_ip, 0, config=self._config, admit=self._admit) as self._server:
            self.address = self._server.address
            self._is_ready.set()
            await self._stopping.wait()

    def _admit(self, info: gs.ConnectionInfo) -> aio.Refusal | None:
        if role_of(info.identity) != REFUSED:
            return None
        self.refused += 1
        return aio.Refusal(_REFUSAL, "not you")

    async def _handle(self, connection: aio.Connection) -> None:
        role = role_of(connection.identity)
        try:
            await self._play(connection, role)
        except gs.ConnectionClosed:
            pass
        finally:
            info = connection.info()
            if connection.end_reason and not self._stopping.is_set():
                self.note_end(info)

    async def _play(self, connection: aio.Connection, role: str) -> None:
        if role == HONEST:
            await self._echo(connection)
        elif role == UNREAD:
            await connection.wait_closed()
        elif role == SLOW:
            while connection.is_open:
                await asyncio.sleep(_SLOW_EVERY_S)
                connection.receive_nowait(_SLOW_MESSAGES)
        elif role == LINGERING:
            await connection.send(PUSH, _RELIABLE)
        elif role == PUSHED:
            while True:
                await connection.send(PUSH[: len(PUSH) // 8], _RELIABLE)
                connection.receive_nowait()
        else:
            async for _ in connection:
                pass

    async def _echo(self, connection: aio.Connection) -> None:
        async for message in connection:
            is_reliable = bool(message.flags & _RELIABLE)
            echo = self.echo_for(message.data, is_reliable)
            if echo is not None:
                flags = gs.SendFlags.RELIABLE_NO_NAGLE if is_reliable else gs.SendFlags.UNRELIABLE_NO_NAGLE
                await connection.send(echo, flags)

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()


def make_app(api: str, listen_ip: str, config: Config | None = None) -> App:
    """The program of that API; `start` it."""
    return GameLoopApp(listen_ip, config or {}) if api == GAME_LOOP else AioApp(listen_ip, config or {})
