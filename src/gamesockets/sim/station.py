"""How does the protocol run at one address of a simulated world?

An `Endpoint` is called here and nowhere else in a simulation.
"""

from collections.abc import Callable
from typing import Final, final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.connection import StateChange
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.inbox import Inbox
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.expected import Expected
from gamesockets.crypto.trust import TrustStore
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.sim.network import Network, Receiver
from gamesockets.sim.virtual_clock import Scheduled, VirtualClock
from gamesockets.values.address import Address, SocketAddress
from gamesockets.values.entropy import Entropy
from gamesockets.values.moments import NEVER
from gamesockets.values.results import Result

_UNIX_EPOCH_US: Final = 1_767_225_600 * 1_000_000
"""Worlds begin on 1 January 2026: certificates know dates."""

_TURNS_MAX: Final = 1000

SOCKET_BUFFER_BYTES: Final = 212_992
"""What the operating system keeps for a host that stands still; later datagrams are dropped."""

_MILLION: Final = 1_000_000


@final
class Station(Scheduled, Receiver):
    """An endpoint on the network, with its timer in virtual time.

    Raises:
        ValueError: there is a host at that address.
    """

    def __init__(
        self,
        clock: VirtualClock,
        network: Network,
        address: Address,
        entropy: Entropy,
        credentials: Credentials,
        trust: TrustStore | None,
        options: ConnectionOptions,
        accepts: bool,
        on_change: Callable[[StateChange], None],
        on_ready: Callable[[set[Inbox]], None],
    ) -> None:
        super().__init__()
        self.clock = clock
        self.network = network
        self.address: SocketAddress = (address.ip, address.port)
        network.attach(self, self.address)
        self.endpoint = Endpoint(
            entropy,
            ConnectionIds(entropy),
            credentials,
            options,
            accepts=accepts,
            trust=trust,
            unix_epoch_us=_UNIX_EPOCH_US,
        )
        self._on_change = on_change
        self._on_ready = on_ready
        self._is_pumping = False
        self.has_crashed = False
        self.is_paused = False
        self._buffer: list[tuple[bytes, SocketAddress]] = []
        """What came while it stood still."""
        self._buffered_bytes = 0
        self._drift = 0
        """How many millionths faster than the world's its clock runs, since the two times below."""
        self._drift_since_us = clock.now_us
        self._local_since_us = clock.now_us

    # ------------------------------------------------------------------ its own clock

    @property
    def now_us(self) -> int:
        """The time on its clock."""
        return self._local(self.clock.now_us)

    def drift(self, millionths: int) -> None:
        """From now on its clock runs that much faster."""
        self._local_since_us = self.now_us
        self._drift_since_us = self.clock.now_us
        self._drift = millionths
        if not self.has_crashed:
            self.deadline = NEVER  # the entry in the clock's queue is void
            self.pump()

    def _local(self, now: int) -> int:
        if not self._drift:
            return now - self._drift_since_us + self._local_since_us
        return self._local_since_us + (now - self._drift_since_us) * (_MILLION + self._drift) // _MILLION

    def _world(self, deadline: int) -> int:
        """The first moment at which its clock shows `deadline` or more."""
        passes_us = deadline - self._local_since_us
        return self._drift_since_us - (-passes_us * _MILLION // (_MILLION + self._drift))

    # ------------------------------------------------------------------ what is done to connections

    def connect(
        self, target: SocketAddress, options: ConnectionOptions, expected: Expected | None
    ) -> DatagramConnection | None:
        """Starts to connect; None when too many connections live. `pump` must follow."""
        return self.endpoint.connect(target, options, self.now_us, expected)

    def accept(self, core: DatagramConnection) -> Result:
        """Accepts an incoming connection."""
        result = self.endpoint.accept(core, self.now_us)
        self.pump()
        return result

    def close(self, core: DatagramConnection, reason: int, debug: str, enable_linger: bool) -> None:
        """Closes a connection. `pump` must follow."""
        self.endpoint.close(core, reason, debug, enable_linger, self.now_us)

    def touch(self, core: DatagramConnection) -> None:
        """Something was done to a connection directly."""
        self.endpoint.touch(core)
        self.pump()

    def crash(self) -> None:
        """Vanishes from the network with all connections, without telling the peers."""
        self.has_crashed = True
        self.deadline = NEVER
        self.endpoint.release()
        self.network.detach(self.address)

    # ------------------------------------------------------------------ what the world does

    def pause(self) -> None:
        """Stands still: what comes waits in the socket's buffer, no timer runs, nothing leaves."""
        self.is_paused = True
        self.deadline = NEVER

    def resume(self) -> None:
        """Goes on, with what has come meanwhile."""
        if not self.is_paused:
            return
        self.is_paused = False
        if self.has_crashed:
            return
        buffered, self._buffer, self._buffered_bytes = self._buffer, [], 0
        now = self.now_us
        for data, source in buffered:
            self.endpoint.receive_datagram(data, source, now)
        self.endpoint.handle_timer(now)
        self.pump()

    def receive_datagram(self, data: bytes, source: SocketAddress, now: int) -> None:
        if not self.is_paused:
            self.endpoint.receive_datagram(data, source, self._local(now))
            self.pump()
        elif self._buffered_bytes + len(data) <= SOCKET_BUFFER_BYTES:
            self._buffered_bytes += len(data)
            self._buffer.append((data, source))

    def due(self, now: int) -> None:
        self.endpoint.handle_timer(self._local(now))
        self.pump()

    def pump(self) -> None:
        """After every call of the endpoint: sends what is due, reports events, sets the next deadline."""
        if self._is_pumping or self.has_crashed or self.is_paused:
            return
        self._is_pumping = True
        endpoint = self.endpoint
        now = self.now_us
        turns = 0
        try:
            while True:
                for datagrams, path in endpoint.datagrams_to_send(now):
                    for data in datagrams:
                        self.network.send(data, self.address, path.remote)
                event = endpoint.next_event()
                while event is not None:
                    self._on_change(event)
                    event = endpoint.next_event()
                if endpoint.ready:
                    self._on_ready(endpoint.ready)
                deadline = endpoint.next_timer()
                if deadline > now:
                    break
                endpoint.handle_timer(now)
                turns += 1
                if turns > _TURNS_MAX:
                    raise RuntimeError(
                        f"the host at {self.address} never comes to rest at {self.clock.now} s (seed {self.clock.seed})"
                    )
        finally:
            self._is_pumping = False
        if deadline == NEVER or self.has_crashed:
            return
        self.clock.schedule(self, self._world(deadline))
