"""How does the demo show its two sides? From snapshots to rows, from rows to a plain or a coloured table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias, final

from rich.table import Table
from rich.text import Text

import gamesockets as gs
from gamesockets.cli.demo_traffic import Counts
from gamesockets.cli.peers import known, percent, protection

Row: TypeAlias = tuple[str, str, str]

TABLE_WIDTH: Final = 80


@final
@dataclass(frozen=True, slots=True)
class SideView:
    """One side at one moment; `status` and `info` are `None` until there is a connection."""

    name: str
    counts: Counts
    status: gs.ConnectionStatus | None
    info: gs.ConnectionInfo | None
    last_heard: str


def rows(client: SideView, server: SideView) -> list[Row]:
    """The lines of the table: what, at the client, at the server."""
    pairs = ((client, server), (server, client))
    found: list[tuple[str, list[str]]] = [
        ("state", [_state(mine) for mine, _ in pairs]),
        ("ping", [_of(mine.status, lambda status: known(status.ping, " ms")) for mine, _ in pairs]),
        ("quality here / there", [_of(mine.status, _quality) for mine, _ in pairs]),
        ("out", [_of(mine.status, _out) for mine, _ in pairs]),
        ("in", [_of(mine.status, _in) for mine, _ in pairs]),
        ("reliable sent", [str(mine.counts.sent_reliable) for mine, _ in pairs]),
        ("reliable received", [str(mine.counts.received_reliable) for mine, _ in pairs]),
        ("unreliable sent", [str(mine.counts.sent_unreliable) for mine, _ in pairs]),
        ("unreliable received", [str(mine.counts.received_unreliable) for mine, _ in pairs]),
        ("lost or on the way", [_lost(mine, other) for mine, other in pairs]),
        ("out of order", [str(mine.counts.misordered) for mine, _ in pairs]),
    ]
    return [(title, at_client, at_server) for title, (at_client, at_server) in found]


def plain_table(table: Sequence[Row], title: str) -> str:
    """The table as aligned text, for pipes and logs."""
    everything: list[Row] = [(title, "client", "server"), *table]
    widths = [max(len(row[column]) for row in everything) for column in range(3)]
    return "\n".join(
        f"{row[0]:<{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:>{widths[2]}}".rstrip() for row in everything
    )


def rich_table(table: Sequence[Row], title: str, caption: str, width: int = TABLE_WIDTH) -> Table:
    """The table for a terminal, always as wide as that allows: figures that grow must not make it jump."""
    shown = Table(title=title, caption=Text(caption), caption_justify="left", width=width)
    shown.add_column("", min_width=len(max((what for what, *_ in table), key=len)))
    shown.add_column("client", justify="right", style="cyan", ratio=1)
    shown.add_column("server", justify="right", style="green", ratio=1)
    for what, at_client, at_server in table:
        shown.add_row(what, at_client, at_server)
    return shown


def summary(
    client: SideView, server: SideView, faults: Sequence[str], elapsed_seconds: float, loss: float
) -> list[str]:
    """The closing lines: what crossed, whether in order, and under which protection."""
    lines = [f"demo {'FAILED' if faults else 'passed'} after {elapsed_seconds:.1f} s"]
    lines += [f"  problem: {fault}" for fault in faults]
    for sender, receiver in ((client, server), (server, client)):
        mine, theirs = sender.counts, receiver.counts
        order = "out of order!" if theirs.misordered else "all in order"
        share = 100 * (1 - theirs.received_unreliable / mine.sent_unreliable) if mine.sent_unreliable else 0.0
        lines += [
            f"  {sender.name} -> {receiver.name}: "
            f"reliable {theirs.received_reliable} of {mine.sent_reliable}, {order};",
            f"    unreliable {theirs.received_unreliable} of {mine.sent_unreliable} "
            f"({share:.1f}% lost, {loss:g}% simulated)",
        ]
    if client.status is not None:
        lines.append(
            f"  ping {known(client.status.ping, ' ms')} at the client, "
            f"{known(server.status.ping if server.status else -1, ' ms')} at the server"
        )
    if client.info is not None:
        lines.append(f"  cipher: {cipher(client.info)}")
    return lines


def document(
    client: SideView, server: SideView, faults: Sequence[str], elapsed_seconds: float, loss: float, lag: int
) -> dict[str, Any]:
    """The outcome for programs."""
    return {
        "passed": not faults,
        "problems": list(faults),
        "seconds": round(elapsed_seconds, 3),
        "simulated": {"loss_percent": loss, "lag_ms": lag},
        "encrypted": protection(client.info) == "encrypted" if client.info is not None else None,
        **{
            view.name: {
                **asdict(view.counts),
                "ping_ms": view.status.ping if view.status is not None and view.status.ping >= 0 else None,
            }
            for view in (client, server)
        },
    }


def cipher(info: gs.ConnectionInfo) -> str:
    """How the connection is protected, and what that does not mean."""
    if protection(info) != "encrypted":
        return "none, everything crossed in plain text!"
    claim = " (the identity is only claimed)" if info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED else ""
    return f"AES-256-GCM, keys of its own{claim}"


def _state(view: SideView) -> str:
    if view.info is None:
        return "connecting"
    return f"connected, {protection(view.info)}"


def _of(status: gs.ConnectionStatus | None, show: Callable[[gs.ConnectionStatus], str]) -> str:
    return "-" if status is None else show(status)


def _quality(status: gs.ConnectionStatus) -> str:
    return f"{percent(status.connection_quality_local)} / {percent(status.connection_quality_remote)}"


def _out(status: gs.ConnectionStatus) -> str:
    return _rate(status.out_packets_per_second, status.out_bytes_per_second)


def _in(status: gs.ConnectionStatus) -> str:
    return _rate(status.in_packets_per_second, status.in_bytes_per_second)


def _rate(packets: float, size: float) -> str:
    return f"{packets:.0f} pkt/s, {size / 1000:.1f} kB/s" if packets > 0 else "-"


def _lost(mine: SideView, other: SideView) -> str:
    # The two sides are not looked at in the same instant.
    missing = max(0, other.counts.sent_unreliable - mine.counts.received_unreliable)
    share = 100 * missing / other.counts.sent_unreliable if other.counts.sent_unreliable else 0.0
    return f"{missing} ({share:.1f}%)"
