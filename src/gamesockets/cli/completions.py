"""What does a shell offer when somebody presses Tab behind an option or argument?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gamesockets.cli.addresses import DEFAULT_PORT

Suggestions = list[tuple[str, str]]

_ADDRESSES: Final = (
    (f"localhost:{DEFAULT_PORT}", "a server on this machine"),
    (f"127.0.0.1:{DEFAULT_PORT}", "this machine, IPv4"),
    (f"[::1]:{DEFAULT_PORT}", "this machine, IPv6"),
)
_BINDS: Final = (
    (f"[::]:{DEFAULT_PORT}", "every address, IPv6 and IPv4"),
    (f"0.0.0.0:{DEFAULT_PORT}", "every address, IPv4 only"),
    (f"127.0.0.1:{DEFAULT_PORT}", "this machine only"),
    ("[::]:0", "a free port"),
)
_IDENTITIES: Final = (
    ("str:", "a name, up to 31 bytes"),
    ("steamid:", "a Steam number"),
    ("gen:", "bytes as hex, up to 32"),
    ("ip:", "an address"),
)


def complete_address(incomplete: str) -> Suggestions:
    """Servers to connect to."""
    return _beginning(_ADDRESSES, incomplete)


def complete_bind(incomplete: str) -> Suggestions:
    """Addresses to listen on."""
    return _beginning(_BINDS, incomplete)


def complete_identity(incomplete: str) -> Suggestions:
    """The kinds of identity."""
    return _beginning(_IDENTITIES, incomplete)


def _beginning(known: Sequence[tuple[str, str]], incomplete: str) -> Suggestions:
    return [(value, meaning) for value, meaning in known if value.startswith(incomplete)]
