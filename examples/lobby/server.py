"""How does the lobby meet its users? A task for each, and a drain at the end."""

import contextlib
import json
from typing import Any

import gamesockets as gs
from examples.lobby.lobby import MESSAGE_BYTES_MAX, Letter, Lobby, LobbyError
from gamesockets import aio

USERS_MAX = 1_000
FLAGS = gs.SendFlags.RELIABLE_NO_NAGLE
CONFIG = {gs.ConfigurationValue.RECV_MAX_MESSAGE_SIZE: MESSAGE_BYTES_MAX}
REASON_FULL = 1001
REASON_SILLY = 1002


class LobbyServer:
    """The lobby, and the connections of its users by handle."""

    def __init__(self) -> None:
        self.lobby = Lobby()
        self._connections: dict[Any, aio.Connection] = {}

    def admit(self, _: gs.ConnectionInfo) -> gs.Refusal | None:
        """Whether one more may come."""
        return gs.Refusal(REASON_FULL, "the lobby is full") if len(self._connections) >= USERS_MAX else None

    async def talk(self, connection: aio.Connection) -> None:
        """One user, from coming to leaving."""
        user = connection.handle
        self._connections[user] = connection
        try:
            async for message in connection:
                try:
                    self._tell(self.lobby.receive(user, message.data))
                except LobbyError as error:
                    connection.send_nowait(json.dumps({"error": str(error)}).encode(), FLAGS)
        finally:
            del self._connections[user]
            self._tell(self.lobby.leave(user))

    def _tell(self, letters: list[Letter]) -> None:
        """Never waits: a user who does not read must not hold up the others."""
        for letter in letters:
            data = letter.data
            for user in letter.to:
                connection = self._connections.get(user)
                if connection is not None:
                    connection.send_nowait(data, FLAGS)


def run(address: str, grace: float = 0.0, metrics_port: int | None = None) -> None:
    """Serve until Ctrl-C or SIGTERM; then users are told, and `async for` of theirs finds the next server.

    With `metrics_port` Prometheus may scrape that port, also while the lobby drains.
    """
    lobby = LobbyServer()

    def started(server: aio.Server) -> None:
        print("lobby on", server.address, flush=True)

    with contextlib.ExitStack() as stack:
        if metrics_port is not None:
            from examples.lobby import metrics  # noqa: PLC0415 - it needs a package that a lobby without it does not

            port, stop = metrics.serve(lobby.lobby, "127.0.0.1", metrics_port)
            stack.callback(stop)
            print(f"metrics on http://127.0.0.1:{port}/metrics", flush=True)
        aio.run_server(lobby.talk, address, admit=lobby.admit, config=CONFIG, on_start=started, grace=grace)
    print(f"lobby closed after {lobby.lobby.matches} matches", flush=True)
