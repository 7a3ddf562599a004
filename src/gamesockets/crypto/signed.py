"""What does a certificate state, and is it well formed? (spec 1, 2.8)

What peers send is read by the rules of the wire, as the reference library reads it (`peer_check`). What a user
installs, issues or shows is read by `parse_signed`, which takes nothing that two readers could understand differently.
"""

from typing import Final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNATURE_BYTES, SIGNING_KEY_BYTES, key_id
from gamesockets.crypto.legacy_identity import stated_identity
from gamesockets.values.certificate import Certificate
from gamesockets.values.errors import CertificateError
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate as CertificateMessage
from gamesockets.wire.messages_pb2 import CertificateRequest, CertificateSigned

CERTIFICATE_BYTES_MAX: Final = 1024
"""A signed certificate travels in one datagram, together with the rest of a connect request."""

TEXT_PRIVATE_KEY: Final = (
    "the certificate carries a private key, which would be sent to every peer: make the key yourself, "
    "and have a certificate issued to its request"
)

_REPEATED: Final = frozenset((5, 10, 13))
"""The fields of a certificate that may come more than once: data centres, apps, IP addresses."""
_WIRE_TYPE_BYTES: Final = {1: 8, 5: 4}
_VARINT: Final = 0
_LENGTH: Final = 2
_VARINT_BYTES_MAX: Final = 10
_NOTHING: Final[frozenset[int]] = frozenset()


def parse_signed(data: bytes) -> CertificateSigned:
    """A serialized certificate of an authority. Raises `CertificateError` for anything else.

    Refused are also a private key inside, fields that come twice, and what is too large to be sent.
    """
    if not data:
        raise CertificateError("the certificate is empty")
    if len(data) > CERTIFICATE_BYTES_MAX:
        raise CertificateError(f"the certificate has {len(data)} bytes, at most {CERTIFICATE_BYTES_MAX} can be sent")
    message = CertificateSigned()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise CertificateError(f"this is no certificate: {error}") from error
    if message.HasField("private_key_data"):
        raise CertificateError(TEXT_PRIVATE_KEY)
    if not message.cert:
        raise CertificateError("this is no certificate: no cert data")
    if len(message.ca_signature) != SIGNATURE_BYTES:
        raise CertificateError(
            f"the certificate has a signature of {len(message.ca_signature)} bytes, must have {SIGNATURE_BYTES}"
        )
    _refuse_twice(data, _NOTHING)
    _refuse_twice(message.cert, _REPEATED)
    return message


def read_signed(message: CertificateSigned) -> Certificate:
    """What a certificate states. Raises `CertificateError` if it cannot be read, or is about no Ed25519 key."""
    content = CertificateMessage()
    try:
        content.ParseFromString(message.cert)
    except DecodeError as error:
        raise CertificateError(f"this is no certificate: {error}") from error
    _check_key(content)
    return contents(message, content, _identity(content))


def parse_certificate(certificate: bytes | Certificate) -> tuple[CertificateSigned, Certificate]:
    """The message and what it states. Raises `CertificateError`, or `TypeError` for another type."""
    data = certificate.signed if isinstance(certificate, Certificate) else certificate
    if not isinstance(data, bytes):
        raise TypeError(f"certificate must be a Certificate or bytes, not {type(certificate).__name__}")
    message = parse_signed(data)
    return message, read_signed(message)


def parse_request(data: bytes) -> tuple[bytes, NetworkingIdentity | None]:
    """The public key, and the identity if there is one, in a request for a certificate (spec 1, 2.8).

    Raises `CertificateError` if it is none.
    """
    if len(data) > CERTIFICATE_BYTES_MAX:
        raise CertificateError(f"the request has {len(data)} bytes, must have at most {CERTIFICATE_BYTES_MAX}")
    request = CertificateRequest()
    try:
        request.ParseFromString(data)
    except DecodeError as error:
        raise CertificateError(f"this is no request for a certificate: {error}") from error
    if not request.HasField("cert"):
        raise CertificateError("this is no request for a certificate: no cert data")
    _refuse_twice(data, _NOTHING)
    _check_key(request.cert)
    return request.cert.key_data, _identity(request.cert)


def contents(
    message: CertificateSigned, content: CertificateMessage, identity: NetworkingIdentity | None
) -> Certificate:
    """The record of a certificate that was read already, about a key of 32 bytes."""
    return Certificate(
        identity=identity,
        public_key=content.key_data,
        key_id=key_id(content.key_data),
        ca_key_id=message.ca_key_id,
        app_ids=tuple(content.app_ids),
        pop_ids=tuple(content.gameserver_datacenter_ids),
        created_s=content.time_created,
        expires_s=content.time_expiry,
        signed=without_private_key(message).SerializeToString(),
    )


def without_private_key(message: CertificateSigned) -> CertificateSigned:
    """Only what peers may see; fields that nobody knows are gone, too."""
    shown = CertificateSigned(cert=message.cert)
    if message.HasField("ca_key_id"):
        shown.ca_key_id = message.ca_key_id
    if message.HasField("ca_signature"):
        shown.ca_signature = message.ca_signature
    return shown


def _check_key(content: CertificateMessage) -> None:
    if content.key_type != CertificateMessage.ED25519 or len(content.key_data) != SIGNING_KEY_BYTES:
        raise CertificateError("Cert has invalid public key")


def _identity(content: CertificateMessage) -> NetworkingIdentity | None:
    try:
        return stated_identity(content, "legacy_steam_id")
    except ValueError as error:
        # sic: the reference library's own spelling
        raise CertificateError(f"Cert has invalid identity.  {error}") from error


def _refuse_twice(data: bytes, repeated: frozenset[int]) -> None:
    """Raises `CertificateError` if a field comes twice; of well-formed data, which was parsed already."""
    seen: set[int] = set()
    offset = 0
    while offset < len(data):
        tag, offset = _varint(data, offset)
        number, wire_type = tag >> 3, tag & 7
        if number in seen and number not in repeated:
            raise CertificateError(f"field {number} comes twice")
        seen.add(number)
        if wire_type == _VARINT:
            _, offset = _varint(data, offset)
        elif wire_type == _LENGTH:
            length, offset = _varint(data, offset)
            offset += length
        elif wire_type in _WIRE_TYPE_BYTES:
            offset += _WIRE_TYPE_BYTES[wire_type]
        else:
            raise CertificateError(f"field {number} is a group, which no certificate has")


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[offset : offset + _VARINT_BYTES_MAX]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, offset + index + 1
    raise CertificateError("a field is cut short")
