"""What does each configuration value do? Writes reference/configuration.md from the package's own table.

Run `python -m docs.configuration` at the root of the repository after a change to that table; a test says when.
"""

import re
from pathlib import Path
from typing import Final

from gamesockets.config.kinds import ConfigurationSubject, LockMoment
from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationRow
from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope

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

_TEXTS: Final = {
    ConfigurationSubject.BAD_NETWORK: (
        "Every UDP packet of the process meets these, so setting them at one end is enough for both directions."
    ),
    ConfigurationSubject.MESSAGE_LOSS: "Unreliable messages only. These two are ours, not the reference library's.",
    ConfigurationSubject.DIAGNOSTICS: "Levels are those of `gs.DebugType`.",
    ConfigurationSubject.LATER: (
        "Peer-to-peer connections, the messages interface and the calls for certificates come later. Until then these "
        "are kept, can be read back, and nothing uses them; `SYMMETRIC_CONNECT` must stay 0."
    ),
    ConfigurationSubject.WITHOUT_EFFECT: (
        "Valve's relay network and other parts of the reference library that exist only in closed builds use these. "
        "They are kept, converted to their type and limits, and can be read back, so that code written for that "
        "library runs."
    ),
}
"""What stands under the heading of a subject."""

_MOMENTS: Final = {
    LockMoment.LISTEN_SOCKET_CREATED: "listening",
    LockMoment.CONNECTION_STARTED: "connecting or accepted",
    LockMoment.PEER_TO_PEER_CREATED: "created",
}

_SAID_BY_THE_MEANING: Final = {"-", "mode", "bool", "bit mask"}

_PYTHON_NAMES: Final = {row.name: row.value.name for row in CONFIGURATION_ROWS.values()}
_REFERENCE_NAME: Final = re.compile(r"\b(?:" + "|".join(sorted(_PYTHON_NAMES, key=len, reverse=True)) + r")\b")


def render() -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.configuration` from the package's table: change that, not this. -->",
        "",
        "# Configuration values",
        "",
        _INTRODUCTION.strip(),
    ]
    for subject in ConfigurationSubject:
        lines += _section(subject, [row for row in CONFIGURATION_ROWS.values() if row.subject == subject])
    return "\n".join(lines) + "\n"


def _section(subject: ConfigurationSubject, rows: list[ConfigurationRow]) -> list[str]:
    lines = ["", f"## {subject.value}", ""]
    if subject in _TEXTS:
        lines += [_TEXTS[subject], ""]
    lines += ["| Value | What it does | Default | Limits | Scope |", "|---|---|---|---|---|"]
    return lines + [_line(row) for row in rows]


def _line(row: ConfigurationRow) -> str:
    meaning = _REFERENCE_NAME.sub(lambda match: f"`{_PYTHON_NAMES[match[0]]}`", row.meaning)
    if row.read_only:
        meaning += " Read-only."
    moments = [text for moment, text in _MOMENTS.items() if row.locked & moment]
    if moments:
        meaning += f" Fixed when {' or '.join(moments)}."
    cells = [f"`{row.value.name}`", meaning, _default(row), _limits(row), _scope(row)]
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
