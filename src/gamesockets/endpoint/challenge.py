"""How does a server know that a stranger receives at its address, without remembering it? (spec 1, 3.3)"""

import hmac
from hashlib import blake2b
from typing import Final, final

_TICK_SHIFT: Final = 20
"""Challenges count time in steps of 2**20 us."""

_CHALLENGE_MAX_AGE_TICKS: Final = 3


@final
class ChallengeKey:
    """Makes challenges, which only a host that receives at an address can return, and stores none (spec 1, 3.3).

    The low 16 bits say when it was made, in steps of 1.05 s; the others authenticate that and the address. A
    challenge is valid for 3.1 to 4.2 s. Raises ValueError unless `secret` has 16 to 64 bytes.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        if not 16 <= len(secret) <= 64:
            raise ValueError(f"challenge secret has {len(secret)} bytes, must have 16..64")
        self._secret = secret

    def make(self, address_bytes: bytes, now_us: int) -> int:
        """The challenge for an address and its port, as bytes in any form that is always the same for it."""
        return self._make(address_bytes, now_us >> _TICK_SHIFT & 0xFFFF)

    def check(self, challenge: int, address_bytes: bytes, now_us: int) -> bool:
        """Whether this challenge was made for this address not long ago."""
        tick = challenge & 0xFFFF
        if ((now_us >> _TICK_SHIFT) - tick) & 0xFFFF > _CHALLENGE_MAX_AGE_TICKS:
            return False
        expected = self._make(address_bytes, tick).to_bytes(8, "little")
        return hmac.compare_digest(expected, challenge.to_bytes(8, "little"))

    def _make(self, address_bytes: bytes, tick: int) -> int:
        mac = blake2b(tick.to_bytes(2, "little") + address_bytes, digest_size=6, key=self._secret)
        return int.from_bytes(mac.digest(), "little") << 16 | tick
