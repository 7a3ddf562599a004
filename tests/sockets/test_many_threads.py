"""Can sixteen threads use one `NetworkingSockets` at once, without a deadlock, a leak or an unannounced exception?"""

import errno
import faulthandler
import gc
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import pytest
from tests.support.pairs import LOCALHOST, Loopback, settle, skip_time
from tests.support.waiting import wait_until

import gamesockets as gs
from gamesockets import ConfigurationScope, ConfigurationValue, ConnectionState, Result, SendFlags

THREADS: Final = 16
CONNECTIONS_MAX: Final = 60
LISTEN_SOCKETS_MAX: Final = 8
GROUPS_MAX: Final = 12
STUCK_AFTER_S: Final = 30
"""No call may take that long, not even on a busy machine: none of them blocks on the network."""

FREE_RESULTS: Final = frozenset(
    {Result.OK, Result.INVALID_PARAM, Result.NO_CONNECTION, Result.INVALID_STATE, Result.LIMIT_EXCEEDED, Result.IGNORED}
)


class Hammer:
    """Handles that all threads share, some of them dead already, and every call there is."""

    def __init__(self, sockets: gs.NetworkingSockets, seed: int) -> None:
        self.sockets = sockets
        self.seed = seed
        self.stop = False
        self.connections: list[gs.Connection] = []
        self.listen_sockets: list[gs.ListenSocket] = []
        self.groups: list[gs.PollGroup] = []
        self.had_their_turn: set[str] = set()
        self.messages = 0
        self.status_changes = 0
        self.failures: list[tuple[str, BaseException]] = []
        self.began: dict[str, tuple[float, str]] = {}
        """What each thread is doing, and since when."""

    # Each of these is one step of a thread. Nothing guards the lists: other threads close what was just chosen.

    def listen(self, random: Random) -> None:
        if len(self.listen_sockets) < LISTEN_SOCKETS_MAX:
            self.listen_sockets.append(self.sockets.create_listen_socket(LOCALHOST))

    def connect(self, random: Random) -> None:
        socket = pick(random, self.listen_sockets)
        address = self.sockets.get_listen_socket_address(gs.ListenSocket(socket))
        if address is not None and len(self.connections) < CONNECTIONS_MAX:
            config = {ConfigurationValue.NAGLE_TIME: random.choice([0, 1000])}
            try:
                self.connections.append(self.sockets.connect(address, config))
            except OSError as error:
                if error.errno != errno.EMFILE:  # closed connections keep their ports for five seconds
                    raise

    def close_connection(self, random: Random) -> None:
        if len(self.connections) > CONNECTIONS_MAX // 2 or random.random() < 0.1:
            connection = pick(random, self.connections)
            self.sockets.close_connection(gs.Connection(connection), 1000, "hammered", random.random() < 0.3)
            discard(self.connections, connection)

    def close_listen_socket(self, random: Random) -> None:
        if len(self.listen_sockets) > LISTEN_SOCKETS_MAX // 2 and random.random() < 0.05:
            socket = pick(random, self.listen_sockets)
            self.sockets.close_listen_socket(gs.ListenSocket(socket), "hammered")
            discard(self.listen_sockets, socket)

    def group(self, random: Random) -> None:
        if len(self.groups) < GROUPS_MAX:
            self.groups.append(self.sockets.create_poll_group())
        elif random.random() < 0.1:
            group = pick(random, self.groups)
            self.sockets.destroy_poll_group(gs.PollGroup(group))
            discard(self.groups, group)

    def join(self, random: Random) -> None:
        group = pick(random, [0, *self.groups])
        self.sockets.set_connection_poll_group(gs.Connection(pick(random, self.connections)), gs.PollGroup(group))

    def send(self, random: Random) -> None:
        data = bytes(random.choice([0, 20, 1000, 5000, 30_000]))
        flags = random.choice(list(SendFlags)) | random.choice(list(SendFlags))
        connection = gs.Connection(pick(random, self.connections))
        result = self.sockets.send_message_to_connection(connection, data, flags, random.choice([0, 0, 0, 1]))
        assert result in FREE_RESULTS, result

    def send_batch(self, random: Random) -> None:
        batch = [
            gs.OutgoingMessage(gs.Connection(pick(random, self.connections)), bytes(50), SendFlags.RELIABLE)
            for _ in range(10)
        ]
        assert len(self.sockets.send_messages(batch)) == 10

    def flush(self, random: Random) -> None:
        result = self.sockets.flush_messages_on_connection(gs.Connection(pick(random, self.connections)))
        assert result in FREE_RESULTS, result

    def receive(self, random: Random) -> None:
        try:
            messages = self.sockets.receive_messages_on_connection(gs.Connection(pick(random, self.connections)))
            messages += self.sockets.receive_messages_on_listen_socket(
                gs.ListenSocket(pick(random, self.listen_sockets))
            )
            messages += self.sockets.receive_messages_on_poll_group(gs.PollGroup(pick(random, self.groups)), 3)
        except gs.InvalidHandle:
            return
        self.messages += len(messages)
        for message in messages:
            assert message.length == len(message.data)
            message.destroy()

    def callbacks(self, random: Random) -> None:
        if random.random() < 0.5:
            self.sockets.run_callbacks()
        else:
            self.sockets.dispatch_callback(self.on_status)

    def on_status(self, status: gs.StatusInfo) -> None:
        self.status_changes += 1
        about = status.connection_info
        if about.state == ConnectionState.CONNECTING and about.listen_socket:
            if self.sockets.accept_connection(status.connection) == Result.OK:
                self.connections.append(status.connection)
        elif about.state >= ConnectionState.CLOSED_BY_PEER:
            self.sockets.close_connection(status.connection)
            discard(self.connections, status.connection)

    def change_callback(self, random: Random) -> None:
        self.sockets.set_status_callback(self.on_status)

    def wait(self, random: Random) -> None:
        self.sockets.wait(random.choice([0, 0.001, 0.01]))

    def configure(self, random: Random) -> None:
        connection = gs.Connection(pick(random, self.connections))
        sockets = self.sockets
        nagle, rate = ConfigurationValue.NAGLE_TIME, ConfigurationValue.SEND_RATE_MIN
        sockets.set_connection_configuration_value(connection, nagle, random.choice([None, 0, 3000]))
        sockets.get_connection_configuration_value(connection, nagle)
        listen_socket = pick(random, self.listen_sockets)
        sockets.set_configuration_value(rate, 2_000_000, ConfigurationScope.LISTEN_SOCKET, listen_socket)
        sockets.set_configuration_value(rate, 2_000_000, ConfigurationScope.SOCKETS_INTERFACE)
        sockets.set_configuration_value(nagle, random.choice([None, 100]))
        lag = ConfigurationValue.FAKE_PACKET_LAG_SEND
        sockets.set_configuration_value(lag, random.choice([None, None, None, 1]))
        assert sockets.get_configuration_value_name(lag) == "FakePacketLag_Send"

    def lanes(self, random: Random) -> None:
        connection = gs.Connection(pick(random, self.connections))
        result = self.sockets.configure_connection_lanes(connection, [0, 1], [random.randint(1, 9), 1])
        assert result in FREE_RESULTS, result
        self.sockets.get_lane_status(connection)

    def properties(self, random: Random) -> None:
        connection = gs.Connection(pick(random, self.connections))
        self.sockets.set_connection_user_data(connection, random.getrandbits(60))
        assert self.sockets.get_connection_user_data(connection) >= -1
        self.sockets.set_connection_name(connection, f"n{random.random():.3}")
        self.sockets.get_connection_name(connection)

    def look(self, random: Random) -> None:
        connection = gs.Connection(pick(random, self.connections))
        about = self.sockets.get_connection_info(connection)
        assert about is None or about.connection_description
        self.sockets.get_quick_connection_status(connection)
        text = self.sockets.get_detailed_connection_status(connection)
        assert text is None or text.startswith("End-to-end connection: ")
        self.sockets.get_connection_debug_text(connection)
        self.sockets.accept_connection(connection)
        assert not self.sockets.get_identity().is_invalid
        assert gs.Library.time() > 0

    def pair(self, random: Random) -> None:
        if len(self.connections) < CONNECTIONS_MAX:
            try:
                self.connections += self.sockets.create_socket_pair(use_network_loopback=random.random() < 0.3)
            except OSError as error:
                if error.errno != errno.EMFILE:
                    raise

    def debug_output(self, random: Random) -> None:
        gs.Library.set_debug_callback(random.choice([0, 4, 8]), self.on_line)

    def on_line(self, kind: gs.DebugType, text: str) -> None:
        if "unexpected error" in text:
            self.failures.append(("debug output", AssertionError(text)))

    def reset(self, random: Random) -> None:
        if random.random() < 0.01:
            self.sockets.reset_identity(random.choice([None, gs.NetworkingIdentity.generic_string("other")]))

    def steps(self) -> dict[str, Callable[[Random], None]]:
        names = (
            "listen connect close_connection close_listen_socket group join send send_batch flush receive callbacks "
            "change_callback wait configure lanes properties look pair debug_output reset"
        )
        return {name: getattr(self, name) for name in names.split()}

    def run(self) -> None:
        """The life of one thread."""
        me = threading.current_thread().name
        random = Random(f"{self.seed} {me}")
        steps = self.steps()
        names = list(steps)
        weights = [4 if name in {"send", "receive", "connect", "callbacks"} else 1 for name in names]
        while not self.stop:
            (name,) = random.choices(names, weights)
            self.began[me] = (time.monotonic(), name)
            try:
                steps[name](random)
            except BaseException as error:  # noqa: BLE001 - every one is a finding, told by the main thread
                self.failures.append((name, error))
                self.stop = True
            self.had_their_turn.add(name)
        self.began.pop(me, None)

    def is_through(self) -> bool:
        """Whether every call had its turn, and something came of them."""
        return len(self.had_their_turn) == len(self.steps()) and self.messages > 0 and self.status_changes > 0


def pick(random: Random, handles: list[int] | list[gs.Connection] | list[gs.ListenSocket] | list[gs.PollGroup]) -> int:
    """One of the handles; other threads may empty the list meanwhile."""
    try:
        return int(random.choice(handles))
    except IndexError:
        return 0


def discard(handles: list[gs.Connection] | list[gs.ListenSocket] | list[gs.PollGroup], handle: int) -> None:
    try:
        handles.remove(handle)  # type: ignore[arg-type]
    except ValueError:
        return


def open_descriptors() -> set[str]:
    """What this process has open, by number and target, where the system tells."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return set()
    found = set()
    for link in folder.iterdir():
        try:
            found.add(f"{link.name} {os.readlink(link)}")
        except OSError:
            continue
    return found


@pytest.fixture(params=[pytest.param(3, id="3s"), pytest.param(60, id="60s", marks=pytest.mark.slow)])
def seconds(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.mark.rule("3, 14.2")
@pytest.mark.timeout(150)
def test_sixteen_threads_with_every_call(seconds: int, caplog: pytest.LogCaptureFixture) -> None:
    gc.collect()
    threads_before = set(threading.enumerate())
    descriptors_before = open_descriptors()
    sockets = gs.NetworkingSockets()
    hammer = Hammer(sockets, seed=seconds)
    sockets.set_status_callback(hammer.on_status)
    threads = [threading.Thread(target=hammer.run, name=f"hammer-{n}", daemon=True) for n in range(THREADS)]
    try:
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while (time.monotonic() < end or not hammer.is_through()) and not hammer.stop:
            time.sleep(0.1)
            stuck = [
                (who, what)
                for who, (since, what) in list(hammer.began.items())
                if time.monotonic() - since > STUCK_AFTER_S
            ]
            if stuck:
                faulthandler.dump_traceback()
                pytest.fail(f"stuck in a call: {stuck}")
        hammer.stop = True
        for thread in threads:
            thread.join(STUCK_AFTER_S)
        if any(thread.is_alive() for thread in threads):
            faulthandler.dump_traceback()
            pytest.fail(f"threads that do not end: {hammer.began}")
    finally:
        hammer.stop = True
        gs.Library.set_debug_callback(0, None)
        for value in (ConfigurationValue.NAGLE_TIME, ConfigurationValue.FAKE_PACKET_LAG_SEND):
            assert sockets.set_configuration_value(value, None)
        closed_within_s = -time.monotonic()
        sockets.close()
        closed_within_s += time.monotonic()
    for name, error in hammer.failures:
        raise AssertionError(f"{name} raised {error!r}") from error
    assert closed_within_s < STUCK_AFTER_S
    assert not [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}]
    assert hammer.is_through()
    assert not leftovers(sockets)
    assert set(threading.enumerate()) <= threads_before
    if descriptors_before:
        assert open_descriptors() <= descriptors_before


def leftovers(sockets: gs.NetworkingSockets) -> dict[str, int]:
    """What a closed object still holds, by name; nothing if all is well."""
    service = sockets._node.service
    held = {
        "connections": len(sockets._node.members),
        "listen sockets": len(sockets._node.listeners.values()),
        "poll groups": len(sockets._node.groups.values()),
        "ports": len(service.ports()),
        "status changes": len(sockets._events._waiting),
    }
    return {name: count for name, count in held.items() if count}


@pytest.mark.timeout(150)
def test_nothing_is_left_of_connections_that_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closed ones give back their port, their number and their place, once the peer had time to be told."""
    with gs.NetworkingSockets() as sockets:
        sockets.set_status_callback(
            lambda status: (
                sockets.accept_connection(status.connection)
                if status.connection_info.listen_socket and status.old_state == ConnectionState.NONE
                else None
            )
        )
        for _ in range(30):
            listen_socket = sockets.create_listen_socket(LOCALHOST)
            address = sockets.get_listen_socket_address(listen_socket)
            assert address is not None
            connections = [sockets.connect(address) for _ in range(3)]
            for _ in range(3):
                sockets.wait(0.01)
                sockets.run_callbacks()
            for connection in connections:
                assert sockets.close_connection(connection)
            assert sockets.close_listen_socket(listen_socket)
        assert sockets._node.service.ports(), "late packets are answered for five seconds"
        skip_time(sockets, 5, monkeypatch)
        wait_until(lambda: not sockets._node.service.ports())
        sockets.run_callbacks()
        assert not leftovers(sockets)
        assert not sockets._node._ids._live


def test_a_request_that_arrives_during_close_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between forgetting everything and the end of the thread that serves, datagrams are still read."""
    with Loopback() as loopback:
        stop = loopback.server._node.service.stop

        def stop_late() -> None:
            loopback.client.connect(loopback.address)
            for sockets in (loopback.server, loopback.client, loopback.server):
                settle(sockets)
            stop()

        monkeypatch.setattr(loopback.server._node.service, "stop", stop_late)
        loopback.server.close()
        assert not leftovers(loopback.server)


@pytest.mark.timeout(150)
def test_closing_while_others_wait_and_call() -> None:
    """Whoever sleeps in `wait` is woken, and the others hear that the object was closed (spec 3, 15.2)."""
    for _ in range(10):
        sockets = gs.NetworkingSockets()
        listen_socket = sockets.create_listen_socket(LOCALHOST)
        address = sockets.get_listen_socket_address(listen_socket)
        assert address is not None
        unexpected: list[BaseException] = []
        outcomes: list[str] = []

        def sleep(sockets: gs.NetworkingSockets = sockets, outcomes: list[str] = outcomes) -> None:
            while sockets.wait():
                sockets.run_callbacks()
            outcomes.append("woken")

        def connect(
            sockets: gs.NetworkingSockets = sockets,
            outcomes: list[str] = outcomes,
            address: gs.Address = address,
            unexpected: list[BaseException] = unexpected,
        ) -> None:
            try:
                for _ in range(100):  # each keeps its port for five seconds, and there are only so many
                    sockets.close_connection(sockets.connect(address))
                while True:
                    for connection in sockets.create_socket_pair():
                        sockets.close_connection(connection)
            except OSError as error:
                outcomes.append(str(error))
            except BaseException as error:  # noqa: BLE001 - told by the main thread
                unexpected.append(error)

        threads = [threading.Thread(target=target, daemon=True) for target in (sleep, sleep, connect, connect)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        closers = [threading.Thread(target=sockets.close, daemon=True) for _ in range(3)]
        for thread in closers:
            thread.start()
        for thread in (*threads, *closers):
            thread.join(STUCK_AFTER_S)
            assert not thread.is_alive()
        assert not unexpected
        assert sorted(outcomes) == [*["the NetworkingSockets or Server was closed"] * 2, *["woken"] * 2]
        assert not leftovers(sockets)
