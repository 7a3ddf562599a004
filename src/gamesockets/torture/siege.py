"""What can somebody do who has a connection, and means no good? He sends what no honest peer would.

A server has an honest client beside him. He must not make a packet dear, memory grow, a call raise, or the honest
connection suffer; what becomes of his own is up to him. Between his packets the server's application sends to him, or
stops reading, so that much is built up on both sides.
"""

from random import Random
from typing import Final, final

from gamesockets.bad_network.link import Conditions
from gamesockets.build import COMPILED
from gamesockets.config.table import ConfigurationValue
from gamesockets.sim.host import Connection
from gamesockets.sim.world import World
from gamesockets.torture.assault import LETHAL, Assault, Manner, Numbers
from gamesockets.torture.cost import LINES_PER_MESSAGE, LINES_PER_PACKET_MAX, LINES_PER_PACKET_REPORTED, lines_of
from gamesockets.torture.ledger import Ledger, Violation
from gamesockets.torture.limits import check_emptied, check_end, check_host
from gamesockets.torture.outcome import Outcome, violation_of
from gamesockets.torture.pairing import End
from gamesockets.torture.scenario import CLIENT, SERVER, Action, Scenario, Step
from gamesockets.values.address import Address
from gamesockets.values.enums import SendFlags
from gamesockets.values.results import Result
from gamesockets.wire.packet import NO_TIME, encode_header

__all__ = ["HONEST", "HOSTILE", "siege"]

HONEST: Final = 0
HOSTILE: Final = 1
"""Slots."""

_Value: Final = ConfigurationValue
_PLAIN_ONLY: Final = 3
_CALM: Final = Conditions(latency=0.02)
_SETTLE_S: Final = 120
_FORGOTTEN_AFTER_S: Final = 12
_REMEMBERED_PACKETS: Final = 13_000


def siege(scenario: Scenario) -> Outcome:
    """Plays one; always the same for the same scenario."""
    life = _Siege(scenario)
    violation = violation_of(life.run, life.world, "under siege: ")
    arrived = sum(ledger.reliable_arrived + ledger.unreliable_arrived for ledger in life.ledgers)
    return Outcome(scenario.seed, life.world.now, life.world.datagrams_entered, arrived, 2, violation)


@final
class _Siege:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.world = world = World(scenario.seed)
        config = {_Value(value): number for value, number in scenario.server_config} | {_Value.UNENCRYPTED: _PLAIN_ONLY}
        self._server = world.listen(config=config)
        self._server.on_messages = self._on_messages
        client = self._joined(config)
        self.ledgers = (Ledger(2 * scenario.seed % (1 << 31)), Ledger((2 * scenario.seed + 1) % (1 << 31)))
        self._honest = (
            End(client, self.ledgers[CLIENT], self.ledgers[SERVER]),
            End(self._server.connections[0], self.ledgers[SERVER], self.ledgers[CLIENT]),
        )
        client.host.on_messages = lambda _: self._honest[CLIENT].read()
        self._is_reading = True
        self._read_from_him = 0
        gone = self._joined(config)
        self._victim = self._server.connections[1]
        nothing = Ledger(0)
        self._end = End(self._victim, nothing, nothing)
        self._hostile_address: Address = gone.host.address
        gone.host.crash()
        world.run(1)
        self._number = self._victim.core.traffic.window.newest

    def _joined(self, config: dict[ConfigurationValue, int]) -> Connection:
        before = len(self._server.connections)
        client = self.world.connect(self._server, host=self.world.host(config=config))

        def is_up() -> bool:
            connections = self._server.connections
            return client.is_connected and len(connections) > before and connections[before].is_connected

        if not self.world.run_until(is_up, 5):
            raise Violation("a perfect network, and no connection")
        return client

    def _on_messages(self, connection: Connection) -> None:
        if connection is not self._victim:
            self._honest[SERVER].read()
        elif self._is_reading:
            self._read_from_him += len(connection.receive(1 << 20))

    # ------------------------------------------------------------------ the run

    def run(self) -> None:
        """Until all is said, and the server has forgotten both. Raises `Violation`."""
        world = self.world
        began = world.now
        for step in self._scenario.steps:
            world.run(max(0.0, began + step.at_ms / 1000 - world.now))
            self._check()
            self._take(step)
        world.run(max(0.0, began + self._scenario.duration_ms / 1000 - world.now))
        self._check()
        honest = self._honest[CLIENT].connection
        honest.outgoing.conditions = honest.incoming.conditions = _CALM
        world.run_until(lambda: not any(ledger.missing for ledger in self.ledgers), _SETTLE_S)
        for ledger in self.ledgers:
            if ledger.missing:
                raise Violation(f"{ledger.missing} of {ledger.reliable_sent} reliable messages never arrived")
        self._check()
        self._victim.close(1000)
        self._honest[SERVER].close(1000, False)
        world.run(_FORGOTTEN_AFTER_S)
        honest.close()
        world.run(_FORGOTTEN_AFTER_S)
        for host in (self._server, honest.host):
            check_emptied(host)

    def _check(self) -> None:
        for end in self._honest:
            check_end(end)
            if not end.connection.is_connected:
                reason, debug = end.connection.end_reason, end.connection.end_debug
                raise Violation(f"the honest connection ended: {end} with {reason} {debug!r}")
        check_end(self._end)
        check_host(self._server)

    def _take(self, step: Step) -> None:
        numbers = step.numbers
        if step.action == Action.SEND:
            self._send(step.slot, step.side, *numbers)
        elif step.action == Action.CONDITIONS:
            conditions = self._scenario.conditions[numbers[0] % len(self._scenario.conditions)]
            honest = self._honest[step.side].connection
            honest.outgoing.conditions = conditions
        elif step.action == Action.READ:
            self._is_reading = bool(numbers[0])
            if self._is_reading:
                self._on_messages(self._victim)
        elif step.action == Action.ASSAULT:
            self._assault(*numbers)

    def _send(self, slot: int, side: int, count: int, size_bytes: int, step_bytes: int, flags: int, lane: int) -> None:
        for number in range(count):
            size = size_bytes + number * step_bytes
            if slot == HOSTILE:
                self._victim.send(bytes(size), SendFlags(flags), lane)
                continue
            end = self._honest[side]
            if end.connection.send(end.outgoing.next_message(size), SendFlags(flags), lane) == Result.OK:
                account = end.connection.core.sender.lanes.lanes[lane]
                is_reliable = account.last_reliable_number == account.last_number
                end.outgoing.sent(size, lane, account.last_number, is_reliable)

    # ------------------------------------------------------------------ his packets

    def _assault(self, manner: int, count: int, seed: int, skipped: int) -> None:
        flight = self._victim.core.sender.flight
        numbers = Numbers(self._number, 1, flight.next_number)
        assault = Assault(manner, Random(seed), numbers)
        for _ in range(count):
            if not self._victim.is_connected:
                return
            self._number = numbers.own = self._number + 1 + skipped
            numbers.next_number = flight.next_number
            numbers.first = max(flight.next_number - _REMEMBERED_PACKETS, 1)
            header = encode_header(self._victim.core.id, self._number, b"", NO_TIME)
            self._strike(header + assault.payload(), manner)
        if manner in LETHAL and self._victim.is_connected:
            raise Violation(f"{Manner(manner).name} did not end {self._victim}")

    def _strike(self, data: bytes, manner: int) -> None:
        """A packet of his arrives at once, and is served with everything that follows from it."""
        world = self.world
        world.run(0)
        world.inject(data, self._hostile_address, self._server)
        if COMPILED:
            world.run(0)
            return
        flight = self._victim.core.sender.flight
        numbers = range(max(flight.next_number - _REMEMBERED_PACKETS, 1), flight.next_number)
        before = {number: packet for number in numbers if (packet := flight.get(number)) is not None}
        delivered_before = self._delivered()
        lines = lines_of(lambda: world.run(0))
        delivered = self._delivered() - delivered_before
        reported = sum([flight.get(number) is not packet for number, packet in before.items()])
        if lines > LINES_PER_PACKET_MAX + reported * LINES_PER_PACKET_REPORTED + delivered * LINES_PER_MESSAGE:
            raise Violation(
                f"a packet of {len(data)} bytes, {Manner(manner).name}, cost {lines} lines of code, reported on "
                f"{reported} packets and delivered {delivered} messages"
            )

    def _delivered(self) -> int:
        """How many messages of his were delivered, read or not."""
        return self._read_from_him + self._victim.core.peer.queued_messages
