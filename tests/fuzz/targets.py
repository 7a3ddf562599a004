"""All targets by name, and the inputs that are kept for each."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

from tests.fuzz import certificates, codecs, conversation, handshakes, texts
from tests.support.recorded import load

Target: TypeAlias = Callable[[bytes], None]

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
"""Written by `python -m tests.fuzz --grow`: one input a line, in hex."""
REGRESSIONS: Final = HERE / "regressions"
"""Inputs that found a fault, written by hand: each stands below a line that says which."""

TARGETS: Final[dict[str, Target]] = {
    **codecs.TARGETS,
    **texts.TARGETS,
    **certificates.TARGETS,
    **conversation.TARGETS,
    **handshakes.TARGETS,
}

SLOW: Final = frozenset({"costs"})
"""Those that are only tried in a long run: counting lines takes ten times as long as running them."""


def inputs_in(path: Path) -> list[bytes]:
    """The inputs in a file, none if there is no such file."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="ascii").splitlines()
    return [bytes.fromhex(line) for line in lines if line and not line.startswith("#")]


def _recorded_control_messages() -> list[str]:
    """Good ones, which no coverage leads to: their contents are read by protobuf."""
    return [item["hex"] for item in load("handshake-client")["datagrams"] if item["kind"] != "Data"]


def corpus(name: str) -> list[bytes]:
    """What is kept for a target, beginning with nothing at all."""
    shared = "conversations" if name == "costs" else name
    recorded = [bytes.fromhex(text) for text in _recorded_control_messages()] if name == "control-messages" else []
    return [b"", *recorded, *inputs_in(CORPUS / f"{shared}.txt"), *inputs_in(REGRESSIONS / f"{shared}.txt")]
