"""What does a node say of its certificate, and whom does it expect? (spec 1, 5.8)"""

from typing import Final

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.peer_check import Expected
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.enums import Availability, DebugType
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import AuthenticationStatus

__all__ = [
    "Expected",
    "authentication_status",
    "check_app",
    "expect",
    "warn_of_expiry",
]

WARNING_S: Final = 300
"""So long before a certificate expires the warnings begin."""

_NONE: Final = AuthenticationStatus(Availability.CANNOT_TRY, "No certificate authority")
_CURRENT: Final = AuthenticationStatus(Availability.CURRENT, "OK")


def authentication_status(credentials: Credentials) -> AuthenticationStatus:
    """Whether there is a certificate; also of one that has expired, as in the reference library."""
    return _NONE if credentials.certificate is None else _CURRENT


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


def check_app(credentials: Credentials, app_id: int) -> None:
    """Raises `ValueError` if peers would refuse the certificate, because it is for another app."""
    certificate = credentials.certificate
    if certificate is not None and app_id not in certificate.app_ids:
        apps = ", ".join([str(app) for app in certificate.app_ids])
        raise ValueError(
            f"the certificate is for app {apps}, and this process runs as app {app_id}: see Library.set_app_id"
        )


def warn_of_expiry(credentials: Credentials, unix_time_s: int) -> None:
    """A line of debug output if our certificate has expired, or will soon."""
    certificate = credentials.certificate
    if certificate is None or certificate.expires_s - unix_time_s > WARNING_S:
        return
    left_s = certificate.expires_s - unix_time_s
    when = f"expires in {left_s} s" if left_s > 0 else f"expired {-left_s} s ago and is not shown any more"
    OUTPUT.warn(
        DebugType.WARNING, "certificate expires", f"our certificate for {credentials.identity} {when}: renew it"
    )
