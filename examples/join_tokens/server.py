"""The game server: takes players with a certificate of the login service, which it never asks anything."""

from collections.abc import Callable

import gamesockets as gs
from gamesockets import aio, pki

SERVER = gs.NetworkingIdentity.generic_string("game-server")
REQUIRED: dict[gs.ConfigurationValue, int] = {
    gs.ConfigurationValue.IP_ALLOW_WITHOUT_AUTH: 0,
    gs.ConfigurationValue.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH: 0,
}


async def play(connection: aio.Connection) -> None:
    """One player, who is who the name says: no password, no token, no database."""
    await connection.send(f"Welcome, {connection.identity}".encode(), gs.SendFlags.RELIABLE)
    async for message in connection:
        await connection.send(message.data, gs.SendFlags.RELIABLE)


async def serve(
    credentials: pki.Credentials, trust: pki.TrustStore, address: gs.Address, on_start: Callable[[aio.Server], object]
) -> None:
    """Serves until it is cancelled."""
    async with aio.serve(play, address, config=REQUIRED, credentials=credentials, trust=trust) as server:
        on_start(server)
        await server.serve_forever()
