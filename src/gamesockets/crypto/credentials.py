"""Who is the peer, may it connect, and which keys do we then share? (spec 1, parts 3 to 5)

Building blocks without state, clock or socket; endpoint and connection put them in order. Both sides show
credentials (`LocalCredentials`), check those of the other (`peer_identity`, `check_peer`) and derive the
ciphers of the session (`session_ciphers`). Before it believes an address, a server hands out a challenge
(`ChallengeKey`).
"""

from dataclasses import dataclass
from typing import Final, TypeAlias, final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, SigningKey, signature_problem
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL, AesGcmCipher, Cipher, NullCipher
from gamesockets.crypto.exchange import EXCHANGE_KEY_BYTES, ExchangeKey, derive_session_keys
from gamesockets.crypto.legacy_identity import (
    identity_from_legacy,
    identity_to_legacy,
    legacy_steam_identity,
    steam_account_type,
)
from gamesockets.crypto.trust import Scope, TrustStore, app_id_problem
from gamesockets.values.address import Address
from gamesockets.values.entropy import Entropy
from gamesockets.values.enums import EndReason, IdentityType
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import (
    Certificate,
    CertificateSigned,
    ConnectOK,
    ConnectRequest,
    CryptInfo,
    CryptInfoSigned,
)
from gamesockets.wire.versions import LANES_PROTOCOL_VERSION, MINIMUM_PROTOCOL_VERSION, PROTOCOL_VERSION

APP_ID: Final = 0


_BAD_CRYPT: Final = int(EndReason.REMOTE_BAD_CRYPT)
_BAD_CERT: Final = int(EndReason.REMOTE_BAD_CERT)
_BAD_VERSION: Final = int(EndReason.REMOTE_BAD_PROTOCOL_VERSION)

_ANONYMOUS_GAME_SERVER: Final = 4

_CIPHERS_ON_THE_WIRE: Final = {
    CIPHER_NULL: CryptInfo.CIPHER_NULL,
    CIPHER_AES_256_GCM: CryptInfo.CIPHER_AES_256_GCM,
}

_NOBODY: Final = TrustStore(())

Introduction: TypeAlias = ConnectRequest | ConnectOK
"""The messages in which a peer shows its credentials."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a peer is not let in: the reason code and the text to close the connection with."""

    reason: int
    text: str


NO_COMMON_CIPHER: Final = Refusal(_BAD_CRYPT, "Failed to negotiate mutually-agreeable cipher")


@dataclass(frozen=True, slots=True)
class PeerCredentials:
    """What a peer has shown that passed the checks of `check_peer`."""

    identity: NetworkingIdentity
    certificate: bytes
    crypt_info: bytes
    nonce: int
    exchange_key_type: int
    exchange_public: bytes
    ciphers: list[int]
    """In the peer's order of preference; never empty."""
    protocol_version: int
    authenticated: bool
    """A trusted authority vouches for an identity that is more than an address."""


@final
class Credentials:
    """Who somebody is, and how that is proven: by nothing, or by a certificate and the private key of it.

    Args:
        identity: who; None and an invalid one are nobody in particular.
    """

    __slots__ = ("certificate", "identity", "key")

    def __init__(self, identity: NetworkingIdentity | None = None) -> None:
        if identity is None or identity.is_invalid:
            identity = NetworkingIdentity.localhost()
        self.identity: NetworkingIdentity = identity
        self.certificate: CertificateSigned | None = None
        """What an authority has signed; None for a claim without proof."""
        self.key: SigningKey | None = None
        """The key that the certificate is about."""

    @classmethod
    def certified(cls, signed: bytes, key: SigningKey) -> "Credentials":
        """An identity that a certificate states.

        Args:
            signed: a serialized CertificateSigned (spec 1, 5.2).
            key: its private key.

        Raises:
            ValueError: that is no certificate of an identity, or it is about another key.
        """
        message = CertificateSigned()
        certificate = Certificate()
        try:
            message.ParseFromString(signed)
            certificate.ParseFromString(message.cert)
        except DecodeError as error:
            raise ValueError(f"this is no certificate: {error}") from error
        identity = _stated_identity(certificate, "legacy_steam_id")
        if identity is None:
            raise ValueError("this certificate states no identity")
        if certificate.key_type != Certificate.ED25519 or certificate.key_data != key.public:
            raise ValueError("this certificate is about another key")
        credentials = cls(identity)
        credentials.certificate = message
        credentials.key = key
        return credentials

    @classmethod
    def chosen(cls, identity: NetworkingIdentity | None, credentials: "Credentials | None") -> "Credentials | None":
        """What a user's two arguments mean together; None if both were left out.

        Raises:
            TypeError: one is of a wrong type.
            ValueError: both were given.
        """
        if identity is not None and not isinstance(identity, NetworkingIdentity):
            raise TypeError(f"identity must be a NetworkingIdentity or None, not {type(identity).__name__}")
        if credentials is not None and not isinstance(credentials, Credentials):
            raise TypeError(f"credentials must be Credentials or None, not {type(credentials).__name__}")
        if identity is None:
            return credentials
        if credentials is not None:
            raise ValueError(f"credentials bring their identity, {credentials.identity}: leave out identity")
        return cls(identity)


@final
class LocalCredentials:
    """What we show to a peer: made once for each connection, then sent unchanged however often (spec 1, 5.1).

    Without a certificate of an authority there is one that nobody has signed, about a fresh key. `ciphers` are those
    offered, best first; a server passes exactly the one that it chose. Raises ValueError without ciphers.
    """

    __slots__ = ("_signature", "_signed", "_steam_id", "certificate", "ciphers", "crypt_info", "exchange", "nonce")

    def __init__(self, entropy: Entropy, credentials: Credentials, ciphers: list[int]) -> None:
        if not ciphers or not set(ciphers) <= _CIPHERS_ON_THE_WIRE.keys():
            raise ValueError(f"ciphers are {ciphers}, must be one or more of {[*_CIPHERS_ON_THE_WIRE]}")
        identity = credentials.identity
        key = credentials.key or SigningKey(entropy.random_bytes(SIGNING_KEY_BYTES))
        self.exchange = ExchangeKey(entropy.random_bytes(EXCHANGE_KEY_BYTES))
        self.nonce = int.from_bytes(entropy.random_bytes(8), "little")
        self.ciphers = ciphers
        self._steam_id = identity.steam_id64
        self._signed = credentials.certificate
        self.certificate: bytes = _own_certificate(identity, key) if self._signed is None else self._signed.cert
        info = CryptInfo(
            key_type=CryptInfo.CURVE25519,
            key_data=self.exchange.public,
            nonce=self.nonce,
            protocol_version=PROTOCOL_VERSION,
            ciphers=[_CIPHERS_ON_THE_WIRE[cipher] for cipher in ciphers],
        )
        self.crypt_info: bytes = info.SerializeToString()
        self._signature = key.sign(self.crypt_info)

    def fill(self, message: Introduction) -> None:
        """Put the credentials into a message to the peer."""
        if self._signed is None:
            message.cert.cert = self.certificate
        else:
            message.cert.CopyFrom(self._signed)
        message.crypt.info = self.crypt_info
        message.crypt.signature = self._signature
        if self._steam_id:
            if isinstance(message, ConnectRequest):
                message.legacy_client_steam_id = self._steam_id
            else:
                message.legacy_server_steam_id = self._steam_id


def _own_certificate(identity: NetworkingIdentity, key: SigningKey) -> bytes:
    certificate = Certificate(
        key_type=Certificate.ED25519,
        key_data=key.public,
        app_ids=[APP_ID],
        legacy_identity_binary=identity_to_legacy(identity),
        identity_string=identity.text_bytes,
    )
    if identity.steam_id64:
        certificate.legacy_steam_id = identity.steam_id64
    serialized: bytes = certificate.SerializeToString()
    return serialized


def peer_identity(message: Introduction, address: Address, allow_anonymous: bool) -> NetworkingIdentity | None:
    """Who sent this message from this address, by its own account; None if it must be dropped (spec 1, 3.5).

    Anonymous peers are known by their real address and port.
    """
    certificate = Certificate()
    try:
        certificate.ParseFromString(message.cert.cert)
        stated = _stated_identity(certificate, "legacy_steam_id")
        in_certificate = stated is not None
        if stated is None:
            client = isinstance(message, ConnectRequest)
            stated = _stated_identity(message, "legacy_client_steam_id" if client else "legacy_server_steam_id")
    except (DecodeError, ValueError):
        return None
    if stated is None or stated.is_localhost:
        return NetworkingIdentity.ip_address(address) if allow_anonymous else None
    if stated.type == IdentityType.IP_ADDRESS and not in_certificate:
        return None
    return stated


def check_peer(
    cert_signed: CertificateSigned,
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
    """Whether the credentials of a peer are good, as far as they alone can tell (spec 1, 3.7 rows 1 to 13).

    Args:
        identity: what `peer_identity` made of the same message.
        allow_without_auth: the effective option, 0..2; at 0 a trusted signature is required (spec 1, 5.9).
        trust: whose signatures count; None for nobody's.
        unix_time_s: the time now, to judge expiry.
        challenge_version: the protocol version in the server's ChallengeReply; None on the server, or if a
            client saw no such reply.
        local_lanes: how many lanes are configured here.
    """
    if not cert_signed.HasField("cert") or not crypt_signed.HasField("info"):
        return Refusal(_BAD_CRYPT, "Crypto handshake missing cert or session data")
    checked = _check_certificate(
        cert_signed,
        identity,
        allow_without_auth=allow_without_auth,
        trust=trust or _NOBODY,
        unix_time_s=unix_time_s,
        app_id=app_id,
    )
    if isinstance(checked, Refusal):
        return checked
    certificate, trusted = checked
    problem = signature_problem(certificate, crypt_signed.signature, crypt_signed.info)
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
        authenticated=trusted and identity.type != IdentityType.IP_ADDRESS,
    )


def own_ciphers(unencrypted_option: int) -> list[int]:
    """The ciphers we offer or accept, best first, for a value of the option `Unencrypted` (spec 1, 4.3).

    Raises ValueError unless the option is 0..3.
    """
    if unencrypted_option == 0:
        return [CIPHER_AES_256_GCM]
    if unencrypted_option == 1:
        return [CIPHER_AES_256_GCM, CIPHER_NULL]
    if unencrypted_option == 2:
        return [CIPHER_NULL, CIPHER_AES_256_GCM]
    if unencrypted_option == 3:
        return [CIPHER_NULL]
    raise ValueError(f"option Unencrypted is {unencrypted_option}, must be 0..3")


def choose_cipher(own: list[int], offered: list[int]) -> int | None:
    """The first of our own that the peer offered; None, which means `NO_COMMON_CIPHER`, if there is none."""
    for cipher in own:
        if cipher in offered:
            return cipher
    return None


def session_ciphers(
    is_server: bool,
    local: LocalCredentials,
    peer: PeerCredentials,
    client_connection_id: int,
    server_connection_id: int,
    cipher: int,
) -> tuple[Cipher, Cipher] | Refusal:
    """The ciphers for sending and for receiving (spec 1, 3.7 rows 14 to 17).

    `cipher` is the one that the server chose, see `choose_cipher`.
    """
    if not is_server and len(peer.ciphers) != 1:
        return Refusal(_BAD_CRYPT, "Server must select exactly only one cipher!")
    if cipher not in local.ciphers or cipher not in peer.ciphers:
        return NO_COMMON_CIPHER
    if peer.exchange_key_type != CryptInfo.CURVE25519:
        return Refusal(_BAD_CRYPT, f"Unsupported DH key type {peer.exchange_key_type}")
    if len(peer.exchange_public) != EXCHANGE_KEY_BYTES:
        return Refusal(_BAD_CRYPT, "Invalid DH key")
    shared = local.exchange.shared_secret(peer.exchange_public)
    if shared is None:
        return Refusal(_BAD_CRYPT, "Key exchange failed")
    if cipher == CIPHER_NULL:
        return NullCipher(), NullCipher()
    keys = derive_session_keys(
        shared,
        server_nonce=local.nonce if is_server else peer.nonce,
        client_nonce=peer.nonce if is_server else local.nonce,
        client_connection_id=client_connection_id,
        server_connection_id=server_connection_id,
        server_certificate=local.certificate if is_server else peer.certificate,
        client_certificate=peer.certificate if is_server else local.certificate,
        server_crypt_info=local.crypt_info if is_server else peer.crypt_info,
        client_crypt_info=peer.crypt_info if is_server else local.crypt_info,
    )
    to_server = AesGcmCipher(keys.client_to_server_key, keys.client_to_server_iv)
    to_client = AesGcmCipher(keys.server_to_client_key, keys.server_to_client_iv)
    return (to_client, to_server) if is_server else (to_server, to_client)


def _stated_identity(message: Certificate | Introduction, steam_id_field: str) -> NetworkingIdentity | None:
    """The identity in a certificate or message, None if it has none. The first field present decides alone.

    Raises ValueError if that one is bad.
    """
    if message.HasField("identity_string"):
        return NetworkingIdentity.parse(message.identity_string)
    if message.HasField("legacy_identity_binary"):
        return identity_from_legacy(message.legacy_identity_binary)
    if message.HasField(steam_id_field):
        return legacy_steam_identity(getattr(message, steam_id_field))
    return None


def _check_certificate(
    signed: CertificateSigned,
    identity: NetworkingIdentity,
    *,
    allow_without_auth: int,
    trust: TrustStore,
    unix_time_s: int,
    app_id: int,
) -> tuple[Certificate, bool] | Refusal:
    """The certificate, and whether a trusted authority signed it (spec 1, 3.7 rows 2 to 7)."""
    scope: Scope | None = None
    has_signature = signed.HasField("ca_signature")  # an empty one counts
    if has_signature:
        verdict = trust.check_certificate(signed, unix_time_s)
        if isinstance(verdict, Scope):
            scope = verdict
        elif allow_without_auth == 0:
            return Refusal(_BAD_CERT, f"Bad cert: {verdict.text}")
    certificate = Certificate()
    try:
        certificate.ParseFromString(signed.cert)
    except DecodeError:
        return Refusal(_BAD_CRYPT, "Cert failed protobuf decode")
    try:
        stated = _stated_identity(certificate, "legacy_steam_id")
    except ValueError as error:
        return Refusal(_BAD_CERT, f"Bad cert identity.  {error}")
    if stated is not None and not stated.is_localhost:
        if stated != identity:
            return Refusal(_BAD_CERT, f"Cert was issued to {stated}, not {identity}")
        if not certificate.app_ids:
            return Refusal(_BAD_CERT, "Cert must be bound to an AppID.")
    elif has_signature:
        # Without a signature anything goes: whatever identity it stated could have been made up.
        if steam_account_type(identity.steam_id64) != _ANONYMOUS_GAME_SERVER:
            text = f"Certs with no identity can only by anonymous gameservers, not {identity}"
            return Refusal(_BAD_CERT, text)
        if not certificate.gameserver_datacenter_ids:
            return Refusal(_BAD_CERT, "Cert with no identity must be scoped to PoPID.")
    problem = app_id_problem(certificate, scope, app_id)
    if problem is not None:
        return Refusal(_BAD_CERT, problem)
    if scope is None and allow_without_auth == 0:
        return Refusal(_BAD_CERT, "Unsigned certs are not allowed")
    return certificate, scope is not None


def _version_problem(version: int, challenge_version: int | None, local_lanes: int) -> str | None:
    """What is wrong with the peer's protocol version (spec 1, 3.7 rows 10 to 12)."""
    if version < MINIMUM_PROTOCOL_VERSION:
        required = f"(V{version}, >=V{MINIMUM_PROTOCOL_VERSION} is required)"
        return f"Peer is running old software and needs to be updated.  {required}"
    if challenge_version is not None and version != challenge_version:
        return f"Claiming protocol V{version} now, but earlier was using V{challenge_version}"
    if version < LANES_PROTOCOL_VERSION and local_lanes > 1:
        return "Peer is using old protocol and cannot receive multiple lanes"
    return None
