"""Identities in the binary fields of old versions: written, read, and refused (spec 1, 2.8)."""

import pytest
from tests.support.credentials import VALID_STEAM_ID

from gamesockets.crypto.legacy_identity import identity_from_legacy, identity_to_legacy
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.wire.messages_pb2 import IdentityLegacyBinary


@pytest.mark.rule("1, 2.8 rule 2")
@pytest.mark.parametrize(
    ("text", "legacy"),
    [
        ("str:bob", IdentityLegacyBinary(generic_string=b"bob")),
        ("str:", IdentityLegacyBinary(generic_string=b"")),
        ("gen:00ff", IdentityLegacyBinary(generic_bytes=b"\0\xff")),
        (f"steamid:{VALID_STEAM_ID}", IdentityLegacyBinary(steam_id=VALID_STEAM_ID)),
        ("ip:::1", IdentityLegacyBinary(ipv6_and_port=bytes(15) + b"\1\0\0")),
        ("ip:1.2.3.4:258", IdentityLegacyBinary(ipv6_and_port=bytes(10) + b"\xff\xff\1\2\3\4\1\2")),
    ],
)
def test_identities_in_the_old_binary_form(text: str, legacy: IdentityLegacyBinary) -> None:
    identity = NetworkingIdentity.parse(text)
    assert identity_to_legacy(identity) == legacy
    assert identity_from_legacy(legacy) == identity


@pytest.mark.parametrize("text", ["psn:5", "xboxpwid:abc", "future:thing"])
def test_identities_that_the_old_form_cannot_express(text: str) -> None:
    assert identity_to_legacy(NetworkingIdentity.parse(text)) == IdentityLegacyBinary()


@pytest.mark.rule("1, 2.8 rule 2")
@pytest.mark.parametrize(
    "legacy",
    [
        IdentityLegacyBinary(),
        IdentityLegacyBinary(ipv6_and_port=bytes(17)),
        IdentityLegacyBinary(generic_string=b"x" * 32),
        IdentityLegacyBinary(generic_bytes=b"x" * 33),
        IdentityLegacyBinary(steam_id=5),
        IdentityLegacyBinary(steam_id=1 << 56 | 1 << 52 | 1 << 32),  # account 0
        IdentityLegacyBinary(steam_id=1 << 56 | 7 << 52 | 9),  # a clan
        IdentityLegacyBinary(steam_id=5, generic_string=b"fine"),
    ],
)
def test_bad_identities_in_the_old_binary_form(legacy: IdentityLegacyBinary) -> None:
    with pytest.raises(ValueError, match=r"."):
        identity_from_legacy(legacy)


@pytest.mark.rule("1, 6 rule 4")
@pytest.mark.parametrize("account_type", [1, 3, 4, 9])
def test_steam_accounts_that_the_old_fields_may_hold(account_type: int) -> None:
    number = 1 << 56 | account_type << 52 | 9
    assert identity_from_legacy(IdentityLegacyBinary(steam_id=number)).steam_id64 == number
