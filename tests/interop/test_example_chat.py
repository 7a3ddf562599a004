"""Do Valve's example_chat and our chat understand each other, whichever is the server?

GNS_EXAMPLE_CHAT names the program, built by the instructions of its own project; without it these tests are
skipped.
"""

import os
from pathlib import Path

import pytest
from tests.support.ports import free_port
from tests.support.programs import Program, gamesockets

VARIABLE = "GNS_EXAMPLE_CHAT"
EXAMPLE = os.environ.get(VARIABLE, "")

pytestmark = pytest.mark.skipif(
    not EXAMPLE, reason=f"set {VARIABLE} to the example_chat program of GameNetworkingSockets to talk with it"
)


def example(*arguments: str) -> Program:
    """Valve's program; its library is beside it. It ends by killing itself, so its status means nothing."""
    here = str(Path(EXAMPLE).parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("LD_LIBRARY_PATH", "")]))
    return Program([EXAMPLE, *arguments], {**os.environ, "LD_LIBRARY_PATH": path})


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_our_client_joins_valves_server(host: str) -> None:
    port = free_port()
    with example("server", "--port", str(port)) as server:
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
            with example("client", address) as valve:
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
        with example("client", address) as valve:
            server.wait_for("came in")
            server.say("/quit")
            assert server.finish() == 0
            valve.wait_for("The chat is closing")
            valve.wait_for("the chat is closed")
            valve.finish()
