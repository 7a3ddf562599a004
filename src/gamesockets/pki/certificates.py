"""How are certificates, requests and what one trusts read from files and texts, and written there? (spec 1, 5.6)

A file of what one trusts has, in any order: lines ``ssh-ed25519 AAAA...`` with the public keys of roots, lines
``revoked NUMBER`` with key ids, and certificates of authorities as text. One of those that is self-signed is a root
too, for as long and as much as it says. Lines that begin with # are comments.
"""

import os
import re
from typing import Final

from gamesockets.clock import SystemEntropy
from gamesockets.crypto.certificate import SigningKey, key_id
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.signed import parse_request, parse_signed, read_signed
from gamesockets.crypto.textforms import (
    decode_certificate,
    decode_certificate_base64,
    decode_public_key,
    decode_request,
    encode_certificate,
    encode_public_key,
    encode_request,
)
from gamesockets.crypto.trust import TrustStore
from gamesockets.pki.files import PUBLIC, read_file, read_text, write_file
from gamesockets.pki.keys import load_key
from gamesockets.values.certificate import Certificate
from gamesockets.values.errors import CertificateError
from gamesockets.values.identity import NetworkingIdentity

_BLOCK: Final = re.compile(r"-----BEGIN STEAMDATAGRAM CERT-----[^-]*-----END STEAMDATAGRAM CERT-----")
_KEY_ID_MAX: Final = (1 << 64) - 1


def certificate_from_text(text: str) -> Certificate:
    """The certificate in a text with header and footer, or in bare base64. Raises `CertificateError`."""
    try:
        data = decode_certificate(text) if text.lstrip().startswith("-") else decode_certificate_base64(text)
    except ValueError as error:
        raise CertificateError(str(error)) from error
    return certificate_from_bytes(data)


def certificate_from_bytes(data: bytes) -> Certificate:
    """The certificate in its serialized form. Its signature is not checked. Raises `CertificateError`."""
    return read_signed(parse_signed(data))


def certificate_to_text(certificate: Certificate) -> str:
    """The certificate with header and footer, as the reference library's own tool writes it."""
    return encode_certificate(certificate.signed)


def load_certificate(path: str | os.PathLike[str]) -> Certificate:
    """The certificate in a file, as text or serialized. Raises `OSError`, or `CertificateError`."""
    data = read_file(path)
    if data.lstrip().startswith(b"-"):
        return certificate_from_text(data.decode("utf-8", "replace"))
    return certificate_from_bytes(data)


def save_certificate(path: str | os.PathLike[str], certificate: Certificate, *, overwrite: bool = False) -> None:
    """Writes a certificate as text. Raises `FileExistsError` unless `overwrite` is set, and `OSError`."""
    save_text(path, certificate_to_text(certificate), overwrite=overwrite)


def create_request(key: SigningKey, identity: NetworkingIdentity | None = None) -> bytes:
    """A serialized request for a certificate about a key, for an authority to sign. It holds no secret.

    Raises:
        ValueError: the identity is invalid.
    """
    if identity is not None and (identity.is_invalid or identity.is_localhost):
        raise ValueError(f"identity must be one that can be certified, and {identity} stands for nobody")
    return Credentials(identity, key).request(SystemEntropy())


def read_request(request: bytes) -> tuple[bytes, NetworkingIdentity | None]:
    """The public key and the identity, if one is named, in a serialized request. Raises `CertificateError`."""
    return parse_request(request)


def public_key_to_text(public_key: bytes) -> str:
    """A public key as one line, with its key id behind: as files of what one trusts have it, and the reference
    library in its source. Raises `ValueError` unless it has 32 bytes."""
    return encode_public_key(public_key, f"ID{key_id(public_key)}")


def save_text(path: str | os.PathLike[str], text: str, *, overwrite: bool = False) -> None:
    """Writes something that is not secret. Raises `FileExistsError` unless `overwrite` is set, and `OSError`."""
    write_file(path, text.encode("utf-8"), PUBLIC, overwrite)


def request_to_text(request: bytes) -> str:
    """A request with header and footer."""
    return encode_request(request)


def request_from_text(text: str) -> bytes:
    """The serialized request in a text. Raises `CertificateError`."""
    try:
        request = decode_request(text)
    except ValueError as error:
        raise CertificateError(str(error)) from error
    parse_request(request)
    return request


def load_credentials(
    certificate_path: str | os.PathLike[str], key_path: str | os.PathLike[str], passphrase: str | None = None
) -> Credentials:
    """A certificate and its private key from two files. Raises `OSError`, or `CertificateError`."""
    return Credentials.certified(load_certificate(certificate_path), load_key(key_path, passphrase))


def load_trust(path: str | os.PathLike[str], trust: TrustStore | None = None) -> TrustStore:
    """Whom a file trusts; added to `trust`, or to a new store. Raises `OSError`, or `CertificateError`.

    Reading a file again into the store that a server uses adds what is new, revocations above all.
    """
    return trust_from_text(read_text(path), trust)


def trust_from_text(text: str, trust: TrustStore | None = None) -> TrustStore:
    """The same from a text. Nothing is added if any of it cannot be read. Raises `CertificateError`."""
    certificates = [certificate_from_text(block) for block in _BLOCK.findall(text)]
    roots: list[bytes] = []
    revoked: list[int] = []
    for number, line in enumerate(_BLOCK.sub(lambda block: "\n" * block[0].count("\n"), text).splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            if words[0] == "revoked":
                revoked.append(_key_id(words))
            else:
                roots.append(decode_public_key(line.strip()))
        except ValueError as error:
            raise CertificateError(f"line {number}: {error}") from error
    store = TrustStore() if trust is None else trust
    probe = TrustStore()  # what cannot be added must not be found out half way
    for target in (probe, store):
        for root in roots:
            target.add_root(root)
        for certificate in certificates:
            _add(target, certificate)
        for revoked_key_id in revoked:
            target.revoke(revoked_key_id)
    return store


def _add(trust: TrustStore, certificate: Certificate) -> None:
    try:
        if certificate.is_self_signed and certificate.identity is None:
            trust.add_root(certificate)
        else:
            trust.add_certificate(certificate)
    except ValueError as error:
        raise CertificateError(f"certificate about key {certificate.key_id}: {error}") from error


def _key_id(words: list[str]) -> int:
    if len(words) < 2 or not words[1].isascii() or not words[1].isdecimal() or int(words[1]) > _KEY_ID_MAX:
        raise ValueError("after 'revoked' comes the number of a key")
    return int(words[1])
