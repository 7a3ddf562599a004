"""A file transfer that leaves the game smooth: `python -m examples.transfer serve FOLDER`, then `get NAME ADDRESS`."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from examples.command_line import address, whole_number
from examples.transfer.client import fetch
from examples.transfer.files import Refused
from examples.transfer.server import Server

PORT = 27016


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a folder or get a file; the exit status: 0 it worked, 1 it did not."""
    parser = argparse.ArgumentParser(prog="python -m examples.transfer", description="A file beside a game.")
    programs = parser.add_subparsers(dest="program", required=True)
    serve = programs.add_parser("serve", help="send the game to all who come, and files to those who ask")
    serve.add_argument("folder", type=Path, help="what is in it can be had")
    serve.add_argument("--bind", type=address(PORT), default=f"[::]:{PORT}", metavar="ADDRESS", help="where to listen")
    serve.add_argument("--rate", type=whole_number(10, 100_000), default=1000, metavar="KB", help="in a second")
    serve.add_argument("--without-lanes", action="store_true", help="file and game in one queue, to see the difference")
    get = programs.add_parser("get", help="get one file")
    get.add_argument("name", help="of the file")
    get.add_argument("address", nargs="?", type=address(PORT), default=f"127.0.0.1:{PORT}", help="of the server")
    get.add_argument("--into", type=Path, default=Path(), metavar="FOLDER", help="where to save it")
    options = parser.parse_args(arguments)
    try:
        return _serve(options) if options.program == "serve" else _get(options)
    except KeyboardInterrupt:
        return 130
    except (OSError, Refused) as error:
        print(f"transfer {options.program}: {error}", file=sys.stderr)
        return 1


def _serve(options: argparse.Namespace) -> int:
    if not options.folder.is_dir():
        raise Refused(f"{options.folder} is no folder")
    with Server(options.bind, options.folder, options.rate * 1000, not options.without_lanes) as server:
        print(f"serving {options.folder} on {server.address}; Ctrl+C ends it", flush=True)
        server.run()
    return 0


def _get(options: argparse.Namespace) -> int:
    began_s = time.monotonic()
    path, smoothness = fetch(options.address, options.name, options.into)
    seconds = time.monotonic() - began_s
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB in {seconds:.1f} s, and its SHA-256 is right")
    print(
        f"the game meanwhile: {smoothness.count} states, 95% of them at most {smoothness.late_ms(0.95):.0f} ms late, "
        f"the latest {smoothness.late_ms(1):.0f} ms"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
