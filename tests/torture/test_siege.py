"""Do a server and its honest clients bear somebody who has a connection and means no good? And would one notice?"""

from dataclasses import replace
from random import Random

import pytest
from tests.torture.planted import FAULTS

from gamesockets.build import COMPILED
from gamesockets.config.table import ConfigurationValue
from gamesockets.torture.assault import LETHAL, ROOM, Assault, Manner, Numbers
from gamesockets.torture.generate_siege import siege_of
from gamesockets.torture.scenario import SERVER, Action, Scenario, Step
from gamesockets.torture.seeds import play
from gamesockets.torture.siege import HOSTILE
from gamesockets.values.enums import SendFlags


def assault(manner: Manner, count: int = 1, seed: int = 1, skipped: int = 0, at_ms: int = 100) -> Step:
    return Step(at_ms, Action.ASSAULT, HOSTILE, SERVER, (int(manner), count, seed, skipped))


def siege_with(*steps: Step) -> Scenario:
    rates = ((int(ConfigurationValue.SEND_RATE_MIN), 5_000_000), (int(ConfigurationValue.SEND_RATE_MAX), 5_000_000))
    return replace(siege_of(0), server_config=rates, duration_ms=5_000, steps=steps)


@pytest.mark.parametrize("seed", [1, 3])
def test_a_siege_is_borne(seed: int) -> None:
    assert not play(siege_of(seed)).violation


def test_a_seed_is_the_same_siege_every_time() -> None:
    assert siege_of(1) == siege_of(1)
    assert play(siege_of(1)) == play(siege_of(1))


@pytest.mark.slow
def test_many_sieges_are_borne() -> None:
    assert not [seed for seed in range(1000, 1200) if play(siege_of(seed)).violation]


@pytest.mark.parametrize("seed", range(3))
def test_a_siege_survives_being_written_down(seed: int) -> None:
    assert Scenario.from_json(siege_of(seed).to_json()) == siege_of(seed)


@pytest.mark.parametrize("manner", Manner)
def test_every_manner_fills_packets_that_fit(manner: Manner) -> None:
    sizes = [len(Assault(manner, Random(seed), Numbers(500, 100, 300)).payload()) for seed in range(20)]
    assert 0 < max(sizes) <= ROOM


@pytest.mark.parametrize("manner", sorted(set(Manner) - LETHAL))
def test_what_is_valid_does_not_end_the_connection(manner: Manner) -> None:
    """So that much can be built up. A stream of drawn bytes sooner or later makes no sense, and then it has to end."""
    survived = 0
    for seed in range(10):
        first, second = assault(manner, 3, seed), assault(Manner.NOISE, 1, seed, at_ms=200)
        outcome = play(siege_with(first, second))
        assert not outcome.violation
        survived += outcome.datagrams > play(siege_with(first)).datagrams
    assert survived >= 5


@pytest.mark.skipif(COMPILED, reason="compiled code cannot be patched, and its lines are not counted")
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("each_segment_looks_at_all_islands", [assault(Manner.SEGMENTS, 20, 0)]),
        (
            "each_ack_looks_at_all_packets",
            [
                Step(0, Action.SEND, HOSTILE, SERVER, (450, 1100, 0, int(SendFlags.RELIABLE_NO_NAGLE), 0)),
                *[assault(Manner.ACKS, 3, seed, at_ms=3000) for seed in range(4)],
            ],
        ),
    ],
)
def test_a_packet_that_got_dear_is_found(name: str, steps: list[Step], monkeypatch: pytest.MonkeyPatch) -> None:
    """And without the fault it is not."""
    scenario = siege_with(*steps)
    assert not play(scenario).violation
    FAULTS[name](monkeypatch)
    assert "lines of code" in play(scenario).violation
