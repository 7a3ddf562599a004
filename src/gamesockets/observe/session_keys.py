"""How are the packets of a capture opened with the keys of a key log?

A packet names the connection it is for, and the low 16 bits of its number. Two connections may have had the same id,
and a capture may begin in the middle: so what fits is found by trying, for only the right key and number open a packet.
"""

from collections.abc import Iterable
from typing import Final, final

from gamesockets.crypto.cipher import AesGcmCipher
from gamesockets.values.key_lines import SessionKey, parse_key
from gamesockets.wire.numbers import widen

_ROUND: Final = 1 << 16
_ROUNDS_TRIED: Final = 64
"""A capture that begins later than after so many times 65,536 packets cannot be opened."""


@final
class _Direction:
    """One key, and the highest number that it has opened."""

    __slots__ = ("cipher", "newest")

    def __init__(self, session: SessionKey) -> None:
        self.cipher = AesGcmCipher(session.key, session.iv)
        self.newest = -1

    def open(self, low_bits: int, chunk: bytes) -> tuple[int, bytes] | None:
        if self.newest >= 0:
            near = widen(low_bits, 16, self.newest)
            numbers = [near, near + _ROUND, near - _ROUND]
        else:
            numbers = [low_bits + _ROUND * count for count in range(_ROUNDS_TRIED)]
        for number in numbers:
            if number >= 0:
                plaintext = self.cipher.open(number, chunk)
                if plaintext is not None:
                    self.newest = max(self.newest, number)
                    return number, plaintext
        return None


@final
class SessionKeys:
    """The keys of a key log.

    Raises:
        ValueError: a line of it is broken; the text says which.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._by_id: dict[int, list[_Direction]] = {}
        known: set[SessionKey] = set()
        for number, line in enumerate(lines, 1):
            try:
                session = parse_key(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
            if session is not None and session not in known:
                known.add(session)
                self._by_id.setdefault(session.to_connection_id, []).append(_Direction(session))

    def __len__(self) -> int:
        return sum([len(directions) for directions in self._by_id.values()])

    def open(self, to_connection_id: int, low_bits: int, chunk: bytes) -> tuple[int, bytes] | None:
        """The whole number of a packet, and what was sealed in it; None without its key."""
        for direction in self._by_id.get(to_connection_id, []):
            opened = direction.open(low_bits, chunk)
            if opened is not None:
                return opened
        return None
