"""Where does the game start? `python -m examples.arena demo`, `serve`, `play` or `bots`; `--help` explains each."""

import argparse
import asyncio
import os
import subprocess
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
        problem = {"demo": _demo, "serve": _serve, "play": _play, "bots": _bots}[options.program](options)
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        problem = str(error)
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

    window = argparse.ArgumentParser(add_help=False)
    window.add_argument("--name", type=_name, default="you", help="yours")
    window.add_argument("--lag", type=whole_number(0, 300), default=0, metavar="MS", help="fake lag, each way")
    window.add_argument("--loss", type=whole_number(0, 30), default=0, metavar="PERCENT", help="fake loss, each way")
    window.add_argument("--autopilot", action="store_true", help="let a bot play for you")
    window.add_argument("--seconds", type=float, help="leave after so long")
    window.add_argument("--size", type=_size, default=(1280, 800), metavar="WxH", help="of the window")
    window.add_argument("--screenshot", type=_picture, metavar="FILE", help="save the last frame there")

    demo = programs.add_parser("demo", parents=[window], help="server, bots and your window at once; needs pygame-ce")
    demo.add_argument("--count", type=whole_number(1, rules.PLAYERS_MAX - 1), default=7, metavar="N", help="of bots")
    play = programs.add_parser("play", parents=[window], help="play; needs pygame-ce")
    play.add_argument("address", nargs="?", type=address(PORT), default=f"127.0.0.1:{PORT}", help="of the server")

    bots = programs.add_parser("bots", help="let bots play; no window")
    bots.add_argument("address", nargs="?", type=address(PORT), default=f"127.0.0.1:{PORT}", help="of the server")
    bots.add_argument("--count", type=whole_number(1, rules.PLAYERS_MAX), default=8, metavar="N", help="how many")
    bots.add_argument("--asyncio", action="store_true", help="as asyncio tasks instead of in a game loop")
    return parser


def _demo(options: argparse.Namespace) -> str:
    """The other programs in processes of their own: what the sliders do hits ours alone."""
    own = [sys.executable, "-m", "examples.arena"]
    serve, bots = [*own, "serve", "--bind", "127.0.0.1:0"], [*own, "bots", "--count", str(options.count)]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            options.address = gs.Address.parse(line.partition(" on ")[2].partition(";")[0])
            with subprocess.Popen([*bots, str(options.address)], stdout=subprocess.DEVNULL) as crowd:
                try:
                    return _play(options)
                finally:
                    crowd.terminate()
        finally:
            server.terminate()


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
    async with arena_server(where) as (_, server):
        _tell_where(server.address)
        await server.serve_forever(stop_signals=True)


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
    return ended and f"{server}: {ended}"


# ---------------------------------------------------------------------- what may stand on the command line


def _name(text: str) -> str:
    name = protocol.clean_name(text)
    if not name:
        raise argparse.ArgumentTypeError(f"{text!r} has nothing in it that can be shown")
    return name


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix != ".png" or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is no place for a picture; write FOLDER/NAME.png")
    return path


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and 0 < int(width) <= 8192 and 0 < int(height) <= 8192):
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write for example 1280x800")
    return int(width), int(height)


if __name__ == "__main__":
    sys.exit(main())
