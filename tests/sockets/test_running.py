"""Does a game loop run, stop and drain, whoever asks for it and whatever goes wrong meanwhile?"""

import os
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.pairs import LOCALHOST, Loopback, NewSide, Side, data_of
from tests.support.patience import PATIENT_AT_FIRST
from tests.support.ports import silent_address
from tests.support.programs import Program
from tests.support.waiting import wait_until

import gamesockets as gs

State = gs.ConnectionState
RELIABLE = gs.SendFlags.RELIABLE
DRAINED = (1000, "The application is shutting down")

signals = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to deliver")


def end_of(side: Side, connection: gs.Connection) -> tuple[int, str]:
    info = side.until(State.CLOSED_BY_PEER, connection).connection_info
    return info.end_reason, info.end_debug


class Thread(threading.Thread):
    """Something that goes on beside the test; `join` tells of its exception."""

    def __init__(self, target: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = target
        self.outcome: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self._work()
        except BaseException as error:  # noqa: BLE001 - told by `join`
            self._error = error

    def join(self, timeout: float | None = 60) -> None:
        super().join(timeout)
        assert not self.is_alive()
        if self._error is not None:
            raise self._error


# ---------------------------------------------------------------------- ticks


def test_ticks_run_callbacks_and_end_with_stop(loopback: Loopback) -> None:
    server, client = loopback.server, loopback.client
    states: list[State] = []
    ticks: list[int] = []

    def on_status(status: gs.StatusInfo) -> None:
        states.append(status.connection_info.state)
        if status.connection_info.state == State.CONNECTING:
            server.accept_connection(status.connection)

    def on_tick() -> None:
        ticks.append(len(states))
        if State.CONNECTED in states:
            server.stop()

    server.set_status_callback(on_status)
    outgoing = client.connect(loopback.address)
    server.run(on_tick, hz=200)
    assert states == [State.CONNECTING, State.CONNECTED]
    assert ticks[-1] == 2
    assert end_of(client, outgoing) == DRAINED


def test_a_loop_without_a_rate_ticks_for_news_only(loopback: Loopback) -> None:
    server, client = loopback.server, loopback.client
    outgoing, incoming = loopback.connected()
    got: list[bytes] = []
    ticks = 0

    def on_tick() -> None:
        nonlocal ticks
        ticks += 1
        got.extend(data_of(server.receive_messages_on_connection(incoming)))
        if len(got) == 3:
            server.stop()
        else:
            client.send_message_to_connection(outgoing, b"x", gs.SendFlags.RELIABLE_NO_NAGLE)

    server.run(on_tick, hz=None)
    assert 3 <= ticks <= 10


def test_stop_from_another_thread_ends_a_sleep(loopback: Loopback) -> None:
    ticked = threading.Event()

    def stop() -> None:
        ticked.wait(20)
        loopback.server.stop()

    stopper = Thread(stop)
    loopback.server.run(ticked.set, hz=0.001)
    stopper.join()


def test_stop_before_run(loopback: Loopback) -> None:
    loopback.server.stop()
    loopback.server.run(lambda: pytest.fail("it was stopped before"))


def test_it_runs_on_another_thread(loopback: Loopback) -> None:
    before = signal.getsignal(signal.SIGTERM)
    ticked = threading.Event()
    runner = Thread(lambda: loopback.server.run(ticked.set, hz=100))
    assert ticked.wait(20)
    assert signal.getsignal(signal.SIGTERM) is before
    with pytest.raises(RuntimeError, match="running already"):
        loopback.server.run(lambda: None)
    loopback.server.stop()
    runner.join()


def test_while_another_thread_waits(loopback: Loopback) -> None:
    """The loop follows a thread that serves the sockets, and hears of `stop` all the same."""
    waiter = Thread(lambda: [loopback.server.wait(0.2) for _ in range(3)])
    time.sleep(0.01)
    stopper = threading.Timer(0.05, loopback.server.stop)
    stopper.start()
    loopback.server.run(lambda: None, hz=0.001)
    waiter.join()
    stopper.join()


def test_a_loop_inside_a_loop_is_refused(loopback: Loopback) -> None:
    server = loopback.server

    def on_tick() -> None:
        server.stop()
        server.run(lambda: None)

    with pytest.raises(RuntimeError, match="running already"):
        server.run(on_tick)
    server.stop()
    server.run(lambda: None)  # the failure has left nothing behind


def told_by_a_block_that_ends_with(error: BaseException, client: Side, tick: bool = False) -> tuple[int, str]:
    """What the client is told by a server whose `with` block, or whose tick in it, raises that."""

    outgoing = gs.Connection(0)

    def fail() -> None:
        raise error

    def serve() -> None:
        nonlocal outgoing
        server = Side()
        with server, server, server:  # nested blocks end it once
            outgoing = client.connect(server.address(server.create_listen_socket(LOCALHOST)))
            server.accept_connection(server.until(State.CONNECTING).connection)
            client.until(State.CONNECTED, outgoing)
            if tick:
                server.run(fail)
            fail()

    with pytest.raises(type(error)):
        serve()
    return end_of(client, outgoing)


@pytest.mark.parametrize("tick", [False, True])
def test_an_exception_comes_out_and_the_peers_are_told_2000(new_side: NewSide, tick: bool) -> None:
    told = told_by_a_block_that_ends_with(ZeroDivisionError(), new_side(), tick)
    assert told == (2000, "Application closed connection in an unusual way")


@pytest.mark.parametrize("tick", [False, True])
@pytest.mark.parametrize("stop", [KeyboardInterrupt(), SystemExit(3)])
def test_what_only_stops_the_program_is_a_normal_end(new_side: NewSide, stop: BaseException, tick: bool) -> None:
    assert told_by_a_block_that_ends_with(stop, new_side(), tick) == (1000, "Application closed connection")


def test_closed_in_a_tick(loopback: Loopback) -> None:
    loopback.server.run(loopback.server.close)
    assert loopback.server.drain()


def test_a_tick_that_is_too_slow_is_followed_by_the_next_at_once(loopback: Loopback) -> None:
    ticks = 0

    def on_tick() -> None:
        nonlocal ticks
        ticks += 1
        time.sleep(0.02)
        if ticks == 5:
            loopback.server.stop()

    loopback.server.run(on_tick, hz=1000)
    assert ticks == 5


@pytest.mark.parametrize(
    ("arguments", "kind", "says"),
    [
        ({"on_tick": None}, TypeError, "on_tick must be a function"),
        ({"hz": 0}, ValueError, "hz must be above 0"),
        ({"hz": "30"}, TypeError, "hz must be int or float"),
        ({"grace": -1}, ValueError, "grace must be in 0..1000000 seconds, not -1"),
        ({"timeout": "5"}, TypeError, "timeout must be int or float"),
        ({"timeout": float("nan")}, ValueError, "timeout must be in 0..1000000"),
        ({"stop_signals": 1}, TypeError, "stop_signals must be bool"),
    ],
)
def test_wrong_arguments(loopback: Loopback, arguments: dict[str, Any], kind: type[Exception], says: str) -> None:
    with pytest.raises(kind, match=says):
        loopback.server.run(**{"on_tick": lambda: None, **arguments})


def test_an_async_tick_is_refused(loopback: Loopback) -> None:
    async def on_tick() -> None:
        pass

    with pytest.raises(TypeError, match="ordinary function"):
        loopback.server.run(on_tick)


# ---------------------------------------------------------------------- the drain


def test_a_drain_delivers_what_is_on_its_way_and_tells_everybody(loopback: Loopback) -> None:
    server, client = loopback.server, loopback.client
    ends = [loopback.connected() for _ in range(3)]
    texts = [bytes([number]) * 1000 for number in range(60)]
    for text in texts:
        assert server.send_message_to_connection(ends[0].incoming, text, RELIABLE) == gs.Result.OK
    assert server.drain(20)
    assert not server.is_draining
    assert data_of(client.messages(ends[0].outgoing, 60)) == texts
    assert [end_of(client, outgoing) for outgoing, _ in ends] == [DRAINED] * 3
    assert server.get_connection_info(ends[0].incoming) is None
    assert server.get_listen_socket_address(loopback.listen_socket) is None
    assert server.drain()
    server.create_listen_socket(LOCALHOST)


def test_a_drain_with_a_reason_of_its_own(loopback: Loopback) -> None:
    outgoing, _ = loopback.connected()
    assert loopback.server.drain(reason=1042, debug="moved to eu-2")
    assert end_of(loopback.client, outgoing) == (1042, "moved to eu-2")
    with pytest.raises(ValueError, match=r"reason must be 0 or in 1000\.\.2999, not 7"):
        loopback.server.drain(reason=7)


def test_a_client_that_still_connects_is_told(loopback: Loopback) -> None:
    """One that was announced and not accepted yet."""
    outgoing, _ = loopback.request()
    assert loopback.server.drain(20)
    assert end_of(loopback.client, outgoing) == DRAINED


def test_newcomers_are_turned_away_while_it_goes_on(new_side: NewSide) -> None:
    """And the program hears nothing of them."""
    server, old, newcomer = new_side(), new_side(), new_side()
    address = server.address(server.create_listen_socket(LOCALHOST))
    outgoing = old.connect(address)
    incoming = server.until(State.CONNECTING).connection
    server.accept_connection(incoming)
    old.until(State.CONNECTED, outgoing)
    seen: list[gs.StatusInfo] = []
    server.set_status_callback(seen.append)
    server.run_callbacks()
    del seen[:]
    late: list[gs.Connection] = []

    def on_tick() -> None:
        server.stop()
        if server.is_draining and not late:
            late.append(newcomer.connect(address))
        elif late and newcomer.wait(0):
            while newcomer.dispatch_callback(newcomer.changes.append):
                pass
            if any(change.connection_info.state == State.CLOSED_BY_PEER for change in newcomer.changes):
                old.close_connection(outgoing)

    server.run(on_tick, hz=100, grace=20)
    assert end_of(newcomer, late[0]) == DRAINED
    assert {change.connection for change in seen} == {incoming}


def test_the_grace_is_over_when_the_last_one_has_left(loopback: Loopback) -> None:
    outgoing, _ = loopback.connected()
    server, client = loopback.server, loopback.client
    states: list[bool] = []

    def on_tick() -> None:
        states.append(server.is_draining)
        if len(states) == 2:
            server.stop()
        if len(states) == 5:
            client.close_connection(outgoing, 1001, "the match is over")

    server.run(on_tick, hz=100, grace=3600)
    assert states[:5] == [False, False, True, True, True]


def test_the_grace_ends_in_time(loopback: Loopback) -> None:
    outgoing, _ = loopback.connected()
    loopback.server.stop()
    loopback.server.run(lambda: None, hz=100, grace=0.05)
    assert end_of(loopback.client, outgoing) == DRAINED


def test_a_peer_that_does_not_answer_holds_a_drain_up_no_longer_than_the_timeout(new_side: NewSide) -> None:
    server = new_side()
    with silent_address() as nobody:
        server.connect(nobody)
        began = time.monotonic()
        assert not server.drain(0.1)
        assert time.monotonic() - began < 10
    assert server.drain(0.1)


def test_without_a_timeout_peers_are_told_once(loopback: Loopback) -> None:
    outgoing, _ = loopback.connected()
    loopback.server.drain(0)
    assert end_of(loopback.client, outgoing) == DRAINED


def test_two_threads_drain(loopback: Loopback) -> None:
    outgoing, _ = loopback.connected()
    threads = [Thread(loopback.server.drain) for _ in range(2)]
    for thread in threads:
        thread.join()
    assert [thread.outcome for thread in threads] == [True, True]
    assert end_of(loopback.client, outgoing) == DRAINED


def test_closed_while_it_drains(new_side: NewSide) -> None:
    server = new_side()
    with silent_address() as nobody:
        server.connect(nobody)
        drain = Thread(lambda: server.drain(20))
        wait_until(lambda: server.is_draining)
        server.close()
        drain.join()


# ---------------------------------------------------------------------- signals


PROGRAM = """
    import gamesockets as gs, os, signal, sys, time

    def on_status(status):
        info = status.connection_info
        if info.state == gs.ConnectionState.CONNECTING:
            sockets.accept_connection(status.connection)
        elif info.state >= gs.ConnectionState.CLOSED_BY_PEER:
            sockets.close_connection(status.connection)

    with gs.NetworkingSockets() as sockets:
        sockets.set_status_callback(on_status)
        listen_socket = sockets.create_listen_socket("127.0.0.1:0")
        print(sockets.get_listen_socket_address(listen_socket), flush=True)
        BODY
    print("ended", flush=True)
"""


def program(body: str) -> Program:
    text = textwrap.dedent(PROGRAM).replace("BODY", body)
    return Program([sys.executable, "-u", "-W", "error", "-c", text])


def address_of(server: Program) -> gs.Address:
    return gs.Address.parse(server.wait_for(r"127\.0\.0\.1:\d+")[0])


@signals
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("body", ["sockets.run(lambda: None, hz=30)", "sockets.run(lambda: None, hz=None)"])
def test_a_signal_tells_two_hundred_clients(number: signal.Signals, body: str, new_side: NewSide) -> None:
    client = new_side()
    with program(body) as server:
        address = address_of(server)
        outgoing = [client.connect(address, PATIENT_AT_FIRST) for _ in range(200)]
        for connection in outgoing:
            client.until(State.CONNECTED, connection)
        server.signal(number)
        assert server.finish() == 0
        assert server.output[1:] == ["ended"]
    assert {end_of(client, connection) for connection in outgoing} == {DRAINED}


@signals
def test_a_second_signal_ends_a_drain_and_a_third_the_program(new_side: NewSide) -> None:
    client = new_side()
    body = "sockets.run(lambda: print('tick', sockets.is_draining), hz=20, grace=3600, timeout=3600)"
    with program(body) as server:
        outgoing = client.connect(address_of(server))
        client.until(State.CONNECTED, outgoing)
        server.signal(signal.SIGTERM)
        server.wait_for("tick True")
        server.signal(signal.SIGTERM)
        assert server.finish() == 0
        assert server.output[-1] == "ended"
    assert end_of(client, outgoing) == DRAINED
    with program("sockets.run(lambda: (print('tick'), time.sleep(3600)))") as server:
        server.wait_for("tick")
        signalled = 0

        def signal_again() -> None:
            nonlocal signalled
            server.signal(signal.SIGTERM)
            signalled += 1
            time.sleep(0.01)

        wait_until(server.has_ended, "end of the program", pause=signal_again)
        assert server.finish() == -signal.SIGTERM
        assert signalled >= 3


@signals
def test_a_signal_while_a_callback_runs() -> None:
    """The tick goes on to its end, and everything after it happens in order."""
    body = "sockets.run(lambda: (os.kill(os.getpid(), signal.SIGTERM), print('to its end')), hz=1)"
    with program(body) as server:
        assert server.finish() == 0
        assert server.output[1:] == ["to its end", "ended"]


@signals
def test_signals_that_it_is_told_to_leave_alone() -> None:
    with program("sockets.run(lambda: print('tick'), hz=50, stop_signals=False)") as server:
        server.wait_for("tick")
        server.signal(signal.SIGTERM)
        assert server.finish() == -signal.SIGTERM


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_that_drains_is_told_whose_it_is() -> None:
    body = textwrap.indent(
        textwrap.dedent("""
            if os.fork() == 0:
                try:
                    sockets.drain()
                except gs.CalledAfterFork:
                    print("child: not mine")
                os._exit(0)
            os.wait()
            sockets.stop()
            sockets.run(lambda: None)
        """).strip(),
        "    ",
    ).strip()
    with program(body) as server:
        assert server.finish() == 0
        assert server.output[1:] == ["child: not mine", "ended"]
