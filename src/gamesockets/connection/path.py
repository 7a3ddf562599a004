"""Which way do datagrams go between this side and a peer, and when may that way change?

A path is a remote and a local address. A connection has one, which is in use from its first datagram to its last:

1. The path of an outgoing connection leads to the address that was asked for. The system chooses where from. One that
   is connecting to a name has no path until the first of the name's addresses has answered a challenge.
2. The path of an incoming connection is that of the ConnectRequest that began it: back to where that came from, which a
   challenge has proven, and from the address that it was sent to. A client takes no answer from another address.
3. No datagram changes the path. A data packet with the right connection id but from another remote address is dropped
   and counted as stray, for whoever has seen a packet can send a copy from anywhere.
4. Control messages carry no proof of who sent them, so they belong to the connection whose path has their remote
   address, or to nobody.
5. The local address a datagram was sent to selects nothing: a peer at the right remote address is the right one.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.address import Address, SocketAddress

ANY_LOCAL: Final = b""
"""The local address of a path for which the system chooses it."""

NOWHERE: Final[SocketAddress] = ("::", 0)
"""The remote address of a connection whose peer's address is not known yet. Nothing is sent there."""


@mypyc_attr(acyclic=True)
@final
class Path:
    """One way to a peer. Immutable."""

    __slots__ = ("_address", "local", "remote")

    def __init__(self, remote: SocketAddress, local: bytes = ANY_LOCAL) -> None:
        self.remote: Final = remote
        """The peer's address, as sockets take it."""
        self.local: Final = local
        """Where to send from, in the form that the driver's socket gave it and takes it back."""
        self._address: Address | None = None

    @property
    def address(self) -> Address:
        """The peer's address. Made when first asked for: strangers get answers without."""
        if self._address is None:
            self._address = Address.from_socket(self.remote)
        return self._address
