"""Is a simulated world repeatable, quick, and as large as asked?"""

import subprocess
import sys
import time
from hashlib import sha256

import pytest
from tests.support.raw_peers import Tap

import gamesockets as gs
from gamesockets import sim

BAD = sim.Conditions(latency=0.1, jitter_average=0.01, loss=0.05, reorder=0.02, duplicate=0.02)


def play(world: sim.World, client: sim.Connection, server: sim.Connection, seconds: float) -> list[bytes]:
    """Light game traffic in both directions; what arrived at either side, in order."""
    arrived: list[bytes] = []
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        client.send(b"input %d" % ticks)
        server.send(b"state %d" % ticks + bytes(200))
        if ticks % 10 == 0:
            client.send(b"chat %d" % ticks, gs.SendFlags.RELIABLE)
        for connection in (client, server):
            arrived.extend(message.data for message in connection.receive())

    world.every(1 / 30, tick)
    world.run(seconds)
    return arrived


def digest_of_run(seed: int) -> str:
    world = sim.World(seed)
    tap = Tap(world)
    client, server = world.pair(up=BAD, down=BAD)
    play(world, client, server, 5)
    client.close()
    world.run(1)
    digest = sha256()
    for passage in tap.passages:
        digest.update(f"{passage.time_us} {passage.is_arrival} {passage.source}".encode() + passage.data)
    return digest.hexdigest()


def test_the_same_seed_gives_the_same_bytes_at_the_same_times() -> None:
    assert digest_of_run(3) == digest_of_run(3)
    assert digest_of_run(3) != digest_of_run(4)


def test_hash_randomization_does_not_change_a_run() -> None:
    """Another process with another hash seed repeats the run too: nothing depends on the order of sets."""
    code = "from tests.sim.test_world import digest_of_run; print(digest_of_run(3))"
    for hash_seed in ("1", "2"):
        environment = {"PYTHONPATH": ":".join(["src", ".", *sys.path]), "PYTHONHASHSEED": hash_seed}
        output = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
        assert output.stdout.decode().strip() == digest_of_run(3)


def test_two_minutes_of_play_take_about_a_second() -> None:
    """The promise of the simulator, with room for a slow and busy machine."""
    conditions = sim.Conditions(latency=0.1, loss=0.05)
    world = sim.World(seed=5)
    client, server = world.pair(up=conditions, down=conditions)
    begin = time.process_time()
    arrived = play(world, client, server, 120)
    assert time.process_time() - begin < (5 if sys.gettrace() is None else 20), "coverage looks at each line"
    assert len([data for data in arrived if data.startswith(b"chat")]) >= 355
    assert 0.92 < len([data for data in arrived if data.startswith(b"state")]) / 3600 < 0.98


def test_many_clients_of_one_server() -> None:
    world = sim.World(conditions=sim.Conditions(latency=0.02, loss=0.02))
    server = world.listen()
    clients = [world.connect(server) for _ in range(50)]
    assert world.run_until(lambda: all(client.is_connected for client in clients))
    for number, client in enumerate(clients):
        client.send(b"I am %d" % number, gs.SendFlags.RELIABLE)
    world.run(2)
    said = sorted(message.data for connection in server.connections for message in connection.receive())
    assert said == sorted(b"I am %d" % number for number in range(50))


def test_misuse_is_refused() -> None:
    world = sim.World()
    server = world.listen()
    with pytest.raises(ValueError, match="there is a host at"):
        world.listen(server.address)
    with pytest.raises(ValueError, match="global scope"):
        world.listen(config={gs.ConfigurationValue.FAKE_PACKET_LOSS_SEND: 3})
    with pytest.raises(ValueError, match="belongs to the host"):
        world.connect(server, host=world.host(), identity=gs.NetworkingIdentity.generic_string("x"))
    with pytest.raises(TypeError, match="two hosts"):
        world.partition(server)
    with pytest.raises(TimeoutError, match="not connected after 3 s"):
        world.pair(up=sim.Conditions(loss=1.0), limit=3)
