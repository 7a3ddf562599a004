"""What does one side of a soak do, tick by tick? It plays a game on connections that come and go, and checks it all.

On every connection each side says, at every tick, where things are (unreliable), now and then what happened (reliable),
and every few seconds something large (reliable, on a lane of its own). A client ends a connection in one of three ways:

- agreed: it says farewell on all lanes and goes when it has heard that of the server: both have everything;
- with linger: it says farewell and closes at once: the server must still get everything;
- abruptly: whatever is on its way is lost, and that is no fault.
"""

from enum import IntEnum
from random import Random
from typing import Final, final

from gamesockets.torture.ledger import Violation
from gamesockets.torture.real.plan import CLIENT, Plan
from gamesockets.torture.real.side import CLOSED_BY_PEER, CONNECTED, PROBLEM, Change, Side
from gamesockets.torture.real.talk import LANES, Listener, Speaker
from gamesockets.values.enums import EndReason

__all__ = ["Ending", "Player", "Totals"]

STATE_LANE: Final = 1
EVENT_LANE: Final = 0
CHAT_LANE: Final = 3
BULK_LANE: Final = 2
_PRIORITIES: Final = (0, 0, 1, 0)

_STATE_BYTES: Final = (60, 400)
_EVENT_BYTES: Final = (12, 120)
_CHAT_BYTES: Final = (9, 60)
_BULK_BYTES: Final = (4_000, 60_000)
_EVENTS_PER_TICK: Final = 0.2
_CHAT_PER_TICK: Final = 0.02
_BULK_EVERY_S: Final = (3.0, 9.0)

_UNTIL_HEARD_S: Final = 60.0
"""So long a farewell may take that both sides agree on; with what a lane has queued that is ample."""

_FOREVER_S: Final = float("inf")


class Ending(IntEnum):
    """How a connection ends: as the reason of its close."""

    AGREED = 1000
    LINGER = 1001
    ABRUPT = 1002


_UNHEARD: Final = (EndReason.MISC_TIMEOUT, EndReason.MISC_PEER_SENT_NO_CONNECTION)
"""So ends a connection on which all was said and heard, if then the close is lost until the peer has forgotten it."""

_ENDINGS: Final = (Ending.AGREED, Ending.AGREED, Ending.LINGER, Ending.ABRUPT)


@final
class Totals:
    """What a side has done. Flat numbers, to be sent as they are."""

    __slots__ = (
        "abrupt",
        "agreed",
        "failed",
        "linger",
        "reliable_heard_bytes",
        "reliable_said_bytes",
        "started",
        "unheard",
        "unreliable_heard",
        "unreliable_said",
    )

    def __init__(self) -> None:
        self.started = 0
        """Connections that were up."""
        self.failed = 0
        """Handshakes that came to nothing, which at such a loss may happen."""
        self.agreed = 0
        self.linger = 0
        self.abrupt = 0
        self.unheard = 0
        """Ends of which the other side knew only because it heard no more, after everything was said."""
        self.reliable_said_bytes = 0
        self.reliable_heard_bytes = 0
        self.unreliable_said = 0
        self.unreliable_heard = 0

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return {name: getattr(self, name) for name in self.__slots__}


@final
class _Call:
    """A connection that is up, or about to be."""

    def __init__(self, connection: int, random: Random, ends_at: float, ending: Ending) -> None:
        self.connection = connection
        self.speaker = Speaker(random.getrandbits(31))
        self.listener = Listener()
        self.ends_at = ends_at
        self.ending = ending
        self.is_connected = False
        self.farewells: list[int] = []
        """Lanes on which farewell is still to be said."""
        self.is_parting = False
        self.parts_by = _FOREVER_S
        self.next_bulk_at = 0.0

    def part(self, now: float) -> None:
        """From now on only farewells are said."""
        if not self.is_parting:
            self.is_parting = True
            self.farewells = list(range(LANES))
            self.parts_by = now + _UNTIL_HEARD_S


@final
class Player:
    """One side. `tick` may raise `Violation`, and then everything is over."""

    def __init__(self, side: Side, plan: Plan) -> None:
        self._side = side
        self._plan = plan
        self._random = Random(plan.seed)
        self._calls: dict[int, _Call] = {}
        self._is_leaving = False
        self._has_stayer = False
        self._surges_until = -1.0
        self._past = Totals()

    @property
    def calls(self) -> int:
        """How many connections there are."""
        return len(self._calls)

    def totals(self) -> Totals:
        """Everything up to now."""
        totals = Totals()
        for name in Totals.__slots__:
            setattr(totals, name, getattr(self._past, name))
        for call in self._calls.values():
            _add(totals, call)
        return totals

    def leave(self, now: float) -> None:
        """A client connects no more, and ends what there is by agreement."""
        self._is_leaving = True
        for call in self._calls.values():
            call.ends_at = min(call.ends_at, now)
            call.ending = Ending.AGREED

    def tick(self, now: float) -> None:
        """Everything that is due at a time in seconds. Raises `Violation`."""
        changes = self._side.changes()
        for change in changes:
            if change.state == CONNECTED:
                self._connected(change.connection, now)
        for connection, lane, is_reliable, data in self._side.receive():
            # It may have come up after `changes` was asked: then that is told at the next tick.
            call = self._calls.get(connection) or self._add(connection)
            call.listener.arrived(lane, is_reliable, data)
        for change in changes:
            if change.state in (CLOSED_BY_PEER, PROBLEM):
                self._ended(change)
        for call in list(self._calls.values()):
            if call.is_connected:
                self._speak(call, now)
        if self._plan.role == CLIENT and not self._is_leaving:
            if self._surges_until < 0:
                self._surges_until = now + self._plan.surge_s
            factor = 2 if now < self._surges_until else 1
            while len(self._calls) < self._plan.connections * factor:
                self._connect(now)

    # ------------------------------------------------------------------ beginning and end

    def _connect(self, now: float) -> None:
        random, plan = self._random, self._plan
        ends_at = now + random.uniform(plan.life_s_min, plan.life_s_max)
        ending = random.choice(_ENDINGS)
        if not self._has_stayer:
            self._has_stayer = True
            ends_at, ending = _FOREVER_S, Ending.AGREED
        connection = self._side.connect(plan.address)
        self._calls[connection] = _Call(connection, random, ends_at, ending)

    def _connected(self, connection: int, now: float) -> None:
        call = self._calls.get(connection) or self._add(connection)
        call.is_connected = True
        call.next_bulk_at = now + self._random.uniform(*_BULK_EVERY_S)
        self._past.started += 1
        self._side.configure_lanes(connection, _PRIORITIES)

    def _add(self, connection: int) -> _Call:
        """A connection of which a server hears; its client decides when and how it ends."""
        call = self._calls[connection] = _Call(connection, self._random, _FOREVER_S, Ending.AGREED)
        return call

    def _ended(self, change: Change) -> None:
        connection, state, reason, text = change
        call = self._calls.get(connection)
        if call is None or not call.listener.has_heard:
            self._past.failed += 1
        elif call.listener.is_complete and reason in _UNHEARD:
            self._past.unheard += 1
        elif state == PROBLEM or reason not in set(Ending):
            raise Violation(f"connection #{connection} ended with {reason} {text!r}")
        elif reason in (Ending.AGREED, Ending.LINGER) and not call.listener.is_complete:
            raise Violation(f"connection #{connection} was closed with {reason}, and not everything was delivered")
        else:
            self._count(Ending(reason))
        self._forget(connection, 0, False)

    def _forget(self, connection: int, reason: int, linger: bool) -> None:
        call = self._calls.pop(connection, None)
        if call is not None:
            if not call.is_connected and call.ends_at == _FOREVER_S:
                self._has_stayer = False
            _add(self._past, call)
        self._side.close(connection, reason, linger)

    def _count(self, ending: Ending) -> None:
        name = ending.name.lower()
        setattr(self._past, name, getattr(self._past, name) + 1)

    # ------------------------------------------------------------------ what is said

    def _speak(self, call: _Call, now: float) -> None:
        if now >= call.ends_at or call.listener.is_complete:
            if call.ending == Ending.ABRUPT and now >= call.ends_at:
                self._close(call)
                return
            call.part(now)
        if not call.is_parting:
            self._say_something(call, now)
            return
        while call.farewells:
            if not self._side.send(call.connection, call.speaker.farewell(call.farewells[0]), True, call.farewells[0]):
                break
            del call.farewells[0]
        may_close = call.ending == Ending.LINGER or call.listener.is_complete
        if may_close and not call.farewells and self._plan.role == CLIENT:
            self._close(call)
            return
        if now > call.parts_by:
            raise Violation(f"connection #{call.connection}: no farewell was heard for {_UNTIL_HEARD_S:.0f} s")

    def _close(self, call: _Call) -> None:
        self._count(call.ending)
        self._forget(call.connection, call.ending, call.ending == Ending.LINGER)

    def _say_something(self, call: _Call, now: float) -> None:
        random = self._random
        self._say(call, STATE_LANE, _STATE_BYTES, False)
        if random.random() < _EVENTS_PER_TICK:
            self._say(call, EVENT_LANE, _EVENT_BYTES, True)
        if random.random() < _CHAT_PER_TICK:
            self._say(call, CHAT_LANE, _CHAT_BYTES, True)
        if now >= call.next_bulk_at:
            call.next_bulk_at = now + random.uniform(*_BULK_EVERY_S)
            self._say(call, BULK_LANE, _BULK_BYTES, True)

    def _say(self, call: _Call, lane: int, sizes: tuple[int, int], is_reliable: bool) -> None:
        data = call.speaker.next_message(lane, self._random.randint(*sizes), is_reliable)
        if self._side.send(call.connection, data, is_reliable, lane):
            call.speaker.was_taken(lane, data, is_reliable)


def _add(totals: Totals, call: _Call) -> None:
    totals.reliable_said_bytes += call.speaker.reliable_bytes
    totals.reliable_heard_bytes += call.listener.reliable_bytes
    totals.unreliable_said += call.speaker.unreliable
    totals.unreliable_heard += call.listener.unreliable
