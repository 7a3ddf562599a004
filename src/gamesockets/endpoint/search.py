"""At which of several addresses does a peer answer first? As RFC 8305 ("Happy Eyeballs") asks them, each one over UDP.

A ChallengeRequest costs a server nothing and binds nobody, so each address gets one, a quarter of a second after the
one before it, and all of them again from time to time. The connection goes on with the first that answers.
"""

from typing import Final, final

from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.handshake import RETRY_US, challenge_request
from gamesockets.connection.path import Path
from gamesockets.values.address import SocketAddress
from gamesockets.values.moments import NEVER, US_PER_MS
from gamesockets.wire.datagram import ControlMessage
from gamesockets.wire.messages_pb2 import ChallengeReply, ConnectionClosed

NEXT_ADDRESS_AFTER_US: Final = 250 * US_PER_MS
"""How long one address may stay silent before the next is asked too (RFC 8305, section 5)."""

ADDRESSES_MAX: Final = 16
"""More addresses of one name are not asked: they would have no time left before the connection gives up."""


@final
class Search:
    """The addresses that one connection's peer may be at."""

    __slots__ = ("_addresses", "_due", "connection")

    def __init__(self, connection: DatagramConnection, addresses: list[SocketAddress], now: int) -> None:
        self.connection = connection
        self._addresses = addresses[:ADDRESSES_MAX]
        self._due = [now + place * NEXT_ADDRESS_AFTER_US for place in range(len(self._addresses))]
        """When each address is asked next."""

    def datagrams_to_send(self, now: int) -> list[tuple[list[bytes], Path]]:
        """The questions that leave now."""
        transmits: list[tuple[list[bytes], Path]] = []
        for place, address in enumerate(self._addresses):
            if self._due[place] <= now:
                self._due[place] = now + RETRY_US
                transmits.append(([challenge_request(self.connection.id, now)], Path(address)))
        return transmits

    def next_timer(self) -> int:
        """When the next question leaves."""
        return min(self._due, default=NEVER)

    def is_answered(self, message: ControlMessage | None, address: SocketAddress) -> bool:
        """Whether the peer is at this address, going by a message that came from there.

        Who refuses is asked no more, unless there is nobody else left to ask: then the refusal counts.
        """
        if address not in self._addresses:
            return False
        if isinstance(message, ChallengeReply):
            return message.connection_id == self.connection.id
        if not isinstance(message, ConnectionClosed) or message.to_connection_id != self.connection.id:
            return False
        if len(self._addresses) == 1:
            return True
        place = self._addresses.index(address)
        del self._addresses[place]
        del self._due[place]
        return False
