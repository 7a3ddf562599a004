"""Does a server listen on a socket that somebody else has opened, as systemd hands it over?"""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import pytest
from tests.support.patience import PATIENT_AT_FIRST
from tests.support.ports import free_port
from tests.support.programs import Program
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets import aio
from gamesockets.drivers.inherited import Place, inherited_sockets, open_at
from gamesockets.values.address import Address

ROOT: Final = Path(__file__).parents[2]

# As systemd does it: descriptors from 3 on, and the number of the process, which an `exec` does not change.
START: Final = """
import fcntl, os, sys
given = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 100) for one in sys.argv[2].split(",")]
for place, descriptor in enumerate(given):
    os.dup2(descriptor, 3 + place)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(given)), LISTEN_FDNAMES=sys.argv[1])
os.execv(sys.executable, [sys.executable, "-W", "error", *sys.argv[3:]])
"""

THREADS: Final = """
import gamesockets as gs
(inherited,) = gs.Library.inherited_sockets("game")
with gs.Server(inherited) as server:
    def tick():
        for event in server.events():
            if isinstance(event, gs.Received):
                event.peer.send(b"Hello, " + event.data, gs.SendFlags.RELIABLE)
    print("ready", server.address, flush=True)
    server.run(tick, hz=None)
print("drained", flush=True)
"""

ASYNCIO: Final = """
import gamesockets as gs
from gamesockets import aio
(inherited,) = gs.Library.inherited_sockets("game")
async def greet(connection):
    async for message in connection:
        await connection.send(b"Hello, " + message.data, gs.SendFlags.RELIABLE)
aio.run_server(greet, inherited, on_start=lambda server: print("ready", server.address, flush=True))
print("drained", flush=True)
"""

LOOK: Final = """
import json, os, socket
import gamesockets as gs
named = gs.Library.inherited_sockets("b")
rest = gs.Library.inherited_sockets()
stream = socket.socket(fileno=3)
print(json.dumps({
    "named": [one.getsockname()[1] for one in named],
    "rest": [one.getsockname()[1] for one in rest],
    "again": len(gs.Library.inherited_sockets()),
    "inheritable": [one.get_inheritable() for one in named + rest],
    "stream": stream.getsockname()[1],
}), flush=True)
for one in [stream, *named, *rest]:
    one.close()
os.environ["LISTEN_PID"] = "1"
assert gs.Library.inherited_sockets() == []
"""


def handing_over(names: str, descriptors: list[int], *program: str) -> Program:
    """Runs Python with these descriptors, beginning at 3."""
    given = ",".join(map(str, descriptors))
    return Program([sys.executable, "-c", START, names, given, *program], pass_descriptors=descriptors)


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    """What systemd opens, and keeps."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as one:
        one.bind(("127.0.0.1", 0))
        yield one


def ask(client: gs.Client, text: bytes) -> bytes:
    client.send(text, gs.SendFlags.RELIABLE)
    answers: list[gs.NetworkingMessage] = []

    def look() -> bytes:
        answers.extend(client.receive())
        return answers[0].data if answers else b""

    return wait_until(look, "answer", pause=lambda: client.wait(0.1))


@pytest.mark.skipif(os.name != "posix", reason="descriptors are handed over on POSIX systems")
@pytest.mark.parametrize("program", [THREADS, ASYNCIO], ids=["threads", "asyncio"])
def test_a_program_serves_the_socket_that_it_was_given_and_its_successor_does_so_again(
    program: str, bound: socket.socket
) -> None:
    where = Address.from_socket(bound.getsockname())
    with gs.Client(where, config=PATIENT_AT_FIRST) as early:  # what comes before the program runs waits in the socket
        with handing_over("game", [bound.fileno()], "-c", program) as server:
            assert server.wait_for("ready (.*)")[1] == str(where)
            assert ask(early, b"early") == b"Hello, early"
            server.signal(signal.SIGTERM)
            assert server.finish() == 0, server.output
            assert server.output[-1] == "drained"
        wait_until(lambda: any(isinstance(event, gs.Disconnected) for event in early.events()), "end")
    with (
        handing_over("game", [bound.fileno()], "-c", program) as server,
        gs.Client(where, config=PATIENT_AT_FIRST) as client,
    ):
        assert ask(client, b"again") == b"Hello, again"
        server.signal(signal.SIGTERM)
        assert server.finish() == 0, server.output


@pytest.mark.skipif(os.name != "posix", reason="descriptors are handed over on POSIX systems")
def test_the_game_of_the_guide_takes_its_socket(bound: socket.socket) -> None:
    where = Address.from_socket(bound.getsockname())
    with (
        gs.Client(where, config=PATIENT_AT_FIRST) as player,
        handing_over("game", [bound.fileno()], "-m", "examples.gems.server") as server,
    ):
        assert server.wait_for("listening on (.*)")[1] == str(where)
        wait_until(lambda: any(isinstance(event, gs.Received) for event in player.events()), "state of the game")


@pytest.mark.skipif(shutil.which("systemd-socket-activate") is None, reason="systemd is not here")
def test_systemd_starts_the_game_when_the_first_player_comes() -> None:
    port = free_port()
    search_path = f"PYTHONPATH={os.pathsep.join(entry or os.getcwd() for entry in sys.path)}"
    activate = ["systemd-socket-activate", "--datagram", f"--listen=127.0.0.1:{port}", "-E", search_path]
    with Program([*activate, sys.executable, "-m", "examples.gems.server"]) as server:
        server.wait_for("Listening on")
        with gs.Client(f"127.0.0.1:{port}", config=PATIENT_AT_FIRST) as player:
            assert server.wait_for("listening on (.*)")[1] == f"127.0.0.1:{port}"
            wait_until(lambda: any(isinstance(event, gs.Received) for event in player.events()), "state of the game")


@pytest.mark.skipif(os.name != "posix", reason="descriptors are handed over on POSIX systems")
def test_udp_sockets_are_found_by_name_once_and_others_left_alone(bound: socket.socket) -> None:
    with ExitStack() as stack:
        stream = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        second = stack.enter_context(closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)))
        second.bind(("::1", 0))
        reading, writing = os.pipe()
        stack.callback(os.close, reading)
        stack.callback(os.close, writing)
        given = [stream.fileno(), bound.fileno(), reading, second.fileno()]
        with handing_over("metrics:a:pipe:b", given, "-c", LOOK) as program:
            assert program.finish() == 0, program.output
            assert json.loads(program.output[-1]) == {
                "named": [second.getsockname()[1]],
                "rest": [bound.getsockname()[1]],
                "again": 0,
                "inheritable": [False, False],
                "stream": stream.getsockname()[1],
            }


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid())},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "²"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "many"},
    ],
)
def test_a_program_that_was_started_in_another_way_has_none(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert inherited_sockets() == []


def test_the_name_must_be_text() -> None:
    with pytest.raises(TypeError, match="name must be"):
        gs.Library.inherited_sockets(3)  # type: ignore[arg-type] # what is tested


def unusable(kind: str) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "stream" else socket.SOCK_DGRAM)
    if kind != "unbound":
        one.bind(("127.0.0.1", 0))
    if kind == "connected":
        one.connect(("127.0.0.1", 9))
    if kind == "closed":
        one.close()
    return one


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("stream", "must be a UDP socket"),
        ("unbound", "bound to none"),
        ("connected", "is connected"),
        ("closed", "is closed"),
    ],
)
def test_a_socket_that_nobody_can_listen_on_is_refused_and_stays_the_callers(kind: str, text: str) -> None:
    with closing(unusable(kind)) as one:
        descriptor = one.fileno()
        with gs.NetworkingSockets() as sockets, pytest.raises(ValueError, match=text):
            sockets.create_listen_socket(one)
        with pytest.raises(ValueError, match=text):
            gs.Server(one)
        with pytest.raises(ValueError, match=text):
            asyncio.run(serve(one))
        assert one.fileno() == descriptor


async def serve(place: Any, port: int | None = None) -> None:
    async def handler(connection: aio.Connection) -> None:
        await connection.wait_closed()

    async with aio.serve(handler, place, port) as server:
        async with aio.connect(server.address) as connection:
            assert connection.is_open


def test_a_socket_brings_its_port_and_is_closed_with_the_server(bound: socket.socket) -> None:
    with pytest.raises(ValueError, match="leave out port"):
        asyncio.run(serve(bound, 27015))
    asyncio.run(serve(bound))
    assert bound.fileno() == -1


def test_a_listen_socket_closes_what_it_took_over(bound: socket.socket) -> None:
    with gs.NetworkingSockets() as sockets:
        listen_socket = sockets.create_listen_socket(bound)
        where = sockets.get_listen_socket_address(listen_socket)
        assert where == Address.from_socket(bound.getsockname())
        sockets.close_listen_socket(listen_socket)
        assert bound.fileno() == -1


@pytest.mark.parametrize(
    ("family", "host", "tells"),
    [(socket.AF_INET, "0.0.0.0", True), (socket.AF_INET, "127.0.0.1", False), (socket.AF_INET6, "::", True)],  # noqa: S104
)
def test_a_socket_for_every_address_answers_from_the_one_that_was_asked(family: int, host: str, tells: bool) -> None:
    place: Place = socket.socket(family, socket.SOCK_DGRAM)
    assert isinstance(place, socket.socket)
    place.bind((host, 0))
    udp = open_at(place)
    with closing(udp):
        assert udp.tells_local is (tells and hasattr(socket.socket, "recvmsg"))


def test_the_units_of_the_guide_name_the_socket_and_the_program() -> None:
    folder = ROOT / "examples" / "deploy"
    unit = (folder / "game.socket").read_text("utf-8")
    assert "ListenDatagram=[::]:27015" in unit
    assert "BindIPv6Only=both" in unit
    assert "-m examples.gems.server [::]:27015" in (folder / "game.service").read_text("utf-8")
