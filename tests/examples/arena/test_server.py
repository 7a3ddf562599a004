"""Do server, clients and bots play over real sockets, as programs and in one loop?"""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from tests.examples.programs import example
from tests.support.programs import Program
from tests.support.waiting import DEADLINE_S, wait_until

import gamesockets as gs
from examples.arena import bots, protocol
from examples.arena import server as server_module
from examples.arena.__main__ import main
from examples.arena.bots import Brain, bot_name, run_bots
from examples.arena.client import Client, explain_end
from examples.arena.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(gs.Address("127.0.0.1", 0), seed=5) as server:
        yield server


def run_until(done: Callable[[], bool], *tick: Callable[[], object]) -> None:
    """Call all, sixty times a second, until it is done."""

    def step() -> None:
        for each in tick:
            each()
        time.sleep(1 / 60)

    wait_until(done, pause=step)


def test_players_over_a_bad_network_agree_with_the_server(server: Server) -> None:
    """The lag and loss are the process's, so they hit the server's packets too: twice what is set."""
    match = server.match
    with gs.NetworkingSockets() as sockets:
        players = [(Client(sockets, server.address, bot_name(number)), Brain(number)) for number in range(4)]
        still = False

        def update() -> None:
            sockets.run_callbacks()
            for client, brain in players:
                client.update(time.monotonic(), 0 if still else brain.buttons(client.session))

        def agrees(client: Client) -> bool:
            session, me = client.session, client.session.me
            return (
                me is not None
                and session.prediction is not None
                and session.prediction.body == match.world.players[me].body
                and session.scores == match.scores
                and session.names == match.names
                and session.places().keys() == match.names.keys()
            )

        try:
            sockets.set_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LAG_SEND, 30)
            sockets.set_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND, 5.0)
            run_until(lambda: sum(match.scores.values()) >= 1 and len(match.scores) == 4, server.tick, update)
            still = True
            run_until(lambda: all(agrees(client) for client, _ in players), server.tick, update)
            ping = [status.ping for client, _ in players if (status := client.status())]
            assert min(ping) >= 50
        finally:
            sockets.set_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LAG_SEND, 0)
            sockets.set_configuration_value(gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND, 0.0)
        leaver = players.pop()[0]
        leaver.leave()
        leaver.leave()
        assert leaver.status() is None
        run_until(lambda: len(match.names) == 3 and all(agrees(client) for client, _ in players), server.tick, update)


def test_who_is_sent_away_learns_why(server: Server) -> None:
    with gs.NetworkingSockets() as sockets:
        villain = Client(sockets, server.address, "Villain")

        def update() -> None:
            sockets.run_callbacks()
            villain.update(time.monotonic(), 0)

        run_until(lambda: villain.session.is_playing, server.tick, update)
        sockets.send_message_to_connection(villain.connection, b"nonsense", gs.SendFlags.RELIABLE)
        run_until(lambda: villain.ended != "", server.tick, update)
        assert villain.ended == "a client does not send messages of kind 110"
        assert server.match.names == {}


def test_a_server_that_is_no_arena_is_left() -> None:
    with gs.NetworkingSockets() as other:

        def accept(status: gs.StatusInfo) -> None:
            if status.connection_info.state == gs.ConnectionState.CONNECTING:
                other.accept_connection(status.connection)

        other.set_status_callback(accept)
        listen_socket = other.create_listen_socket(gs.Address("127.0.0.1", 0))
        address = other.get_listen_socket_address(listen_socket)
        assert address is not None
        client = Client(other, address, "Ada")

        def greet() -> None:
            other.run_callbacks()
            for message in other.receive_messages_on_listen_socket(listen_socket):
                other.send_message_to_connection(message.connection, b"Hello", gs.SendFlags.RELIABLE)
            client.update(time.monotonic(), 0)

        run_until(lambda: client.ended != "", greet)
        assert client.ended.startswith("this is no arena server: ")


def test_a_full_server_says_so(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "GUESTS_MAX", 1)
    with gs.NetworkingSockets() as sockets:
        clients = [Client(sockets, server.address, name) for name in ("Ada", "Ben")]

        def update() -> None:
            sockets.run_callbacks()
            for client in clients:
                client.update(time.monotonic(), 0)

        run_until(lambda: any(client.ended for client in clients), server.tick, update)
        assert sorted(client.ended for client in clients) == ["", "the server is full"]


def test_bots_play_until_told_to_stop_or_sent_away(server: Server) -> None:
    end = threading.Event()
    result: list[str] = []
    thread = threading.Thread(target=lambda: result.append(run_bots(server.address, 3, end.is_set)))
    thread.start()
    try:
        run_until(lambda: len(server.match.names) == 3, server.tick)
        assert set(server.match.names.values()) == set(bots.NAMES[:3])
    finally:
        end.set()
        thread.join(DEADLINE_S)
    assert result == [""]
    run_until(lambda: not server.match.names, server.tick)


def test_what_ended_a_game_is_explained() -> None:
    assert explain_end(gs.EndReason.MISC_TIMEOUT, "Timed out") == (
        "nobody answers there: start a server with `python -m examples.arena serve`"
    )
    assert explain_end(protocol.REASON_FULL, "the server is full") == "the server is full"
    assert explain_end(2999, "") == "reason 2999"


def test_bots_have_different_names_however_many_there_are() -> None:
    names = [bot_name(number) for number in range(64)]
    assert len(set(names)) == 64
    assert all(protocol.clean_name(name) == name for name in names)


def test_the_programs_find_each_other() -> None:
    with Program(example("arena", "serve", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"arena server on (\S+);")[1]
        with Program(example("arena", "bots", address, "--count", "2")) as crowd:
            crowd.wait_for(f"2 bots for {address}")
            with gs.NetworkingSockets() as sockets:
                client = Client(sockets, gs.Address.parse(address), "Ada")

                def update() -> None:
                    sockets.run_callbacks()
                    client.update(time.monotonic(), 0)

                run_until(lambda: set(client.session.names.values()) == {"Ada", *bots.NAMES[:2]}, update)
                client.leave()


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["serve", "--bind", "192.0.2.1:0"], 1, "arena serve: cannot listen on 192.0.2.1:0 .*choose another --bind"),
        (["serve", "--bind", "nowhere.invalid"], 2, "'nowhere.invalid' is no address .*write HOST:PORT"),
        (["bots", "127.0.0.1:1", "--count", "99"], 2, "'99' is not 1 to 32"),
        (["play", "--name", "\t"], 2, "has nothing in it that can be shown"),
        (["play", "--size", "big"], 2, "write for example 1280x800"),
        ([], 2, "required: program"),
    ],
)
def test_mistakes_are_explained_in_one_line(
    arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(arguments))
    assert ended.value.code == status
    output, errors = capsys.readouterr()
    assert output == ""
    assert re.search(line, errors.splitlines()[-1])
