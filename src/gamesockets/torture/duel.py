"""Does one of our connections get along with the reference library on a bad network? A life beside its model.

Once client and server are connected, without a cipher, the model takes the place of one of them: it reads our packets,
acknowledges as the reference library does, and sends as it does. So interoperation under loss is explored where no
library is at hand.
"""

from typing import Final, final

from gamesockets.bad_network.link import Conditions
from gamesockets.config.table import ConfigurationValue
from gamesockets.sim.host import Connection
from gamesockets.sim.network import Network, Receiver
from gamesockets.sim.virtual_clock import Scheduled
from gamesockets.sim.world import World
from gamesockets.torture.ledger import Ledger, Violation
from gamesockets.torture.outcome import Outcome, violation_of
from gamesockets.torture.reference_receiver import IGNORED, REFUSED
from gamesockets.torture.reference_sender import ReferencePeer
from gamesockets.torture.scenario import CLIENT, Action, Scenario, Step
from gamesockets.values.address import SocketAddress
from gamesockets.values.enums import SendFlags
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord
from gamesockets.values.results import Result
from gamesockets.wire.datagram import decode_stats
from gamesockets.wire.numbers import widen
from gamesockets.wire.packet import FLAG_DATA, NO_TIME, encode_header, split_packet

__all__ = ["duel"]

_Value: Final = ConfigurationValue
_PLAIN_ONLY: Final = 3
_PLAIN_MAX: Final = 1248
_CALM: Final = Conditions(latency=0.02)
_SETTLE_S: Final = 120
_NOBODY: Final = PeerRecord(1, NetworkingIdentity.invalid())
_TOLERATED: Final = (f"was {REFUSED}", f"was {IGNORED}")
"""What found no room behind too many holes, and copies and late packets, which the network makes."""

_REFUSED_PART: Final = 4
"""One packet in so many may be refused: a sender learns of a hole only when more is on its way."""

_REFUSED_MIN: Final = 20


def duel(scenario: Scenario) -> Outcome:
    """Plays one; always the same for the same scenario."""
    life = _Duel(scenario)
    violation = violation_of(life.run, life.world, "beside the model: ")
    arrived = sum(ledger.reliable_arrived + ledger.unreliable_arrived for ledger in life.ledgers)
    return Outcome(scenario.seed, life.world.now, life.world.datagrams_entered, arrived, 1, violation)


@final
class _Stage(Scheduled, Receiver):
    """The model at an address of the network."""

    def __init__(self, world: World, network: Network, own: SocketAddress, peer: SocketAddress, peer_id: int) -> None:
        super().__init__()
        self.model = ReferencePeer(plain_max=_PLAIN_MAX)
        self.ledger_in: Ledger | None = None
        self.received = 0
        """Data packets."""
        self.refused = 0
        self._world = world
        self._network = network
        self._own = own
        self._peer = peer
        self._peer_id = peer_id
        network.attach(self, own)

    def receive_datagram(self, data: bytes, source: SocketAddress, now: int) -> None:  # noqa: ARG002 - there is one
        if not data or not data[0] & FLAG_DATA:
            return
        wire_number, stats_blob, _, payload = split_packet(data)
        if wire_number < 0:
            raise Violation(f"a data packet that cannot be read: {data[:20].hex()}")
        stats = decode_stats(stats_blob) if stats_blob else None
        number = widen(wire_number, 16, self.model.newest)
        self.received += 1
        verdict = self.model.receive(number, payload, now, 0 if stats is None else stats.flags)
        self.refused += verdict == REFUSED
        complaints = [one for one in self.model.complaints if not any(words in one for words in _TOLERATED)]
        self.model.complaints.clear()
        if complaints:
            raise Violation(f"the reference library would not take it: {complaints[0]}")
        self.read()
        self.wake(now)

    def read(self) -> None:
        """The model's application reads everything."""
        for one in self.model.take():
            if self.ledger_in is not None:
                flags = int(SendFlags.RELIABLE) if one.reliable else 0
                self.ledger_in.arrived(NetworkingMessage(one.data, one.number, flags, one.lane, 0, _NOBODY))

    def wake(self, now: int) -> None:
        """Something has changed."""
        self._world.schedule(self, max(self.model.think_at(now), now + 1))

    def due(self, now: int) -> None:
        for number, payload in self.model.think(now):
            header = encode_header(self._peer_id, number, b"", NO_TIME)
            self._network.send(header + payload, self._own, self._peer)
        self.wake(now)


@final
class _Duel:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.world = world = World(scenario.seed)
        self.ledgers = (Ledger(2 * scenario.seed % (1 << 31)), Ledger((2 * scenario.seed + 1) % (1 << 31)))
        """Of what ours sends, and of what the model does."""
        ours = {_Value(value): number for value, number in scenario.client_config} | {_Value.UNENCRYPTED: _PLAIN_ONLY}
        # Who announces no window is taken for the reference library.
        theirs = {_Value.UNENCRYPTED: _PLAIN_ONLY, _Value.RECV_WINDOW_SIZE: 0}
        is_client = scenario.ours == CLIENT
        server = world.listen(config=theirs if is_client else ours)
        client = world.connect(server, host=world.host(config=ours if is_client else theirs))
        is_up = world.run_until(lambda: client.is_connected and bool(server.connections), 5)
        if not is_up or not world.run_until(lambda: server.connections[0].is_connected, 5):
            raise Violation("a perfect network, and no connection")
        self._ours: Connection = client if is_client else server.connections[0]
        leaving = server if is_client else client.host
        leaving.crash()
        own = (leaving.address.ip, leaving.address.port)
        peer = (self._ours.host.address.ip, self._ours.host.address.port)
        self._stage = _Stage(world, world.network, own, peer, self._ours.core.id)
        self._stage.ledger_in = self.ledgers[0]
        self._ours.host.on_messages = self._read

    def _read(self, connection: Connection) -> None:
        for message in connection.receive(1000):
            self.ledgers[1].arrived(message)

    def run(self) -> None:
        """Trouble, then calm. Raises `Violation`."""
        world, ours = self.world, self._ours
        began = world.now
        for step in self._scenario.steps:
            world.run(max(0.0, began + step.at_ms / 1000 - world.now))
            self._check()
            self._take(step)
        world.run(max(0.0, began + self._scenario.duration_ms / 1000 - world.now))
        self._check()
        world.heal()
        ours.outgoing.conditions = ours.incoming.conditions = _CALM
        world.run_until(self._is_over, _SETTLE_S)
        for ledger, whose in zip(self.ledgers, ("ours", "the model's"), strict=True):
            if ledger.missing:
                raise Violation(
                    f"{ledger.missing} of {ledger.reliable_sent} reliable messages of {whose} never arrived"
                )
        self._check()
        received, refused = self._stage.received, self._stage.refused
        if refused > received // _REFUSED_PART + _REFUSED_MIN:
            raise Violation(f"the reference library had no room for {refused} of {received} packets")
        world.run(10)
        if not self._is_over():
            raise Violation("all has arrived, and one side does not know")

    def _check(self) -> None:
        ours = self._ours
        if not ours.is_connected:
            raise Violation(f"{ours} ended with {ours.end_reason} {ours.end_debug!r}")

    def _is_over(self) -> bool:
        has_all = not any(ledger.missing for ledger in self.ledgers)
        return has_all and not self._ours.core.sender.has_reliable_data() and self._stage.model.is_idle()

    def _take(self, step: Step) -> None:
        ours, is_ours = self._ours, step.side == self._scenario.ours
        if step.action == Action.SEND:
            send = self._send_ours if is_ours else self._send_theirs
            count, size_bytes, step_bytes, flags, lane = step.numbers
            for number in range(count):
                send(size_bytes + number * step_bytes, SendFlags(flags), lane)
            self._stage.wake(self.world.now_us)
        elif step.action == Action.LANES:
            if is_ours:
                ours.configure_lanes(step.numbers[::2], step.numbers[1::2])
            elif not self.ledgers[1].reliable_sent and not self.ledgers[1].unreliable_sent:
                self._stage.model.configure_lanes(list(step.numbers[::2]), list(step.numbers[1::2]))
        elif step.action == Action.CONDITIONS:
            conditions = self._scenario.conditions[step.numbers[0] % len(self._scenario.conditions)]
            link = ours.outgoing if is_ours else ours.incoming
            link.conditions = conditions
        elif step.action == Action.PARTITION:
            self.world.partition(ours)
            self.world.after(step.numbers[0] / 1000, lambda: self.world.heal(ours))

    def _send_ours(self, size_bytes: int, flags: SendFlags, lane: int) -> None:
        ledger = self.ledgers[0]
        if self._ours.send(ledger.next_message(size_bytes), flags, lane) == Result.OK:
            account = self._ours.core.sender.lanes.lanes[lane]
            is_reliable = account.last_reliable_number == account.last_number
            ledger.sent(size_bytes, lane, account.last_number, is_reliable)

    def _send_theirs(self, size_bytes: int, flags: SendFlags, lane: int) -> None:
        ledger = self.ledgers[1]
        model = self._stage.model
        if lane >= len(model.sending):
            return
        number = model.send(ledger.next_message(size_bytes), int(flags), lane, self.world.now_us)
        if number:
            ledger.sent(size_bytes, lane, number, model.sending[lane].last_reliable == number)
