"""How does a line of a key log look? Written by the key log, read by `decode`; the Wireshark dissector reads it too.

    GNS_AES256GCM 1a2b3c4d 5e6f7081 <64 hex digits: the key> <24 hex digits: the initialisation vector>

The first number is the connection id that packets name which are sealed with the key, the second that of their sender.
Lines that begin otherwise are comments.
"""

from typing import Final, NamedTuple

LABEL: Final = "GNS_AES256GCM"

_PARTS: Final = 5
_ID_DIGITS: Final = 8
_KEY_DIGITS: Final = 64
_IV_DIGITS: Final = 24


class SessionKey(NamedTuple):
    """The key of one direction of a session."""

    to_connection_id: int
    from_connection_id: int
    key: bytes
    iv: bytes


def format_key(session: SessionKey) -> str:
    """The line, without its end."""
    ids = f"{session.to_connection_id:08x} {session.from_connection_id:08x}"
    return f"{LABEL} {ids} {session.key.hex()} {session.iv.hex()}"


def parse_key(line: str) -> SessionKey | None:
    """What a line says; None for any other line.

    Raises:
        ValueError: it begins as one, and goes on in another way.
    """
    parts = line.split()
    if not parts or parts[0] != LABEL:
        return None
    sizes = [len(part) for part in parts[1:]]
    if sizes != [_ID_DIGITS, _ID_DIGITS, _KEY_DIGITS, _IV_DIGITS]:
        raise ValueError(f"a line of a key log has {_PARTS} parts: {LABEL}, two ids, a key, an initialisation vector")
    return SessionKey(int(parts[1], 16), int(parts[2], 16), bytes.fromhex(parts[3]), bytes.fromhex(parts[4]))
