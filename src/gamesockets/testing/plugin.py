"""How does a test in pytest get a simulated network? The plugin `gamesockets`.

- The fixture `sim_world` is a `sim.World`.
- An async function with ``@pytest.mark.simulated`` runs on an event loop in virtual time, in that world.
- The seed is 0, or what ``--sim-seed`` says; a test that fails shows it.

It imports gamesockets only for a test that uses it.
"""

from __future__ import annotations

import inspect
import random
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from gamesockets.sim import World

_SEED: Final = pytest.StashKey[int]()
_FIXTURE: Final = "sim_world"
_OPTION: Final = "--sim-seed"
_SEEDS: Final = 1 << 32


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option for the seed."""
    parser.getgroup("gamesockets").addoption(
        _OPTION, default="0", metavar="SEED", help="Seed of simulated networks: a number, or `random` for another each."
    )


def pytest_configure(config: pytest.Config) -> None:
    """Tells pytest of the marker."""
    config.addinivalue_line(
        "markers",
        "simulated(latency=..., loss=..., limit=60): run an async test in virtual time; the arguments are the "
        "`sim.Conditions` of its world, and how many seconds of virtual time it may take",
    )


@pytest.fixture
def sim_world(request: pytest.FixtureRequest) -> World:
    """A simulated network with a virtual clock of its own, with the conditions of the marker `simulated`, if any."""
    from gamesockets.sim import Conditions, World  # noqa: PLC0415 - only for tests that use it

    given = request.config.getoption(_OPTION)
    try:
        seed = random.randrange(_SEEDS) if given == "random" else int(given)
    except ValueError:
        raise pytest.UsageError(f"{_OPTION} must be a whole number or `random`, not {given!r}") from None
    request.node.stash[_SEED] = seed
    conditions, _ = _arguments(request.node)
    return World(seed, Conditions(**conditions))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A simulated test has a world, whether it asks for it or not."""
    if isinstance(item, pytest.Function) and item.get_closest_marker("simulated") and _FIXTURE not in item.fixturenames:
        item.fixturenames.append(_FIXTURE)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a simulated test."""
    if pyfuncitem.get_closest_marker("simulated") is None:
        return None
    function = pyfuncitem.obj
    if not inspect.iscoroutinefunction(function):
        pytest.fail("a test with @pytest.mark.simulated must be an async function", pytrace=False)
    from gamesockets.sim.aio import run  # noqa: PLC0415 - only for tests that use it

    _, limit = _arguments(pyfuncitem)
    names = inspect.signature(function).parameters
    arguments = {name: value for name, value in pyfuncitem.funcargs.items() if name in names}
    run(function(**arguments), world=cast("World", pyfuncitem.funcargs[_FIXTURE]), limit=limit)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure says how to repeat it."""
    report = yield
    seed = item.stash.get(_SEED, None)
    if report.failed and seed is not None:
        report.sections.append(("simulated network", f"seed {seed}: pytest {_OPTION}={seed} {item.nodeid!r}"))
    return report


def _arguments(node: Any) -> tuple[dict[str, Any], float | None]:
    marker = node.get_closest_marker("simulated")
    conditions = dict(marker.kwargs) if marker is not None else {}
    return conditions, conditions.pop("limit", 60.0)
