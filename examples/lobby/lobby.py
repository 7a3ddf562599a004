"""Who is in the lobby, who waits for a match, and who is told what? No network, no clock: tests need neither.

A user is any hashable thing; the server takes the handle of the connection. Every call returns letters: whom to tell
what, as a JSON object.
"""

import json
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

SEATS = 4
"""Players of a match."""
NAME_CHARACTERS_MAX = 24
TEXT_CHARACTERS_MAX = 300
MESSAGE_BYTES_MAX = 2_000

User: TypeAlias = Hashable


class LobbyError(Exception):
    """What a user sent means nothing; the text is for them."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Something to tell."""

    to: list[User]
    content: dict[str, Any]

    @property
    def data(self) -> bytes:
        """As it travels."""
        return json.dumps(self.content, ensure_ascii=False).encode()


@dataclass(slots=True)
class Lobby:
    """All users by name, and those who wait. The counts are what a monitoring system wants to know."""

    names: dict[User, str] = field(default_factory=dict)
    waiting: list[User] = field(default_factory=list)
    matches: int = 0
    texts: int = 0

    def receive(self, user: User, data: bytes) -> list[Letter]:
        """A message of a user. Raises `LobbyError`."""
        request = _decode(data)
        match request:
            case {"do": "enter", "name": str(name)}:
                return self._enter(user, name.strip())
            case {"do": "say", "text": str(text)} if user in self.names:
                self.texts += 1
                return [Letter(self._others(user), {"said": text[:TEXT_CHARACTERS_MAX], "by": self.names[user]})]
            case {"do": "play"} if user in self.names:
                return self._play(user)
            case _ if user not in self.names:
                raise LobbyError("enter first, with a name")
        raise LobbyError("say enter, say or play")

    def leave(self, user: User) -> list[Letter]:
        """A user is gone."""
        if user in self.waiting:
            self.waiting.remove(user)
        name = self.names.pop(user, None)
        return [] if name is None else [Letter(list(self.names), {"left": name})]

    def _enter(self, user: User, name: str) -> list[Letter]:
        if not 0 < len(name) <= NAME_CHARACTERS_MAX or not name.isprintable():
            raise LobbyError(f"a name has 1 to {NAME_CHARACTERS_MAX} characters")
        if name in self.names.values():
            raise LobbyError(f"{name} is here already")
        if user in self.names:
            raise LobbyError("you have a name already")
        self.names[user] = name
        return [
            Letter([user], {"welcome": name, "users": len(self.names)}),
            Letter(self._others(user), {"entered": name}),
        ]

    def _play(self, user: User) -> list[Letter]:
        if user not in self.waiting:
            self.waiting.append(user)
        if len(self.waiting) < SEATS:
            return [Letter(list(self.waiting), {"waiting": len(self.waiting), "of": SEATS})]
        players, self.waiting = self.waiting[:SEATS], self.waiting[SEATS:]
        self.matches += 1
        return [Letter(players, {"match": self.matches, "players": [self.names[player] for player in players]})]

    def _others(self, user: User) -> list[User]:
        return [other for other in self.names if other != user]


def _decode(data: bytes) -> object:
    """Anybody can send anything."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise LobbyError(f"at most {MESSAGE_BYTES_MAX} bytes")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise LobbyError("say it in JSON") from None
