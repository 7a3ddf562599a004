"""Does a connection survive silence on the path, however much was on its way when that began?"""

import gamesockets as gs
from gamesockets import sim
from gamesockets.receive.replay_window import MAX_JUMP

Value = gs.ConfigurationValue


def test_what_an_outage_lost_is_not_repeated_so_often_that_the_peer_refuses_the_next_packet() -> None:
    """After 4 s without acks all that is in flight counts as lost, and again 4 s later.

    A peer that has heard nothing refuses a packet number that is too far ahead, and ends the connection.
    """
    world = sim.World(seed=1, conditions=sim.Conditions(latency=0.02))
    config = {
        Value.SEND_RATE_MIN: 50_000_000,
        Value.SEND_RATE_MAX: 50_000_000,
        Value.MTU_PACKET_SIZE: 200,
        Value.SEND_BUFFER_SIZE: 4_000_000,
    }
    client, server = world.pair(config=config)
    messages = [bytes([number]) * 250_000 for number in range(8)]
    world.partition(client)
    for message in messages:
        assert client.send(message, gs.SendFlags.RELIABLE) == gs.Result.OK
    world.run(9)
    flight = client.core.sender.flight
    assert MAX_JUMP / 2 < flight.next_number - flight.latest_reported < MAX_JUMP
    world.heal()
    received: list[bytes] = []
    server.host.on_messages = lambda connection: received.extend([message.data for message in connection.receive()])
    world.run(20)
    assert received == messages
    assert client.is_connected
    assert server.is_connected
