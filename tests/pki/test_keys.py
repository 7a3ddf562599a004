"""Are private keys kept as they should be, and read from whoever wrote them?"""

import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import gamesockets as gs
from gamesockets import pki
from gamesockets.values.entropy import SeededEntropy

KEY: Final = pki.SigningKey(b"k" * 32)
POSIX: Final = pytest.mark.skipif(sys.platform == "win32", reason="rights of files are those of POSIX")
SSH_KEYGEN: Final = shutil.which("ssh-keygen")


def test_a_key_is_new_each_time() -> None:
    assert pki.create_key().public != pki.create_key().public


@POSIX
@pytest.mark.parametrize("overwrite", [False, True])
def test_only_the_owner_may_read_it(tmp_path: Path, overwrite: bool) -> None:
    path = tmp_path / "alice.key"
    if overwrite:
        path.write_text("another")
        path.chmod(0o644)
    pki.save_key(path, KEY, overwrite=overwrite)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert pki.load_key(path).seed == KEY.seed
    assert [entry.name for entry in tmp_path.iterdir()] == ["alice.key"]


def test_a_key_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    pki.save_key(path, KEY)
    with pytest.raises(FileExistsError, match="exists already"):
        pki.save_key(path, pki.create_key())
    assert pki.load_key(path).seed == KEY.seed
    assert [entry.name for entry in tmp_path.iterdir()] == ["alice.key"]


def test_a_passphrase_protects_it(tmp_path: Path) -> None:
    pytest.importorskip("bcrypt")
    path = tmp_path / "root.key"
    pki.CertificateAuthority(KEY).save(path, "correct horse")
    assert KEY.seed not in path.read_bytes()
    assert pki.CertificateAuthority.load(path, "correct horse").public_key == KEY.public
    with pytest.raises(gs.CertificateError, match="encrypted: it needs its passphrase"):
        pki.load_key(path)
    with pytest.raises(gs.CertificateError, match="wrong passphrase"):
        pki.load_key(path, "battery staple")


def test_one_that_is_not_encrypted_takes_any_passphrase() -> None:
    assert pki.key_from_text(pki.key_to_text(KEY), "whatever").seed == KEY.seed


def test_wrong_passphrases_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        pki.key_to_text(KEY, "")
    with pytest.raises(TypeError, match="passphrase must be a str or None, not bytes"):
        pki.key_to_text(KEY, b"secret")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "isn't a valid PEM"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\n????\n-----END OPENSSH PRIVATE KEY-----", "not base64"),
        (pki.key_to_text(KEY)[:60] + "-----END OPENSSH PRIVATE KEY-----", "private key"),
    ],
)
def test_what_is_no_key(text: str, problem: str) -> None:
    with pytest.raises(gs.CertificateError, match=problem):
        pki.key_from_text(text)


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(2 << 20))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    for name, problem in (("large", "this is some other file"), ("binary", "no text file")):
        with pytest.raises(gs.CertificateError, match=problem):
            pki.load_key(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        pki.load_key(tmp_path / "none")


@pytest.mark.skipif(SSH_KEYGEN is None, reason="there is no ssh-keygen here")
@pytest.mark.parametrize("passphrase", ["", "correct horse"])
def test_keys_of_openssh(tmp_path: Path, passphrase: str) -> None:
    if passphrase:
        pytest.importorskip("bcrypt")
    path = tmp_path / "id"
    subprocess.run([str(SSH_KEYGEN), "-q", "-t", "ed25519", "-N", passphrase, "-f", str(path)], check=True)
    key = pki.load_key(path, passphrase or None)
    trust = pki.load_trust(tmp_path / "id.pub")
    certificate = pki.CertificateAuthority(key).issue(KEY.public, gs.NetworkingIdentity.parse("str:a"), days=1)
    trust.verify(certificate, certificate.created_s)


def test_a_key_says_nothing_of_itself() -> None:
    credentials = pki.Credentials(gs.NetworkingIdentity.parse("str:a"), KEY)
    for text in (repr(KEY), repr(credentials), repr(pki.CertificateAuthority(KEY))):
        assert KEY.seed.hex() not in text
        assert repr(KEY.seed) not in text
    assert KEY.seed not in credentials.unsigned_certificate(SeededEntropy(1), 0)
    assert KEY.seed not in credentials.request(SeededEntropy(1))
