"""Does virtual time pass only when asked to, and does everything happen at its moment?"""

import pytest

import gamesockets as gs
from gamesockets import sim
from gamesockets.sim import virtual_clock


def test_the_clock_moves_only_while_running() -> None:
    world = sim.World()
    client, server = world.pair()
    before = world.now_us
    client.send(b"hello", gs.SendFlags.NO_NAGLE)
    assert world.now_us == before
    assert server.receive() == []
    world.run(0)
    assert world.now_us == before
    assert [message.data for message in server.receive()] == [b"hello"]
    world.run(0.25)
    assert world.now_us == before + 250_000
    assert world.now == pytest.approx((before + 250_000) / 1e6)


def test_nothing_due_costs_nothing() -> None:
    """An hour without anybody is one jump."""
    world = sim.World()
    world.run(3600)
    assert world.now == 3600


def test_run_until_stops_at_the_event_and_reports_failure() -> None:
    world = sim.World()
    server = world.listen()
    client = world.connect(server, up=sim.Conditions(latency=0.04), down=sim.Conditions(latency=0.06))
    assert world.run_until(lambda: client.is_connected, 5)
    assert world.now_us == 200_000
    assert not world.run_until(lambda: False, 2)
    assert world.now_us == 2_200_000
    assert world.run_until(lambda: True)
    assert world.now_us == 2_200_000


def test_calls_at_times_and_intervals() -> None:
    world = sim.World()
    times: list[tuple[str, int]] = []
    world.after(0.5, lambda: times.append(("after", world.now_us)))

    def every() -> bool:
        times.append(("every", world.now_us))
        return len(times) < 4

    world.every(0.2, every)
    world.run(5)
    assert times == [("every", 200_000), ("every", 400_000), ("after", 500_000), ("every", 600_000)]


def test_time_cannot_be_misused() -> None:
    world = sim.World()
    with pytest.raises(ValueError, match="backwards"):
        world.run(-1)
    with pytest.raises(ValueError, match="backwards"):
        world.run_until(lambda: True, -1)
    with pytest.raises(ValueError, match="at least"):
        world.every(0, lambda: None)
    world.after(0, lambda: world.run(1))
    with pytest.raises(RuntimeError, match="running already"):
        world.run(1)


def test_what_answers_itself_for_ever_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtual_clock, "_EVENTS_AT_ONCE_MAX", 100)
    world = sim.World(seed=7)

    def again() -> None:
        world.after(0, again)

    world.after(0.5, again)
    with pytest.raises(RuntimeError, match=r"stuck at 0\.5 s \(seed 7\)"):
        world.run(1)
