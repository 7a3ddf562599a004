"""`gamesockets doctor`: what is wrong between here and that server? About ten seconds, and a report to paste."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, final

import typer

import gamesockets as gs
from gamesockets.build import BUILD
from gamesockets.cli.addresses import resolve
from gamesockets.cli.completions import complete_address
from gamesockets.cli.doctor_probe import SIZES, Answers, Prober, timer_lateness_us
from gamesockets.cli.help_text import examples
from gamesockets.cli.peers import ENDED, describe_peer, why_not_connected
from gamesockets.cli.terminal import (
    EXIT_FAILURE,
    EXIT_USAGE,
    InputError,
    StopRequest,
    fail,
    printable,
    say,
    stop_signals,
)
from gamesockets.cli.units import bytes_per_second, milliseconds
from gamesockets.version import __version__

EPILOG: Final = examples(
    ("gamesockets doctor play.example", "any server of this protocol"),
    ("gamesockets doctor play.example:27015 --echo", "an echo server: measure the rate, too"),
    ("gamesockets doctor HOST --no-connect -s 0.5", "a health check that is no player"),
    ("gamesockets doctor HOST --json > report.json", "for programs"),
)
ADDRESSES_MAX: Final = 4
INTERVAL_S: Final = 0.05
CONNECT_S: Final = 4.0
RATE_S: Final = 2.0
CHUNK_BYTES: Final = 16_384
LOSS_PERCENT_BAD: Final = 2.0
JITTER_US_BAD: Final = 20_000
PING_US_BAD: Final = 150_000
LATE_US_BAD: Final = 10_000


def doctor(
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="host:port, [ipv6]:port or a name; port 27015 when left out.",
            autocompletion=complete_address,
        ),
    ],
    seconds: Annotated[
        float, typer.Option("--seconds", "-s", min=0.5, max=600, help="How long loss and jitter are measured.")
    ] = 5.0,
    echo: Annotated[
        bool, typer.Option("--echo", help="The server sends messages back: measure the rate for two seconds.")
    ] = False,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect/--no-connect", help="Whether to connect at the end; the server hears of nothing without."
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The report as a JSON document.")] = False,
) -> None:
    """Examine the way to a server: name, IPv4 and IPv6, version, size of datagrams, loss, jitter, connecting.

    Loss and jitter are measured with the protocol's first question, which every server answers and forgets. The report
    holds the server's addresses and no secrets.

    Exit status: 0 the server can be reached and, unless left out, connected to, 1 not so, 2 wrong usage or a name that
    does not resolve.
    """
    began = time.monotonic()
    try:
        addresses = resolve(address)
    except InputError as error:
        fail("doctor", str(error), EXIT_USAGE)
    resolving_ms = (time.monotonic() - began) * 1000
    findings = Findings(as_json)
    with stop_signals() as stop:
        try:
            examination = Examination(address, findings, stop)
            examination.here()
            examination.name(addresses, resolving_ms)
            best = examination.reachable(addresses[:ADDRESSES_MAX])
            if best is not None:
                examination.way(best, seconds)
                if connect:
                    examination.connecting(best, addresses, echo)
        except KeyboardInterrupt:
            findings.problem("stopped before the end")
    findings.finish()
    if findings.has_failed:
        raise typer.Exit(EXIT_FAILURE)


@final
@dataclass(slots=True)
class Findings:
    """What is known so far: said at once, or kept for a document."""

    as_json: bool
    figures: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def line(self, topic: str, text: str, **figures: Any) -> None:
        """One line about a topic."""
        self.figures.update(figures)
        if not self.as_json:
            say(f"{topic:<12} {text}")

    def remark(self, text: str) -> None:
        """Something that could be better."""
        self.remarks.append(text)

    def problem(self, text: str) -> None:
        """Something that does not work."""
        self.problems.append(text)

    @property
    def has_failed(self) -> bool:
        """Whether the server cannot be used from here."""
        return bool(self.problems)

    def finish(self) -> None:
        """The verdict."""
        if self.as_json:
            say(json.dumps({**self.figures, "remarks": self.remarks, "problems": self.problems}, indent=2))
            return
        for text in self.problems:
            say(f"{'PROBLEM':<12} {text}")
        for text in self.remarks:
            say(f"{'could be':<12} {text}")
        if not self.problems and not self.remarks:
            say(f"{'verdict':<12} nothing to complain of")


@final
class Examination:
    """One chapter of the report after another."""

    def __init__(self, target: str, findings: Findings, stop: StopRequest) -> None:
        self._target = target
        self._findings = findings
        self._stop = stop

    def here(self) -> None:
        """This machine and this build."""
        late = timer_lateness_us()
        median, worst = late[len(late) // 2], late[-1]
        clock = time.get_clock_info("monotonic")
        self._findings.line(
            "gamesockets",
            f"{__version__}, {BUILD}, Python {platform.python_version()} on {platform.system()} {platform.machine()}",
            version=__version__,
            build=BUILD,
            python=platform.python_version(),
            system=platform.platform(),
        )
        self._findings.line(
            "clock",
            f"steps of {clock.resolution * 1e9:g} ns; a sleep ends {milliseconds(median)} ms late, "
            f"{milliseconds(worst)} ms at worst",
            timer_late_us={"median": median, "max": worst},
        )
        if median > LATE_US_BAD:
            self._findings.remark("timers fire late here: the machine is busy, or its clock is coarse")

    def name(self, addresses: Sequence[gs.Address], took_ms: float) -> None:
        """What the name stands for."""
        shown = ", ".join(address.ip for address in addresses)
        self._findings.line(
            "name",
            f"{self._target} is {shown} (asked for {took_ms:.0f} ms)",
            target=self._target,
            addresses=[str(address) for address in addresses],
            resolving_ms=round(took_ms, 1),
        )

    def reachable(self, addresses: Sequence[gs.Address]) -> gs.Address | None:
        """Which addresses answer; the first that does."""
        best: gs.Address | None = None
        reached: dict[str, Any] = {}
        for address in addresses:
            answers = self._asked(address)
            version = answers.protocol_version
            if version is not None:
                best = best or address
                words = f"answers in {milliseconds(answers.median_us)} ms, protocol version {version}"
            else:
                words = f"no answer ({answers.refused})" if answers.refused else "no answer"
            family = "IPv4" if address.is_ipv4 else "IPv6"
            self._findings.line(family, f"{address} {words}")
            reached[str(address)] = {"protocol_version": version, "refused": answers.refused or None}
        self._findings.figures["reachable"] = reached
        if best is None:
            port = addresses[0].port
            self._findings.problem(
                f"nobody answers: is the server running, is {port} its port, and is UDP open there in its firewall?"
            )
        elif best != addresses[0]:
            self._findings.remark(f"{addresses[0]} comes first but does not answer: connecting takes longer")
        return best

    def way(self, address: gs.Address, seconds: float) -> None:
        """Size of datagrams, loss and jitter."""
        with Prober(address) as prober, self._stop.waiting():
            largest = prober.largest_datagram()
            answers = prober.measure(max(round(seconds / INTERVAL_S), 2), INTERVAL_S)
        at_least = " (all that this protocol sends)" if largest == SIZES[-1] else ""
        self._findings.line("size", f"datagrams of {largest} bytes pass{at_least}", datagram_bytes=largest)
        times = sorted(answers.round_trips_us)
        if not times:
            self._findings.problem(f"{address} has stopped answering")
            return
        p99 = times[min(len(times) * 99 // 100, len(times) - 1)]
        self._findings.line(
            "round trip",
            f"median {milliseconds(answers.median_us)}, best {milliseconds(times[0])}, p99 {milliseconds(p99)} ms",
            round_trip_us={"median": answers.median_us, "min": times[0], "p99": p99},
        )
        self._findings.line(
            "loss, jitter",
            f"{answers.lost_percent:.1f}% of {answers.sent} lost, "
            f"{milliseconds(answers.jitter_us)} ms from one to the next",
            loss_percent=round(answers.lost_percent, 2),
            probes=answers.sent,
            jitter_us=round(answers.jitter_us),
        )
        if largest < SIZES[-1]:
            self._findings.remark(
                f"set MTU_PACKET_SIZE to {largest}: larger datagrams do not arrive (a tunnel or VPN?)"
            )
        if answers.lost_percent > LOSS_PERCENT_BAD:
            self._findings.remark(f"{answers.lost_percent:.1f}% loss: a wireless link, or a line that is full?")
        if answers.jitter_us > JITTER_US_BAD:
            self._findings.remark("the jitter is high: show other players later (interpolation) than usual")
        if answers.median_us > PING_US_BAD:
            self._findings.remark("the server is far away, or a queue on the way is full")

    def connecting(self, address: gs.Address, addresses: Sequence[gs.Address], echo: bool) -> None:
        """A connection, and what it says of the peer."""
        with gs.NetworkingSockets() as sockets:
            began = time.monotonic()
            config = {gs.ConfigurationValue.TIMEOUT_INITIAL: round(CONNECT_S * 1000)}
            connection = sockets.connect(address, config=config)
            info = sockets.get_connection_info(connection)
            while info is not None and info.state == gs.ConnectionState.CONNECTING:
                with self._stop.waiting():
                    sockets.wait(0.05)
                sockets.run_callbacks()
                info = sockets.get_connection_info(connection)
            took_ms = (time.monotonic() - began) * 1000
            if info is None or info.state in ENDED:
                why = (
                    why_not_connected(info, addresses, CONNECT_S, "gamesockets echo") if info is not None else "closed"
                )
                self._findings.line("connecting", "failed", connected=False)
                self._findings.problem(f"it answers, but no connection comes about: {why}")
                return
            self._findings.line(
                "connecting",
                f"took {took_ms:.0f} ms: {describe_peer(info)}",
                connected=True,
                connecting_ms=round(took_ms, 1),
                identity=printable(str(info.identity)),
            )
            if echo:
                self._rate(sockets, connection)
            sockets.close_connection(connection, 1000, "examined")

    def _asked(self, address: gs.Address) -> Answers:
        try:
            with Prober(address) as prober, self._stop.waiting():
                return prober.is_answered()
        except OSError as error:  # no route, or no such family on this machine
            return Answers(refused=str(error.strerror or error))

    def _rate(self, sockets: gs.NetworkingSockets, connection: gs.Connection) -> None:
        """As much as goes through and back in two seconds."""
        came, data = 0, bytes(CHUNK_BYTES)
        began = time.monotonic()
        while (left := began + RATE_S - time.monotonic()) > 0:
            while sockets.send_message_to_connection(connection, data, gs.SendFlags.RELIABLE) == gs.Result.OK:
                pass
            with self._stop.waiting():
                sockets.wait(min(left, 0.02))
            came += sum([len(message.data) for message in sockets.receive_messages_on_connection(connection)])
        rate = came / (time.monotonic() - began)
        self._findings.line(
            "rate",
            f"{bytes_per_second(rate)} there and back, SEND_RATE_MAX of both ends permitting",
            echo_bytes_per_s=round(rate),
        )
        if not came:
            self._findings.remark("nothing came back within two seconds: is that an echo server?")
