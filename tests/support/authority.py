"""A certificate authority for tests: a root key and the certificates that it signs."""

from typing import Final

from gamesockets.crypto.certificate import SigningKey, key_id
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned

FAR_FUTURE_S: Final = 4_000_000_000


class Authority:
    """Signs with a key made from `seed`."""

    def __init__(self, seed: int = 7) -> None:
        self.key = SigningKey(bytes([seed]) * 32)

    def trust(self) -> TrustStore:
        """A store in which this authority is the only root."""
        return TrustStore([self.key.public])

    def sign(self, identity: NetworkingIdentity | None, key: SigningKey, expiry_s: int = FAR_FUTURE_S) -> bytes:
        """A serialized certificate for an identity, about `key`."""
        certificate = Certificate(
            key_type=Certificate.ED25519,
            key_data=key.public,
            app_ids=[0],
            time_created=1,
            time_expiry=expiry_s,
        )
        if identity is not None:
            certificate.identity_string = identity.text_bytes
        content = certificate.SerializeToString()
        signed = CertificateSigned(cert=content, ca_key_id=key_id(self.key.public), ca_signature=self.key.sign(content))
        serialized: bytes = signed.SerializeToString()
        return serialized

    def credentials(self, name: str, seed: int, expiry_s: int = FAR_FUTURE_S) -> Credentials:
        """Credentials that prove ``str:name``."""
        key = SigningKey(bytes([seed]) * 32)
        return Credentials.certified(self.sign(NetworkingIdentity.generic_string(name), key, expiry_s), key)
