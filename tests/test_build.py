"""Is what runs the build that the installed package claims to be, and do both builds offer the same?"""

import copy
import importlib
import pickle
import re
import tomllib
from importlib.machinery import ExtensionFileLoader
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final

import pytest

import gamesockets as gs
from gamesockets.build import BUILD, COMPILED
from gamesockets.values.entropy import Entropy, chance
from gamesockets.values.message import NetworkingMessage, PeerRecord

ROOT: Final = Path(__file__).parent.parent
PATTERNS: Final[list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"][
    "build"
]["targets"]["wheel"]["hooks"]["custom"]["modules"]
TO_COMPILE: Final = sorted(
    str(path.relative_to(ROOT / "src").with_suffix("")).replace("/", ".")
    for pattern in PATTERNS
    for path in (ROOT / "src").glob(pattern)
)


def test_the_list_names_the_data_path_and_not_what_is_generated() -> None:
    assert "gamesockets.endpoint.endpoint" in TO_COMPILE
    assert "gamesockets.connection.datagram_connection" in TO_COMPILE
    assert not [name for name in TO_COMPILE if "_pb2" in name or "__init__" in name]
    for pattern in PATTERNS:
        assert list((ROOT / "src").glob(pattern)), f"{pattern} names nothing"


@pytest.mark.parametrize("name", TO_COMPILE)
def test_every_module_is_what_the_build_says(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__spec__ is not None
    assert isinstance(module.__spec__.loader, ExtensionFileLoader) == COMPILED


def test_the_wheel_says_what_it_holds() -> None:
    try:
        wheel = distribution("gamesockets").read_text("WHEEL")
    except PackageNotFoundError:
        wheel = None
    if wheel is None:
        pytest.skip("not installed from a wheel")
    assert re.search(r"^Root-Is-Purelib: (\w+)$", wheel, re.MULTILINE)
    assert ("Root-Is-Purelib: false" in wheel) == COMPILED
    assert ("-none-any" in wheel) == (not COMPILED)
    assert ("compiled" if COMPILED else "pure Python") == BUILD


def test_messages_can_be_copied_and_pickled() -> None:
    """Extension classes know how only if told."""
    peer = PeerRecord(7, gs.NetworkingIdentity.generic_string("alice"), 5)
    message = NetworkingMessage(b"hello", 3, 8, 2, 1_000_000, peer)
    for other in (copy.copy(message), copy.deepcopy(message), pickle.loads(pickle.dumps(message))):  # noqa: S301
        assert (other.data, other.message_number, other.flags, other.lane) == (b"hello", 3, gs.SendFlags.RELIABLE, 2)
        assert (other.time_received, other.connection, other.user_data) == (1_000_000, 7, 5)
        assert other.identity == peer.identity


def test_the_core_takes_classes_written_in_python() -> None:
    class Zeros(Entropy):
        def random_bytes(self, count: int) -> bytes:
            return bytes(count)

    assert chance(Zeros(), 0.1)
