"""How many may connect, how fast, and from one place: what a listening port allows before it spends work on anybody.

Everything here is counted for addresses that a challenge has proven. Those of the machine itself share no limit for
each address: whoever is there already can do worse.
"""

from typing import Final, final

from gamesockets.config.limits import Limits
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.states import State
from gamesockets.values.address import Address

US_PER_S: Final = 1_000_000

HANDSHAKES_BURST_S: Final = 4
"""The handshakes of so many seconds may come at once: everybody is back when a server was restarted."""
STRAY_REPLIES_PER_S: Final = 1000
"""Answers to data packets of connections that do not exist, of 6 bytes each."""
STRAYS_TOLD_MAX: Final = 1000
"""Ids of connections that do not exist, which have had such an answer and get no second one."""
REFUSALS_PER_S: Final = 50
"""Answers that say why there is no room, of 512 bytes each."""

_IPV6_NETWORK_BYTES: Final = 8
_PRUNE_EVERY_US: Final = 100_000
_SWEEP_MIN: Final = 256

ROOM: Final = 0
FULL: Final = 1
NO_ROOM_FOR_ADDRESS: Final = 2
TOO_FAST_FOR_ADDRESS: Final = 3


@final
class Rate:
    """So many a second, and some at once. It remembers one moment: until when what was taken is paid for."""

    __slots__ = ("paid_until",)

    def __init__(self, now: int) -> None:
        self.paid_until = now

    def has_one(self, per_second: int, at_once: int, now: int) -> bool:
        """Whether `take` is allowed now."""
        return self.next_at(per_second, at_once) <= now

    def next_at(self, per_second: int, at_once: int) -> int:
        """From when on `take` is allowed."""
        return self.paid_until - (at_once - 1) * (US_PER_S // per_second)

    def take(self, per_second: int, now: int) -> None:
        """One of them happens."""
        self.paid_until = max(self.paid_until, now) + US_PER_S // per_second


@final
class Admission:
    """Decides who may go on with its handshake, by counts and rates alone."""

    __slots__ = ("_by_address", "_of_address", "_pruned_at", "_rate", "_rates", "_sweep_at", "_waiting", "limits")

    def __init__(self, limits: Limits, now: int) -> None:
        self.limits = limits
        """In force for the next request."""
        self._rate = Rate(now)
        self._rates: dict[bytes, Rate] = {}
        """For addresses that were used lately: as many as the rate of all lets in before the oldest are full again."""
        self._sweep_at = _SWEEP_MIN
        self._by_address: dict[bytes, int] = {}
        """How many connections each address or network has."""
        self._of_address: dict[DatagramConnection, bytes] = {}
        """All that were admitted and have not left; those of this machine under an empty key."""
        self._waiting: set[DatagramConnection] = set()
        self._pruned_at = now

    def check(self, address: Address, now: int) -> int:
        """For a request that has come: ROOM, and then one handshake is counted for its address; else the limit."""
        limit = self.check_room(address)
        key = _key(address)
        if limit == ROOM and key:
            rate = self._rate_of(key, now)
            for_address = self.limits.address_handshakes_per_second
            if not rate.has_one(for_address, 2 * for_address, now):
                return TOO_FAST_FOR_ADDRESS
            rate.take(for_address, now)
        return limit

    def check_room(self, address: Address) -> int:
        """Whether one more connection may exist: ROOM, or which limit is reached."""
        limits = self.limits
        if len(self._of_address) >= limits.connections_max:
            return FULL
        key = _key(address)
        if key and self._by_address.get(key, 0) >= limits.address_connections_max:
            return NO_ROOM_FOR_ADDRESS
        return ROOM

    def next_at(self) -> int:
        """From when on `take` may be allowed: by the rate of all, and by when the next look for room to wait is due."""
        limits = self.limits
        per_second = limits.handshakes_per_second
        at = self._rate.next_at(per_second, HANDSHAKES_BURST_S * per_second)
        return at if len(self._waiting) < limits.waiting_max else max(at, self._pruned_at + _PRUNE_EVERY_US)

    def take(self, now: int) -> None:
        """A signature is looked at."""
        self._rate.take(self.limits.handshakes_per_second, now)

    def admitted(self, connection: DatagramConnection) -> None:
        """It exists now, and waits for the application."""
        self._waiting.add(connection)
        key = self._of_address[connection] = _key(connection.address)
        if key:
            self._by_address[key] = self._by_address.get(key, 0) + 1

    def left(self, connection: DatagramConnection) -> None:
        """It is gone. One that was never admitted changes nothing."""
        self._waiting.discard(connection)
        key = self._of_address.pop(connection, b"")
        if key:
            count = self._by_address[key] - 1
            if count:
                self._by_address[key] = count
            else:
                del self._by_address[key]

    def has_room_to_wait(self, now: int) -> bool:
        """Whether one more may wait for the application.

        Those whose state has changed are found when there is no room, and not for each request then.
        """
        waiting_max = self.limits.waiting_max
        if len(self._waiting) >= waiting_max and now - self._pruned_at >= _PRUNE_EVERY_US:
            self._pruned_at = now
            self._waiting = {connection for connection in self._waiting if connection.state == State.CONNECTING}
        return len(self._waiting) < waiting_max

    def _rate_of(self, key: bytes, now: int) -> Rate:
        rate = self._rates.get(key)
        if rate is None:
            if len(self._rates) >= self._sweep_at:
                self._rates = {other: rate for other, rate in self._rates.items() if rate.paid_until > now}
                self._sweep_at = max(_SWEEP_MIN, 2 * len(self._rates))
            rate = self._rates[key] = Rate(now)
        return rate


def _key(address: Address) -> bytes:
    """What one owner of addresses has: an IPv4 address or a /64; empty for this machine."""
    if address.is_loopback:
        return b""
    return address.packed if address.is_ipv4 else address.packed[:_IPV6_NETWORK_BYTES]
