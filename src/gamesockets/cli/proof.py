"""How does a command prove who it is, and what does it demand of its peers? The options for that."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Annotated, Final, TypeAlias, final

import typer

import gamesockets as gs
from gamesockets import pki
from gamesockets.cli.peers import parse_identity
from gamesockets.cli.terminal import InputError

PASSPHRASE_VARIABLE: Final = "GAMESOCKETS_PASSPHRASE"  # noqa: S105 - the name of a variable

_REQUIRED: Final = {
    gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0,
    gs.ConfigurationValue.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH: 0,
}

CertificateFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--cert", metavar="FILE", help="Our certificate, as `cert issue` writes it."),
]
KeyFile: TypeAlias = Annotated[
    Path | None, typer.Option("--key", metavar="FILE", help="The private key of our certificate.")
]
TrustFile: TypeAlias = Annotated[
    Path | None,
    typer.Option("--trust", metavar="FILE", help="Whose certificates count: public keys of roots, and more."),
]
Require: TypeAlias = Annotated[bool, typer.Option("--require", help="Refuse peers without a certificate that counts.")]


@final
@dataclass(frozen=True, slots=True)
class Proof:
    """What a command shows and demands; arguments of `NetworkingSockets` and `aio.connect`."""

    identity: gs.NetworkingIdentity | None
    credentials: pki.Credentials | None
    trust: pki.TrustStore | None
    config: dict[gs.ConfigurationValue, int]

    def open(self) -> gs.NetworkingSockets:
        """Sockets that show and demand it."""
        return gs.NetworkingSockets(self.identity, config=self.config, credentials=self.credentials, trust=self.trust)


def proof_from(identity: str, certificate: Path | None, key: Path | None, trust: Path | None, require: bool) -> Proof:
    """What the options ask for. Raises `InputError`."""
    if (certificate is None) != (key is None):
        raise InputError("--cert and --key belong together: give both or neither")
    if require and trust is None:
        raise InputError("--require needs --trust: with nobody to trust, nobody could come")
    claimed = parse_identity(identity)
    if certificate is not None and claimed is not None:
        raise InputError("the certificate says who we are: leave out --identity")
    store = None if trust is None else load_trust(trust)
    if require and store is not None and not store.has_roots:
        raise InputError(f"{trust} names no root that is not revoked: with nobody to trust, nobody could come")
    credentials = None
    if certificate is not None and key is not None:
        with reading(certificate):
            shown = pki.load_certificate(certificate)
        secret = load_key(key)
        with reading(certificate):
            credentials = pki.Credentials.certified(shown, secret)
    return Proof(claimed, credentials, store, dict(_REQUIRED) if require else {})


def load_trust(path: Path) -> pki.TrustStore:
    """Whom a file trusts. Raises `InputError`."""
    with reading(path):
        return pki.load_trust(path)


def load_key(path: Path) -> pki.SigningKey:
    """The private key in a file; asks for its passphrase if it has one. Raises `InputError`."""
    with reading(path):
        try:
            return pki.load_key(path)
        except gs.CertificateError as error:
            if "needs its passphrase" not in str(error):
                raise
        return pki.load_key(path, _passphrase(path))


def new_passphrase() -> str:
    """The one to protect a new key with: of the environment, or asked for twice. Raises `InputError`."""
    known = os.environ.get(PASSPHRASE_VARIABLE)
    if known:
        return known
    if not sys.stdin.isatty():
        raise InputError(f"there is no terminal to ask for a passphrase: set {PASSPHRASE_VARIABLE}")
    first = getpass("New passphrase: ")
    if not first or first != getpass("The same again: "):
        raise InputError("the passphrase is empty, or the two are not the same")
    return first


def _passphrase(path: Path) -> str:
    known = os.environ.get(PASSPHRASE_VARIABLE)
    if known:
        return known
    if not sys.stdin.isatty():
        raise InputError(f"{path} has a passphrase, and there is no terminal to ask for it: set {PASSPHRASE_VARIABLE}")
    return getpass(f"Passphrase of {path}: ")


@final
class reading:  # noqa: N801 - it is read as a verb: `with reading(path):`
    """Inside, what goes wrong with a file becomes an `InputError` that names it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise InputError(f"cannot open {self._path} ({error.strerror or error})") from error
        if isinstance(error, ValueError) and not isinstance(error, InputError):
            raise InputError(f"{self._path}: {error}") from error
