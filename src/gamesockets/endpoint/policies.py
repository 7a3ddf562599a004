"""What must a peer prove, given where it is and what the options allow? (spec 1, 5.9)"""

from typing import final

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.handshake import Policy
from gamesockets.crypto.credentials import APP_ID
from gamesockets.crypto.trust import TrustStore
from gamesockets.values.address import Address


@final
class Policies:
    """What an endpoint demands of peers. `unix_epoch_us` is added to `now` to get Unix time, for certificates.

    Their certificates must be good for the app `app_id`.
    """

    __slots__ = ("_app_id", "_trust", "_unix_epoch_us")

    def __init__(self, trust: TrustStore | None, unix_epoch_us: int, app_id: int = APP_ID) -> None:
        self._app_id = app_id
        self._trust = trust
        self._unix_epoch_us = unix_epoch_us

    def towards(self, peer: Address, options: ConnectionOptions, now: int) -> Policy:
        """The policy for a peer at that address now: peers on this machine may be allowed more."""
        allow = options.allowed_without_auth(peer.is_loopback)
        return Policy(allow, self._trust, (now + self._unix_epoch_us) // 1_000_000, self._app_id)
