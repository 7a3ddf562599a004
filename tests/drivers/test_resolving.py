"""Are names told from addresses, looked up off the caller's thread, and answered in a useful order?"""

import socket
import threading
from typing import Any

import pytest

from gamesockets.drivers.resolving import resolve_on_a_thread, split_host_and_port
from gamesockets.values.address import Address


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("play.example:27015", ("play.example", 27015)),
        ("localhost:1", ("localhost", 1)),
        ("192.0.2.1:65535", ("192.0.2.1", 65535)),
        ("[2001:db8::1]:27015", ("2001:db8::1", 27015)),
        ("[fe80::1%eth0]:27015", ("fe80::1%eth0", 27015)),
        ("spiel.exämple:5", ("spiel.exämple", 5)),
    ],
)
def test_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert split_host_and_port(text) == parts


@pytest.mark.parametrize(
    "text",
    ["", ":", "play.example", "play.example:", "play.example:0", "play.example:65536", "play.example:http", ":27015",
     "play.example:-1", "play.example: 5", "play.example:٣", "2001:db8::1:27015", "[play.example]:5", "[]:5",
     "white space:5", "zero\0byte:5", "a" * 254 + ":5", "play.example:" + "9" * 5000],
)  # fmt: skip
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"must .* 'play\.example:27015'") as raised:
        split_host_and_port(text)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("http://play.example:80/", "is a URL, and must be a host and a port without '//'"),
        ("udp://play.example:27015", "is a URL"),
        ("::1:27015", "must have its IPv6 address in brackets, as in '[::1]:27015'"),
        ("play.example", "must end in a port of 1..65535"),
        ("play.example:0", "must end in a port of 1..65535"),
        ("user@play.example:5", "must be a host and a port"),
        ("play.example/x:5", "must be a host and a port"),
    ],
)
def test_errors_name_the_fix(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="play") as raised:
        split_host_and_port(text)
    assert says in str(raised.value)


def test_those_who_listen_may_take_any_free_port() -> None:
    assert split_host_and_port("localhost:0", lowest=0) == ("localhost", 0)


class Answer:
    """What the resolver tells, and on which thread."""

    def __init__(self, host: str) -> None:
        self.addresses: list[Address] = []
        self.problem = ""
        self.thread = 0
        self._came = threading.Event()
        resolve_on_a_thread(host, 5, self._told)
        assert self._came.wait(30)

    def _told(self, addresses: list[Address], error: OSError | None) -> None:
        self.addresses, self.problem, self.thread = addresses, str(error or ""), threading.get_ident()
        self._came.set()


def test_families_take_turns_and_each_address_comes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ips = ["2001:db8::1", "2001:db8::2", "2001:db8::1", "2001:db8::3", "192.0.2.1", "192.0.2.2"]

    def find(host: object, port: object, *_: Any, **__: Any) -> list[Any]:
        return [(0, socket.SOCK_DGRAM, 17, "", (ip, 5, 0, 0) if ":" in ip else (ip, 5)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    answer = Answer("play.example")
    assert [address.ip for address in answer.addresses] == [
        "2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "2001:db8::3",
    ]  # fmt: skip
    assert answer.thread != threading.get_ident()


@pytest.mark.parametrize("host", ["nobody.invalid", "a..b", "a" * 70])
def test_a_name_that_nobody_knows(host: str) -> None:
    answer = Answer(host)
    assert answer.addresses == []
    assert host in answer.problem
