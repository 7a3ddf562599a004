"""Does a soak beside the reference library go well, in both roles? A short form of `gamesockets torture --real`."""

import os
import sys
from typing import Final

import pytest
from tests.interop.gns import ENVIRONMENT_VARIABLE
from tests.interop.reference import ROOT

from gamesockets.torture.real.plan import CLIENT, ROLES, SERVER, Plan
from gamesockets.torture.real.soak import soak

OURS: Final = [sys.executable, "-m", "gamesockets.torture.real"]
REFERENCE: Final = [sys.executable, "-m", "tests.interop.soak"]
SECONDS: Final = 20


@pytest.mark.skipif(not os.environ.get(ENVIRONMENT_VARIABLE), reason=f"{ENVIRONMENT_VARIABLE} names no library")
@pytest.mark.parametrize("role", ROLES)
def test_no_reliable_byte_is_lost_at_the_worst(role: str) -> None:
    other = SERVER if role == CLIENT else CLIENT
    path = os.pathsep.join([str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    plan = Plan(role=SERVER, life_s_min=3, life_s_max=15)
    report = soak({role: OURS, other: REFERENCE}, plan, SECONDS, environment={**os.environ, "PYTHONPATH": path})
    assert not report.violations
    assert report.left[role] == {"connections": 0, "held_bytes": 0}
    for one in ROLES:
        last = report.samples[one][-1]
        assert last["reliable_heard_bytes"] > 300_000
        assert last["agreed"] + last["linger"] > 5
