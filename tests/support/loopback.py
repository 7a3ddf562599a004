"""How do tests of the game-loop API get connections over real sockets of this machine, in any state?"""

import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

import gamesockets as gs

DEADLINE_S: Final = 10
LOCALHOST: Final = gs.Address("127.0.0.1", 0)


def wait_until(condition: Callable[[], object], what: str = "what the test waits for") -> None:
    """Sleeps in short steps until something holds; `AssertionError` after ten seconds."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S} s"
        time.sleep(0.002)


class Loopback:
    """A server and a client, each a `NetworkingSockets` of its own, and a port at which nobody answers."""

    def __init__(self) -> None:
        self.server = gs.NetworkingSockets()
        self.client = gs.NetworkingSockets()
        self.listen_socket = self.server.create_listen_socket(LOCALHOST)
        address = self.server.get_listen_socket_address(self.listen_socket)
        assert address is not None
        self.address = address
        self._nobody = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._nobody.bind(("127.0.0.1", 0))
        self.nobody = gs.Address("127.0.0.1", self._nobody.getsockname()[1])
        self._arrived: list[gs.Connection] = []
        self.server.set_status_callback(self._on_server_status)

    def __enter__(self) -> "Loopback":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        self.server.close()
        self._nobody.close()

    def _on_server_status(self, status: gs.StatusInfo) -> None:
        if (status.old_state, status.connection_info.state) == (gs.ConnectionState.NONE, gs.ConnectionState.CONNECTING):
            self._arrived.append(status.connection)

    def incoming(self) -> tuple[gs.Connection, gs.Connection]:
        """A connection that waits to be accepted: the client's handle and the server's."""
        ours = self.client.connect(self.address)

        def has_arrived() -> bool:
            self.server.run_callbacks()
            return bool(self._arrived)

        wait_until(has_arrived, "the arrival of a connection")
        return ours, self._arrived.pop()

    def connected(self) -> tuple[gs.Connection, gs.Connection]:
        """A connection that is up on both sides: the client's handle and the server's."""
        ours, theirs = self.incoming()
        assert self.server.accept_connection(theirs) == gs.Result.OK
        self.wait_for_state(self.client, ours, gs.ConnectionState.CONNECTED)
        return ours, theirs

    def closed_by_peer(self) -> gs.Connection:
        """The client's handle of a connection that the server closed."""
        ours, theirs = self.connected()
        self.server.close_connection(theirs, 1234, "enough")
        self.wait_for_state(self.client, ours, gs.ConnectionState.CLOSED_BY_PEER)
        return ours

    def problem(self) -> gs.Connection:
        """The client's handle of a connection that nobody answered."""
        ours = self.client.connect(self.nobody, {gs.ConfigurationValue.TIMEOUT_INITIAL: 1})
        self.wait_for_state(self.client, ours, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY)
        return ours

    def lingering(self) -> gs.Connection:
        """The client's handle of a connection that was closed while reliable data was on its way."""
        ours, _ = self.connected()
        assert self.client.send_message_to_connection(ours, bytes(300_000), gs.SendFlags.RELIABLE) == gs.Result.OK
        assert self.client.close_connection(ours, enable_linger=True)
        return ours

    def wait_for_state(
        self, sockets: gs.NetworkingSockets, connection: gs.Connection, state: gs.ConnectionState
    ) -> None:
        """Waits until a connection has come that far."""
        wait_until(lambda: self.state(sockets, connection) == state, state.name)

    @staticmethod
    def state(sockets: gs.NetworkingSockets, connection: gs.Connection) -> gs.ConnectionState | None:
        """The state as the info shows it."""
        info = sockets.get_connection_info(connection)
        return None if info is None else info.state
