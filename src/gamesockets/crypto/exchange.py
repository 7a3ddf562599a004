"""Which keys do two peers share once the handshake is done? (spec 1, 4.1 and 4.4)"""

from hashlib import sha256
from typing import Final, final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

EXCHANGE_KEY_BYTES: Final = 32
SESSION_IV_BYTES: Final = 12

_CONTEXT_LABEL: Final = b"Steam datagram"
_BLOCK_BYTES: Final = 32


@final
class ExchangeKey:
    """An X25519 key pair, made for one connection and used once.

    Raises ValueError unless `private` has 32 bytes.
    """

    __slots__ = ("_private", "public")

    def __init__(self, private: bytes) -> None:
        if len(private) != EXCHANGE_KEY_BYTES:
            raise ValueError(f"key exchange key has {len(private)} bytes, must have {EXCHANGE_KEY_BYTES}")
        self._private = X25519PrivateKey.from_private_bytes(private)
        self.public: bytes = self._private.public_key().public_bytes_raw()

    def shared_secret(self, peer_public: bytes) -> bytes | None:
        """The 32-byte secret shared with the peer; None if its key has the wrong size or gives all zeros."""
        if len(peer_public) != EXCHANGE_KEY_BYTES:
            return None
        try:
            return self._private.exchange(X25519PublicKey.from_public_bytes(peer_public))
        except ValueError:  # raised for an all-zero result
            return None


@final
class SessionKeys:
    """Keys (32 bytes) and initialisation vectors (12 bytes) of both directions, cut from what HKDF gave."""

    __slots__ = ("client_to_server_iv", "client_to_server_key", "server_to_client_iv", "server_to_client_key")

    def __init__(self, blocks: bytes) -> None:
        self.client_to_server_key = blocks[:32]
        self.server_to_client_key = blocks[32:64]
        self.client_to_server_iv = blocks[64 : 64 + SESSION_IV_BYTES]
        self.server_to_client_iv = blocks[96 : 96 + SESSION_IV_BYTES]


def session_context(
    *,
    client_connection_id: int,
    server_connection_id: int,
    server_certificate: bytes,
    client_certificate: bytes,
    server_crypt_info: bytes,
    client_crypt_info: bytes,
) -> bytes:
    """The info of HKDF. It binds the keys to this connection and to the exact bytes exchanged (spec 1, 4.4)."""
    ids = client_connection_id.to_bytes(4, "little") + server_connection_id.to_bytes(4, "little")
    exchanged = server_certificate + client_certificate + server_crypt_info + client_crypt_info
    return ids + _CONTEXT_LABEL + exchanged


def derive_session_keys(
    shared: bytes,
    *,
    server_nonce: int,
    client_nonce: int,
    client_connection_id: int,
    server_connection_id: int,
    server_certificate: bytes,
    client_certificate: bytes,
    server_crypt_info: bytes,
    client_crypt_info: bytes,
) -> SessionKeys:
    """The keys of a session, the same on both sides (spec 1, 4.4).

    `shared` is the X25519 result; nonces are 64-bit, connection ids 32-bit numbers; certificates and crypt
    infos are the serialized bytes exactly as they were sent.
    """
    nonces = server_nonce.to_bytes(8, "little") + client_nonce.to_bytes(8, "little")
    context = session_context(
        client_connection_id=client_connection_id,
        server_connection_id=server_connection_id,
        server_certificate=server_certificate,
        client_certificate=client_certificate,
        server_crypt_info=server_crypt_info,
        client_crypt_info=client_crypt_info,
    )
    # The secret is the salt and the nonces are the key material: HKDF usually takes them the other way round.
    hkdf = HKDF(algorithm=SHA256(), length=4 * _BLOCK_BYTES, salt=sha256(shared).digest(), info=context)
    return SessionKeys(hkdf.derive(nonces))
