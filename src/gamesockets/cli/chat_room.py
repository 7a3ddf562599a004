"""Who is in the chat, and who hears what? The rules of `gamesockets chat`, without the network.

The protocol is that of `example_chat`, the reference library's example program: each message is one line of UTF-8
text, sent reliably, without a terminating NUL. A client sends what its user types; `/nick NAME` asks for a
name. A server greets a newcomer, says who is there, and passes on every other line as `name: line`. Neither
side interprets what a server sends, so the sentences are free.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, final

from gamesockets.cli.terminal import printable

NICK_MAX_CHARACTERS: Final = 32
# `example_chat` writes a line with its name into a buffer of 1,024 bytes and checks no length: never send it more.
LINE_MAX_BYTES: Final = 800


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """What follows from an event: lines to send, each to someone, and lines for the server's terminal."""

    deliveries: list[tuple[int, str]] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)


def split_line(text: str, limit_bytes: int = LINE_MAX_BYTES) -> Iterator[str]:
    """Cut a line into pieces of at most `limit_bytes` of UTF-8, not inside a character; none if empty."""
    data = text.strip().encode("utf-8", "replace")
    while data:
        end = min(limit_bytes, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:
            end -= 1
        yield data[:end].decode()
        data = data[end:]


def requested_nick(line: str) -> str | None:
    """The name that a `/nick NAME` line asks for (may be empty); `None` for any other line."""
    command, _, rest = line.partition(" ")
    return " ".join(rest.split()) if command == "/nick" else None


def nick_problem(nick: str) -> str | None:
    """Why `nick` cannot be a name, or `None` when it can."""
    if not nick:
        return "say which name: /nick NAME"
    if len(nick) > NICK_MAX_CHARACTERS:
        return f"a name has at most {NICK_MAX_CHARACTERS} characters, that one has {len(nick)}"
    if not nick.isprintable():
        return "a name has printable characters only"
    return None


@final
class Room:
    """The people in one chat. `host_nick` is the name of whoever runs the server and types there."""

    __slots__ = ("_names", "_numbers", "host_nick")

    def __init__(self, host_nick: str = "host", seed: int | None = None) -> None:
        self.host_nick = host_nick
        self._names: dict[int, str] = {}
        self._numbers = random.Random(seed)

    def __contains__(self, who: int) -> bool:
        return who in self._names

    def __len__(self) -> int:
        return len(self._names)

    def members(self) -> list[int]:
        """Everyone present, in the order of arrival."""
        return list(self._names)

    def nick(self, who: int) -> str:
        """The name of someone present."""
        return self._names[who]

    def enter(self, who: int) -> Outcome:
        """Someone came: they get a name, a greeting and the list of those present; the others hear of it."""
        nick = f"guest{self._numbers.randrange(1000, 10000)}"
        while self._taken(nick):
            nick = f"guest{self._numbers.randrange(1000, 1000000)}"
        present = ", ".join(self._names.values()) or "nobody else yet"
        outcome = self._tell_all(f"{nick} came in")
        greeting = [
            f"Welcome! You are {nick} for now; /nick NAME changes that.",
            *split_line(f"Here: {present}"),
        ]
        outcome.deliveries.extend([(who, line) for line in greeting])
        self._names[who] = nick
        return outcome

    def leave(self, who: int, reason: str = "") -> Outcome:
        """Someone went, or was lost; nothing when they were not here."""
        nick = self._names.pop(who, None)
        if nick is None:
            return Outcome()
        return self._tell_all(f"{nick} left" + (f" ({printable(reason)})" if reason else ""))

    def hear(self, who: int, text: str) -> Outcome:
        """A line from someone present: a change of name, or words for all the others."""
        line = printable(text.strip())
        if who not in self._names or not line:
            return Outcome()
        asked = requested_nick(line)
        if asked is None:
            return self._tell_all(f"{self._names[who]}: {line}", but=who)
        if problem := nick_problem(asked) or (f"{asked} is taken, choose another name" if self._taken(asked) else None):
            return Outcome(deliveries=[(who, problem)])
        before, self._names[who] = self._names[who], asked
        outcome = self._tell_all(f"{before} is now {asked}", but=who)
        outcome.deliveries.append((who, f"You are {asked} now."))
        return outcome

    def host_says(self, text: str) -> Outcome:
        """A line typed at the server."""
        line = printable(text.strip())
        if not line:
            return Outcome()
        asked = requested_nick(line)
        if asked is None:
            return Outcome(deliveries=self._tell_all(f"{self.host_nick}: {line}").deliveries)
        if problem := nick_problem(asked) or (f"{asked} is taken, choose another name" if self._taken(asked) else None):
            return Outcome(shown=[problem])
        before, self.host_nick = self.host_nick, asked
        return self._tell_all(f"{before} is now {asked}")

    def _taken(self, nick: str) -> bool:
        wanted = nick.casefold()
        return wanted == self.host_nick.casefold() or wanted in [name.casefold() for name in self._names.values()]

    def _tell_all(self, line: str, but: int | None = None) -> Outcome:
        pieces = list(split_line(line))
        return Outcome([(other, piece) for other in self._names if other != but for piece in pieces], [line])
