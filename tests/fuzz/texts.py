"""Texts from users, files and peers: is what is accepted one thing, and is it written back as the same?"""

from collections.abc import Callable
from typing import Final

from tests.fuzz.choices import Choices

from gamesockets.crypto.certificate import SigningKey
from gamesockets.crypto.textforms import (
    decode_certificate,
    decode_private_key,
    decode_public_key,
    encode_certificate,
    encode_private_key,
    encode_public_key,
)
from gamesockets.values.address import Address
from gamesockets.values.identity import NetworkingIdentity

_KEY: Final = SigningKey(b"k" * 32)
_CERTIFICATE: Final = encode_certificate(b"\x22\x04abcd\x29\1\2\3\4\5\6\7\x08\x32\x02xy")
_WHOLE: Final = (
    *("127.0.0.1:80", "::ffff:1.2.3.4", "[2001:db8::1%1]:27015", "[::1]:0", "localhost", "1::", "::", "0:0::0.0.0.0"),
    *(
        "str:x",
        "gen:00ff",
        "ip:[::1]:7",
        "steamid:76561197960265729",
        "xboxpwid:ab12",
        "psn:42",
        "invalid",
        "unknown:x",
    ),
)
_PARTS: Final = (
    "[",
    "]",
    ":",
    "::",
    ".",
    "%",
    "0",
    "00",
    "1",
    "255",
    "256",
    "65535",
    "65536",
    "ffff",
    "ip:",
    " ",
    "\0",
    "é",
)


def _built(choices: Choices, whole: tuple[str, ...], parts: tuple[str, ...]) -> str:
    """A text that is almost right."""
    text = choices.pick(("", *whole))
    while not choices.is_over():
        place = choices.below(len(text) + 1)
        kind = choices.byte()
        if kind < 0x40:
            text = text[:place] + text[place + 1 + kind % 4 :]
        elif kind < 0xB0:
            text = text[:place] + choices.pick(parts) + text[place:]
        elif kind < 0xE0:
            text = text[:place] + chr(choices.byte()) + text[place:]
        else:
            text = text[:place] + choices.take(4).decode("utf-8", "surrogateescape") + text[place:]
        text = text[:4000]
    return text


def addresses(data: bytes) -> None:
    """What is parsed as an address is written in a form that is parsed as the same address (spec 3, 5.1)."""
    text = _built(Choices(data), _WHOLE, _PARTS)
    for parse in (Address.parse, Address.parse_numbers):
        try:
            address = parse(text)
        except ValueError:
            continue
        assert Address.parse(str(address)) == address
        assert 0 <= address.port <= 65535
        assert len(address.packed) == 16


def identities(data: bytes) -> None:
    """The same for identities, from text and from raw bytes (spec 1, 6)."""
    choices = Choices(data)
    raw = choices.byte() < 0x40
    text = choices.rest() if raw else _built(choices, _WHOLE, _PARTS)
    try:
        identity = NetworkingIdentity.parse(text)
    except ValueError:
        return
    assert hash(identity) == hash(NetworkingIdentity.parse(identity.text_bytes))
    assert NetworkingIdentity.parse(identity.text_bytes) == identity
    assert len(str(identity)) < 600


def keys(data: bytes) -> None:
    """Keys and certificates as text: what is accepted survives being written (spec 1, 5.6)."""
    choices = Choices(data)
    kind = choices.below(3)
    if kind == 0:
        text = _built(choices, (encode_private_key(_KEY),), ("-", "\r\n", "=", "A", "BEGIN", "END ", "OPENSSH"))
        try:
            key = decode_private_key(text)
        except ValueError:
            return
        assert decode_private_key(encode_private_key(key)).seed == key.seed
    elif kind == 1:
        text = _built(choices, (encode_public_key(_KEY.public, "me"),), ("ssh-ed25519", " ", "=", "A", "\t"))
        try:
            public = decode_public_key(text)
        except ValueError:
            return
        assert decode_public_key(encode_public_key(public)) == public
    else:
        text = _built(choices, (_CERTIFICATE,), ("-", "\n", "=", "A", "BEGIN", "END ", "STEAMDATAGRAM CERT"))
        try:
            signed = decode_certificate(text)
        except ValueError:
            return
        assert decode_certificate(encode_certificate(signed)) == signed


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {"addresses": addresses, "identities": identities, "keys": keys}
