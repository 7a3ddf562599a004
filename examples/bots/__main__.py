"""The command line of the bots: `python -m examples.bots serve` and `play`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from examples.bots import bots, server
from examples.bots.game import GameError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the programs; the exit status: 0 it worked, 1 it did not, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.bots", description="A game for bots.")
    programs = parser.add_subparsers(dest="program", required=True)
    serve = programs.add_parser("serve", help="hold the game until Ctrl-C or SIGTERM")
    serve.add_argument("--bind", default="[::]:27015", metavar="ADDRESS", help="where to listen")
    serve.add_argument("--grace", type=float, default=0.0, help="seconds that players may stay after the signal")
    play = programs.add_parser("play", help="let bots play on a server")
    play.add_argument("address", help="HOST:PORT of the server")
    play.add_argument("--count", type=int, default=20, help="how many")
    play.add_argument("--seconds", type=float, default=10.0, help="for how long")
    options = parser.parse_args(arguments)
    try:
        if options.program == "serve":
            server.serve(options.bind, options.grace)
            return 0
        played = asyncio.run(bots.crowd(options.address, options.count, options.seconds))
    except KeyboardInterrupt:
        return 130
    except (OSError, ValueError, GameError) as error:
        print(f"bots {options.program}: {error}", file=sys.stderr)
        return 1
    walking = sum(bot.walked > 0 for bot in played)
    print(f"{walking} of {len(played)} bots walked, {sum(bot.snapshots for bot in played)} snapshots")
    return 0 if walking == len(played) else 1


if __name__ == "__main__":
    sys.exit(main())
