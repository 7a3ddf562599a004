"""How are keys and certificates written as text, in files and on command lines? (spec 1, 5.6)

The reading functions raise ValueError, saying what is wrong, for everything that is not such a text.
"""

import re
from base64 import b64decode, b64encode
from typing import Final, final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, SigningKey
from gamesockets.wire.messages_pb2 import CertificateSigned

_PRIVATE_KEY_LABEL: Final = "OPENSSH PRIVATE KEY"
_CERTIFICATE_LABEL: Final = "STEAMDATAGRAM CERT"
_REQUEST_LABEL: Final = "GAMESOCKETS CERT REQUEST"
"""Ours: the reference library has no text form for requests."""
_KINDS: Final = {_PRIVATE_KEY_LABEL: "Private key", _CERTIFICATE_LABEL: "Cert", _REQUEST_LABEL: "Request"}
_LINE_LENGTH: Final = 72

_OPENSSH_MAGIC: Final = b"openssh-key-v1\0"
_OPENSSH_UNENCRYPTED: Final = b"\0\0\0\4none\0\0\0\4none\0\0\0\0"
_OPENSSH_ONE_KEY: Final = b"\0\0\0\1"
_OPENSSH_KEY_TYPE: Final = b"ssh-ed25519"
_OPENSSH_CHECK: Final = b"\x12\x34\x56\x78" * 2

# Any number of dashes, blanks between the words, any case, and a label that starts with the expected one. The
# body is whatever stands before the next dash. Possessive quantifiers: no backtracking on long hostile texts.
_PEM_EDGE: Final = r"\s*+-++[ \t]*+{word}[ \t]*+{label}[^-\r\n]*+-++"
_PUBLIC_KEY: Final = re.compile(r"ssh-ed25519\s*+(AAAA\S++)", re.ASCII)
_BLANKS: Final = re.compile(r"[ \t\r\n]++")


@final
class _Reader:
    """Takes the pieces of an OpenSSH structure from its bytes, or raises ValueError."""

    __slots__ = ("_data", "_offset", "_what")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._offset = 0
        self._what = what

    def take(self, count: int) -> bytes:
        end = self._offset + count
        if end > len(self._data):
            raise ValueError(f"{self._what} is cut short")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

    def take_string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))

    def expect(self, expected: bytes, meaning: str) -> None:
        if self.take(len(expected)) != expected:
            raise ValueError(f"{self._what} {meaning}")


def encode_private_key(key: SigningKey) -> str:
    """The key in an OpenSSH container, not encrypted, as the reference library writes it."""
    public_blob = _string(_OPENSSH_KEY_TYPE) + _string(key.public)
    private_blob = _OPENSSH_CHECK + public_blob + _string(key.seed + key.public)
    header = _OPENSSH_MAGIC + _OPENSSH_UNENCRYPTED + _OPENSSH_ONE_KEY
    return _encode_pem(_PRIVATE_KEY_LABEL, header + _string(public_blob) + _string(private_blob), "\r\n")


def decode_private_key(text: str) -> SigningKey:
    """The key in an OpenSSH container without passphrase, also as `ssh-keygen -t ed25519` writes it."""
    reader = _Reader(_decode_base64(_pem_body(_PRIVATE_KEY_LABEL, text), "private key"), "private key")
    reader.expect(_OPENSSH_MAGIC, "is not in OpenSSH format")
    reader.expect(_OPENSSH_UNENCRYPTED, "is encrypted")
    reader.expect(_OPENSSH_ONE_KEY, "file must hold one key")
    public = _take_public_key(_Reader(reader.take_string(), "public part of the private key"))
    secret = _Reader(reader.take_string(), "secret part of the private key")
    if secret.take(4) != secret.take(4):
        raise ValueError("private key has check bytes that disagree")
    again = _take_public_key(secret)
    seed_and_public = secret.take_string()
    if len(seed_and_public) != 2 * SIGNING_KEY_BYTES:
        raise ValueError(f"private key has {len(seed_and_public)} bytes, must have {2 * SIGNING_KEY_BYTES}")
    key = SigningKey(seed_and_public[:SIGNING_KEY_BYTES])
    if not public == again == seed_and_public[SIGNING_KEY_BYTES:] == key.public:
        raise ValueError("private key has copies of the public key that disagree")
    return key


def encode_public_key(public_key: bytes, comment: str | None = None) -> str:
    """One line as in an `authorized_keys` file. ValueError unless the key has 32 bytes."""
    if len(public_key) != SIGNING_KEY_BYTES:
        raise ValueError(f"public key has {len(public_key)} bytes, must have {SIGNING_KEY_BYTES}")
    blob = _string(_OPENSSH_KEY_TYPE) + _string(public_key)
    line = f"ssh-ed25519 {b64encode(blob).decode('ascii')}"
    return line if comment is None else f"{line} {comment}"


def decode_public_key(text: str) -> bytes:
    """The 32-byte public key in a line of an `authorized_keys` file; its comment is ignored."""
    match = _PUBLIC_KEY.match(text)
    if match is None:
        raise ValueError("public key must look like 'ssh-ed25519 AAAA...'")
    return _take_public_key(_Reader(_decode_base64(match[1], "public key"), "public key"))


def encode_certificate(signed: bytes) -> str:
    """A serialized CertificateSigned as text with header and footer."""
    return _encode_pem(_CERTIFICATE_LABEL, signed, "\n")


def decode_certificate(text: str) -> bytes:
    """The serialized CertificateSigned in a text with header and footer; its signature is not checked."""
    return decode_certificate_base64(_pem_body(_CERTIFICATE_LABEL, text))


def decode_certificate_base64(text: str) -> bytes:
    """As `decode_certificate`, from the bare base64 that trust stores and JSON files hold."""
    signed = _decode_base64(text, "certificate")
    message = CertificateSigned()
    try:
        message.ParseFromString(signed)
    except DecodeError as error:
        raise ValueError(f"certificate cannot be parsed: {error}") from error
    if not message.HasField("cert"):
        raise ValueError("No cert data")
    return signed


def encode_request(request: bytes) -> str:
    """A serialized CertificateRequest as text with header and footer."""
    return _encode_pem(_REQUEST_LABEL, request, "\n")


def decode_request(text: str) -> bytes:
    """The serialized CertificateRequest in a text with header and footer; it is not checked."""
    return _decode_base64(_pem_body(_REQUEST_LABEL, text), "request")


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _take_public_key(reader: _Reader) -> bytes:
    reader.expect(_string(_OPENSSH_KEY_TYPE), "is not of type ssh-ed25519")
    reader.expect(SIGNING_KEY_BYTES.to_bytes(4, "big"), f"must have {SIGNING_KEY_BYTES} bytes")
    return reader.take(SIGNING_KEY_BYTES)


def _encode_pem(label: str, data: bytes, line_end: str) -> str:
    body = b64encode(data).decode("ascii")
    lines = [body[start : start + _LINE_LENGTH] for start in range(0, len(body), _LINE_LENGTH)]
    return line_end.join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _pem_body(label: str, text: str) -> str:
    begin = _PEM_EDGE.format(word="BEGIN", label=label)
    end = _PEM_EDGE.format(word="END", label=label)
    match = re.match(f"{begin}([^-]*+){end}", text, re.ASCII | re.IGNORECASE)
    if match is None:
        kind = _KINDS[label]
        raise ValueError(f"{kind} isn't a valid PEM-like text block")
    return match[1]


def _decode_base64(text: str, what: str) -> bytes:
    packed = _BLANKS.sub("", text).rstrip("=")
    try:
        return b64decode(packed + "=" * (-len(packed) % 4), validate=True)
    except ValueError as error:
        raise ValueError(f"{what} is not base64: {error}") from error
