"""Does a router hide the address behind it, and forget it when told to?"""

import pytest

import gamesockets as gs
from gamesockets import sim


def behind_nat(idle_seconds: float | None = None) -> tuple[sim.World, sim.Host, sim.Nat, sim.Connection]:
    world = sim.World(seed=1, conditions=sim.Conditions(latency=0.02))
    server = world.listen()
    home = world.host()
    nat = world.nat(home, idle_seconds=idle_seconds)
    assert nat.address is None
    player = world.connect(server, host=home)
    assert world.run_until(lambda: player.is_connected, 5)
    return world, server, nat, player


def test_a_server_sees_the_routers_address() -> None:
    world, server, nat, player = behind_nat()
    [at_server] = server.connections
    assert at_server.peer_address == nat.address
    assert at_server.peer_address != player.host.address
    at_server.send(b"hello", gs.SendFlags.RELIABLE)
    world.run(1)
    assert [message.data for message in player.receive()] == [b"hello"]


def test_both_ends_name_the_same_links() -> None:
    _, server, _, player = behind_nat()
    [at_server] = server.connections
    assert at_server.incoming is player.outgoing
    assert at_server.outgoing is player.incoming


def test_a_connection_does_not_survive_another_port() -> None:
    """The protocol binds a connection to an address: both ends notice, and a new connection comes from the new one."""
    world, server, nat, player = behind_nat()
    before = nat.address
    nat.rebind()
    assert nat.address is None
    world.run(60)
    assert player.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    [at_server] = server.connections
    assert at_server.state == gs.ConnectionState.PROBLEM_DETECTED_LOCALLY
    player.close()
    world.run(6)
    again = world.connect(server, host=player.host)
    assert world.run_until(lambda: again.is_connected, 5)
    assert nat.address not in (None, before)


@pytest.mark.parametrize(("idle_seconds", "lives"), [(5, False), (30, True)])
def test_a_router_forgets_who_is_silent_for_longer_than_a_keepalive(idle_seconds: float, lives: bool) -> None:
    world, _, _, player = behind_nat(idle_seconds)
    world.run(120)
    assert player.is_connected == lives


def test_partitions_cut_what_a_router_translates() -> None:
    world, _, _, player = behind_nat()
    world.partition(player)
    world.run(60)
    assert not player.is_connected
