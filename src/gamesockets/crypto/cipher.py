"""How is the chunk of a data packet sealed and opened? (spec 1, 4.5 and 4.7)

One object for each direction of a connection, made once: preparing AES costs far more than a packet.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gamesockets.wire.numbers import ONE_BYTE
from gamesockets.wire.packet import MAX_PLAINTEXT_BYTES

CIPHER_NULL: Final = 1
CIPHER_AES_256_GCM: Final = 2

AES_KEY_BYTES: Final = 32
AES_IV_BYTES: Final = 12
AES_TAG_BYTES: Final = 16

_MAX_CHUNK_BYTES: Final = MAX_PLAINTEXT_BYTES + AES_TAG_BYTES
_MASK_64: Final = (1 << 64) - 1
_LOW_BYTES: Final = 7
_CARRY: Final = 1 << 56


class Cipher(ABC):
    """Seals or opens the chunks of one direction. `overhead_bytes` is how much longer sealing makes them."""

    __slots__ = ("overhead_bytes",)

    def __init__(self, overhead_bytes: int) -> None:
        self.overhead_bytes: int = overhead_bytes

    @abstractmethod
    def seal(self, packet_number: int, plaintext: bytes) -> bytes:
        """The chunk to send. Each full packet number (not the 16 bits on the wire) may be used once only."""

    @abstractmethod
    def open(self, packet_number: int, chunk: bytes) -> bytes | None:
        """The plaintext; None if the chunk is too short, not authentic, or has over 1300 bytes inside."""


@final
class AesGcmCipher(Cipher):
    """AES-256-GCM with a 16-byte tag and no associated data.

    Raises ValueError unless `key` has 32 bytes and `iv` 12.
    """

    __slots__ = ("_decrypt", "_encrypt", "_high", "_iv", "_iv_low", "_iv_tail", "_nonce_end")

    def __init__(self, key: bytes, iv: bytes) -> None:
        super().__init__(AES_TAG_BYTES)
        if len(key) != AES_KEY_BYTES:
            raise ValueError(f"AES key has {len(key)} bytes, must have {AES_KEY_BYTES}")
        if len(iv) != AES_IV_BYTES:
            raise ValueError(f"initialisation vector has {len(iv)} bytes, must have {AES_IV_BYTES}")
        aes = AESGCM(key)
        self._encrypt: Callable[[bytes, bytes, bytes | None], bytes] = aes.encrypt
        self._decrypt: Callable[[bytes, bytes, bytes | None], bytes] = aes.decrypt
        self._iv = iv
        # The packet number is added to the first 8 bytes. The sum of 7 bytes fits a machine word, which is fast;
        # `_carried` handles the rare carry into the eighth.
        self._iv_low = int.from_bytes(iv[:_LOW_BYTES], "little")
        self._iv_tail = iv[_LOW_BYTES:]
        self._high = -1
        """The sum without its lowest byte, for the last packet; the next ones have the same most often."""
        self._nonce_end = b""
        """What that makes of the nonce: all but its first byte."""

    def seal(self, packet_number: int, plaintext: bytes) -> bytes:
        return self._encrypt(self._nonce(packet_number), plaintext, None)

    def open(self, packet_number: int, chunk: bytes) -> bytes | None:
        if not AES_TAG_BYTES <= len(chunk) <= _MAX_CHUNK_BYTES:
            return None
        try:
            return self._decrypt(self._nonce(packet_number), chunk, None)
        except InvalidTag:
            return None

    def _nonce(self, packet_number: int) -> bytes:
        low = self._iv_low + packet_number
        if low >= _CARRY:
            return self._carried(packet_number)
        if low >> 8 != self._high:
            self._high = low >> 8
            self._nonce_end = self._high.to_bytes(_LOW_BYTES - 1, "little") + self._iv_tail
        return ONE_BYTE[low & 0xFF] + self._nonce_end

    def _carried(self, packet_number: int) -> bytes:
        number = int.from_bytes(self._iv[:8], "little") + packet_number
        return (number & _MASK_64).to_bytes(8, "little") + self._iv[8:]


@final
class NullCipher(Cipher):
    """Neither secrecy nor integrity: the chunk is the plaintext."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(0)

    def seal(self, packet_number: int, plaintext: bytes) -> bytes:  # noqa: ARG002 - nothing here needs a nonce
        return plaintext

    def open(self, packet_number: int, chunk: bytes) -> bytes | None:  # noqa: ARG002 - as above
        return chunk if len(chunk) <= MAX_PLAINTEXT_BYTES else None
