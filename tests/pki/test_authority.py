"""Which certificates does an authority issue, whom do they convince, and what is refused?"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gamesockets as gs
from gamesockets import pki
from gamesockets.crypto.signed import CERTIFICATE_BYTES_MAX
from gamesockets.wire.messages_pb2 import Certificate as CertificateMessage
from gamesockets.wire.messages_pb2 import CertificateRequest, CertificateSigned

NOW: Final = 1_700_000_000
DAY: Final = 86_400
ALICE: Final = gs.NetworkingIdentity.generic_string("alice")
BOB: Final = gs.NetworkingIdentity.generic_string("bob")
ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))
OTHER: Final = pki.CertificateAuthority(pki.SigningKey(b"o" * 32))
KEY: Final = pki.SigningKey(b"k" * 32)


def issue(**changes: Any) -> pki.Certificate:
    arguments: dict[str, Any] = {"subject": KEY.public, "identity": ALICE, "days": 1, "created_s": NOW}
    return ROOT.issue(**(arguments | changes))


def test_a_certificate_says_what_was_asked_for() -> None:
    certificate = issue(days=0.5, app_ids=(0, 440))
    assert certificate.identity == ALICE
    assert certificate.public_key == KEY.public
    assert certificate.ca_key_id == ROOT.key_id
    assert certificate.app_ids == (0, 440)
    assert (certificate.created_s, certificate.expires_s) == (NOW, NOW + DAY // 2)
    assert not certificate.is_self_signed
    ROOT.trust().verify(certificate, NOW)
    ROOT.trust().verify(certificate, NOW, app_id=440)


def test_a_request_names_key_and_identity() -> None:
    certificate = issue(subject=pki.create_request(KEY, ALICE), identity=None)
    assert (certificate.identity, certificate.public_key) == (ALICE, KEY.public)
    assert issue(subject=pki.create_request(KEY), identity=BOB).identity == BOB
    assert issue(subject=pki.create_request(KEY, ALICE), identity=ALICE).identity == ALICE


def test_without_a_time_it_begins_now_by_the_clock_of_this_machine() -> None:
    certificate = ROOT.issue(KEY.public, ALICE, days=1)
    assert certificate.created_s > NOW
    assert certificate.expires_s == certificate.created_s + DAY


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"identity": None}, "there is no identity to certify"),
        ({"identity": gs.NetworkingIdentity.localhost()}, "there is no identity to certify"),
        ({"subject": pki.create_request(KEY, BOB)}, "the request is for str:bob, not for str:alice"),
        ({"subject": ROOT.public_key}, "this is the authority's own key"),
        ({"subject": b""}, "no request for a certificate: no cert data"),
        ({"subject": KEY.public[:31]}, "no request for a certificate"),
        ({"subject": bytes(2000)}, "request has 2000 bytes, must have at most"),
        ({"subject": pki.create_request(KEY, ALICE) * 2}, "field 1 comes twice"),
        ({"subject": CertificateRequest(cert=CertificateMessage()).SerializeToString()}, "invalid public key"),
        ({"days": 0}, "days must be more than 0"),
        ({"days": float("nan")}, "days must be more than 0"),
        ({"days": 1e9}, "at most 36525"),
        ({"app_ids": ()}, "must name at least one app"),
        ({"app_ids": (-1,)}, "app_ids must be numbers 0"),
        ({"app_ids": (0, 0)}, "must not name one twice"),
        ({"app_ids": range(1000)}, "at most 1024 can be sent"),
        ({"created_s": -1}, "created_s must be 0"),
    ],
)
def test_what_cannot_be_issued(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        issue(**changes)


def test_types_are_checked() -> None:
    with pytest.raises(TypeError, match="subject must be a request or a public key in bytes, not str"):
        issue(subject="alice")
    with pytest.raises(TypeError, match="key must be a SigningKey, not bytes"):
        pki.CertificateAuthority(b"r" * 32)  # type: ignore[arg-type]


# ---------------------------------------------------------------------- chains


def intermediate(days: float = 10, app_ids: tuple[int, ...] = ()) -> pki.CertificateAuthority:
    key = pki.SigningKey(b"i" * 32)
    return pki.CertificateAuthority(key, ROOT.issue_authority(key.public, days=days, app_ids=app_ids, created_s=NOW))


def test_an_intermediate_convinces_whoever_has_its_certificate() -> None:
    middle = intermediate()
    certificate = middle.issue(KEY.public, ALICE, days=1, created_s=NOW)
    trust = ROOT.trust()
    with pytest.raises(gs.CertificateError, match="is not known to us"):
        trust.verify(certificate, NOW)
    assert middle.certificate is not None
    trust.add_certificate(middle.certificate)
    trust.verify(certificate, NOW)
    trust.revoke(middle.key_id)
    with pytest.raises(gs.CertificateError, match="Revoked"):
        trust.verify(certificate, NOW)


def test_nothing_outlives_its_authority_or_speaks_for_more_apps() -> None:
    middle = intermediate(days=1, app_ids=(440,))
    assert middle.issue(KEY.public, ALICE, days=30, app_ids=(440,), created_s=NOW).expires_s == NOW + DAY
    with pytest.raises(gs.CertificateError, match="may not sign for app 0"):
        middle.issue(KEY.public, ALICE, days=1, created_s=NOW)
    with pytest.raises(gs.CertificateError, match="this authority has expired"):
        middle.issue(KEY.public, ALICE, days=1, app_ids=(440,), created_s=NOW + 2 * DAY)
    with pytest.raises(gs.CertificateError, match="no root"):
        middle.self_signed(days=1)


def test_who_owns_an_identity_certificate_is_no_authority() -> None:
    """An intermediate without the right to sign."""
    alice = issue()
    with pytest.raises(gs.CertificateError, match="for str:alice, not for an authority"):
        pki.CertificateAuthority(KEY, alice)
    with pytest.raises(gs.CertificateError, match="about another key"):
        pki.CertificateAuthority(KEY, intermediate().certificate)
    with pytest.raises(gs.CertificateError, match="an authority has no identity"):
        ROOT.issue_authority(pki.create_request(KEY, ALICE), days=1)
    trust = ROOT.trust()
    with pytest.raises(ValueError, match="bound to particular identity"):
        trust.add_certificate(alice)
    signed_by_alice = pki.CertificateAuthority(KEY).issue(pki.SigningKey(b"x" * 32).public, BOB, days=1, created_s=NOW)
    with pytest.raises(gs.CertificateError, match="is not known to us"):
        trust.verify(signed_by_alice, NOW)


def test_a_self_signed_certificate_makes_a_root_within_its_limits() -> None:
    root = ROOT.self_signed(days=1, app_ids=(440,), created_s=NOW)
    assert root.is_self_signed
    trust = pki.TrustStore([root])
    trust.verify(issue(app_ids=(440,)), NOW, app_id=440)
    with pytest.raises(gs.CertificateError, match="not authorized for appid 0"):
        trust.verify(issue(app_ids=(440,)), NOW)
    with pytest.raises(gs.CertificateError, match="expired 1 seconds ago"):
        trust.verify(issue(app_ids=(440,), days=9), NOW + DAY + 1, app_id=440)
    trust = pki.TrustStore()
    trust.add_certificate(root)  # not as a root
    with pytest.raises(gs.CertificateError, match="cannot add more self-signed certs"):
        trust.verify(issue(app_ids=(440,)), NOW, app_id=440)


# ---------------------------------------------------------------------- who is believed


@pytest.mark.parametrize(
    ("certificate", "time_s", "problem"),
    [
        (issue, NOW + DAY + 1, "Cert expired 1 seconds ago"),
        (lambda: issue(created_s=NOW + 1000), NOW, "Cert was created 1000 seconds in the future: a clock is wrong"),
        (lambda: issue(app_ids=(440,)), NOW, "Cert is not authorized for appid 0, only 440"),
        (lambda: OTHER.issue(KEY.public, ALICE, days=1, created_s=NOW), NOW, "is not known to us"),
        (lambda: pki.CertificateAuthority(KEY).self_signed(days=1, created_s=NOW), NOW, "is not known to us"),
    ],
    ids=["expired", "not yet valid", "another app", "foreign authority", "self-signed"],
)
def test_whom_nobody_believes(certificate: Callable[[], pki.Certificate], time_s: int, problem: str) -> None:
    with pytest.raises(gs.CertificateError, match=problem):
        ROOT.trust().verify(certificate(), time_s)


def test_a_forged_signature_is_seen_however_often_the_good_one_was() -> None:
    trust = ROOT.trust()
    good = issue()
    for _ in range(3):
        trust.verify(good, NOW)
    message = CertificateSigned()
    message.ParseFromString(good.signed)
    for field, data in (("cert", issue(identity=BOB).signed), ("ca_signature", bytes(64))):
        forged = CertificateSigned()
        forged.CopyFrom(message)
        if field == "cert":
            other = CertificateSigned()
            other.ParseFromString(data)
            forged.cert = other.cert
        else:
            forged.ca_signature = data
        with pytest.raises(gs.CertificateError, match="Signature verification failed"):
            trust.verify(pki.certificate_from_bytes(forged.SerializeToString()), NOW)


def test_revoked_is_revoked_although_it_was_verified_before() -> None:
    trust = ROOT.trust()
    certificate = issue()
    trust.verify(certificate, NOW)
    trust.revoke(certificate.key_id)
    with pytest.raises(gs.CertificateError, match="Revoked"):
        trust.verify(certificate, NOW)


# ---------------------------------------------------------------------- bytes


def altered(change: Callable[[CertificateSigned], object]) -> bytes:
    message = CertificateSigned()
    message.ParseFromString(issue().signed)
    change(message)
    return message.SerializeToString()


def inner_twice() -> bytes:
    message = CertificateSigned()
    message.ParseFromString(issue().signed)
    message.cert += CertificateMessage(identity_string=b"str:bob").SerializeToString()
    message.ca_signature = ROOT.key.sign(message.cert)
    return message.SerializeToString()


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the certificate is empty"),
        (b"\xff" * 40, "this is no certificate"),
        (issue().signed[:-1], "this is no certificate"),
        (issue().signed + bytes(CERTIFICATE_BYTES_MAX), "at most 1024 can be sent"),
        (issue().signed + issue(identity=BOB).signed, "field 4 comes twice"),
        (inner_twice(), "field 12 comes twice"),
        (altered(lambda message: message.ClearField("cert")), "no cert data"),
        (altered(lambda message: message.ClearField("ca_signature")), "signature of 0 bytes, must have 64"),
        (altered(lambda message: setattr(message, "ca_signature", bytes(63))), "signature of 63 bytes"),
        (
            altered(lambda message: setattr(message, "private_key_data", b"k" * 32)),
            "carries a private key, which would",
        ),
        (issue().signed + b"\x0b\x0c", "field 1 is a group"),
    ],
)
def test_what_is_no_certificate(data: bytes, problem: str) -> None:
    with pytest.raises(gs.CertificateError, match=problem):
        pki.certificate_from_bytes(data)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    for read in (pki.certificate_from_bytes, pki.TrustStore().add_certificate, lambda x: ROOT.issue(x, days=1)):
        try:
            read(data)
        except ValueError:
            continue


@given(st.data())
def test_no_single_changed_byte_is_believed(data: st.DataObject) -> None:
    signed = bytearray(issue().signed)
    place = data.draw(st.integers(0, len(signed) - 1))
    signed[place] ^= data.draw(st.integers(1, 255))
    trust = ROOT.trust()
    try:
        certificate = pki.certificate_from_bytes(bytes(signed))
        trust.verify(certificate, NOW)
    except gs.CertificateError:
        return
    assert certificate == issue()  # what was changed meant nothing


def test_what_nobody_knows_is_not_passed_on() -> None:
    """Unknown fields, which could hold anything, are not shown to peers."""
    data = issue().signed + b"\x7a\x03abc"
    assert pki.certificate_from_bytes(data).signed == issue().signed


def test_a_root_is_what_its_signed_bytes_state_whatever_the_record_says() -> None:
    own = ROOT.self_signed(days=1, created_s=NOW)
    trust = pki.TrustStore()
    trust.add_root(replace(own, key_id=OTHER.key_id, ca_key_id=OTHER.key_id))
    assert trust.root_key_ids == {ROOT.key_id}
    with pytest.raises(gs.CertificateError, match="a root must be self-signed"):
        trust.add_root(replace(issue(), ca_key_id=issue().key_id))
