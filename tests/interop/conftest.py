"""How are the scenarios of `tests.behaviour` played against the reference library, and what else is asked of it?

The suite needs the reference library (1.6.0 or later; for the scenarios alone 1.4.1): GNS_LIBRARY names it, and without
it all tests on a stage are skipped.  Each scenario runs with each of our drivers as client and as server.  With
`-m slow` it also runs with the reference library at both ends, which proves that the scenario expects what that library
does.  Texts, configuration and statistics, which are made below the drivers, are compared through one of them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest
from tests.behaviour.stage import REFERENCE_ALONE, Pairing, cast, stage
from tests.interop.gns import ENVIRONMENT_VARIABLE

HERE: Final = Path(__file__).parent
ROWS: Final = [
    (Pairing("threads", "reference"), ()),
    (Pairing("reference", "threads"), ()),
    (Pairing("aio", "reference"), ()),
    (Pairing("reference", "aio"), ()),
    (REFERENCE_ALONE, (pytest.mark.slow,)),
]
SECONDS: Final = [6, pytest.param(30, marks=pytest.mark.slow)]

__all__ = ["stage"]  # a fixture


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play every scenario with the reference library at one end."""
    cast(metafunc, ROWS, SECONDS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as interop."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, from this one place, when there is no reference library; fail when it is not where it should be."""
    if "stage" not in getattr(item, "fixturenames", ()):
        return  # needs no library: it drives the example program
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    if not path:
        pytest.skip(
            f"set {ENVIRONMENT_VARIABLE} to a GameNetworkingSockets shared library (1.6.0 or later) to test against it"
        )
    assert Path(path).is_file(), f"{ENVIRONMENT_VARIABLE} names no file: {path}"
