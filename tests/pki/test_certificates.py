"""Are certificates, requests and files of what one trusts read as they were written, and nothing else?"""

from pathlib import Path
from typing import Final

import pytest
from tests.support.recorded import load

import gamesockets as gs
from gamesockets import pki

NOW: Final = 1_700_000_000
ALICE: Final = gs.NetworkingIdentity.generic_string("alice")
ROOT: Final = pki.CertificateAuthority(pki.SigningKey(b"r" * 32))
KEY: Final = pki.SigningKey(b"k" * 32)
CERTIFICATE: Final = ROOT.issue(KEY.public, ALICE, days=1, created_s=NOW)
MIDDLE_KEY: Final = pki.SigningKey(b"m" * 32)
MIDDLE: Final = ROOT.issue_authority(MIDDLE_KEY.public, days=1, created_s=NOW)
ROOT_LINE: Final = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"


def root_line(authority: pki.CertificateAuthority) -> str:
    return pki.public_key_to_text(authority.public_key)


def test_a_certificate_as_text_and_back() -> None:
    text = pki.certificate_to_text(CERTIFICATE)
    assert text.startswith("-----BEGIN STEAMDATAGRAM CERT-----\n")
    assert pki.certificate_from_text(text) == CERTIFICATE
    assert pki.certificate_from_text("".join(text.splitlines()[1:-1])) == CERTIFICATE


@pytest.mark.parametrize("as_text", [True, False])
def test_a_certificate_in_a_file(tmp_path: Path, as_text: bool) -> None:
    path = tmp_path / "alice.cert"
    if as_text:
        pki.save_certificate(path, CERTIFICATE)
        with pytest.raises(FileExistsError):
            pki.save_certificate(path, CERTIFICATE)
    else:
        path.write_bytes(CERTIFICATE.signed)
    assert pki.load_certificate(path) == CERTIFICATE
    pki.save_key(tmp_path / "alice.key", KEY)
    assert pki.load_credentials(path, tmp_path / "alice.key").identity == ALICE


@pytest.mark.parametrize("text", ["", "-----BEGIN STEAMDATAGRAM CERT-----", "!", "AAAA"])
def test_what_is_no_certificate(text: str) -> None:
    with pytest.raises(gs.CertificateError):
        pki.certificate_from_text(text)


def test_a_request_as_text_and_back() -> None:
    request = pki.create_request(KEY, ALICE)
    assert pki.request_from_text(pki.request_to_text(request)) == request
    assert KEY.seed not in request


@pytest.mark.parametrize("text", ["", pki.certificate_to_text(CERTIFICATE), pki.request_to_text(b"\x08\x01")])
def test_what_is_no_request(text: str) -> None:
    with pytest.raises(gs.CertificateError):
        pki.request_from_text(text)


def test_a_request_is_no_certificate() -> None:
    with pytest.raises(gs.CertificateError):
        pki.certificate_from_text(pki.request_to_text(pki.create_request(KEY, ALICE)))


def test_nobody_can_ask_to_be_nobody() -> None:
    with pytest.raises(ValueError, match="stands for nobody"):
        pki.create_request(KEY, gs.NetworkingIdentity.localhost())


def test_a_file_of_what_one_trusts(tmp_path: Path) -> None:
    path = tmp_path / "trusted"
    lines = ["# our root", root_line(ROOT), "", pki.certificate_to_text(MIDDLE), "revoked 5 stolen"]
    path.write_text("\n".join(lines))
    trust = pki.load_trust(path)
    assert trust.root_key_ids == {ROOT.key_id}
    assert trust.revoked_key_ids == {5}
    below = pki.CertificateAuthority(MIDDLE_KEY, MIDDLE).issue(KEY.public, ALICE, days=1, created_s=NOW)
    trust.verify(below, NOW)
    path.write_text(f"revoked {MIDDLE.key_id}\n")
    assert pki.load_trust(path, trust) is trust
    with pytest.raises(gs.CertificateError, match="Revoked"):
        trust.verify(below, NOW)


def test_a_self_signed_certificate_in_it_is_a_root() -> None:
    trust = pki.trust_from_text(pki.certificate_to_text(ROOT.self_signed(days=1, created_s=NOW)))
    trust.verify(CERTIFICATE, NOW)
    assert trust.root_key_ids == {ROOT.key_id}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ssh-rsa AAAA", "line 1: public key must look like"),
        (f"# ok\n{ROOT_LINE}", "line 2"),
        ("revoked", "line 1: after 'revoked' comes the number"),
        ("revoked -1", "comes the number"),
        (f"revoked {1 << 64}", "comes the number"),
        (pki.certificate_to_text(CERTIFICATE), "bound to particular identity"),
        (pki.certificate_to_text(CERTIFICATE).replace("CERT-----\n", "CERT-----\n!", 1), "not base64"),
    ],
)
def test_what_cannot_be_trusted(text: str, problem: str) -> None:
    trust = pki.TrustStore()
    with pytest.raises(gs.CertificateError, match=problem):
        pki.trust_from_text(f"{root_line(ROOT) if problem.startswith('bound') else text}\n{text}", trust)
    assert not trust.has_roots, "nothing of a bad file counts"


def test_the_store_of_the_recordings() -> None:
    """Root and intermediates as the reference library's own tool wrote them."""
    vectors = load("cert")
    rows = {row["name"]: row["base64"] for row in vectors["store"] if row["accepted"]}
    certificates = [pki.certificate_from_text(text) for text in rows.values()]
    assert certificates
    keys = {int(key["key_id"]) for key in vectors["keys"]}
    assert {certificate.key_id for certificate in certificates} <= keys
