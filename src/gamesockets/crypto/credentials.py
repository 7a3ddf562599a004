"""Which identity and certificate do we send to a peer? (spec 1, 5.1)

`Credentials` belong to a node: all of its connections show the same certificate, and the same key signs for them. Each
connection makes its own `LocalCredentials` from them, with a fresh exchange key. `peer_check` checks those of a peer.
"""

from typing import Final, final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, SigningKey
from gamesockets.crypto.cipher import CIPHER_AES_256_GCM, CIPHER_NULL
from gamesockets.crypto.exchange import EXCHANGE_KEY_BYTES, ExchangeKey
from gamesockets.crypto.legacy_identity import Introduction, identity_to_legacy, stated_identity
from gamesockets.values.entropy import Entropy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned, ConnectRequest, CryptInfo
from gamesockets.wire.versions import PROTOCOL_VERSION

APP_ID: Final = 0

_CIPHERS_ON_THE_WIRE: Final = {
    CIPHER_NULL: CryptInfo.CIPHER_NULL,
    CIPHER_AES_256_GCM: CryptInfo.CIPHER_AES_256_GCM,
}


@final
class Credentials:
    """An identity, and the certificate and private key that prove it, if there are any.

    Args:
        identity: None or an invalid one means anonymous.
    """

    __slots__ = ("_shown", "_signing_key", "certificate", "identity", "key")

    def __init__(self, identity: NetworkingIdentity | None = None) -> None:
        if identity is None or identity.is_invalid:
            identity = NetworkingIdentity.localhost()
        self.identity: NetworkingIdentity = identity
        self.certificate: CertificateSigned | None = None
        """Signed by an authority; None if the identity is not proven."""
        self.key: SigningKey | None = None
        """The private key of the certificate; None without one."""
        self._signing_key: SigningKey | None = None
        self._shown = b""

    def signing_key(self, entropy: Entropy) -> SigningKey:
        """The key that signs for all connections: that of the certificate, else one made when it is first needed."""
        key = self.key
        if key is None:
            key = self._signing_key
            if key is None:
                key = self._signing_key = SigningKey(entropy.random_bytes(SIGNING_KEY_BYTES))
        return key

    def shown_certificate(self, entropy: Entropy) -> bytes:
        """The serialized certificate that peers see: that of an authority, else an unsigned one for `signing_key`."""
        if self.certificate is not None:
            return self.certificate.cert
        if not self._shown:
            self._shown = _unsigned_certificate(self.identity, self.signing_key(entropy))
        return self._shown

    @classmethod
    def certified(cls, signed: bytes, key: SigningKey) -> "Credentials":
        """Credentials with the identity that a certificate states.

        Args:
            signed: a serialized CertificateSigned (spec 1, 5.2).
            key: the private key of that certificate.

        Raises:
            ValueError: `signed` is no certificate, states no identity, or is about another key.
        """
        message = CertificateSigned()
        certificate = Certificate()
        try:
            message.ParseFromString(signed)
            certificate.ParseFromString(message.cert)
        except DecodeError as error:
            raise ValueError(f"this is no certificate: {error}") from error
        identity = stated_identity(certificate, "legacy_steam_id")
        if identity is None:
            raise ValueError("this certificate states no identity")
        if certificate.key_type != Certificate.ED25519 or certificate.key_data != key.public:
            raise ValueError("this certificate is about another key")
        credentials = cls(identity)
        credentials.certificate = message
        credentials.key = key
        return credentials

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

    `ciphers` are those offered, best first; a server passes exactly the one that it chose. `receive_window_bytes` says
    to a peer of ours how much it may send behind a hole; others pass over it. Raises ValueError without ciphers, and
    for unknown ones.
    """

    __slots__ = ("_proof", "_signature", "_steam_id", "certificate", "ciphers", "crypt_info", "exchange", "nonce")

    def __init__(
        self, entropy: Entropy, credentials: Credentials, ciphers: list[int], receive_window_bytes: int = 0
    ) -> None:
        if not ciphers or not set(ciphers) <= _CIPHERS_ON_THE_WIRE.keys():
            raise ValueError(f"ciphers are {ciphers}, must be one or more of {[*_CIPHERS_ON_THE_WIRE]}")
        key = credentials.signing_key(entropy)
        self.exchange = ExchangeKey(entropy.random_bytes(EXCHANGE_KEY_BYTES))
        self.nonce = int.from_bytes(entropy.random_bytes(8), "little")
        self.ciphers = ciphers
        self._steam_id = credentials.identity.steam_id64
        self._proof = credentials.certificate
        self.certificate: bytes = credentials.shown_certificate(entropy)
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


def _unsigned_certificate(identity: NetworkingIdentity, key: SigningKey) -> bytes:
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
