"""Who plays while the file comes? A client that fetches one file and watches how smoothly the game runs meanwhile."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gamesockets as gs
from examples.transfer.files import Refused
from examples.transfer.traffic import Download, Smoothness, request

SILENCE_S: Final = 10.0


def fetch(
    address: gs.Address, name: str, folder: Path, progress: Callable[[int, int], None] = lambda *_: None
) -> tuple[Path, Smoothness]:
    """Fetch a file into a folder. Returns where it is, and how the game went. Raises `Refused` with the reason.

    `progress` is called with bytes so far and bytes in all.
    """
    smoothness = Smoothness()
    ended = ""

    def on_status(status: gs.StatusInfo) -> None:
        nonlocal ended
        if status.connection_info.state >= gs.ConnectionState.CLOSED_BY_PEER:
            ended = status.connection_info.end_debug or f"reason {status.connection_info.end_reason}"

    with gs.NetworkingSockets() as sockets, Download(folder, name) as download:
        sockets.set_status_callback(on_status)
        connection = sockets.connect(address)
        sockets.send_message_to_connection(connection, request(name), gs.SendFlags.RELIABLE)
        heard_s = time.monotonic()
        while not download.is_complete:
            sockets.wait(1.0)
            sockets.run_callbacks()
            for message in sockets.receive_messages_on_connection(connection):
                heard_s = time.monotonic()
                if not smoothness.hear(message.data, message.time_received):
                    download.receive(message.data)
                    progress(download.arriving.size, download.size or 0)
            if ended or time.monotonic() - heard_s > SILENCE_S:
                raise Refused(f"the connection ended: {ended or 'no word for too long'}")
        sockets.close_connection(connection, 1000, "got it")
        return download.arriving.path, smoothness
