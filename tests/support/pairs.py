"""How do tests of the game-loop API get connections over real sockets of this machine, in any state?"""

import select
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Final, NamedTuple

import pytest
from tests.support.ports import silent_address
from tests.support.waiting import collect, wait_until

import gamesockets as gs
from gamesockets.clock import now_us
from gamesockets.config.kinds import ConfigurationInput

State = gs.ConnectionState
Config = Mapping[gs.ConfigurationValue, ConfigurationInput]

LOCALHOST: Final = gs.Address("127.0.0.1", 0)
WAIT_S: Final = 0.1


class Side(gs.NetworkingSockets):  # type: ignore[misc]  # final for applications; nothing is overridden here
    """A `NetworkingSockets` that can be waited for. Waiting dispatches its status changes; `changes` are these."""

    def __init__(self, identity: gs.NetworkingIdentity | None = None, config: Config | None = None) -> None:
        super().__init__(identity, config)
        self.changes: list[gs.StatusInfo] = []

    def next_change(self) -> gs.StatusInfo:
        """The oldest status change that was not dispatched yet."""
        wait_until(
            lambda: self.dispatch_callback(self.changes.append),
            lambda: f"status change after {self.changes}",
            pause=lambda: self.wait(WAIT_S),
        )
        return self.changes[-1]

    def until(self, state: State, connection: int = 0) -> gs.StatusInfo:
        """The change of that connection to that state, also one that was dispatched before; the next of any for 0."""
        for change in self.changes:
            if change.connection_info.state == state and change.connection == connection:
                return change
        while True:
            change = self.next_change()
            if change.connection_info.state == state and connection in (0, change.connection):
                return change

    def take(self, receive: Callable[[], Sequence[gs.NetworkingMessage]], count: int) -> list[gs.NetworkingMessage]:
        """The messages that `receive` gives: exactly `count`."""
        messages = collect(receive, count, pause=lambda: self.wait(WAIT_S))
        assert len(messages) == count
        return messages

    def messages(self, connection: gs.Connection, count: int = 1) -> list[gs.NetworkingMessage]:
        """The next messages of a connection: exactly `count`."""
        return self.take(lambda: self.receive_messages_on_connection(connection), count)

    def address(self, listen_socket: gs.ListenSocket) -> gs.Address:
        """Where an open listen socket listens."""
        address = self.get_listen_socket_address(listen_socket)
        assert address is not None
        return address

    def info(self, connection: gs.Connection) -> gs.ConnectionInfo:
        """The info of a connection that there is."""
        info = self.get_connection_info(connection)
        assert info is not None
        return info

    def status(self, connection: gs.Connection) -> gs.ConnectionStatus:
        """The quick status of a connection that there is."""
        status = self.get_quick_connection_status(connection)
        assert status is not None
        return status


class Ends(NamedTuple):
    """The handles of one connection: the client's and the server's."""

    outgoing: gs.Connection
    incoming: gs.Connection


class Loopback:
    """A server that listens and a client; `nobody` is an address at which nobody answers."""

    def __init__(
        self,
        server: Side | None = None,
        client: Side | None = None,
        server_config: Config | None = None,
    ) -> None:
        with ExitStack() as stack:
            self.server = Side() if server is None else server
            stack.callback(self.server.close)
            self.client = Side() if client is None else client
            stack.callback(self.client.close)
            self.nobody = stack.enter_context(silent_address())
            self.listen_socket = self.server.create_listen_socket(LOCALHOST, server_config)
            self.address = self.server.address(self.listen_socket)
            self._stack = stack.pop_all()

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def request(self, config: Config | None = None) -> Ends:
        """A connection that waits to be accepted."""
        outgoing = self.client.connect(self.address, config)
        return Ends(outgoing, self.server.until(State.CONNECTING).connection)

    def connected(self, config: Config | None = None) -> Ends:
        """A connection that is up on both sides; all status changes that led there were dispatched."""
        ends = self.request(config)
        assert self.server.accept_connection(ends.incoming) == gs.Result.OK
        self.server.until(State.CONNECTED, ends.incoming)
        self.client.until(State.CONNECTED, ends.outgoing)
        return ends

    def closed_by_peer(self) -> gs.Connection:
        """The client's handle of a connection that the server closed."""
        ends = self.connected()
        self.server.close_connection(ends.incoming, 1234, "enough")
        return self.client.until(State.CLOSED_BY_PEER, ends.outgoing).connection

    def problem(self) -> gs.Connection:
        """The client's handle of a connection that nobody answered."""
        outgoing = self.client.connect(self.nobody, {gs.ConfigurationValue.TIMEOUT_INITIAL: 1})
        return self.client.until(State.PROBLEM_DETECTED_LOCALLY, outgoing).connection

    def lingering(self) -> gs.Connection:
        """The client's handle of a connection that was closed while reliable data was on its way."""
        outgoing, _ = self.connected()
        assert self.client.send_message_to_connection(outgoing, bytes(300_000), gs.SendFlags.RELIABLE) == gs.Result.OK
        assert self.client.close_connection(outgoing, enable_linger=True)
        return outgoing


class Pair(Loopback):
    """The same with one connection that is up, `outgoing` at the client and `incoming` at the server."""

    def __init__(
        self,
        server: Side | None = None,
        client: Side | None = None,
        server_config: Config | None = None,
        client_config: Config | None = None,
    ) -> None:
        super().__init__(server, client, server_config)
        try:
            self.outgoing, self.incoming = self.connected(client_config)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self) -> "Pair":
        return self

    def send(self, data: bytes, flags: gs.SendFlags = gs.SendFlags.RELIABLE_NO_NAGLE) -> gs.Result:
        """From the client to the server."""
        return self.client.send_message_to_connection(self.outgoing, data, flags)

    def receive(self, count: int = 1) -> list[bytes]:
        """The next messages at the server: exactly `count`."""
        return data_of(self.server.messages(self.incoming, count))


def settle(sockets: gs.NetworkingSockets) -> None:
    """Waits until it has served every datagram that was sent to it so far: what came of none of them comes no more."""

    def has_served() -> bool:
        with sockets._node.lock:  # not while a datagram that was taken from its socket is still being served
            ports = sockets._node.service.ports()
            if any(port.arrivals.count for port in ports):  # read, and left for a later turn
                return False
            return not select.select([port.udp for port in ports], [], [], 0)[0]

    wait_until(has_served)


def skip_time(sockets: gs.NetworkingSockets, seconds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moves the clock of the service threads forward: what is due by then happens at once."""
    monkeypatch.setattr("gamesockets.drivers.threads.now_us", lambda: now_us() + seconds * 1_000_000)
    with sockets._node.lock:
        sockets._threads._service_poller.wake()


NewSide = Callable[..., Side]
NewLoopback = Callable[..., Loopback]
NewPair = Callable[..., Pair]
"""Makes one with the arguments of the class, and closes it after the test."""


def data_of(messages: Sequence[gs.NetworkingMessage]) -> list[bytes]:
    """Their data, in order."""
    return [message.data for message in messages]


@contextmanager
def global_values(sockets: gs.NetworkingSockets, config: Config) -> Iterator[None]:
    """Sets global values, and unsets them afterwards."""
    try:
        for value, x in config.items():
            assert sockets.set_configuration_value(value, x), value
        yield
    finally:
        for value in config:
            assert sockets.set_configuration_value(value, None)
