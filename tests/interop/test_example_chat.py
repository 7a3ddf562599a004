"""Do the reference library's example_chat and our chat understand each other, whichever is the server?"""

import pytest
from tests.support.example_chat import example_chat, with_example_chat
from tests.support.ports import free_port
from tests.support.programs import Program, gamesockets

pytestmark = with_example_chat


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_our_client_joins_valves_server(host: str) -> None:
    port = free_port()
    with example_chat("server", "--port", str(port)) as server:
        server.wait_for(f"listening on port {port}")
        with Program(gamesockets("chat", "join", f"{host}:{port}", "--name", "Anna")) as anna:
            anna.wait_for("known as Anna")
            with Program(gamesockets("chat", "join", f"{host}:{port}", "--name", "Ben")) as ben:
                anna.wait_for("known as Ben")
                ben.say("good evening, Anna, grüß dich")
                anna.wait_for("^Ben: good evening, Anna, grüß dich$")
                anna.say("/nick Annabel")
                ben.wait_for("known as Annabel")
                ben.say("x" * 3000)
                anna.wait_for("^Ben: x{700,800}$")
                ben.say("/quit")
                assert ben.finish() == 0
            anna.wait_for("^Ben .*departed")
            anna.say("/quit")
            assert anna.finish() == 0
        server.wait_for("'Annabel' closed by peer, reason 1000: bye")
        # A guest that were still there would hear nothing: it closes its listen socket under its goodbye.
        server.say("/quit")
        server.finish()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_valves_client_joins_our_server(host: str) -> None:
    with Program(gamesockets("chat", "serve", "--bind", f"{host}:0", "--name", "Mum")) as server:
        address = server.wait_for(r"listening on (\S+);")[1]
        with Program(gamesockets("chat", "join", address, "--name", "Anna")) as anna:
            anna.wait_for("You are Anna now")
            with example_chat("client", address) as valve:
                anna.wait_for("came in")
                valve.say("/nick Gordon")
                anna.wait_for("is now Gordon")
                valve.say("hello from the other side")
                anna.wait_for("^Gordon: hello from the other side$")
                server.wait_for("^Gordon: hello from the other side$")
                anna.say("hello Gordon")
                server.say("dinner")
                server.wait_for("^Anna: hello Gordon$")
                anna.wait_for("^Mum: dinner$")
                valve.say("/quit")
                valve.finish()
                # It prints what it hears only now: into a pipe its output waits for the end.
                for line in ("Here: Anna", "You are Gordon now.", "Anna: hello Gordon", "Mum: dinner"):
                    valve.wait_for(f"^{line}$")
            anna.wait_for("^Gordon left$")


def test_valves_client_hears_that_our_server_closes() -> None:
    with Program(gamesockets("chat", "serve", "--bind", "127.0.0.1:0")) as server:
        address = server.wait_for(r"listening on (\S+);")[1]
        with example_chat("client", address) as valve:
            server.wait_for("came in")
            server.say("/quit")
            assert server.finish() == 0
            valve.wait_for("The chat is closing")
            valve.wait_for("the chat is closed")
            valve.finish()
