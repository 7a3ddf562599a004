"""A chat under asyncio that understands `example_chat` of the reference library, as guest and as host.

    python -m examples.chat serve --bind 127.0.0.1:27020    # or: example_chat server --port 27020
    python -m examples.chat join 127.0.0.1:27020 --name Ada # or: example_chat client 127.0.0.1:27020

All they say to each other is lines of UTF-8 text, each a reliable message. A guest sends what its user types, and
`/nick NAME` asks for a name; the host passes on everything else as `name: line`.
"""

import argparse
import asyncio
import itertools
import os
import sys
import threading
from collections.abc import AsyncIterator, Sequence

import gamesockets as gs
from examples.command_line import address
from gamesockets import aio

PORT = 27020
GUESTS_MAX = 50
NAME_CHARACTERS_MAX = 32
LINE_BYTES_MAX = 800
"""`example_chat` has room for 1,024 with the name."""
LINE = gs.SendFlags.RELIABLE_NO_NAGLE
"""How every line travels: it arrives, in order, and does not wait for more data."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold a chat or join one; the exit status: 0 it worked, 1 it did not."""
    parser = argparse.ArgumentParser(prog="python -m examples.chat", description="A chat for terminals.")
    programs = parser.add_subparsers(dest="program", required=True)
    host = programs.add_parser("serve", help="hold a chat")
    host.add_argument("--bind", type=address(PORT), default=f"[::]:{PORT}", metavar="ADDRESS", help="where to listen")
    guest = programs.add_parser("join", help="join a chat")
    guest.add_argument("address", type=address(PORT), help="of the host")
    guest.add_argument("--name", default="", help="yours")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(options.bind) if options.program == "serve" else join(options.address, options.name))
    except KeyboardInterrupt:
        return 130
    except (OSError, gs.ConnectionFailed, gs.ConnectionClosed) as error:
        print(f"chat {options.program}: {error}", file=sys.stderr)
        return 1
    return 0


# ---------------------------------------------------------------------- the host


async def serve(where: gs.Address) -> None:
    """Hold a chat until Ctrl-C or SIGTERM; then the guests are told."""
    names: dict[aio.Connection, str] = {}
    numbers = itertools.count(1)

    def tell(text: str, *but: aio.Connection) -> None:
        print(text, flush=True)
        server.broadcast(text.encode(), LINE, connections=names.keys() - set(but))

    async def talk(guest: aio.Connection) -> None:
        """One guest, from coming to leaving. Returning says goodbye."""
        await guest.send(f"Welcome! Here: {', '.join(names.values()) or 'nobody else yet'}".encode(), LINE)
        names[guest] = f"guest{next(numbers)}"
        tell(f"{names[guest]} came in", guest)
        try:
            async for message in guest:
                line = readable(message.data)
                command, _, wish = line.partition(" ")
                if command != "/nick":
                    tell(f"{names[guest]}: {line}", guest)
                elif not 0 < len(wish) <= NAME_CHARACTERS_MAX or wish in names.values():
                    await guest.send(b"Choose another name.", LINE)
                else:
                    tell(f"{names[guest]} is now {wish}", guest)
                    names[guest] = wish
                    await guest.send(f"You are {wish} now.".encode(), LINE)
        finally:
            tell(f"{names.pop(guest)} left")

    def admit(_: gs.ConnectionInfo) -> aio.Refusal | None:
        return aio.Refusal(1001, "the chat is full") if len(names) >= GUESTS_MAX else None

    async with aio.serve(talk, where, admit=admit) as server:
        print(f"chat on {server.address}; Ctrl+C ends it", flush=True)
        await server.serve_forever(stop_signals=True)


# ---------------------------------------------------------------------- a guest


async def join(where: gs.Address, name: str) -> None:
    """Chat until the user leaves or the host ends it."""
    async with aio.connect(where) as connection:
        if name:
            await connection.send(f"/nick {name}".encode(), LINE)
        typing = asyncio.create_task(send_what_is_typed(connection))
        hearing = asyncio.create_task(print_what_is_heard(connection))
        try:
            done, _ = await asyncio.wait((typing, hearing), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what the task raised
        finally:
            typing.cancel()
            hearing.cancel()
        if not connection.is_open:
            raise gs.ConnectionClosed(connection.end_reason, connection.end_debug)
    # Leaving the block has said goodbye, after the last line had arrived.


async def send_what_is_typed(connection: aio.Connection) -> None:
    """Until the end of the input, or `/quit`."""
    async for line in typed_lines():
        if line == "/quit":
            return
        whole_characters = line.encode()[:LINE_BYTES_MAX].decode(errors="ignore")
        await connection.send(whole_characters.encode(), LINE)


async def print_what_is_heard(connection: aio.Connection) -> None:
    """Until the host ends the connection."""
    async for message in connection:
        print(readable(message.data), flush=True)


def readable(data: bytes) -> str:
    """A line as it may be shown: cut, and without the escape sequences that could take over a terminal."""
    text = data[:LINE_BYTES_MAX].decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text).strip()


async def typed_lines() -> AsyncIterator[str]:
    """What comes through standard input. Reading waits, so a thread does it; files, pipes and terminals work alike."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        rest = b""
        while data := os.read(sys.stdin.fileno(), 65536):
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                loop.call_soon_threadsafe(lines.put_nowait, line.decode("utf-8", "replace").strip())
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        if line:
            yield line


if __name__ == "__main__":
    sys.exit(main())
