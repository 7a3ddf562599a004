"""How does the arena of `gamesockets play` look in a terminal? The field, and beside it scores and the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

from rich.text import Text

import gamesockets as gs
from gamesockets.cli.peers import known, percent
from gamesockets.cli.play_client import GameClient
from gamesockets.cli.play_rules import HEIGHT, SCORE_TO_WIN, WIDTH
from gamesockets.cli.sparkline import sparkline
from gamesockets.cli.units import bytes_per_second

PANEL_WIDTH: Final = 32
SCREEN_WIDTH: Final = WIDTH + 2 + 2 + PANEL_WIDTH
SCREEN_HEIGHT: Final = HEIGHT + 4
PING_TOP_MS: Final = 200.0
COLOURS: Final = (
    "bright_cyan",
    "bright_magenta",
    "bright_green",
    "bright_yellow",
    "bright_blue",
    "bright_red",
    "cyan",
    "magenta",
    "green",
    "yellow",
    "blue",
    "red",
)
HELP: Final = "W A S D steer, space stops · arrows: ↑↓ loss, ←→ lag · q quits"


@final
@dataclass(slots=True)
class Spoiling:
    """The simulated bad network of this player, each way."""

    loss_percent: int = 0
    lag_ms: int = 0


def screen(client: GameClient, status: gs.ConnectionStatus | None, spoiling: Spoiling, width: int, height: int) -> Text:
    """Everything, or a request for a larger window."""
    if width < SCREEN_WIDTH or height < SCREEN_HEIGHT:
        return Text(f"This window is {width} x {height}: make it {SCREEN_WIDTH} x {SCREEN_HEIGHT} or larger (q quits)")
    if client.state is None or client.number is None:
        return Text(f"connecting to {client.address} ... (q quits)")
    rows = zip(field(client), panel(client, status, spoiling), strict=True)
    lines = [Text.assemble(left, "  ", right) for left, right in rows]
    news = " · ".join(client.news)
    lines += [Text(news[:width], style="italic"), Text(HELP, style="dim")]
    return Text("\n").join(lines)


def field(client: GameClient) -> list[Text]:
    """The walls and what is between them."""
    state = client.state
    cells: dict[tuple[int, int], tuple[str, str]] = {}
    if state is not None:
        cells.update(dict.fromkeys(state.gems, ("◆", "bold yellow")))
        for number, (x, y, _) in state.players.items():
            name = client.names.get(number, "?")
            is_me = number == client.number
            cells[x, y] = ("@" if is_me else name[:1].upper(), colour(number) + (" bold reverse" if is_me else " bold"))
    lines = [Text("╭" + "─" * WIDTH + "╮", style="bright_black")]
    for y in range(HEIGHT):
        line = Text("│", style="bright_black")
        for x in range(WIDTH):
            line.append(*cells.get((x, y), ("·" if x % 4 == y % 2 * 2 else " ", "bright_black")))
        lines.append(line.append("│", style="bright_black"))
    return [*lines, Text("╰" + "─" * WIDTH + "╯", style="bright_black")]


def panel(client: GameClient, status: gs.ConnectionStatus | None, spoiling: Spoiling) -> list[Text]:
    """Scores and figures, as many lines as the field has."""
    lines = [Text(f"First to {SCORE_TO_WIN} gems", style="bold")]
    players = client.state.players if client.state is not None else {}
    room = HEIGHT + 2 - 11
    ranked = sorted(players.items(), key=lambda item: (-item[1][2], item[0]))
    for number, (_, _, score) in ranked[:room]:
        name = client.names.get(number, "?") + (" (you)" if number == client.number else "")
        lines.append(Text.assemble((f"{name:<20}", colour(number)), f"{score:>4}"))
    lines += [Text()] * (room + 1 - len(lines))
    if status is not None:
        lines += [
            _row("ping", known(status.ping, " ms")),
            _row("", sparkline(list(client.pings_ms), PANEL_WIDTH - 12, PING_TOP_MS)),
            _row("states lost", f"{client.lost_percent:.0f}%"),
            _row("quality", percent(status.connection_quality_local)),
            _row("in", bytes_per_second(status.in_bytes_per_second)),
            _row("out", bytes_per_second(status.out_bytes_per_second)),
            Text(),
            Text("Simulated, each way", style="bold"),
            _slider("loss ↑↓", spoiling.loss_percent, 50, "%"),
            _slider("lag  ←→", spoiling.lag_ms, 300, " ms"),
        ]
    return lines + [Text()] * (HEIGHT + 2 - len(lines))


def colour(number: int) -> str:
    """A player's colour."""
    return COLOURS[number % len(COLOURS)]


def plain_line(client: GameClient, status: gs.ConnectionStatus | None) -> str:
    """The state of the game in one line, for pipes and logs."""
    players = client.state.players if client.state is not None else {}
    scores = ", ".join(f"{client.names.get(number, '?')} {score}" for number, (_, _, score) in sorted(players.items()))
    ping = known(status.ping, " ms") if status is not None else "-"
    return f"{scores or 'connecting'}; ping {ping}, states lost {client.lost_percent:.0f}%"


def _row(label: str, value: str) -> Text:
    return Text.assemble((f"{label:<12}", "dim"), value)


def _slider(label: str, value: int, most: int, unit: str) -> Text:
    filled = round(value / most * 10)
    return Text.assemble(
        (f"{label:<10}", "dim"), ("━" * filled, "red"), ("─" * (10 - filled), "dim"), f" {value}{unit}"
    )
