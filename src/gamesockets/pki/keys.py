"""How are private keys made, kept and read? Ed25519, in the files of OpenSSH (spec 1, 5.6)."""

import os

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_ssh_private_key,
)

from gamesockets.clock import SystemEntropy
from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, SigningKey
from gamesockets.crypto.textforms import decode_private_key, encode_private_key
from gamesockets.pki.files import PRIVATE, read_text, write_file
from gamesockets.values.errors import CertificateError

_NEEDS_BCRYPT = "keys with a passphrase need the package bcrypt: pip install 'gamesockets[pki]'"


def create_key() -> SigningKey:
    """A new private key."""
    return SigningKey(SystemEntropy().random_bytes(SIGNING_KEY_BYTES))


def key_to_text(key: SigningKey, passphrase: str | None = None) -> str:
    """The private key as text: as the reference library writes it, or encrypted as OpenSSH does.

    Raises:
        ValueError: the passphrase is empty.
        CertificateError: the package bcrypt is missing, which encryption needs.
    """
    if passphrase is None:
        return encode_private_key(key)
    secret = Ed25519PrivateKey.from_private_bytes(key.seed)
    protection = BestAvailableEncryption(_check_passphrase(passphrase))
    try:
        return secret.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, protection).decode("ascii")
    except UnsupportedAlgorithm as error:
        raise CertificateError(_NEEDS_BCRYPT) from error


def key_from_text(text: str, passphrase: str | None = None) -> SigningKey:
    """The private key in a text of the reference library, or of ``ssh-keygen -t ed25519``.

    Args:
        text: header, base64 and footer.
        passphrase: for an encrypted one. One that is not encrypted needs none, and giving one is no error.

    Raises:
        CertificateError: it is no such key, is encrypted and there is no passphrase, or that is a wrong one.
    """
    try:
        return decode_private_key(text)
    except ValueError as error:
        if "is encrypted" not in str(error):
            raise CertificateError(str(error)) from error
    if passphrase is None:
        raise CertificateError("the private key is encrypted: it needs its passphrase")
    try:
        secret = load_ssh_private_key(text.strip().encode("utf-8"), _check_passphrase(passphrase))
    except UnsupportedAlgorithm as error:
        raise CertificateError(_NEEDS_BCRYPT) from error
    except (ValueError, TypeError) as error:
        raise CertificateError("the private key cannot be read: wrong passphrase, or not a whole key") from error
    if not isinstance(secret, Ed25519PrivateKey):
        raise CertificateError("the private key is not of type ssh-ed25519")
    return SigningKey(secret.private_bytes_raw())


def save_key(
    path: str | os.PathLike[str], key: SigningKey, passphrase: str | None = None, *, overwrite: bool = False
) -> None:
    """Writes the private key to a file that only its owner may read.

    Raises:
        FileExistsError: there is one already, and `overwrite` is not set.
        OSError, CertificateError, ValueError: it cannot be written, or as `key_to_text`.
    """
    write_file(path, key_to_text(key, passphrase).encode("ascii"), PRIVATE, overwrite)


def load_key(path: str | os.PathLike[str], passphrase: str | None = None) -> SigningKey:
    """The private key in a file. Raises `OSError`, or `CertificateError` as `key_from_text`."""
    return key_from_text(read_text(path), passphrase)


def _check_passphrase(passphrase: str) -> bytes:
    if not isinstance(passphrase, str):
        raise TypeError(f"passphrase must be a str or None, not {type(passphrase).__name__}")
    if not passphrase:
        raise ValueError("passphrase must not be empty; leave it out for none")
    return passphrase.encode("utf-8")
