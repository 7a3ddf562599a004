"""Do the commands make, show, verify and revoke certificates, and do the others use them?"""

import json
import stat
import sys
from pathlib import Path

import pytest
from tests.support.programs import Program, gamesockets
from typer.testing import CliRunner

import gamesockets as gs
from gamesockets import pki
from gamesockets.cli.whole import app

runner = CliRunner()


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(gs.__file__).resolve().parents[1]))  # it may be relative
    return tmp_path


def run(*words: str, status: int = 0) -> str:
    result = runner.invoke(app, words)
    assert result.exit_code == status, result.output
    return result.output


def certified(name: str, *more: str) -> None:
    run("cert", "request", f"{name}.key", "--identity", f"str:{name}")
    run("cert", "issue", f"{name}.request", "--ca", "root.key", *more)


def test_from_nothing_to_required() -> None:
    run("cert", "root", "root.key")
    for name in ("server", "ada"):
        certified(name)
    proof = ["--cert", "server.cert", "--key", "server.key", "--trust", "root.pub", "--require"]
    with Program(gamesockets("echo", "--bind", "127.0.0.1:0", *proof)) as program:
        address = program.wait_for(r"listening on (\S+)")[1]
        own = ["--cert", "ada.cert", "--key", "ada.key", "--trust", "root.pub", "--require"]
        output = run("ping", address, "-c", "2", "-i", "0.01", *own)
        assert "str:server, encrypted" in output
        program.wait_for(r"^\+ 127\.0\.0\.1:\d+, str:ada, encrypted connected")
        assert "no answer" in run("ping", address, "-c", "1", "-W", "0.7", status=1)
        run("load", address, "-n", "2", "-d", "0.3", *own)  # fails unless all clients did well
        run("monitor", address, "-d", "0.6", "-i", "0.2", "--json", *own)  # fails unless it was connected at the end


def test_what_is_in_a_file() -> None:
    run("cert", "root", "root.key")
    certified("ada", "--days", "2", "--app", "0", "--app", "440")
    shown = run("cert", "show", "ada.cert")
    assert "identity  str:ada" in shown
    assert "apps      0, 440" in shown
    assert "2.0 days left" in shown
    document = json.loads(run("cert", "show", "ada.cert", "--json"))
    certificate = pki.load_certificate("ada.cert")
    assert document["public_key_id"] == str(certificate.key_id)
    assert document["time_expiry"] == certificate.expires_s
    assert "request for str:ada" in run("cert", "show", "ada.request")
    public = pki.public_key_to_text(pki.load_key("ada.key").public)
    shown = run("cert", "show", "ada.key")
    assert shown.strip() == public
    assert pki.load_key("ada.key").seed.hex() not in shown
    assert run("cert", "show", "root.pub").startswith("root      key ")
    Path("large").write_bytes(bytes(1 << 21))
    assert "is longer than" in run("cert", "show", "large", status=2)


@pytest.mark.skipif(sys.platform == "win32", reason="rights of files are those of POSIX")
def test_only_the_owner_reads_keys() -> None:
    run("cert", "root", "root.key")
    run("cert", "request", "ada.key", "--identity", "str:ada")
    for name, mode in (("root.key", 0o600), ("ada.key", 0o600), ("root.pub", 0o644), ("ada.request", 0o644)):
        assert stat.S_IMODE(Path(name).stat().st_mode) == mode


def test_nothing_is_overwritten_by_accident() -> None:
    run("cert", "root", "root.key")
    before = Path("root.key").read_bytes()
    assert "exists already" in run("cert", "root", "root.key", status=2)
    assert Path("root.key").read_bytes() == before
    certified("ada")
    assert "exists already" in run("cert", "issue", "ada.request", "--ca", "root.key", status=2)
    run("cert", "issue", "ada.request", "--ca", "root.key", "--force")
    key = Path("ada.key").read_bytes()
    run("cert", "request", "ada.key", "--identity", "str:ada", "--force")
    assert Path("ada.key").read_bytes() == key, "a key that is there is used"


def test_verify_and_revoke() -> None:
    run("cert", "root", "root.key")
    run("cert", "root", "other.key")
    certified("ada")
    assert "good for str:ada" in run("cert", "verify", "ada.cert", "--trust", "root.pub", "--identity", "str:ada")
    words = ("cert", "verify", "ada.cert", "--trust", "root.pub", "--identity", "str:bob")
    assert "not for str:bob" in run(*words, status=1)
    assert "not authorized" in run("cert", "verify", "ada.cert", "--trust", "root.pub", "--app", "440", status=1)
    assert "not known to us" in run("cert", "verify", "ada.cert", "--trust", "other.pub", status=1)
    key_id = pki.load_certificate("ada.cert").key_id
    run("cert", "revoke", "ada.cert", "--trust", "root.pub")
    assert "revoked already" in run("cert", "revoke", str(key_id), "--trust", "root.pub")
    assert "Revoked" in run("cert", "verify", "ada.cert", "--trust", "root.pub", status=1)
    assert f"revoked   key {key_id}" in run("cert", "show", "root.pub")


def test_an_authority_below_the_root() -> None:
    run("cert", "root", "root.key")
    run("cert", "request", "login.key")
    run("cert", "issue", "login.request", "--ca", "root.key", "--authority")
    run("cert", "request", "ada.key", "--identity", "str:ada")
    run("cert", "issue", "ada.request", "--ca", "login.key", "--ca-cert", "login.cert")
    assert "not known to us" in run("cert", "verify", "ada.cert", "--trust", "root.pub", status=1)
    trusted = Path("root.pub").read_text() + Path("login.cert").read_text()
    Path("trusted").write_text(trusted)
    run("cert", "verify", "ada.cert", "--trust", "trusted")


def test_a_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("bcrypt")
    assert "no terminal to ask" in run("cert", "root", "root.key", "--encrypt", status=2)
    monkeypatch.setenv("GAMESOCKETS_PASSPHRASE", "correct horse")
    run("cert", "root", "root.key", "--encrypt")
    certified("ada")
    monkeypatch.setenv("GAMESOCKETS_PASSPHRASE", "battery staple")
    assert "wrong passphrase" in run("cert", "issue", "ada.request", "--ca", "root.key", "--force", status=2)
    monkeypatch.delenv("GAMESOCKETS_PASSPHRASE")
    assert "no terminal to ask" in run("cert", "issue", "ada.request", "--ca", "root.key", "--force", status=2)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("cert", "root", "root.pub"), "cannot be in a .pub file"),
        (("cert", "show", "none"), "cannot open none"),
        (("cert", "request", "a.key", "--identity", "ada"), "is no identity"),
        (("cert", "verify", "none", "--trust", "none"), "cannot open none"),
        (("cert", "revoke", "none", "--trust", "none"), "cannot open none"),
        (("echo", "--cert", "a.cert"), "--cert and --key belong together"),
        (("echo", "--require"), "--require needs --trust"),
        (("ping", "localhost", "--trust", "none"), "cannot open none"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], problem: str) -> None:
    assert problem in run(*words, status=2)


def test_who_has_a_certificate_claims_nothing_beside() -> None:
    run("cert", "root", "root.key")
    certified("ada")
    words = ("--cert", "ada.cert", "--key", "ada.key", "--identity", "str:bob")
    assert "leave out --identity" in run("ping", "localhost", *words, status=2)
    assert "about another key" in run("ping", "localhost", "--cert", "ada.cert", "--key", "root.key", status=2)
    Path("empty").write_text("# nobody\n")
    assert "nobody could come" in run("echo", "--trust", "empty", "--require", status=2)
