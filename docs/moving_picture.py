"""What does a bad network do to a game? Writes images/play.svg, the moving picture of the README, from a real run.

Run `python -m docs.moving_picture` at the root of the repository. The server of `gamesockets play` and a client talk
over real UDP with 15 % simulated loss and 60 ms delay each way. Left is what the server decides, right what the client
sees in the same moment.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

import gamesockets as gs
from gamesockets.cli.play_client import GameClient
from gamesockets.cli.play_rules import HEIGHT, TICKS_PER_SECOND, WIDTH
from gamesockets.cli.play_server import GameServer

PICTURE: Final = Path(__file__).parent / "images" / "play.svg"
SECONDS: Final = 8.0
LOSS_PERCENT: Final = 15
LAG_MS: Final = 60
BOTS: Final = 5

CELL: Final = 9
GAP: Final = 28
TOP: Final = 34
FIELD_WIDTH: Final = WIDTH * CELL
FIELD_HEIGHT: Final = HEIGHT * CELL
TOTAL_WIDTH: Final = 2 * FIELD_WIDTH + 3 * GAP
TOTAL_HEIGHT: Final = TOP + FIELD_HEIGHT + 64
COLOURS: Final = ("#5ecbfa", "#fab056", "#7ee787", "#ff7b9c", "#c8a2ff", "#f2e06b")

Places = dict[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Frame:
    """One moment: where everybody is for the server and for the client, and what was counted until then."""

    decided: Places
    seen: Places
    gems: list[tuple[int, int]]
    states_sent: int
    states_lost: int
    reliable_sent: int
    reliable_came: int


def record(seconds: float) -> list[Frame]:
    """Plays for so long, in real time."""
    frames: list[Frame] = []
    with gs.NetworkingSockets() as server_sockets, gs.NetworkingSockets() as sockets:
        server = GameServer(server_sockets, gs.Address("127.0.0.1", 0), BOTS, seed=7)
        client = GameClient(sockets, server.address, "you")
        counted = {"came": 0, "told": 0, "first": 0}
        spoil(sockets, LOSS_PERCENT, LAG_MS)
        try:
            began = due = time.monotonic()
            while time.monotonic() < began + seconds or not frames:
                due += 1 / TICKS_PER_SECOND
                while (left := due - time.monotonic()) > 0:
                    sockets.wait(left)
                    server.take_in()
                    client.take_in()
                if client.number is not None and server.arena.tick_number % TICKS_PER_SECOND == 0:
                    counted["told"] += 1
                    server.arena.news.append(f"news {counted['told']}")
                server.tick()
                client.take_in()
                while client.news:
                    counted["came"] += client.news.popleft() == f"news {counted['came'] + 1}"  # in order, or not at all
                if client.state is not None:
                    counted["first"] = counted["first"] or client.state.tick
                    sent = client.state.tick - counted["first"] + 1
                    frames.append(
                        Frame(
                            {number: (player.x, player.y) for number, player in server.arena.players.items()},
                            {number: (x, y) for number, (x, y, _) in client.state.players.items()},
                            list(client.state.gems),
                            sent,
                            max(sent - client.states_came, 0),
                            counted["told"],
                            counted["came"],
                        )
                    )
                else:
                    began = time.monotonic()
        finally:
            spoil(sockets, 0, 0)
        client.leave()
    return frames


def spoil(sockets: gs.NetworkingSockets, loss_percent: int, lag_ms: int) -> None:
    """What leaves this process gets lost and delayed: both ends are in it, so that is each way once."""
    sockets.set_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND, float(loss_percent))
    sockets.set_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LAG_SEND, lag_ms)


def render(frames: list[Frame]) -> str:
    """The picture: all positions are animations of SVG itself, so that it moves wherever pictures are shown."""
    seconds = len(frames) / TICKS_PER_SECOND
    right = 2 * GAP + FIELD_WIDTH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {TOTAL_WIDTH} {TOTAL_HEIGHT}" role="img" '
        f'font-family="ui-sans-serif, system-ui, sans-serif" font-size="15">',
        f"<title>A game on a network with {LOSS_PERCENT} % loss and {LAG_MS} ms delay each way: left what the server "
        "decides, right what a client sees</title>",
        f'<rect width="{TOTAL_WIDTH}" height="{TOTAL_HEIGHT}" rx="10" fill="#0d101a"/>',
        _text(GAP, 23, "What the server decides", "#f0f3fc"),
        _text(right, 23, f"What a client sees: {LOSS_PERCENT} % loss, {LAG_MS} ms lag", "#f0f3fc"),
    ]
    parts += [
        f'<rect x="{left}" y="{TOP}" width="{FIELD_WIDTH}" height="{FIELD_HEIGHT}" rx="6" fill="#171c2b" '
        'stroke="#404c6e"/>'
        for left in (GAP, right)
    ]
    for number, place in frames[0].decided.items():
        colour = COLOURS[number % len(COLOURS)]
        decided = [frame.decided.get(number, place) for frame in frames]
        seen = [frame.seen.get(number, place) for frame in frames]
        parts += [_dot(decided, GAP, colour, seconds, 5), _dot(decided, right, colour, seconds, 4, ghost=True)]
        parts.append(_dot(seen, right, colour, seconds, 5))
    below = TOP + FIELD_HEIGHT + 26
    parts.append(_text(right, below + 22, "○ where the server has them by now", "#828dac"))
    last = len(frames) - 1
    shown = sorted({*range(0, len(frames), TICKS_PER_SECOND // 2), last})
    for start, end in zip(shown, [*shown[1:], len(frames)], strict=True):
        frame = frames[start]
        states = f"unreliable: {frame.states_sent} states sent, {frame.states_lost} lost and made up for by the next"
        news = f"reliable: {frame.reliable_sent} messages sent, {frame.reliable_came} arrived, all in order"
        share = f"0;{start / len(frames):.4f};{end / len(frames):.4f}"
        parts.append(
            f'<g opacity="{int(end > last)}"><animate attributeName="opacity" calcMode="discrete" values="0;1;0" '
            f'keyTimes="{share}" dur="{seconds:g}s" repeatCount="indefinite"/>'
            f"{_text(GAP, below, states, '#b2bbd4')}{_text(GAP, below + 22, news, '#b2bbd4')}</g>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _dot(
    places: list[tuple[int, int]], left: int, colour: str, seconds: float, radius: int, ghost: bool = False
) -> str:
    look = f'fill="none" stroke="{colour}" stroke-opacity="0.5"' if ghost else f'fill="{colour}"'
    xs = ";".join(str(left + x * CELL + CELL // 2) for x, _ in places)
    ys = ";".join(str(TOP + y * CELL + CELL // 2) for _, y in places)
    timing = f'dur="{seconds:g}s" repeatCount="indefinite"'
    return (
        f'<circle r="{radius}" cx="{xs.partition(";")[0]}" cy="{ys.partition(";")[0]}" {look}>'
        f'<animate attributeName="cx" values="{xs}" {timing}/>'
        f'<animate attributeName="cy" values="{ys}" {timing}/></circle>'
    )


def _text(x: int, y: int, words: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{colour}">{escape(words)}</text>'


def main() -> None:
    PICTURE.write_text(render(record(SECONDS)), encoding="utf-8")


if __name__ == "__main__":
    main()
