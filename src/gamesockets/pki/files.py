"""How are files with keys and certificates read and written?"""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Final

from gamesockets.values.errors import CertificateError

FILE_BYTES_MAX: Final = 1 << 20
"""No key, certificate or list of them is as long; anything longer is another file."""

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


def read_file(path: str | os.PathLike[str]) -> bytes:
    """The contents. Raises `OSError`, or `CertificateError` if the file is too long to be what it should be."""
    with Path(path).open("rb") as file:
        data = file.read(FILE_BYTES_MAX + 1)
    if len(data) > FILE_BYTES_MAX:
        raise CertificateError(f"{path} is longer than {FILE_BYTES_MAX} bytes: this is some other file")
    return data


def read_text(path: str | os.PathLike[str]) -> str:
    """The contents of a text file. Raises as `read_file`, and `CertificateError` if it is no text."""
    try:
        return read_file(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise CertificateError(f"{path} is no text file") from error


def write_file(path: str | os.PathLike[str], data: bytes, mode: int, overwrite: bool) -> None:
    """Writes the whole file or nothing; nobody ever sees half of it, or a private one with wider rights.

    Raises:
        FileExistsError: there is one, and `overwrite` is not set.
        OSError: it cannot be written.
    """
    target = Path(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # with rights 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        if overwrite:
            temporary.replace(target)
        else:
            _put_where_nothing_is(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def _put_where_nothing_is(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileExistsError(f"{target} exists already") from None
    except OSError:  # a file system without hard links
        with target.open("xb"):
            pass
        temporary.replace(target)
