"""What does each configuration value do? Writes reference/configuration.md from the package's own table.

Run `python -m docs.configuration` at the root of the repository after a change to that table; a test says when.
"""

import re
from pathlib import Path
from typing import Final

from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationRow, LockMoment
from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope, ConfigurationValue

PAGE: Final = Path(__file__).parent / "reference" / "configuration.md"

_INTRODUCTION: Final = """
All configuration values by subject, as `gs.ConfigurationValue` names them.

**Scope.** A *connection* value can be set at four scopes, from wide to narrow: the process (`GLOBAL`), one
`NetworkingSockets` (`SOCKETS_INTERFACE`), a listen socket, a connection. The narrowest setting wins, and a change acts
at once on everything below it. A *global* value exists once for the process.

**Limits.** A number outside becomes the nearest limit, silently. `None` as the new value takes a setting back.

**Fixed.** Some values are used up by the handshake: the table says when they can no longer be changed.

How to use them: [tuning rates and buffers](../guides/tuning.md), [bad networks](../guides/bad-networks.md),
[identity](../guides/identity.md).
"""

_SUBJECTS: Final = (
    (
        "A simulated bad network",
        "Every UDP packet of the process meets these, so setting them at one end is enough for both directions.",
        ("FAKE_PACKET", "FAKE_RATE"),
    ),
    (
        "Whole messages lost",
        "Unreliable messages only. These two are ours, not the reference library's.",
        ("FAKE_MESSAGE",),
    ),
    (
        "Rates, buffers and times",
        "",
        (
            "SEND_BUFFER",
            "SEND_RATE",
            "NAGLE",
            "TIMEOUT",
            "RECV_",
            "MTU_",
            "SEND_TIME",
            "CONNECTION_USER_DATA",
        ),
    ),
    ("Encryption and authentication", "", ("IP_", "UNENCRYPTED")),
    ("Diagnostics", "Levels are those of `gs.DebugType`.", ("LOG_LEVEL", "PACKET_TRACE")),
    ("Callbacks", "", ("CALLBACK_CONNECTION",)),
    (
        "For what comes later",
        "Peer-to-peer connections, the messages interface and certificates of one's own come later. Until then these "
        "are kept, can be read back, and nothing uses them; `SYMMETRIC_CONNECT` must stay 0.",
        ("SYMMETRIC", "LOCAL_VIRTUAL", "P2P_", "CALLBACK_", "OUT_OF_ORDER"),
    ),
)
"""Heading, text, and how the names begin. A value is in the first subject that fits."""

_WITHOUT_EFFECT: Final = (
    "Without effect here",
    "Valve's relay network and other parts of the reference library that exist only in closed builds use these. They "
    "are kept, converted to their type and limits, and can be read back, so that code written for that library runs.",
)

_MOMENTS: Final = {
    LockMoment.LISTEN_SOCKET_CREATED: "listening",
    LockMoment.CONNECTION_STARTED: "connecting or accepted",
    LockMoment.PEER_TO_PEER_CREATED: "created",
}

_SAID_BY_THE_MEANING: Final = {"-", "mode", "bool", "bit mask"}

_PYTHON_NAMES: Final = {row.name: ConfigurationValue(row.value).name for row in CONFIGURATION_ROWS.values()}
_NATIVE_NAME: Final = re.compile(r"\b(?:" + "|".join(sorted(_PYTHON_NAMES, key=len, reverse=True)) + r")\b")


def render() -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.configuration` from the package's table: change that, not this. -->",
        "",
        "# Configuration values",
        "",
        _INTRODUCTION.strip(),
    ]
    by_subject: dict[str, list[ConfigurationRow]] = {title: [] for title, _, _ in _SUBJECTS}
    rest = []
    for row in CONFIGURATION_ROWS.values():
        if row.available:
            by_subject[_subject(row)].append(row)
        elif row.data_type is not None:
            rest.append(row)
    for title, text, _ in _SUBJECTS:
        lines += _section(title, text, by_subject[title])
    lines += _section(*_WITHOUT_EFFECT, rest)
    return "\n".join(lines) + "\n"


def _subject(row: ConfigurationRow) -> str:
    name = ConfigurationValue(row.value).name
    return next(title for title, _, starts in _SUBJECTS if name.startswith(starts))


def _section(title: str, text: str, rows: list[ConfigurationRow]) -> list[str]:
    lines = ["", f"## {title}", ""]
    if text:
        lines += [text, ""]
    lines += ["| Value | What it does | Default | Limits | Scope |", "|---|---|---|---|---|"]
    return lines + [_line(row) for row in rows]


def _line(row: ConfigurationRow) -> str:
    value = ConfigurationValue(row.value)
    meaning = _NATIVE_NAME.sub(lambda match: f"`{_PYTHON_NAMES[match[0]]}`", row.meaning)
    if row.read_only:
        meaning += " Read-only."
    moments = [text for moment, text in _MOMENTS.items() if row.locked & moment]
    if moments:
        meaning += f" Fixed when {' or '.join(moments)}."
    cells = [f"`{value.name}`", meaning, _default(row), _limits(row), _scope(row)]
    return f"| {' | '.join(cells)} |"


def _default(row: ConfigurationRow) -> str:
    match row.default:
        case None:
            return "none" if row.data_type == ConfigurationDataType.FUNCTION_PTR else "0"
        case "":
            return "empty"
        case default:
            return _number(default)


def _limits(row: ConfigurationRow) -> str:
    if row.minimum is None or row.maximum is None:
        return ""
    unit = "" if row.unit in _SAID_BY_THE_MEANING else f" {row.unit}"
    return f"{_number(row.minimum)} to {_number(row.maximum)}{unit}"


def _number(x: int | float | str) -> str:
    return x if isinstance(x, str) else f"{x:,g}" if isinstance(x, float) else f"{x:,}"


def _scope(row: ConfigurationRow) -> str:
    return "global" if row.scope == ConfigurationScope.GLOBAL else "connection"


def main() -> None:
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
