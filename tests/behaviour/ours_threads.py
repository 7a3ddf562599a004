"""How do tests drive our library from threads?  Through its public game-loop API, on a thread of their own.

The thread sleeps in `wait`, runs callbacks and takes messages, as a game's loop would; so nothing stands
still while a scenario waits for the other side.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from tests.behaviour.ours import (
    JOIN_S,
    LANES_TO_ECHO,
    ErrorLog,
    event_from,
    info_from,
    named,
    received_from,
    status_from,
)
from tests.behaviour.side import NO_OPTIONS, Info, Refusal, Side, Status
from tests.behaviour.traffic import Outgoing, Received, content
from tests.interop.gns import Config, EndReason, Options, OptionValue, Send

import gamesockets as gs

PUMP_S: Final = 0.01


class OursOnThreads(Side):
    """Our library in the tests' own process.  `identity` is a text form, None is anonymous."""

    shutdown_reason: ClassVar[int] = EndReason.APP_GENERIC
    refuses_reasons: ClassVar[bool] = True

    def __init__(
        self, name: str, identity: str | None = None, values: Mapping[Config, OptionValue] | None = None
    ) -> None:
        super().__init__(name)
        who = None if identity is None else gs.NetworkingIdentity.parse(identity)
        self._sockets = gs.NetworkingSockets(identity=who)
        self._group = self._sockets.create_poll_group()
        self._accepting = True
        self._echoing = False
        self._refusal: Refusal | None = None
        self._lanes: dict[gs.Connection, int] = {}
        self._globals_before: dict[gs.ConfigurationValue, Any] = {}
        self._failure: BaseException | None = None
        self._log = ErrorLog()
        self._closing = False
        self._sockets.set_status_callback(self._on_status)
        self._pump = threading.Thread(target=self._run, name=f"{name} pump", daemon=True)
        self._pump.start()
        self.set_globals(values or {})

    # ---- the pump

    def _run(self) -> None:
        try:
            while not self._closing:
                self._sockets.wait(PUMP_S)
                self._sockets.run_callbacks()
                while self._collect():
                    pass
        except BaseException as failure:  # noqa: BLE001 - whatever it is, the scenario shall fail with it
            with self._changed:
                self._failure = failure
                self._changed.notify_all()

    def _collect(self) -> bool:
        messages = self._sockets.receive_messages_on_poll_group(self._group)
        batches: dict[gs.Connection, list[Received]] = {}
        for message in messages:
            data = message.data
            batches.setdefault(message.connection, []).append(received_from(message))
            if self._echoing:
                self._echo(message.connection, data, int(message.flags), message.lane)
        for connection, batch in batches.items():
            self._note_messages(connection, batch)
        return bool(messages)

    def _echo(self, connection: gs.Connection, data: bytes, flags: int, lane: int) -> None:
        if lane >= self._lanes.get(connection, 1):
            self.configure_lanes(connection, [0] * LANES_TO_ECHO, [1] * LANES_TO_ECHO)
        flags_back = gs.SendFlags(flags | Send.NO_NAGLE)
        result = self._sockets.send_message_to_connection(connection, data, flags_back, lane)
        assert result == gs.Result.OK, f"{self.name}: echo refused: {result!r}"

    def _on_status(self, change: gs.StatusInfo) -> None:
        info = change.connection_info
        accept_result: int | None = None
        if info.state == gs.ConnectionState.CONNECTING and info.listen_socket:
            if self._refusal is not None:
                self._sockets.close_connection(change.connection, *self._refusal)
            elif self._accepting:
                self._sockets.set_connection_poll_group(change.connection, self._group)
                accept_result = self._sockets.accept_connection(change.connection)
        self._note_event(event_from(change), accept_result)

    def check(self) -> None:
        """Raise what ended the pump, if something did, and what the library's own thread complained of."""
        assert not self._log.lines, f"{self.name} logged: {self._log.lines}"
        if self._failure is not None:
            raise AssertionError(f"{self.name}: the pump ended") from self._failure

    def close(self) -> None:
        """Shut the library down and put its global values back."""
        if self._closing:
            return
        self._closing = True
        self._pump.join(JOIN_S)
        for value, before in self._globals_before.items():
            self._sockets.set_configuration_value(value, before)
        self._sockets.close()
        self._log.close()
        self.check()
        assert not self._pump.is_alive(), f"{self.name}: the pump hangs"

    # ---- the library

    @property
    def sockets(self) -> gs.NetworkingSockets:
        """For questions that only this side is asked."""
        return self._sockets

    def listen(self, address: str, options: Options = NO_OPTIONS) -> str:
        """Listen; port 0 is any free one."""
        listen_socket = self._sockets.create_listen_socket(gs.Address.parse(address), config=named(options))
        return str(self._sockets.get_listen_socket_address(listen_socket))

    def connect(self, address: str, options: Options = NO_OPTIONS) -> int:
        """Begin to connect."""
        connection = self._sockets.connect(gs.Address.parse(address), config=named(options))
        self._sockets.set_connection_poll_group(connection, self._group)
        return connection

    def close_connection(self, connection: int, reason: int = 0, text: str = "", linger: bool = False) -> bool:
        """Close a connection."""
        return self._sockets.close_connection(gs.Connection(connection), reason, text, linger)

    def send(self, connection: int, messages: Sequence[Outgoing]) -> list[int]:
        """Send all messages in order; for each its number, or minus the Result."""
        handle = gs.Connection(connection)
        return self._sockets.send_messages(
            [
                gs.OutgoingMessage(
                    handle,
                    content(message.seed, message.size),
                    gs.SendFlags(message.flags),
                    message.lane,
                )
                for message in messages
            ]
        )

    def configure_lanes(self, connection: int, priorities: Sequence[int], weights: Sequence[int]) -> int:
        """Configure the lanes of the sending direction; returns the Result."""
        handle = gs.Connection(connection)
        result = self._sockets.configure_connection_lanes(handle, list(priorities), list(weights))
        if result == gs.Result.OK:
            self._lanes[handle] = len(priorities)
        return result

    def info(self, connection: int) -> Info | None:
        """Information about a connection."""
        info = self._sockets.get_connection_info(gs.Connection(connection))
        return None if info is None else info_from(info)

    def status(self, connection: int) -> Status:
        """Rates and queues of a connection."""
        status = self._sockets.get_quick_connection_status(gs.Connection(connection))
        assert status is not None, f"{self.name}: connection {connection} is unknown"
        return status_from(status)

    def detailed_status(self, connection: int) -> str:
        """The long text about a connection."""
        text = self._sockets.get_detailed_connection_status(gs.Connection(connection))
        assert text is not None, f"{self.name}: connection {connection} is unknown"
        return text

    def set_globals(self, values: Mapping[Config, OptionValue]) -> None:
        """Set configuration values of the whole process, until this side is closed."""
        for value, wanted in named(values).items():
            self._globals_before.setdefault(value, self._sockets.get_configuration_value(value))
            accepted = self._sockets.set_configuration_value(value, wanted)
            assert accepted, f"{self.name}: {value.name} = {wanted} refused"

    def behave(self, accepting: bool = True, echoing: bool = False, refusal: Refusal | None = None) -> None:
        """Say what to do with requests and messages."""
        self._accepting, self._echoing, self._refusal = accepting, echoing, refusal
