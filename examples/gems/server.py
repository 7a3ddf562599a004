"""The server of the smallest game: `python -m examples.gems.server`. It owns all positions; clients send directions.

A message of a client is two bytes, the direction it wants to go in, each 0, 1 or 2 (back, stay, ahead). What all are
told is five bytes for each player: number, x, y, of which the first player in the message is the receiver.
"""

import sys
from struct import Struct
from typing import Final

import gamesockets as gs

WIDTH: Final = 640
HEIGHT: Final = 360
SPEED: Final = 4
PLAYERS_MAX: Final = 32
PLACE: Final = Struct("<BHH")


class Game:
    """All players and where they are."""

    def __init__(self, server: gs.Server) -> None:
        self._server = server
        self._places: dict[gs.Peer, list[int]] = {}
        self._steps: dict[gs.Peer, tuple[int, int]] = {}
        self._numbers: dict[gs.Peer, int] = {}

    def tick(self) -> None:
        """A thirtieth of a second."""
        for event in self._server.events():
            peer = event.peer
            if isinstance(event, gs.Connected):
                self._places[peer] = [WIDTH // 2, HEIGHT // 2]
                self._numbers[peer] = min(set(range(256)) - set(self._numbers.values()))
            elif isinstance(event, gs.Disconnected):
                for of_players in (self._places, self._steps, self._numbers):
                    of_players.pop(peer, None)
            elif peer in self._places and len(event.data) == 2 and max(event.data) <= 2:
                self._steps[peer] = event.data[0] - 1, event.data[1] - 1
        for peer, (x, y) in self._steps.items():
            place = self._places[peer]
            place[0] = min(max(place[0] + x * SPEED, 0), WIDTH)
            place[1] = min(max(place[1] + y * SPEED, 0), HEIGHT)
        packed = {peer: PLACE.pack(self._numbers[peer], *place) for peer, place in self._places.items()}
        for peer, mine in packed.items():
            others = [place for other, place in packed.items() if other is not peer]
            peer.send(mine + b"".join(others), gs.SendFlags.UNRELIABLE_NO_NAGLE)


def main() -> None:
    """Serve until Ctrl-C, at the address that may be given, or on the socket that systemd has opened."""
    inherited = gs.Library.inherited_sockets()
    place = inherited[0] if inherited else sys.argv[1] if len(sys.argv) > 1 else "[::]:27015"
    with gs.Server(place, config={gs.ConfigurationValue.LISTEN_CONNECTIONS_MAX: PLAYERS_MAX}) as server:
        print(f"listening on {server.address}", flush=True)
        server.run(Game(server).tick, hz=30)


if __name__ == "__main__":
    main()
