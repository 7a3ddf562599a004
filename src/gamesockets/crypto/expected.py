"""Who must a peer be, where this side knows before it connects? (spec 1, 3.6)"""

from typing import Final, final

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, key_id
from gamesockets.crypto.peer_check import PeerCredentials, Refusal
from gamesockets.values.enums import EndReason
from gamesockets.values.identity import NetworkingIdentity

_BAD_CERT: Final = int(EndReason.REMOTE_BAD_CERT)


@final
class Expected:
    """Who a peer must be, where this side knows before it connects. None for what it does not know."""

    __slots__ = ("identity", "public_key")

    def __init__(self, identity: NetworkingIdentity | None, public_key: bytes | None) -> None:
        self.identity = identity
        self.public_key = public_key

    def problem(self, peer: PeerCredentials) -> Refusal | None:
        """Why that is somebody else; None if it is the one."""
        if self.identity is not None and peer.identity != self.identity:
            return Refusal(_BAD_CERT, f"Peer is {peer.identity}, expected was {self.identity}")
        if self.public_key is not None and (peer.stated is None or peer.stated.public_key != self.public_key):
            shown = "none" if peer.stated is None else str(peer.stated.key_id)
            return Refusal(_BAD_CERT, f"The peer's key has changed: expected {key_id(self.public_key)}, shown {shown}")
        return None


def expect(identity: object, public_key: object) -> Expected | None:
    """Who must answer, from a user's arguments `expected_identity` and `expected_key`; None if both were left out.

    Raises:
        TypeError: one is of a wrong type.
        ValueError: nobody can have such an identity or key.
    """
    if identity is not None and not isinstance(identity, NetworkingIdentity):
        raise TypeError(f"expected_identity must be a NetworkingIdentity or None, not {type(identity).__name__}")
    if public_key is not None and not isinstance(public_key, bytes):
        raise TypeError(f"expected_key must be bytes or None, not {type(public_key).__name__}")
    if identity is not None and (identity.is_invalid or identity.is_localhost):
        raise ValueError(f"expected_identity must be one that a peer can prove, and {identity} stands for nobody")
    if public_key is not None and len(public_key) != SIGNING_KEY_BYTES:
        raise ValueError(f"expected_key has {len(public_key)} bytes, must have {SIGNING_KEY_BYTES}")
    return None if identity is None and public_key is None else Expected(identity, public_key)
