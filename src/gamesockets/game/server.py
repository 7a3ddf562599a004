"""How does a game loop serve players, each as an object?"""

import socket
from collections.abc import Callable, Iterable
from typing import TypeAlias, final

from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.game.loop import MESSAGES_MAX, GameLoop
from gamesockets.game.peer import Peer
from gamesockets.node.creation import Config
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_admit, check_type
from gamesockets.values.enums import EndReason, SendFlags
from gamesockets.values.handles import Connection
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage
from gamesockets.values.records import ConnectionInfo, MessageData
from gamesockets.values.refusal import Refusal
from gamesockets.values.results import Result

Admit: TypeAlias = Callable[[ConnectionInfo], Refusal | None]


@final
class Server(GameLoop):
    """A listen socket and the peers that came in through it. Use it as a context manager, on the game's thread.

    Handshakes, acks, repetitions and keepalives go on without any call.

    Args:
        address: where to listen, as text or an `Address`; `[::]:27015` is every interface and both families, port 0
            takes a free one. Or a UDP socket that is bound already, such as one of `Library.inherited_sockets`.
        identity: who this side claims to be; by default nobody in particular.
        config: configuration values for the server and its connections.
        admit: asked about each client; what it returns, unless None, refuses the client. By default all may come.
        credentials: instead of `identity`, one that a certificate proves.
        trust: whose signatures on the certificates of clients count; by default those whom `Library.trust` names.

    Raises:
        OSError: the address cannot be bound, or the name not be found.
        TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
    """

    def __init__(
        self,
        address: Address | str | socket.socket,
        *,
        identity: NetworkingIdentity | None = None,
        config: Config | None = None,
        admit: Admit | None = None,
        credentials: Credentials | None = None,
        trust: TrustStore | None = None,
    ) -> None:
        check_admit(admit)
        super().__init__(identity, config, credentials, trust)
        self._admit = admit
        try:
            self._listen_socket = self._sockets.create_listen_socket(address)
        except BaseException:
            self._sockets.close()
            raise
        self._address = self._sockets.get_listen_socket_address(self._listen_socket) or Address("::", 0)

    def __enter__(self) -> "Server":
        return self

    def __repr__(self) -> str:
        return f"<gamesockets.Server {self._address} {len(self._peers)} peers>"

    @property
    def address(self) -> Address:
        """Where it listens."""
        return self._address

    @property
    def peers(self) -> list[Peer]:
        """Everybody whose `Disconnected` has not come yet, in the order in which they came."""
        return list(self._peers.values())

    def broadcast(
        self,
        data: MessageData,
        flags: SendFlags = SendFlags.UNRELIABLE,
        lane: int = 0,
        peers: Iterable[Peer] | None = None,
    ) -> int:
        """Queues a message for many peers, by default all; how many took it. Those without room do not get it.

        Raises:
            ValueError: the message is too large.
            TypeError: an argument is of a wrong type.
        """
        chosen = self._peers.values() if peers is None else peers
        return self._sockets.broadcast(data, [_handle(peer) for peer in chosen], flags, lane)

    def disconnect(self, peer: Peer, reason: int = 0, debug: str = "", linger: bool = True) -> bool:
        """Ends the connection to a peer; a `Disconnected` tells of that, too.

        Args:
            peer: whom.
            reason: 0 or 1000..2999; 0 becomes 1000.
            debug: text for the peer's log, at most 127 bytes arrive.
            linger: deliver what was sent reliably first.

        Returns:
            Whether it was one of this server.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        connection = _handle(peer)
        if self._peers.get(connection) is not peer:
            return False
        info = peer.info()
        self._sockets.close_connection(connection, reason, debug, linger)
        self._forget(peer, info.end_reason or reason or int(EndReason.APP_GENERIC), info.end_debug or debug)
        return True

    def _take_messages(self) -> list[NetworkingMessage]:
        if self._sockets.get_listen_socket_address(self._listen_socket) is None:
            return []  # drained or closed
        return self._sockets.receive_messages_on_listen_socket(self._listen_socket, MESSAGES_MAX)

    def _met(self, connection: Connection, info: ConnectionInfo) -> None:
        refusal = self._judge(info)
        if refusal is not None:
            self._sockets.close_connection(connection, refusal.reason, refusal.debug)
        elif self._sockets.accept_connection(connection) == Result.OK:
            self._peers[connection] = Peer(self._sockets, connection, info)

    def _judge(self, info: ConnectionInfo) -> Refusal | None:
        """An exception of `admit` refuses the client, and is logged: it must not end the loop for all others."""
        if self._admit is None:
            return None
        try:
            refusal = self._admit(info)
            check_type("what admit returns", refusal, (Refusal, type(None)))
        except Exception:  # noqa: BLE001 - see above
            OUTPUT.exception("admit raised, and the client was refused")
            return Refusal(int(EndReason.APP_EXCEPTION_GENERIC), "internal error")
        return refusal


def _handle(peer: Peer) -> Connection:
    check_type("peers", peer, Peer)
    return peer.connection
