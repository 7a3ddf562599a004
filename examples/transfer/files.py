"""Which files may be sent, and where may one be saved? Names come from strangers."""

import hashlib
from pathlib import Path
from typing import BinaryIO, Final, Self, final

NAME_BYTES_MAX: Final = 255


class Refused(Exception):  # noqa: N818 - the noun says it
    """It will not be done; the text says why, in words that a stranger may read."""


def open_inside(folder: Path, name: str) -> BinaryIO:
    """Opens a file of the folder, or below, for reading. Raises `Refused`.

    `..`, absolute names and links that lead out of the folder are refused in the same words as a file that does not
    exist: a stranger learns nothing about the rest of the disk. Pipes and devices are no files.
    """
    try:
        path = (folder / name).resolve(strict=True)
        if path.is_relative_to(folder.resolve()) and path.is_file():
            return path.open("rb")
    except (OSError, ValueError):  # not there, not allowed, or no name at all
        pass
    raise Refused("no such file")


@final
class Arriving:
    """A file that comes in pieces: it has its name only when it is complete and its SHA-256 is right.

    Raises `Refused` if there is such a file already, or the name is none.
    """

    def __init__(self, folder: Path, name: str) -> None:
        own_name = Path(name).name  # in which folder it lies over there is no matter here
        if own_name in {"", ".."}:
            raise Refused(f"{name!r} is no name of a file")
        self.path = folder / own_name
        if self.path.exists():
            raise Refused(f"{self.path} exists already")
        self._part = self.path.with_name(self.path.name + ".part")
        self._file = self._part.open("wb")
        self._digest = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of it stays unless it was finished."""
        self._file.close()
        self._part.unlink(missing_ok=True)

    def write(self, piece: bytes) -> None:
        """The next piece."""
        self._file.write(piece)
        self._digest.update(piece)
        self.size += len(piece)

    def finish(self, sha256: bytes) -> None:
        """That was all of it. Raises `Refused` if it is not what was sent."""
        self._file.close()
        if self._digest.digest() != sha256:
            raise Refused("the file was damaged on its way")
        self._part.rename(self.path)
