"""How do tests get an endpoint that listens for strangers?"""

from typing import Final

from tests.support.raw_peers import ANONYMOUS, Tap

from gamesockets import sim
from gamesockets.config.options import ConnectionOptions
from gamesockets.crypto.credentials import Credentials
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.values.entropy import SeededEntropy

STRANGER: Final = ("198.51.100.9", 5555)


def make_endpoint(accepts: bool = True) -> Endpoint:
    entropy = SeededEntropy(1)
    return Endpoint(
        entropy, ConnectionIds(entropy), Credentials(ANONYMOUS), ConnectionOptions.default(), accepts=accepts
    )


def listening() -> tuple[sim.World, Tap, sim.Host]:
    world = sim.World()
    tap = Tap(world)
    return world, tap, world.listen()


def replies_to(endpoint: Endpoint, data: bytes, address: tuple[str, int] = STRANGER) -> list[bytes]:
    endpoint.receive_datagram(data, address, 0)
    return [reply for replies, _ in endpoint.datagrams_to_send(0) for reply in replies]


def counted(endpoint: Endpoint) -> int:
    counters = endpoint.counters
    return sum(getattr(counters, name) for name in dir(counters) if not name.startswith("_"))
