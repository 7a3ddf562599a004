"""Is this the server that I met before? Trust on first use, for games without an authority, as ssh has it.

One line a server: its name, and its public key as in a file ``authorized_keys``.
"""

import os
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import final

from gamesockets.crypto.certificate import key_id
from gamesockets.crypto.textforms import decode_public_key, encode_public_key
from gamesockets.pki.files import PRIVATE, only_writer, read_text, write_file
from gamesockets.values.certificate import Certificate
from gamesockets.values.errors import CertificateError, HostKeyChanged
from gamesockets.values.records import ConnectionInfo


def default_path() -> Path:
    """``gamesockets/known_hosts`` where this system keeps the settings of programs."""
    if sys.platform == "win32":
        base = os.environ.get("APPDATA") or str(Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = str(Path.home() / "Library" / "Application Support")
    else:
        base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "gamesockets" / "known_hosts"


@final
class KnownHosts:
    """The public keys of servers that were met before, in a file.

    Connect with `expected_key=hosts.key_of(name)`, and once connected call `hosts.remember(name, info)`. The first time
    any key is taken, and noted; after that another key is refused while connecting. The server has to keep its key
    (`Credentials(identity, key)`).

    Args:
        path: the file; by default one in the user's settings. It need not exist yet.

    Raises:
        OSError: it cannot be read.
        CertificateError: it is no such file; the text names the line.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = default_path() if path is None else Path(path)
        self._keys = self._read()

    def key_of(self, host: str) -> bytes | None:
        """The known key of a server; None if it was never met. Names are compared without regard to case."""
        return self._keys.get(_checked(host))

    def remember(self, host: str, peer: ConnectionInfo | Certificate) -> bool:
        """Notes the key of a server; whether it was new.

        Args:
            host: a name for it, best host and port as one connects to them.
            peer: what `get_connection_info` says once the connection is up.

        Raises:
            HostKeyChanged: another key is known for it.
            CertificateError: the peer has shown no key yet.
            OSError: the file cannot be written.
        """
        name = _checked(host)
        certificate = peer.certificate if isinstance(peer, ConnectionInfo) else peer
        if certificate is None:
            raise CertificateError(f"{host} has shown no key: wait until the connection is up")
        known = self._keys.get(name)
        if known is not None:
            if known != certificate.public_key:
                raise HostKeyChanged(host, key_id(known), certificate.key_id)
            return False
        with self._writing():
            others = self._read()  # other programs may have written meanwhile
            known = others.get(name)
            if known is not None and known != certificate.public_key:
                raise HostKeyChanged(host, key_id(known), certificate.key_id)
            self._write(others | {name: certificate.public_key})
        return known is None

    def forget(self, host: str) -> bool:
        """Forgets the key of a server that was set up anew; whether one was known."""
        name = _checked(host)
        with self._writing():
            keys = self._read()
            was_known = keys.pop(name, None) is not None
            if was_known:
                self._write(keys)
        return was_known

    def _writing(self) -> AbstractContextManager[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        return only_writer(self.path)

    def _read(self) -> dict[str, bytes]:
        try:
            text = read_text(self.path)
        except FileNotFoundError:
            return {}
        keys: dict[str, bytes] = {}
        for number, line in enumerate(text.splitlines(), 1):
            name, _, key = line.strip().partition(" ")
            if not name or name.startswith("#"):
                continue
            try:
                keys[name.lower()] = decode_public_key(key.strip())
            except ValueError as error:
                raise CertificateError(f"{self.path}, line {number}: {error}") from error
        return keys

    def _write(self, keys: dict[str, bytes]) -> None:
        lines = [f"{name} {encode_public_key(key, f'ID{key_id(key)}')}\n" for name, key in sorted(keys.items())]
        write_file(self.path, "".join(lines).encode("utf-8"), PRIVATE, overwrite=True)
        self._keys = keys


def _checked(host: str) -> str:
    if not isinstance(host, str):
        raise TypeError(f"host must be a str, not {type(host).__name__}")
    if not host or not host.isprintable() or " " in host or host.startswith("#"):
        raise ValueError(f"host must be a name without blanks, not {host!r}")
    return host.lower()
