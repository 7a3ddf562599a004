"""Do two players hold a conversation, and would they notice if the library between them broke a promise?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import pytest

from gamesockets.torture.ledger import Violation
from gamesockets.torture.real.plan import CLIENT, SERVER, Plan
from gamesockets.torture.real.player import Player
from gamesockets.torture.real.side import CLOSED_BY_PEER, CONNECTED, PROBLEM, Arrived, Change, Side
from gamesockets.values.enums import EndReason

TICK_S: Final = 1 / 30
PLAN: Final = Plan(role=SERVER, connections=3, life_s_min=1.0, life_s_max=5.0)
DELAY_TICKS: Final = 4


class Wire:
    """A perfect library for both players: what is sent arrives some ticks later. `spoil` may change or drop it."""

    def __init__(self) -> None:
        self.now = 0
        self.client = End(self)
        self.server = End(self)
        self.client.peer, self.server.peer = self.server, self.client
        self.spoil: Callable[[Arrived], list[Arrived]] = lambda arrived: [arrived]


class End(Side):
    """One side of the wire; both use the same handles."""

    peer: "End"

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._incoming: list[tuple[int, Arrived | Change]] = []
        self._open: set[int] = set()
        self._connects = 0
        self.refuses = False

    def listen(self) -> str:
        return "here"

    def connect(self, address: str) -> int:
        assert address == "here"
        self._connects += 1
        connection = self._connects
        if self.peer.refuses:
            self.tell(Change(connection, PROBLEM, EndReason.MISC_TIMEOUT, "nobody"))
            return connection
        for end in (self, self.peer):
            end._open.add(connection)
            end.tell(Change(connection, CONNECTED, 0, ""))
        return connection

    def configure_lanes(self, connection: int, priorities: Sequence[int]) -> None:
        assert len(priorities) == 4
        assert connection in self._open

    def send(self, connection: int, data: bytes, is_reliable: bool, lane: int) -> bool:
        assert connection in self._open
        for arrived in self._wire.spoil(Arrived(connection, lane, is_reliable, data)):
            self.peer.tell(arrived)
        return True

    def close(self, connection: int, reason: int, linger: bool) -> None:
        if connection in self._open:
            self._open.discard(connection)
            if connection in self.peer._open:
                self.peer.tell(Change(connection, CLOSED_BY_PEER, reason, "bye"))

    def tell(self, what: Arrived | Change) -> None:
        self._incoming.append((self._wire.now + DELAY_TICKS, what))

    def changes(self) -> list[Change]:
        return [what for what in self._due(Change) if isinstance(what, Change)]

    def receive(self) -> list[Arrived]:
        return [what for what in self._due(Arrived) if isinstance(what, Arrived) and what.connection in self._open]

    def _due(self, kind: type) -> list[Arrived | Change]:
        now = self._wire.now
        found = [what for due, what in self._incoming if due <= now and isinstance(what, kind)]
        self._incoming = [(due, what) for due, what in self._incoming if due > now or not isinstance(what, kind)]
        return found

    def held(self) -> tuple[int, int]:
        return len(self._open), 0

    def stop(self) -> None:
        self._open.clear()


class Talk:
    """Both players, and the time."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.server = Player(self.wire.server, PLAN)
        self.client = Player(self.wire.client, PLAN.as_client(self.wire.server.listen()))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_S)):
            now = self.wire.now * TICK_S
            self.client.tick(now)
            self.server.tick(now)
            self.wire.now += 1

    def leave(self) -> None:
        self.client.leave(self.wire.now * TICK_S)


def test_connections_come_and_go_and_everything_is_heard() -> None:
    talk = Talk()
    talk.run(60)
    assert talk.client.calls == PLAN.connections
    talk.leave()
    talk.run(2)
    assert talk.client.calls == talk.server.calls == 0
    client, server = talk.client.totals(), talk.server.totals()
    assert client.started == server.started > 20
    assert min(client.agreed, client.linger, client.abrupt) > 0
    assert (client.agreed, client.linger, client.abrupt) == (server.agreed, server.linger, server.abrupt)
    assert not client.failed + server.failed + client.unheard + server.unheard
    assert min(client.reliable_said_bytes, server.reliable_said_bytes) > 400_000
    heard_part = server.reliable_heard_bytes / client.reliable_said_bytes
    assert 0.9 < heard_part <= 1, "all but what abrupt ends cut off"
    assert set(client.as_dict()) >= {"started", "agreed", "reliable_heard_bytes"}


def test_a_surge_has_twice_as_many_connections() -> None:
    talk = Talk()
    talk.client = Player(talk.wire.client, replace(PLAN.as_client("here"), surge_s=5.0))
    talk.run(4)
    assert talk.client.calls == 2 * PLAN.connections
    talk.run(12)
    assert talk.client.calls == PLAN.connections


def test_a_message_may_be_heard_before_the_change_is_told() -> None:
    """Between two calls of a library another thread of it may go on."""
    talk = Talk()
    late = talk.wire.server.changes
    talk.wire.server.changes = list  # type: ignore[method-assign]
    talk.run(0.5)
    talk.wire.server.changes = late  # type: ignore[method-assign]
    talk.run(20)
    talk.leave()
    talk.run(3)
    assert talk.client.totals().reliable_said_bytes > 0
    assert talk.server.calls == 0


def test_one_connection_stays_to_the_end() -> None:
    talk = Talk()
    talk.run(30)
    assert 1 in talk.client._calls  # the first handle of the wire


def test_a_lost_reliable_message_is_noticed() -> None:
    talk = Talk()
    talk.run(1)
    talk.wire.spoil = lambda arrived: [] if arrived.is_reliable else [arrived]
    talk.run(0.5)
    talk.wire.spoil = lambda arrived: [arrived]
    with pytest.raises(Violation, match="was due"):
        talk.run(30)


def test_a_farewell_that_never_comes_is_noticed() -> None:
    talk = Talk()
    talk.run(1)
    talk.wire.spoil = lambda arrived: [] if arrived.is_reliable else [arrived]
    talk.leave()
    with pytest.raises(Violation, match="no farewell was heard for 60 s"):
        talk.run(70)


def test_a_message_that_comes_twice_is_noticed() -> None:
    talk = Talk()
    talk.wire.spoil = lambda arrived: [arrived, arrived]
    with pytest.raises(Violation):
        talk.run(5)


@pytest.mark.parametrize("reason", [0, 1000, 1001, 5003, 1234])
def test_an_end_that_leaves_something_undelivered_is_noticed(reason: int) -> None:
    talk = Talk()
    talk.run(1)
    talk.wire.server.tell(Change(1, CLOSED_BY_PEER, reason, "why"))
    with pytest.raises(Violation, match="connection #1"):
        talk.run(1)


def test_handshakes_that_come_to_nothing_are_counted_and_tried_again() -> None:
    talk = Talk()
    talk.wire.server.refuses = True
    talk.run(2)
    assert talk.client.totals().failed >= PLAN.connections
    assert talk.client.calls == PLAN.connections
    talk.wire.server.refuses = False
    talk.run(2)
    assert talk.client.totals().started >= PLAN.connections


def test_a_close_that_is_lost_after_everything_was_said_is_no_fault() -> None:
    talk = Talk()
    talk.run(1)
    lose_closes = talk.wire.server.tell
    talk.wire.server.tell = lambda what: None if isinstance(what, Change) else lose_closes(what)  # type: ignore[method-assign]
    talk.leave()
    talk.run(2)
    talk.wire.server.tell = lose_closes  # type: ignore[method-assign]
    for connection in range(1, PLAN.connections + 1):
        talk.wire.server.tell(Change(connection, PROBLEM, EndReason.MISC_TIMEOUT, "silence"))
    talk.run(1)
    assert talk.server.calls == 0
    assert talk.server.totals().unheard == PLAN.connections


def test_a_plan_survives_being_told_on_a_command_line() -> None:
    client = PLAN.as_client("127.0.0.1:5")
    assert (client.role, client.address) == (CLIENT, "127.0.0.1:5")
    assert Plan.from_json(client.to_json()) == client
