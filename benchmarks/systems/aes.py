"""What does encryption alone cost? AES-256-GCM as the protocol uses it, through the same package, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks.systems.base import OK, Direct, MeasurementError

_THE_CONNECTION: Final = 1
_KEY: Final = bytes(range(32))
_NONCE_BYTES: Final = 12
_PACKETS: Final = 50
_PACKET_BYTES: Final = 1200


class Aes(Direct):
    """Sending is sealing, receiving is opening the same packet again and again."""

    def __init__(self) -> None:
        super().__init__()
        self._cipher = AESGCM(_KEY)

    async def listen(self) -> str:
        """Nowhere."""
        self.incoming.append(_THE_CONNECTION)
        return "nowhere"

    async def connect(self, address: str) -> int:  # noqa: ARG002 - there is nobody to connect to
        """At once."""
        self.connected.add(_THE_CONNECTION)
        return _THE_CONNECTION

    def close_connection(self, connection: int) -> None:
        """Nothing: there is no connection."""

    def send_function(self, connection: int, reliable: bool, no_nagle: bool, lane: int) -> Callable[[bytes], int]:  # noqa: ARG002 - it goes nowhere
        """`encrypt` with a nonce that counts."""
        encrypt, number = self._cipher.encrypt, 0

        def send_one(data: bytes) -> int:
            nonlocal number
            number += 1
            encrypt(number.to_bytes(_NONCE_BYTES, "little"), data, None)
            return OK

        return send_one

    def take_function(self, connection: int) -> Callable[[], list[bytes]]:  # noqa: ARG002 - there is one
        """`decrypt`, a portion a call."""
        nonce, plain = bytes(_NONCE_BYTES), bytes(_PACKET_BYTES)
        sealed = self._cipher.encrypt(nonce, plain, None)
        decrypt = self._cipher.decrypt
        if decrypt(nonce, sealed, None) != plain:
            raise MeasurementError("what was sealed cannot be opened")
        return lambda: [decrypt(nonce, sealed, None) for _ in range(_PACKETS)]

    def wait(self, timeout_s: float) -> None:
        """Nothing: there is always something to open."""

    def run_callbacks(self) -> None:
        """Nothing ever changes."""

    async def close(self) -> None:
        """Nothing is open."""
