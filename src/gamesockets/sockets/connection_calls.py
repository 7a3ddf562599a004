"""Which calls make, accept, name and close listen sockets and connections? (spec 3, part 6)"""

import socket
from types import NoneType

from gamesockets.crypto.expected import Expected, expect
from gamesockets.drivers.resolving import look_up, resolve_on_a_thread, split_host_and_port
from gamesockets.node.creation import Config
from gamesockets.node.socket_pairs import peer_identities
from gamesockets.observe.debug_output import LINES
from gamesockets.sockets.calls import Calls
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_connection_name, check_range, check_reason, check_type, find
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.limits import USER_DATA_MAX, USER_DATA_MIN
from gamesockets.values.results import Result


class ConnectionCalls(Calls):
    """The life of listen sockets and connections."""

    # ------------------------------------------------------------------ listening and connecting

    def create_listen_socket(
        self, address: Address | str | socket.socket, config: Config | None = None
    ) -> ListenSocket:
        """Listens for connections.

        Args:
            address: where, as an `Address` or as text: ``[::]:27015`` is every interface, both families. Port 0 takes a
                free port, which `get_listen_socket_address` then tells. Of a name, such as ``localhost:27015``, the
                system's favourite address is taken, and the call waits until it is found. A UDP socket that is bound
                already, such as one of `Library.inherited_sockets`, is taken over, and closed with the listen socket.
            config: values for this socket and the connections it accepts.

        Raises:
            OSError: the address cannot be bound, or the name not be found; the text names it.
            ValueError: a configuration value cannot be set, the text is no host with a port, or the socket is none of
                UDP, not bound, connected to one peer, or closed.
        """
        check_type("address", address, (Address, str, socket.socket))
        if isinstance(address, str):
            address = look_up(*split_host_and_port(address, lowest=0))[0]
        with LINES, self._node.entering():
            return ListenSocket(self._node.listen(address, config, is_group=True))

    def connect(
        self,
        address: Address | str,
        config: Config | None = None,
        *,
        local_address: Address | None = None,
        expected_identity: NetworkingIdentity | None = None,
        expected_key: bytes | None = None,
    ) -> Connection:
        """Starts connecting and returns at once; a status change tells how it went (spec 3, 6.2).

        A name is looked up on another thread. If it has several addresses, these are asked a quarter of a second apart,
        IPv6 and IPv4 in turn, and the first that answers is taken (RFC 8305). A name that cannot be found ends the
        connection with reason 5001 (`MISC_GENERIC`) and a text that says why.

        Args:
            address: an `Address`, or a host and a port as text: ``play.example:27015``, ``[::1]:27015``.
            config: values for this connection.
            local_address: where to send from, as several networks or the rules of a firewall may ask for; port 0
                takes a free port. By default the system chooses.
            expected_identity: who must be there. Anybody else is refused with reason 4003 (`REMOTE_BAD_CERT`), and
                where this side has roots, or had some that were revoked or removed, also who cannot prove it, whatever
                `IP_ALLOW_WITHOUT_AUTH` says.
            expected_key: the public key that the peer must own, 32 bytes, as `pki.KnownHosts` knows it. Another one is
                refused with reason 4003.

        Raises:
            OSError: no socket can be opened for it, the local address is in use or not one of this machine (the text
                names it), or 8191 connections live already.
            ValueError: nobody can be at the address (`0.0.0.0`, `::`, port 0), a configuration value cannot be set, the
                text is no host with a port, the two addresses are of different families, or nobody can have the
                expected identity or key.
        """
        check_type("address", address, (Address, str))
        if isinstance(config, int):
            raise TypeError(f"config must be Mapping, not {config!r}: host and port are one text, 'play.example:27015'")
        check_type("local_address", local_address, (Address, NoneType))
        expected = expect(expected_identity, expected_key)
        if isinstance(address, str):
            host, port = split_host_and_port(address)
            try:
                address = Address(host, port)
            except ValueError:
                return self._connect_to_name(host, port, config, local_address, expected)
        with LINES, self._node.entering():
            return Connection(self._node.connect(address, config, local_address, expected).connection.id)

    def _connect_to_name(
        self, host: str, port: int, config: Config | None, local: Address | None, expected: Expected | None
    ) -> Connection:
        node = self._node
        with LINES, node.entering():
            member = node.look_for(f"{host}:{port}", config, local, expected)

        def told(addresses: list[Address], error: OSError | None) -> None:
            node.found(member, addresses, "" if error is None else str(error.strerror))

        resolve_on_a_thread(host, port, told)
        return Connection(member.connection.id)

    def accept_connection(self, connection: Connection) -> Result:
        """Accepts an incoming connection, which is connected when this returns `OK` (spec 3, 6.3)."""
        node = self._node
        with LINES, node.entering():
            member = find(node.members, connection, "connection")
            return Result.INVALID_PARAM if member is None else node.accept(member)

    def close_connection(
        self, connection: Connection, reason: int = 0, debug: str = "", enable_linger: bool = False
    ) -> bool:
        """Closes a connection; its handle is dead from now on. False for an unknown handle (spec 3, 6.5).

        Args:
            connection: which.
            reason: 0 or 1000..2999; 0 becomes 1000.
            debug: text for the peer's log, at most 127 bytes arrive.
            enable_linger: deliver reliable data that is still on its way before closing.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        check_reason(reason)
        check_type("debug", debug, str)
        node = self._node
        if node.is_inside():
            return self._close_later(connection, reason, debug, enable_linger)
        with LINES, node.lock:
            member = find(node.members, connection, "connection")
            if member is None:
                return False
            node.close_connection(member, reason, debug, enable_linger)
            return True

    def _close_later(self, connection: Connection, reason: int, debug: str, enable_linger: bool) -> bool:
        """From a signal handler or finalizer, while this thread may be half through another call."""
        node = self._node
        if find(node.members, connection, "connection") is None:
            return False
        node.service.put_off(lambda: self.close_connection(connection, reason, debug, enable_linger))
        return True

    def close_listen_socket(self, socket: ListenSocket, remote_reason: str = "") -> bool:
        """Closes a listen socket and its connections, telling the peers. False for an unknown handle."""
        check_type("remote_reason", remote_reason, str)
        node = self._node
        if node.is_inside():
            node.service.put_off(lambda: self.close_listen_socket(socket, remote_reason))
            return node.listeners.get(socket) is not None
        with LINES, node.lock:
            return node.close_listener(socket, remote_reason)

    def get_listen_socket_address(self, socket: ListenSocket) -> Address | None:
        """Where a listen socket listens; None for an unknown handle."""
        with self._node.lock:
            listener = self._node.listeners.get(socket)
            return None if listener is None else listener.port.udp.local_address

    def create_socket_pair(
        self,
        use_network_loopback: bool = False,
        identity_one: NetworkingIdentity | None = None,
        identity_two: NetworkingIdentity | None = None,
    ) -> tuple[Connection, Connection]:
        """Two connections that talk to each other, connected at once and without status changes (spec 3, 6.9).

        Args:
            use_network_loopback: False for a pipe: messages of up to 268435456 bytes lie in the partner's queue
                before the send returns, without packets, rate or simulated network, and with all their flags. True
                for two ordinary connections over UDP ports of 127.0.0.1.
            identity_one: what the first connection sees as its peer; by default nobody in particular.
            identity_two: what the second one sees.

        Raises:
            OSError: no socket can be opened, or there is no room for two more among 8191 connections.
            TypeError, ValueError: an argument cannot be used; the text says which.
        """
        identities = peer_identities(identity_one, identity_two)
        with LINES, self._node.entering():
            one, two = self._node.create_pair(use_network_loopback, identities)
            return Connection(one.connection.id), Connection(two.connection.id)

    # ------------------------------------------------------------------ properties of connections

    def set_connection_user_data(self, connection: Connection, user_data: int) -> bool:
        """The application's own number, a signed 64-bit integer; False for an unknown handle."""
        check_range("user_data", user_data, USER_DATA_MIN, USER_DATA_MAX)
        node = self._node
        with node.entering():
            member = find(node.members, connection, "connection")
            if member is None:
                return False
            node.set_user_data(member, user_data)
            return True

    def get_connection_user_data(self, connection: Connection) -> int:
        """The application's own number; -1 when it was never set, and for an unknown handle."""
        with self._node.lock:
            member = find(self._node.members, connection, "connection")
            return -1 if member is None else member.connection.peer.user_data

    def set_connection_name(self, connection: Connection, name: str) -> bool:
        """A name for logs, at most 31 bytes of UTF-8; False for an unknown handle.

        Raises:
            ValueError: the name is too long.
        """
        check_connection_name(name)
        node = self._node
        with LINES, node.entering():
            member = find(node.members, connection, "connection")
            if member is None:
                return False
            member.rename(name)
            return True

    def get_connection_name(self, connection: Connection) -> str | None:
        """The name, empty when never set; None for an unknown handle."""
        with self._node.lock:
            member = find(self._node.members, connection, "connection")
            return None if member is None else member.name
