"""The process of a side that is gamesockets: `python -m gamesockets.torture.real PLAN`."""

import sys

from gamesockets.torture.real.ours import Ours
from gamesockets.torture.real.process import run

if __name__ == "__main__":
    sys.exit(run(Ours))
