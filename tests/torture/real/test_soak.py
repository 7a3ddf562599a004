"""Do two processes play a soak to its end, and is it told when one of them fails?"""

import os
import sys
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

import gamesockets
from gamesockets.cli.whole import app
from gamesockets.torture.real.plan import CLIENT, ROLES, SERVER, Plan
from gamesockets.torture.real.soak import soak

OURS: Final = [sys.executable, "-m", "gamesockets.torture.real"]
PLAN: Final = Plan(role=SERVER, connections=3, loss_percent=5, lag_ms=10, life_s_min=1, life_s_max=4)
ENVIRONMENT: Final = {**os.environ, "PYTHONPATH": str(Path(gamesockets.__file__).parents[1])}


@pytest.mark.slow
def test_two_of_ours_play_to_the_end(tmp_path: Path) -> None:
    """As the command does it."""
    environment = {"GNS_LIBRARY": ""}
    arguments = ["torture", "--real", "--minutes", "0.4", "--save", str(tmp_path)]
    result = CliRunner().invoke(app, arguments, env=environment)
    assert result.exit_code == 0, result.output
    assert "all promises held" in result.output
    assert result.output.count("gamesockets:") == 2
    table = (tmp_path / "soak-client.csv").read_text(encoding="utf-8").splitlines()
    assert table[0].startswith("role,library,at_s,")
    assert len(table) > 40
    assert (tmp_path / "soak-client.svg").read_text(encoding="utf-8").startswith("<svg")


def test_a_short_one_leaves_nothing_behind() -> None:
    heard: list[float] = []
    for seconds in (2, 20):  # on a busy machine the processes have hardly begun after two
        report = soak(dict.fromkeys(ROLES, OURS), PLAN, seconds, environment=ENVIRONMENT)
        assert not report.violations
        for role in ROLES:
            assert report.left[role] == {"connections": 0, "held_bytes": 0}
        heard = [report.samples[role][-1]["reliable_heard_bytes"] if report.samples[role] else 0 for role in ROLES]
        if min(heard) > 0:
            break
    assert min(heard) > 0


@pytest.mark.parametrize("role", ROLES)
def test_a_process_that_dies_is_told(role: str) -> None:
    dying = [sys.executable, "-c", "import sys; sys.exit('no library')"]
    commands = {CLIENT: OURS, SERVER: OURS, role: dying}
    report = soak(commands, PLAN, 30, environment=ENVIRONMENT)
    assert report.violations == [f"{role}: its process ended with 1: no library"]


def test_a_role_that_does_not_exist_is_refused() -> None:
    result = CliRunner().invoke(app, ["torture", "--real", "--role", "referee"])
    assert result.exit_code == 2
    assert "--role is client or server" in result.output
