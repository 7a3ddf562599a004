"""Who signs certificates, for whom and for how long? (spec 1, 5.3)"""

import os
from collections.abc import Iterable
from typing import Final, final

from gamesockets.clock import now_us, unix_epoch_us
from gamesockets.crypto.certificate import SIGNING_KEY_BYTES, SigningKey, key_id
from gamesockets.crypto.signed import parse_request, parse_signed, read_signed
from gamesockets.crypto.trust import TrustStore
from gamesockets.pki.keys import create_key, load_key, save_key
from gamesockets.values.certificate import Certificate
from gamesockets.values.errors import CertificateError
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate as CertificateMessage
from gamesockets.wire.messages_pb2 import CertificateSigned

DAYS_MAX: Final = 36_525

_DAY_S: Final = 86_400
_UINT32_MAX: Final = 0xFFFFFFFF
_ALL_APPS: Final = ()


def unix_time_s() -> int:
    """Now, by the clock of this machine."""
    return (now_us() + unix_epoch_us()) // 1_000_000


@final
class CertificateAuthority:
    """Signs certificates with its private key: a root, or one that a root lets sign.

    Args:
        key: its private key.
        certificate: what another authority signed for it; None for a root.

    Raises:
        CertificateError: the certificate is about another key, or not one of an authority.
    """

    __slots__ = ("certificate", "key")

    def __init__(self, key: SigningKey, certificate: Certificate | None = None) -> None:
        if not isinstance(key, SigningKey):
            raise TypeError(f"key must be a SigningKey, not {type(key).__name__}")
        if certificate is not None and certificate.identity is not None:
            raise CertificateError(f"the certificate is for {certificate.identity}, not for an authority")
        if certificate is not None and certificate.public_key != key.public:
            raise CertificateError("the certificate is about another key")
        self.key = key
        self.certificate = certificate

    @classmethod
    def create(cls) -> "CertificateAuthority":
        """A new root. Save it: whoever has its key can be anybody."""
        return cls(create_key())

    @classmethod
    def load(cls, path: str | os.PathLike[str], passphrase: str | None = None) -> "CertificateAuthority":
        """A root whose private key is in a file. Raises `OSError`, or `CertificateError` as `load_key`."""
        return cls(load_key(path, passphrase))

    def save(self, path: str | os.PathLike[str], passphrase: str | None = None, *, overwrite: bool = False) -> None:
        """Writes the private key to a file that only its owner may read. Raises as `save_key`."""
        save_key(path, self.key, passphrase, overwrite=overwrite)

    @property
    def public_key(self) -> bytes:
        """What others need to trust it: 32 bytes."""
        return self.key.public

    @property
    def key_id(self) -> int:
        """The number by which certificates name it."""
        return key_id(self.key.public)

    def trust(self) -> TrustStore:
        """A new store in which this authority is the only root."""
        return TrustStore([self.public_key])

    def issue(
        self,
        subject: bytes,
        identity: NetworkingIdentity | None = None,
        *,
        days: float,
        app_ids: Iterable[int] = (0,),
        created_s: int | None = None,
    ) -> Certificate:
        """A certificate that proves an identity. Whether the subject may have it, you have checked.

        It never outlives the certificate of this authority.

        Args:
            subject: a request, as `get_certificate_request` and `create_request` make them, or a public key of 32
                bytes.
            identity: whose key this is. It may be left out if the request names it.
            days: how long it is valid; fractions are fine.
            app_ids: the apps it is good for; peers of the open-source library are app 0.
            created_s: from when on, in Unix time; by default now.

        Raises:
            CertificateError: the request cannot be read or names somebody else, nobody is named, or the key is that of
                this authority.
            ValueError: a number is out of range.
        """
        public_key, requested = _read_subject(subject)
        if identity is None:
            identity = requested
        elif requested is not None and requested != identity:
            raise CertificateError(f"the request is for {requested}, not for {identity}")
        if identity is None or identity.is_invalid or identity.is_localhost:
            raise CertificateError("there is no identity to certify: name one, here or in the request")
        apps = _numbers("app_ids", app_ids)
        if not apps:
            raise ValueError("app_ids must name at least one app: peers refuse a certificate without")
        self._check_apps(apps)
        content = CertificateMessage(identity_string=identity.text_bytes)
        return self._sign(content, public_key, apps, days, created_s)

    def issue_authority(
        self,
        subject: bytes,
        *,
        days: float,
        app_ids: Iterable[int] = _ALL_APPS,
        created_s: int | None = None,
    ) -> Certificate:
        """A certificate that lets another key sign, for some apps or for all that this authority may speak for.

        Every peer that shall believe it needs this certificate in its own store (`TrustStore.add_certificate`): the
        protocol carries no chains. Peers of the reference library cannot be given one.

        Args:
            subject: a request without identity, or a public key of 32 bytes.
            days: how long it is valid.
            app_ids: for which apps it may sign; none named: for all.
            created_s: from when on, in Unix time; by default now.

        Raises:
            CertificateError: the request names an identity, or the key is that of this authority.
            ValueError: a number is out of range.
        """
        public_key, requested = _read_subject(subject)
        if requested is not None:
            raise CertificateError(f"the request is for {requested}, and an authority has no identity")
        apps = _numbers("app_ids", app_ids)
        self._check_apps(apps)
        return self._sign(CertificateMessage(), public_key, apps, days, created_s)

    def self_signed(
        self, *, days: float, app_ids: Iterable[int] = _ALL_APPS, created_s: int | None = None
    ) -> Certificate:
        """A certificate of a root about itself, for `TrustStore.add_root`: trusted only so long, and for those apps."""
        if self.certificate is not None:
            raise CertificateError("this authority is no root")
        return self._sign(CertificateMessage(), self.public_key, _numbers("app_ids", app_ids), days, created_s, True)

    def _check_apps(self, apps: list[int]) -> None:
        own = () if self.certificate is None else self.certificate.app_ids
        foreign = [app for app in apps if own and app not in own]
        if foreign:
            raise CertificateError(f"this authority may not sign for app {foreign[0]}")

    def _sign(
        self,
        content: CertificateMessage,
        public_key: bytes,
        apps: list[int],
        days: float,
        created_s: int | None,
        is_own: bool = False,
    ) -> Certificate:
        if public_key == self.public_key and not is_own:
            raise CertificateError("this is the authority's own key: nobody else may use it, and it for nothing else")
        if not 0 < days <= DAYS_MAX:
            raise ValueError(f"days must be more than 0 and at most {DAYS_MAX}, not {days!r}")
        content.key_type = CertificateMessage.ED25519
        content.key_data = public_key
        content.app_ids.extend(apps)
        start_s = unix_time_s() if created_s is None else created_s
        if not 0 <= start_s <= _UINT32_MAX:
            raise ValueError(f"created_s must be 0..{_UINT32_MAX}, not {start_s}")
        content.time_created = start_s
        end_s = min(start_s + max(1, int(days * _DAY_S)), _UINT32_MAX)
        if self.certificate is not None:
            end_s = min(end_s, self.certificate.expires_s)
        if end_s <= start_s:
            raise CertificateError("the certificate of this authority has expired")
        content.time_expiry = end_s
        data = content.SerializeToString()
        signed = CertificateSigned(cert=data, ca_key_id=self.key_id, ca_signature=self.key.sign(data))
        return read_signed(parse_signed(signed.SerializeToString()))


def _read_subject(subject: bytes) -> tuple[bytes, NetworkingIdentity | None]:
    if not isinstance(subject, bytes):
        raise TypeError(f"subject must be a request or a public key in bytes, not {type(subject).__name__}")
    return (subject, None) if len(subject) == SIGNING_KEY_BYTES else parse_request(subject)


def _numbers(name: str, numbers: Iterable[int]) -> list[int]:
    listed = list(numbers)
    for number in listed:
        if not 0 <= number <= _UINT32_MAX:
            raise ValueError(f"{name} must be numbers 0..{_UINT32_MAX}, not {number!r}")
    if len(set(listed)) != len(listed):
        raise ValueError(f"{name} must not name one twice: {listed}")
    return listed
