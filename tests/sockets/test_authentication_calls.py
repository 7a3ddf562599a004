"""How does an object come to its certificate, what refuses one, and who is told? (spec 1, 5.8; spec 3, 13.2)"""

import logging
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

import gamesockets as gs
from gamesockets import pki
from gamesockets.wire.messages_pb2 import CertificateSigned

ALICE: Final = gs.NetworkingIdentity.generic_string("alice")
BOB: Final = gs.NetworkingIdentity.generic_string("bob")
ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))
CALLBACK: Final = gs.ConfigurationValue.CALLBACK_AUTH_STATUS_CHANGED
CURRENT: Final = gs.AuthenticationStatus(gs.Availability.CURRENT, "OK")
NONE: Final = gs.AuthenticationStatus(gs.Availability.CANNOT_TRY, "No certificate authority")


@pytest.fixture
def sockets() -> Iterator[gs.NetworkingSockets]:
    with gs.NetworkingSockets(ALICE, trust=ROOT.trust()) as opened:
        yield opened


@pytest.fixture
def told() -> Iterator[list[gs.AuthenticationStatus]]:
    heard: list[gs.AuthenticationStatus] = []
    assert gs.Library.set_configuration_value(CALLBACK, heard.append)
    yield heard
    gs.Library.set_configuration_value(CALLBACK, None)


def certificate_for(sockets: gs.NetworkingSockets, **changes: Any) -> bytes:
    authority: pki.CertificateAuthority = changes.pop("authority", ROOT)
    arguments: dict[str, Any] = {"subject": sockets.get_certificate_request(), "days": 1}
    return authority.issue(**(arguments | changes)).signed


@pytest.mark.rule("1, 5.8 rule 1", "1, 2.8 rule 1")
def test_the_request_stays_the_same_until_the_identity_changes(sockets: gs.NetworkingSockets) -> None:
    request = sockets.get_certificate_request()
    assert request == sockets.get_certificate_request()
    certificate = ROOT.issue(request, days=1)
    assert certificate.identity == ALICE
    sockets.reset_identity(BOB)
    assert sockets.get_certificate_request() != request


@pytest.mark.rule("1, 5.8 rule 3", "3, 5.7")
def test_a_certificate_makes_it_current(sockets: gs.NetworkingSockets, told: list[gs.AuthenticationStatus]) -> None:
    assert sockets.init_authentication() == gs.Availability.CANNOT_TRY
    assert sockets.get_authentication_status() == NONE
    assert sockets.set_certificate(certificate_for(sockets)) == ""
    assert sockets.get_authentication_status() == CURRENT
    assert sockets.init_authentication() == gs.Availability.CURRENT
    assert told == [], "callbacks come in run_callbacks only"
    assert sockets.wait(timeout=0)
    sockets.run_callbacks()
    assert told == [CURRENT]
    sockets.set_certificate(certificate_for(sockets))  # renewed: no change of the status
    sockets.run_callbacks()
    assert told == [CURRENT]
    sockets.reset_identity(BOB)
    sockets.run_callbacks()
    assert told == [CURRENT, NONE]
    assert sockets.get_identity() == BOB


@pytest.mark.rule("1, 5.8 rule 2")
def test_who_is_nobody_takes_the_identity_of_the_certificate() -> None:
    with gs.NetworkingSockets(trust=ROOT.trust()) as sockets:
        assert ROOT.issue(sockets.get_certificate_request(), ALICE, days=1).identity == ALICE
        sockets.set_certificate(certificate_for(sockets, identity=ALICE))
        assert sockets.get_identity() == ALICE


def with_private_key(signed: bytes) -> bytes:
    message = CertificateSigned()
    message.ParseFromString(signed)
    message.private_key_data = b"k" * 32
    return message.SerializeToString()


@pytest.mark.rule("1, 5.8 rule 2")
def test_what_is_refused(sockets: gs.NetworkingSockets) -> None:
    other = pki.CertificateAuthority(pki.SigningKey(b"o" * 32))
    good = certificate_for(sockets)
    refused = {
        b"\xff\xff": "CMsgSteamDatagramCertificateSigned failed protobuf parse",
        b"": "No signed data",
        good[:-1]: "failed protobuf parse",
        with_private_key(good): "carries a private key, which would be sent to every peer",
        certificate_for(sockets, authority=other): "is not known to us",
        good[:-8] + bytes(8): "Signature verification failed",
        certificate_for(sockets, subject=pki.create_key().public, identity=ALICE): "does not match our private key",
        certificate_for(sockets, subject=pki.create_key().public, identity=BOB): (
            "Cert is for identity 'str:bob'.  We are 'str:alice'"
        ),
        certificate_for(sockets, app_ids=(440,)): "Cert does not authorize us for App 0",
        good + b"\x7a\x00" * 600: "at most 1024 can be sent",
        good + good: "field 4 comes twice",
    }
    for blob, text in refused.items():
        with pytest.raises(gs.CertificateError) as raised:
            sockets.set_certificate(blob)
        assert text in str(raised.value)
        assert sockets.get_authentication_status() == NONE
    with pytest.raises(TypeError, match="certificate must be bytes, not 'PEM'"):
        sockets.set_certificate("PEM")  # type: ignore[arg-type]


@pytest.mark.rule("1, 5.8 rule 2")
def test_without_a_request_there_is_no_key() -> None:
    with gs.NetworkingSockets(ALICE, trust=ROOT.trust()) as sockets:
        certificate = ROOT.issue(pki.create_key().public, ALICE, days=1).signed
        with pytest.raises(gs.CertificateError, match=r"Cannot set cert\.  No private key\?"):
            sockets.set_certificate(certificate)


def test_a_certificate_of_an_authority_proves_nobody(sockets: gs.NetworkingSockets) -> None:
    key = pki.create_key()
    certificate = ROOT.issue_authority(key.public, days=1)
    with pytest.raises(gs.CertificateError, match="Cert has no identity"):
        sockets.set_certificate(certificate.signed)


@pytest.mark.rule("1, 5.8 rule 2")
def test_one_that_has_expired_is_taken_with_a_warning(
    sockets: gs.NetworkingSockets, caplog: pytest.LogCaptureFixture
) -> None:
    """As in the reference library: the status is "current", but it is not shown to peers."""
    with caplog.at_level(logging.WARNING, logger="gamesockets"):
        warning = sockets.set_certificate(certificate_for(sockets, created_s=1_700_000_000))
    assert warning.startswith("Cert expired")
    assert "the certificate was taken, but: Cert expired" in caplog.text
    assert sockets.get_authentication_status() == CURRENT


def test_a_certificate_that_is_about_to_expire_is_said_so(caplog: pytest.LogCaptureFixture) -> None:
    key = pki.create_key()
    soon = ROOT.issue(key.public, ALICE, days=200 / 86_400)
    credentials = pki.Credentials.certified(soon, key)
    with gs.NetworkingSockets(credentials=credentials) as sockets, caplog.at_level(logging.WARNING, "gamesockets"):
        sockets.create_listen_socket(gs.Address("127.0.0.1", 0))
        assert "our certificate for str:alice expires in" in caplog.text
        caplog.clear()
        credentials.renew(ROOT.issue(key.public, ALICE, days=1))
        sockets.create_listen_socket(gs.Address("127.0.0.1", 0))
        assert "expires" not in caplog.text


def test_only_the_same_owner_can_be_renewed() -> None:
    key = pki.create_key()
    credentials = pki.Credentials.certified(ROOT.issue(key.public, ALICE, days=1), key)
    with pytest.raises(gs.CertificateError, match="is for str:bob, and we are str:alice"):
        credentials.renew(ROOT.issue(key.public, BOB, days=1))
    with pytest.raises(gs.CertificateError, match="about another key"):
        credentials.renew(ROOT.issue(pki.create_key().public, ALICE, days=1))
    with pytest.raises(gs.CertificateError, match="about another key"):
        pki.Credentials(ALICE).renew(ROOT.issue(key.public, ALICE, days=1))


# ---------------------------------------------------------------------- the process


def test_what_the_process_trusts_counts_for_whoever_has_no_store_of_its_own() -> None:
    with gs.NetworkingSockets(ALICE) as sockets:
        certificate = certificate_for(sockets)
        with pytest.raises(gs.CertificateError, match="is not known to us"):
            sockets.set_certificate(certificate)
        gs.Library.trust.add_root(ROOT.public_key)
        try:
            sockets.set_certificate(certificate)
            config = {gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0}
            sockets.create_listen_socket(gs.Address("127.0.0.1", 0), config)
        finally:
            assert gs.Library.trust.remove_root(ROOT.key_id)
            assert not gs.Library.trust.remove_root(ROOT.key_id)
        with pytest.raises(ValueError, match="needs a certificate authority"):
            sockets.create_listen_socket(gs.Address("127.0.0.1", 0), config)


def test_the_app_of_the_process() -> None:
    assert gs.Library.get_app_id() == 0
    gs.Library.set_app_id(440)
    try:
        with gs.NetworkingSockets(ALICE, trust=ROOT.trust()) as sockets:
            with pytest.raises(RuntimeError, match="cannot change while"):
                gs.Library.set_app_id(0)
            gs.Library.set_app_id(440)  # no change
            with pytest.raises(gs.CertificateError, match="does not authorize us for App 440"):
                sockets.set_certificate(certificate_for(sockets))
            assert sockets.set_certificate(certificate_for(sockets, app_ids=(0, 440))) == ""
        key = pki.create_key()
        with pytest.raises(ValueError, match="the certificate is for app 0, and this process runs as app 440"):
            gs.NetworkingSockets(credentials=pki.Credentials.certified(ROOT.issue(key.public, ALICE, days=1), key))
    finally:
        gs.Library.set_app_id(0)
    with pytest.raises(ValueError, match="app_id must be"):
        gs.Library.set_app_id(-1)


def test_time_comes_from_this_machine(sockets: gs.NetworkingSockets) -> None:
    assert sockets.set_certificate(certificate_for(sockets, created_s=int(time.time()) - 10)) == ""
