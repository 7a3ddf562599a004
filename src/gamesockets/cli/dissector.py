"""`gamesockets dissector`: what does Wireshark need to read these packets?"""

from __future__ import annotations

from importlib import resources
from typing import Annotated, Final

import typer

from gamesockets.cli.help_text import examples
from gamesockets.cli.terminal import fail, say

EPILOG: Final = examples(
    ("gamesockets dissector > gns.lua", "the dissector as a file, then for example:"),
    ("GAMESOCKETS_KEY_LOG=keys.log python server.py", "a program that writes its keys"),
    ("tshark -X lua_script:gns.lua -o gns.keys:keys.log -r game.pcapng -Y gns", "its packets, opened"),
)


def dissector_text() -> str:
    """The dissector, in Lua."""
    return resources.files("gamesockets.cli").joinpath("dissector.lua").read_text(encoding="utf-8")


def dissector(
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A file to write, which must not exist yet; else standard output."),
    ] = None,
) -> None:
    """Write a dissector for Wireshark and tshark, which opens encrypted packets with a key log.

    It shows control messages, headers, and with the keys of GAMESOCKETS_KEY_LOG every frame: messages, acks, lanes.
    Filters begin with "gns.", for example gns.message.number or gns.frame contains "ack".
    """
    if output is None:
        say(dissector_text().rstrip("\n"))
        return
    try:
        with open(output, "x", encoding="utf-8") as file:
            file.write(dissector_text())
    except OSError as error:
        fail("dissector", f"cannot write {output} ({error.strerror or error})")
