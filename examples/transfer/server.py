"""Who sends the game and the files? A game server that also serves a folder, 30 turns a second."""

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

import gamesockets as gs
from examples.transfer.traffic import BULK_LANE, LANE_PRIORITIES, STATE_LANE, STATES_PER_SECOND, Upload, state

GUESTS_MAX: Final = 16


@final
class Server:
    """Serves what is in a folder. Raises `OSError` if it cannot listen there.

    `with_lanes=False` puts the file and the game into one queue: the mistake that this example is about.
    """

    def __init__(self, address: gs.Address, folder: Path, rate_bytes_per_second: int, with_lanes: bool = True) -> None:
        self._folder = folder
        self._bulk_lane = BULK_LANE if with_lanes else STATE_LANE
        self._uploads: dict[gs.Connection, Upload] = {}
        values = gs.ConfigurationValue
        rate = {values.SEND_RATE_MIN: rate_bytes_per_second, values.SEND_RATE_MAX: rate_bytes_per_second}
        self._sockets = gs.NetworkingSockets(config=rate)
        self._sockets.set_status_callback(self._on_status)
        try:
            self._listen_socket = self._sockets.create_listen_socket(address)
        except BaseException:
            self._sockets.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for upload in self._uploads.values():
            upload.close()
        self._sockets.close()

    @property
    def address(self) -> gs.Address:
        """Where it listens."""
        return self._sockets.get_listen_socket_address(self._listen_socket) or gs.Address("::", 0)

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        """Serve until told to stop, by Ctrl-C or SIGTERM too; then what was sent is delivered, and everybody told."""

        def turn() -> None:
            self.turn()
            if should_stop():
                self._sockets.stop()

        self._sockets.run(turn, hz=STATES_PER_SECOND)

    def turn(self) -> None:
        """One turn: hear, send the game, then as much of the files as the line will carry until the next turn."""
        sockets = self._sockets
        sockets.run_callbacks()
        for message in sockets.receive_messages_on_listen_socket(self._listen_socket):
            upload = self._uploads.get(message.connection)
            if upload is not None:
                answer = upload.receive(message.data)
                sockets.send_message_to_connection(message.connection, answer, gs.SendFlags.RELIABLE, self._bulk_lane)
        for connection, upload in self._uploads.items():
            sockets.send_message_to_connection(
                connection, state(gs.Library.time()), gs.SendFlags.UNRELIABLE_NO_NAGLE, STATE_LANE
            )
            lanes = sockets.get_lane_status(connection)
            if lanes:
                for piece in upload.pieces(lanes[self._bulk_lane].pending_reliable):
                    sockets.send_message_to_connection(connection, piece, gs.SendFlags.RELIABLE, self._bulk_lane)

    def _on_status(self, status: gs.StatusInfo) -> None:
        connection, info = status.connection, status.connection_info
        if info.state == gs.ConnectionState.CONNECTING:
            if len(self._uploads) >= GUESTS_MAX:
                self._sockets.close_connection(connection, 1001, "the server is full")
            elif self._sockets.accept_connection(connection) == gs.Result.OK:
                self._sockets.configure_connection_lanes(connection, LANE_PRIORITIES)
                self._uploads[connection] = Upload(self._folder)
        elif info.state in {gs.ConnectionState.CLOSED_BY_PEER, gs.ConnectionState.PROBLEM_DETECTED_LOCALLY}:
            upload = self._uploads.pop(connection, None)
            if upload is not None:
                upload.close()
            self._sockets.close_connection(connection)
