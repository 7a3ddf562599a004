"""Who takes part? Each with its default settings but for a large send buffer, and told the rate where it has to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.lossy import tcp
from benchmarks.lossy.plan import Plan
from benchmarks.systems import needs
from benchmarks.systems.base import Direct
from benchmarks.systems.needs import Program

SEND_BUFFER_BYTES: Final = 16 << 20
"""For whoever has such a limit: larger than what a sender keeps ready."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One system, or two that talk to each other.

    Attributes:
        name: as given on the command line.
        title: in the table.
        about: one line for people.
        sender: makes the node that sends; imports what it needs only then.
        receiver: the same that receives.
        missing: why it cannot run here; None if it can.
        program: what plays both; None for whichever build of ours is better here.
        needs_namespaces: its protocol is the kernel's, so a relay between sockets does not do.
    """

    name: str
    title: str
    about: str
    sender: Callable[[Plan], Direct]
    receiver: Callable[[Plan], Direct]
    missing: Callable[[], str | None]
    program: Program | None = Program.SOURCE
    needs_namespaces: bool = False


def _ours(plan: Plan) -> Direct:  # noqa: ARG001 - it finds out by itself
    import gamesockets as gs
    from benchmarks.systems.ours import Ours

    return Ours({gs.ConfigurationValue.SEND_BUFFER_SIZE: SEND_BUFFER_BYTES})


def _gns(plan: Plan) -> Direct:
    from tests.interop.gns import Config

    from benchmarks.systems.gns import Gns

    options: dict[int, int] = {Config.IP_ALLOW_WITHOUT_AUTH: 2, Config.SEND_BUFFER_SIZE: SEND_BUFFER_BYTES}
    if plan.told_rate:
        options |= {Config.SEND_RATE_MIN: plan.told_rate, Config.SEND_RATE_MAX: plan.told_rate}
    return Gns(options)


def _aioquic(plan: Plan) -> Direct:  # noqa: ARG001 - as above
    from benchmarks.systems.quic import aioquic

    return aioquic()


def _tcp(algorithm: str) -> dict[str, Any]:
    return {
        "sender": lambda _: tcp.Tcp(algorithm),
        "receiver": lambda _: tcp.Tcp(algorithm),
        "missing": lambda: tcp.missing(algorithm),
        "needs_namespaces": True,
    }


CONTENDERS: Final[dict[str, Contender]] = {
    contender.name: contender
    for contender in (
        Contender(
            "ours-compiled",
            "gamesockets",
            "gamesockets, compiled; told nothing",
            _ours,
            _ours,
            needs.compiled,
            Program.COMPILED,
        ),
        Contender("ours", "gamesockets, pure", "gamesockets, pure Python; told nothing", _ours, _ours, needs.source),
        Contender(
            "ours-to-gns",
            "to the reference library",
            "gamesockets to a receiver that is the reference library with its default buffers",
            _ours,
            _gns,
            needs.library,
            None,
        ),
        Contender(
            "gns",
            "reference library",
            "the reference library on both sides, told the rate of the line, which it keeps",
            _gns,
            _gns,
            needs.library,
        ),
        Contender(
            "aioquic",
            "aioquic",
            "QUIC in Python, its congestion control as it comes (Reno); game messages are DATAGRAM frames",
            _aioquic,
            _aioquic,
            needs.package("aioquic", "aioquic"),
        ),
        Contender(
            "tcp-cubic",
            "TCP CUBIC",
            "the kernel's TCP with CUBIC; game messages are in the same stream",
            **_tcp("cubic"),
        ),
        Contender(
            "tcp-bbr",
            "TCP BBR",
            "the kernel's TCP with its BBR; game messages are in the same stream",
            **_tcp("bbr"),
        ),
    )
}
"""In the order of the table's columns."""


def program_of(name: str) -> Program:
    """What plays both sides."""
    return CONTENDERS[name].program or (Program.SOURCE if needs.compiled() else Program.COMPILED)


OURS: Final = ("ours-compiled", "ours")
"""The first that can run here stands for us."""
