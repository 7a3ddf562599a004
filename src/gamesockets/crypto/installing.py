"""May a certificate become ours, that an authority issued to our request? (spec 1, 5.8)"""

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNING_KEY_BYTES
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.legacy_identity import stated_identity
from gamesockets.crypto.signed import TEXT_PRIVATE_KEY, parse_signed, read_signed
from gamesockets.crypto.trust import Distrust, TrustStore, app_id_problem
from gamesockets.values.errors import CertificateError
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned


def install_certificate(credentials: Credentials, trust: TrustStore, blob: bytes, app_id: int, unix_time_s: int) -> str:
    """Takes the certificate that an authority issued to our request (spec 1, 5.8).

    Returns:
        A warning: what keeps it from being used now; empty if nothing does.

    Raises:
        CertificateError: why it is not taken; nothing has changed then.
    """
    message = CertificateSigned()
    try:
        message.ParseFromString(blob)
    except DecodeError as error:
        raise CertificateError("CMsgSteamDatagramCertificateSigned failed protobuf parse") from error
    if message.HasField("private_key_data"):
        raise CertificateError(TEXT_PRIVATE_KEY)
    scope = trust.check_signature(message, unix_time_s)
    if isinstance(scope, Distrust):
        raise CertificateError(scope.text)
    content = Certificate()
    identity = _identity(message, content)
    if identity is None or identity.is_localhost:
        raise CertificateError("Cert has no identity")
    if not credentials.identity.is_localhost and identity != credentials.identity:
        # sic: the reference library's own spelling
        raise CertificateError(f"Cert is for identity '{identity}'.  We are '{credentials.identity}'")
    if content.key_type != Certificate.ED25519 or len(content.key_data) != SIGNING_KEY_BYTES:
        raise CertificateError("Cert has invalid public key")
    if credentials.key is None:
        raise CertificateError("Cannot set cert.  No private key?")  # sic: the reference library's own spelling
    if content.key_data != credentials.key.public:
        raise CertificateError("Cert public key does not match our private key")
    if app_id_problem(content, scope, app_id) is not None:
        raise CertificateError(f"Cert does not authorize us for App {app_id}")
    strict = parse_signed(blob)
    problem = trust.own_problem(strict, unix_time_s)
    credentials.install(strict, read_signed(strict))
    return "" if problem is None else problem.text


def _identity(message: CertificateSigned, content: Certificate) -> NetworkingIdentity | None:
    try:
        content.ParseFromString(message.cert)
        return stated_identity(content, "legacy_steam_id")
    except DecodeError as error:
        raise CertificateError("Cert failed protobuf parse") from error
    except ValueError as error:
        # sic: the reference library's own spelling
        raise CertificateError(f"Cert has invalid identity.  {error}") from error
