"""How is the game served to bots and to clients on the reference library? They look the same from here."""

import gamesockets as gs
from examples.bots.game import GameError, World, decode_input, encode_welcome

TICK_HZ = 30
REASON_SILLY = 1003


def serve(address: str, grace: float = 0.0) -> World:
    """Play until Ctrl-C or SIGTERM, then tell everybody; `grace` is how long a round may go on after that."""
    world = World()
    with gs.Server(address) as server:
        print("game on", server.address, flush=True)

        def tick() -> None:
            for event in server.events():
                match event:
                    case gs.Connected(peer):
                        peer.user = world.enter()
                        peer.send(encode_welcome(peer.user.number), gs.SendFlags.RELIABLE_NO_NAGLE)
                    case gs.Received(peer, data):
                        try:
                            peer.user.dx, peer.user.dy = decode_input(data)
                        except GameError as error:
                            server.disconnect(peer, REASON_SILLY, str(error))
                    case gs.Disconnected(peer):
                        world.leave(peer.user)
            world.advance()
            server.broadcast(world.snapshot(), gs.SendFlags.UNRELIABLE_NO_NAGLE)

        server.run(tick, TICK_HZ, grace=grace)
    print(f"game over after {world.tick} ticks", flush=True)
    return world
