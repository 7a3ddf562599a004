"""The command line of the lobby: `python -m examples.lobby serve`, `join` and `crowd`."""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from examples.lobby import client, server
from examples.lobby.lobby import SEATS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the programs; the exit status: 0 it worked, 1 it did not, 130 stopped by Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m examples.lobby", description="A lobby with matches of four.")
    programs = parser.add_subparsers(dest="program", required=True)
    serve = programs.add_parser("serve", help="hold the lobby until Ctrl-C or SIGTERM")
    serve.add_argument("--bind", default="[::]:27015", metavar="ADDRESS", help="where to listen")
    serve.add_argument("--grace", type=float, default=0.0, help="seconds that users may stay after the signal")
    serve.add_argument("--metrics", type=int, metavar="PORT", help="let Prometheus scrape this port of 127.0.0.1")
    for name, text in (("join", "enter and wait for a match"), ("crowd", "many users who want a match each")):
        program = programs.add_parser(name, help=text)
        program.add_argument("address", help="HOST:PORT of the lobby")
    programs.choices["join"].add_argument("--name", default="ada", help="yours")
    programs.choices["crowd"].add_argument("--users", type=int, default=200, help=f"a multiple of {SEATS}")
    options = parser.parse_args(arguments)
    try:
        if options.program == "serve":
            server.run(options.bind, options.grace, options.metrics)
        elif options.program == "join":
            asyncio.run(client.join(options.address, options.name))
        else:
            print(f"{asyncio.run(client.crowd(options.address, options.users))} matches")
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError, ValueError) as error:
        print(f"lobby {options.program}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
