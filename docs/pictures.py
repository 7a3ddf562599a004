"""What happens between two ends? Writes the pictures of conversations in images/: handshake, lanes, loss, drain.

Run `python -m docs.pictures` at the root of the repository after a change; a test says when. Each picture is a table
below: what passes from one side to the other, and when.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

IMAGES: Final = Path(__file__).parent / "images"

WIDTH: Final = 760
LEFT: Final = 190
RIGHT: Final = 570
STEP: Final = 44
TOP: Final = 58
STYLE: Final = (
    "svg{font-family:ui-sans-serif,system-ui,sans-serif;font-size:14px}"
    ".b{fill:#fff}.t{fill:#1d2333}.s{fill:#59637d;font-size:13px}.l{stroke:#9aa3b8}.a{stroke:#3f51b5;stroke-width:1.6}"
    ".h{fill:#3f51b5}.x{stroke:#c62828;stroke-width:1.6}.m{fill:#c62828}.u{stroke:#8d6e00;stroke-width:1.6}.v{fill:#8d6e00}"
    ".n{fill:#eef1f8}"
    "@media(prefers-color-scheme:dark){.b{fill:#171c2b}.t{fill:#f0f3fc}.s{fill:#a9b3cf}.l{stroke:#5a6685}.a{stroke:#8fa2ff}"
    ".h{fill:#8fa2ff}.x{stroke:#ff7b7b}.m{fill:#ff7b7b}.u{stroke:#f0c674}.v{fill:#f0c674}.n{fill:#232a3f}}"
)


@dataclass(frozen=True, slots=True)
class Passes:
    """A datagram on its way: `to_right` says which, `is_lost` that it does not arrive."""

    text: str
    to_right: bool = True
    is_lost: bool = False
    is_unreliable: bool = False


@dataclass(frozen=True, slots=True)
class Happens:
    """Something at one side, or with an empty side in the middle."""

    text: str
    side: str = ""


Row = Passes | Happens


@dataclass(frozen=True, slots=True)
class Conversation:
    """A picture: who talks, what it shows, and what passes, downwards."""

    title: str
    sides: tuple[str, str]
    rows: tuple[Row, ...]


CONVERSATIONS: Final = {
    "handshake": Conversation(
        "A handshake takes two round trips: a question that costs the server nothing, then keys and identities",
        ("client", "server"),
        (
            Happens("connect", "left"),
            Passes("ChallengeRequest: 512 bytes, mostly padding"),
            Happens("keeps nothing", "right"),
            Passes("ChallengeReply: a token made of your address", to_right=False),
            Passes("ConnectRequest: token, key, identity, certificate"),
            Happens("status: CONNECTING", "right"),
            Happens("accept_connection", "right"),
            Passes("ConnectOK: key, identity, certificate", to_right=False),
            Happens("status: CONNECTED", "left"),
            Passes("data, encrypted from here on"),
            Happens("status: CONNECTED", "right"),
        ),
    ),
    "loss": Conversation(
        "A lost packet: reliable bytes are sent again as soon as the loss shows, unreliable messages are not",
        ("sender", "receiver"),
        (
            Passes("packet 1: reliable “gate opened”", is_lost=True),
            Passes("packet 2: unreliable “at 12, 40”", is_unreliable=True),
            Happens("“at 12, 40” is delivered at once", "right"),
            Passes("packet 3: unreliable “at 13, 40”", is_lost=True, is_unreliable=True),
            Passes("packet 4: unreliable “at 14, 40”", is_unreliable=True),
            Passes("ack: 2 and 4 came, 1 and 3 did not", to_right=False),
            Happens("only the reliable bytes are still wanted", "left"),
            Passes("packet 5: reliable “gate opened”"),
            Happens("“gate opened” is delivered, in order", "right"),
        ),
    ),
    "drain": Conversation(
        "A server that is stopped: it admits nobody, lets the match end, tells the rest, and waits until they know",
        ("player", "server"),
        (
            Happens("SIGTERM: is_draining", "right"),
            Passes("newcomer: ChallengeRequest, ConnectRequest"),
            Passes("closed 1000: “The application is shutting down”", to_right=False),
            Passes("messages of the match", to_right=True, is_unreliable=True),
            Passes("go on as long as the grace lasts", to_right=False, is_unreliable=True),
            Passes("reliable: the result", to_right=False),
            Passes("ack"),
            Passes("closed 1000: “The application is shutting down”", to_right=False),
            Passes("confirmed"),
            Happens("run returns", "right"),
        ),
    ),
}


def conversation(picture: Conversation) -> str:
    """The picture of a conversation."""
    height = TOP + STEP * len(picture.rows) + 16
    parts = [*_begin(picture.title, height)]
    for x, name in ((LEFT, picture.sides[0]), (RIGHT, picture.sides[1])):
        parts.append(f'<rect x="{x - 60}" y="14" width="120" height="28" rx="6" class="n"/>')
        parts.append(f'<text x="{x}" y="33" text-anchor="middle" font-weight="600" class="t">{name}</text>')
        parts.append(f'<line x1="{x}" y1="46" x2="{x}" y2="{height - 12}" class="l"/>')
    for place, row in enumerate(picture.rows):
        y = TOP + STEP * place + 16
        parts += _passes(row, y) if isinstance(row, Passes) else [_happens(row, y)]
    return _end(parts)


def _passes(row: Passes, y: int) -> list[str]:
    line, head = ("u", "v") if row.is_unreliable else ("a", "h")
    start, end = (LEFT + 4, RIGHT - 4) if row.to_right else (RIGHT - 4, LEFT + 4)
    sign = 1 if row.to_right else -1
    words = f'<text x="{(LEFT + RIGHT) // 2}" y="{y}" text-anchor="middle" class="t">{escape(row.text)}</text>'
    below = y + 8
    if row.is_lost:
        stop = start + sign * 310
        cross = f"M{stop - 6} {below - 6} l12 12 m0 -12 l-12 12"
        return [
            words,
            f'<line x1="{start}" y1="{below}" x2="{stop}" y2="{below}" class="{line}" stroke-dasharray="5 4"/>',
            f'<path d="{cross}" class="x" fill="none"/><text x="{stop + sign * 14}" y="{below + 5}" '
            f'text-anchor="{"start" if row.to_right else "end"}" class="m">lost</text>',
        ]
    tip = f"{end},{below} {end - sign * 10},{below - 5} {end - sign * 10},{below + 5}"
    return [
        words,
        f'<line x1="{start}" y1="{below}" x2="{end}" y2="{below}" class="{line}"/>',
        f'<polygon points="{tip}" class="{head}"/>',
    ]


def _happens(row: Happens, y: int) -> str:
    x, anchor = {"left": (LEFT - 12, "end"), "right": (RIGHT + 12, "start")}[row.side]
    words = row.text.split(" ")
    lines = [""]
    for word in words:
        if len(lines[-1]) + len(word) > 22:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    spans = "".join(
        f'<tspan x="{x}" dy="{16 if place else 0}">{escape(text)}</tspan>' for place, text in enumerate(lines)
    )
    return f'<text x="{x}" y="{y + 6}" text-anchor="{anchor}" class="s">{spans}</text>'


LANES: Final = (
    ("lane 0", "priority 0, weight 3", "game events", 6, "h"),
    ("lane 1", "priority 0, weight 1", "chat", 2, "v"),
    ("lane 2", "priority 1", "a map of 40 MB", 9, "m"),
)
SENT: Final = "hhhvhhhvmmmmmmmmm"


def lanes() -> str:
    """Which lane a packet takes its messages from."""
    height = 250
    parts = [
        *_begin(
            "Lanes: the smaller priority number goes first; lanes of one priority share by weight",
            height,
        )
    ]
    parts.append('<text x="24" y="32" font-weight="600" class="t">waiting to be sent</text>')
    for place, (name, rule, what, count, colour) in enumerate(LANES):
        y = 52 + place * 46
        parts.append(
            f'<text x="24" y="{y + 14}" class="t">{name}</text><text x="24" y="{y + 31}" class="s">{what}</text>'
        )
        parts += [
            f'<rect x="{170 + 26 * number}" y="{y}" width="22" height="26" rx="4" class="{colour}"/>'
            for number in range(count)
        ]
        parts.append(f'<text x="{RIGHT - 140}" y="{y + 18}" class="s">{rule}</text>')
    parts.append('<text x="24" y="218" font-weight="600" class="t">order of sending</text>')
    parts += [
        f'<rect x="{170 + 26 * number}" y="202" width="22" height="26" rx="4" class="{colour}"/>'
        for number, colour in enumerate(SENT)
    ]
    return _end(parts)


def _begin(title: str, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{height}" rx="10" class="b"/>',
    ]


def _end(parts: list[str]) -> str:
    return "\n".join([*parts, "</svg>"]) + "\n"


def render() -> dict[str, str]:
    """Every picture by the name of its file."""
    found = {f"{name}.svg": conversation(picture) for name, picture in CONVERSATIONS.items()}
    return found | {"lanes.svg": lanes()}


def main() -> None:
    for name, text in render().items():
        (IMAGES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
