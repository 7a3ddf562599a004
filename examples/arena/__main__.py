"""Where does the game start? `python -m examples.arena serve`, `play` or `bots`; `--help` explains each."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import gamesockets as gs
from examples.arena import bots_asyncio, protocol, rules
from examples.arena.bots import run_bots
from examples.arena.server import Server
from examples.arena.server_asyncio import arena_server
from examples.command_line import address, whole_number

PORT = 27015


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the programs; the exit status: 0 it worked, 1 it did not, 2 the command line was wrong."""
    options = _parser().parse_args(arguments)
    try:
        problem = {"serve": _serve, "play": _play, "bots": _bots}[options.program](options)
    except KeyboardInterrupt:
        return 130
    if problem:
        print(f"arena {options.program}: {problem}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m examples.arena", description="A game for up to 32 players.")
    programs = parser.add_subparsers(dest="program", required=True)

    serve = programs.add_parser("serve", help="hold the match; no window")
    serve.add_argument("--bind", type=address(PORT), default=f"[::]:{PORT}", metavar="ADDRESS", help="where to listen")
    serve.add_argument("--asyncio", action="store_true", help="under asyncio instead of a game loop")

    play = programs.add_parser("play", help="play; needs pygame-ce")
    play.add_argument("address", nargs="?", type=address(PORT), default=f"127.0.0.1:{PORT}", help="of the server")
    play.add_argument("--name", type=_name, default="you", help="yours")
    play.add_argument("--lag", type=whole_number(0, 300), default=0, metavar="MS", help="fake lag, each way")
    play.add_argument("--loss", type=whole_number(0, 30), default=0, metavar="PERCENT", help="fake loss, each way")
    play.add_argument("--autopilot", action="store_true", help="let a bot play for you")
    play.add_argument("--seconds", type=float, help="leave after so long")
    play.add_argument("--size", type=_size, default=(1280, 800), metavar="WxH", help="of the window")
    play.add_argument("--screenshot", type=Path, metavar="FILE", help="save the last frame there")

    bots = programs.add_parser("bots", help="let bots play; no window")
    bots.add_argument("address", nargs="?", type=address(PORT), default=f"127.0.0.1:{PORT}", help="of the server")
    bots.add_argument("--count", type=whole_number(1, rules.PLAYERS_MAX), default=8, metavar="N", help="how many")
    bots.add_argument("--asyncio", action="store_true", help="as asyncio tasks instead of in a game loop")
    return parser


def _serve(options: argparse.Namespace) -> str:
    try:
        if options.asyncio:
            asyncio.run(_serve_asyncio(options.bind))
        else:
            with Server(options.bind) as server:
                _tell_where(server.address)
                server.run()
    except OSError as error:
        return f"cannot listen on {options.bind} ({error.strerror or error}): choose another --bind"
    return ""


async def _serve_asyncio(where: gs.Address) -> None:
    async with arena_server(where) as (_, bound):
        _tell_where(bound)
        await asyncio.Event().wait()


def _tell_where(bound: gs.Address) -> None:
    print(f"arena server on {bound}; Ctrl+C ends it", flush=True)


def _play(options: argparse.Namespace) -> str:
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        from examples.arena.play import play  # noqa: PLC0415 - only this program needs pygame
    except ModuleNotFoundError as error:
        if error.name != "pygame":
            raise
        return "the window needs pygame-ce: pip install 'gamesockets[examples]', or pip install pygame-ce"
    ended = play(
        options.address,
        options.name,
        size=options.size,
        lag_ms=options.lag,
        loss_percent=options.loss,
        autopilot=options.autopilot,
        seconds=options.seconds,
        screenshot=options.screenshot,
    )
    return _explain(ended, options.address)


def _bots(options: argparse.Namespace) -> str:
    print(f"{options.count} bots for {options.address}; Ctrl+C ends them", flush=True)
    if options.asyncio:
        return _explain(asyncio.run(bots_asyncio.run_bots(options.address, options.count)), options.address)
    return _explain(run_bots(options.address, options.count), options.address)


def _explain(ended: str, server: gs.Address) -> str:
    return ended and f"{server}: {ended}. Is a server running there (python -m examples.arena serve)?"


# ---------------------------------------------------------------------- what may stand on the command line


def _name(text: str) -> str:
    name = protocol.clean_name(text)
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} has nothing in it that can be shown")
    return name


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 0 < int(width) <= 8192 and 0 < int(height) <= 8192):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write for example 1280x800")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
