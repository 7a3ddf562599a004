"""Is the package's surface what it offers, and nothing else? Is the rest imported when it is used?"""

import subprocess
import sys

import pytest

import gamesockets as gs


def test_dir_shows_what_is_public() -> None:
    shown = {name for name in dir(gs) if not name.startswith("__")}
    assert shown == set(gs.__all__) - {"__version__"} | {"aio", "sim"}


@pytest.mark.parametrize("name", ["aio", "sim"])
def test_a_package_is_imported_when_it_is_used(name: str) -> None:
    program = (
        f"import sys, gamesockets as gs; assert 'gamesockets.{name}' not in sys.modules; "
        f"assert gs.{name}.__name__ == 'gamesockets.{name}'; import gamesockets.{name}; assert gs.{name}.__all__"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_other_names_are_still_told_of() -> None:
    with pytest.raises(AttributeError, match=r"module 'gamesockets' has no attribute 'aoi'"):
        gs.aoi  # type: ignore[attr-defined]  # noqa: B018
