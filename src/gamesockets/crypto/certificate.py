"""Who signed this, with which key? Ed25519 keys, key ids, signatures, data-centre codes (spec 1, 5.2-5.3)."""

from hashlib import sha256
from typing import Final, final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gamesockets.wire.messages_pb2 import Certificate

SIGNING_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_POP_CODE_LENGTHS: Final = (3, 4)


@final
class SigningKey:
    """An Ed25519 key pair made from its 32-byte seed. Raises ValueError for a seed of any other size."""

    __slots__ = ("_private", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SIGNING_KEY_BYTES:
            raise ValueError(f"signing key has {len(seed)} bytes, must have {SIGNING_KEY_BYTES}")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._private.public_key().public_bytes_raw()

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes, for storing the key."""
        return self._private.private_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """The 64-byte signature of `data`."""
        return self._private.sign(data)


def verify(public_key: bytes, signature: bytes, data: bytes) -> bool:
    """Whether `signature` was made over `data` by the owner of `public_key`. False for impossible sizes."""
    if len(public_key) != SIGNING_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except InvalidSignature:
        return False
    return True


def signature_problem(certificate: Certificate, signature: bytes, data: bytes) -> str | None:
    """Why `signature` over `data` is not one of the certificate's key; None if it is (spec 1, 3.7 row 8)."""
    if not signature:
        return "No signature"
    if not certificate.key_data:
        return "No public key"
    if certificate.key_type != Certificate.ED25519:
        return f"Unsupported key type {certificate.key_type}"
    if len(signature) != SIGNATURE_BYTES:
        return "Signature has invalid length"
    if len(certificate.key_data) != SIGNING_KEY_BYTES:
        return "Invalid public key"
    if not verify(certificate.key_data, signature, data):
        return "Invalid signature"
    return None


def key_id(public_key: bytes) -> int:
    """The 64-bit number by which certificates name a key (spec 1, 5.2). ValueError unless it has 32 bytes."""
    if len(public_key) != SIGNING_KEY_BYTES:
        raise ValueError(f"public key has {len(public_key)} bytes, must have {SIGNING_KEY_BYTES}")
    return int.from_bytes(sha256(public_key).digest()[:8], "little")


def pop_id(code: str) -> int:
    """The number of a data centre (POP) from its code of 3 or 4 ASCII characters; otherwise ValueError."""
    if len(code) not in _POP_CODE_LENGTHS or not code.isascii() or not code.isprintable():
        raise ValueError(f"data-centre code {code!r} must have 3 or 4 ASCII characters")
    letters = code.encode("ascii")
    fourth = letters[3] if len(letters) > 3 else 0
    return fourth << 24 | letters[0] << 16 | letters[1] << 8 | letters[2]


def pop_code(pop: int) -> str:
    """The code of a data centre from its 32-bit number, which a peer may send: unprintable bytes become "?"."""
    letters = ((pop & 0xFFFFFF).to_bytes(3, "big") + bytes((pop >> 24,))).rstrip(b"\0").decode("latin-1")
    return "".join([letter if letter.isascii() and letter.isprintable() else "?" for letter in letters])
