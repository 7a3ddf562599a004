"""Whose signature on a certificate do we trust, and how much may it grant? (spec 1, 5.4 and 5.5)

A store holds keys. A key is trusted if it is a root, or if a trusted key signed a certificate for it. Along
such a chain rights only shrink: the scope of a key is what every certificate above it allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias, final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNATURE_BYTES, SIGNING_KEY_BYTES, key_id, pop_code, verify
from gamesockets.crypto.signed import TEXT_PRIVATE_KEY, parse_certificate
from gamesockets.values.certificate import Certificate as CertificateRecord
from gamesockets.values.errors import CertificateError
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned

# The only root that the reference library trusts (spec 1, 5.5).
REFERENCE_ROOT_PUBLIC_KEY: Final = bytes.fromhex("9aeca04e1751ce6268d569002ca1e1fa1b2dbc26d36b4ea3a0083ad372829b84")

# Our own limit: with several certificates for each key, the number of chains grows exponentially with their length.
MAX_CHAIN_CERTIFICATES: Final = 8

VERIFIED_MAX: Final = 1024
"""Good signatures on certificates that are remembered: whoever comes again costs no verification."""

CLOCK_TOLERANCE_S: Final = 300
"""The clocks of an authority and of who verifies may differ by so much."""

_FOREVER: Final = (1 << 62) - 1


@dataclass(frozen=True, slots=True)
class Scope:
    """What a chain of trust may grant. None instead of a set means all."""

    app_ids: frozenset[int] | None
    pop_ids: frozenset[int] | None
    expiry_s: int
    """Last second, in Unix time, at which all of the chain is valid."""


@dataclass(frozen=True, slots=True)
class Distrust:
    """Why something is not trusted, for people to read."""

    text: str


Verdict: TypeAlias = Scope | Distrust

_UNLIMITED: Final = Scope(app_ids=None, pop_ids=None, expiry_s=_FOREVER)


@dataclass(frozen=True, slots=True)
class _CaCertificate:
    """A certificate for a key that may itself sign certificates."""

    content: bytes
    signature: bytes
    ca_key_id: int
    created_s: int
    scope: Scope


@final
class TrustStore:
    """Whom to believe: roots, certificates of authorities below them, and revoked keys.

    All of it may change at any time, also while connections use the store, and from any thread. What is added counts
    for whoever connects from then on; who is connected stays.

    Args:
        roots: public keys of 32 bytes, trusted for everything and forever.
        self_signed_roots: whether every self-signed certificate that is added makes its key a root. Without, only
            `add_root` does.

    Raises:
        ValueError: a root is no key of 32 bytes.
    """

    def __init__(self, roots: Iterable[bytes | CertificateRecord] = (), *, self_signed_roots: bool = False) -> None:
        if isinstance(roots, (bytes, str, CertificateRecord)):
            raise TypeError(f"roots must be a list of public keys, not {type(roots).__name__}")
        self._self_signed_roots = self_signed_roots
        self._roots: set[int] = set()
        self._certified_roots: set[int] = set()
        """Keys that are roots as far as their own self-signed certificates allow."""
        self._revoked: set[int] = set()
        self._public_keys: dict[int, bytes] = {}
        self._certificates: dict[int, list[_CaCertificate]] = {}
        self._verdicts: dict[int, Verdict] = {}
        self._verified: dict[bytes, None] = {}
        """Digests of certificates whose signature was good, the oldest first."""
        for root in roots:
            self.add_root(root)

    def add_root(self, root: bytes | CertificateRecord) -> None:
        """Trusts a root: a public key, for everything and forever, or a self-signed certificate, as far as it says.

        Raises:
            ValueError: it is no key of 32 bytes, or no self-signed certificate of an authority.
            TypeError: it is something else.
        """
        if isinstance(root, CertificateRecord):
            message, root = parse_certificate(root)  # what its signed bytes state, whatever the record says
            if not root.is_self_signed or not verify(root.public_key, message.ca_signature, message.cert):
                raise CertificateError("a root must be self-signed, and this certificate is not")
            self.add_certificate(root.signed)
            self._certified_roots.add(root.key_id)
        elif isinstance(root, bytes):
            self._roots.add(self._add_key(root))
        else:
            raise TypeError(f"a root must be a public key (bytes) or a Certificate, not {type(root).__name__}")
        self._changed()

    def remove_root(self, root_key_id: int) -> bool:
        """No longer trusts a root; whether it was one. Unlike a revoked key it may be trusted again."""
        was_root = root_key_id in self._roots or root_key_id in self._certified_roots
        self._roots.discard(root_key_id)
        self._certified_roots.discard(root_key_id)
        self._changed()
        return was_root

    @property
    def root_key_ids(self) -> frozenset[int]:
        """The key ids of the roots, revoked ones included."""
        roots = self._roots | self._certified_roots
        if self._self_signed_roots:
            for subject_id, certificates in list(self._certificates.items()):
                if [None for certificate in certificates if certificate.ca_key_id == subject_id]:
                    roots.add(subject_id)
        return frozenset(roots)

    @property
    def has_roots(self) -> bool:
        """Whether anybody at all can be trusted."""
        return bool(self.root_key_ids - self._revoked)

    @property
    def has_known_keys(self) -> bool:
        """Whether it was ever told of anybody, also of roots that were revoked or removed since."""
        return bool(self._public_keys)

    @property
    def revoked_key_ids(self) -> frozenset[int]:
        """The key ids that are never trusted."""
        return frozenset(self._revoked)

    def add_certificate(self, signed: bytes | CertificateRecord) -> None:
        """Adds the certificate of an authority: a record or its serialized form. Adding it twice is harmless.

        Neither signature nor expiry is checked yet. It makes nobody a root. Raises ValueError saying why it is no such
        certificate.
        """
        if isinstance(signed, CertificateRecord):
            signed = signed.signed
        message = CertificateSigned()
        certificate = Certificate()
        try:
            message.ParseFromString(signed)
            certificate.ParseFromString(message.cert)
        except DecodeError as error:
            raise ValueError(f"Cert failed protobuf parse: {error}") from error
        if message.HasField("private_key_data"):
            raise CertificateError(TEXT_PRIVATE_KEY)
        if not message.cert:
            raise ValueError("No cert data")
        if len(message.ca_signature) != SIGNATURE_BYTES:
            raise ValueError("Invalid signature length")
        if (
            certificate.HasField("identity_string")
            or certificate.HasField("legacy_identity_binary")
            or certificate.HasField("legacy_steam_id")
        ):
            raise ValueError("Cert is bound to particular identity; doesn't go in the cert store")
        if certificate.key_type != Certificate.ED25519:
            raise ValueError("Only ED25519 public key supported")
        if len(certificate.key_data) != SIGNING_KEY_BYTES:
            raise ValueError("Invalid public key")
        if certificate.time_expiry == 0:
            raise ValueError("Cert has no expiry")
        added = _CaCertificate(
            content=message.cert,
            signature=message.ca_signature,
            ca_key_id=message.ca_key_id,
            created_s=certificate.time_created,
            scope=Scope(
                app_ids=frozenset(certificate.app_ids) or None,
                pop_ids=frozenset(certificate.gameserver_datacenter_ids) or None,
                expiry_s=certificate.time_expiry,
            ),
        )
        known = self._certificates.setdefault(self._add_key(certificate.key_data), [])
        if added not in known:
            known.append(added)
            self._changed()

    def revoke(self, revoked_key_id: int) -> None:
        """Never trust the key with this id again, whether of a root, an authority or a peer."""
        self._revoked.add(revoked_key_id)
        self._changed()

    def _changed(self) -> None:
        # A new object: a thread that is judging by the old state remembers its verdict in the old one.
        self._verdicts = {}

    def check_key(self, checked_key_id: int, unix_time_s: int) -> Verdict:
        """Whether this key may sign certificates now, and with what scope."""
        if checked_key_id in self._revoked:
            return Distrust(f"Key public ID{checked_key_id} has been revoked!")
        verdict = self._verdict(checked_key_id)
        if verdict is None or isinstance(verdict, Distrust):
            return Distrust(f"Cert store does not contain chain authorizing public key ID{checked_key_id}.")
        if verdict.expiry_s < unix_time_s:
            hours = (unix_time_s - verdict.expiry_s) / 3600
            # sic: the reference library's own spelling
            return Distrust(f"Public key ID{checked_key_id} at {verdict.expiry_s} ({hours:.1f} hours ago).")
        return verdict

    def check_certificate(self, signed: CertificateSigned, unix_time_s: int) -> Verdict:
        """Whether the certificate of a peer bears a trusted signature and is valid now (spec 1, 5.4).

        The scope is that of the signer. `app_id_problem` checks what the certificate itself allows.
        """
        verdict = self.check_signature(signed, unix_time_s)
        if isinstance(verdict, Distrust):
            return verdict
        problem = self.own_problem(signed, unix_time_s)
        return verdict if problem is None else problem

    def verify(self, certificate: CertificateRecord, unix_time_s: int, app_id: int = 0) -> None:
        """Raises `CertificateError`, saying why, unless a peer that shows this certificate would be believed.

        Also refuses one that was made in the future, which no peer looks at: then one of the clocks is wrong.
        """
        message, _ = parse_certificate(certificate)
        verdict = self.check_certificate(message, unix_time_s)
        if isinstance(verdict, Distrust):
            raise CertificateError(verdict.text)
        if certificate.created_s > unix_time_s + CLOCK_TOLERANCE_S:
            ahead_s = certificate.created_s - unix_time_s
            raise CertificateError(f"Cert was created {ahead_s} seconds in the future: a clock is wrong")
        content = Certificate()
        content.ParseFromString(message.cert)
        problem = app_id_problem(content, verdict, app_id)
        if problem is not None:
            raise CertificateError(problem)

    def own_problem(self, signed: CertificateSigned, unix_time_s: int) -> Distrust | None:
        """Why a certificate is not valid now, whoever has signed it: expired, revoked; None if it is."""
        certificate = Certificate()
        try:
            certificate.ParseFromString(signed.cert)
        except DecodeError:
            return Distrust("Cert failed protobuf parse")
        expiry_s = certificate.time_expiry
        if expiry_s < unix_time_s:
            ago_s = unix_time_s - expiry_s
            return Distrust(f"Cert expired {ago_s} seconds ago at {expiry_s} (current time {unix_time_s})")
        if certificate.key_type != Certificate.ED25519:
            return Distrust(f"Cert has invalid key type {certificate.key_type}")
        if len(certificate.key_data) != SIGNING_KEY_BYTES:
            return Distrust("Cert has invalid public key")
        if key_id(certificate.key_data) in self._revoked:
            return Distrust("Cert has untrusted public key.  Revoked")  # sic: the reference library's own spelling
        return None

    def check_signature(self, signed: CertificateSigned, unix_time_s: int) -> Verdict:
        """Whether somebody trusted has signed it, and with what scope, whatever it says itself (spec 1, 5.4)."""
        if not signed.cert:
            return Distrust("No signed data")
        if not signed.ca_signature:
            return Distrust("No signature")
        ca_key_id = signed.ca_key_id
        if ca_key_id == 0:
            return Distrust("Missing CA Key ID")
        verdict = self._verdict(ca_key_id)
        if verdict is None:
            return Distrust(f"CA key {ca_key_id} is not known to us")
        if isinstance(verdict, Distrust):
            # sic: the reference library's own spelling
            return Distrust(f"CA key {ca_key_id} is not trusted.  {verdict.text}")
        if verdict.expiry_s < unix_time_s:
            ago_s = unix_time_s - verdict.expiry_s
            return Distrust(f"CA key {ca_key_id} (or an antecedent) expired {ago_s} seconds ago!")
        if len(signed.ca_signature) != SIGNATURE_BYTES:
            return Distrust("Signature has invalid length")
        if not self._is_signed_by(ca_key_id, signed):
            return Distrust("Signature verification failed")
        return verdict

    def _is_signed_by(self, ca_key_id: int, signed: CertificateSigned) -> bool:
        """Only good signatures are remembered, so that a flood of bad ones pushes none of them out."""
        digest = sha256(ca_key_id.to_bytes(8, "little") + signed.ca_signature + signed.cert).digest()
        verified = self._verified
        if digest in verified:
            return True
        if not verify(self._public_keys[ca_key_id], signed.ca_signature, signed.cert):
            return False
        if len(verified) >= VERIFIED_MAX:
            verified = self._verified = dict.fromkeys(list(verified)[VERIFIED_MAX // 2 :])
        verified[digest] = None
        return True

    def _add_key(self, public_key: bytes) -> int:
        added_id = key_id(public_key)
        if self._public_keys.setdefault(added_id, public_key) != public_key:
            raise ValueError(f"another key with key id {added_id} is in the store already")
        return added_id

    def _verdict(self, asked_id: int) -> Verdict | None:
        """What a key may grant, remembered until the store changes; None for a key the store never saw."""
        verdicts = self._verdicts
        verdict = verdicts.get(asked_id)
        if verdict is None and (asked_id in self._public_keys or asked_id in self._revoked):
            verdict = self._evaluate(asked_id, ())
            verdicts[asked_id] = verdict
        return verdict

    def _evaluate(self, asked_id: int, below: tuple[int, ...]) -> Verdict:
        """What a key may grant; `below` are the keys on the way down from it, which it must not depend on."""
        if asked_id in self._revoked:
            return Distrust("Revoked")
        if asked_id in self._roots:
            return _UNLIMITED
        best: Scope | None = None
        best_created_s = -1
        first_problem = ""
        certificates = self._certificates.get(asked_id, [])  # none for a root that was removed
        for certificate in certificates:
            verdict = self._evaluate_certificate(certificate, asked_id, below)
            if isinstance(verdict, Distrust):
                first_problem = first_problem or verdict.text
            elif certificate.created_s > best_created_s:
                best = verdict
                best_created_s = certificate.created_s
        if best is not None:
            return best
        if not certificates:
            return Distrust("No longer a root")
        if len(certificates) == 1:
            return Distrust(first_problem)
        # sic: the reference library's own spelling
        return Distrust(f"None of {len(certificates)} certs trusted.  (E.g.: {first_problem})")

    def _evaluate_certificate(self, certificate: _CaCertificate, subject_id: int, below: tuple[int, ...]) -> Verdict:
        if len(below) == MAX_CHAIN_CERTIFICATES:
            return Distrust(f"Trust chain has more than {MAX_CHAIN_CERTIFICATES} certs")
        signer_id = certificate.ca_key_id
        if signer_id == subject_id:
            if not self._self_signed_roots and subject_id not in self._certified_roots:
                return Distrust("Trusted root is hardcoded, cannot add more self-signed certs")
            signer: Verdict = _UNLIMITED
        elif signer_id in below:
            # sic: the reference library's own spelling
            text = f"Cycle detected in trust chain!  (Cert for key {subject_id}, signed by CA key {signer_id})"
            return Distrust(text)
        elif signer_id not in self._public_keys and signer_id not in self._revoked:
            return Distrust(f"CA key {signer_id} is not known")
        else:
            signer = self._evaluate(signer_id, (*below, subject_id))
        if isinstance(signer, Distrust):
            # sic: the reference library's own spelling
            return Distrust(f"CA key {signer_id} not trusted.  {signer.text}")
        if not verify(self._public_keys[signer_id], certificate.signature, certificate.content):
            return Distrust(f"Failed signature verification (against CA key {signer_id})")
        app_ids = _intersection(signer.app_ids, certificate.scope.app_ids)
        if app_ids is not None and not app_ids:
            return Distrust("All apps excluded by auth chain!")
        pop_ids = _intersection(signer.pop_ids, certificate.scope.pop_ids)
        if pop_ids is not None and not pop_ids:
            return Distrust("All pops excluded by auth chain!")
        return Scope(app_ids, pop_ids, min(signer.expiry_s, certificate.scope.expiry_s))


def app_id_problem(certificate: Certificate, scope: Scope | None, app_id: int) -> str | None:
    """Why this certificate is not good for this app; None if it is. `scope` is None for an unsigned one."""
    chain_allows = scope is None or scope.app_ids is None or app_id in scope.app_ids
    allowed = certificate.app_ids
    if not allowed:
        if chain_allows:
            return None
        return f"Cert is not restricted by appid, but CA trust chain is, and does not authorize {app_id}"
    if app_id in allowed:
        return None if chain_allows else f"Cert allows appid {app_id}, but CA trust chain does not"
    return f"Cert is not authorized for appid {app_id}, only {allowed[0]}{_and_more(len(allowed))}"


def pop_id_problem(certificate: Certificate, scope: Scope | None, pop: int) -> str | None:
    """Why this certificate is not good for this data centre; None if it is. As `app_id_problem`."""
    code = pop_code(pop)
    chain_allows = scope is None or scope.pop_ids is None or pop in scope.pop_ids
    allowed = certificate.gameserver_datacenter_ids
    if not allowed:
        if chain_allows:
            return None
        return f"Cert is not restricted by POPID, but CA trust chain is, and does not authorize {code}"
    if pop in allowed:
        return None if chain_allows else f"Cert allows POPID {code}, but CA trust chain does not"
    return f"Cert is not authorized for POPID {code}, only {pop_code(allowed[0])}{_and_more(len(allowed))}"


def _and_more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def _intersection(left: frozenset[int] | None, right: frozenset[int] | None) -> frozenset[int] | None:
    if left is None:
        return right
    if right is None:
        return left
    return left & right
