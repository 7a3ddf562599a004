"""Does nobody get out of the folder, and is only kept what arrived whole?"""

import hashlib
import os
import sys
from pathlib import Path

import pytest

from examples.transfer.files import Arriving, Refused, open_inside

NO_SUCH_FILE = r"^no such file$"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder to serve, with a secret beside it."""
    (tmp_path / "secret").write_bytes(b"secret")
    served = tmp_path / "served"
    (served / "below").mkdir(parents=True)
    (served / "map").write_bytes(b"the map")
    (served / "below" / "deep").write_bytes(b"deep")
    return served


@pytest.mark.parametrize(
    ("name", "content"),
    [("map", b"the map"), ("below/deep", b"deep"), ("below/../map", b"the map")],
)
def test_what_is_inside_can_be_had(folder: Path, name: str, content: bytes) -> None:
    with open_inside(folder, name) as file:
        assert file.read() == content


@pytest.mark.parametrize(
    "name",
    ["../secret", "below/../../secret", "", ".", "..", "/", "below", "absent", "a\0b", "\udcff", "x" * 9999],
)
def test_what_is_outside_or_no_file_cannot(folder: Path, name: str) -> None:
    with pytest.raises(Refused, match=NO_SUCH_FILE):
        open_inside(folder, name)


def test_absolute_names_lead_nowhere(folder: Path) -> None:
    with pytest.raises(Refused, match=NO_SUCH_FILE):
        open_inside(folder, str(folder.parent / "secret"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege on Windows, and there are no such pipes")
def test_links_out_and_pipes_are_refused(folder: Path) -> None:
    (folder / "link").symlink_to(folder.parent / "secret")
    (folder / "ways").symlink_to(folder.parent)
    (folder / "inner").symlink_to("map")
    os.mkfifo(folder / "pipe")
    for name in ("link", "ways/secret", "pipe"):
        with pytest.raises(Refused, match=NO_SUCH_FILE):
            open_inside(folder, name)
    with open_inside(folder, "inner") as file:
        assert file.read() == b"the map"


def test_a_file_that_arrived_whole_is_kept(tmp_path: Path) -> None:
    with Arriving(tmp_path, "some/where/map") as arriving:
        arriving.write(b"the ")
        arriving.write(b"map")
        assert not (tmp_path / "map").exists()
        arriving.finish(hashlib.sha256(b"the map").digest())
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("map", b"the map")]


def test_a_file_that_was_damaged_or_cut_is_not_kept(tmp_path: Path) -> None:
    with Arriving(tmp_path, "map") as arriving:
        arriving.write(b"the nap")
        with pytest.raises(Refused, match="damaged"):
            arriving.finish(hashlib.sha256(b"the map").digest())
    with Arriving(tmp_path, "map") as arriving:
        arriving.write(b"the")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(b"old")
    with pytest.raises(Refused, match="exists already"):
        Arriving(tmp_path, "../map")
    for name in ("", "/", ".."):
        with pytest.raises(Refused):
            Arriving(tmp_path / "nowhere", name)
    assert (tmp_path / "map").read_bytes() == b"old"
