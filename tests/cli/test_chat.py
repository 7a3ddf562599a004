"""Can people chat through terminals and pipes, and leave politely?"""

import io
import os
import signal
from collections.abc import Iterator

import pytest
from tests.support.programs import Program, gamesockets

from gamesockets.cli.chat import READ_BYTES, read_lines


@pytest.fixture
def served() -> Iterator[tuple[Program, str]]:
    """A chat server and its address."""
    with Program(gamesockets("chat", "serve", "--bind", "127.0.0.1:0")) as server:
        yield server, server.wait_for(r"listening on (\S+);")[1]


def join(address: str, name: str) -> Program:
    return Program(gamesockets("chat", "join", address, "--name", name))


def test_three_people_talk(served: tuple[Program, str]) -> None:
    server, address = served
    with join(address, "Anna") as anna:
        anna.wait_for("You are Anna now")
        with join(address, "Ben") as ben:
            ben.wait_for("Here: Anna")
            anna.wait_for("is now Ben")
            ben.say("hello Anna")
            anna.wait_for("^Ben: hello Anna$")
            server.wait_for("^Ben: hello Anna$")
            server.say("dinner is ready")
            anna.wait_for("^host: dinner is ready$")
            ben.wait_for("^host: dinner is ready$")
            ben.say("/nick Benjamin")
            anna.wait_for("^Ben is now Benjamin$")
            ben.say("/quit")
            assert ben.finish() == 0
        anna.wait_for("^Benjamin left$")
        assert "Benjamin: hello Anna" not in anna.output
        server.say("/quit")
        assert server.finish() == 0
        assert anna.finish() == 1
        assert anna.wait_for("The chat is closing")
        assert anna.output[-1].startswith("gamesockets chat join: the chat is over: the peer closed it (1000")


def test_a_pipe_may_end_before_the_connection_is_up(served: tuple[Program, str]) -> None:
    server, address = served
    with join(address, "Pipe") as pipe:
        for number in range(50):
            pipe.say(f"line {number}")
        pipe.end_input()
        assert pipe.finish() == 0
    server.wait_for("^Pipe left$")
    heard = [line for line in server.output if line.startswith("Pipe: ")]
    assert heard == [f"Pipe: line {number}" for number in range(50)]


def test_the_server_leaves_politely_when_its_input_ends(served: tuple[Program, str]) -> None:
    server, address = served
    with join(address, "Anna") as anna:
        anna.wait_for("You are Anna now")
        server.end_input()
        assert server.finish() == 0
        anna.wait_for("The chat is closing")
        anna.wait_for("the chat is over")
        assert anna.finish() == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_a_server_may_stay_without_input() -> None:
    with Program(gamesockets("chat", "serve", "--bind", "127.0.0.1:0", "--stay")) as server:
        address = server.wait_for(r"listening on (\S+);")[1]
        server.end_input()
        with join(address, "Anna") as anna:
            anna.wait_for("You are Anna now")
            anna.signal(signal.SIGINT)
            assert anna.finish() == 0
        server.signal(signal.SIGTERM)
        assert server.finish() == 0


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_says_goodbye(served: tuple[Program, str], number: int) -> None:
    server, address = served
    with join(address, "Anna") as anna:
        anna.wait_for("You are Anna now")
        server.wait_for(r"^\+ 127\.0\.0\.1:\d+, encrypted$")
        server.signal(number)
        assert server.finish() == 0
        anna.wait_for("^The chat is closing")
        anna.wait_for(r"the peer closed it \(1000: the chat is closed\)")


@pytest.mark.slow  # ten seconds until nobody has answered
def test_joining_nobody_says_what_to_do() -> None:
    with Program(gamesockets("chat", "join", "127.0.0.1:9", "--name", "Anna")) as anna:
        assert anna.finish() == 1
        assert "no answer from 127.0.0.1:9" in anna.output[-1]
        assert "gamesockets chat serve" in anna.output[-1]
        assert len(anna.output) == 2


def test_lines_are_read_from_a_descriptor_as_they_come() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stream:
        lines = read_lines(stream)
        os.write(writing, b"eins\nzw")
        assert next(lines) == "eins"
        os.write(writing, "ei\n\ndr\xfcben".encode())
        os.close(writing)
        assert list(lines) == ["zwei", "", "dr\xfcben"]


def test_an_endless_line_is_cut_rather_than_kept() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as stream:
        lines = read_lines(stream)
        os.write(writing, b"x" * READ_BYTES)
        assert next(lines) == "x" * READ_BYTES
        os.close(writing)
        assert list(lines) == []


def test_a_stream_without_a_descriptor_is_read_all_the_same() -> None:
    assert [line.strip() for line in read_lines(io.StringIO("a\nb\n"))] == ["a", "b"]
