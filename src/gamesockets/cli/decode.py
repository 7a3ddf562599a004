"""`gamesockets decode`: what is in these datagrams? They come as hex, or from a capture file."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, TextIO

import typer

import gamesockets as gs
from gamesockets.cli.captures import CaptureError, is_capture, read_capture
from gamesockets.cli.decode_parts import Parts, datagram_parts, frames_parts
from gamesockets.cli.help_text import examples
from gamesockets.cli.terminal import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE, fail, note, printable, say
from gamesockets.cli.units import plural
from gamesockets.observe.session_keys import SessionKeys

EPILOG: Final = examples(
    ("echo 2515ee72e9831d939327e2 | gamesockets decode", "one datagram"),
    ("gamesockets decode datagrams.txt --json", "a file, one JSON object a line"),
    ("gamesockets decode game.pcapng --port 27015", "a capture of tcpdump, tshark or Wireshark"),
    ("gamesockets decode game.pcapng --keys keys.log", "...opened with the keys of GAMESOCKETS_KEY_LOG=keys.log"),
    ("gamesockets decode --as frames plaintext.txt", "what was inside data packets, already decrypted"),
)
LINE_CHARACTERS_MAX: Final = 1 << 18
"""A datagram of 65,507 bytes with blanks or colons between its bytes is shorter."""
DATAGRAM_BYTES_MAX: Final = 65_507
DEPTH_INDENT: Final = "  "


class Content(StrEnum):
    """What a line holds."""

    DATAGRAMS = "datagrams"
    FRAMES = "frames"


def decode(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE", help="Hex lines, pcap or pcapng; standard input when left out.", show_default=False
        ),
    ] = None,
    content: Annotated[
        Content,
        typer.Option("--as", help="What a line holds: UDP payloads, or the decrypted inside of data packets."),
    ] = Content.DATAGRAMS,
    unencrypted: Annotated[
        bool,
        typer.Option("--unencrypted", "-u", help="The connection runs without encryption: show frames as well."),
    ] = False,
    whole: Annotated[bool, typer.Option("--whole", help="All bytes of messages, not only the first 32.")] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", min=1, max=65535, help="Of a capture only what goes to or comes from this port."),
    ] = None,
    key_log: Annotated[
        Path | None,
        typer.Option("--keys", "-k", help="A key log (GAMESOCKETS_KEY_LOG): show what is in encrypted packets, too."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per datagram and line.")] = False,
) -> None:
    """Show what is in UDP payloads: control messages field by field, data packets as far as no key is needed.

    Reads captures, pcap or pcapng, or one datagram per line, as hex; blanks and colons between bytes do not matter,
    empty lines and what follows a # are skipped. Of encrypted data packets it shows the header and the statistics in
    it, and with their keys all that is inside; numbers are those on the wire, where some are only the lower bits of the
    full ones.

    Exit status: 0 all could be decoded, 1 some could not, 2 wrong usage or no such file.
    """
    keys = _read_keys(key_log)
    faults = 0
    try:
        with _opened(file) as stream:
            start = stream.peek(4)[:4] if isinstance(stream, io.BufferedReader) else b""
            if is_capture(start):
                found = _captured(stream, port, not unencrypted, whole, keys)
            else:
                text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace")
                found = _typed(text, content, not unencrypted, whole, keys)
            for place, parts in found:
                faults += _has_fault(parts)
                if as_json:
                    say(json.dumps({**place, **parts}))
                else:
                    for line in render(place, parts):
                        say(line)
    except KeyboardInterrupt:
        raise typer.Exit(EXIT_INTERRUPTED) from None
    except CaptureError as error:
        fail("decode", f"the capture cannot be read further: {error}", EXIT_FAILURE)
    if faults:
        note(f"gamesockets decode: {plural(faults, 'datagram')} could not be decoded to the end")
        raise typer.Exit(EXIT_FAILURE)


def _read_keys(key_log: Path | None) -> SessionKeys | None:
    if key_log is None:
        return None
    try:
        keys = SessionKeys(key_log.read_text(encoding="ascii", errors="replace").splitlines())
    except OSError as error:
        fail("decode", f"cannot read {key_log} ({error.strerror or error}): give a key log", EXIT_USAGE)
    except ValueError as error:
        fail("decode", f"{key_log}: {error}", EXIT_USAGE)
    if not len(keys):
        fail("decode", f"there are no keys in {key_log}: give what GAMESOCKETS_KEY_LOG has written", EXIT_USAGE)
    return keys


def _captured(
    stream: BinaryIO, port: int | None, is_encrypted: bool, whole: bool, keys: SessionKeys | None
) -> Iterator[tuple[Parts, Parts]]:
    """Each datagram of a capture: where it stands, and its parts. Without a port, what is none of ours is left out."""
    for found in read_capture(stream):
        if port is not None and port not in (found.source_port, found.destination_port):
            continue
        parts = datagram_parts(found.payload, is_encrypted, whole, keys)
        if port is None and parts["kind"] in ("unknown", "empty"):
            continue
        place: Parts = {
            "packet": found.number,
            "time_s": round(found.time_s, 6),
            "source": _endpoint(found.source, found.source_port),
            "destination": _endpoint(found.destination, found.destination_port),
        }
        yield place, parts


def _endpoint(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _typed(
    stream: TextIO, content: Content, is_encrypted: bool, whole: bool, keys: SessionKeys | None
) -> Iterator[tuple[Parts, Parts]]:
    """The same for lines of hex."""
    for number, line in _numbered_lines(stream):
        parts = _decode_line(line, content, is_encrypted, whole, keys)
        if parts is not None:
            yield {"line": number}, parts


def render(place: Parts, parts: Parts) -> list[str]:
    """The parts as indented lines for people."""
    if "packet" in place:
        where = f"packet {place['packet']}, {place['source']} > {place['destination']}"
    else:
        where = f"line {place['line']}"
    head = f"{where}: {parts.get('kind', 'Frames')}"
    if "bytes" in parts:
        head += f", {parts['bytes']} bytes"
    rest = {name: value for name, value in parts.items() if name not in {"kind", "bytes"}}
    return [head, *_render(rest, 1)]


def _render(value: Parts, depth: int) -> Iterator[str]:
    indent = DEPTH_INDENT * depth
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield f"{indent}{name}"
            yield from _render(inner, depth + 1)
        elif name == "frames":
            for frame in inner:
                yield indent + _frame_line(frame)
        else:
            yield f"{indent}{name} {_scalar(name, inner)}"


def _frame_line(frame: Parts) -> str:
    words = [str(frame["frame"])]
    shown = [(name, value) for name, value in frame.items() if name != "frame" and not name.endswith("_bits")]
    words += [f"{name}={_scalar(name, value)}" for name, value in shown]
    return " ".join(words)


def _scalar(name: str, value: Any) -> str:
    """One value for people; what its number means stands behind it."""
    if isinstance(value, list):
        return ",".join(_scalar(name, each) for each in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "unknown"
    if not isinstance(value, int):
        return printable(str(value)) or "-"
    if name.endswith("connection_id"):
        return f"0x{value:08x}"
    if name == "reason_code":
        known = [reason.name for reason in gs.EndReason if reason == value]
        return f"{value} ({known[0]})" if known else str(value)
    if name in {"time_created", "time_expiry"}:
        return f"{value} ({datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC)"
    return str(value)


@contextmanager
def _opened(file: Path | None) -> Iterator[BinaryIO]:
    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            note("type or paste hex, one datagram a line; Ctrl-D ends")
        # What a pipe brings is shown at once: nothing may wait for a buffer to be full.
        stdin = sys.stdin.buffer
        yield stdin if isinstance(stdin, io.BufferedReader) else io.BufferedReader(io.BytesIO(stdin.read()))
        return
    try:
        stream = file.open("rb")
    except OSError as error:
        fail("decode", f"cannot read {file} ({error.strerror or error}): give a capture or hex lines", EXIT_USAGE)
    with stream:
        yield stream


def _numbered_lines(stream: TextIO) -> Iterator[tuple[int, str]]:
    """Lines with their numbers; of one that is longer than any datagram only the beginning, which says so."""
    number = 0
    while line := stream.readline(LINE_CHARACTERS_MAX):
        number += 1
        yield number, line
        while line and len(line) == LINE_CHARACTERS_MAX and not line.endswith("\n"):
            line = stream.readline(LINE_CHARACTERS_MAX)


def _decode_line(
    line: str, content: Content, is_encrypted: bool, whole: bool, keys: SessionKeys | None
) -> Parts | None:
    """The parts of what a line holds; `None` if it holds nothing."""
    digits = line.partition("#")[0].translate(str.maketrans("", "", " \t\r\n:,")).removeprefix("0x")
    if not digits:
        return None
    try:
        data = bytes.fromhex(digits)
    except ValueError:
        return {"kind": "not hex", "fault": "give pairs of the digits 0-9 and a-f"}
    if len(data) > DATAGRAM_BYTES_MAX:
        return {"kind": "too long", "bytes": len(data), "fault": f"UDP carries {DATAGRAM_BYTES_MAX} bytes at most"}
    if content is Content.FRAMES:
        return {"bytes": len(data), **frames_parts(data, whole)}
    return datagram_parts(data, is_encrypted, whole, keys)


def _has_fault(parts: Parts) -> bool:
    """Whether something in there is malformed, however deep."""
    return "fault" in parts or any(_has_fault(inner) for inner in parts.values() if isinstance(inner, dict))
