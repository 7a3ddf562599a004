"""Is the package's surface what it offers, and nothing else? Is the rest imported when it is used?"""

import ast
import subprocess
import sys
from pathlib import Path

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


def test_importing_it_imports_little_and_using_it_the_rest() -> None:
    program = (
        "import sys, gamesockets as gs, gamesockets.testing.plugin\n"
        "assert not [name for name in sys.modules if name.startswith(('cryptography', 'google.protobuf'))]\n"
        "assert 'gamesockets.node.node' not in sys.modules\n"
        "from gamesockets import *\n"
        "assert Server is gs.Server and vars(gs)['Server'] is Server and NetworkingSockets.__name__\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_each_name_is_imported_from_the_module_that_type_checkers_see() -> None:
    tree = ast.parse(Path(gs.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.name: str(node.module).removeprefix("gamesockets.")
        for block in tree.body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "gamesockets"
        for alias in node.names
    }
    assert {name: module for module, names in gs._HOMES.items() for name in names} == seen
    assert sorted([*seen, "__version__"]) == sorted(gs.__all__)


def test_other_names_are_still_told_of() -> None:
    with pytest.raises(AttributeError, match=r"module 'gamesockets' has no attribute 'aoi'"):
        gs.aoi  # type: ignore[attr-defined]  # noqa: B018
