"""How does a test play a match over a bad network in virtual time? The same match and sessions, a third driver."""

from collections.abc import Callable

import gamesockets as gs
from examples.arena import protocol, rules
from examples.arena.match import Kick, Match
from examples.arena.protocol import EVENT_LANE, STATE_LANE
from examples.arena.session import Session
from gamesockets import sim

TICK_S = 1 / rules.TICKS_PER_SECOND
Pilot = Callable[[Session], int]
"""What a player does: the buttons to hold, once a tick."""


class SimulatedClient:
    """A session at the end of a simulated connection."""

    def __init__(self, world: sim.World, connection: sim.Connection, name: str, pilot: Pilot) -> None:
        self.session = Session(name)
        self.connection = connection
        self.pilot = pilot
        self._world = world
        self._said_hello = False
        self.tick()

    def tick(self) -> None:
        """Hear, play one tick, and come again after as long as the session likes ticks to last."""
        connection, session = self.connection, self.session
        if connection.is_connected and not self._said_hello:
            self._said_hello = True
            connection.configure_lanes(protocol.LANE_PRIORITIES, protocol.LANE_WEIGHTS)
            connection.send(session.hello(), gs.SendFlags.RELIABLE_NO_NAGLE, EVENT_LANE)
        for message in connection.receive():
            session.receive(message.data, self._world.now)
        session.timeline.advance(self._world.now)
        data = session.tick(self.pilot(session))
        if data is not None:
            connection.send(data, gs.SendFlags.UNRELIABLE_NO_NAGLE, STATE_LANE)
        self._world.after(session.tick_s, self.tick)


class SimulatedMatch:
    """A match on a simulated server, ticking as long as the world runs."""

    def __init__(self, seed: int) -> None:
        self.world = sim.World(seed)
        self.match = Match(seed)
        self.clients: list[SimulatedClient] = []
        self.kicked: list[Kick] = []
        self._guests: dict[int, sim.Connection] = {}
        self._host = self.world.listen()
        self._host.on_status = self._on_status
        self.world.every(TICK_S, self._tick)

    def join(self, name: str, pilot: Pilot, conditions: sim.Conditions | None = None) -> SimulatedClient:
        """Somebody wants to play, over a network that is so both ways."""
        connection = self.world.connect(self._host, up=conditions, down=conditions)
        client = SimulatedClient(self.world, connection, name, pilot)
        self.clients.append(client)
        return client

    def body_of(self, client: SimulatedClient) -> rules.Body:
        """Where the server has somebody."""
        assert client.session.me is not None
        return self.match.world.players[client.session.me].body

    def _on_status(self, connection: sim.Connection, status: gs.StatusInfo) -> None:
        who = status.connection
        if status.connection_info.state == gs.ConnectionState.CONNECTED:
            connection.configure_lanes(protocol.LANE_PRIORITIES, protocol.LANE_WEIGHTS)
            self._guests[who] = connection
            self.match.connect(who)
        elif status.connection_info.state > gs.ConnectionState.CONNECTED and who in self._guests:
            del self._guests[who]
            self.match.disconnect(who)

    def _tick(self) -> None:
        for who, connection in list(self._guests.items()):
            for message in connection.receive():
                self.match.receive(who, message.data)
        self.match.tick()
        outgoing, self.match.outgoing = self.match.outgoing, []
        for item in outgoing:
            if isinstance(item, Kick):
                self.kicked.append(item)
                self._guests.pop(item.to).close(item.reason, item.text)
            else:
                flags = gs.SendFlags.RELIABLE_NO_NAGLE if item.lane == EVENT_LANE else gs.SendFlags.UNRELIABLE_NO_NAGLE
                self._guests[item.to].send(item.data, flags, item.lane)
