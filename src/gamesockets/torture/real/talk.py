"""What is said on a connection, and is what arrives just that? Each side of a soak says and checks one direction.

Every message names its key (which conversation), its place on its lane, and what kind it is; the rest follows from
these, so whoever hears it knows every byte in advance. The last message of a lane, the farewell, says how much was said
on it.
"""

from struct import Struct
from typing import Final, final
from zlib import crc32

from gamesockets.torture.ledger import FILLING, Violation

__all__ = ["HEADER_BYTES", "LANES", "Listener", "Speaker"]

LANES: Final = 4
"""Of each direction."""

_HEADER: Final = Struct(">IIB")
HEADER_BYTES: Final = _HEADER.size
_FAREWELL: Final = Struct(">QQI")
"""Reliable messages of the lane before it, their bytes, and their check sum."""

_OFFSETS: Final = 524_287
"""Where in the filling a message may begin. A prime: every bit of key and place shows in it."""

_SPEECH: Final = 1
_STATE: Final = 2
_LAST: Final = 3

_REMEMBERED: Final = 1 << 13
"""So many unreliable messages of a lane may be overtaken: what is older would have come minutes late."""


def _content(key: int, lane: int, place: int, kind: int, size_bytes: int) -> bytes:
    header = _HEADER.pack(key, place, kind)
    offset = (key * 7919 + lane * 7877 + place * 104_729) % _OFFSETS
    return header + FILLING[offset : offset + size_bytes - HEADER_BYTES]


@final
class _Lane:
    """What was said on a lane, or heard."""

    __slots__ = ("bytes", "check_sum", "is_over", "newest", "reliable", "seen", "unreliable")

    def __init__(self) -> None:
        self.reliable = 0
        self.bytes = 0
        self.check_sum = 0
        self.unreliable = 0
        self.newest = 0
        """Highest place of an unreliable message that was heard."""
        self.seen = 0
        """A bit for each of the last places up to it, the newest lowest."""
        self.is_over = False

    def add(self, data: bytes) -> None:
        """One more reliable message."""
        self.reliable += 1
        self.bytes += len(data)
        self.check_sum = crc32(data, self.check_sum)


@final
class Speaker:
    """Makes the messages of one direction. What was not taken by the library was not said."""

    __slots__ = ("_key", "_lanes", "reliable_bytes", "unreliable")

    def __init__(self, key: int) -> None:
        self._key = key
        self._lanes = [_Lane() for _ in range(LANES)]
        self.reliable_bytes = 0
        self.unreliable = 0

    def next_message(self, lane: int, size_bytes: int, is_reliable: bool) -> bytes:
        """The next on a lane, at least `HEADER_BYTES` long."""
        account = self._lanes[lane]
        if is_reliable:
            return _content(self._key, lane, account.reliable + 1, _SPEECH, size_bytes)
        return _content(self._key, lane, account.unreliable + 1, _STATE, size_bytes)

    def was_taken(self, lane: int, data: bytes, is_reliable: bool) -> None:
        """The library took it."""
        account = self._lanes[lane]
        if is_reliable:
            account.add(data)
            self.reliable_bytes += len(data)
        else:
            account.unreliable += 1
            self.unreliable += 1

    def farewell(self, lane: int) -> bytes:
        """The last message of a lane, a reliable one."""
        account = self._lanes[lane]
        said = _FAREWELL.pack(account.reliable, account.bytes, account.check_sum)
        return _HEADER.pack(self._key, account.reliable + 1, _LAST) + said


@final
class Listener:
    """Checks the messages of one direction."""

    __slots__ = ("_key", "_lanes", "reliable_bytes", "unreliable")

    def __init__(self) -> None:
        self._key = -1
        self._lanes = [_Lane() for _ in range(LANES)]
        self.reliable_bytes = 0
        self.unreliable = 0

    @property
    def has_heard(self) -> bool:
        """Whether anything has arrived."""
        return self._key >= 0

    @property
    def is_complete(self) -> bool:
        """Whether the other side has said its last word on every lane; then everything before it was heard."""
        return all(lane.is_over for lane in self._lanes)

    def arrived(self, lane: int, is_reliable: bool, data: bytes) -> None:
        """A message has come. Raises `Violation` if it must not: lost before it, twice, out of order, changed."""
        if len(data) < HEADER_BYTES or lane >= LANES:
            raise Violation(f"a message of {len(data)} bytes on lane {lane} was never sent")
        key, place, kind = _HEADER.unpack_from(data)
        if not self.has_heard:
            self._key = key
        if key != self._key:
            raise Violation(f"a message of another connection: {key}, not {self._key}")
        account = self._lanes[lane]
        if is_reliable:
            self._reliable(account, lane, place, kind, data)
        else:
            self._unreliable(account, lane, place, kind, data)

    def _reliable(self, account: _Lane, lane: int, place: int, kind: int, data: bytes) -> None:
        if account.is_over:
            raise Violation(f"reliable message {place} of lane {lane} came after the last")
        if place != account.reliable + 1:
            raise Violation(f"reliable message {place} of lane {lane} came where {account.reliable + 1} was due")
        if kind == _LAST:
            said = _FAREWELL.unpack_from(data, HEADER_BYTES)
            heard = (account.reliable, account.bytes, account.check_sum)
            if said != heard:
                raise Violation(f"lane {lane}: messages, bytes and check sum {said} were sent, {heard} heard")
            account.is_over = True
            return
        if kind != _SPEECH or data != _content(self._key, lane, place, kind, len(data)):
            raise Violation(f"reliable message {place} of lane {lane} is not as it was sent: {len(data)} bytes")
        account.add(data)
        self.reliable_bytes += len(data)

    def _unreliable(self, account: _Lane, lane: int, place: int, kind: int, data: bytes) -> None:
        if kind != _STATE or data != _content(self._key, lane, place, kind, len(data)):
            raise Violation(f"unreliable message {place} of lane {lane} is not as it was sent: {len(data)} bytes")
        if place > account.newest:
            account.seen = (account.seen << (place - account.newest) | 1) & ((1 << _REMEMBERED) - 1)
            account.newest = place
        else:
            bit = 1 << (account.newest - place)
            if account.seen & bit or bit >> _REMEMBERED:
                raise Violation(f"unreliable message {place} of lane {lane} came twice, or after {account.newest}")
            account.seen |= bit
        self.unreliable += 1
