"""Addresses read and print as in the reference library (spec 3, 1.4 and 10.1)."""

import copy
import json
import pickle
import socket
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gamesockets.values.address import Address
from gamesockets.values.identity import NetworkingIdentity

VECTORS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "address.json").read_text(encoding="utf-8")
)
TEXT_FORMS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "identity-text-forms.json").read_text(encoding="utf-8")
)["ip_addresses"]

ports = st.integers(0, 65535)
packed_addresses = st.one_of(
    st.binary(min_size=16, max_size=16),
    st.binary(min_size=4, max_size=4).map(lambda ipv4: bytes(10) + b"\xff\xff" + ipv4),
    st.lists(st.sampled_from([0, 0, 1, 0xFFFF]), min_size=8, max_size=8).map(
        lambda groups: b"".join(group.to_bytes(2, "big") for group in groups)
    ),
)


def without_zone(address: Address) -> Address:
    """The reference library reads zones and drops them; ours stay."""
    return Address.from_packed(address.packed, address.port)


def check(address: Address, row: dict[str, Any]) -> None:
    assert address.packed == bytes.fromhex(row["ip"])
    assert address.port == row["port"]
    assert address.ip == row["text"]
    assert str(address) == row["text_port"]
    assert address.is_ipv4 == row["is_ipv4"]
    assert address.is_localhost == row["is_localhost"]
    assert address.is_all_zeros == row["is_all_zeros"]
    if row["is_ipv4"]:
        assert int.from_bytes(address.packed[12:], "big") == row["ipv4"]


@pytest.mark.rule("3, 10.1 rule 3", "3, 10.1 rule 6")
def test_localhost_is_an_address_in_any_case_of_letters_and_no_other_name_is() -> None:
    assert Address.parse("localhost") == Address.localhost(0)
    assert Address.parse("LocalHost:27015") == Address.localhost(27015)
    for text in ("localhost:", "localhost:65536", "localhost:1x", "localhost.", "xlocalhost:1", "play.example:1"):
        with pytest.raises(ValueError, match=r"address|port"):
            Address.parse(text)
    with pytest.raises(ValueError, match="no IP address"):
        Address.parse_numbers("localhost:1")


# No text is refused that the reference library accepts, however odd.
@pytest.mark.rule("1, 6 rule 6", "1, 6 rule 7", "3, 10.1 rule 1", "3, 10.1 rule 2", "3, 10.1 rule 3", "3, 10.1 rule 4")
@pytest.mark.parametrize("row", VECTORS["parse"], ids=lambda row: repr(row["input"]))
def test_parse_as_the_reference_library_does(row: dict[str, Any]) -> None:
    if row["ok"]:
        check(without_zone(Address.parse(row["input"])), row)
    else:
        with pytest.raises(ValueError, match=r"address|port|groups"):
            Address.parse_numbers(row["input"])


@pytest.mark.rule("3, 10.1 rule 1")
@pytest.mark.parametrize("row", TEXT_FORMS, ids=lambda row: repr(row["input"]))
def test_parse_the_second_set_of_texts(row: dict[str, Any]) -> None:
    if not row["accepted"]:
        with pytest.raises(ValueError, match=r"address|port|groups"):
            Address.parse_numbers(row["input"])
        return
    address = without_zone(Address.parse(row["input"]))
    assert address.packed == bytes.fromhex(row["ipv6_hex"])
    assert address.port == row["port"]
    assert str(address) == row["with_port"]
    assert address.ip == row["without_port"]


@pytest.mark.rule("3, 1.4")
def test_made_from_numbers() -> None:
    for row in VECTORS["set_ipv4"]:
        check(Address.ipv4(str(IPv4Address(row["arg_ip"])), row["arg_port"]), row)
    for row in VECTORS["set_ipv6"]:
        check(Address.from_packed(bytes.fromhex(row["arg_ip"]), row["arg_port"]), row)
        check(Address.ipv6(str(IPv6Address(bytes.fromhex(row["arg_ip"]))), row["arg_port"]), row)
    for row in VECTORS["localhost"]:
        check(Address.localhost(row["arg_port"]), row)


@pytest.mark.rule("3, 10.1 rule 5")
def test_texts_that_the_reference_library_would_cut_are_whole() -> None:
    for row in VECTORS["tostring_truncation"]:
        address = Address.parse(row["address"])
        text = str(address) if row["with_port"] else address.ip
        assert text[: row["buffer_size"] - 1] == row["result"]


@pytest.mark.rule("3, 1.4")
def test_equality_is_of_bytes_and_port() -> None:
    for row in VECTORS["equality"]:
        first, second = Address.parse(row["a"]), Address.parse(row["b"])
        assert (first == second) == row["equal"]
        assert (hash(first) == hash(second)) == row["equal"]
    assert Address.localhost(1) != ("::1", 1)


def test_the_vectors_hold_nothing_else() -> None:
    assert set(VECTORS) == {
        "description", "parse", "set_ipv4", "set_ipv6", "localhost", "tostring_truncation", "equality",
    }  # fmt: skip


def test_the_constructor_takes_either_family() -> None:
    assert str(Address("1.2.3.4", 80)) == "1.2.3.4:80"
    assert str(Address("::0", 80)) == "[::]:80"
    assert str(Address("::ffff:1.2.3.4", 80)) == "1.2.3.4:80"
    assert repr(Address("::1", 5)) == "Address('::1', 5)"


@pytest.mark.parametrize("ip", ["", "1.2.3", "1.2.3.4:5", "1.2.3.4 ", "01.2.3.4", "[::1]", "localhost", "::1\0", "é"])
def test_the_constructor_is_strict(ip: str) -> None:
    with pytest.raises(ValueError, match=r"is no IPv[46] address"):
        Address(ip, 1)


@pytest.mark.rule("3, 1.4")
def test_a_family_can_be_demanded() -> None:
    with pytest.raises(ValueError, match="'::1' is no IPv4 address"):
        Address.ipv4("::1", 1)
    with pytest.raises(ValueError, match=r"'1\.2\.3\.4' is no IPv6 address"):
        Address.ipv6("1.2.3.4", 1)


@pytest.mark.parametrize("port", [-1, 65536, 1 << 80])
def test_a_port_out_of_range_is_named(port: int) -> None:
    for make in (Address, Address.ipv6):
        with pytest.raises(ValueError, match=f"port {port} is outside 0..65535"):
            make("::1", port)
    with pytest.raises(ValueError, match=f"port {port} is outside 0..65535"):
        Address.localhost(port)


def test_a_port_is_a_whole_number() -> None:
    with pytest.raises(TypeError):
        Address("::1", "80")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Address("::1", 80.0)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, 4, 15, 17])
def test_packed_addresses_have_16_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"16 bytes, not {size}"):
        Address.from_packed(bytes(size), 1)


@pytest.mark.parametrize(
    ("sockaddr", "text"),
    [
        (("1.2.3.4", 5), "1.2.3.4:5"),
        (("::1", 5, 0, 0), "[::1]:5"),
        (("::ffff:1.2.3.4", 5, 0, 0), "1.2.3.4:5"),
        (("fe80::1%eth0", 5, 0, 2), "[fe80::1%2]:5"),
        (("fe80::1", 5, 0, 2), "[fe80::1%2]:5"),
        (("fe80::1", 5, 0, 0), "[fe80::1]:5"),
        (("2001:db8::1", 5, 0, 2), "[2001:db8::1]:5"),
    ],
)
def test_from_what_sockets_return(sockaddr: tuple[Any, ...], text: str) -> None:
    assert str(Address.from_socket(sockaddr)) == text


def test_from_a_real_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        address = Address.from_socket(udp.getsockname())
        assert address == Address("127.0.0.1", udp.getsockname()[1])
        assert address.is_localhost


# ---- zones


LOOPBACK_NAME, LOOPBACK_NUMBER = socket.if_nameindex()[0][::-1]


def test_the_zone_of_a_link_local_address_is_part_of_it() -> None:
    one, two, none = Address("fe80::1%1", 80), Address("fe80::1%2", 80), Address("fe80::1", 80)
    assert [address.scope_id for address in (one, two, none)] == [1, 2, 0]
    assert len({one, two, none}) == 3
    assert (str(one), one.ip, repr(one)) == ("[fe80::1%1]:80", "fe80::1%1", "Address('fe80::1%1', 80)")
    for address in (one, two, none):
        assert Address(address.ip, 80) == Address.parse(str(address)) == Address.ipv6(address.ip, 80) == address
        assert hash(Address(address.ip, 80)) == hash(address)
    assert Address("fe80::1%0", 80) == none
    assert not one.is_loopback
    assert one.is_private


def test_a_zone_may_be_the_name_of_an_interface() -> None:
    address = Address(f"fe80::1%{LOOPBACK_NAME}", 5)
    assert address == Address(f"fe80::1%{LOOPBACK_NUMBER}", 5)
    assert address.scope_id == LOOPBACK_NUMBER
    assert Address.ipv6(f"febf::%{LOOPBACK_NAME}", 5).scope_id == LOOPBACK_NUMBER


@pytest.mark.parametrize("ip", ["::1%1", "2001:db8::1%nowhere", "ff02::1%1", "fec0::1%1", "::ffff:1.2.3.4%1"])
def test_other_addresses_have_no_zone(ip: str) -> None:
    address = Address(ip, 5)
    assert address == Address(ip.partition("%")[0], 5)
    assert address.scope_id == 0
    assert "%" not in str(address)


@pytest.mark.parametrize("zone", ["no such interface", "x" * 300, "\0", "é", "²"])
def test_an_unknown_interface_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match="is no network interface of this machine"):
        Address(f"fe80::1%{zone}", 5)


@pytest.mark.rule("3, 10.1 rule 2")
@pytest.mark.parametrize("number", ["4294967296", "9" * 5000])
def test_a_zone_is_a_number_of_32_bits(number: str) -> None:
    with pytest.raises(ValueError, match=r"outside 0\.\.4294967295"):
        Address(f"fe80::1%{number}", 5)
    with pytest.raises(ValueError, match=r"outside 0\.\.4294967295"):
        Address.parse(f"fe80::1%{number}")
    assert Address("fe80::1%4294967295", 5).scope_id == 4294967295


def test_texts_do_not_look_for_interfaces() -> None:
    """Peers send such texts, and the reference library takes no names either."""
    with pytest.raises(ValueError, match="is no IP address"):
        Address.parse(f"fe80::1%{LOOPBACK_NAME}")


def test_nothing_that_peers_see_has_a_zone() -> None:
    address = Address("fe80::1%1", 80)
    assert address.packed == Address("fe80::1", 80).packed
    identity = NetworkingIdentity.ip_address(address)
    assert identity == NetworkingIdentity.ip_address(Address("fe80::1", 80))
    assert str(identity) == "ip:[fe80::1]:80"
    assert identity.address == Address("fe80::1", 80)
    assert NetworkingIdentity.parse("ip:[fe80::1%3]:80") == identity


# ---- what objects have to do


def test_addresses_are_immutable_and_can_be_copied() -> None:
    for address in (Address("1.2.3.4", 5), Address("fe80::1%1", 5)):
        with pytest.raises(AttributeError):
            address.port = 6  # type: ignore[misc]
        assert copy.deepcopy(address) == address
        assert pickle.loads(pickle.dumps(address)) == address  # noqa: S301 - our own bytes


@settings(max_examples=100)
@given(packed_addresses, ports)
def test_texts_parse_back(packed: bytes, port: int) -> None:
    address = Address.from_packed(packed, port)
    assert Address.parse(str(address)) == address
    assert Address.parse(address.ip) == Address.from_packed(packed, 0)
    assert Address(address.ip, port) == address


@pytest.mark.rule("1, 6 rule 7", "3, 10.1 rule 5")
@settings(max_examples=100)
@given(packed_addresses)
def test_ipv6_texts_are_the_shortest(packed: bytes) -> None:
    address = Address.from_packed(packed, 0)
    if not address.is_ipv4:
        assert address.ip == str(IPv6Address(packed))


@settings(max_examples=200)
@given(st.text(alphabet="0123456789abcf:.[]%# pP\t", max_size=60))
@example("1." * 30)
@example("9" * 5000 + ".1.1.1")
@example("1.1.1.1:" + "9" * 5000)
@example("::1#" + "9" * 5000)
@example("[::" + " " * 50_000)
@example("1:" * 25_000)
@example("::1" + " " * 50_000 + "x")
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = Address.parse(text)
    except ValueError:
        return
    assert Address.parse(str(address)) == address
