"""Does a test in pytest get a simulated network, and does its failure say how to repeat it?"""

from pathlib import Path

import pytest

import gamesockets

# Before pytester notes which modules there are: it forgets later ones, and cryptography cannot be loaded twice.
import gamesockets.sim.aio

pytest_plugins = ["pytester"]

WORLD = """
    import gamesockets as gs

    def test_world(sim_world):
        client, server = sim_world.pair()
        client.send(b"hello", gs.SendFlags.RELIABLE)
        sim_world.run(1)
        assert [message.data for message in server.receive()] == [b"hello"]
        {end}
"""
PROGRAM = """
    import asyncio
    import pytest
    import gamesockets as gs
    from gamesockets import aio

    @pytest.mark.simulated(latency=0.1, loss=0.05, limit={limit})
    async def test_game({arguments}):
        async def echo(connection):
            async for message in connection:
                await connection.send(message.data, gs.SendFlags.RELIABLE)

        async with aio.serve(echo, "::", 27015), aio.connect("localhost", 27015) as connection:
            for number in range(60):
                await connection.send(bytes([number]), gs.SendFlags.RELIABLE)
                assert (await connection.receive()).data == bytes([number])
                await asyncio.sleep(1)
        assert asyncio.get_running_loop().time() > 60
        {end}
"""


def run(pytester: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(text)
    options = ("-p", "no:gamesockets", "-p", "gamesockets.testing.plugin", "-p", "no:cacheprovider", *arguments)
    return pytester.runpytest_inprocess(*options)


def test_a_test_gets_a_world(pytester: pytest.Pytester) -> None:
    run(pytester, WORLD.format(end="")).assert_outcomes(passed=1)


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_a_failure_shows_the_seed(pytester: pytest.Pytester, seed: str) -> None:
    result = run(pytester, WORLD.format(end="assert sim_world.seed < 0"), f"--sim-seed={seed}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*seed {seed}: pytest --sim-seed={seed} *::test_world*"])


def test_seeds_can_be_drawn(pytester: pytest.Pytester) -> None:
    result = run(pytester, WORLD.format(end="assert sim_world.seed == 0"), "--sim-seed=random")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*seed 0: pytest*")


def test_a_seed_must_be_a_number(pytester: pytest.Pytester) -> None:
    result = run(pytester, WORLD.format(end=""), "--sim-seed=dice")
    result.stdout.fnmatch_lines(["*--sim-seed must be a whole number or `random`, not 'dice'*"])


@pytest.mark.parametrize("arguments", ["", "sim_world", "tmp_path, sim_world"])
def test_an_async_test_runs_in_virtual_time(pytester: pytest.Pytester, arguments: str) -> None:
    run(pytester, PROGRAM.format(arguments=arguments, limit=120, end="")).assert_outcomes(passed=1)


def test_virtual_time_is_limited(pytester: pytest.Pytester) -> None:
    result = run(pytester, PROGRAM.format(arguments="", limit=30, end=""))
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*TimeoutError*", "*seed 0: pytest --sim-seed=0 *test_game*"])


def test_the_marker_is_for_async_functions(pytester: pytest.Pytester) -> None:
    text = "import pytest\n@pytest.mark.simulated\ndef test_plain():\n    pass\n"
    result = run(pytester, text)
    result.stdout.fnmatch_lines(["*must be an async function*"])


def test_other_tests_do_not_notice(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not even imported for them."""
    text = """
    import sys

    def test_plain():
        assert not [name for name in sys.modules if name.startswith("gamesockets.sim")]
    """
    pytester.makepyfile(text)
    monkeypatch.setenv("PYTHONPATH", str(Path(gamesockets.__file__).parents[1]))
    options = ("-p", "no:gamesockets", "-p", "gamesockets.testing.plugin")
    pytester.runpytest_subprocess(*options).assert_outcomes(passed=1)
