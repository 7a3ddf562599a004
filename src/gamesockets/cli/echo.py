"""`gamesockets echo`: send every message back, so that anyone can measure a path or try a client."""

from __future__ import annotations

from typing import Annotated, Final, final

import typer

import gamesockets as gs
from gamesockets.cli.addresses import resolve_bind
from gamesockets.cli.peers import describe_peer, parse_identity
from gamesockets.cli.terminal import (
    EXIT_USAGE,
    SIGNAL_CHECK_SECONDS,
    InputError,
    StopRequest,
    fail,
    printable,
    say,
    stop_signals,
)

# A peer that sends without reading fills our send buffer; this much is kept for it, then it is told to go.
SEND_BUFFER_BYTES: Final = 16 << 20
REASON_STOPPED: Final = 1000
REASON_TOO_SLOW: Final = 2001


def echo(
    bind: Annotated[
        str,
        typer.Option("--bind", "-b", metavar="ADDRESS", help="Where to listen. Port 0 takes a free one."),
    ] = "[::]:27015",
    identity: Annotated[
        str,
        typer.Option("--identity", metavar="TEXT", help="Who we claim to be, such as str:echo-1 or steamid:N."),
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the bound address and the totals only.")] = False,
) -> None:
    """Listen, accept everyone, and send every message back as it came: reliable or not, on the same lane.

    The first line names the bound address. Ctrl-C or SIGTERM ends it with status 0.
    Try it with `gamesockets ping ADDRESS`, or with a client of the C++ library.
    """
    try:
        address = resolve_bind(bind)
        own_identity = parse_identity(identity)
    except InputError as error:
        fail("echo", str(error), EXIT_USAGE)
    with stop_signals() as stop:
        try:
            with gs.NetworkingSockets(identity=own_identity) as sockets:
                _serve(sockets, address, quiet, stop)
        except KeyboardInterrupt:
            return


def _serve(sockets: gs.NetworkingSockets, address: gs.Address, quiet: bool, stop: StopRequest) -> None:
    server = EchoServer(sockets, quiet, stop)
    try:
        bound = server.listen(address)
    except OSError as error:
        fail(
            "echo",
            f"cannot listen on {address} ({error.strerror or error}): choose another --bind, or port 0",
        )
    say(f"echo listening on {bound}")
    if not quiet:
        say("identities of peers are claims, not proofs; Ctrl-C stops")
    try:
        while True:
            server.step()
    except KeyboardInterrupt:
        server.stop()
        say(
            f"echo stopped: {server.accepted} connections, "
            f"{server.echoed} messages with {server.echoed_bytes} bytes sent back, {server.dropped} dropped"
        )


@final
class EchoServer:
    """Accepts connections and sends their messages back. `step` waits for work and does it."""

    __slots__ = ("_lanes", "_listen", "_quiet", "_sockets", "_stop", "accepted", "dropped", "echoed", "echoed_bytes")

    def __init__(self, sockets: gs.NetworkingSockets, quiet: bool, stop: StopRequest) -> None:
        self._sockets = sockets
        self._stop = stop
        self._quiet = quiet
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

    def step(self, timeout: float | None = SIGNAL_CHECK_SECONDS) -> None:
        """Wait until something happened, for `timeout` seconds at most, and answer it."""
        with self._stop.waiting():
            self._sockets.wait(timeout)
        self._sockets.run_callbacks()
        touched: set[gs.Connection] = set()
        for message in self._sockets.receive_messages_on_listen_socket(self._listen):
            self._send_back(message)
            touched.add(message.connection)
        # Messages are sent without NO_NAGLE and released together: many share a packet, and none waits for
        # company.
        for connection in touched:
            self._sockets.flush_messages_on_connection(connection)

    def stop(self) -> None:
        """Tell every peer good-bye."""
        for connection in list(self._lanes):
            self._sockets.close_connection(connection, REASON_STOPPED, "echo server stopped")
        self._sockets.close_listen_socket(self._listen)

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
            self._tell(f"+ {describe_peer(info)} connected")
        elif info.state in {gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY}:
            self._tell(f"- {describe_peer(info)} gone ({info.end_reason}: {printable(info.end_debug)})")
            self._lanes.pop(connection, None)
            self._sockets.close_connection(connection)

    def _close(self, connection: gs.Connection, reason: int, text: str) -> None:
        del self._lanes[connection]
        self._sockets.close_connection(connection, reason, text)
        self._tell(f"- connection {connection} closed: {text}")

    def _tell(self, line: str) -> None:
        if not self._quiet:
            say(line)
