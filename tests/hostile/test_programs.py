"""What if the program does odd things: signal handlers, finalizers and log handlers that call, forks, a sudden end?"""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from textwrap import dedent
from typing import Final

import pytest
from tests.support.pairs import Side
from tests.support.programs import Program

import gamesockets as gs

PATIENCE_S: Final = 90.0
"""Only a program that hangs takes that long."""

State = gs.ConnectionState

needs_signals = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timer signals")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")

LOOPBACK: Final = """
import gc, logging, os, random, signal, sys, threading, time
import gamesockets as gs

def take_turns():
    while True:
        time.sleep(0.02)

if sys.gettrace():
    # Under a tracer, while a signal waits for the main thread, another thread of CPython 3.11 stands still at the
    # begin of a function until a third one wants its turn; if it has the lock that the main thread needs, for ever.
    threading.Thread(target=take_turns, daemon=True).start()

def pair(sockets):
    return sockets.create_socket_pair(use_network_loopback=True)

def receive(sockets, connection, count):
    messages = []
    end = time.monotonic() + 60
    while len(messages) < count and time.monotonic() < end:
        sockets.wait(0.05)
        messages += sockets.receive_messages_on_connection(connection, 10_000)
    return [message.data for message in messages]
"""

CONNECTED: Final = (
    LOOPBACK
    + """
def accept(change):
    if change.connection_info.state == gs.ConnectionState.CONNECTING:
        server.accept_connection(change.connection)

server = gs.NetworkingSockets()
server.set_status_callback(accept)
listen = server.create_listen_socket(gs.Address("127.0.0.1", 0))
client = gs.NetworkingSockets()
connection = client.connect(server.get_listen_socket_address(listen))
while client.get_connection_info(connection).state != gs.ConnectionState.CONNECTED:
    server.wait(0.02)
    server.run_callbacks()
    client.wait(0.02)

def is_served():
    client.send_message_to_connection(connection, b"still here", gs.SendFlags.RELIABLE)
    messages = []
    end = time.monotonic() + 60
    while not messages and time.monotonic() < end:
        server.wait(0.05)
        messages = server.receive_messages_on_listen_socket(listen)
    return client.get_connection_info(connection).state == gs.ConnectionState.CONNECTED and len(messages) == 1
"""
)


FORKS_IN_SENDTO: Final = """
import os
import socket
import threading

armed = False
pid = -1

class ForkingSocket(socket.socket):
    def sendto(self, *arguments):
        global armed, pid
        if armed and threading.current_thread() is threading.main_thread():
            armed = False
            pid = os.fork()
        return super().sendto(*arguments)

socket.socket = ForkingSocket
"""
"""A handler may run before the system call: the socket's own method is where both builds can be interrupted."""


def run(program: str, *arguments: str, prelude: str = LOOPBACK) -> list[str]:
    """The lines that a program prints, which ends as it should and says nothing on its standard error."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", prelude + dedent(program), *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


# ---------------------------------------------------------------------- signal handlers


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program at SIGTERM")
@pytest.mark.parametrize(
    "doing", ["sockets.wait()", "sockets.send_message_to_connection(a, bytes(200), 0) == gs.Result.OK or full()"]
)
def test_a_server_that_closes_at_sigterm_ends_within_a_second(doing: str) -> None:
    program = f"""
        sockets = gs.NetworkingSockets()
        a, b = pair(sockets)
        signal.signal(signal.SIGTERM, lambda *_: sockets.close())
        def full():
            return sockets.get_connection_info(a) is not None
        print("ready", flush=True)
        while {doing}:
            pass
        print("ended", flush=True)
    """
    took_s = []
    for _ in range(5):  # the machine may have been busy with something else
        with Program([sys.executable, "-c", LOOPBACK + dedent(program)]) as server:
            server.wait_for("ready")
            time.sleep(0.1)  # it sleeps, or is somewhere in the middle
            before = time.monotonic()
            server.signal(signal.SIGTERM)
            server.wait_for("ended")
            took_s.append(time.monotonic() - before)
            assert server.finish() == 0
        if took_s[-1] < 1:
            break
    assert min(took_s) < 1


@needs_signals
def test_handlers_that_ask_send_and_close() -> None:
    """Wherever they interrupt; what they send arrives, and what they close is closed."""
    (line,) = run("""
        sockets = gs.NetworkingSockets()
        a, b = pair(sockets)
        spare = [pair(sockets)[0] for _ in range(20)]
        for value in (gs.ConfigurationValue.SEND_BUFFER_SIZE, gs.ConfigurationValue.SEND_RATE_MIN):
            sockets.set_connection_configuration_value(a, value, 1 << 28)
        sent, busy, closing = 0, False, list(spare)
        def handler(*_):
            global sent, busy
            if busy:
                return
            busy = True
            assert sockets.get_quick_connection_status(a) is not None
            assert sockets.get_detailed_connection_status(a)
            assert sockets.get_connection_info(a).state == gs.ConnectionState.CONNECTED
            assert sockets.get_configuration_value(gs.ConfigurationValue.NAGLE_TIME) is not None
            if sent < 300:
                assert sockets.send_message_to_connection(a, b"S%d" % sent, gs.SendFlags.RELIABLE) == gs.Result.OK
                sent += 1
            if closing:
                assert sockets.close_connection(closing.pop())
            busy = False
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        got = []
        end = time.monotonic() + 60
        while (sent < 300 or closing) and time.monotonic() < end:
            for _ in range(50):
                sockets.send_message_to_connection(a, bytes(200))
            got += sockets.receive_messages_on_connection(b, 10_000)
        signal.setitimer(signal.ITIMER_REAL, 0)
        while len([m for m in got if m.data[:1] == b"S"]) < sent and time.monotonic() < end:
            sockets.wait(0.05)
            got += sockets.receive_messages_on_connection(b, 10_000)
        print(sorted(int(m.data[1:]) for m in got if m.data[:1] == b"S") == list(range(300)),
              [sockets.get_connection_info(x) for x in spare] == [None] * 20)
        sockets.close()
    """)
    assert line == "True True"


@needs_signals
@pytest.mark.parametrize("base", ["Exception", "BaseException"])
def test_what_handlers_raise_comes_out_of_wait_and_nothing_is_lost(base: str) -> None:
    (line,) = run(
        """
        class Alarm(Exception if sys.argv[1] == "Exception" else BaseException):
            pass
        sent = raised = caught = 0
        is_over = False
        def flood():
            global sent
            while not is_over:
                data = sent.to_bytes(8, "little") * 20
                if client.send_message_to_connection(connection, data, gs.SendFlags.RELIABLE) == gs.Result.OK:
                    sent += 1
                if not sent % 20:
                    time.sleep(0.002)
        armed = False
        def handler(*_):
            global raised
            if armed:
                raised += 1
                raise Alarm
        signal.signal(signal.SIGALRM, handler)
        thread = threading.Thread(target=flood)
        thread.start()
        got = []
        while raised < 40:
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0002, 0.006))
                server.wait(0.02)
                server.wait(0.02)
                armed = False
            except Alarm:
                armed = False
                caught += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            got += server.receive_messages_on_listen_socket(listen)
        is_over = True
        thread.join()
        end = time.monotonic() + 60
        while len(got) < sent and time.monotonic() < end:
            server.wait(0.2)
            got += server.receive_messages_on_listen_socket(listen)
        numbers = [int.from_bytes(message.data[:8], "little") for message in got]
        print(raised == caught, numbers == list(range(sent)), signal.getsignal(signal.SIGALRM) is handler)
        """,
        base,
        prelude=CONNECTED,
    )
    assert line == "True True True"


@needs_signals
@pytest.mark.parametrize("base", ["Exception", "BaseException"])
def test_what_handlers_raise_in_the_middle_of_sending_leaves_connections_that_work(base: str) -> None:
    """As Ctrl-C in an interactive session does, many times."""
    (line,) = run(
        """
        class Alarm(Exception if sys.argv[1] == "Exception" else BaseException):
            pass
        armed = False
        def handler(*_):
            global armed
            if armed:
                armed = False
                raise Alarm
        signal.signal(signal.SIGALRM, handler)
        sockets = gs.NetworkingSockets()
        a, b = pair(sockets)
        sent = caught = 0
        got = []
        def send_until_alarm(): # a function: Python 3.13 does not count a loop's last jump to the try around it
            global armed, sent
            armed = True
            # Again and again: under a tracer CPython 3.11 may leave a signal alone until threads change places.
            signal.setitimer(signal.ITIMER_REAL, random.uniform(0.0001, 0.003), 0.02)
            while armed: # Python itself swallows what is raised inside a weak reference's callback
                data = sent.to_bytes(8, "little") * 20
                if sockets.send_message_to_connection(a, data, gs.SendFlags.RELIABLE) == gs.Result.OK:
                    sent += 1
                if not sent % 20:
                    time.sleep(0.0005)
        while caught < 100:
            try:
                send_until_alarm()
            except Alarm:
                caught += 1
            armed = False
            got += sockets.receive_messages_on_connection(b, 10_000)
        signal.setitimer(signal.ITIMER_REAL, 0)
        # A call that was interrupted may have queued its message, which is sent once more; the last one, too.
        last = sent.to_bytes(8, "little") * 20
        while sockets.send_message_to_connection(a, last, gs.SendFlags.RELIABLE) != gs.Result.OK:
            sockets.wait(0.01)
            got += sockets.receive_messages_on_connection(b, 10_000)
        end = time.monotonic() + 60
        while not (got and got[-1].data == last) and time.monotonic() < end:
            sockets.wait(0.1)
            got += sockets.receive_messages_on_connection(b, 10_000)
        numbers = [int.from_bytes(message.data[:8], "little") for message in got]
        print(sorted(set(numbers)) == [*range(sent + 1)], numbers == sorted(numbers), len(numbers) <= sent + 101)
        sockets.close()
        """,
        base,
    )
    assert line == "True True True"


@needs_signals
def test_a_handler_may_wait_inside_wait() -> None:
    assert run("""
        sockets = gs.NetworkingSockets()
        a, b = pair(sockets)
        came = False
        def handler(*_):
            global came
            if not came:
                came = True
                print(sockets.wait(0.05))
                sockets.send_message_to_connection(a, b"x", gs.SendFlags.RELIABLE)
        signal.signal(signal.SIGALRM, handler)
        # Again and again: Python looks for signals before a system call, and misses one that comes between the two.
        signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
        print(sockets.wait(60), receive(sockets, b, 1))
        signal.setitimer(signal.ITIMER_REAL, 0)
        sockets.close()
    """) == ["False", "True [b'x']"]


# ---------------------------------------------------------------------- finalizers, log handlers


def test_finalizers_that_close_and_send() -> None:
    (line,) = run("""
        sockets = gs.NetworkingSockets()
        a, b = pair(sockets)
        gc.set_threshold(20, 2, 2)
        done = 0
        class Player:
            def __init__(self, connection):
                self.me = self
                self.connection = connection
            def __del__(self):
                global done
                done += 1
                sockets.close_connection(self.connection)
                sockets.send_message_to_connection(a, b"gone", gs.SendFlags.RELIABLE)
        handles, gone = [], 0
        for _ in range(30):
            handles.append(pair(sockets)[0])
            Player(handles[-1])
            for _ in range(20):
                sockets.send_message_to_connection(a, bytes(100), gs.SendFlags.RELIABLE)
            gone += [m.data for m in sockets.receive_messages_on_connection(b, 10_000)].count(b"gone")
        gc.collect()
        end = time.monotonic() + 60
        while gone < 30 and time.monotonic() < end:
            sockets.wait(0.05)
            gone += [m.data for m in sockets.receive_messages_on_connection(b, 10_000)].count(b"gone")
        print(done, gone, {sockets.get_connection_info(handle) for handle in handles})
        sockets.close()
    """)
    assert line == "30 30 {None}"


def test_a_log_handler_that_sends_each_line() -> None:
    lines = run("""
        sockets = gs.NetworkingSockets()
        console, admin = pair(sockets)
        class Remote(logging.Handler):
            def emit(self, record):
                sockets.get_detailed_connection_status(console)
                sockets.send_message_to_connection(console, self.format(record).encode(), gs.SendFlags.RELIABLE)
        logging.getLogger("gamesockets").setLevel(logging.INFO)
        logging.getLogger("gamesockets").addHandler(Remote())
        mine, other = pair(sockets)
        sockets.close_connection(mine, 1234, "enough")
        for data in receive(sockets, admin, 2):
            print(data.decode())
        sockets.close()
    """)
    assert [("closed by app" in line, "closed by peer" in line) for line in lines] == [(True, False), (False, True)]


def test_a_debug_callback_that_closes() -> None:
    assert run("""
        sockets = gs.NetworkingSockets()
        pairs = [pair(sockets) for _ in range(5)]
        def tell(kind, text):
            if pairs:
                sockets.close_connection(pairs.pop()[0])
        gs.Library.set_debug_callback(gs.DebugType.EVERYTHING, tell)
        sockets.close_connection(pairs.pop()[0])
        end = time.monotonic() + 60
        while pairs and time.monotonic() < end:
            sockets.wait(0.05)
        print(len(pairs))
        sockets.close()
    """) == ["0"]


# ---------------------------------------------------------------------- forks


@needs_fork
def test_a_forked_child_closes_without_harm_to_its_parent() -> None:
    assert run(
        """
        pid = os.fork()
        if pid == 0:
            client.close()
            server.close()
            gs.Library.deinitialize()
            os._exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), is_served())
        """,
        prelude=CONNECTED,
    ) == ["7 True"]


@needs_fork
@pytest.mark.parametrize("is_busy", [False, True])
def test_the_childs_copies_are_dead_and_it_can_make_new_ones(is_busy: bool) -> None:
    """Also while another thread of the parent holds the lock at the moment of the fork."""
    lines = run(
        """
        if sys.argv[1] == "True":
            held = threading.Event()
            def hold():
                with client._node.lock:
                    held.set()
                    time.sleep(0.3)
            threading.Thread(target=hold).start()
            held.wait()
        pid = os.fork()
        if pid == 0:
            for call in (
                lambda: client.send_message_to_connection(connection, b"twice", 0),
                lambda: client.get_connection_info(connection),
                lambda: client.wait(0.1),
                lambda: client.close_connection(connection),
                lambda: server.receive_messages_on_listen_socket(listen),
                lambda: server.connect(gs.Address("127.0.0.1", 1)),
            ):
                try:
                    call()
                    print("worked", flush=True)
                except gs.CalledAfterFork:
                    pass
            with client:
                pass
            with gs.NetworkingSockets() as sockets:
                a, b = pair(sockets)
                sockets.send_message_to_connection(a, b"new", gs.SendFlags.RELIABLE)
                print(receive(sockets, b, 1), flush=True)
            sys.exit(0)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), is_served())
        """,
        str(is_busy),
        prelude=CONNECTED,
    )
    assert lines == ["[b'new']", "0 True"]


@needs_fork
def test_a_fork_in_the_middle_of_a_send_sends_nothing_in_the_child() -> None:
    """A signal handler forks; the child goes on with the call that the handler interrupted."""
    (line,) = run(
        """
        try:
            while pid < 0: # a message right behind another one is gathered, and another thread may send it
                time.sleep(0.05)
                armed = True
                client.send_message_to_connection(connection, b"x" * 50, gs.SendFlags.RELIABLE_NO_NAGLE)
        except OSError:
            os._exit(3)
        if pid == 0:
            os._exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """,
        prelude=FORKS_IN_SENDTO + CONNECTED,
    )
    assert line == "3"


@needs_fork
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(method: str, tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "program.py")
    indented = "".join(f"    {line}\n" for line in CONNECTED.splitlines())
    program = f"""
import gamesockets as gs
def work():
    with gs.NetworkingSockets() as sockets:
        a, b = sockets.create_socket_pair(use_network_loopback=True)
        sockets.send_message_to_connection(a, b"new", gs.SendFlags.RELIABLE)
        while not (messages := sockets.receive_messages_on_connection(b)):
            sockets.wait(0.1)
        raise SystemExit(5)

def main():
    global server, client, connection, listen
{indented}
    import multiprocessing
    process = multiprocessing.get_context({method!r}).Process(target=work)
    process.start()
    process.join()
    print(process.exitcode, is_served())

if __name__ == "__main__":
    main()
"""
    with open(path, "w", encoding="utf-8") as file:
        file.write(program)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "5 True\n", "")


@needs_fork
def test_a_fork_under_asyncio() -> None:
    assert run("""
        import asyncio
        from gamesockets import aio
        async def echo(connection):
            async for message in connection:
                await connection.send(message.data, message.flags)
        async def main():
            async with aio.serve(echo, "127.0.0.1", 0) as server, aio.connect(server.address) as connection:
                pid = os.fork()
                if pid == 0:
                    try:
                        connection.send_nowait(b"twice")
                    except gs.CalledAfterFork:
                        os._exit(3)
                    os._exit(4)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                await connection.send(b"still here", gs.SendFlags.RELIABLE)
                print(status, (await connection.receive()).data)
        asyncio.run(main())
    """) == ["3 b'still here'"]


# ---------------------------------------------------------------------- the end

ENDS: Final = {
    "return": "",
    "exit": "sys.exit(3)",
    "raise": "raise RuntimeError",
    "lingering": "sockets.close_connection(c, 1234, enable_linger=True)",
}

PATIENT_END: Final = """
from gamesockets.node import process
process.EXIT_FLUSH_US = 60_000_000
"""
"""For tests of what arrives: a server on a busy machine may not have taken it all within a second."""

CLIENT: Final = """
import sys
import gamesockets as gs
sockets = gs.NetworkingSockets()
c = sockets.connect(gs.Address("127.0.0.1", int(sys.argv[1])))
while sockets.get_connection_info(c).state != gs.ConnectionState.CONNECTED:
    sockets.wait(0.05)
if len(sys.argv) > 2:
    print("connected", flush=True)
    sys.stdin.readline()
sockets.send_message_to_connection(c, bytes(40_000), gs.SendFlags.RELIABLE)
"""

AIO_CLIENT: Final = """
import asyncio, sys
import gamesockets as gs
from gamesockets import aio
async def main():
    c = await aio.connect("127.0.0.1", int(sys.argv[1]))
    await c.send(bytes(40_000), gs.SendFlags.RELIABLE)
asyncio.run(main())
"""


@pytest.mark.parametrize("how", [*ENDS, "asyncio"])
def test_a_program_that_ends_without_closing_tells_its_peers_and_delivers(how: str) -> None:
    program = PATIENT_END + (AIO_CLIENT if how == "asyncio" else CLIENT + ENDS[how])
    with closing(Side()) as server:
        listen_socket = server.create_listen_socket(gs.Address("127.0.0.1", 0))
        port = server.address(listen_socket).port
        client = subprocess.Popen([sys.executable, "-c", program, str(port)], stderr=subprocess.DEVNULL)
        try:
            incoming = server.until(State.CONNECTING).connection
            assert server.accept_connection(incoming) == gs.Result.OK
            end = server.until(State.CLOSED_BY_PEER, incoming)
            assert [len(message.data) for message in server.messages(incoming)] == [40_000]
        finally:
            client.wait(PATIENCE_S)
    assert end.connection_info.end_reason == {"lingering": 1234, "raise": 2000}.get(how, 1000)
    assert client.returncode == {"exit": 3, "raise": 1}.get(how, 0)


TIMED: Final = """
import atexit, time
atexit.register(lambda: print("took", time.monotonic() - before, flush=True))
"""
"""What is registered first is called last: after the library has ended."""


def test_a_silent_peer_holds_the_end_of_a_program_up_for_a_second_at_most() -> None:
    program = TIMED + CLIENT + "before = time.monotonic()\n"
    with closing(Side()) as server:
        listen_socket = server.create_listen_socket(gs.Address("127.0.0.1", 0))
        port = server.address(listen_socket).port
        with Program([sys.executable, "-c", program, str(port), "waits"]) as client:
            assert server.accept_connection(server.until(State.CONNECTING).connection) == gs.Result.OK
            client.wait_for("connected")
            with server._node.lock:  # nobody serves
                client.say("end")
                assert client.finish() == 0
        assert 0.9 < float(client.wait_for(r"^took (\S+)$")[1]) < 3


def test_the_end_of_asyncio_run_tells_peers_although_the_program_goes_on() -> None:
    program = """
        import asyncio
        from gamesockets import aio
        logging.disable()
        ended = []
        with gs.NetworkingSockets() as server:
            def on_change(change):
                state = change.connection_info.state
                if state == gs.ConnectionState.CONNECTING:
                    server.accept_connection(change.connection)
                elif state == gs.ConnectionState.CLOSED_BY_PEER:
                    ended.append(change.connection_info.end_reason)
            server.set_status_callback(on_change)
            listen = server.create_listen_socket(gs.Address("127.0.0.1", 0))
            got = []
            def serve():
                end = time.monotonic() + 60
                while not ended and time.monotonic() < end:
                    server.wait(0.05)
                    server.run_callbacks()
                    got.extend(server.receive_messages_on_listen_socket(listen))
            thread = threading.Thread(target=serve)
            thread.start()
            async def main():
                connection = await aio.connect(server.get_listen_socket_address(listen))
                await connection.send(bytes(40_000), gs.SendFlags.RELIABLE)
                return connection
            connection = asyncio.run(main())
            thread.join()
            print(ended, [len(message.data) for message in got], connection.is_open)
    """
    assert run(program, prelude=PATIENT_END + LOOPBACK) == ["[1000] [40000] False"]
