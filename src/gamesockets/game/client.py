"""How does a game loop talk to one server?"""

from random import Random
from types import NoneType
from typing import final

from gamesockets.clock import SystemEntropy, now_us
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.game.events import Event, Received
from gamesockets.game.loop import MESSAGES_MAX, GameLoop
from gamesockets.game.peer import Peer
from gamesockets.node.creation import Config
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_type
from gamesockets.values.backoff import Backoff, longest_wait
from gamesockets.values.enums import DebugType, SendFlags
from gamesockets.values.errors import InvalidHandle
from gamesockets.values.handles import Connection
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.moments import NEVER
from gamesockets.values.records import ConnectionInfo, ConnectionStatus, MessageData
from gamesockets.values.results import Result


@final
class Client(GameLoop):
    """A connection to one server, which is made at once. Use it as a context manager, on the game's thread.

    Nothing here blocks: the connection is up when `Connected` comes, and could not be made when `Disconnected` does.
    Names are looked up on another thread, each time anew. Handshakes, acks, repetitions and keepalives go on without
    any call.

    Args:
        address: the server's, as text such as ``play.example:27015`` or ``[::1]:27015``, or an `Address`.
        identity: who this side claims to be; by default nobody in particular.
        config: configuration values for the connection.
        credentials: instead of `identity`, one that a certificate proves.
        trust: whose signatures on the server's certificate count; by default those whom `Library.trust` names.
        local_address: where to send from; by default the system chooses.
        expected_identity: who must be there, as in `NetworkingSockets.connect`.
        expected_key: the public key that the server must own, 32 bytes, as `pki.KnownHosts` knows it.
        reconnect: connect again after the end, with these pauses; by default not. It happens inside `events`,
            `receive` and `wait`.

    Raises:
        OSError: no socket can be opened.
        TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
    """

    def __init__(
        self,
        address: Address | str,
        *,
        identity: NetworkingIdentity | None = None,
        config: Config | None = None,
        credentials: Credentials | None = None,
        trust: TrustStore | None = None,
        local_address: Address | None = None,
        expected_identity: NetworkingIdentity | None = None,
        expected_key: bytes | None = None,
        reconnect: Backoff | None = None,
    ) -> None:
        check_type("reconnect", reconnect, (Backoff, NoneType))
        super().__init__(identity, config, credentials, trust)
        self._server_address = address
        self._local_address = local_address
        self._expected_identity = expected_identity
        self._expected_key = expected_key
        self._backoff = reconnect
        self._chance = Random(SystemEntropy().random_bytes(16))
        self._failures = 0
        self._connected_at = NEVER
        self._connect_at = NEVER
        """When to connect again."""
        try:
            self._peer = self._connect()
        except BaseException:
            self._sockets.close()
            raise

    def __enter__(self) -> "Client":
        return self

    def __repr__(self) -> str:
        return f"<gamesockets.Client {self._server_address} {self._peer.info().state.name}>"

    @property
    def peer(self) -> Peer:
        """The server: that of the newest connection."""
        return self._peer

    @property
    def is_connected(self) -> bool:
        """Whether messages flow."""
        return self._peer.is_connected

    def status(self) -> ConnectionStatus | None:
        """Ping, quality, rates and queues; None while there is no connection."""
        return self._peer.status()

    def send(self, data: MessageData, flags: SendFlags = SendFlags.UNRELIABLE, lane: int = 0) -> Result:
        """Queues a message for the server; what `Peer.send` says and raises."""
        return self._peer.send(data, flags, lane)

    def receive(self) -> list[NetworkingMessage]:
        """The messages that wait, for those who do not look at events. `Connected` and `Disconnected` wait on."""
        self._collect()
        messages: list[NetworkingMessage] = []
        others: list[Event] = []
        for event in self._events:
            if isinstance(event, Received):
                messages.append(event.message)
            else:
                others.append(event)
        self._events.clear()
        self._events.extend(others)
        return messages

    def wait(self, timeout: float | None = None) -> bool:
        """Sleeps until something has happened; False if `timeout` seconds passed without anything, or it was closed.

        With `reconnect` it returns True, too, when it is time to connect again.
        """
        if self._connect_at == NEVER:
            return super().wait(timeout)
        left_s = max(0, self._connect_at - now_us()) / 1_000_000
        is_first = timeout is None or left_s <= timeout
        return super().wait(left_s if is_first else timeout) or is_first

    def _connect(self) -> Peer:
        connection = self._sockets.connect(
            self._server_address,
            local_address=self._local_address,
            expected_identity=self._expected_identity,
            expected_key=self._expected_key,
        )
        info = self._sockets.get_connection_info(connection)
        if info is None:
            raise InvalidHandle(connection, "connection")  # another thread has closed everything
        peer = self._peers[connection] = Peer(self._sockets, connection, info)
        return peer

    def _forget_all(self, reason: int, debug: str) -> None:
        """Was stopped or drained: connects no more."""
        super()._forget_all(reason, debug)
        self._connect_at = NEVER

    def _collect(self) -> None:
        super()._collect()
        if self._connect_at <= now_us():
            self._connect_at = NEVER
            try:
                self._peer = self._connect()
            except OSError as error:
                OUTPUT.say(DebugType.MESSAGE, f"connecting to {self._server_address} again: {error}")
                self._plan()

    def _up(self, peer: Peer) -> None:
        self._connected_at = now_us()
        super()._up(peer)

    def _forget(self, peer: Peer, reason: int, debug: str) -> None:
        super()._forget(peer, reason, debug)
        self._plan()

    def _plan(self) -> None:
        """The connection has ended: connects again after a pause, if that is wanted."""
        backoff = self._backoff
        if backoff is None:
            return
        lasted_us = now_us() - self._connected_at
        self._failures = 1 if lasted_us > backoff.longest * 1_000_000 else self._failures + 1
        self._connected_at = NEVER
        if backoff.attempts is None or self._failures < backoff.attempts:
            pause = self._chance.uniform(0.0, longest_wait(backoff, self._failures))
            self._connect_at = now_us() + int(pause * 1_000_000)

    def _take_messages(self) -> list[NetworkingMessage]:
        if self._peer.connection not in self._peers:
            return []
        try:
            return self._sockets.receive_messages_on_connection(self._peer.connection, MESSAGES_MAX)
        except InvalidHandle:  # drained or closed
            return []

    def _met(self, connection: Connection, info: ConnectionInfo) -> None:
        """Nothing to do: this side has asked for it."""
