"""A client and a server of ours, connected through real sockets of this machine."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import gamesockets as gs
from gamesockets.config.table import ConfigurationInput

Config = Mapping[gs.ConfigurationValue, ConfigurationInput]

DEADLINE_S = 20.0


class Pair:
    """Both ends, each in a `NetworkingSockets` of its own, with the status changes that each has dispatched."""

    def __init__(self, config: Config | None = None, connect: bool = True) -> None:
        self.server = gs.NetworkingSockets()
        self.client = gs.NetworkingSockets()
        self.changes: dict[gs.NetworkingSockets, list[gs.StatusInfo]] = {self.server: [], self.client: []}
        self.server.set_status_callback(self._on_server)
        self.client.set_status_callback(self.changes[self.client].append)
        self.listen_socket = self.server.create_listen_socket(gs.Address("127.0.0.1", 0), config)
        self.address = self.server.get_listen_socket_address(self.listen_socket) or gs.Address("::", 0)
        self.near = gs.Connection(0)
        """The client's handle."""
        self.far = gs.Connection(0)
        """The server's handle of the same connection."""
        if connect:
            self.connect(config)

    def connect(self, config: Config | None = None) -> None:
        self.near = self.client.connect(self.address, config)
        self.until(lambda: self.is_in(self.client, self.near, gs.ConnectionState.CONNECTED) and self.far)

    def _on_server(self, change: gs.StatusInfo) -> None:
        self.changes[self.server].append(change)
        if change.connection_info.state == gs.ConnectionState.CONNECTING:
            assert self.server.accept_connection(change.connection) == gs.Result.OK
            self.far = change.connection

    def is_in(self, sockets: gs.NetworkingSockets, connection: gs.Connection, state: gs.ConnectionState) -> bool:
        info = sockets.get_connection_info(connection)
        return info is not None and info.state == state

    def poll(self) -> None:
        self.server.run_callbacks()
        self.client.run_callbacks()

    def until(self, ready: Callable[[], object], timeout_s: float = DEADLINE_S) -> None:
        """Polls both ends until `ready`."""
        end = time.monotonic() + timeout_s
        while not ready():
            assert time.monotonic() < end, "it did not happen"
            self.poll()
            time.sleep(0.001)

    def receive(self, count: int, timeout_s: float = DEADLINE_S) -> list[bytes]:
        """The next `count` messages at the server."""
        got: list[bytes] = []

        def enough() -> bool:
            got.extend(message.data for message in self.server.receive_messages_on_connection(self.far))
            return len(got) >= count

        self.until(enough, timeout_s)
        return got

    def send(self, data: bytes, flags: gs.SendFlags = gs.SendFlags.RELIABLE_NO_NAGLE) -> gs.Result:
        return self.client.send_message_to_connection(self.near, data, flags)

    def close(self) -> None:
        self.client.close()
        self.server.close()


@contextmanager
def global_values(sockets: gs.NetworkingSockets, config: Config) -> Iterator[None]:
    """Values of the process that are taken back afterwards."""
    try:
        for value, x in config.items():
            assert sockets.set_configuration_value(value, x), value
        yield
    finally:
        for value in config:
            assert sockets.set_configuration_value(value, None)
