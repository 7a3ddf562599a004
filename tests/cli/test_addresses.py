"""Does the command line read addresses as people write them, and say what is wrong with the others?"""

import socket

import pytest

import gamesockets as gs
from gamesockets.cli.addresses import resolve, resolve_bind, split_host_port
from gamesockets.cli.terminal import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.org", ("example.org", 27015)),
        ("example.org:80", ("example.org", 80)),
        ("192.0.2.1:5", ("192.0.2.1", 5)),
        ("[::1]", ("::1", 27015)),
        ("[::1]:80", ("::1", 80)),
        ("2001:db8::1", ("2001:db8::1", 27015)),
        (":80", ("", 80)),
        ("  host:0 ", ("host", 0)),
    ],
)
def test_text_is_cut_into_host_and_port(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text) == expected


@pytest.mark.parametrize("text", ["host:", "host:x", "host:65536", "host:-1", "[::1", "[::1]80", "[::1]:", "host:²"])
def test_nonsense_is_refused_in_one_line_that_names_it(text: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(text)
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_literal_addresses_need_no_name_server() -> None:
    assert list(resolve("192.0.2.1:5")) == [gs.Address("192.0.2.1", 5)]
    assert list(resolve("[2001:db8::1]:7")) == [gs.Address("2001:db8::1", 7)]
    assert list(resolve("[fe80::1%1]:7")) == [gs.Address("fe80::1%1", 7)]
    assert resolve_bind("fe80::1%1") == gs.Address("fe80::1%1", 27015)


def test_a_name_stands_for_all_its_addresses_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(host: str, port: int, **_: object) -> list[object]:
        v6 = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("2001:db8::1", port, 0, 0))
        v4 = (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.1", port))
        return [v6, v4, v6]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    assert list(resolve("game.example")) == [gs.Address("2001:db8::1", 27015), gs.Address("192.0.2.1", 27015)]


def test_a_name_that_does_not_resolve_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object, **__: object) -> list[object]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(InputError, match="check the spelling"):
        resolve("nowhere.example")


@pytest.mark.parametrize(
    "text", ["", ":80", "[::1]:0", "0.0.0.0:80", "[::]:80", "fe80::1%no-such-interface", "a" * 70 + ".example"]
)
def test_what_cannot_be_connected_to_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        resolve(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", gs.Address("::", 27015)),
        (":0", gs.Address("::", 0)),
        ("*:80", gs.Address("::", 80)),
        ("0.0.0.0:80", gs.Address("0.0.0.0", 80)),  # noqa: S104 - an address to listen on, as text
        ("[::1]:0", gs.Address("::1", 0)),
    ],
)
def test_listening_takes_any_address_and_port_zero(text: str, expected: gs.Address) -> None:
    assert resolve_bind(text) == expected
