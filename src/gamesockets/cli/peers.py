"""How is a peer described to people, and what is said when it cannot be reached?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import gamesockets as gs
from gamesockets.cli.terminal import InputError, printable

ENDED: Final = frozenset({gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY})


def parse_identity(text: str) -> gs.NetworkingIdentity | None:
    """The identity to claim; `None` for no text, which means anonymous. Raises `InputError`."""
    if not text:
        return None
    try:
        return gs.NetworkingIdentity.parse(text)
    except ValueError:
        raise InputError(
            f"{text!r} is no identity: write str:NAME, steamid:NUMBER, gen:HEX or ip:ADDRESS, or leave it out"
        ) from None


def describe_peer(info: gs.ConnectionInfo) -> str:
    """A peer in a few words: address, identity if it claims one, and how the connection is protected."""
    words = [str(info.address)]
    if info.identity.type not in {gs.IdentityType.INVALID, gs.IdentityType.IP_ADDRESS}:
        proof = " (unproven)" if info.flags & gs.ConnectionInfoFlags.UNAUTHENTICATED else ""
        words.append(printable(str(info.identity)) + proof)
    words.append(protection(info))
    return ", ".join(words)


def protection(info: gs.ConnectionInfo) -> str:
    """Whether what crosses the connection can be read on the way."""
    return "NOT encrypted" if info.flags & gs.ConnectionInfoFlags.UNENCRYPTED else "encrypted"


def how_it_ended(info: gs.ConnectionInfo) -> str:
    """One clause about the end of an established connection."""
    who = "the peer closed it" if info.state == gs.ConnectionState.CLOSED_BY_PEER else "it was lost"
    return f"{who} ({info.end_reason}: {printable(info.end_debug) or 'no text'})"


def why_not_connected(
    info: gs.ConnectionInfo, addresses: Sequence[gs.Address], timeout_seconds: float, start_server: str
) -> str:
    """One line about a connection that was never established, and what to do.

    `addresses` are all that the name stands for, the one that was tried first; `start_server` is the command
    that starts a server that would have answered.
    """
    tried = addresses[0]
    why = f"{info.end_reason}: {printable(info.end_debug) or 'no text'}"
    if info.end_reason == gs.EndReason.REMOTE_BAD_CRYPT:
        return f"{tried} answered, but shares no cipher with us: check its encryption setting"
    if info.state == gs.ConnectionState.CLOSED_BY_PEER:
        return f"{tried} refused the connection ({why}): ask who runs it"
    if info.end_reason != gs.EndReason.MISC_TIMEOUT:
        return f"cannot connect to {tried} ({why})"
    others = f" The name also stands for {', '.join(address.ip for address in addresses[1:])}." if addresses[1:] else ""
    return (
        f"no answer from {tried} within {timeout_seconds:g} s: is a server running there ({start_server}), "
        f"and does the firewall let UDP port {tried.port} through?{others}"
    )


def known(number: float, unit: str = "") -> str:
    """A number of a status record, or `-` for the negative ones that mean "not known yet" (spec 3, 9.2)."""
    return "-" if number < 0 else f"{number:g}{unit}"


def percent(share: float) -> str:
    """A quality of 0..1 as percent, or `-` while it is not known."""
    return "-" if share < 0 else f"{share * 100:.1f}%"
