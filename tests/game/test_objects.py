"""Do clients, servers and their events tell what happens, in order and to the end?"""

import os
import random
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.ports import free_port, silent_address
from tests.support.process import own_global_values
from tests.support.programs import Program
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets import pki

__all__ = ["own_global_values"]  # a fixture

RELIABLE = gs.SendFlags.RELIABLE_NO_NAGLE
LOCAL = "127.0.0.1:0"
HURRY = {gs.ConfigurationValue.TIMEOUT_INITIAL: 100}


class Meeting:
    """Servers and clients on one thread; `events` gathers what each has told, as short texts."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.all: list[gs.Client | gs.Server] = []
        self.events: dict[gs.Client | gs.Server, list[gs.Event]] = {}

    def server(self, **options: Any) -> gs.Server:
        server = self._stack.enter_context(gs.Server(LOCAL, **options))
        self._know(server)
        return server

    def client(self, address: gs.Address | str, **options: Any) -> gs.Client:
        client = self._stack.enter_context(gs.Client(address, **options))
        self._know(client)
        return client

    def _know(self, one: gs.Client | gs.Server) -> None:
        self.all.append(one)
        self.events[one] = []

    def turn(self) -> None:
        """A frame of all of them."""
        for one in self.all:
            one.wait(0.001)
            self.events[one] += one.events()

    def until(self, condition: Callable[[], Any]) -> Any:
        return wait_until(condition, lambda: f"such an event in {self.events}", pause=self.turn)

    def has(self, one: gs.Client | gs.Server, kind: type[gs.Event], count: int = 1) -> list[Any]:
        """The events of that kind, once there are so many."""
        self.until(lambda: len([event for event in self.events[one] if isinstance(event, kind)]) >= count)
        return [event for event in self.events[one] if isinstance(event, kind)]

    def kinds(self, one: gs.Client | gs.Server) -> list[str]:
        return [type(event).__name__ for event in self.events[one]]


@pytest.fixture
def meeting() -> Iterator[Meeting]:
    with ExitStack() as stack:
        yield Meeting(stack)


def test_a_conversation_from_hello_to_goodbye(meeting: Meeting) -> None:
    server = meeting.server()
    client = meeting.client(str(server.address), identity=gs.NetworkingIdentity.generic_string("ada"))
    assert client.send(b"early", RELIABLE) == gs.Result.OK
    [received] = meeting.has(server, gs.Received)
    peer = received.peer
    assert (received.data, received.message.data) == (b"early", b"early")
    assert (str(peer.identity), peer.is_connected, server.peers) == ("str:ada", True, [peer])
    assert peer.address.is_loopback
    assert peer.user is None
    assert peer.send(b"welcome", RELIABLE) == gs.Result.OK
    assert [event.data for event in meeting.has(client, gs.Received)] == [b"welcome"]
    assert client.is_connected
    assert client.status() is not None
    assert server.disconnect(peer, 1042, "the match is over")
    assert not server.disconnect(peer)
    [gone] = meeting.has(client, gs.Disconnected)
    assert (gone.peer, gone.reason, gone.debug) == (client.peer, 1042, "the match is over")
    [left] = meeting.has(server, gs.Disconnected)
    assert (left.peer, left.reason, left.debug) == (peer, 1042, "the match is over")
    assert meeting.kinds(server) == meeting.kinds(client) == ["Connected", "Received", "Disconnected"]
    assert server.peers == []


def test_what_a_peer_sent_last_comes_before_its_end(meeting: Meeting) -> None:
    server = meeting.server()
    client = meeting.client(server.address)
    meeting.has(client, gs.Connected)
    for number in range(20):
        client.send(bytes([number]), RELIABLE)
    client.close(1001, "gone to bed")
    [left] = meeting.has(server, gs.Disconnected)
    assert (left.reason, left.debug) == (1001, "gone to bed")
    assert [event.data for event in meeting.has(server, gs.Received)] == [bytes([number]) for number in range(20)]
    assert meeting.kinds(server)[-1] == "Disconnected"
    info = left.peer.info()
    assert (info.state, info.end_reason) == (gs.ConnectionState.CLOSED_BY_PEER, 1001)
    assert left.peer.status() is None
    assert left.peer.send(b"x") == gs.Result.NO_CONNECTION
    assert "CLOSED_BY_PEER" in repr(left.peer)


def test_a_loop_that_is_left_early_finds_the_rest_next_time(meeting: Meeting) -> None:
    server = meeting.server()
    client = meeting.client(server.address)
    meeting.has(client, gs.Connected)
    meeting.has(server, gs.Connected)
    for text in (b"1", b"2", b"3"):
        client.send(text, RELIABLE)
    got: list[bytes] = []

    def take_one() -> bool:
        for event in server.events():
            if isinstance(event, gs.Received):
                got.append(event.data)
                break
        return len(got) >= 3

    wait_until(take_one)
    assert got == [b"1", b"2", b"3"]


def test_receive_gives_messages_and_leaves_the_other_events(meeting: Meeting) -> None:
    server = meeting.server()
    client = gs.Client(server.address)
    with client:
        client.send(b"x", RELIABLE)
        [received] = meeting.has(server, gs.Received)
        received.peer.send(b"y", RELIABLE)
        messages: list[gs.NetworkingMessage] = []

        def take() -> bool:
            messages.extend(client.receive())
            return bool(messages)

        wait_until(take)
        assert [message.data for message in messages] == [b"y"]
        assert [type(event) for event in client.events()] == [gs.Connected]


def test_broadcast(meeting: Meeting) -> None:
    server = meeting.server()
    clients = [meeting.client(server.address) for _ in range(3)]
    meeting.has(server, gs.Connected, 3)
    assert server.broadcast(b"all", RELIABLE) == 3
    assert server.broadcast(b"one", RELIABLE, peers=server.peers[:1]) == 1
    assert server.broadcast(b"none", peers=[]) == 0
    for client in clients:
        meeting.has(client, gs.Received)
    meeting.until(lambda: sum(kinds.count("Received") for kinds in map(meeting.kinds, clients)) == 4)


@pytest.mark.parametrize("fails", [False, True])
def test_who_is_not_admitted_is_told_why(meeting: Meeting, fails: bool) -> None:
    def admit(info: gs.ConnectionInfo) -> gs.Refusal | None:
        if fails:
            raise ZeroDivisionError
        return gs.Refusal(1001, "full") if info.identity != wanted else None

    wanted = gs.NetworkingIdentity.generic_string("ada")
    server = meeting.server(admit=admit)
    client = meeting.client(server.address)
    [refused] = meeting.has(client, gs.Disconnected)
    assert (refused.reason, refused.debug) == ((2000, "internal error") if fails else (1001, "full"))
    if not fails:
        meeting.client(server.address, identity=wanted)
        meeting.has(server, gs.Connected)
    assert "Disconnected" not in meeting.kinds(server)


def test_nobody_there(meeting: Meeting) -> None:
    with silent_address() as nobody:
        client = meeting.client(nobody, config=HURRY)
        [failed] = meeting.has(client, gs.Disconnected)
        assert gs.EndReason(failed.reason) == gs.EndReason.MISC_TIMEOUT
        assert not client.is_connected
        assert client.send(b"x") == gs.Result.NO_CONNECTION
        meeting.until(lambda: not client.wait(0))


def test_connecting_again_until_a_server_is_there(meeting: Meeting) -> None:
    port = free_port()
    again = gs.Backoff(0.0, 0.0)
    client = meeting.client(f"127.0.0.1:{port}", config=HURRY, reconnect=again)
    meeting.has(client, gs.Disconnected, 2)
    for count in (1, 2):
        with gs.Server(f"127.0.0.1:{port}") as server:
            meeting.all.append(server)
            meeting.events[server] = []
            meeting.has(client, gs.Connected, count)
            meeting.all.remove(server)
    assert len({event.peer.connection for event in meeting.events[client]}) >= 4


def test_the_pauses_grow_until_it_gives_up(meeting: Meeting, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds: list[float] = []

    def shortest(_: random.Random, low: float, high: float) -> float:
        bounds.append(high)
        return low

    monkeypatch.setattr(random.Random, "uniform", shortest)
    server = meeting.server(admit=lambda _: gs.Refusal(1001, "full"))
    client = meeting.client(server.address, reconnect=gs.Backoff(1, 3, attempts=4))
    meeting.has(client, gs.Disconnected, 4)
    for _ in range(20):
        meeting.turn()
    assert bounds == [1, 2, 3]
    assert meeting.kinds(client) == ["Disconnected"] * 4


def test_it_is_woken_to_connect_again(meeting: Meeting) -> None:
    """A program that sleeps in `wait` need not know about pauses."""
    server = meeting.server(admit=lambda _: gs.Refusal(1001, "full"))
    client = meeting.client(server.address, reconnect=gs.Backoff(0.02, 0.02))
    meeting.has(client, gs.Disconnected)
    assert client.wait(20)


def test_lanes_and_mistakes(meeting: Meeting) -> None:
    server = meeting.server()
    client = meeting.client(server.address)
    meeting.has(client, gs.Connected)
    assert client.peer.configure_lanes([0, 1]) == gs.Result.OK
    assert client.send(b"x", RELIABLE, lane=1) == gs.Result.OK
    with pytest.raises(ValueError, match="there is no lane 2"):
        client.send(b"x", lane=2)
    with pytest.raises(ValueError, match="at most 524288 bytes, not 524289"):
        client.send(bytearray(524_289))
    with pytest.raises(TypeError, match=r"text\.encode\(\)"):
        client.send("x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="peers must be Peer"):
        server.broadcast(b"x", peers=[client])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="reason must be 0 or in"):
        server.disconnect(meeting.has(server, gs.Connected)[0].peer, 3)
    with pytest.raises(ValueError, match="reason must be 0 or in"):
        client.close(3)


@pytest.mark.parametrize(
    ("make", "kind", "says"),
    [
        (lambda: gs.Server("::1:27015"), ValueError, "in brackets"),
        (lambda: gs.Server(27015), TypeError, "address must be Address or str"),  # type: ignore[arg-type]
        (lambda: gs.Server(LOCAL, admit=5), TypeError, "admit must be a function"),  # type: ignore[arg-type]
        (lambda: gs.Server("192.0.2.1:27015"), OSError, r"192\.0\.2\.1:27015"),
        (lambda: gs.Client("http://x:5"), ValueError, "is a URL"),
        (lambda: gs.Client("localhost"), ValueError, "must end in a port"),
        (lambda: gs.Client(gs.Address("127.0.0.1", 0)), ValueError, "cannot connect to port 0"),
        (lambda: gs.Client("localhost:5", reconnect=3), TypeError, "reconnect must be Backoff"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_made(make: Callable[[], object], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        make()


def test_after_run_everybody_is_told_and_the_events_say_so(meeting: Meeting) -> None:
    server = meeting.server()
    client = meeting.client(server.address, reconnect=gs.Backoff(0.0, 0.0))
    meeting.has(server, gs.Connected)
    server.stop()
    server.run(lambda: None)
    [left] = [event for event in server.events() if isinstance(event, gs.Disconnected)]
    assert (left.reason, left.debug) == (1000, "The application is shutting down")
    assert left.peer.info().state == gs.ConnectionState.NONE
    [gone] = meeting.has(client, gs.Disconnected)
    assert (gone.reason, gone.debug) == (1000, "The application is shutting down")
    client.drain()
    meeting.until(lambda: not client.wait(0))
    before = len(meeting.events[client])
    for _ in range(20):
        meeting.turn()
    assert len(meeting.events[client]) == before, "it connects no more"


def test_a_client_that_was_stopped_connects_no_more(meeting: Meeting) -> None:
    server = meeting.server()
    client = meeting.client(server.address, reconnect=gs.Backoff(0.0, 0.0))
    meeting.has(server, gs.Connected)
    client.stop()
    client.run(lambda: None)
    [gone] = meeting.has(client, gs.Disconnected)
    assert gone.reason == 1000
    meeting.has(server, gs.Disconnected)
    for _ in range(20):
        meeting.turn()
    assert meeting.kinds(server).count("Connected") == 1
    assert not client.is_connected


def test_a_client_may_expect_a_key_or_an_identity(meeting: Meeting) -> None:
    key = pki.create_key()
    name = gs.NetworkingIdentity.generic_string("server")
    server = meeting.server(credentials=pki.Credentials(name, key))
    right = meeting.client(server.address, expected_key=key.public, expected_identity=name, trust=pki.TrustStore())
    meeting.has(right, gs.Connected)
    other = gs.NetworkingIdentity.generic_string("lobby")
    for wrong in ({"expected_key": pki.create_key().public}, {"expected_identity": other}):
        [gone] = meeting.has(meeting.client(server.address, trust=pki.TrustStore(), **wrong), gs.Disconnected)
        assert gone.reason == gs.EndReason.REMOTE_BAD_CERT
    with pytest.raises(ValueError, match="expected_key has 3 bytes, must have 32"):
        gs.Client(server.address, expected_key=b"key")


def test_an_exception_tells_2000_and_a_normal_end_delivers_first(meeting: Meeting) -> None:
    server = meeting.server()

    def fail() -> None:
        with gs.Client(server.address) as client:
            wait_until(lambda: list(server.events()) or client.is_connected)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert meeting.has(server, gs.Disconnected)[0].reason == 2000
    with gs.Client(server.address) as client:
        client.send(bytes(50_000), RELIABLE)
        wait_until(lambda: client.is_connected, pause=meeting.turn)
    assert meeting.has(server, gs.Disconnected, 2)[1].reason == 1000
    assert len(meeting.has(server, gs.Received)[0].data) == 50_000


PROGRAM = """
    import gamesockets as gs
    with gs.Server("127.0.0.1:0") as server:
        print(server.address, flush=True)
        server.run(lambda: [print(type(event).__name__, flush=True) for event in server.events()], hz=100)
        print(*[type(event).__name__ for event in server.events()], flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")
def test_a_signal_ends_a_server_gently(meeting: Meeting) -> None:
    with Program([sys.executable, "-u", "-W", "error", "-c", textwrap.dedent(PROGRAM)]) as server:
        client = meeting.client(server.wait_for(r"127\.0\.0\.1:\d+")[0])
        server.wait_for("Connected")
        server.signal(signal.SIGTERM)
        assert server.finish() == 0
        assert server.output[1:] == ["Connected", "Disconnected"]
        assert meeting.has(client, gs.Disconnected)[0].debug == "The application is shutting down"


FORKING = """
    import gamesockets as gs, os
    with gs.Server("127.0.0.1:0") as server, gs.Client(server.address) as client:
        while not client.is_connected:
            list(server.events()), list(client.events())
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            print(client.is_connected, client.send(b"still here").name, flush=True)
    print("child" if not child else "parent", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_the_block_quietly() -> None:
    with Program([sys.executable, "-u", "-W", "error", "-c", textwrap.dedent(FORKING)]) as program:
        assert program.finish() == 0
        assert program.output == ["child", "True OK", "parent"]


SLEEPING = """
    import gamesockets as gs, signal
    with gs.Server("127.0.0.1:0") as server:
        signal.signal(signal.SIGTERM, lambda *_: server.close())
        print("ready", flush=True)
        while server.wait():
            pass
    print("ended", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")
def test_closed_in_a_signal_handler() -> None:
    with Program([sys.executable, "-u", "-W", "error", "-c", textwrap.dedent(SLEEPING)]) as program:
        program.wait_for("ready")
        program.signal(signal.SIGTERM)
        assert program.finish() == 0
        assert program.output[1:] == ["ended"]


SLOW_NAME = """
    import gamesockets as gs, socket, time
    socket.getaddrinfo = lambda *_, **__: time.sleep(60)
    began = time.monotonic()
    with gs.Client("slow.example:27015") as client:
        result = client.send(b"x", gs.SendFlags.RELIABLE)
        print([type(event).__name__ for event in client.events()], result.name, flush=True)
    print(time.monotonic() - began < 30, flush=True)
"""


def test_a_name_that_nobody_answers_holds_up_neither_the_game_nor_its_end() -> None:
    with Program([sys.executable, "-u", "-W", "error", "-c", textwrap.dedent(SLOW_NAME)]) as program:
        assert program.finish() == 0
        assert program.output == ["[] OK", "True"]
