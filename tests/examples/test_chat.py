"""Does the chat example understand itself, the chat of our command line, and the reference library's example_chat?"""

import signal
import sys

import pytest
from tests.examples.programs import example
from tests.support.example_chat import example_chat, with_example_chat
from tests.support.ports import free_port
from tests.support.programs import Program, gamesockets

from examples.chat import readable


def join(address: str, name: str) -> Program:
    return Program(example("chat", "join", address, "--name", name))


def test_two_people_talk_and_leave() -> None:
    with Program(example("chat", "serve", "--bind", "127.0.0.1:0")) as host:
        address = host.wait_for(r"chat on (\S+);")[1]
        with join(address, "Ada") as ada, join(address, "Ben") as ben:
            ada.wait_for("^You are Ada now.$")
            ben.wait_for("^You are Ben now.$")
            ben.say("grüß dich, \x1b[2JAda")
            ada.wait_for(r"^Ben: grüß dich,  \[2JAda$")
            ada.say("/nick Ben")
            ada.wait_for("^Choose another name.$")
            ben.say("x" * 3000)
            ada.wait_for("^Ben: x{700,800}$")
            ben.say("/quit")
            assert ben.finish() == 0
            ada.wait_for("^Ben left$")
            ada.say("the last words")
            ada.end_input()
            assert ada.finish() == 0
        host.wait_for("^Ada: the last words$")
        if sys.platform != "win32":
            with join(address, "Cleo") as cleo:
                cleo.wait_for("^You are Cleo now.$")
                host.signal(signal.SIGINT)
                assert host.finish() == 0
                assert cleo.finish() == 1
                assert cleo.output[-1] == "chat join: connection closed, reason 1000: The application is shutting down"
            assert host.output[-1] == "Cleo left"


def test_the_chats_of_our_command_line_understand_it() -> None:
    with Program(gamesockets("chat", "serve", "--bind", "127.0.0.1:0")) as host:
        address = host.wait_for(r"listening on (\S+);")[1]
        with join(address, "Ada") as ada:
            ada.wait_for("You are Ada now")
            host.say("dinner")
            ada.wait_for("^host: dinner$")
            ada.say("coming")
            host.wait_for("^Ada: coming$")
    with Program(example("chat", "serve", "--bind", "127.0.0.1:0")) as host:
        address = host.wait_for(r"chat on (\S+);")[1]
        with Program(gamesockets("chat", "join", address, "--name", "Ben")) as ben:
            ben.wait_for("You are Ben now")
            ben.say("hello?")
            host.wait_for("^Ben: hello\\?$")


@with_example_chat
def test_we_join_valves_host() -> None:
    port = str(free_port())
    with example_chat("server", "--port", port) as host:
        host.wait_for(f"listening on port {port}")
        with join(f"127.0.0.1:{port}", "Ada") as ada, join(f"127.0.0.1:{port}", "Ben") as ben:
            ada.wait_for("known as Ada")
            ben.wait_for("known as Ben")
            ada.say("good evening, Ben")
            ben.wait_for("^Ada: good evening, Ben$")
            ada.say("/quit")
            assert ada.finish() == 0
            ben.wait_for("^Ada .*departed")


@with_example_chat
def test_valves_guest_joins_us() -> None:
    with Program(example("chat", "serve", "--bind", "127.0.0.1:0")) as host:
        address = host.wait_for(r"chat on (\S+);")[1]
        with join(address, "Ada") as ada:
            ada.wait_for("You are Ada now")
            with example_chat("client", address) as gordon:
                ada.wait_for("came in")
                gordon.say("/nick Gordon")
                ada.wait_for("is now Gordon")
                gordon.say("hello from the other side")
                ada.wait_for("^Gordon: hello from the other side$")
                ada.say("hello Gordon")
                host.wait_for("^Ada: hello Gordon$")
                gordon.say("/quit")
                gordon.finish()
                gordon.wait_for("^Ada: hello Gordon$")
            ada.wait_for("^Gordon left$")


@pytest.mark.slow  # ten seconds until nobody has answered
def test_nobody_there_is_one_line() -> None:
    with join("127.0.0.1:9", "Ada") as ada:
        assert ada.finish() == 1
        assert len(ada.output) == 1
        assert ada.output[0].startswith("chat join: connection failed")


def test_lines_of_others_cannot_take_over_a_terminal() -> None:
    assert readable(b"\x1b]0;title\x07 hi \xff\r\n") == "]0;title  hi \ufffd"
    assert len(readable(b"y" * 5000)) == 800
