"""Which identity does a message or certificate state, as text or in the binary fields of old versions? (spec 1, 2.8)"""

from typing import Final, TypeAlias

from gamesockets.values.address import Address
from gamesockets.values.enums import IdentityType
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import Certificate, ConnectOK, ConnectRequest, IdentityLegacyBinary

# Of the Steam ids, the old fields may hold persons (also on consoles) and game servers only (spec 1, part 6).
_LEGACY_STEAM_ACCOUNT_TYPES: Final = frozenset((1, 3, 4, 9))


def identity_to_legacy(identity: NetworkingIdentity) -> IdentityLegacyBinary:
    """The identity in the old binary form; empty for kinds of identity that have none (spec 1, 2.8)."""
    legacy = IdentityLegacyBinary()
    if identity.type == IdentityType.STEAM_ID:
        legacy.steam_id = identity.steam_id64
    elif identity.type == IdentityType.GENERIC_STRING:
        legacy.generic_string = identity.data[:-1]
    elif identity.type == IdentityType.GENERIC_BYTES:
        legacy.generic_bytes = identity.data
    elif identity.address is not None:
        legacy.ipv6_and_port = identity.address.packed + identity.address.port.to_bytes(2, "big")
    return legacy


def identity_from_legacy(legacy: IdentityLegacyBinary) -> NetworkingIdentity:
    """The identity that the old binary form states. Raises ValueError if it states none or a bad one."""
    if legacy.HasField("steam_id"):
        return legacy_steam_identity(legacy.steam_id)
    if legacy.HasField("generic_string"):
        return NetworkingIdentity.parse(b"str:" + legacy.generic_string)
    if legacy.HasField("generic_bytes"):
        return NetworkingIdentity.generic_bytes(legacy.generic_bytes)
    packed = legacy.ipv6_and_port
    if len(packed) != 18:
        raise ValueError(f"legacy identity has {len(packed)} bytes of address and port, must have 18")
    return NetworkingIdentity.ip_address(Address.from_packed(packed[:16], int.from_bytes(packed[16:], "big")))


def legacy_steam_identity(number: int) -> NetworkingIdentity:
    """The identity in an old field for Steam ids. Raises ValueError for kinds of account that it may not hold."""
    if steam_account_type(number) not in _LEGACY_STEAM_ACCOUNT_TYPES or number & 0xFFFFFFFF == 0:
        raise ValueError(f"Invalid SteamID {number} (in legacy field)")
    return NetworkingIdentity.steam_id(number)


def steam_account_type(number: int) -> int:
    """The account type inside a Steam id: 4 bits."""
    return number >> 52 & 0xF


Introduction: TypeAlias = ConnectRequest | ConnectOK
"""The messages that carry a peer's credentials."""


def stated_identity(message: Certificate | Introduction, steam_id_field: str) -> NetworkingIdentity | None:
    """The identity in a certificate or message, None if it has none. The first field present decides alone.

    Raises ValueError if that one is bad.
    """
    if message.HasField("identity_string"):
        return NetworkingIdentity.parse(message.identity_string)
    if message.HasField("legacy_identity_binary"):
        return identity_from_legacy(message.legacy_identity_binary)
    if message.HasField(steam_id_field):
        return legacy_steam_identity(getattr(message, steam_id_field))
    return None
