"""Which calls say who this side is, and give it a certificate that proves it? (spec 1, 5.8; spec 3, 13.2)"""

from types import NoneType

from gamesockets.clock import SystemEntropy
from gamesockets.crypto.credentials import Credentials
from gamesockets.observe.debug_output import LINES
from gamesockets.sockets.calls import Calls
from gamesockets.values.arguments import check_type
from gamesockets.values.enums import Availability
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import AuthenticationStatus


class AuthenticationCalls(Calls):
    """The identity of this side, a request for a certificate, the certificate, and whether there is one."""

    def init_authentication(self) -> Availability:
        """How it stands with the certificate of this side. There is nobody to ask for one by itself."""
        return self.get_authentication_status().availability

    def get_authentication_status(self) -> AuthenticationStatus:
        """`CURRENT` and "OK" with a certificate, `CANNOT_TRY` and "No certificate authority" without."""
        with self._node.lock:
            return self._node.authentication.status()

    def get_certificate_request(self) -> bytes:
        """A serialized request for a certificate, for an authority to sign (`pki.CertificateAuthority.issue`).

        It names the public key and, unless this side is nobody in particular, the identity. The private key is made
        with the first request or connection, stays in this object, and is forgotten with `reset_identity`.
        """
        with self._node.entering():
            return self._node.authentication.credentials.request(SystemEntropy())

    def set_certificate(self, certificate: bytes) -> str:
        """Takes the certificate that an authority has issued to this side's request.

        Whoever connects from then on sees it; connections that exist stay as they are. Setting another one later, with
        the same key, renews it. If this side was nobody in particular, it takes the identity from the certificate.

        Args:
            certificate: a serialized certificate.

        Returns:
            A warning, empty if there is none: the certificate has expired or its key is revoked. Then it was taken, but
            peers will not accept it.

        Raises:
            CertificateError: why it was not taken: the authority is not trusted here, it is for somebody else, for
                another key or app, or carries a private key.
        """
        check_type("certificate", certificate, bytes)
        node = self._node
        with LINES, node.entering():
            node.check_open()
            before = node.authentication.status()
            warning = node.authentication.install(certificate)
            node.authentication.tell_change(before)
            node.service.notify()
        return warning

    def get_identity(self) -> NetworkingIdentity:
        """Who this side is: a claim, unless it has a certificate."""
        return self._node.authentication.credentials.identity

    def reset_identity(self, identity: NetworkingIdentity | None = None) -> None:
        """Closes every connection (2999) and takes another identity; None is nobody in particular (spec 3, 3.1).

        Certificate and private key are forgotten. Listen sockets stay open, and those who connect see the new identity.
        Raises `OSError` after `close`.
        """
        check_type("identity", identity, (NetworkingIdentity, NoneType))
        node = self._node
        with LINES, node.entering():
            before = node.authentication.status()
            node.change_credentials(Credentials(identity))
            node.authentication.tell_change(before)
            node.service.notify()
