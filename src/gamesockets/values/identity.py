"""Who is a peer? A typed name, as text for people and the wire, and as the bytes that decide equality.

Types, limits and text forms are those of the reference library (spec 1, section 6; spec 3, part 10).
"""

import re
from operator import index
from typing import Any, Final, SupportsIndex, final

from gamesockets.build import mypyc_attr
from gamesockets.values.address import Address
from gamesockets.values.enums import IdentityType

MAX_TEXT_BYTES: Final = 127
"""The longest text form."""
MAX_GENERIC_STRING_BYTES: Final = 31
MAX_GENERIC_BYTES: Final = 32
MAX_XBOX_PAIRWISE_ID_BYTES: Final = 32

_MAX_UINT64: Final = (1 << 64) - 1
# As C's scanf reads a number: blanks and a sign in front, anything behind.
_DECIMAL: Final = re.compile(rb"[ \t\n\v\f\r]*([+-]?)([0-9]+)")
_HEX: Final = re.compile(rb"(?:[0-9a-fA-F]{2})+\Z")
_UNKNOWN_PREFIX: Final = re.compile(rb"[a-z0-9_]{1,16}:")

# Steam account types that `_check_steam_id` has a special rule for.
_STEAM_INDIVIDUAL: Final = 1
_STEAM_GAME_SERVER: Final = 3
_STEAM_CLAN: Final = 7


@mypyc_attr(acyclic=True)
@final
class NetworkingIdentity:
    """A name of a peer. Immutable; equal and hashed by its type and bytes.

    Made by `parse` and the other class methods. A plain call makes the invalid identity.
    """

    __slots__ = ("_data", "_type")

    def __init__(self) -> None:
        self._type = IdentityType.INVALID
        self._data = b""

    @classmethod
    def invalid(cls) -> "NetworkingIdentity":
        """No identity, as of a peer that has not answered yet."""
        return cls()

    @classmethod
    def localhost(cls) -> "NetworkingIdentity":
        """An anonymous one: peers see the address and port of the sender instead."""
        return cls.ip_address(Address.localhost())

    @classmethod
    def ip_address(cls, address: Address) -> "NetworkingIdentity":
        """An address and port; a zone is dropped."""
        return cls._of(IdentityType.IP_ADDRESS, address.packed + address.port.to_bytes(2, "little"))

    @classmethod
    def generic_string(cls, text: str) -> "NetworkingIdentity":
        """A name chosen by the application, 0..31 bytes in UTF-8 without a zero byte, else `ValueError`."""
        return cls._from_generic_string(text.encode())

    @classmethod
    def generic_bytes(cls, data: bytes | bytearray | memoryview) -> "NetworkingIdentity":
        """0..32 bytes chosen by the application, else `ValueError`. `parse` refuses the text form of no bytes."""
        if len(data) > MAX_GENERIC_BYTES:
            raise ValueError(f"generic bytes have a length of 0..{MAX_GENERIC_BYTES}, not {len(data)}")
        return cls._of(IdentityType.GENERIC_BYTES, bytes(data))

    @classmethod
    def steam_id(cls, number: SupportsIndex) -> "NetworkingIdentity":
        """A Steam id of 64 bits, else `ValueError`. Its parts are not checked, unlike in `parse`."""
        return cls._of(IdentityType.STEAM_ID, _uint64_bytes(number, "Steam id"))

    @classmethod
    def xbox_pairwise_id(cls, text: str) -> "NetworkingIdentity":
        """1..32 bytes in UTF-8 without a zero byte, else `ValueError`."""
        return cls._from_xbox_pairwise_id(text.encode())

    @classmethod
    def psn_id(cls, number: SupportsIndex) -> "NetworkingIdentity":
        """A PlayStation account number of 64 bits, else `ValueError`."""
        return cls._of(IdentityType.SONY_PSN, _uint64_bytes(number, "PSN id"))

    @classmethod
    def parse(cls, text: str | bytes | bytearray | memoryview) -> "NetworkingIdentity":
        """From a text form such as ``str:alice``, ``ip:1.2.3.4:5`` or ``steamid:76561197960265729``.

        As lenient with blanks and other text around numbers as the reference library, except that ``gen:`` needs
        pairs of hex digits. An unknown prefix gives an identity of type `IdentityType.UNKNOWN_TYPE`.

        Args:
            text: bytes are taken as they came from a peer and need not be UTF-8.

        Raises:
            ValueError: the text is no identity; the text ``invalid`` is none either.
        """
        raw = text.encode() if isinstance(text, str) else bytes(text)
        if b"\0" in raw:
            raise ValueError(f"an identity cannot contain a zero byte: {raw[:MAX_TEXT_BYTES]!r}")
        prefix, colon, rest = raw.partition(b":")
        if colon:
            match prefix:
                case b"str":
                    return cls._from_generic_string(rest)
                case b"gen":
                    return cls.generic_bytes(_parse_hex(rest))
                case b"ip":
                    return cls.ip_address(Address.parse_numbers(rest.decode("ascii", "replace")))
                case b"steamid":
                    return cls.steam_id(_check_steam_id(_parse_uint64(rest)))
                case b"psn":
                    return cls.psn_id(_parse_uint64(rest))
                case b"xboxpwid":
                    return cls._from_xbox_pairwise_id(rest)
        if not _UNKNOWN_PREFIX.match(raw):
            raise ValueError(f"{raw[:MAX_TEXT_BYTES]!r} does not begin with a kind, as 'str:' or 'ip:'")
        _check_length("an identity", raw, 1, MAX_TEXT_BYTES)
        return cls._of(IdentityType.UNKNOWN_TYPE, raw + b"\0")

    @classmethod
    def _from_generic_string(cls, raw: bytes) -> "NetworkingIdentity":
        _check_length("a generic string", raw, 0, MAX_GENERIC_STRING_BYTES)
        return cls._of(IdentityType.GENERIC_STRING, raw + b"\0")

    @classmethod
    def _from_xbox_pairwise_id(cls, raw: bytes) -> "NetworkingIdentity":
        _check_length("an Xbox pairwise id", raw, 1, MAX_XBOX_PAIRWISE_ID_BYTES)
        return cls._of(IdentityType.XBOX_PAIRWISE_ID, raw + b"\0")

    @classmethod
    def _of(cls, identity_type: IdentityType, data: bytes) -> "NetworkingIdentity":
        identity: NetworkingIdentity = cls()
        identity._type = identity_type
        identity._data = data
        return identity

    @property
    def type(self) -> IdentityType:
        """What kind of name it is."""
        return self._type

    @property
    def data(self) -> bytes:
        """The stored bytes: texts end with a zero byte, numbers are little-endian (spec 1, section 6)."""
        return self._data

    @property
    def is_invalid(self) -> bool:
        """Whether it is no identity."""
        return self._type == IdentityType.INVALID

    @property
    def is_localhost(self) -> bool:
        """Whether it is an IP address of localhost, whatever the port, which means anonymous."""
        address = self.address
        return address is not None and address.is_localhost

    @property
    def address(self) -> Address | None:
        """The address and port; `None` for other types."""
        if self._type != IdentityType.IP_ADDRESS:
            return None
        return Address.from_packed(self._data[:16], int.from_bytes(self._data[16:], "little"))

    @property
    def text(self) -> str | None:
        """A generic string or Xbox id without its prefix; `None` for other types."""
        if self._type not in (IdentityType.GENERIC_STRING, IdentityType.XBOX_PAIRWISE_ID):
            return None
        return self._data[:-1].decode("utf-8", "backslashreplace")

    @property
    def steam_id64(self) -> int:
        """The Steam id; 0 for other types."""
        return int.from_bytes(self._data, "little") if self._type == IdentityType.STEAM_ID else 0

    @property
    def psn_id64(self) -> int:
        """The PlayStation account number; 0 for other types."""
        return int.from_bytes(self._data, "little") if self._type == IdentityType.SONY_PSN else 0

    @property
    def text_bytes(self) -> bytes:
        """The text form as it is sent: like `str`, but bytes that are not UTF-8 are kept."""
        data = self._data
        match self._type:
            case IdentityType.IP_ADDRESS:
                address = Address.from_packed(data[:16], int.from_bytes(data[16:], "little"))
                return b"ip:" + (str(address) if address.port else address.ip).encode()
            case IdentityType.GENERIC_STRING:
                return b"str:" + data[:-1]
            case IdentityType.GENERIC_BYTES:
                return b"gen:" + data.hex().encode()
            case IdentityType.UNKNOWN_TYPE:
                return data[:-1]
            case IdentityType.STEAM_ID:
                return b"steamid:%d" % int.from_bytes(data, "little")
            case IdentityType.XBOX_PAIRWISE_ID:
                return b"xboxpwid:" + data[:-1]
            case IdentityType.SONY_PSN:
                return b"psn:%d" % int.from_bytes(data, "little")
        return b"invalid"

    def __str__(self) -> str:
        # Never fails, and never holds a lone surrogate: a hostile peer must not make printing its name fail.
        return self.text_bytes.decode("utf-8", "backslashreplace")

    def __repr__(self) -> str:
        return f"<NetworkingIdentity {str(self)!r}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NetworkingIdentity):
            return NotImplemented
        return self._type == other._type and self._data == other._data

    def __hash__(self) -> int:
        return hash((self._type, self._data))

    def __reduce__(self) -> tuple[Any, ...]:
        return NetworkingIdentity._of, (self._type, self._data)


def _check_length(what: str, raw: bytes, minimum: int, maximum: int) -> None:
    if not minimum <= len(raw) <= maximum:
        raise ValueError(f"{what} has {minimum}..{maximum} bytes, not {len(raw)}: {raw[:MAX_TEXT_BYTES]!r}")
    if b"\0" in raw:
        raise ValueError(f"{what} cannot contain a zero byte: {raw!r}")


def _uint64_bytes(number: SupportsIndex, what: str) -> bytes:
    value = index(number)
    if not 0 <= value <= _MAX_UINT64:
        raise ValueError(f"{what} {value} is outside 0..{_MAX_UINT64}")
    return value.to_bytes(8, "little")


def _parse_uint64(raw: bytes) -> int:
    """As C's ``%llu``: too large numbers become the largest one, a minus sign counts down from 2**64."""
    match = _DECIMAL.match(raw)
    if not match:
        raise ValueError(f"{raw[:MAX_TEXT_BYTES]!r} is no number")
    sign, digits = match.groups()
    number = int(digits)
    if number > _MAX_UINT64:
        return _MAX_UINT64
    return -number & _MAX_UINT64 if sign == b"-" else number


def _parse_hex(raw: bytes) -> bytes:
    if not _HEX.match(raw):
        raise ValueError(f"{raw[:MAX_TEXT_BYTES]!r} is not one or more pairs of hex digits")
    return bytes.fromhex(raw.decode())


def _check_steam_id(number: int) -> int:
    """Refuse numbers whose parts make no sense together (spec 1, section 6)."""
    universe, account_type = number >> 56, number >> 52 & 0xF
    instance, account = number >> 32 & 0xFFFFF, number & 0xFFFFFFFF
    valid = 1 <= universe <= 4 and 1 <= account_type <= 10
    if account_type == _STEAM_INDIVIDUAL:
        valid = valid and account != 0 and instance == 1
    elif account_type == _STEAM_CLAN:
        valid = valid and account != 0 and instance == 0
    elif account_type == _STEAM_GAME_SERVER:
        valid = valid and account != 0
    if not valid:
        raise ValueError(f"{number} is no Steam id: universe, type, instance and account do not fit together")
    return number
