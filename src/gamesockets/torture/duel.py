"""Does one of our connections get along with the reference library on a bad network? A life beside its model.

Our side is a client of a simulated world. Once it is connected, without a cipher, the model takes the server's place:
it reads our packets, acknowledges as the reference library does, and sends as it does. So interoperation under loss is
explored where no library is at hand.
"""

from random import Random
from typing import Final, final

from gamesockets.bad_network.link import Conditions
from gamesockets.config.table import ConfigurationValue
from gamesockets.sim.host import Connection
from gamesockets.sim.network import Network, Receiver
from gamesockets.sim.virtual_clock import Scheduled
from gamesockets.sim.world import World
from gamesockets.torture.ledger import Ledger, Violation
from gamesockets.torture.outcome import Outcome, described
from gamesockets.torture.reference_receiver import IGNORED, REFUSED
from gamesockets.torture.reference_sender import ReferencePeer
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
_FLAGS: Final = (SendFlags.RELIABLE, SendFlags.RELIABLE_NO_NAGLE, SendFlags.UNRELIABLE, SendFlags.UNRELIABLE_NO_NAGLE)
_NOBODY: Final = PeerRecord(1, NetworkingIdentity.invalid())
_TOLERATED: Final = (f"was {REFUSED}", f"was {IGNORED}")


def duel(seed: int) -> Outcome:
    """Plays one; always the same for the same seed."""
    life = _Duel(seed)
    violation = ""
    try:
        life.run()
    except Violation as broken:
        violation = f"beside the model: {broken} (at {life.world.now:.3f} s)"
    except Exception as error:  # noqa: BLE001 - that there is none is one of the promises
        violation = described(error, life.world.now)
    arrived = sum(ledger.reliable_arrived + ledger.unreliable_arrived for ledger in life.ledgers)
    return Outcome(seed, life.world.now, life.world.datagrams_entered, arrived, 1, violation)


@final
class _Stage(Scheduled, Receiver):
    """The model at an address of the network."""

    def __init__(self, world: World, network: Network, own: SocketAddress, peer: SocketAddress, peer_id: int) -> None:
        super().__init__()
        self.model = ReferencePeer(plain_max=_PLAIN_MAX)
        self.ledger_in: Ledger | None = None
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
        self.model.receive(number, payload, now, 0 if stats is None else stats.flags)
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
    def __init__(self, seed: int) -> None:
        self._random = random = Random(f"duel {seed}")
        self.world = World(seed)
        self.ledgers = (Ledger(2 * seed % (1 << 31)), Ledger((2 * seed + 1) % (1 << 31)))
        lanes = random.choice((1, 1, 3, 7))
        config: dict[ConfigurationValue, int] = {_Value.UNENCRYPTED: _PLAIN_ONLY}
        if random.random() < 0.5:
            rate = random.choice((20_000, 262_144, 5_000_000))
            config |= {_Value.SEND_RATE_MIN: rate, _Value.SEND_RATE_MAX: rate}
        server = self.world.listen(config=config)
        self._client: Connection = self.world.connect(server, config=config)
        if not self.world.run_until(lambda: self._client.is_connected, 5):
            raise Violation("a perfect network, and no connection")
        self._client.configure_lanes([random.randrange(2) for _ in range(lanes)], [random.choice((1, 5))] * lanes)
        self._lanes = lanes
        own, peer = (server.address.ip, server.address.port), (self._client.host.address.ip, server.address.port)
        server.crash()
        self._stage = _Stage(self.world, self.world.network, own, peer, self._client.core.id)
        self._stage.ledger_in = self.ledgers[0]
        self._stage.model.configure_lanes([random.randrange(2) for _ in range(lanes)], [1] * lanes)
        self._client.host.on_messages = self._read

    def _read(self, connection: Connection) -> None:
        for message in connection.receive(1000):
            self.ledgers[1].arrived(message)

    def run(self) -> None:
        """Trouble, then calm. Raises `Violation`."""
        random, world, client = self._random, self.world, self._client
        for _ in range(random.choice((3, 10))):
            if random.random() < 0.6:
                client.outgoing.conditions = self._conditions()
                client.incoming.conditions = self._conditions()
            for _ in range(random.choice((1, 5, 20))):
                self._send_something()
                world.run(random.choice((0, 0.001, 0.01, 0.1, 1)))
            if random.random() < 0.2:
                world.partition(client)
                world.run(random.choice((0.1, 1, 3)))
                world.heal()
            world.run(random.choice((1, 30, 600)))
            if not client.is_connected:
                raise Violation(f"{client} ended with {client.end_reason} {client.end_debug!r}")
        client.outgoing.conditions = client.incoming.conditions = _CALM
        world.run_until(self._is_over, _SETTLE_S)
        for ledger, whose in zip(self.ledgers, ("ours", "the model's"), strict=True):
            if ledger.missing:
                raise Violation(
                    f"{ledger.missing} of {ledger.reliable_sent} reliable messages of {whose} never arrived"
                )
        if not client.is_connected:
            raise Violation(f"{client} ended with {client.end_reason} {client.end_debug!r}")
        world.run(10)
        if not self._is_over():
            raise Violation("all has arrived, and one side does not know")

    def _is_over(self) -> bool:
        has_all = not any(ledger.missing for ledger in self.ledgers)
        return has_all and not self._client.core.sender.has_reliable_data() and self._stage.model.is_idle()

    def _send_something(self) -> None:
        random = self._random
        count, size_bytes = random.choice((1, 1, 5, 30)), random.choice((0, 3, 30, 300, 1200, 1240, 5000))
        if random.random() < 0.05:
            count, size_bytes = 1, random.randrange(200_000)
        flags, lane = random.choice(_FLAGS), random.randrange(self._lanes)
        is_ours = random.random() < 0.5
        for _ in range(count):
            if is_ours:
                self._send_ours(size_bytes, flags, lane)
            else:
                self._send_theirs(size_bytes, flags, lane)
        self._stage.wake(self.world.now_us)

    def _send_ours(self, size_bytes: int, flags: SendFlags, lane: int) -> None:
        ledger = self.ledgers[0]
        if self._client.send(ledger.next_message(size_bytes), flags, lane) == Result.OK:
            account = self._client.core.sender.lanes.lanes[lane]
            is_reliable = account.last_reliable_number == account.last_number
            ledger.sent(size_bytes, lane, account.last_number, is_reliable)

    def _send_theirs(self, size_bytes: int, flags: SendFlags, lane: int) -> None:
        ledger = self.ledgers[1]
        model = self._stage.model
        number = model.send(ledger.next_message(size_bytes), int(flags), lane, self.world.now_us)
        if number:
            ledger.sent(size_bytes, lane, number, model.sending[lane].last_reliable == number)

    def _conditions(self) -> Conditions:
        random = self._random
        return Conditions(
            latency=random.choice((0, 0.001, 0.02, 0.1)),
            jitter_average=random.choice((0, 0, 0.005)),
            loss=random.choice((0, 0, 0.01, 0.05, 0.2)),
            reorder=random.choice((0, 0, 0.1)),
            duplicate=random.choice((0, 0, 0.1)),
        )
