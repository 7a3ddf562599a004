"""Whose signature on a certificate do we trust, and how much may it grant? (spec 1, 5.4 and 5.5)

A store holds keys. A key is trusted if it is a root, or if a trusted key signed a certificate for it. Along
such a chain rights only shrink: the scope of a key is what every certificate above it allows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias, final

from google.protobuf.message import DecodeError

from gamesockets.crypto.certificate import SIGNATURE_BYTES, SIGNING_KEY_BYTES, key_id, pop_code, verify
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned

# The only root that the reference library trusts (spec 1, 5.5).
REFERENCE_ROOT_PUBLIC_KEY: Final = bytes.fromhex("9aeca04e1751ce6268d569002ca1e1fa1b2dbc26d36b4ea3a0083ad372829b84")

# Our own limit: with several certificates for each key, the number of chains grows exponentially with their length.
MAX_CHAIN_CERTIFICATES: Final = 8

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
    """Roots, certificates of certificate authorities, and revocations; all may be added at any time.

    With `roots` (32-byte public keys) these are the only roots, have unlimited scope and never expire, like
    the one built into the reference library. Without, every self-signed certificate makes its key a root.
    """

    def __init__(self, roots: Iterable[bytes] | None = None) -> None:
        self._self_signed_roots = roots is None
        self._roots: set[int] = set()
        self._revoked: set[int] = set()
        self._public_keys: dict[int, bytes] = {}
        self._certificates: dict[int, list[_CaCertificate]] = {}
        self._verdicts: dict[int, Verdict] = {}
        for public_key in roots or ():
            self.add_root(public_key)

    def add_root(self, public_key: bytes) -> None:
        """Trust this key for everything and forever. Raises ValueError if it is not a 32-byte key."""
        self._roots.add(self._add_key(public_key))
        self._verdicts.clear()

    def add_certificate(self, signed: bytes) -> None:
        """Add the certificate of an authority: a serialized CertificateSigned. Adding it twice is harmless.

        Neither signature nor expiry is checked yet. Raises ValueError saying why it is no such certificate.
        """
        message = CertificateSigned()
        certificate = Certificate()
        try:
            message.ParseFromString(signed)
            certificate.ParseFromString(message.cert)
        except DecodeError as error:
            raise ValueError(f"Cert failed protobuf parse: {error}") from error
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
            self._verdicts.clear()

    def revoke(self, revoked_key_id: int) -> None:
        """Never trust the key with this id again, whether of a root, an authority or a peer."""
        self._revoked.add(revoked_key_id)
        self._verdicts.clear()

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
        verdict = self._check_signature(signed, unix_time_s)
        if isinstance(verdict, Distrust):
            return verdict
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
        return verdict

    def _check_signature(self, signed: CertificateSigned, unix_time_s: int) -> Verdict:
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
        if not verify(self._public_keys[ca_key_id], signed.ca_signature, signed.cert):
            return Distrust("Signature verification failed")
        return verdict

    def _add_key(self, public_key: bytes) -> int:
        added_id = key_id(public_key)
        if self._public_keys.setdefault(added_id, public_key) != public_key:
            raise ValueError(f"another key with key id {added_id} is in the store already")
        return added_id

    def _verdict(self, asked_id: int) -> Verdict | None:
        """What a key may grant, remembered until the store changes; None for a key the store never saw."""
        verdict = self._verdicts.get(asked_id)
        if verdict is None and (asked_id in self._public_keys or asked_id in self._revoked):
            verdict = self._evaluate(asked_id, ())
            self._verdicts[asked_id] = verdict
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
        certificates = self._certificates[asked_id]
        for certificate in certificates:
            verdict = self._evaluate_certificate(certificate, asked_id, below)
            if isinstance(verdict, Distrust):
                first_problem = first_problem or verdict.text
            elif certificate.created_s > best_created_s:
                best = verdict
                best_created_s = certificate.created_s
        if best is not None:
            return best
        if len(certificates) == 1:
            return Distrust(first_problem)
        # sic: the reference library's own spelling
        return Distrust(f"None of {len(certificates)} certs trusted.  (E.g.: {first_problem})")

    def _evaluate_certificate(self, certificate: _CaCertificate, subject_id: int, below: tuple[int, ...]) -> Verdict:
        if len(below) == MAX_CHAIN_CERTIFICATES:
            return Distrust(f"Trust chain has more than {MAX_CHAIN_CERTIFICATES} certs")
        signer_id = certificate.ca_key_id
        if signer_id == subject_id:
            if not self._self_signed_roots:
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
