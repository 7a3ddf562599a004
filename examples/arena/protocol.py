"""What do client and server say to each other, byte by byte?

Messages are records; `encode` turns one into bytes, `decode_from_client` and `decode_from_server` read what the other
side sent. The other side may be hostile: every length is checked before it is believed, every number before it is
used, and a message with bytes too few or too many raises `ProtocolError`. Numbers are little-endian.
"""

import struct
from dataclasses import dataclass
from typing import Final, final

from examples.arena import rules
from examples.arena.rules import Body, Collected, Gem, Robbed, Won

VERSION: Final = 1

# Lanes, the same in both directions. A lane is a queue of its own: what waits in one does not hold up the other.
STATE_LANE: Final = 0
"""Unreliable: inputs up, snapshots down. The next one is better than the lost one again."""
EVENT_LANE: Final = 1
"""Reliable and in order: who came, left and scored. Each counts."""
LANE_PRIORITIES: Final = (0, 0)
LANE_WEIGHTS: Final = (1, 1)
"""Both are small and both are urgent, so neither has to wait for the other."""

INPUTS_PER_MESSAGE: Final = 12
"""Each message repeats the inputs of the last 200 ms, so that one that arrives makes up for eleven that did not."""

NAME_CHARACTERS_MAX: Final = 16

# Reasons for closing a connection, of the range that is free for applications.
REASON_DONE: Final = 1000
REASON_FULL: Final = 1001
REASON_KICKED: Final = 2001


class ProtocolError(ValueError):
    """The bytes are no message of ours."""


@final
@dataclass(frozen=True, slots=True)
class Hello:
    """The first message of a client: who wants to play."""

    name: str


@final
@dataclass(frozen=True, slots=True)
class Inputs:
    """The buttons of the last ticks, the newest last. `newest` is its number; they count from 1, one a tick."""

    newest: int
    buttons: bytes


@final
@dataclass(frozen=True, slots=True)
class Welcome:
    """The answer to `Hello`: all that is known, to start from. Later events only say what changed."""

    you: int
    players: tuple[tuple[int, int, str], ...]
    """Number, score and name of each, you included."""
    gems: tuple[Gem, ...]


@final
@dataclass(frozen=True, slots=True)
class Joined:
    player: int
    name: str


@final
@dataclass(frozen=True, slots=True)
class Left:
    player: int


@final
@dataclass(frozen=True, slots=True)
class Snapshot:
    """Where everyone is. `confirmed` and `waiting` concern the player it is sent to."""

    tick: int
    confirmed: int
    """Your newest input that is contained in your body below."""
    waiting: int
    """How many of your inputs waited for their tick: so the client can see that it runs too fast or too slow."""
    bodies: dict[int, Body]


FromClient = Hello | Inputs
FromServer = Welcome | Joined | Left | Collected | Robbed | Won | Snapshot

_HELLO: Final = 1
_INPUTS: Final = 2
_WELCOME: Final = 16
_JOINED: Final = 17
_LEFT: Final = 18
_COLLECTED: Final = 19
_ROBBED: Final = 20
_WON: Final = 21
_SNAPSHOT: Final = 22

_INPUTS_HEAD: Final = struct.Struct("<BIB")
_SNAPSHOT_HEAD: Final = struct.Struct("<BIIB")
_BODY: Final = struct.Struct("<BhhhhBB")
_GEM: Final = struct.Struct("<hh")
_SCORE: Final = struct.Struct("<BH")


# ---------------------------------------------------------------------- records to bytes


def encode(message: FromClient | FromServer) -> bytes:
    """The bytes of a message."""
    match message:
        case Hello(name):
            return bytes((_HELLO, VERSION)) + _text(name)
        case Inputs(newest, buttons):
            return _INPUTS_HEAD.pack(_INPUTS, newest, len(buttons)) + buttons
        case Snapshot(tick, confirmed, waiting, bodies):
            return encode_snapshot(tick, confirmed, waiting, encode_bodies(bodies))
        case Welcome(you, players, gems):
            parts = [bytes((_WELCOME, you, len(players)))]
            parts += [_SCORE.pack(number, score) + _text(name) for number, score, name in players]
            parts += [bytes((len(gems),)), *(_GEM.pack(*gem) for gem in gems)]
            return b"".join(parts)
        case Joined(player, name):
            return bytes((_JOINED, player)) + _text(name)
        case Left(player):
            return bytes((_LEFT, player))
        case Collected(player, score, slot, gem):
            return bytes((_COLLECTED,)) + _SCORE.pack(player, score) + bytes((slot,)) + _GEM.pack(*gem)
        case Robbed(thief, thief_score, victim, victim_score):
            return bytes((_ROBBED,)) + _SCORE.pack(thief, thief_score) + _SCORE.pack(victim, victim_score)
        case Won(player):
            return bytes((_WON, player))


def encode_bodies(bodies: dict[int, Body]) -> bytes:
    """The part of a snapshot that is the same for everyone: the server makes it once a tick, not once a player."""
    return bytes((len(bodies),)) + b"".join([_BODY.pack(number, *body) for number, body in bodies.items()])


def encode_snapshot(tick: int, confirmed: int, waiting: int, bodies: bytes) -> bytes:
    """A snapshot for one player, around what `encode_bodies` made."""
    return _SNAPSHOT_HEAD.pack(_SNAPSHOT, tick, confirmed, waiting) + bodies


def _text(text: str) -> bytes:
    data = text.encode()
    return bytes((len(data),)) + data


# ---------------------------------------------------------------------- bytes to records


def decode_from_client(data: bytes) -> FromClient:
    """What a server reads. Raises `ProtocolError`."""
    reader = _Reader(data)
    kind = reader.byte()
    message: FromClient
    if kind == _HELLO:
        if (version := reader.byte()) != VERSION:
            raise ProtocolError(f"this server speaks version {VERSION} of the protocol, not {version}")
        message = Hello(reader.name())
    elif kind == _INPUTS:
        newest = reader.number("<I")
        count = reader.byte(INPUTS_PER_MESSAGE)
        if not 1 <= count <= newest:
            raise ProtocolError(f"{count} inputs up to number {newest}")
        message = Inputs(newest, reader.take(count))
        if max(message.buttons) > rules.BUTTONS_MAX:
            raise ProtocolError("there is no such button")
    else:
        raise ProtocolError(f"a client does not send messages of kind {kind}")
    reader.end()
    return message


def decode_from_server(data: bytes) -> FromServer:
    """What a client reads: servers may be hostile as well. Raises `ProtocolError`."""
    reader = _Reader(data)
    kind = reader.byte()
    message: FromServer
    if kind == _SNAPSHOT:
        tick, confirmed, waiting = reader.number("<I"), reader.number("<I"), reader.byte()
        bodies = [reader.body() for _ in range(reader.byte(rules.PLAYERS_MAX))]
        message = Snapshot(tick, confirmed, waiting, dict(bodies))
    elif kind == _WELCOME:
        you = reader.player()
        players = [(reader.player(), reader.number("<H"), reader.name()) for _ in range(reader.byte(rules.PLAYERS_MAX))]
        message = Welcome(you, tuple(players), tuple([reader.gem() for _ in range(reader.byte(rules.GEMS))]))
    elif kind == _JOINED:
        message = Joined(reader.player(), reader.name())
    elif kind == _LEFT:
        message = Left(reader.player())
    elif kind == _COLLECTED:
        message = Collected(reader.player(), reader.number("<H"), reader.byte(rules.GEMS - 1), reader.gem())
    elif kind == _ROBBED:
        message = Robbed(reader.player(), reader.number("<H"), reader.player(), reader.number("<H"))
    elif kind == _WON:
        message = Won(reader.player())
    else:
        raise ProtocolError(f"a server does not send messages of kind {kind}")
    reader.end()
    return message


@final
class _Reader:
    """Takes values off the front of a message, and refuses to take more than there is."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) != count:
            raise ProtocolError(f"the message ends after {len(self._data)} bytes, in the middle")
        self._at += count
        return piece

    def end(self) -> None:
        if self._at != len(self._data):
            raise ProtocolError(f"{len(self._data) - self._at} bytes too many")

    def byte(self, maximum: int = 255) -> int:
        value = self.take(1)[0]
        if value > maximum:
            raise ProtocolError(f"{value} where at most {maximum} is allowed")
        return value

    def number(self, form: str) -> int:
        (value,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return int(value)

    def player(self) -> int:
        return self.byte(rules.PLAYERS_MAX - 1)

    def name(self) -> str:
        try:
            name = self.take(self.byte(4 * NAME_CHARACTERS_MAX)).decode()
        except UnicodeDecodeError:
            raise ProtocolError("a name that is no UTF-8") from None
        if not name or name != clean_name(name):
            raise ProtocolError(f"{name!r} is no name: 1 to {NAME_CHARACTERS_MAX} printable characters")
        return name

    def gem(self) -> Gem:
        return Gem(*self._place(*_GEM.unpack(self.take(_GEM.size))))

    def body(self) -> tuple[int, Body]:
        number, x, y, *rest = _BODY.unpack(self.take(_BODY.size))
        if number >= rules.PLAYERS_MAX:
            raise ProtocolError(f"there is no player {number}")
        return number, Body(*self._place(x, y), *rest)

    def _place(self, x: int, y: int) -> tuple[int, int]:
        if not (0 <= x <= rules.WIDTH and 0 <= y <= rules.HEIGHT):
            raise ProtocolError(f"({x}, {y}) is not on the field")
        return x, y


def clean_name(text: str) -> str:
    """A name made of any text: what cannot be shown is left out, the rest is cut; empty if nothing is left."""
    shown = "".join(character for character in text if character.isprintable())
    return " ".join(shown.split())[:NAME_CHARACTERS_MAX].strip()
