"""What does each of the two processes of a measurement do? Reads its plan, plays its side, reports, ends.

Started by the runner as `python -m benchmarks.worker server|client`; the first line of standard input is the plan.
"""

from __future__ import annotations

import sys

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios import SCENARIOS
from benchmarks.systems import SYSTEMS
from benchmarks.systems.loops import run
from benchmarks.usage import allow_many_files

_FILES_MAX = 8192


async def play(side: str, plan: Plan, control: Control) -> None:
    """Plays one side."""
    scenario = SCENARIOS[plan.scenario]
    node = SYSTEMS[plan.system if side == "server" else plan.client].open()
    try:
        scenario.prepare(node)
        if side == "server":
            control.tell(address=await node.listen())
            result = await scenario.server(node, control, plan)
        else:
            address = str(control.hear()["address"])
            result = await scenario.client(node, control, plan, address)
        control.report(result)
    except Exception as error:
        if node.ended:
            error.add_note(f"{node.ended} connections ended, the last with {node.last_end}")
        raise
    finally:
        await node.close()


def main() -> None:
    """Reads the plan and plays it on the loop that the system wants."""
    side = sys.argv[1]
    plan = Plan.from_json(sys.stdin.readline())
    allow_many_files(_FILES_MAX)
    system = SYSTEMS[plan.system if side == "server" else plan.client]
    run(play(side, plan, Control(sys.stdin, sys.stdout)), system.loop)


if __name__ == "__main__":
    main()
