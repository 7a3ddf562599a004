"""What crosses the connection, on which lane, and when? No network and no clock: both ends and the tests share it.

The game state goes on one lane and the file on another one of lower priority. The library serves lanes strictly by
priority, packet by packet: whatever waits of the file, the next game state leaves before it.
"""

import hashlib
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, final

from examples.transfer.files import NAME_BYTES_MAX, Arriving, Refused, open_inside

STATE_LANE: Final = 0
BULK_LANE: Final = 1
LANE_PRIORITIES: Final = (0, 1)
"""The lower number is served first."""

STATES_PER_SECOND: Final = 30
STATE_BYTES: Final = 200

PIECE_BYTES: Final = 16_384
QUEUE_BYTES: Final = 131_072
"""So much of a file waits in the library at a time. All lanes share one send buffer, of `SEND_BUFFER_SIZE` bytes: who
fills it with a file has no room for the game. And what is queued without need is stale memory."""

FILE_BYTES_MAX: Final = 1 << 30

_GET: Final = 1
_OFFER: Final = 2
_PIECE: Final = 3
_END: Final = 4
_REFUSED: Final = 5
_STATE: Final = 6
_SIZE: Final = struct.Struct("<BQ")
_STAMP: Final = struct.Struct("<BQ")


# ---------------------------------------------------------------------- the game


def state(sent_us: int) -> bytes:
    """A game state; here it says only when it was sent."""
    return _STAMP.pack(_STATE, sent_us).ljust(STATE_BYTES, b"\0")


@final
class Smoothness:
    """How late game states came. The clocks of both ends need not agree: the quickest state counts as on time."""

    def __init__(self) -> None:
        self._ways_us: list[int] = []

    def hear(self, message: bytes, received_us: int) -> bool:
        """Takes note of a game state; False if it is something else."""
        if len(message) != STATE_BYTES or message[0] != _STATE:
            return False
        _, sent_us = _STAMP.unpack_from(message)
        self._ways_us.append(received_us - sent_us)
        return True

    @property
    def count(self) -> int:
        """How many came."""
        return len(self._ways_us)

    def late_ms(self, share: float) -> float:
        """That share of the states, 0 to 1, was at most so late. 0 if none came."""
        if not self._ways_us:
            return 0.0
        ways = sorted(self._ways_us)
        return (ways[min(len(ways) - 1, int(share * len(ways)))] - ways[0]) / 1000


# ---------------------------------------------------------------------- the file


def request(name: str) -> bytes:
    """The message that asks for a file."""
    return bytes((_GET,)) + name.encode("utf-8", "surrogateescape")


@final
class Upload:
    """The side that has the files, for one guest: hears what the guest wants, and says what to queue next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._digest = hashlib.sha256()

    def close(self) -> None:
        """The guest has gone."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def receive(self, message: bytes) -> bytes:
        """The answer to a message of the guest."""
        try:
            file = self._file = self._open(message)
        except Refused as error:
            return bytes((_REFUSED,)) + str(error).encode()
        self._digest = hashlib.sha256()
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        return _SIZE.pack(_OFFER, size)

    def _open(self, message: bytes) -> BinaryIO:
        if message[:1] != bytes((_GET,)) or len(message) > 1 + NAME_BYTES_MAX:
            raise Refused("that is no request")
        if self._file is not None:
            raise Refused("one file at a time")
        return open_inside(self._folder, message[1:].decode("utf-8", "surrogateescape"))

    def pieces(self, queued_bytes: int) -> Iterator[bytes]:
        """What to queue now, when so many bytes wait already: enough to keep the line busy until the next call."""
        while self._file is not None and queued_bytes < QUEUE_BYTES:
            piece = self._file.read(PIECE_BYTES)
            if not piece:
                self.close()
                yield bytes((_END,)) + self._digest.digest()
                return
            self._digest.update(piece)
            queued_bytes += len(piece)
            yield bytes((_PIECE,)) + piece


@final
class Download:
    """The side that wants a file. Use it as a context manager: a file that is not complete is not kept."""

    def __init__(self, folder: Path, name: str) -> None:
        self.arriving = Arriving(folder, name)
        self.size: int | None = None
        """As announced; None before."""
        self.is_complete = False

    def __enter__(self) -> "Download":
        return self

    def __exit__(self, *_: object) -> None:
        self.arriving.__exit__()

    def receive(self, message: bytes) -> None:
        """A message of the other side. Raises `Refused` when it says no, or something that cannot be."""
        kind, rest = message[:1], message[1:]
        if kind == bytes((_REFUSED,)):
            raise Refused("".join(c for c in rest.decode("utf-8", "replace") if c.isprintable())[:100])
        if kind == bytes((_OFFER,)) and self.size is None and len(message) == _SIZE.size:
            _, self.size = _SIZE.unpack(message)
            if self.size > FILE_BYTES_MAX:
                raise Refused(f"{self.size} bytes are too many")
        elif kind == bytes((_PIECE,)) and self.size is not None and self.arriving.size + len(rest) <= self.size:
            self.arriving.write(rest)
        elif kind == bytes((_END,)) and self.arriving.size == self.size:
            self.arriving.finish(rest)
            self.is_complete = True
        else:
            raise Refused("the server said something that makes no sense")
