"""The trust store gives the verdicts of the reference library, with fixed roots and with added ones."""

from typing import Any

import pytest
from tests.support.recorded import load

from gamesockets.crypto.certificate import SigningKey, key_id, pop_id
from gamesockets.crypto.textforms import decode_certificate_base64
from gamesockets.crypto.trust import (
    MAX_CHAIN_CERTIFICATES,
    REFERENCE_ROOT_PUBLIC_KEY,
    Distrust,
    Scope,
    TrustStore,
    Verdict,
    app_id_problem,
    pop_id_problem,
)
from gamesockets.wire.messages_pb2 import Certificate, CertificateSigned

VECTORS = load("cert")
KEYS = {key["name"]: key for key in VECTORS["keys"]}
NOW = 1_700_000_000
LATER = NOW + 1_000_000


def recorded_store(flavour: str) -> TrustStore:
    """The store of the vectors: "dynamic_roots" or "single_fixed_root"."""
    root = bytes.fromhex(KEYS["root CA"]["public_key_hex"])
    store = TrustStore(self_signed_roots=True) if flavour == "dynamic_roots" else TrustStore([root])
    for row in VECTORS["store"]:
        if row["accepted"]:
            store.add_certificate(decode_certificate_base64(row["base64"]))
        else:
            with pytest.raises(ValueError) as raised:  # noqa: PT011 - the text is compared below
                store.add_certificate(decode_certificate_base64(row["base64"]))
            assert str(raised.value) == row["error"]
    for name in ("inter revoked", "leaf revoked"):
        store.revoke(int(KEYS[name]["key_id"]))
    return store


@pytest.mark.rule("1, 5.5 rule 2", "1, 5.5 rule 6", "1, 7.9 rule 1")
@pytest.mark.parametrize("flavour", ["dynamic_roots", "single_fixed_root"])
@pytest.mark.parametrize("row", VECTORS["trust"], ids=lambda row: row["key"])
def test_recorded_verdicts_on_keys(row: dict[str, Any], flavour: str) -> None:
    verdict = recorded_store(flavour).check_key(int(row["key_id"]), row["time"])
    assert isinstance(verdict, Scope) == row[f"trusted_{flavour}"]
    if isinstance(verdict, Distrust):
        assert verdict.text == row[f"error_{flavour}"]


@pytest.mark.rule("1, 5.3 rule 1", "1, 5.4 rule 1", "1, 5.5 rule 6", "1, 5.10 rule 10")
@pytest.mark.parametrize("flavour", ["dynamic_roots", "single_fixed_root"])
@pytest.mark.parametrize("row", VECTORS["checks"], ids=lambda row: row["name"])
def test_recorded_verdicts_on_certificates(row: dict[str, Any], flavour: str) -> None:
    signed = CertificateSigned()
    signed.ParseFromString(bytes.fromhex(row["signed_cert_hex"]))
    verdict = recorded_store(flavour).check_certificate(signed, row["time"])
    expected = row[f"with_{flavour}"]
    assert isinstance(verdict, Scope) == expected["trusted"]
    if isinstance(verdict, Distrust):
        assert verdict.text == expected["error"]
        return
    certificate = Certificate()
    certificate.ParseFromString(signed.cert)
    app_problem = app_id_problem(certificate, verdict, row["app_id"])
    assert app_problem == expected.get("app_error")
    assert (app_problem is None) == expected["app_allowed"]
    pop_problem = pop_id_problem(certificate, verdict, pop_id(row["pop"]))
    assert pop_problem == expected.get("pop_error")
    assert (pop_problem is None) == expected["pop_allowed"]


@pytest.mark.rule("1, 5.5 rule 4")
def test_the_root_of_the_reference_library() -> None:
    assert KEYS["well-known default root"]["public_key_hex"] == REFERENCE_ROOT_PUBLIC_KEY.hex()
    root_id = key_id(REFERENCE_ROOT_PUBLIC_KEY)
    assert isinstance(TrustStore([REFERENCE_ROOT_PUBLIC_KEY]).check_key(root_id, NOW), Scope)


# Chains made here, for what the recordings do not contain.


def key(number: int) -> SigningKey:
    return SigningKey(bytes((number,)) * 32)


def number_of(number: int) -> int:
    return key_id(key(number).public)


def certificate_of(subject: int, **fields: Any) -> bytes:
    defaults: dict[str, Any] = {"key_type": "ED25519", "key_data": key(subject).public, "time_expiry": LATER}
    return Certificate(**(defaults | fields)).SerializeToString()


def signed_by(signer: int, subject: int, **fields: Any) -> CertificateSigned:
    content = certificate_of(subject, **fields)
    return CertificateSigned(cert=content, ca_key_id=number_of(signer), ca_signature=key(signer).sign(content))


def authority(signer: int, subject: int, **fields: Any) -> bytes:
    return signed_by(signer, subject, **fields).SerializeToString()


def text(verdict: Verdict) -> str:
    return verdict.text if isinstance(verdict, Distrust) else ""


def test_a_store_without_roots_trusts_nobody() -> None:
    for store in (TrustStore(), TrustStore([])):
        assert text(store.check_certificate(signed_by(1, 2), NOW)) == f"CA key {number_of(1)} is not known to us"


@pytest.mark.rule("1, 5.5 rule 7")
def test_roots_and_authorities_may_be_added_at_any_time() -> None:
    store = TrustStore([])
    store.add_certificate(authority(1, 2, app_ids=[5]))
    assert "not trusted" in text(store.check_certificate(signed_by(2, 3), NOW))
    store.add_root(key(1).public)
    assert store.check_certificate(signed_by(2, 3), NOW) == Scope(frozenset({5}), None, LATER)
    store.revoke(number_of(1))
    assert "Revoked" in text(store.check_certificate(signed_by(2, 3), NOW))


@pytest.mark.rule("1, 5.5 rule 7")
def test_even_a_root_can_be_revoked() -> None:
    store = TrustStore([key(1).public])
    store.revoke(number_of(1))
    assert text(store.check_key(number_of(1), NOW)) == f"Key public ID{number_of(1)} has been revoked!"


@pytest.mark.rule("1, 5.5 rule 1")
def test_a_key_may_be_revoked_before_it_is_known() -> None:
    store = TrustStore()
    store.revoke(number_of(1))
    assert "Revoked" in text(store.check_certificate(signed_by(1, 2), NOW))
    store.add_certificate(authority(1, 1))
    assert "Revoked" in text(store.check_certificate(signed_by(1, 2), NOW))


@pytest.mark.rule("1, 5.5 rule 2")
def test_the_newest_certificate_of_a_key_counts() -> None:
    store = TrustStore([key(1).public])
    store.add_certificate(authority(1, 2, time_created=10, app_ids=[1]))
    store.add_certificate(authority(1, 2, time_created=20, app_ids=[2]))
    store.add_certificate(authority(1, 2, time_created=15, app_ids=[3]))
    store.add_certificate(authority(9, 2, time_created=30, app_ids=[4]))
    assert store.check_key(number_of(2), NOW) == Scope(frozenset({2}), None, LATER)


@pytest.mark.rule("1, 5.5 rule 1")
def test_adding_a_certificate_twice_changes_nothing() -> None:
    store = TrustStore([])
    store.add_certificate(authority(9, 2))
    store.add_certificate(authority(9, 2))
    assert "None of" not in text(store.check_certificate(signed_by(2, 3), NOW))
    store.add_certificate(authority(8, 2))
    assert "None of 2 certs trusted.  (E.g.: CA key" in text(store.check_certificate(signed_by(2, 3), NOW))


def test_an_authority_with_a_forged_signature_is_not_trusted() -> None:
    forged = signed_by(1, 2)
    forged.ca_signature = key(3).sign(forged.cert)
    store = TrustStore([key(1).public])
    store.add_certificate(forged.SerializeToString())
    assert "Failed signature verification" in text(store.check_certificate(signed_by(2, 3), NOW))


@pytest.mark.rule("1, 5.5 rule 4")
def test_a_forged_self_signed_certificate_makes_no_root() -> None:
    forged = signed_by(1, 1)
    forged.ca_signature = key(3).sign(forged.cert)
    store = TrustStore(self_signed_roots=True)
    store.add_certificate(forged.SerializeToString())
    assert "Failed signature verification" in text(store.check_certificate(signed_by(1, 2), NOW))


@pytest.mark.rule("1, 5.5 rule 3")
@pytest.mark.parametrize(
    ("above", "below", "problem"),
    [
        ({"app_ids": [1, 2]}, {"app_ids": [3]}, "All apps excluded"),
        ({"gameserver_datacenter_ids": [1]}, {"gameserver_datacenter_ids": [2]}, "All pops excluded"),
    ],
)
def test_a_chain_that_allows_nothing_is_not_trusted(above: dict[str, Any], below: dict[str, Any], problem: str) -> None:
    store = TrustStore([key(1).public])
    store.add_certificate(authority(1, 2, **above))
    store.add_certificate(authority(2, 3, **below))
    assert problem in text(store.check_certificate(signed_by(3, 4), NOW))


@pytest.mark.rule("1, 5.5 rule 3")
def test_rights_shrink_along_the_chain() -> None:
    store = TrustStore([key(1).public])
    store.add_certificate(authority(1, 2, app_ids=[1, 2], time_expiry=LATER))
    store.add_certificate(authority(2, 3, app_ids=[2, 3], gameserver_datacenter_ids=[7], time_expiry=LATER + 1))
    assert store.check_key(number_of(3), NOW) == Scope(frozenset({2}), frozenset({7}), LATER)


def test_the_greatest_app_id_is_no_wildcard() -> None:
    """Nothing but an empty list means "all"."""
    store = TrustStore([key(1).public])
    store.add_certificate(authority(1, 2, app_ids=[0xFFFFFFFF]))
    verdict = store.check_key(number_of(2), NOW)
    assert isinstance(verdict, Scope)
    assert app_id_problem(Certificate(), verdict, 0) is not None


@pytest.mark.rule("1, 5.5 rule 2")
def test_loops_are_not_trusted_and_do_no_harm() -> None:
    store = TrustStore([key(1).public])
    store.add_certificate(authority(3, 2))
    store.add_certificate(authority(2, 3))
    cycle = f"Cycle detected in trust chain!  (Cert for key {number_of(3)}, signed by CA key {number_of(2)})"
    assert text(store.check_certificate(signed_by(2, 4), NOW)).endswith(cycle)
    store.add_certificate(authority(1, 3))
    for signer in (2, 3):
        assert isinstance(store.check_certificate(signed_by(signer, 4), NOW), Scope)


@pytest.mark.rule("1, 5.5 rule 7")
def test_chains_have_a_limit() -> None:
    store = TrustStore([key(1).public])
    last = 1 + MAX_CHAIN_CERTIFICATES
    for subject in range(2, last + 2):
        store.add_certificate(authority(subject - 1, subject))
    assert isinstance(store.check_certificate(signed_by(last, 99), NOW), Scope)
    assert "more than 8 certs" in text(store.check_certificate(signed_by(last + 1, 99), NOW))


@pytest.mark.rule("1, 5.4 rule 1")
@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (certificate_of(2, key_type="KEY_TYPE_INVALID"), "Cert has invalid key type 0"),
        (certificate_of(2, key_data=bytes(31)), "Cert has invalid public key"),
        (b"\xff\xff", "Cert failed protobuf parse"),
        (b"", "No signed data"),
    ],
)
def test_odd_certificates_with_a_good_signature(content: bytes, problem: str) -> None:
    signed = CertificateSigned(cert=content, ca_key_id=number_of(1), ca_signature=key(1).sign(content))
    assert text(TrustStore([key(1).public]).check_certificate(signed, NOW)) == problem


@pytest.mark.rule("1, 5.5 rule 1")
@pytest.mark.parametrize(
    ("signed", "problem"),
    [
        (b"\xff\xff", "failed protobuf parse"),
        (b"", "No cert data"),
        (CertificateSigned(cert=b"\xff\xff").SerializeToString(), "failed protobuf parse"),
        (authority(1, 2, legacy_steam_id=5), "bound to particular identity"),
        (authority(1, 2, legacy_identity_binary={}), "bound to particular identity"),
    ],
)
def test_what_is_no_certificate_of_an_authority(signed: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        TrustStore().add_certificate(signed)


def test_a_root_must_be_a_key() -> None:
    with pytest.raises(ValueError, match="33 bytes, must have 32"):
        TrustStore([bytes(33)])


def test_two_keys_with_the_same_id_are_refused() -> None:
    """Two such keys would cost years to find, so one is planted."""
    store = TrustStore()
    store._public_keys[number_of(2)] = key(1).public
    with pytest.raises(ValueError, match=f"key id {number_of(2)} is in the store already"):
        store.add_root(key(2).public)


@pytest.mark.parametrize(
    ("allowed", "problem"),
    [
        ([7], "Cert is not authorized for POPID eat, only ???"),
        ([pop_id("iad"), pop_id("sto")], "Cert is not authorized for POPID eat, only iad (and 1 more)"),
        ([pop_id("eat")], "Cert allows POPID eat, but CA trust chain does not"),
    ],
)
def test_data_centres_of_a_certificate(allowed: list[int], problem: str) -> None:
    certificate = Certificate(gameserver_datacenter_ids=allowed)
    scope = Scope(None, frozenset({pop_id("iad")}), LATER)
    assert pop_id_problem(certificate, scope, pop_id("eat")) == problem
    assert pop_id_problem(Certificate(), None, pop_id("eat")) is None
