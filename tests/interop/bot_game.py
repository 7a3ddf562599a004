"""The game of `examples.bots` as its other half would be written: a server and a client on the reference library.

Run as `python -m tests.interop.bot_game serve PORT` or `play ADDRESS`; each goes on until its standard input ends.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Final

from tests.interop.gns import Library, Send, State, StatusEvent

from examples.bots.game import GameError, Player, World, decode_input, decode_snapshot, encode_input, encode_welcome

TICK_S: Final = 1 / 30
UNRELIABLE: Final = int(Send.NO_NAGLE)
RELIABLE: Final = int(Send.RELIABLE | Send.NO_NAGLE)


def main() -> None:
    library = Library()
    library.start()
    over = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    if sys.argv[1] == "serve":
        serve(library, f"127.0.0.1:{sys.argv[2]}", over)
    else:
        play(library, sys.argv[2], over)
    library.stop()


def serve(library: Library, address: str, over: threading.Event) -> None:
    world = World()
    players: dict[int, Player] = {}

    def on_status(event: StatusEvent) -> None:
        connection, state = event.connection, event.info.state
        if state == State.CONNECTING:
            library.accept(connection)
        elif state == State.CONNECTED:
            players[connection] = world.enter()
            library.send(connection, encode_welcome(players[connection].number), RELIABLE)
        elif state in {State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY}:
            world.leave(players.pop(connection))
            library.close(connection)
            print("left", event.info.end_reason, event.info.end_debug, flush=True)

    library.on_status(on_status)
    library.listen(address, {})
    print("game on", address, flush=True)
    while not over.is_set():
        library.run_callbacks()
        for connection, player in players.items():
            for message in library.receive(connection):
                player.dx, player.dy = decode_input(message.data)
        world.advance()
        for connection in players:
            library.send(connection, world.snapshot(), UNRELIABLE)
        time.sleep(TICK_S)


def play(library: Library, address: str, over: threading.Event) -> None:
    def on_status(event: StatusEvent) -> None:
        if event.info.state == State.CONNECTED:
            print("connected", flush=True)
        elif event.info.state in {State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY}:
            print("ended", event.info.end_reason, event.info.end_debug, flush=True)
            over.set()

    library.on_status(on_status)
    connection = library.connect(address, {})
    farthest = 0
    while not over.is_set():
        library.run_callbacks()
        for message in library.receive(connection):
            try:
                _, players = decode_snapshot(message.data)
            except GameError:
                continue  # the welcome
            if max(x for x, _ in players.values()) > farthest + 50:
                farthest = max(x for x, _ in players.values())
                print("somebody is at", farthest, flush=True)
        library.send(connection, encode_input(100, 0), UNRELIABLE)
        time.sleep(TICK_S)
    library.close(connection, 1000, "had enough", True)
    time.sleep(0.2)  # it flushes nothing by itself


if __name__ == "__main__":
    main()
