"""How are files with keys and certificates read and written?"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gamesockets.values.errors import CertificateError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

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


@contextlib.contextmanager
def only_writer(path: str | os.PathLike[str]) -> Iterator[None]:
    """Inside, no other program that asks here changes the file: reads, changes and writes it as a whole.

    Waits for those that do. The lock is on an empty file beside it, since the file itself is replaced by another one.
    It ends with the program that holds it, however that ends. Where the file system has no locks, there is none.

    Raises:
        OSError: the folder cannot be written to.
    """
    target = Path(path)
    descriptor = os.open(target.with_name(f".{target.name}.lock"), os.O_RDWR | os.O_CREAT, PRIVATE)
    try:
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # for ten seconds at most
            else:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)  # which unlocks


def _put_where_nothing_is(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise FileExistsError(f"{target} exists already") from None
    except OSError:  # a file system without hard links
        with target.open("xb"):
            pass
        temporary.replace(target)
