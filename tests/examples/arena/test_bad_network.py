"""Do client and server agree after minutes of play over a bad network? In virtual time, the same every time."""

import pytest
from tests.examples.arena.simulated import SimulatedMatch

from examples.arena import protocol, rules
from examples.arena.bots import Brain
from examples.arena.session import Session
from gamesockets import sim

BAD = sim.Conditions(latency=0.1, jitter_average=0.01, loss=0.05, reorder=0.02, duplicate=0.02)
"""200 ms and more from button to answer; one packet in twenty is lost, each way."""


def play(conditions: sim.Conditions, seconds: float, players: int) -> SimulatedMatch:
    """Bots play, then stand still until everything has settled."""
    game = SimulatedMatch(seed=7)
    for number in range(players):
        game.join(f"bot {number}", Brain(number).buttons, conditions)
    game.world.run(seconds)
    for client in game.clients:
        client.pilot = lambda _: 0
    game.world.run(3)
    return game


@pytest.mark.parametrize("conditions", [sim.Conditions(), BAD], ids=["perfect", "bad"])
def test_in_the_end_everyone_agrees_with_the_server(conditions: sim.Conditions) -> None:
    game = play(conditions, 12, 4)
    assert not game.kicked
    numbers = {client.session.me for client in game.clients}
    assert numbers == game.match.names.keys() == {0, 1, 2, 3}
    assert sum(game.match.scores.values()) > 4
    for client in game.clients:
        session = client.session
        assert session.prediction is not None
        assert session.prediction.body == game.body_of(client)
        assert session.scores == game.match.scores
        assert session.names == game.match.names
        assert session.gems == game.match.world.gems
        assert session.places().keys() == numbers


def test_guesses_are_right_in_spite_of_loss() -> None:
    """Each message repeats twelve inputs, so hardly any is lost, and then hardly any guess is wrong."""
    game = play(BAD, 20, 2)
    for client in game.clients:
        session = client.session
        assert session.snapshots > 300
        assert session.corrections < session.snapshots / 50


def test_a_button_is_seen_at_once_here_and_a_round_trip_later_by_the_server() -> None:
    game = SimulatedMatch(seed=1)
    buttons = 0
    client = game.join("Ada", lambda _: buttons, sim.Conditions(latency=0.1))
    assert game.world.run_until(lambda: client.session.is_playing)
    game.world.run(2)
    prediction = client.session.prediction
    assert prediction is not None
    start, right = prediction.body.x, rules.RIGHT if prediction.body.x < rules.WIDTH // 2 else rules.LEFT
    buttons = right
    pressed_at = game.world.now
    assert game.world.run_until(lambda: prediction.body.x != start)
    assert game.world.now - pressed_at < 0.02
    assert game.world.run_until(lambda: prediction.confirmed_body.x != start)
    assert 0.2 < game.world.now - pressed_at < 0.33


def test_a_gap_of_half_a_second_heals() -> None:
    game = SimulatedMatch(seed=1)
    client = game.join("Ada", Brain(1).buttons, sim.Conditions(latency=0.03))
    game.world.run(3)
    game.world.partition(client.connection)
    game.world.run(0.5)
    game.world.heal()
    game.world.run(5)
    client.pilot = lambda _: 0
    game.world.run(2)
    assert client.session.prediction is not None
    assert client.session.prediction.body == game.body_of(client)
    assert client.session.prediction.pending < 15


def test_our_clock_follows_the_servers() -> None:
    """A client whose ticks are 1 % too long or too short for the server still has inputs there in time, and few."""
    game = SimulatedMatch(seed=1)
    client = game.join("Ada", Brain(1).buttons, sim.Conditions(latency=0.05, jitter_average=0.005))
    game.world.run(5)
    seen: list[int] = []
    game.world.every(0.1, lambda: seen.append(client.session.waiting_at_server))
    game.world.run(10)
    assert sum(seen) / len(seen) < 6
    assert max(seen) < 15


def test_who_talks_nonsense_is_sent_away_and_the_others_play_on() -> None:
    game = SimulatedMatch(seed=1)
    ada = game.join("Ada", Brain(1).buttons)
    villain = game.join("Villain", lambda _: 0)
    game.world.run(1)
    villain.connection.send(b"\xff" * 100)
    game.world.run(0.5)
    assert [kick.reason for kick in game.kicked] == [protocol.REASON_KICKED]
    assert villain.connection.end_reason == protocol.REASON_KICKED
    assert game.match.names == {ada.session.me: "Ada"}
    assert list(ada.session.news) == ["Villain joined", "Villain left"]


@pytest.mark.slow
def test_twenty_seconds_with_a_full_arena() -> None:
    game = play(BAD, 20, rules.PLAYERS_MAX)
    late = game.join("too late", Brain(99).buttons)
    game.world.run(2)
    assert late.connection.end_reason == protocol.REASON_FULL
    for client in game.clients[:-1]:
        assert client.session.scores == game.match.scores
        assert client.session.prediction is not None
        assert client.session.prediction.body == game.body_of(client)


def test_what_a_hostile_server_sends_harms_nobody() -> None:
    """Events about players nobody introduced, and snapshots without us: shown or ignored, never a crash."""
    session = Session("Ada")
    for message in (
        rules.Robbed(1, 2, 3, 4),
        rules.Won(9),
        protocol.Left(5),
        rules.Collected(1, 1, 13, rules.Gem(1, 1)),
        protocol.Snapshot(5, 0, 0, {1: rules.Body(1, 1)}),
        protocol.Welcome(3, (), ()),
        protocol.Snapshot(6, 0, 0, {1: rules.Body(1, 1)}),
        protocol.Snapshot(7, 4_000_000_000, 255, {3: rules.Body(1, 1, 32767, -32768, 255, 255)}),
    ):
        session.receive(protocol.encode(message), 0.0)
    assert session.tick(rules.LEFT) is not None
    session.receive(protocol.encode(protocol.Snapshot(8, 0, 0, {3: rules.Body(1, 1)})), 0.1)
    assert session.places().keys() == {1, 3} or session.places().keys() == {3}
