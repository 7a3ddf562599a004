"""How does gamesockets take part in a soak? Through the game-loop API."""

from collections.abc import Mapping, Sequence
from typing import Final, final

from gamesockets.config.table import ConfigurationValue
from gamesockets.node.process import PROCESS
from gamesockets.sockets.library import Library
from gamesockets.sockets.networking_sockets import NetworkingSockets
from gamesockets.torture.real.side import Arrived, Change, Side
from gamesockets.values.enums import ConnectionState, SendFlags
from gamesockets.values.handles import Connection
from gamesockets.values.records import StatusInfo
from gamesockets.values.results import Result

__all__ = ["Ours"]

_TOLD: Final = (
    ConnectionState.CONNECTED,
    ConnectionState.CLOSED_BY_PEER,
    ConnectionState.PROBLEM_DETECTED_LOCALLY,
)
_BATCH: Final = 1000


@final
class Ours(Side):
    """gamesockets in this process; `conditions` are configuration values of the process."""

    def __init__(self, conditions: Mapping[int, int | float]) -> None:
        for value, number in conditions.items():
            Library.set_configuration_value(ConfigurationValue(value), number)
        self._conditions = conditions
        self._sockets = NetworkingSockets()
        self._group = self._sockets.create_poll_group()
        self._changes: list[Change] = []
        self._sockets.set_status_callback(self._on_status)

    def listen(self) -> str:
        listening = self._sockets.create_listen_socket("127.0.0.1:0")
        return str(self._sockets.get_listen_socket_address(listening))

    def connect(self, address: str) -> int:
        connection = self._sockets.connect(address)
        self._sockets.set_connection_poll_group(connection, self._group)
        return connection

    def configure_lanes(self, connection: int, priorities: Sequence[int]) -> None:
        self._sockets.configure_connection_lanes(Connection(connection), priorities)

    def send(self, connection: int, data: bytes, is_reliable: bool, lane: int) -> bool:
        flags = SendFlags.RELIABLE if is_reliable else SendFlags.UNRELIABLE
        return self._sockets.send_message_to_connection(Connection(connection), data, flags, lane) == Result.OK

    def close(self, connection: int, reason: int, linger: bool) -> None:
        self._sockets.close_connection(Connection(connection), reason, "soak", linger)

    def changes(self) -> list[Change]:
        self._sockets.run_callbacks()
        changes, self._changes = self._changes, []
        return changes

    def receive(self) -> list[Arrived]:
        arrived: list[Arrived] = []
        while messages := self._sockets.receive_messages_on_poll_group(self._group, _BATCH):
            arrived += [
                Arrived(one.connection, one.lane, bool(one.flags & SendFlags.RELIABLE), one.data) for one in messages
            ]
        return arrived

    def held(self) -> tuple[int, int]:
        now = PROCESS.measure()
        to_send = now.pending_reliable_bytes + now.pending_unreliable_bytes + now.unacked_bytes
        return sum(now.states.values()), now.unread_bytes + to_send

    def stop(self) -> None:
        self._sockets.close()
        for value in self._conditions:
            Library.set_configuration_value(ConfigurationValue(value), None)

    def _on_status(self, info: StatusInfo) -> None:
        connection, now = info.connection, info.connection_info
        if now.state == ConnectionState.CONNECTING and now.listen_socket:
            self._sockets.accept_connection(connection)
            self._sockets.set_connection_poll_group(connection, self._group)
        elif now.state in _TOLD:
            self._changes.append(Change(connection, now.state, now.end_reason, now.end_debug))
