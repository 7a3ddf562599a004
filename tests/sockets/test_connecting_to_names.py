"""Can a game loop connect to a host name, and from an address and port of its choice?"""

import socket
import threading
from typing import Any

import pytest
from tests.support.pairs import LOCALHOST, NewSide, Side, data_of
from tests.support.ports import free_port, silent_address
from tests.support.waiting import DEADLINE_S

import gamesockets as gs

State = gs.ConnectionState
V = gs.ConfigurationValue
RELIABLE = gs.SendFlags.RELIABLE


def sockaddr(address: gs.Address) -> tuple[Any, ...]:
    return (0, socket.SOCK_DGRAM, 17, "", (address.ip, address.port))


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: gs.Address) -> None:
    """From now on every name stands for these."""
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [sockaddr(address) for address in addresses])


class Lookup:
    """A lookup that takes until the test says what it finds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._may_end = threading.Event()
        self._found: list[gs.Address] = []
        monkeypatch.setattr(socket, "getaddrinfo", self._look)

    def _look(self, *_: Any, **__: Any) -> list[Any]:
        assert self._may_end.wait(DEADLINE_S)
        if not self._found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [sockaddr(address) for address in self._found]

    def end(self, *found: gs.Address) -> None:
        self._found = list(found)
        self._may_end.set()
        for thread in threading.enumerate():
            if thread.name == "gamesockets-resolver":
                thread.join(DEADLINE_S)


def accept(server: Side) -> gs.Connection:
    change = server.until(State.CONNECTING)
    assert server.accept_connection(change.connection) == gs.Result.OK
    return change.connection


@pytest.mark.rule("3, 14.4 rule 1")
def test_a_name_is_looked_up_while_the_game_goes_on(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = Lookup(monkeypatch)
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    outgoing = client.connect(f"play.example:{address.port}")
    info = client.info(outgoing)
    assert (info.state, info.address) == (State.CONNECTING, gs.Address("::", 0))
    assert client.set_connection_name(outgoing, "to the server")
    assert client.send_message_to_connection(outgoing, b"early", RELIABLE) == gs.Result.OK
    assert client.next_change().connection_info.state == State.CONNECTING
    lookup.end(address)
    incoming = accept(server)
    client.until(State.CONNECTED, outgoing)
    assert data_of(server.messages(incoming)) == [b"early"]
    info = client.info(outgoing)
    assert info.address == address
    assert "to the server" in info.connection_description


def test_localhost(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(gs.Address("::", 0)))
    outgoing = client.connect(f"localhost:{address.port}")
    accept(server)
    client.until(State.CONNECTED, outgoing)
    assert client.info(outgoing).address.is_localhost


def test_a_text_with_an_address_needs_no_lookup(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "getaddrinfo")
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    outgoing = client.connect(str(address))
    assert client.info(outgoing).address == address
    accept(server)
    client.until(State.CONNECTED, outgoing)


def test_an_address_that_is_silent_does_not_matter(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    with silent_address() as silent:
        resolve_to(monkeypatch, silent, address)
        outgoing = client.connect("two.example:5")
        accept(server)
        client.until(State.CONNECTED, outgoing)
        assert client.info(outgoing).address == address


def test_a_name_that_nobody_knows_ends_the_connection(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    client = new_side()
    lookup = Lookup(monkeypatch)
    outgoing = client.connect("nobody.example:5")
    lookup.end()
    info = client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing).connection_info
    assert info.end_reason == gs.EndReason.MISC_GENERIC
    assert info.end_debug == "cannot find 'nobody.example': Name or service not known"
    assert client.send_message_to_connection(outgoing, b"x") == gs.Result.NO_CONNECTION
    assert client.close_connection(outgoing)


def test_a_lookup_that_never_ends_is_a_timeout(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    client = new_side()
    lookup = Lookup(monkeypatch)
    outgoing = client.connect("slow.example:5", {V.TIMEOUT_INITIAL: 30})
    info = client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing).connection_info
    assert (info.end_reason, info.end_debug) == (gs.EndReason.MISC_TIMEOUT, "Timed out attempting to connect")
    lookup.end(LOCALHOST)
    assert client.info(outgoing).end_reason == gs.EndReason.MISC_TIMEOUT


@pytest.mark.parametrize("closes_all", [False, True])
def test_closed_while_it_is_looked_up(new_side: NewSide, monkeypatch: pytest.MonkeyPatch, closes_all: bool) -> None:
    lookup = Lookup(monkeypatch)
    client = new_side()
    outgoing = client.connect("play.example:5")
    if closes_all:
        client.close()
    else:
        assert client.close_connection(outgoing)
    lookup.end(gs.Address("127.0.0.1", 5))
    assert client.get_connection_info(outgoing) is None


@pytest.mark.parametrize("text", ["play.example", "play.example:0", "::1:27015", "play.example:http", "", "a b:5"])
def test_texts_that_cannot_be_connected_to(sockets: gs.NetworkingSockets, text: str) -> None:
    with pytest.raises(ValueError, match=r"must .* 'play\.example:27015'"):
        sockets.connect(text)


# ---------------------------------------------------------------------- from where


def test_from_an_address_and_a_port(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    local = gs.Address("127.0.0.2", free_port("127.0.0.2"))
    client.connect(address, local_address=local)
    incoming = accept(server)
    assert server.info(incoming).address == local


def test_from_a_port_of_any_address(new_side: NewSide) -> None:
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    port = free_port()
    client.connect(address, local_address=gs.Address("::", port))
    incoming = accept(server)
    assert server.info(incoming).address == gs.Address("127.0.0.1", port)


def test_a_name_from_an_address(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    server, client = new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    resolve_to(monkeypatch, gs.Address("2001:db8::1", address.port), address)
    outgoing = client.connect("two.example:5", local_address=gs.Address("127.0.0.2", 0))
    incoming = accept(server)
    client.until(State.CONNECTED, outgoing)
    assert server.info(incoming).address.ip == "127.0.0.2"


def test_a_name_of_the_other_family_cannot_be_reached(new_side: NewSide, monkeypatch: pytest.MonkeyPatch) -> None:
    client = new_side()
    resolve_to(monkeypatch, gs.Address("2001:db8::1", 5))
    outgoing = client.connect("six.example:5", local_address=LOCALHOST)
    info = client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing).connection_info
    assert "no address of that name can be reached from 127.0.0.1:" in info.end_debug


def test_local_addresses_that_cannot_be_had(sockets: gs.NetworkingSockets) -> None:
    peer = gs.Address("127.0.0.1", 5)
    wrong: Any = "127.0.0.1"
    with pytest.raises(TypeError, match="local_address must be Address"):
        sockets.connect(peer, local_address=wrong)
    for target in (peer, "play.example:5"):
        with pytest.raises(OSError, match=r"cannot send from 192\.0\.2\.1:0: "):
            sockets.connect(target, local_address=gs.Address("192.0.2.1", 0))
    with silent_address() as taken, pytest.raises(OSError, match=f"cannot send from {taken}: "):
        sockets.connect(peer, local_address=taken)
    with pytest.raises(ValueError, match=r"127\.0\.0\.1:5 cannot be reached from \[::1\]:0: they are of different"):
        sockets.connect(peer, local_address=gs.Address("::1", 0))
