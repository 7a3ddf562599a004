"""`gamesockets echo`: send every message back, so that anyone can measure a path or try a client."""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, final

import typer

import gamesockets as gs
from gamesockets.cli.addresses import resolve_bind
from gamesockets.cli.completions import complete_bind, complete_identity
from gamesockets.cli.help_text import examples
from gamesockets.cli.peers import describe_peer, protection
from gamesockets.cli.proof import CertificateFile, KeyFile, Require, TrustFile, proof_from
from gamesockets.cli.terminal import (
    EXIT_USAGE,
    InputError,
    fail,
    printable,
    say,
)

EPILOG: Final = examples(
    ("gamesockets echo", "on every address, port 27015"),
    ("gamesockets echo --bind 127.0.0.1:0 --json", "a free port of this machine, for a script"),
    ("gamesockets ping localhost", "in a second terminal: try it"),
)
# A peer that sends without reading fills our send buffer; this much is kept for it, then it is told to go.
SEND_BUFFER_BYTES: Final = 16 << 20
REASON_TOO_SLOW: Final = 2001


def echo(
    bind: Annotated[
        str,
        typer.Option(
            "--bind",
            "-b",
            metavar="ADDRESS",
            help="Where to listen. Port 0 takes a free one.",
            autocompletion=complete_bind,
        ),
    ] = "[::]:27015",
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who we claim to be, such as str:echo-1 or steamid:N.",
            autocompletion=complete_identity,
        ),
    ] = "",
    certificate: CertificateFile = None,
    key: KeyFile = None,
    trust: TrustFile = None,
    require: Require = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the bound address and the totals only.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per line instead of text: who came and went, the totals.")
    ] = False,
) -> None:
    """Listen, accept everyone, and send every message back as it came: reliable or not, on the same lane.

    The first line names the bound address, the last the totals. Try it with `gamesockets ping ADDRESS`, or with a
    client of the reference library.

    Exit status: 0 ended by Ctrl-C or SIGTERM, 1 the address cannot be had, 2 wrong usage.
    """
    try:
        address = resolve_bind(bind)
        proof = proof_from(identity, certificate, key, trust, require)
    except InputError as error:
        fail("echo", str(error), EXIT_USAGE)
    with proof.open() as sockets:
        _serve(sockets, address, Report(quiet, as_json))


@final
class Report:
    """Says what happens, as text or as JSON lines."""

    __slots__ = ("_as_json", "_quiet")

    def __init__(self, quiet: bool, as_json: bool = False) -> None:
        self._quiet = quiet
        self._as_json = as_json

    def event(self, event: str, line: str, always: bool = False, **fields: Any) -> None:
        """Something happened; `line` is for people, `event` and `fields` for programs."""
        if self._quiet and not always:
            return
        if self._as_json:
            say(json.dumps({"event": event, **fields}))
        else:
            say(line)

    def remark(self, text: str) -> None:
        """Something that only people need to know."""
        if not self._quiet and not self._as_json:
            say(text)


def _serve(sockets: gs.NetworkingSockets, address: gs.Address, report: Report) -> None:
    server = EchoServer(sockets, report)
    try:
        bound = server.listen(address)
    except OSError as error:
        fail(
            "echo",
            f"cannot listen on {address} ({error.strerror or error}): choose another --bind, or port 0",
        )
    report.event(
        "listening",
        f"echo listening on {bound}",
        always=True,
        address=str(bound),
    )
    report.remark("identities marked as unproven are claims; Ctrl-C stops")
    sockets.run(server.answer, hz=None)
    report.event(
        "stopped",
        f"echo stopped: {server.accepted} connections, "
        f"{server.echoed} messages with {server.echoed_bytes} bytes sent back, {server.dropped} dropped",
        always=True,
        connections=server.accepted,
        messages=server.echoed,
        bytes=server.echoed_bytes,
        dropped=server.dropped,
    )


@final
class EchoServer:
    """Accepts connections and sends their messages back, while `run` calls `answer`."""

    __slots__ = ("_lanes", "_listen", "_report", "_sockets", "accepted", "dropped", "echoed", "echoed_bytes")

    def __init__(self, sockets: gs.NetworkingSockets, report: Report) -> None:
        self._sockets = sockets
        self._report = report
        self._lanes: dict[gs.Connection, int] = {}
        self._listen = gs.ListenSocket(0)
        self.accepted = 0
        self.echoed = 0
        self.echoed_bytes = 0
        self.dropped = 0

    def listen(self, address: gs.Address) -> gs.Address:
        """Start listening; the address that was bound. Raises `OSError`."""
        self._sockets.set_status_callback(self._on_status)
        config = {gs.ConfigurationValue.SEND_BUFFER_SIZE: SEND_BUFFER_BYTES}
        self._listen = self._sockets.create_listen_socket(address, config=config)
        return self._sockets.get_listen_socket_address(self._listen) or address

    def answer(self) -> None:
        """Send back what has come."""
        touched: set[gs.Connection] = set()
        for message in self._sockets.receive_messages_on_listen_socket(self._listen):
            self._send_back(message)
            touched.add(message.connection)
        # Messages are sent without NO_NAGLE, then flushed together: many share a packet, and none waits for more
        # data.
        for connection in touched:
            self._sockets.flush_messages_on_connection(connection)

    def _send_back(self, message: gs.NetworkingMessage) -> None:
        connection, lane = message.connection, message.lane
        lanes = self._lanes.get(connection)
        if lanes is None:
            return  # closed between its last message and now
        if lane >= lanes:
            self._sockets.configure_connection_lanes(connection, [0] * (lane + 1))
            self._lanes[connection] = lane + 1
        flags = gs.SendFlags(message.flags) & gs.SendFlags.RELIABLE
        result = self._sockets.send_message_to_connection(connection, message.data, flags, lane)
        if result == gs.Result.OK:
            self.echoed += 1
            self.echoed_bytes += len(message.data)
        elif result == gs.Result.LIMIT_EXCEEDED and flags:
            # A reliable echo must not vanish silently: the connection ends instead, and says why.
            self._close(connection, REASON_TOO_SLOW, "echo server: you send faster than you receive")
        else:
            self.dropped += 1

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, info = status.connection, status.connection_info
        if info.state == gs.ConnectionState.CONNECTING:
            if self._sockets.accept_connection(connection) == gs.Result.OK:
                self._lanes[connection] = 1
                self.accepted += 1
            else:
                self._sockets.close_connection(connection)
        elif info.state == gs.ConnectionState.CONNECTED:
            self._report.event(
                "connected",
                f"+ {describe_peer(info)} connected",
                address=str(info.address),
                identity=str(info.identity),
                encrypted=protection(info) == "encrypted",
            )
        elif info.state in {gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY}:
            self._report.event(
                "gone",
                f"- {describe_peer(info)} gone ({info.end_reason}: {printable(info.end_debug)})",
                address=str(info.address),
                reason=info.end_reason,
                text=info.end_debug,
            )
            self._lanes.pop(connection, None)
            self._sockets.close_connection(connection)

    def _close(self, connection: gs.Connection, reason: int, text: str) -> None:
        del self._lanes[connection]
        info = self._sockets.get_connection_info(connection)
        self._sockets.close_connection(connection, reason, text)
        if info is not None:
            who = str(info.address)
            self._report.event("closed", f"- {who} closed: {text}", address=who, reason=reason, text=text)
