"""Which events does a trace have? Writes reference/trace.md from the list that the code itself keeps.

Run `python -m docs.trace_events` at the root of the repository after a change to it; a test says when.
"""

from pathlib import Path
from typing import Final

from gamesockets.node.tracing import FILE_BYTES_MAX, WAITING_MAX
from gamesockets.observe.trace_events import EVENTS, EVERY_EVENT, SAMPLE_US, VERSION

PAGE: Final = Path(__file__).parent / "reference" / "trace.md"

_WHEN: Final = {
    "trace": "The first event.",
    "connection": "A connection began, or is traced from now on; again when its name or a log level changes.",
    "state": "The state of a connection changed.",
    "packet_sent": "A data packet leaves.",
    "packet_received": "A genuine data packet came.",
    "ack": "The peer reports on our packets.",
    "packet_lost": "It may turn out to be late.",
    "message_sent": "The application has sent a message, which now waits to leave.",
    "message_refused": "The application wanted to, and was refused.",
    "message_received": "A whole message goes to the application.",
    "sample": f"Rate, round trip and queues, at most every {SAMPLE_US // 1000} ms and only when a packet passes.",
    "dropped": "The reader was too slow.",
    "end": "The last event.",
}

_INTRODUCTION: Final = f"""
`Library.set_trace(path)` and the environment variable `GAMESOCKETS_TRACE` write what happens on all connections over
UDP to a file, one JSON object a line; `Library.set_trace(function)` hands each to a function, as a `dict`. How to use
it, and how to look at it: [watching](../guides/watching.md).

Numbers of packets and messages are whole ones, times are microseconds of the clock of `Library.time()`. No event has a
key or the contents of a message. A file ends at {FILE_BYTES_MAX >> 30} GiB unless told otherwise; at most
{WAITING_MAX:,} events wait for the thread that writes. This is version {VERSION}; later ones may have more events and
more fields.
"""


def render() -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.trace_events` from observe/trace_events.py: change that, not this. -->",
        "",
        "# Trace",
        "",
        _INTRODUCTION.strip(),
        "",
        "Every event has",
        "",
        *_table(EVERY_EVENT),
    ]
    for event, fields in EVENTS.items():
        lines += ["", f"## {event}", "", _WHEN[event], "", *_table(fields)]
    return "\n".join(lines) + "\n"


def _table(fields: dict[str, str]) -> list[str]:
    return ["| Field | Means |", "|---|---|", *[f"| `{name}` | {text} |" for name, text in fields.items()]]


def main() -> None:
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
