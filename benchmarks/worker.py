"""What does each of the two processes of a measurement do? Reads its plan, plays its side, reports, ends.

Started by the runner as `python -m benchmarks.worker server|client`; the first line of standard input is the plan.
"""

from __future__ import annotations

import sys

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios import SCENARIOS
from benchmarks.systems import SYSTEMS
from benchmarks.usage import allow_many_files

_SPARE_FILES = 64


def main() -> None:
    """Plays one side."""
    side = sys.argv[1]
    plan = Plan.from_json(sys.stdin.readline())
    allow_many_files(plan.connections + _SPARE_FILES)
    control = Control(sys.stdin, sys.stdout)
    scenario = SCENARIOS[plan.scenario]
    node = SYSTEMS[plan.system].open()
    try:
        if side == "server":
            control.tell(address=node.listen())
            result = scenario.server(node, control, plan)
        else:
            address = str(control.hear()["address"])
            result = scenario.client(node, control, plan, address)
        control.report(result)
    except Exception as error:
        if node.ended:
            error.add_note(f"{node.ended} connections ended, the last with {node.last_end}")
        raise
    finally:
        node.close()


if __name__ == "__main__":
    main()
