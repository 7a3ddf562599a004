"""Identities read, print and compare as in the reference library (spec 1, section 6; spec 3, part 10)."""

import json
import pickle
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gamesockets.values.address import Address
from gamesockets.values.enums import IdentityType
from gamesockets.values.identity import NetworkingIdentity


def load(name: str) -> dict[str, Any]:
    text = (Path(__file__).parent.parent / "vectors" / name).read_text(encoding="utf-8")
    vectors: dict[str, Any] = json.loads(text)
    return vectors


IDENTITY = load("identity.json")
TEXT_FORMS = load("identity-text-forms.json")

# Accepted by the reference library, refused here: they are no hex digits, and would be more texts for the same bytes.
NOT_HEX = "not pairs of hex digits; the reference library reads what it can and takes the rest as zero"
SIGNED = "a blank or sign instead of a hex digit"
REFUSED = {
    "gen:0g": NOT_HEX,
    "gen:0x12": NOT_HEX,
    "gen:1 ": NOT_HEX,
    "gen: 1": SIGNED,
    "gen:-1": SIGNED,
    "gen:+1": SIGNED,
}


@pytest.mark.rule("1, 6 rule 2", "1, 6 rule 3", "1, 6 rule 4", "1, 6 rule 5", "1, 6 rule 6", "1, 6 rule 8", "3, 10.2")
@pytest.mark.parametrize("row", IDENTITY["parse"], ids=lambda row: repr(row["input"]))
def test_parse_as_the_reference_library_does(row: dict[str, Any]) -> None:
    if not row["ok"] or row["input"] in REFUSED:
        with pytest.raises(ValueError, match=r".+"):
            NetworkingIdentity.parse(row["input"])
        return
    check(NetworkingIdentity.parse(row["input"]), row)


@pytest.mark.rule("3, 10.2")
@pytest.mark.parametrize("row", TEXT_FORMS["identities"], ids=lambda row: repr(row["input"]))
def test_parse_the_second_set_of_texts(row: dict[str, Any]) -> None:
    if not row["accepted"] or row["input"] in REFUSED:
        with pytest.raises(ValueError, match=r".+"):
            NetworkingIdentity.parse(row["input"])
        return
    identity = NetworkingIdentity.parse(row["input"])
    assert identity.type == row["type_code"]
    assert identity.type.name.replace("_", "") == row["type"].upper()
    assert identity.data == bytes.fromhex(row["data_hex"])
    assert len(identity.data) == row["size"]
    assert str(identity) == row["to_string"]
    assert identity.is_localhost == row["is_local_host"]
    assert (NetworkingIdentity.parse(str(identity)) == identity) == row["to_string_reparses"]


@pytest.mark.rule("1, 6 rule 5")
def test_the_refused_texts_are_all_in_the_vectors() -> None:
    accepted = {row["input"] for row in IDENTITY["parse"] if row["ok"]}
    accepted |= {row["input"] for row in TEXT_FORMS["identities"] if row["accepted"]}
    assert REFUSED.keys() <= accepted


def check(identity: NetworkingIdentity, row: dict[str, Any]) -> None:
    assert identity.type == row["type"]
    assert identity.data == bytes.fromhex(row["data"])
    assert len(identity.data) == row["size"]
    assert str(identity) == row["text"]
    assert identity.is_invalid == row["is_invalid"]
    assert identity.is_localhost == row["is_localhost"]
    assert identity.steam_id64 == row["steam_id64"]


def make(operation: str) -> NetworkingIdentity:
    """What this setter of the reference library makes."""
    name, _, argument = operation.rstrip(")").partition("(")
    count = int(match[0]) if (match := re.match(r"\d+", argument)) else 0
    match name:
        case "SetSteamID64":
            return NetworkingIdentity.steam_id(count)
        case "SetGenericString":
            return NetworkingIdentity.generic_string("abc" if count == 3 else "a" * count)
        case "SetGenericBytes":
            return NetworkingIdentity.generic_bytes(bytes(range(count)))
        case "SetXboxPairwiseID":
            return NetworkingIdentity.xbox_pairwise_id("x" * count)
        case "SetLocalHost":
            return NetworkingIdentity.localhost()
        case "SetIPAddr":
            return NetworkingIdentity.ip_address(Address.parse(argument))
        case "Clear":
            return NetworkingIdentity.invalid()
    raise AssertionError(f"no such setter: {operation}")


@pytest.mark.rule("1, 6 rule 1", "3, 1.5 rule 1", "3, 1.5 rule 2", "3, 10.3")
@pytest.mark.parametrize("row", IDENTITY["setters"], ids=lambda row: row["op"])
def test_made_as_by_the_setters_of_the_reference_library(row: dict[str, Any]) -> None:
    if row["returns"] is False:
        with pytest.raises(ValueError, match=r"\.\."):
            make(row["op"])
        return
    check(make(row["op"]), row)


def test_the_vectors_hold_nothing_else() -> None:
    assert set(IDENTITY) == {"description", "parse", "setters"}
    assert set(TEXT_FORMS) == {"description", "library_protocol_version", "identities", "ip_addresses"}


@pytest.mark.rule("3, 1.5 rule 1")
def test_what_is_inside_can_be_asked_for() -> None:
    address = Address("1.2.3.4", 5)
    assert NetworkingIdentity.ip_address(address).address == address
    assert NetworkingIdentity.generic_string("héllo").text == "héllo"
    assert NetworkingIdentity.xbox_pairwise_id("x").text == "x"
    assert NetworkingIdentity.generic_bytes(b"\1\2").data == b"\1\2"
    assert NetworkingIdentity.steam_id(76561197960265729).steam_id64 == 76561197960265729
    assert NetworkingIdentity.psn_id(12).psn_id64 == 12


@pytest.mark.rule("3, 10.3")
def test_what_is_not_inside_is_none_or_zero() -> None:
    for identity in (NetworkingIdentity.invalid(), NetworkingIdentity.generic_bytes(b"\1")):
        assert identity.address is None
        assert identity.text is None
        assert identity.steam_id64 == 0
        assert identity.psn_id64 == 0
        assert not identity.is_localhost


@pytest.mark.rule("1, 6 rule 3")
@pytest.mark.parametrize("number", [-1, 1 << 64])
def test_numbers_have_64_bits(number: int) -> None:
    with pytest.raises(ValueError, match=f"Steam id {number} is outside 0..18446744073709551615"):
        NetworkingIdentity.steam_id(number)
    with pytest.raises(ValueError, match=f"PSN id {number} is outside 0..18446744073709551615"):
        NetworkingIdentity.psn_id(number)


def test_zero_bytes_are_refused() -> None:
    for text in ("str:a\0b", "foo:a\0", b"str:a\0"):
        with pytest.raises(ValueError, match="zero byte"):
            NetworkingIdentity.parse(text)
    with pytest.raises(ValueError, match="zero byte"):
        NetworkingIdentity.generic_string("a\0")
    with pytest.raises(ValueError, match="zero byte"):
        NetworkingIdentity.xbox_pairwise_id("a\0")


@pytest.mark.rule("1, 6 rule 1", "3, 5.13")
def test_lengths_are_of_bytes() -> None:
    with pytest.raises(ValueError, match=r"0\.\.31 bytes, not 32"):
        NetworkingIdentity.generic_string("é" * 16)
    with pytest.raises(ValueError, match=r"1\.\.127 bytes, not 128"):
        NetworkingIdentity.parse("foo:" + "é" * 62)


def test_bytes_that_are_no_utf8_are_kept_and_can_be_printed() -> None:
    for raw in (b"str:\xff\xfe", b"foo:\xff", b"xboxpwid:\xc3"):
        identity = NetworkingIdentity.parse(raw)
        assert identity.text_bytes == raw
        assert NetworkingIdentity.parse(identity.text_bytes) == identity
        str(identity).encode()
        repr(identity).encode()
    assert NetworkingIdentity.parse(b"str:\xff").text == "\\xff"


@pytest.mark.rule("1, 6 rule 1")
def test_identities_compare_by_type_and_bytes() -> None:
    alice = NetworkingIdentity.generic_string("alice")
    assert alice == NetworkingIdentity.parse("str:alice")
    assert hash(alice) == hash(NetworkingIdentity.parse("str:alice"))
    assert alice != NetworkingIdentity.xbox_pairwise_id("alice")
    assert alice != "str:alice"
    assert NetworkingIdentity.invalid() == NetworkingIdentity()
    assert NetworkingIdentity.steam_id(5) != NetworkingIdentity.psn_id(5)


def test_identities_are_immutable_and_can_be_copied() -> None:
    identity = NetworkingIdentity.generic_string("alice")
    with pytest.raises(AttributeError):
        identity.type = IdentityType.INVALID  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(identity)) == identity  # noqa: S301 - our own bytes
    assert repr(identity) == "<NetworkingIdentity 'str:alice'>"


identities = st.one_of(
    st.text(max_size=31)
    .filter(lambda text: "\0" not in text and len(text.encode()) < 32)
    .map(NetworkingIdentity.generic_string),
    st.binary(min_size=1, max_size=32).map(NetworkingIdentity.generic_bytes),
    st.integers(0, (1 << 64) - 1).map(NetworkingIdentity.psn_id),
    st.integers(1, (1 << 32) - 1).map(lambda account: NetworkingIdentity.steam_id(0x0110000100000000 | account)),
    st.builds(
        lambda packed, port: NetworkingIdentity.ip_address(Address.from_packed(packed, port)),
        st.binary(min_size=16, max_size=16),
        st.integers(0, 65535),
    ),
)


@settings(max_examples=100)
@given(identities)
def test_texts_parse_back(identity: NetworkingIdentity) -> None:
    assert NetworkingIdentity.parse(str(identity)) == identity
    assert NetworkingIdentity.parse(identity.text_bytes) == identity


PREFIXES = [b"str:", b"gen:", b"ip:", b"steamid:", b"psn:", b"xboxpwid:", b"foo:", b""]


@settings(max_examples=200)
@given(st.sampled_from(PREFIXES), st.binary(max_size=150))
@example(b"psn:", b"9" * 6000)
@example(b"steamid:", b"9" * 6000)
@example(b"ip:", b"\xff" * 10)
def test_any_bytes_are_an_identity_or_a_value_error(prefix: bytes, rest: bytes) -> None:
    try:
        identity = NetworkingIdentity.parse(prefix + rest)
    except ValueError:
        return
    assert NetworkingIdentity.parse(identity.text_bytes) == identity
