"""`gamesockets cert`: be an authority, ask for certificates, issue, look at, verify and revoke them."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import gamesockets as gs
from gamesockets import pki
from gamesockets.cli.completions import complete_identity
from gamesockets.cli.help_text import examples
from gamesockets.cli.peers import parse_identity
from gamesockets.cli.proof import PASSPHRASE_VARIABLE, load_key, load_trust, new_passphrase, reading
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_USAGE, InputError, fail, printable, say

ROOT_EPILOG: Final = examples(
    ("gamesockets cert root root.key", "writes root.key, which stays secret, and root.pub for everybody"),
    ("gamesockets cert root root.key --encrypt", "the same, with a passphrase"),
)
REQUEST_EPILOG: Final = examples(
    ("gamesockets cert request ada.key --identity str:ada", "makes ada.key if there is none, and ada.request"),
    ("gamesockets cert request login.key", "for an authority below the root: without identity"),
)
ISSUE_EPILOG: Final = examples(
    ("gamesockets cert issue ada.request --ca root.key", "for 30 days: writes ada.cert"),
    ("gamesockets cert issue login.request --ca root.key --authority", "lets another key sign"),
    ("gamesockets cert issue ada.request --ca login.key --ca-cert login.cert", "signed by that one"),
)
SHOW_EPILOG: Final = examples(("gamesockets cert show ada.cert", "also for requests, keys, and lists of roots"))
VERIFY_EPILOG: Final = examples(("gamesockets cert verify ada.cert --trust root.pub", "would it be believed?"))
REVOKE_EPILOG: Final = examples(
    ("gamesockets cert revoke ada.cert --trust root.pub", "by the certificate"),
    ("gamesockets cert revoke 5738374653283764512 --trust root.pub", "by the number of its key"),
)

app = typer.Typer(help="Certificates of your own: prove who is who, without Steam.", no_args_is_help=True)

Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]
Apps = Annotated[list[int] | None, typer.Option("--app", metavar="ID", help="An app that it is good for; repeatable.")]


@app.command(epilog=ROOT_EPILOG)
def root(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="Where to write the private key.")],
    encrypt: Annotated[
        bool, typer.Option("--encrypt", help=f"Ask for a passphrase, or take the one in {PASSPHRASE_VARIABLE}.")
    ] = False,
    force: Force = False,
) -> None:
    """Make an authority: a private key, and its public key in a file beside it that ends with .pub.

    Whoever has the private key can be anybody. The public key is all that others need to trust it.

    Exit status: 0 both were written, 1 they were not, 2 wrong usage.
    """
    public = key.with_suffix(".pub")
    if key == public:
        fail("cert root", "the private key cannot be in a .pub file, which is for the public one", EXIT_USAGE)
    try:
        authority = pki.CertificateAuthority.create()
        passphrase = new_passphrase() if encrypt else None
        _may_write(public, force)
        with reading(key):
            authority.save(key, passphrase, overwrite=force)
        _write(public, pki.public_key_to_text(authority.public_key) + "\n", force)
    except InputError as error:
        fail("cert root", str(error), EXIT_USAGE)
    say(f"wrote {key} (secret) and {public}: key {authority.key_id}")


@app.command(epilog=REQUEST_EPILOG)
def request(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The private key; it is made if there is none.")],
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who is to be certified, such as str:ada; left out for an authority.",
            autocompletion=complete_identity,
        ),
    ] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; KEY with .request when left out.")
    ] = None,
    force: Force = False,
) -> None:
    """Ask for a certificate: write a request that an authority can sign. It holds no secret.

    Exit status: 0 it was written, 1 it was not, 2 wrong usage.
    """
    target = key.with_suffix(".request") if out is None else out
    try:
        who = parse_identity(identity)
        _may_write(target, force)
        if key.exists():
            secret = load_key(key)
        else:
            secret = pki.create_key()
            with reading(key):
                pki.save_key(key, secret)
        with reading(target):
            text = pki.request_to_text(pki.create_request(secret, who))
        _write(target, text, force)
    except InputError as error:
        fail("cert request", str(error), EXIT_USAGE)
    say(f"wrote {target}: {'an authority' if who is None else printable(str(who))}")


@app.command(epilog=ISSUE_EPILOG)
def issue(
    request: Annotated[Path, typer.Argument(metavar="REQUEST", help="The request, as `cert request` writes it.")],
    ca: Annotated[Path, typer.Option("--ca", metavar="KEY", help="The private key of the authority.")],
    ca_certificate: Annotated[
        Path | None,
        typer.Option("--ca-cert", metavar="FILE", help="The authority's own certificate, unless it is a root."),
    ] = None,
    identity: Annotated[
        str,
        typer.Option(
            "--identity",
            metavar="TEXT",
            help="Who is certified, if the request does not say.",
            autocompletion=complete_identity,
        ),
    ] = "",
    authority: Annotated[bool, typer.Option("--authority", help="Let the key sign certificates itself.")] = False,
    days: Annotated[float, typer.Option("--days", min=0.0001, max=36_525, help="How long it is valid.")] = 30,
    apps: Apps = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to; REQUEST with .cert when left out.")
    ] = None,
    force: Force = False,
) -> None:
    """Sign a request: write a certificate. That its owner may have this identity, you have checked.

    Without --app it is good for app 0, that of the open-source library; one of an authority for all apps.

    Exit status: 0 it was written, 1 it was not, 2 wrong usage.
    """
    target = request.with_suffix(".cert") if out is None else out
    try:
        who = parse_identity(identity)
        _may_write(target, force)
        with reading(request):
            asked = pki.request_from_text(request.read_text("utf-8", "replace"))
        signer_certificate = None
        if ca_certificate is not None:
            with reading(ca_certificate):
                signer_certificate = pki.load_certificate(ca_certificate)
        signer_key = load_key(ca)
        with reading(ca):
            signer = pki.CertificateAuthority(signer_key, signer_certificate)
        with reading(request):
            if authority:
                made = signer.issue_authority(asked, days=days, app_ids=apps or ())
            else:
                made = signer.issue(asked, who, days=days, app_ids=apps or (0,))
        _write(target, pki.certificate_to_text(made), force)
    except InputError as error:
        fail("cert issue", str(error), EXIT_USAGE)
    say(f"wrote {target}")
    for line in _lines(made):
        say(line)


@app.command(epilog=SHOW_EPILOG)
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A certificate, request, key, or list of roots.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON document, of a certificate.")] = False,
) -> None:
    """Say what is in a file. Of a private key only the public one is shown.

    Exit status: 0 it was shown, 2 it cannot be read.
    """
    try:
        with reading(file):
            data = file.read_bytes()
            text = data.decode("utf-8", "replace")
            if "PRIVATE KEY-----" in text:
                say(pki.public_key_to_text(load_key(file).public))
            elif "CERT REQUEST-----" in text:
                public_key, who = pki.read_request(pki.request_from_text(text))
                say(f"request for {'an authority' if who is None else printable(str(who))}")
                say(pki.public_key_to_text(public_key))
            elif text.lstrip().startswith(("ssh-", "#", "revoked")):
                _show_trust(pki.trust_from_text(text))
            else:
                certificate = pki.load_certificate(file)
                if as_json:
                    say(json.dumps(_document(certificate), indent=2))
                else:
                    for line in _lines(certificate):
                        say(line)
    except InputError as error:
        fail("cert show", str(error), EXIT_USAGE)


@app.command(epilog=VERIFY_EPILOG)
def verify(
    certificate: Annotated[Path, typer.Argument(metavar="CERT", help="The certificate.")],
    trust: Annotated[Path, typer.Option("--trust", metavar="FILE", help="Whose certificates count.")],
    identity: Annotated[
        str,
        typer.Option("--identity", metavar="TEXT", help="Who it must be.", autocompletion=complete_identity),
    ] = "",
    app_id: Annotated[int, typer.Option("--app", metavar="ID", min=0, help="The app it must be good for.")] = 0,
) -> None:
    """Say whether peers that trust those roots would believe a certificate now.

    Exit status: 0 they would, 1 they would not, 2 wrong usage.
    """
    try:
        expected = parse_identity(identity)
        with reading(certificate):
            shown = pki.load_certificate(certificate)
        store = load_trust(trust)
    except InputError as error:
        fail("cert verify", str(error), EXIT_USAGE)
    try:
        store.verify(shown, int(time.time()), app_id)
    except gs.CertificateError as error:
        fail("cert verify", f"{certificate}: {error}", EXIT_FAILURE)
    if expected is not None and shown.identity != expected:
        fail("cert verify", f"{certificate}: it is for {_owner(shown)}, not for {identity}", EXIT_FAILURE)
    say(f"{certificate}: good for {_owner(shown)}")


@app.command(epilog=REVOKE_EPILOG)
def revoke(
    certificate: Annotated[str, typer.Argument(metavar="CERT", help="The certificate, or the number of its key.")],
    trust: Annotated[Path, typer.Option("--trust", metavar="FILE", help="The list to add it to.")],
) -> None:
    """Never believe a key again: add it to the list that servers are given with --trust.

    A running server reads its list when it starts, or when its program says so.

    Exit status: 0 it was added or there already, 1 it was not, 2 wrong usage.
    """
    try:
        if certificate.isascii() and certificate.isdecimal():
            key_id = int(certificate)
        else:
            with reading(Path(certificate)):
                key_id = pki.load_certificate(certificate).key_id
        store = load_trust(trust)
        if key_id in store.revoked_key_ids:
            say(f"key {key_id} is revoked already")
            return
        with reading(trust):
            text = trust.read_text("utf-8")
            text += ("" if text.endswith("\n") else "\n") + f"revoked {key_id} {time.strftime('%Y-%m-%d')}\n"
            pki.trust_from_text(text)
        _write(trust, text, True)
    except InputError as error:
        fail("cert revoke", str(error), EXIT_USAGE)
    say(f"key {key_id} is revoked in {trust}")


def _may_write(path: Path, force: bool) -> None:
    """Before anything is made. Raises `InputError`."""
    if path.exists() and not force:
        raise InputError(f"{path} exists already: give another name, or --force")


def _write(path: Path, text: str, force: bool) -> None:
    with reading(path):
        pki.save_text(path, text, overwrite=force)


def _owner(certificate: pki.Certificate) -> str:
    return "an authority" if certificate.identity is None else printable(str(certificate.identity))


def _lines(certificate: pki.Certificate) -> list[str]:
    apps = ", ".join([str(app_id) for app_id in certificate.app_ids]) or "all that the authority may speak for"
    signer = "itself" if certificate.is_self_signed else f"key {certificate.ca_key_id}"
    left_s = certificate.expires_s - int(time.time())
    state = f"{left_s / 86_400:.1f} days left" if left_s >= 0 else "expired"
    return [
        f"identity  {_owner(certificate)}",
        f"key       {certificate.key_id}",
        f"apps      {apps}",
        f"from      {_date(certificate.created_s)}",
        f"until     {_date(certificate.expires_s)} ({state})",
        f"signed by {signer}",
    ]


def _document(certificate: pki.Certificate) -> dict[str, Any]:
    return {
        "identity": None if certificate.identity is None else str(certificate.identity),
        "public_key": certificate.public_key.hex(),
        "public_key_id": str(certificate.key_id),
        "ca_key_id": str(certificate.ca_key_id),
        "app_ids": list(certificate.app_ids),
        "pop_ids": list(certificate.pop_ids),
        "time_created": certificate.created_s,
        "time_expiry": certificate.expires_s,
    }


def _show_trust(trust: pki.TrustStore) -> None:
    for key_id in sorted(trust.root_key_ids):
        say(f"root      key {key_id}")
    for key_id in sorted(trust.revoked_key_ids):
        say(f"revoked   key {key_id}")


def _date(unix_time_s: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_time_s))
