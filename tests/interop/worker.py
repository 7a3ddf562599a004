"""What does the process of the reference library do?  It obeys JSON lines on stdin and reports on stdout.

A line {"id": n, "call": name, "arguments": [...]} is answered by {"id": n, "result": ...}, or by {"id": n,
"error": text}.  Events and messages are reported as they happen: {"event": [...], "accept_result": r} and
{"messages": [[connection, [...]], ...]}.  End of input ends the process, so a worker never outlives its
tests.  stderr carries the library's warnings.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from tests.behaviour.traffic import content, digest
from tests.interop.gns import (
    RECEIVE_BATCH,
    Config,
    Debug,
    GNSError,
    Library,
    Message,
    OptionValue,
    Result,
    Scope,
    Send,
    State,
    StatusEvent,
)

POLL_S: Final = 0.001
NEWER: Final = range(47, 60)
"""Values that 1.4.1 does not have (spec 3, 4.7)."""
FIRST_FREE_LANE: Final = 8  # the library writes lanes from here on wrongly (spec 2, 2.10)


class Worker:
    """The reference library, polled in a loop."""

    def __init__(self) -> None:
        self._library = Library()
        self._accepting = True
        self._echoing = False
        self._refusal: tuple[int, str] | None = None
        self._lanes: dict[int, int] = {}
        self._group = 0
        self._commands: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._calls: dict[str, Callable[..., object]] = {
            "start": self._start,
            "behave": self._behave,
            "listen": self._listen,
            "connect": self._connect,
            "close_connection": self._close_connection,
            "close_listen": self._library.close_listen,
            "send": self._send,
            "configure_lanes": self._configure_lanes,
            "info": self._info,
            "status": self._status,
            "detailed_status": self._library.detailed_status,
            "set_value": self._set_value,
            "set_value_as": self._library.set_value_as,
            "look_up_value": self._library.look_up_value,
            "value_info": self._library.value_info,
            "value_ids": self._library.value_ids,
            "next_value_id": self._library.next_value_id,
            "listen_handle": lambda address: self._library.listen(address, {}),
            "listen_address": self._library.listen_address,
            "set_user_data": self._library.set_user_data,
            "accept": self._library.accept,
            "authentication_status": self._library.authentication_status,
            "certificate_request": lambda: self._library.certificate_request().hex(),
            "set_certificate": lambda blob: self._library.set_certificate(bytes.fromhex(blob)),
            "stop": self._stop,
        }

    def run(self) -> None:
        """Work until stdin ends."""
        threading.Thread(target=self._read_commands, daemon=True).start()
        busy = False
        while True:
            try:
                line = self._commands.get(timeout=0 if busy else POLL_S)
            except queue.Empty:
                line = ""
            if line is None:
                return
            if line:
                self._obey(json.loads(line))
            if self._group:
                self._library.run_callbacks()
                busy = self._collect()

    def _read_commands(self) -> None:
        for line in sys.stdin:
            self._commands.put(line)
        self._commands.put(None)

    @staticmethod
    def _report(line: dict[str, object]) -> None:
        sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
        sys.stdout.flush()

    def _obey(self, command: dict[str, Any]) -> None:
        try:
            result = self._calls[command["call"]](*command["arguments"])
        except (GNSError, ValueError) as error:
            self._report({"id": command["id"], "error": str(error)})
        else:
            self._report({"id": command["id"], "result": result})

    # ---- commands

    def _start(self, identity: str | None, values: list[tuple[int, OptionValue]]) -> None:
        def complain(kind: int, text: str) -> None:
            print(f"{Debug(kind).name}: {text}", file=sys.stderr, flush=True)

        self._library.on_debug(Debug.WARNING, complain)
        self._library.start(identity)
        self._library.on_status(self._on_status)
        self._group = self._library.create_poll_group()
        for value, content_ in self._known(values).items():
            self._set_value(value, content_)

    def _known(self, values: list[tuple[int, OptionValue]]) -> dict[int, OptionValue]:
        """Without those that an old version of the library does not have."""
        known: dict[int, OptionValue] = {}
        for value, content_ in values:
            if value in NEWER and self._library.look_up_value(value, Scope.GLOBAL, 0)[0] < 0:
                print(f"left out: {Config(value).name}", file=sys.stderr, flush=True)
            else:
                known[value] = content_
        return known

    def _stop(self) -> None:
        self._group = 0
        self._library.stop()

    def _behave(self, accepting: bool, echoing: bool, refusal: tuple[int, str] | None) -> None:
        self._accepting, self._echoing, self._refusal = accepting, echoing, refusal

    def _listen(self, address: str, options: list[tuple[int, OptionValue]]) -> str:
        return self._library.listen_address(self._library.listen(address, self._known(options)))

    def _connect(self, address: str, options: list[tuple[int, OptionValue]]) -> int:
        connection = self._library.connect(address, self._known(options))
        self._library.set_poll_group(connection, self._group)
        return connection

    def _close_connection(self, connection: int, reason: int, text: str, linger: bool) -> bool:
        self._collect()
        return self._library.close(connection, reason, text, linger)

    def _send(self, connection: int, messages: list[tuple[int, int, int, int]]) -> list[int]:
        return self._library.send_many(
            (connection, content(seed, size), flags, lane) for seed, size, flags, lane in messages
        )

    def _configure_lanes(self, connection: int, priorities: list[int], weights: list[int]) -> int:
        result = self._library.configure_lanes(connection, priorities, weights)
        if result == Result.OK:
            self._lanes[connection] = len(priorities)
        return result

    def _info(self, connection: int) -> list[object] | None:
        info = self._library.info(connection)
        if info is None:
            return None
        return [
            self._library.identity_text(info.identity),
            self._library.address_text(info.address),
            info.listen_socket,
            info.state,
            info.end_reason,
            info.end_debug,
            info.flags,
            info.description,
        ]

    def _status(self, connection: int) -> list[float]:
        status, _ = self._library.status(connection)
        return [
            status.state,
            status.ping_ms,
            status.quality_local,
            status.quality_remote,
            status.out_packets_per_second,
            status.out_bytes_per_second,
            status.in_packets_per_second,
            status.in_bytes_per_second,
            status.send_rate,
            status.pending_unreliable,
            status.pending_reliable,
            status.sent_unacked_reliable,
            status.queue_time_us,
            status.max_jitter_us,
        ]

    def _set_value(
        self, value: int, content_: OptionValue | None, scope: int = Scope.GLOBAL, scope_object: int = 0
    ) -> None:
        if not self._library.set_value(value, content_, Scope(scope), scope_object):
            raise GNSError(f"{Config(value).name} refused")

    # ---- what the library tells

    def _on_status(self, event: StatusEvent) -> None:
        info = event.info
        accept_result: int | None = None
        if info.state == State.CONNECTING and info.listen_socket:
            if self._refusal is not None:
                self._library.close(event.connection, *self._refusal, False)
            elif self._accepting:
                self._library.set_poll_group(event.connection, self._group)
                accept_result = self._library.accept(event.connection)
        self._report(
            {
                "event": [
                    event.connection,
                    event.old_state,
                    info.state,
                    info.end_reason,
                    info.end_debug,
                    self._library.identity_text(info.identity),
                    self._library.address_text(info.address),
                    info.listen_socket,
                    info.flags,
                    info.description,
                ],
                "accept_result": accept_result,
            }
        )

    def _collect(self) -> bool:
        """Take, report and perhaps echo waiting messages; True when there may be more."""
        messages = self._library.receive_on_group(self._group)
        if messages:
            if self._echoing:
                self._echo(messages)
            self._report(
                {
                    "messages": [
                        [
                            message.connection,
                            [
                                message.number,
                                message.lane,
                                message.flags,
                                len(message.data),
                                digest(message.data),
                            ],
                        ]
                        for message in messages
                    ]
                }
            )
        return len(messages) == RECEIVE_BATCH

    def _echo(self, messages: list[Message]) -> None:
        for connection in {message.connection for message in messages if message.lane}:
            if connection not in self._lanes:
                self._configure_lanes(connection, [0] * FIRST_FREE_LANE, [1] * FIRST_FREE_LANE)
        self._library.send_many(
            (message.connection, message.data, message.flags | Send.NO_NAGLE, message.lane) for message in messages
        )


if __name__ == "__main__":
    Worker().run()
