"""What does the server decide? One match: who plays, whose inputs count when, and who is told what.

No network and no clock: a driver hands in what arrived, calls `tick` 60 times a second, and sends what `outgoing`
holds. There are two drivers, `server.py` for the game-loop API and `server_asyncio.py`, and tests are a third one.

The server is the authority: clients send buttons, never positions, so a dishonest client can press buttons and nothing
else. It cannot press them faster than others either: each input is one tick of movement, and ticks are earned.
"""

from dataclasses import dataclass
from typing import Final, final

from examples.arena import protocol, rules
from examples.arena.protocol import (
    EVENT_LANE,
    STATE_LANE,
    FromServer,
    Hello,
    Inputs,
    Joined,
    Left,
    ProtocolError,
    Welcome,
)

TICKS_PER_SNAPSHOT: Final = 3
"""60 ticks a second, 20 snapshots."""

WAITING_MAX: Final = 30
"""More inputs than half a second of them nobody needs: the oldest are dropped."""

WAITING_LONG: Final = 6
"""From here on a player who has ticks to their credit makes two steps a tick, to catch up after a hold-up."""

CREDIT_MAX: Final = 15
"""A player held up by the network may catch up on a quarter of a second, not on more."""

HELLO_TICKS_MAX: Final = 5 * rules.TICKS_PER_SECOND
MESSAGES_PER_SECOND_MAX: Final = 4 * rules.TICKS_PER_SECOND


@final
@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send. On the event lane it is reliable, on the other one it is not."""

    to: int
    data: bytes
    lane: int


@final
@dataclass(frozen=True, slots=True)
class Kick:
    """A connection to close: the reason is for the program at the other end, the text for people."""

    to: int
    reason: int
    text: str


@final
class InputQueue:
    """The inputs of one player between arriving and counting."""

    __slots__ = ("_credit", "_last", "_waiting", "confirmed")

    def __init__(self) -> None:
        self.confirmed = 0
        """The newest input that has counted."""
        self._waiting: dict[int, int] = {}
        self._last = 0
        self._credit = 0

    def __len__(self) -> int:
        """How many ticks of inputs wait, gaps included."""
        return max(self._waiting) - self.confirmed if self._waiting else 0

    def add(self, inputs: Inputs) -> None:
        """Most of a message is known from earlier ones; what is new waits for its tick."""
        oldest = inputs.newest - len(inputs.buttons) + 1
        for number, buttons in enumerate(inputs.buttons, oldest):
            if number > self.confirmed:
                self._waiting.setdefault(number, buttons)
        if len(self) > WAITING_MAX:
            # A long gap, or more inputs than ticks. What lies behind is given up, whatever number comes next.
            self.confirmed = max(self._waiting) - WAITING_MAX
            self._waiting = {number: kept for number, kept in self._waiting.items() if number > self.confirmed}

    def take(self) -> list[int]:
        """The inputs that count in this tick: mostly one, none when none has come, two to catch up."""
        self._credit = min(self._credit + 1, CREDIT_MAX)
        taken: list[int] = []
        while self._waiting and self._credit and (not taken or (len(taken) < 2 and len(self) > WAITING_LONG)):
            self.confirmed += 1
            # One that was lost in spite of all repetition: most probably the buttons had not changed.
            self._last = self._waiting.pop(self.confirmed, self._last)
            self._credit -= 1
            taken.append(self._last)
        return taken


@final
class _Guest:
    """Somebody connected. They play from their `Hello` on, and then have a number."""

    __slots__ = ("inputs", "messages", "name", "number", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        self.number: int | None = None
        self.name = ""
        self.inputs = InputQueue()
        self.messages = 0
        """In this second."""


@final
class Match:
    """The server's side of the game. Guests go by whatever numbers the driver has for its connections."""

    def __init__(self, seed: int | None = None) -> None:
        self.tick_number = 0
        self.world = rules.World(seed)
        self.outgoing: list[Outgoing | Kick] = []
        """For the driver to take away after every call."""
        self._guests: dict[int, _Guest] = {}

    @property
    def scores(self) -> dict[int, int]:
        """The points of each player, by their number."""
        return {number: player.score for number, player in self.world.players.items()}

    @property
    def names(self) -> dict[int, str]:
        """The name of each player, by their number."""
        return {number: guest.name for number, guest in self._playing().items()}

    # ------------------------------------------------------------------ what the driver tells us

    def connect(self, who: int) -> None:
        """Somebody came."""
        self._guests[who] = _Guest(self.tick_number)

    def disconnect(self, who: int) -> None:
        """Somebody went, for whatever reason. Harmless to repeat."""
        guest = self._guests.pop(who, None)
        if guest is not None and guest.number is not None:
            self.world.remove(guest.number)
            self._tell_all(Left(guest.number))

    def receive(self, who: int, data: bytes) -> None:
        """Somebody sent a message. Those who send nonsense, or far too much, have to go."""
        guest = self._guests.get(who)
        if guest is None:
            return  # it was on its way when we kicked them
        guest.messages += 1
        if guest.messages > MESSAGES_PER_SECOND_MAX:
            self._kick(who, protocol.REASON_KICKED, "too many messages")
            return
        try:
            message = protocol.decode_from_client(data)
        except ProtocolError as error:
            self._kick(who, protocol.REASON_KICKED, str(error))
            return
        if isinstance(message, Inputs):
            guest.inputs.add(message)
        elif guest.number is not None:
            self._kick(who, protocol.REASON_KICKED, "a second hello")
        else:
            self._welcome(who, guest, message)

    def tick(self) -> None:
        """A sixtieth of a second has passed: all move, some score, and now and then everyone is told."""
        self.tick_number += 1
        for who, guest in list(self._guests.items()):
            if guest.number is None:
                if self.tick_number - guest.since > HELLO_TICKS_MAX:
                    self._kick(who, protocol.REASON_KICKED, "you did not say who you are")
                continue
            player = self.world.players[guest.number]
            for buttons in guest.inputs.take():
                player.body = rules.move(player.body, buttons)
        for event in self.world.settle():
            self._tell_all(event)
        if self.tick_number % TICKS_PER_SNAPSHOT == 0:
            self._send_snapshots()
        if self.tick_number % rules.TICKS_PER_SECOND == 0:
            for guest in self._guests.values():
                guest.messages = 0

    # ------------------------------------------------------------------ what we tell

    def _welcome(self, who: int, guest: _Guest, hello: Hello) -> None:
        playing = self._playing()
        free = [number for number in range(rules.PLAYERS_MAX) if number not in playing]
        if not free:
            self._kick(who, protocol.REASON_FULL, "the arena is full")
            return
        self._tell_all(Joined(free[0], hello.name))
        guest.number, guest.name = free[0], hello.name
        self.world.add(guest.number)
        players = [
            (number, self.world.players[number].score, member.name) for number, member in self._playing().items()
        ]
        self._send(who, Welcome(guest.number, tuple(players), tuple(self.world.gems)))

    def _send_snapshots(self) -> None:
        bodies = protocol.encode_bodies({number: player.body for number, player in self.world.players.items()})
        for who, guest in self._guests.items():
            if guest.number is not None:
                inputs = guest.inputs
                data = protocol.encode_snapshot(self.tick_number, inputs.confirmed, len(inputs), bodies)
                self.outgoing.append(Outgoing(who, data, STATE_LANE))

    def _tell_all(self, message: FromServer) -> None:
        data = protocol.encode(message)
        self.outgoing += [
            Outgoing(who, data, EVENT_LANE) for who, guest in self._guests.items() if guest.number is not None
        ]

    def _send(self, who: int, message: FromServer) -> None:
        self.outgoing.append(Outgoing(who, protocol.encode(message), EVENT_LANE))

    def _kick(self, who: int, reason: int, text: str) -> None:
        self.outgoing.append(Kick(who, reason, text))
        self.disconnect(who)

    def _playing(self) -> dict[int, _Guest]:
        return {guest.number: guest for guest in self._guests.values() if guest.number is not None}
