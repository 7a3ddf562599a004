"""What does a certificate state?"""

from dataclasses import dataclass, field

from gamesockets.values.identity import NetworkingIdentity


@dataclass(frozen=True, slots=True)
class Certificate:
    """The contents of a certificate (spec 1, 5.3). Holding one proves nothing: a `TrustStore` says whom to believe.

    Attributes:
        identity: who owns the key; None for the certificate of an authority.
        public_key: the owner's Ed25519 key, 32 bytes.
        key_id: the 64-bit number of that key, by which it can be revoked.
        ca_key_id: the key id of the authority that signed it; 0 for one that nobody signed.
        app_ids: the apps it is good for. None listed: all apps that the authority itself may speak for.
        pop_ids: the data centres it is good for, as numbers; none listed: all.
        created_s: when it was made, in Unix time.
        expires_s: the last second at which it is valid, in Unix time; 0 for one that nobody signed.
        signed: the serialized certificate with its signature, without any private key.
    """

    identity: NetworkingIdentity | None
    public_key: bytes
    key_id: int
    ca_key_id: int
    app_ids: tuple[int, ...]
    pop_ids: tuple[int, ...]
    created_s: int
    expires_s: int
    signed: bytes = field(repr=False)

    @property
    def is_self_signed(self) -> bool:
        """Whether its owner says that it was signed with its own key, as roots are."""
        return self.ca_key_id == self.key_id
