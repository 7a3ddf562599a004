"""Does a connection use the path it gets, without a queue, and without being told its rate? A row of the table a test.

The rows, what is measured and what is expected are those of `benchmarks.simulated`.
"""

from typing import Final

import pytest
from benchmarks.simulated.flow import PLAIN, Bulk, without_announcement
from benchmarks.simulated.rows import BY_NAME, ROWS
from tests.support.raw_peers import Tap, kind

import gamesockets as gs
from gamesockets import sim
from gamesockets.send.path_feedback import NO_LIMIT
from gamesockets.send.rate_control import FIXED_RATE

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE


@pytest.mark.parametrize("name", [row.name for row in ROWS if not row.is_long])
def test_a_short_row(name: str) -> None:
    row = BY_NAME[name]
    assert row.misses(row.measure(1)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", [row.name for row in ROWS if row.is_long])
def test_a_long_row(name: str) -> None:
    row = BY_NAME[name]
    assert row.misses(row.measure(1)) == []


# ---------------------------------------------------------------------- what a game sends


def game_packets(config: dict[gs.ConfigurationValue, int]) -> list[tuple[int, int]]:
    """When which size of packet leaves either end of ten seconds of a game: small messages, a snapshot now and then."""
    world = sim.World(seed=4, conditions=sim.Conditions(latency=0.02, loss=0.02))
    tap = Tap(world)
    client, server = world.pair(config={**config, Value.RECV_WINDOW_SIZE: 0})
    tap.clear()
    ticks = 0

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        client.send(bytes(60))
        server.send(bytes(200 + ticks % 50))
        if ticks % 30 == 0:
            server.send(bytes(900), RELIABLE)
        client.receive()
        server.receive()

    world.every(1 / 30, tick)
    world.run(10)
    return [(p.time_us, len(p.data)) for p in tap.passages if not p.is_arrival and kind(p.data) == "data"]


def test_a_game_sends_exactly_the_packets_of_a_fixed_rate() -> None:
    fixed = game_packets({Value.SEND_RATE_MIN: 262_144, Value.SEND_RATE_MAX: 262_144})
    assert game_packets({}) == fixed
    assert len(fixed) > 500


def test_nothing_is_learned_before_much_is_sent() -> None:
    world = sim.World(seed=1, conditions=sim.Conditions(latency=0.02))
    client, server = world.pair()
    for _ in range(100):
        client.send(bytes(1000), RELIABLE)
        world.run(0.05)
        server.receive()
    path = client.core.sender.path
    assert (path.control, path.learned) == (FIXED_RATE, None)
    assert client.status().path.state == "new"
    client.send(bytes(100_000), RELIABLE)
    world.run(1)
    assert path.learned is not None
    assert client.status().path.state == "startup"


# ---------------------------------------------------------------------- the limits that are set


def test_the_rate_stays_within_its_limits() -> None:
    """No limit, then a lower one in mid-transfer, then a fixed rate, and back."""
    world = sim.World(seed=1)
    up = sim.Conditions(latency=0.02, bottleneck_bytes_per_second=2_000_000)
    client, server = world.pair(up=up, config=dict(PLAIN))
    bulk = Bulk(world, client, server, ahead_bytes=400_000)
    world.run(2)
    assert bulk.rate(1) > 1_700_000
    client.configure({Value.SEND_RATE_MAX: 500_000})
    world.run(0.5)
    assert 430_000 < bulk.rate(1) <= 510_000
    client.configure({Value.SEND_RATE_MIN: 300_000, Value.SEND_RATE_MAX: 300_000})
    world.run(0.5)
    assert client.status().path.state == "fixed"
    assert 270_000 < bulk.rate(1) <= 301_000
    client.configure({Value.SEND_RATE_MIN: 16_384, Value.SEND_RATE_MAX: NO_LIMIT})
    world.run(3)
    assert bulk.rate(1) > 1_700_000


def test_a_receiver_of_the_reference_librarys_size_is_not_overrun() -> None:
    """At random loss it refuses what a lost repeat leaves without room, and hardly anything else."""
    world = sim.World(seed=1)
    up = sim.Conditions(latency=0.02, loss=0.01, bottleneck_bytes_per_second=5_000_000)
    client, server = world.pair(up=up, down=sim.Conditions(latency=0.02), config=dict(PLAIN))
    without_announcement(client, server)
    bulk = Bulk(world, client, server, ahead_bytes=1_000_000)
    world.run(2)
    assert bulk.rate(2) > 4_250_000
    receiver = server.core.traffic.receiver
    assert receiver.queue_full + receiver.over_budget < 20


def test_a_path_that_was_dead_for_seconds_is_used_again() -> None:
    world = sim.World(seed=1)
    up = sim.Conditions(latency=0.02, bottleneck_bytes_per_second=2_000_000)
    client, server = world.pair(up=up, config=dict(PLAIN))
    bulk = Bulk(world, client, server, ahead_bytes=400_000)
    world.run(2)
    client.outgoing.conditions = sim.Conditions(loss=1.0)
    world.run(6)
    client.outgoing.conditions = up
    world.run(3)
    assert client.is_connected
    assert bulk.rate(2) > 1_700_000


def arriving(world: sim.World, client: sim.Connection, server: sim.Connection, flags: gs.SendFlags) -> list[int]:
    """Bytes that arrive in each of ten tenths of a second, while as much is sent as the buffer takes."""
    came: list[int] = []
    for _ in range(10):
        came.append(0)
        for _ in range(20):
            while client.send(bytes(1000), flags) == gs.Result.OK:
                pass
            world.run(0.005)
            came[-1] += sum(len(message.data) for message in server.receive(100_000))
    return came


@pytest.mark.rule("2, 2.16 rule 24")
@pytest.mark.parametrize("flags", [gs.SendFlags.UNRELIABLE, RELIABLE])
@pytest.mark.parametrize("latency", [0.0001, 0.0005, 0.001])
def test_a_full_window_is_never_waited_for_in_vain_on_a_short_path(flags: gs.SendFlags, latency: float) -> None:
    """Peers need not ack what holds no reliable data unless they are asked, and take their time with the rest."""
    rate = 10_000_000
    world = sim.World(seed=1)
    up = sim.Conditions(latency=latency, bottleneck_bytes_per_second=rate)
    client, server = world.pair(up=up, down=sim.Conditions(latency=latency), config=dict(PLAIN))
    came = arriving(world, client, server, flags)
    assert came[0] > 0.4 * rate / 10
    assert min(came[1:]) > 0.75 * rate / 10


def test_a_path_that_was_dead_is_used_again_though_no_reliable_data_asks_for_it() -> None:
    world = sim.World(seed=1)
    up = sim.Conditions(latency=0.025, bottleneck_bytes_per_second=2_000_000)
    client, server = world.pair(up=up, config=dict(PLAIN))
    arriving(world, client, server, gs.SendFlags.UNRELIABLE)
    client.outgoing.conditions = sim.Conditions(loss=1.0)
    dead = arriving(world, client, server, gs.SendFlags.UNRELIABLE)
    assert dead[2:] == [0] * 8
    client.outgoing.conditions = up
    assert max(arriving(world, client, server, gs.SendFlags.UNRELIABLE)) > 0.8 * 200_000


# ---------------------------------------------------------------------- the end of a transfer


def bursts_after_a_transfer(world: sim.World) -> tuple[sim.Connection, sim.Connection, Bulk]:
    """A connection that has learned its path, and has nothing on its way."""
    up = sim.Conditions(latency=0.02, bottleneck_bytes_per_second=4_000_000)
    client, server = world.pair(up=up, down=sim.Conditions(latency=0.02), config=dict(PLAIN))
    bulk = Bulk(world, client, server, ahead_bytes=400_000)
    world.run(2)
    bulk.stop()
    world.run(2)
    assert not client.core.sender.has_reliable_data()
    return client, server, bulk


@pytest.mark.rule("2, 2.16 rule 14")
@pytest.mark.parametrize("lost", [1, 3, 8])
def test_the_lost_tail_of_a_transfer_comes_a_round_trip_after_it_can_be_known(lost: int) -> None:
    """The last packets are lost: nothing behind them says so, until the sender asks after a round trip and 10 ms."""
    world = sim.World(seed=3)
    client, _, bulk = bursts_after_a_transfer(world)
    packets = -(-19_800 // client.core.sender.filling.payload_bytes_max)
    passed = 0

    def lose_the_tail(passage: sim.Passage) -> list[bytes]:
        nonlocal passed
        if passage.source != client.host.address or kind(passage.data) != "data" or len(passage.data) < 500:
            return [passage.data]
        passed += 1
        return [] if packets - lost < passed <= packets else [passage.data]

    arrived = bulk.arrived_bytes
    world.intercept = lose_the_tail
    client.send(bytes(19_800), RELIABLE)
    began = world.now
    assert world.run_until(lambda: bulk.arrived_bytes > arrived, 1.0)
    assert passed > packets, "repeats"
    rounds_s = 0.04 * (2.5 if lost == 1 else 3.5)
    assert world.now - began < rounds_s + 0.03, "the packets, the probe after a round trip, and the rest behind its ack"
    assert client.core.sender.path.late_packets == 0


def test_a_transfer_whose_tail_arrives_is_not_probed_for() -> None:
    world = sim.World(seed=3)
    client, _, _ = bursts_after_a_transfer(world)
    before = client.core.sender.retries.retransmissions
    for _ in range(20):
        client.send(bytes(20_000), RELIABLE)
        world.run(0.3)
    assert client.core.sender.retries.retransmissions == before


# ---------------------------------------------------------------------- peers that lie


@pytest.mark.rule("2, 2.16 rule 29")
def test_a_transfer_between_honest_peers_passes_over_numbers_and_repeats_nothing_for_them() -> None:
    world = sim.World(seed=2)
    up = sim.Conditions(latency=0.01, bottleneck_bytes_per_second=5_000_000)
    client, server = world.pair(up=up, down=sim.Conditions(latency=0.01), config=dict(PLAIN))
    Bulk(world, client, server, ahead_bytes=400_000)
    world.run(3)
    sender = client.core.sender
    missing = server.core.traffic.window
    assert sender.flight.skipped_number > 0
    assert not sender.path.is_distrusted
    assert missing.newest + 1 >= sender.flight.next_number - 2_000
    assert sender.retries.retransmissions == sender.path.lost_packets


# ---------------------------------------------------------------------- what users see


def test_status_tells_what_was_learned() -> None:
    world = sim.World(seed=1)
    up = sim.Conditions(latency=0.02, loss=0.01, bottleneck_bytes_per_second=2_000_000)
    client, server = world.pair(up=up, down=sim.Conditions(latency=0.02), config=dict(PLAIN))
    Bulk(world, client, server, ahead_bytes=400_000)
    world.run(4)
    path = client.status().path
    assert path.state in {"cruise", "up", "down"}
    assert path.bandwidth_bytes_per_second == pytest.approx(2_000_000, rel=0.1)
    assert path.delivery_rate_bytes_per_second == pytest.approx(2_000_000, rel=0.3)
    assert 40_000 <= path.minimum_round_trip_us <= 43_000
    assert 0 <= path.standing_queue_us < 20_000
    assert 0 < path.in_flight_bytes <= path.window_bytes * 1.1
    assert path.lost_packets > 20
    assert 0 < path.loss < 0.05


def test_status_tells_of_a_peer_that_is_believed_no_more() -> None:
    world = sim.World(seed=1, conditions=sim.Conditions(latency=0.02))
    client, _ = world.pair(config=dict(PLAIN))
    client.core.sender.path.distrust()
    status = client.status()
    assert status.path.state == "distrusted"
    assert status.send_rate_bytes_per_second == 262_144


def test_how_much_may_be_sent_now() -> None:
    world = sim.World(seed=1)
    up = sim.Conditions(latency=0.02, bottleneck_bytes_per_second=2_000_000)
    client, server = world.pair(up=up, down=sim.Conditions(latency=0.02), config={Value.SEND_BUFFER_SIZE: 1_000_000})
    rate = client.status().send_rate_bytes_per_second
    assert client.bytes_until_full(0.01) == rate // 100
    assert client.bytes_until_full(60) == 1_000_000, "the send buffer has room for no more"
    assert client.bytes_until_full(0) == 0
    for _ in range(6):
        client.send(bytes(100_000), RELIABLE)
    assert client.bytes_until_full(0.1) == 0
    Bulk(world, client, server, ahead_bytes=200_000)
    world.run(4)
    assert world.run_until(lambda: client.status().path.state == "cruise", 5)
    pending = client.core.sender.pending_bytes()
    assert client.bytes_until_full(0.4) == pytest.approx(800_000 - pending, abs=90_000)
    for horizon in (-1, 61, float("nan")):
        with pytest.raises(ValueError, match=r"horizon must be 0\.\.60 seconds"):
            client.bytes_until_full(horizon)
    with pytest.raises(TypeError, match="horizon must be"):
        client.bytes_until_full("1")  # type: ignore[arg-type] # what a user might do
    client.close()
    world.run(1)
    assert client.bytes_until_full(1) == 0
