"""`gamesockets ping`: how long does a message take to an echo server and back, and how many get lost?"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Final, final

import typer

import gamesockets as gs
from gamesockets.cli.addresses import resolve
from gamesockets.cli.completions import complete_address, complete_identity
from gamesockets.cli.help_text import examples
from gamesockets.cli.peers import (
    ENDED,
    describe_peer,
    how_it_ended,
    known,
    percent,
    protection,
    why_not_connected,
)
from gamesockets.cli.progress import Bar, progress_bar
from gamesockets.cli.proof import CertificateFile, KeyFile, Require, TrustFile, proof_from
from gamesockets.cli.statistics import SIZE_MIN, Ledger, Reply, summarize
from gamesockets.cli.terminal import (
    EXIT_FAILURE,
    EXIT_USAGE,
    SIGNAL_CHECK_SECONDS,
    InputError,
    StopRequest,
    fail,
    note,
    say,
    stop_signals,
)

EPILOG: Final = examples(
    ("gamesockets ping localhost", "a `gamesockets echo` on this machine, until Ctrl-C"),
    ("gamesockets ping HOST:27015 -c 100 -i 0.05 --quiet", "a hundred, quickly; the summary only"),
    ("gamesockets ping [2001:db8::1]:27015 --reliable --size 5000", "messages of several packets"),
    ("gamesockets ping HOST -c 10 --json", "for programs"),
)
REASON_DONE: Final = 1000
SIZE_MAX: Final = gs.Library.MAX_MESSAGE_SIZE
SHOWN_LOST: Final = 10


def ping(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="host:port, [ipv6]:port or a name; port 27015 when left out.",
            autocompletion=complete_address,
        ),
    ],
    count: Annotated[
        int | None,
        typer.Option("-c", "--count", min=1, help="How many messages; until Ctrl-C when left out."),
    ] = None,
    interval: Annotated[
        float, typer.Option("-i", "--interval", min=0.001, max=3600, help="Seconds between messages.")
    ] = 1.0,
    size: Annotated[int, typer.Option("--size", "-s", min=SIZE_MIN, max=SIZE_MAX, help="Bytes in a message.")] = 64,
    reliable: Annotated[
        bool,
        typer.Option("--reliable", "-r", help="Reliable messages: lost packets show as delay, not loss."),
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            "-W",
            min=0.1,
            max=3600,
            help="Seconds to wait for the connection, and at the end for the last answers.",
        ),
    ] = 5.0,
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
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="The summary only; with --count, a progress bar meanwhile.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document on standard output instead of text.")
    ] = False,
) -> None:
    """Measure round trips of messages to an echo server, as ping(8) does for hosts.

    The other side must send messages back: `gamesockets echo`, or any server that does. Times are those of
    whole messages between programs; the connection's own ping, at the end, is measured packet by packet.

    Exit status: 0 all came back, 1 some or none did, 2 wrong usage or a name that does not resolve.
    """
    try:
        addresses = resolve(address)
        proof = proof_from(identity, certificate, key, trust, require)
    except InputError as error:
        fail("ping", str(error), EXIT_USAGE)
    plan = Plan(count, interval, timeout, reliable, quiet, as_json)
    with stop_signals() as stop, proof.open() as sockets:
        run = PingRun(sockets, addresses, Ledger(size), plan, stop)
        # Where every answer is a line of its own, those lines are the progress.
        with progress_bar("ping", count is not None and (quiet or as_json)) as bar:
            run.run(bar)
        run.report()
    if not run.succeeded:
        raise typer.Exit(EXIT_FAILURE)


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What the options ask for; times in seconds, `count` is `None` for "until Ctrl-C"."""

    count: int | None
    interval: float
    timeout: float
    reliable: bool
    quiet: bool
    as_json: bool


@final
class PingRun:
    """One run of the command: connect, send on time, collect, report."""

    __slots__ = (
        "_addresses",
        "_bar",
        "_connection",
        "_ended",
        "_flags",
        "_info",
        "_plan",
        "_problem",
        "_sockets",
        "_status",
        "_stop",
        "ledger",
    )

    def __init__(
        self,
        sockets: gs.NetworkingSockets,
        addresses: Sequence[gs.Address],
        ledger: Ledger,
        plan: Plan,
        stop: StopRequest,
    ) -> None:
        self._sockets = sockets
        self._addresses = addresses
        self.ledger = ledger
        self._plan = plan
        self._stop = stop
        kind = gs.SendFlags.RELIABLE if plan.reliable else gs.SendFlags.UNRELIABLE
        self._flags = kind | gs.SendFlags.NO_NAGLE
        self._bar = Bar(None)
        self._connection = gs.Connection(0)
        self._info: gs.ConnectionInfo | None = None
        self._status: gs.ConnectionStatus | None = None
        self._problem = ""
        self._ended = False

    def run(self, bar: Bar) -> None:
        """Connect, send, collect; returns when done, when the connection ended, or on Ctrl-C."""
        self._bar = bar
        self._sockets.set_status_callback(self._on_status)
        self._tell(
            f"PING {self._addresses[0]}: {self.ledger.size_bytes} bytes a message, "
            f"{'reliable' if self._plan.reliable else 'unreliable'}"
        )
        try:
            self._connect()
            self._send_and_collect()
            self._collect(self._plan.timeout)
        except KeyboardInterrupt:
            self._collect(min(self._plan.timeout, self._usual_wait()))
        self._status = self._sockets.get_quick_connection_status(self._connection)
        self._sockets.close_connection(self._connection, REASON_DONE, "ping finished")

    @property
    def succeeded(self) -> bool:
        """Whether all went as planned and everything came back."""
        return self.ledger.complete and not self._problem

    def report(self) -> None:
        """Print the summary; what went wrong goes to standard error, one line."""
        if self._plan.as_json:
            say(json.dumps(self._document(), indent=2))
        else:
            for line in self._summary():
                say(line)
        if self._problem:
            note(f"gamesockets ping: {self._problem}")
        elif self.ledger.sent and not self.ledger.replies:
            note("gamesockets ping: connected, but nothing came back: is that a `gamesockets echo`?")
        elif self.ledger.strangers:
            note(f"gamesockets ping: {self.ledger.strangers} messages were not ours: is that an echo server?")

    def _connect(self) -> None:
        config = {gs.ConfigurationValue.TIMEOUT_INITIAL: round(self._plan.timeout * 1000)}
        began = time.monotonic()
        self._connection = self._sockets.connect(self._addresses[0], config=config)
        while self._info is None and not self._problem:
            self._turn(SIGNAL_CHECK_SECONDS)
        if self._info is not None:
            self._tell(f"connected in {(time.monotonic() - began) * 1000:.1f} ms to {describe_peer(self._info)}")

    def _send_and_collect(self) -> None:
        due = time.monotonic()
        while not self._problem and (self._plan.count is None or self.ledger.sent < self._plan.count):
            now = time.monotonic()
            if now < due:
                self._turn(due - now)
                continue
            data = self.ledger.next_message(gs.Library.time())
            result = self._sockets.send_message_to_connection(self._connection, data, self._flags)
            if result == gs.Result.LIMIT_EXCEEDED:
                self.ledger.withdraw()
                self._problem = "the send buffer is full: choose a longer --interval or a smaller --size"
            due = max(due + self._plan.interval, now)

    def _collect(self, seconds: float) -> None:
        """Wait until everything came back, for `seconds` at most."""
        until = time.monotonic() + seconds
        while self.ledger.unanswered and not self._ended and (left := until - time.monotonic()) > 0:
            self._turn(left)

    def _turn(self, timeout: float | None) -> None:
        """Wait for something to happen and take it in."""
        with self._stop.waiting():
            self._sockets.wait(timeout)
        for message in self._sockets.receive_messages_on_connection(self._connection):
            reply = self.ledger.receive(message.data, message.time_received)
            if reply is not None:
                self._show(reply)
        self._sockets.run_callbacks()

    def _on_status(self, status: gs.StatusInfo) -> None:
        if status.connection != self._connection:
            return
        info = status.connection_info
        if info.state == gs.ConnectionState.CONNECTED:
            self._info = info
            return
        if info.state not in ENDED:
            return
        self._ended = True
        if self._info is None:
            self._problem = why_not_connected(
                info,
                self._addresses,
                self._plan.timeout,
                f"gamesockets echo --bind [::]:{self._addresses[0].port}",
            )
        else:
            self._problem = f"connection to {self._addresses[0]} ended: {how_it_ended(info)}"

    def _usual_wait(self) -> float:
        """Seconds in which an answer that is still under way should come, judged by those that came."""
        slowest_us = max((reply.round_trip_us for reply in self.ledger.replies), default=0)
        return 0.2 + 2 * slowest_us / 1_000_000

    def _show(self, reply: Reply) -> None:
        if not self._plan.quiet:
            self._tell(format_reply(reply, self._addresses[0]))
        if self._plan.count is not None:
            replies = len(self.ledger.replies)
            self._bar.show(replies, self._plan.count, f"{replies} of {self._plan.count} came back")

    def _tell(self, line: str) -> None:
        if not self._plan.as_json:
            say(line)

    def _summary(self) -> list[str]:
        ledger = self.ledger
        if self._info is None:
            return []
        lines = [
            f"--- {self._addresses[0]}: {ledger.sent} sent, {len(ledger.replies)} came back, "
            f"{ledger.loss_percent:.1f}% lost ---"
        ]
        if times := summarize([reply.round_trip_us for reply in ledger.replies]):
            lines.append(
                "round trip min/median/mean/max/stddev = "
                f"{times.minimum:.3f}/{times.median:.3f}/{times.mean:.3f}"
                f"/{times.maximum:.3f}/{times.stddev:.3f} ms"
            )
        if missing := ledger.unanswered:
            more = f" and {len(missing) - SHOWN_LOST} more" if len(missing) > SHOWN_LOST else ""
            lines.append(f"not answered: {', '.join(map(str, missing[:SHOWN_LOST]))}{more}")
        if status := self._status:
            lines.append(
                f"the connection's own ping: {known(status.ping, ' ms')}, "
                f"quality {percent(status.connection_quality_local)}, "
                f"as the peer sees it {percent(status.connection_quality_remote)}"
            )
        return lines

    def _document(self) -> dict[str, Any]:
        ledger, status, info = self.ledger, self._status, self._info
        times = summarize([reply.round_trip_us for reply in ledger.replies])
        return {
            "address": str(self._addresses[0]),
            "size_bytes": ledger.size_bytes,
            "reliable": self._plan.reliable,
            "connected": info is not None,
            "identity": str(info.identity) if info else None,
            "encrypted": protection(info) == "encrypted" if info else None,
            "sent": ledger.sent,
            "received": len(ledger.replies),
            "loss_percent": round(ledger.loss_percent, 3),
            "round_trip_ms": asdict(times) if times else None,
            "connection_ping_ms": status.ping if status and status.ping >= 0 else None,
            "replies": [{"sequence": reply.sequence, "ms": reply.round_trip_us / 1000} for reply in ledger.replies],
            "unanswered": ledger.unanswered,
            "problem": self._problem or None,
        }


def format_reply(reply: Reply, address: gs.Address) -> str:
    """The line of one message that came back."""
    milliseconds = reply.round_trip_us / 1000
    return f"{reply.size_bytes} bytes from {address}: seq={reply.sequence} time={milliseconds:.3f} ms"
