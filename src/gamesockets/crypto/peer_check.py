"""Who is the peer, and are its credentials good? (spec 1, 3.5 and 3.7)"""

from typing import Final, final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import signature_problem
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM
from gamesockets.crypto.credentials import APP_ID
from gamesockets.crypto.legacy_identity import Introduction, stated_identity, steam_account_type
from gamesockets.crypto.signed import contents
from gamesockets.crypto.trust import Scope, TrustStore, app_id_problem
from gamesockets.values.address import Address
from gamesockets.values.certificate import Certificate as CertificateRecord
from gamesockets.values.enums import EndReason, IdentityType
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned, ConnectRequest, CryptInfo, CryptInfoSigned
from gamesockets.wire.versions import LANES_PROTOCOL_VERSION, MINIMUM_PROTOCOL_VERSION

_BAD_CRYPT: Final = int(EndReason.REMOTE_BAD_CRYPT)
_BAD_CERT: Final = int(EndReason.REMOTE_BAD_CERT)
_BAD_VERSION: Final = int(EndReason.REMOTE_BAD_PROTOCOL_VERSION)
_ANONYMOUS_GAME_SERVER: Final = 4
_NOBODY: Final = TrustStore(())


@final
class Refusal:
    """Why a peer is refused: the reason code and the text to close the connection with."""

    __slots__ = ("reason", "text")

    def __init__(self, reason: int, text: str) -> None:
        self.reason = reason
        self.text = text


@final
class PeerCredentials:
    """What a peer sent that passed `check_peer`."""

    __slots__ = (
        "authenticated",
        "certificate",
        "ciphers",
        "crypt_info",
        "exchange_key_type",
        "exchange_public",
        "identity",
        "nonce",
        "protocol_version",
        "receive_window_bytes",
        "stated",
    )

    def __init__(
        self,
        identity: NetworkingIdentity,
        certificate: bytes,
        crypt_info: bytes,
        nonce: int,
        exchange_key_type: int,
        exchange_public: bytes,
        ciphers: list[int],
        protocol_version: int,
        authenticated: bool,
        stated: CertificateRecord | None = None,
        receive_window_bytes: int = 0,
    ) -> None:
        self.identity = identity
        self.certificate = certificate
        self.crypt_info = crypt_info
        self.nonce = nonce
        self.exchange_key_type = exchange_key_type
        self.exchange_public = exchange_public
        self.ciphers = ciphers
        """In the peer's order of preference; never empty."""
        self.protocol_version = protocol_version
        self.authenticated = authenticated
        """Whether a trusted authority has signed the identity, which is more than an address."""
        self.stated = stated
        """What the certificate states; None where peers of this process need none."""
        self.receive_window_bytes = receive_window_bytes
        """How much it takes behind a hole, if it is one of ours and says so; else 0 (spec 2, 2.16)."""


@final
class PeerCertificate:
    """A peer's certificate, read once for all that ask it. Nothing of it is proven yet."""

    __slots__ = ("content", "identity", "problem")

    def __init__(self, signed: CertificateSigned) -> None:
        self.content = Certificate()
        self.identity: NetworkingIdentity | None = None
        """The identity that it states."""
        self.problem: Refusal | None = None
        """Why it cannot be read (spec 1, 3.7 rows 3 and 4)."""
        try:
            self.content.ParseFromString(signed.cert)
        except DecodeError:
            self.problem = Refusal(_BAD_CRYPT, "Cert failed protobuf decode")
            return
        try:
            self.identity = stated_identity(self.content, "legacy_steam_id")
        except ValueError as error:
            self.problem = Refusal(_BAD_CERT, f"Bad cert identity.  {error}")  # sic: the reference library's spelling


def peer_identity(
    message: Introduction, certificate: PeerCertificate, address: Address, allow_anonymous: bool
) -> NetworkingIdentity | None:
    """Who the sender of a message says it is; None if the message must be dropped (spec 1, 3.5).

    The identity of an anonymous peer is `address`, from which the message came. `certificate` is that of the message.
    """
    if certificate.problem is not None:
        return None
    stated = certificate.identity
    if stated is None:
        client = isinstance(message, ConnectRequest)
        try:
            stated = stated_identity(message, "legacy_client_steam_id" if client else "legacy_server_steam_id")
        except ValueError:
            return None
        if stated is not None and stated.type == IdentityType.IP_ADDRESS and not stated.is_localhost:
            return None
    if stated is None or stated.is_localhost:
        return NetworkingIdentity.ip_address(address) if allow_anonymous else None
    return stated


def check_peer(
    cert_signed: CertificateSigned,
    certificate: PeerCertificate,
    crypt_signed: CryptInfoSigned,
    identity: NetworkingIdentity,
    *,
    allow_without_auth: int,
    trust: TrustStore | None,
    unix_time_s: int,
    challenge_version: int | None,
    local_lanes: int,
    app_id: int = APP_ID,
) -> PeerCredentials | Refusal:
    """Check the credentials of a peer, without the choice of a cipher (spec 1, 3.7 rows 1 to 13).

    Args:
        certificate: what was read of `cert_signed`.
        identity: what `peer_identity` made of the same message.
        allow_without_auth: the effective option, 0..2; at 0 a trusted signature is required (spec 1, 5.9).
        trust: whose signatures count; None: nobody's.
        unix_time_s: the time now, to judge expiry.
        challenge_version: the protocol version in the server's ChallengeReply; None on the server, or if a
            client saw no such reply.
        local_lanes: how many lanes are configured here.
    """
    if not cert_signed.HasField("cert") or not crypt_signed.HasField("info"):
        return Refusal(_BAD_CRYPT, "Crypto handshake missing cert or session data")
    signature_is_trusted = _check_certificate(
        cert_signed,
        certificate,
        identity,
        allow_without_auth=allow_without_auth,
        trust=trust or _NOBODY,
        unix_time_s=unix_time_s,
        app_id=app_id,
    )
    if isinstance(signature_is_trusted, Refusal):
        return signature_is_trusted
    problem = signature_problem(certificate.content, crypt_signed.signature, crypt_signed.info)
    if problem is not None:
        return Refusal(_BAD_CRYPT, problem)
    info = CryptInfo()
    try:
        info.ParseFromString(crypt_signed.info)
    except DecodeError:
        return Refusal(_BAD_CRYPT, "Crypt info failed protobuf decode")
    version = info.protocol_version
    problem = _version_problem(version, challenge_version, local_lanes)
    if problem is not None:
        return Refusal(_BAD_VERSION, problem)
    return PeerCredentials(
        identity=identity,
        certificate=cert_signed.cert,
        crypt_info=crypt_signed.info,
        nonce=info.nonce,
        exchange_key_type=info.key_type,
        exchange_public=info.key_data,
        ciphers=list(info.ciphers) or [CIPHER_AES_256_GCM],
        protocol_version=version,
        authenticated=signature_is_trusted and identity.type != IdentityType.IP_ADDRESS,
        stated=contents(cert_signed, certificate.content, certificate.identity),
        receive_window_bytes=info.receive_window_bytes,
    )


def _check_certificate(
    signed: CertificateSigned,
    read: PeerCertificate,
    identity: NetworkingIdentity,
    *,
    allow_without_auth: int,
    trust: TrustStore,
    unix_time_s: int,
    app_id: int,
) -> bool | Refusal:
    """Whether a trusted authority signed the certificate (spec 1, 3.7 rows 2 to 7)."""
    scope: Scope | None = None
    has_signature = signed.HasField("ca_signature")  # an empty one counts
    if has_signature:
        verdict = trust.check_certificate(signed, unix_time_s)
        if isinstance(verdict, Scope):
            scope = verdict
        elif allow_without_auth == 0:
            return Refusal(_BAD_CERT, f"Bad cert: {verdict.text}")
    if read.problem is not None:
        return read.problem
    certificate = read.content
    stated = read.identity
    if stated is not None and not stated.is_localhost:
        if stated != identity:
            return Refusal(_BAD_CERT, f"Cert was issued to {stated}, not {identity}")
        if not certificate.app_ids:
            return Refusal(_BAD_CERT, "Cert must be bound to an AppID.")
    elif has_signature:
        # An unsigned certificate without identity is no worse than one that claims any identity, so it may pass.
        if steam_account_type(identity.steam_id64) != _ANONYMOUS_GAME_SERVER:
            # sic: the reference library's own spelling
            text = f"Certs with no identity can only by anonymous gameservers, not {identity}"
            return Refusal(_BAD_CERT, text)
        if not certificate.gameserver_datacenter_ids:
            return Refusal(_BAD_CERT, "Cert with no identity must be scoped to PoPID.")
    problem = app_id_problem(certificate, scope, app_id)
    if problem is not None:
        return Refusal(_BAD_CERT, problem)
    if scope is None and allow_without_auth == 0:
        return Refusal(_BAD_CERT, "Unsigned certs are not allowed")
    return scope is not None


def _version_problem(version: int, challenge_version: int | None, local_lanes: int) -> str | None:
    """What is wrong with the peer's protocol version (spec 1, 3.7 rows 10 to 12)."""
    if version < MINIMUM_PROTOCOL_VERSION:
        required = f"(V{version}, >=V{MINIMUM_PROTOCOL_VERSION} is required)"
        # sic: the reference library's own spelling
        return f"Peer is running old software and needs to be updated.  {required}"
    if challenge_version is not None and version != challenge_version:
        return f"Claiming protocol V{version} now, but earlier was using V{challenge_version}"
    if version < LANES_PROTOCOL_VERSION and local_lanes > 1:
        return "Peer is using old protocol and cannot receive multiple lanes"
    return None
