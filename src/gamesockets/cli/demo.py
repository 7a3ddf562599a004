"""`gamesockets demo`: can I see it work? Server and client in one process, real UDP, a bad network."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Final, final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar

import gamesockets as gs
from gamesockets.build import BUILD
from gamesockets.cli.demo_traffic import Traffic, faults, settled
from gamesockets.cli.demo_view import TABLE_WIDTH, SideView, document, plain_table, rich_table, rows, summary
from gamesockets.cli.help_text import examples
from gamesockets.cli.peers import ENDED, how_it_ended
from gamesockets.cli.progress import progress_bar
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_INTERRUPTED, StopRequest, fail, note, say, stop_signals

EPILOG: Final = examples(
    ("gamesockets demo", "ten seconds with 5% loss and 30 ms lag each way"),
    ("gamesockets demo --loss 20 --lag 80 -s 30", "a bad network"),
    ("gamesockets demo --json -s 3", "a self-test for programs: status 1 if anything went wrong"),
)
TICK_SECONDS: Final = 1 / 30
RELIABLE_TICKS: Final = 3  # of so many ticks, all but one carry a reliable message
TICKS_BEHIND_MAX: Final = 15  # after a stall, catch up by no more than this
REFRESH_SECONDS: Final = 0.2
PLAIN_EVERY_SECONDS: Final = 2.0
# The time that the last reliable messages, and the handshake before, may take on top of the running time.
GRACE_SECONDS: Final = 4.0
GRACE_BAD_NETWORK_SECONDS: Final = 20.0
REASON_DONE: Final = 1000


def demo(
    seconds: Annotated[
        float, typer.Option("--seconds", "-s", min=0.5, max=3600, help="How long messages flow.")
    ] = 10.0,
    loss: Annotated[
        float, typer.Option("--loss", min=0, max=50, help="Simulated packet loss in percent, each way.")
    ] = 5.0,
    lag: Annotated[int, typer.Option("--lag", min=0, max=1000, help="Simulated delay in milliseconds, each way.")] = 30,
    no_ui: Annotated[bool, typer.Option("--no-ui", help="Plain text at intervals instead of a live table.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Only the outcome, as a JSON document; a progress bar meanwhile.")
    ] = False,
) -> None:
    """Watch a server and a client talk over real UDP with simulated loss and lag.

    Both ends send reliable messages (chat, events, a map) and unreliable ones (positions). Packets get lost;
    the reliable messages must arrive complete and in order all the same. Ends by itself with a summary.

    Exit status: 0 every reliable message arrived in order, 1 otherwise, 2 wrong usage, 130 stopped by Ctrl-C.
    """
    began = time.monotonic()
    live = sys.stdout.isatty() and not no_ui
    with (
        stop_signals() as stop,
        gs.NetworkingSockets(identity=gs.NetworkingIdentity.generic_string("demo-server")) as server_sockets,
        gs.NetworkingSockets(identity=gs.NetworkingIdentity.generic_string("demo-client")) as client_sockets,
        _bad_network(server_sockets, loss, lag),
    ):
        server = Side("server", "client", server_sockets)
        client = Side("client", "server", client_sockets)
        address = _listen(server)
        client.connect(address)
        grace = GRACE_SECONDS if loss <= 20 and lag <= 200 else GRACE_BAD_NETWORK_SECONDS
        run = DemoRun(client, server, f"UDP {address}, {loss:g}% loss and {lag} ms lag each way, {BUILD} build", stop)
        try:
            with run.progress(seconds) if as_json else run.display(live, seconds) as show:
                run.flow(show, seconds, began + seconds + grace)
            interrupted = False
        except KeyboardInterrupt:
            interrupted = True
        views = client.view(), server.view()
        client.stop("demo finished")
        server.stop("demo finished")
    if interrupted:
        note("gamesockets demo: interrupted before the end, so there is no verdict")
        raise typer.Exit(EXIT_INTERRUPTED)
    found = run.problems + faults(views[0].counts, views[1].counts)
    elapsed = time.monotonic() - began
    if as_json:
        say(json.dumps(document(*views, found, elapsed, loss, lag), indent=2))
    else:
        for line in summary(*views, found, elapsed, loss):
            say(line)
    if found:
        raise typer.Exit(EXIT_FAILURE)


@final
class Side:
    """The server or the client: one `NetworkingSockets`, one thread that sends in time and receives."""

    __slots__ = (
        "_connection",
        "_info",
        "_listen",
        "_name",
        "_peer_name",
        "_running",
        "_sockets",
        "_thread",
        "_tick",
        "_traffic",
        "_unsent",
        "ended",
        "sending",
    )

    def __init__(self, name: str, peer_name: str, sockets: gs.NetworkingSockets) -> None:
        self._name = name
        self._peer_name = peer_name
        self._sockets = sockets
        self._traffic = Traffic(name)
        self._connection = gs.Connection(0)
        self._listen = gs.ListenSocket(0)
        self._info: gs.ConnectionInfo | None = None
        self._tick = 0
        self._unsent = b""
        self._running = True
        self.sending = True
        self.ended: gs.ConnectionInfo | None = None
        self._thread = threading.Thread(target=self._run, name=f"demo-{name}", daemon=True)
        sockets.set_status_callback(self._on_status)

    def listen(self, address: gs.Address) -> gs.Address:
        """Wait for the client at `address`; what was bound. Raises `OSError`."""
        self._listen = self._sockets.create_listen_socket(address)
        self._thread.start()
        return self._sockets.get_listen_socket_address(self._listen) or address

    def connect(self, address: gs.Address) -> None:
        """Go to the server."""
        config = {gs.ConfigurationValue.TIMEOUT_INITIAL: round(GRACE_BAD_NETWORK_SECONDS * 1000)}
        self._connection = self._sockets.connect(address, config=config)
        self._thread.start()

    def view(self) -> SideView:
        """A snapshot, from any thread."""
        status = self._sockets.get_quick_connection_status(self._connection) if self._info else None
        return SideView(self._name, self._traffic.counts, status, self._info, self._traffic.last_heard)

    def stop(self, text: str) -> None:
        """End the connection and the thread."""
        self._running = False
        self._sockets.close_connection(self._connection, REASON_DONE, text)
        self._thread.join()

    def _run(self) -> None:
        due = time.monotonic()
        while self._running:
            now = time.monotonic()
            if self._info is None or not self.sending:
                due = now + TICK_SECONDS
            elif now >= due:
                self._send()
                due = max(due + TICK_SECONDS, now - TICKS_BEHIND_MAX * TICK_SECONDS)
            if self._sockets.wait(max(0.0, due - time.monotonic())):
                self._sockets.run_callbacks()
                self._receive()

    def _send(self) -> None:
        self._tick += 1
        self._sockets.send_message_to_connection(self._connection, self._traffic.next_unreliable())
        if self._tick % RELIABLE_TICKS or self._unsent:
            data = self._unsent or self._traffic.next_reliable()
            result = self._sockets.send_message_to_connection(self._connection, data, gs.SendFlags.RELIABLE)
            # A full buffer refuses the message: it goes first the next time.
            self._unsent = data if result == gs.Result.LIMIT_EXCEEDED else b""

    def _receive(self) -> None:
        if not self._connection:
            return
        try:
            messages = self._sockets.receive_messages_on_connection(self._connection)
        except gs.InvalidHandle:
            return  # `stop` has just closed it
        for message in messages:
            self._traffic.receive(message.data, bool(message.flags & gs.SendFlags.RELIABLE), self._peer_name)

    def _on_status(self, status: gs.StatusInfo) -> None:
        info = status.connection_info
        if info.state == gs.ConnectionState.CONNECTING and info.listen_socket and not self._connection:
            self._connection = status.connection
            self._sockets.accept_connection(status.connection)
        elif info.state == gs.ConnectionState.CONNECTED:
            self._info = info
        elif info.state in ENDED:
            self.ended = info


@final
class DemoRun:
    """The course of the demo: let messages flow, stop sending, wait until the last one arrived."""

    __slots__ = ("_began", "_client", "_server", "_stop", "_title", "problems")

    def __init__(self, client: Side, server: Side, title: str, stop: StopRequest) -> None:
        self._stop = stop
        self._client = client
        self._server = server
        self._title = title
        self._began: float | None = None
        self.problems: list[str] = []

    @property
    def flowing_for(self) -> float:
        """Seconds since messages began to flow."""
        return time.monotonic() - self._began if self._began is not None else 0.0

    def flow(self, show: Callable[[SideView, SideView], None], seconds: float, give_up: float) -> None:
        """Let messages flow for `seconds`, then wait for the last reliable one, until `give_up` (monotonic seconds)."""
        clock = threading.Event()  # never set: the pace of the display
        stop_sending = give_up
        while True:
            now = time.monotonic()
            client, server = self._client.view(), self._server.view()
            show(client, server)
            if client.info and server.info:
                stop_sending = min(stop_sending, now + seconds)
                if self._began is None:
                    self._began = now
            if now >= stop_sending:
                self._client.sending = self._server.sending = False
                if settled(client.counts, server.counts):
                    return
            if now >= give_up:
                return
            for side, name in ((self._client, "client"), (self._server, "server")):
                if side.ended is not None:
                    self.problems.append(f"the {name}'s connection ended early: {how_it_ended(side.ended)}")
                    return
            with self._stop.waiting():
                clock.wait(REFRESH_SECONDS)

    @contextmanager
    def progress(self, seconds: float) -> Iterator[Callable[[SideView, SideView], None]]:
        """A function that shows how much of the time has gone by, and nothing else."""
        with progress_bar("demo") as bar:

            def show(client: SideView, server: SideView) -> None:
                sent = client.counts.sent_reliable + server.counts.sent_reliable
                bar.show(self.flowing_for, seconds, f"{sent} reliable messages sent")

            yield show

    @contextmanager
    def display(self, live: bool, seconds: float) -> Iterator[Callable[[SideView, SideView], None]]:
        """A function that shows snapshots, in a live table or as plain text now and then."""
        if not live:
            yield self._plain_display()
            return
        console = Console()
        with Live(console=console, auto_refresh=False) as screen:

            def show(client: SideView, server: SideView) -> None:
                width = min(console.width, TABLE_WIDTH)
                table = rich_table(rows(client, server), self._title, _conversation(client, server), width)
                bar = ProgressBar(total=seconds, completed=min(self.flowing_for, seconds), width=width)
                screen.update(Group(table, bar), refresh=True)

            yield show

    def _plain_display(self) -> Callable[[SideView, SideView], None]:
        say(self._title)
        began = time.monotonic()
        due = began + 1.0
        heard = ["", ""]

        def show(client: SideView, server: SideView) -> None:
            nonlocal due
            for side, line in enumerate((server.last_heard, client.last_heard)):
                if line != heard[side]:
                    heard[side] = line
                    say(line)
            if time.monotonic() >= due:
                due += PLAIN_EVERY_SECONDS
                say(plain_table(rows(client, server), f"after {time.monotonic() - began:.1f} s"))

        return show


def _conversation(client: SideView, server: SideView) -> str:
    return f"{server.last_heard}\n{client.last_heard}"


def _listen(server: Side) -> gs.Address:
    """Listen on a free port of this machine; by IPv4 where there is no IPv6."""
    try:
        return server.listen(gs.Address.localhost())
    except OSError:
        pass
    try:
        return server.listen(gs.Address.ipv4("127.0.0.1", 0))
    except OSError as error:
        fail(
            "demo",
            f"cannot open a UDP socket on this machine ({error.strerror or error}): is it sandboxed?",
        )


@contextmanager
def _bad_network(sockets: gs.NetworkingSockets, loss: float, lag: int) -> Iterator[None]:
    """Simulated loss and lag for all that leaves this process; put back afterwards, for it outlives the sockets."""
    wanted = {gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND: loss, gs.ConfigurationValue.FAKE_PACKET_LAG_SEND: lag}
    before = {value: sockets.get_configuration_value(value) for value in wanted}
    for value, number in wanted.items():
        sockets.set_configuration_value(value, number)
    try:
        yield
    finally:
        for value, old in before.items():
            sockets.set_configuration_value(value, old)
