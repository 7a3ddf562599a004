"""Who is this side, and whom does it trust? (spec 1, 5.8)"""

from typing import Final, final

from gamesockets.clock import now_us, unix_epoch_us
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.installing import install_certificate
from gamesockets.crypto.trust import TrustStore
from gamesockets.node.audience import Audience
from gamesockets.node.process import PROCESS
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.values.enums import Availability, DebugType
from gamesockets.values.records import AuthenticationStatus

WARNING_S: Final = 300
"""So long before a certificate expires the warnings begin."""

_NONE: Final = AuthenticationStatus(Availability.CANNOT_TRY, "No certificate authority")
_CURRENT: Final = AuthenticationStatus(Availability.CURRENT, "OK")


@final
class Authentication:
    """The credentials and the trust of a node.

    Args:
        credentials: who this side is; None for the process's identity without proof.
        trust: whose signatures count; None for those whom the process trusts.
        audience: who is told when the certificate comes or goes.

    Raises:
        ValueError: peers would refuse the certificate, because it is for another app.
    """

    __slots__ = ("_audience", "credentials", "trust")

    def __init__(self, credentials: Credentials | None, trust: TrustStore | None, audience: Audience) -> None:
        self.credentials = Credentials(PROCESS.identity) if credentials is None else credentials
        self.trust = PROCESS.trust if trust is None else trust
        self._audience = audience
        certificate = self.credentials.certificate
        if certificate is not None and PROCESS.app_id not in certificate.app_ids:
            apps = ", ".join([str(app) for app in certificate.app_ids])
            text = f"the certificate is for app {apps}, and this process runs as app {PROCESS.app_id}"
            raise ValueError(f"{text}: see Library.set_app_id")

    def status(self) -> AuthenticationStatus:
        """Whether there is a certificate; also of one that has expired, as in the reference library."""
        return _NONE if self.credentials.certificate is None else _CURRENT

    def tell_change(self, before: AuthenticationStatus) -> None:
        """Announces the status if it is not what it was."""
        after = self.status()
        callback = PROCESS.get(ConfigurationValue.CALLBACK_AUTH_STATUS_CHANGED)
        if after != before and callable(callback):
            self._audience.announce_authentication(after, callback)

    def install(self, certificate: bytes) -> str:
        """Shows another certificate to later connections; a warning, or raises as `set_certificate`."""
        warning = install_certificate(self.credentials, self.trust, certificate, PROCESS.app_id, _unix_time_s())
        if warning:
            OUTPUT.warn(DebugType.WARNING, "certificate of no use", f"the certificate was taken, but: {warning}")
        return warning

    def check_required(self, configuration: Configuration) -> None:
        """Raises `ValueError` if peers must prove who they are, and nobody is trusted who could vouch for them."""
        if configuration.effective(ConfigurationValue.IP_ALLOW_WITHOUT_AUTH) == 0 and not self.trust.has_roots:
            raise ValueError("IP_ALLOW_WITHOUT_AUTH 0 needs a certificate authority, and there is none")

    def warn_of_expiry(self) -> None:
        """A line of debug output if our certificate has expired, or will soon."""
        certificate = self.credentials.certificate
        left_s = WARNING_S + 1 if certificate is None else certificate.expires_s - _unix_time_s()
        if left_s <= WARNING_S:
            when = f"expires in {left_s} s" if left_s > 0 else f"expired {-left_s} s ago and is not shown any more"
            text = f"our certificate for {self.credentials.identity} {when}: renew it"
            OUTPUT.warn(DebugType.WARNING, "certificate expires", text)


def _unix_time_s() -> int:
    return (now_us() + unix_epoch_us()) // 1_000_000
