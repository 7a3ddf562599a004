"""Can one play on each of the named networks?"""

import pytest

import gamesockets as gs
from gamesockets import sim
from gamesockets.sim.named import NAMED


@pytest.mark.parametrize("name", NAMED)
def test_one_can_play_on_it(name: str) -> None:
    access = sim.named(name)
    world = sim.World(seed=1)
    client, server = world.pair(up=access.up, down=access.down)
    for number in range(100):
        client.send(bytes([number]), gs.SendFlags.RELIABLE)
        world.run(0.05)
    world.run(10)
    assert [message.data[0] for message in server.receive()] == list(range(100))
    assert client.is_connected


def test_worse_networks_are_worse() -> None:
    latencies = [sim.named(name).up.latency for name in ("lan", "fibre", "wifi", "cellular", "satellite")]
    assert latencies == sorted(latencies)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of lan, .*, not 'ether'"):
        sim.named("ether")
