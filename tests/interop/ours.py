"""How do tests drive our library?  Through its public game-loop API, on a thread of their own.

The thread sleeps in `wait`, runs callbacks and takes messages, as a game's loop would; so nothing stands
still while a scenario waits for the real library.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.interop.gns import Config, Options, OptionValue, Send
from tests.interop.side import NO_OPTIONS, Event, Info, Side, Status
from tests.interop.traffic import Outgoing, Received, content, digest

import gamesockets as gs

PUMP_S: Final = 0.05
JOIN_S: Final = 20.0
LANES_TO_ECHO: Final = 8


class ErrorLog(logging.Handler):
    """Unexpected errors that the library logs, because no caller is there whom it could tell."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line if it has a traceback: without one it is a complaint about the application or the peer."""
        if record.exc_info:
            self.lines.append(self.format(record))


class Ours(Side):
    """Our library in the tests' own process.  `identity` is a text form, None is anonymous."""

    def __init__(
        self, name: str, identity: str | None = None, values: Mapping[Config, OptionValue] | None = None
    ) -> None:
        super().__init__(name)
        who = None if identity is None else gs.NetworkingIdentity.parse(identity)
        self._sockets = gs.NetworkingSockets(identity=who)
        self._group = self._sockets.create_poll_group()
        self._accepting = True
        self._echoing = False
        self._lanes: dict[gs.Connection, int] = {}
        self._globals_before: dict[gs.ConfigurationValue, Any] = {}
        self._failure: BaseException | None = None
        self._log = ErrorLog()
        logging.getLogger(gs.__name__).addHandler(self._log)
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
            row = Received(message.message_number, message.lane, int(message.flags), message.length, digest(data))
            batches.setdefault(message.connection, []).append(row)
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
        if info.state == gs.ConnectionState.CONNECTING and info.listen_socket and self._accepting:
            self._sockets.set_connection_poll_group(change.connection, self._group)
            accept_result = self._sockets.accept_connection(change.connection)
        event = Event(
            change.connection,
            change.old_state,
            info.state,
            info.end_reason,
            info.end_debug,
            str(info.identity),
            str(info.address),
            info.listen_socket,
            info.flags,
            info.connection_description,
        )
        self._note_event(event, accept_result)

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
        logging.getLogger(gs.__name__).removeHandler(self._log)
        self.check()
        assert not self._pump.is_alive(), f"{self.name}: the pump hangs"

    # ---- the library

    @property
    def sockets(self) -> gs.NetworkingSockets:
        """For questions that only this side is asked."""
        return self._sockets

    def listen(self, address: str, options: Options = NO_OPTIONS) -> str:
        """Listen; port 0 is any free one."""
        listen_socket = self._sockets.create_listen_socket(gs.Address.parse(address), config=_named(options))
        return str(self._sockets.get_listen_socket_address(listen_socket))

    def connect(self, address: str, options: Options = NO_OPTIONS) -> int:
        """Begin to connect."""
        connection = self._sockets.connect(gs.Address.parse(address), config=_named(options))
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
        if info is None:
            return None
        return Info(
            str(info.identity),
            str(info.address),
            info.listen_socket,
            info.state,
            info.end_reason,
            info.end_debug,
            info.flags,
            info.connection_description,
        )

    def status(self, connection: int) -> Status:
        """Rates and queues of a connection."""
        status = self._sockets.get_quick_connection_status(gs.Connection(connection))
        assert status is not None, f"{self.name}: connection {connection} is unknown"
        return Status(
            status.state,
            status.ping,
            status.connection_quality_local,
            status.connection_quality_remote,
            status.out_packets_per_second,
            status.out_bytes_per_second,
            status.in_packets_per_second,
            status.in_bytes_per_second,
            status.send_rate_bytes_per_second,
            status.pending_unreliable,
            status.pending_reliable,
            status.sent_unacked_reliable,
            status.queue_time,
            status.max_jitter,
        )

    def detailed_status(self, connection: int) -> str:
        """The long text about a connection."""
        text = self._sockets.get_detailed_connection_status(gs.Connection(connection))
        assert text is not None, f"{self.name}: connection {connection} is unknown"
        return text

    def set_globals(self, values: Mapping[Config, OptionValue]) -> None:
        """Set configuration values of the whole process, until this side is closed."""
        for value, wanted in _named(values).items():
            self._globals_before.setdefault(value, self._sockets.get_configuration_value(value))
            accepted = self._sockets.set_configuration_value(value, wanted)
            assert accepted, f"{self.name}: {value.name} = {wanted} refused"

    def behave(self, accepting: bool = True, echoing: bool = False) -> None:
        """Say what to do with requests and messages."""
        self._accepting, self._echoing = accepting, echoing


def _named(
    values: Mapping[int, OptionValue] | Mapping[Config, OptionValue],
) -> dict[gs.ConfigurationValue, OptionValue]:
    return {gs.ConfigurationValue(value): content_ for value, content_ in values.items()}
