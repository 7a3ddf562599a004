"""`gamesockets chat`: how do people in several terminals talk, also with the example chat of the reference library?

One thread waits for the network, one for standard input; both put what they find into one queue, and the main
thread acts on it. So nothing polls, and terminals and pipes work alike.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, TextIO, TypeAlias, final

import typer

import gamesockets as gs
from gamesockets.cli.addresses import resolve, resolve_bind
from gamesockets.cli.chat_room import Outcome, Room, nick_problem, split_line
from gamesockets.cli.completions import complete_address, complete_bind, complete_identity
from gamesockets.cli.help_text import examples
from gamesockets.cli.peers import ENDED, describe_peer, how_it_ended, why_not_connected
from gamesockets.cli.proof import CertificateFile, KeyFile, Require, TrustFile, proof_from
from gamesockets.cli.terminal import (
    EXIT_USAGE,
    SIGNAL_CHECK_SECONDS,
    InputError,
    StopRequest,
    decode,
    fail,
    note,
    printable,
    say,
    stop_signals,
)

GUESTS_MAX: Final = 200
HEARD_MAX_BYTES: Final = 4096  # longer lines are cut: a guest must not make us send more than it sent
READ_BYTES: Final = 65536
CONNECT_SECONDS: Final = 10.0
DELIVERY_SECONDS: Final = 5.0  # how long the last lines may take to arrive before we go all the same
DELIVERY_CHECK_SECONDS: Final = 0.02  # no event tells that everything was acknowledged, so at the end we look
REASON_DONE: Final = 1000
REASON_FULL: Final = 1001

SERVE_EPILOG: Final = examples(
    ("gamesockets chat serve --name Ada", "a room on every address, port 27015"),
    ("gamesockets chat serve --stay < /dev/null", "a room without a host"),
)
JOIN_EPILOG: Final = examples(
    ("gamesockets chat join localhost --name Grace", "a room on this machine"),
    ("gamesockets chat join HOST:27020", "the `example_chat server` of the reference library"),
    ('echo "the build is done" | gamesockets chat join HOST --name ci', "from a script"),
)

app = typer.Typer(
    help="Chat between terminals, also with the example_chat program of the reference library.",
    no_args_is_help=True,
)


@final
@dataclass(frozen=True, slots=True)
class Line:
    """A line from standard input; `None` is its end."""

    text: str | None


Event: TypeAlias = Line | gs.StatusInfo | gs.NetworkingMessage


@app.command(epilog=SERVE_EPILOG)
def serve(
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
    name: Annotated[str, typer.Option("--name", "-n", help="Your own name in the chat.")] = "host",
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who we claim to be, such as str:lobby-1.",
            autocompletion=complete_identity,
        ),
    ] = "",
    certificate: CertificateFile = None,
    key: KeyFile = None,
    trust: TrustFile = None,
    require: Require = False,
    stay: Annotated[bool, typer.Option("--stay", help="Go on after standard input ends, until SIGTERM.")] = False,
) -> None:
    """Hold a chat room. What you type goes to everyone; /nick NAME renames you, /quit ends the chat.

    Guests come with `gamesockets chat join ADDRESS`, or with `example_chat client ADDRESS` of the
    reference library. The end of standard input ends the chat politely, unless --stay is given.

    Exit status: 0 the chat was closed, 1 the address cannot be had, 2 wrong usage.
    """
    try:
        address = resolve_bind(bind)
        proof = proof_from(identity, certificate, key, trust, require)
        _check_name(name)
    except InputError as error:
        fail("chat serve", str(error), EXIT_USAGE)
    with stop_signals() as stop, proof.open() as sockets:
        server = Server(sockets, Room(name), stop, stay)
        try:
            bound = server.listen(address)
        except OSError as error:
            fail(
                "chat serve",
                f"cannot listen on {address} ({error.strerror or error}): choose another --bind, or port 0",
            )
        note(f"chat listening on {bound}; /quit ends it")
        server.run(sys.stdin)


@app.command(epilog=JOIN_EPILOG)
def join(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="host:port of the server; port 27015 when left out.",
            autocompletion=complete_address,
        ),
    ],
    name: Annotated[str, typer.Option("--name", "-n", help="The name to ask for on arrival.")] = "",
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who we claim to be, such as str:me.",
            autocompletion=complete_identity,
        ),
    ] = "",
    certificate: CertificateFile = None,
    key: KeyFile = None,
    trust: TrustFile = None,
    require: Require = False,
) -> None:
    """Join a chat. What you type goes to the others; /nick NAME renames you, /quit leaves.

    The server is `gamesockets chat serve`, or `example_chat server` of the reference library (port 27020 by
    default). Works in pipes: the lines of standard input are sent, and its end leaves once everything has
    arrived.

    Exit status: 0 we left, 1 there was no connection or the chat ended, 2 wrong usage or a name that does not
    resolve.
    """
    try:
        addresses = resolve(address)
        proof = proof_from(identity, certificate, key, trust, require)
        if name:
            _check_name(name)
    except InputError as error:
        fail("chat join", str(error), EXIT_USAGE)
    with stop_signals() as stop, proof.open() as sockets:
        guest = Guest(sockets, stop)
        guest.connect(addresses[0], name)
        guest.run(sys.stdin)
    if guest.refused is not None:
        port = addresses[0].port
        start = f"gamesockets chat serve --bind [::]:{port}"
        fail("chat join", why_not_connected(guest.refused, addresses, CONNECT_SECONDS, start))
    if guest.lost is not None:
        fail("chat join", f"the chat is over: {how_it_ended(guest.lost)}")


def read_lines(stream: TextIO) -> Iterator[str]:
    """The lines of a stream as they come; a line of many kilobytes comes in pieces.

    Reads the descriptor itself: a thread that waits inside Python's buffered reader cannot be left behind at
    exit.
    """
    try:
        descriptor = stream.fileno()
    except OSError:
        yield from stream
        return
    rest = b""
    while data := os.read(descriptor, READ_BYTES):
        *whole, rest = (rest + data).split(b"\n")
        for line in whole:
            yield line.decode("utf-8", "replace")
        if len(rest) >= READ_BYTES:
            yield rest.decode("utf-8", "replace")
            rest = b""
    if rest:
        yield rest.decode("utf-8", "replace")


@final
class Pump:
    """Threads that turn the network and standard input into one queue of events."""

    __slots__ = ("_events", "_group", "_sockets", "_statuses", "_stop_request", "_thread")

    def __init__(self, sockets: gs.NetworkingSockets, group: gs.PollGroup, stop: StopRequest) -> None:
        self._stop_request = stop
        self._sockets = sockets
        self._group = group
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        # Before anything connects: an event that nobody waits for is not kept (spec 3, 14.3).
        self._statuses: list[gs.StatusInfo] = []
        sockets.set_status_callback(self._statuses.append)
        self._thread = threading.Thread(target=self._watch_network, name="chat-network", daemon=True)

    def start(self, stream: TextIO) -> None:
        """Start watching."""
        self._thread.start()
        threading.Thread(target=self._watch_input, args=(stream,), name="chat-input", daemon=True).start()

    def stop(self) -> None:
        """Close the network; a thread that waits for input is left to the end of the process."""
        self._sockets.close()
        self._thread.join()

    def next_event(self, timeout: float | None = None) -> Event | None:
        """The next event, or `None` after `timeout` seconds without one."""
        try:
            with self._stop_request.waiting():
                return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def _watch_input(self, stream: TextIO) -> None:
        try:
            for line in read_lines(stream):
                self._events.put(Line(line))
        except (OSError, ValueError):
            pass  # the terminal went away, or the stream was closed: the same as its end
        self._events.put(Line(None))

    def _watch_network(self) -> None:
        while self._sockets.wait():  # until they are closed
            self._sockets.run_callbacks()
            statuses = self._statuses.copy()
            self._statuses.clear()
            # What a peer said is shown before it is shown that it left.
            for status in statuses:
                if status.connection_info.state not in ENDED:
                    self._events.put(status)
            try:
                messages = self._sockets.receive_messages_on_poll_group(self._group)
            except gs.InvalidHandle:
                return  # they have just been closed, and the group with them
            for message in messages:
                self._events.put(message)
            for status in statuses:
                if status.connection_info.state in ENDED:
                    self._events.put(status)


@final
class Server:
    """The room on the network: accepts guests, carries out what the room decides."""

    __slots__ = ("_group", "_listen", "_pump", "_room", "_sockets", "_stay")

    def __init__(self, sockets: gs.NetworkingSockets, room: Room, stop: StopRequest, stay: bool) -> None:
        self._sockets = sockets
        self._room = room
        self._stay = stay
        self._group = sockets.create_poll_group()
        self._pump = Pump(sockets, self._group, stop)
        self._listen = gs.ListenSocket(0)

    def listen(self, address: gs.Address) -> gs.Address:
        """Start listening; the address that was bound. Raises `OSError`."""
        self._listen = self._sockets.create_listen_socket(address)
        return self._sockets.get_listen_socket_address(self._listen) or address

    def run(self, stream: TextIO) -> None:
        """Hold the chat until /quit, the end of `stream`, or Ctrl-C."""
        self._pump.start(stream)
        try:
            while self._handle(self._pump.next_event(SIGNAL_CHECK_SECONDS)):
                pass
        except KeyboardInterrupt:
            note("closing the chat")
        self._say_goodbye()
        self._pump.stop()

    def _handle(self, event: Event | None) -> bool:
        """Act on one event; false when it ends the chat."""
        if isinstance(event, gs.StatusInfo):
            self._on_status(event)
        elif isinstance(event, gs.NetworkingMessage):
            self._carry_out(self._room.hear(event.connection, decode(event.data[:HEARD_MAX_BYTES])))
        elif isinstance(event, Line):
            if event.text is None:
                return self._stay
            if event.text.strip() == "/quit":
                return False
            self._carry_out(self._room.host_says(event.text))
        return True

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, info = status.connection, status.connection_info
        if info.state == gs.ConnectionState.CONNECTING:
            if len(self._room) >= GUESTS_MAX:
                self._sockets.close_connection(connection, REASON_FULL, "the chat is full")
                return
            # Into the group first: only the group's messages are received.
            self._sockets.set_connection_poll_group(connection, self._group)
            if self._sockets.accept_connection(connection) != gs.Result.OK:
                self._sockets.close_connection(connection)
                return
            self._carry_out(self._room.enter(connection))
        elif info.state == gs.ConnectionState.CONNECTED:
            note(f"+ {describe_peer(info)}")
        elif info.state in ENDED:
            note(f"- {info.address}: {how_it_ended(info)}")
            lost = info.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
            self._sockets.close_connection(connection)
            self._carry_out(self._room.leave(connection, "connection lost" if lost else ""))

    def _carry_out(self, outcome: Outcome) -> None:
        for line in outcome.shown:
            say(line)
        for who, line in outcome.deliveries:
            # A guest whose buffer is full misses the line; its connection ends by itself when it is gone.
            self._sockets.send_message_to_connection(gs.Connection(who), line.encode(), gs.SendFlags.RELIABLE_NO_NAGLE)

    def _say_goodbye(self) -> None:
        guests = [gs.Connection(who) for who in self._room.members()]
        for connection in guests:
            self._sockets.send_message_to_connection(
                connection, b"The chat is closing.", gs.SendFlags.RELIABLE_NO_NAGLE
            )
        wait_for_delivery(self._sockets, self._pump, guests)
        for connection in guests:
            self._sockets.close_connection(connection, REASON_DONE, "the chat is closed")
        self._sockets.close_listen_socket(self._listen)


@final
class Guest:
    """One who joins: sends lines, shows what comes. `refused` or `lost` says how it ended badly."""

    __slots__ = ("_connected", "_connection", "_group", "_pump", "_sockets", "lost", "refused")

    def __init__(self, sockets: gs.NetworkingSockets, stop: StopRequest) -> None:
        self._sockets = sockets
        self._group = sockets.create_poll_group()
        self._pump = Pump(sockets, self._group, stop)
        self._connection = gs.Connection(0)
        self._connected = False
        self.refused: gs.ConnectionInfo | None = None
        self.lost: gs.ConnectionInfo | None = None

    def connect(self, address: gs.Address, name: str) -> None:
        """Start connecting; the name is asked for as soon as the server can hear it."""
        config = {gs.ConfigurationValue.TIMEOUT_INITIAL: round(CONNECT_SECONDS * 1000)}
        note(f"connecting to {address}")
        self._connection = self._sockets.connect(address, config=config)
        self._sockets.set_connection_poll_group(self._connection, self._group)
        if name:
            self._send(f"/nick {name}")

    def run(self, stream: TextIO) -> None:
        """Talk until /quit, the end of `stream`, Ctrl-C, or the end of the connection."""
        self._pump.start(stream)
        leaving = False
        try:
            while not leaving and not self._over:
                leaving = not self._handle(self._pump.next_event(SIGNAL_CHECK_SECONDS))
            # The end of input may come before the connection is up: what was typed is still to be delivered.
            while not self._connected and not self._over:
                self._handle(self._pump.next_event(SIGNAL_CHECK_SECONDS))
        except KeyboardInterrupt:
            note("leaving the chat")
        if not self._over:
            for event in wait_for_delivery(self._sockets, self._pump, [self._connection]):
                self._handle(event)
            self._sockets.close_connection(self._connection, REASON_DONE, "bye")
        self._pump.stop()

    @property
    def _over(self) -> bool:
        return self.refused is not None or self.lost is not None

    def _handle(self, event: Event | None) -> bool:
        """Act on one event; false when the user wants to leave."""
        if isinstance(event, gs.StatusInfo):
            self._on_status(event.connection_info)
        elif isinstance(event, gs.NetworkingMessage):
            say(decode(event.data))
        elif isinstance(event, Line):
            if event.text is None or event.text.strip() == "/quit":
                return False
            self._send(event.text)
        return True

    def _send(self, line: str) -> None:
        for piece in split_line(printable(line.strip())):
            result = self._sockets.send_message_to_connection(
                self._connection, piece.encode(), gs.SendFlags.RELIABLE_NO_NAGLE
            )
            if result == gs.Result.LIMIT_EXCEEDED:
                note("too much is waiting to be sent; that line was not")

    def _on_status(self, info: gs.ConnectionInfo) -> None:
        if info.state == gs.ConnectionState.CONNECTED:
            self._connected = True
            note(f"connected to {describe_peer(info)}; /quit leaves")
        elif info.state in ENDED:
            if self._connected:
                self.lost = info
            else:
                self.refused = info
            self._sockets.close_connection(self._connection)


def wait_for_delivery(sockets: gs.NetworkingSockets, pump: Pump, connections: list[gs.Connection]) -> list[Event]:
    """Wait until the peers have acknowledged all we sent, some seconds at most; the events that came
    meanwhile.

    Closing with linger would deliver as well, but only while the process lives, and it is about to end.
    """
    events: list[Event] = []
    until = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < until and any(_undelivered(sockets, connection) for connection in connections):
        event = pump.next_event(DELIVERY_CHECK_SECONDS)
        if event is not None:
            events.append(event)
    return events


def _undelivered(sockets: gs.NetworkingSockets, connection: gs.Connection) -> bool:
    status = sockets.get_quick_connection_status(connection)
    if status is None or status.state != gs.ConnectionState.CONNECTED:
        return False
    return status.pending_reliable > 0 or status.sent_unacked_reliable > 0


def _check_name(name: str) -> None:
    if problem := nick_problem(name):
        raise InputError(f"--name {name!r}: {problem}")
