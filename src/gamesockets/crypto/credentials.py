"""Which identity and certificate do we send to a peer? (spec 1, 5.1)

`Credentials` belong to a node: all of its connections show the same certificate, and the same key signs for them. Each
connection makes its own `LocalCredentials` from them, with a fresh exchange key. `peer_check` checks those of a peer.
"""

from typing import Final, final

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, SigningKey
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.crypto.exchange import EXCHANGE_KEY_BYTES, ExchangeKey
from gamesockets.crypto.legacy_identity import Introduction, identity_to_legacy
from gamesockets.crypto.signed import parse_certificate, without_private_key
from gamesockets.values.certificate import Certificate as CertificateRecord
from gamesockets.values.entropy import Entropy
from gamesockets.values.errors import CertificateError
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate, CertificateRequest, CertificateSigned, ConnectRequest, CryptInfo
from gamesockets.wire.versions import PROTOCOL_VERSION

APP_ID: Final = 0

_CIPHERS_ON_THE_WIRE: Final = {
    CIPHER_NULL: CryptInfo.CIPHER_NULL,
    CIPHER_AES_256_GCM: CryptInfo.CIPHER_AES_256_GCM,
}


@final
class Credentials:
    """Who this side is: an identity, and the certificate and private key that prove it, if there are any.

    Args:
        identity: None or an invalid one means anonymous.
        key: the private key to sign with. By default one is made when it is first needed. With a key that is kept from
            run to run, peers without any authority know this side again.
    """

    __slots__ = ("_proof", "_shown", "certificate", "identity", "key")

    def __init__(self, identity: NetworkingIdentity | None = None, key: SigningKey | None = None) -> None:
        if identity is None or identity.is_invalid:
            identity = NetworkingIdentity.localhost()
        self.identity: NetworkingIdentity = identity
        self.key: SigningKey | None = key
        """The private key that signs for all connections; None until it is needed."""
        self.certificate: CertificateRecord | None = None
        """What the certificate of an authority states; None if the identity is not proven."""
        self._proof: CertificateSigned | None = None
        self._shown = b""

    def signing_key(self, entropy: Entropy) -> SigningKey:
        """The key that signs for all connections; it is made when it is first needed."""
        key = self.key
        if key is None:
            key = self.key = SigningKey(entropy.random_bytes(SIGNING_KEY_BYTES))
        return key

    def proof(self, unix_time_s: int) -> CertificateSigned | None:
        """The certificate of an authority, while it is valid; an expired one is as good as none (spec 1, 5.8)."""
        certificate = self.certificate
        return self._proof if certificate is not None and certificate.expires_s > unix_time_s else None

    def unsigned_certificate(self, entropy: Entropy, app_id: int) -> bytes:
        """A serialized certificate that nobody signed, for those who have no other."""
        if not self._shown:
            self._shown = _unsigned_certificate(self.identity, self.signing_key(entropy), app_id)
        return self._shown

    def request(self, entropy: Entropy) -> bytes:
        """A serialized request for a certificate about our key and identity (spec 1, 5.8)."""
        content = Certificate(key_type=Certificate.ED25519, key_data=self.signing_key(entropy).public)
        if not self.identity.is_localhost:
            _state_identity(content, self.identity)
        serialized: bytes = CertificateRequest(cert=content).SerializeToString()
        return serialized

    @classmethod
    def certified(cls, certificate: bytes | CertificateRecord, key: SigningKey) -> "Credentials":
        """Credentials with the identity that a certificate states.

        Args:
            certificate: the certificate of an authority, or its serialized form (spec 1, 5.3).
            key: the private key of that certificate.

        Raises:
            CertificateError: it is no certificate, states no identity, carries a private key, or is about another key.
        """
        message, record = parse_certificate(certificate)
        identity = record.identity
        if identity is None or identity.is_localhost:
            raise CertificateError("this certificate states no identity")
        if record.public_key != key.public:
            raise CertificateError("this certificate is about another key")
        if not record.app_ids:
            raise CertificateError("this certificate names no app, and peers would refuse it")
        credentials = cls(identity, key)
        credentials.install(message, record)
        return credentials

    def renew(self, certificate: bytes | CertificateRecord) -> None:
        """Shows another certificate from now on: to whoever connects next. Those who are connected stay so.

        Call it from any thread, for example with a certificate that a login server has just issued to the same key.

        Raises:
            CertificateError: it is no certificate, or is about another key or another identity.
        """
        message, record = parse_certificate(certificate)
        if self.key is None or record.public_key != self.key.public:
            raise CertificateError("this certificate is about another key")
        if record.identity != self.identity:
            raise CertificateError(f"this certificate is for {record.identity}, and we are {self.identity}")
        self.install(message, record)

    def install(self, message: CertificateSigned, record: CertificateRecord) -> None:
        """Takes a certificate that was checked, and the identity that it states."""
        if record.identity is not None and record.identity != self.identity:
            self.identity = record.identity
            self._shown = b""
        self._proof = without_private_key(message)
        self.certificate = record

    @classmethod
    def chosen(cls, identity: object, credentials: object) -> "Credentials | None":
        """The credentials from a user's arguments `identity` and `credentials`; None if both were left out.

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
    """What we send to one peer: made once for each connection, then repeated unchanged (spec 1, 5.1).

    `ciphers` are those offered, best first; a server passes exactly the one that it chose. `unix_time_s` is the time,
    for a certificate may have expired, and `app_id` the app that this side runs as. `receive_window_bytes` says to a
    peer of ours how much it may send behind a hole; others pass over it. Raises ValueError without ciphers, and for
    unknown ones.
    """

    __slots__ = ("_proof", "_signature", "_steam_id", "certificate", "ciphers", "crypt_info", "exchange", "nonce")

    def __init__(
        self,
        entropy: Entropy,
        credentials: Credentials,
        ciphers: list[int],
        unix_time_s: int = 0,
        app_id: int = APP_ID,
        receive_window_bytes: int = 0,
    ) -> None:
        if not ciphers or not set(ciphers) <= _CIPHERS_ON_THE_WIRE.keys():
            raise ValueError(f"ciphers are {ciphers}, must be one or more of {[*_CIPHERS_ON_THE_WIRE]}")
        key = credentials.signing_key(entropy)
        self.exchange = ExchangeKey(entropy.random_bytes(EXCHANGE_KEY_BYTES))
        self.nonce = int.from_bytes(entropy.random_bytes(8), "little")
        self.ciphers = ciphers
        self._steam_id = credentials.identity.steam_id64
        proof = self._proof = credentials.proof(unix_time_s)
        self.certificate: bytes = credentials.unsigned_certificate(entropy, app_id) if proof is None else proof.cert
        info = CryptInfo(
            key_type=CryptInfo.CURVE25519,
            key_data=self.exchange.public,
            nonce=self.nonce,
            protocol_version=PROTOCOL_VERSION,
            ciphers=[_CIPHERS_ON_THE_WIRE[cipher] for cipher in ciphers],
        )
        if receive_window_bytes:
            info.receive_window_bytes = receive_window_bytes
        self.crypt_info: bytes = info.SerializeToString()
        self._signature = key.sign(self.crypt_info)

    def fill(self, message: Introduction) -> None:
        """Put the credentials into a message to the peer."""
        if self._proof is None:
            message.cert.cert = self.certificate
        else:
            message.cert.CopyFrom(self._proof)
        crypt = message.crypt
        crypt.info = self.crypt_info
        crypt.signature = self._signature
        if self._steam_id:
            if isinstance(message, ConnectRequest):
                message.legacy_client_steam_id = self._steam_id
            else:
                message.legacy_server_steam_id = self._steam_id


def _unsigned_certificate(identity: NetworkingIdentity, key: SigningKey, app_id: int) -> bytes:
    certificate = Certificate(key_type=Certificate.ED25519, key_data=key.public, app_ids=[app_id])
    _state_identity(certificate, identity)
    serialized: bytes = certificate.SerializeToString()
    return serialized


def _state_identity(certificate: Certificate, identity: NetworkingIdentity) -> None:
    """In all forms, for peers of old versions too."""
    certificate.identity_string = identity.text_bytes
    certificate.legacy_identity_binary.CopyFrom(identity_to_legacy(identity))
    if identity.steam_id64:
        certificate.legacy_steam_id = identity.steam_id64
