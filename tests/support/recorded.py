"""What did the reference library really send? Recorded vectors, as plain values."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent.parent / "vectors"

HANDSHAKES: Final = (
    "handshake-client",
    "handshake-client-authenticated",
    "handshake-client-unencrypted",
    "handshake-server",
    "handshake-server-unencrypted",
    "packet-number-wrap",
)


@cache
def load(name: str) -> Any:
    """The content of `tests/vectors/NAME.json`. Shared between tests: do not change it."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def handshake_datagrams() -> list[tuple[str, dict[str, Any]]]:
    """Every datagram of every recorded handshake, with the name of its recording."""
    return [(name, datagram) for name in HANDSHAKES for datagram in load(name)["datagrams"]]


def handshake_failures(role: str) -> dict[str, dict[str, Any]]:
    """The recorded odd handshakes in which the reference library was "client" or "server", by name."""
    return {case["name"]: case for case in load("handshake-failures")["cases"] if case["reference_role"] == role}
