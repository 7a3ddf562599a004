"""Which duel belongs to a seed?"""

from random import Random
from typing import Final

from gamesockets.bad_network.link import Conditions
from gamesockets.config.table import ConfigurationValue
from gamesockets.torture.scenario import SIDES, Action, Form, Scenario, Slot, Step
from gamesockets.values.enums import SendFlags

__all__ = ["duel_of"]

_Value: Final = ConfigurationValue
_FLAGS: Final = (SendFlags.RELIABLE, SendFlags.RELIABLE_NO_NAGLE, SendFlags.UNRELIABLE, SendFlags.UNRELIABLE_NO_NAGLE)
_REST_MS: Final = 1000


def duel_of(seed: int) -> Scenario:
    """The duel of a seed; always the same one of this version of gamesockets."""
    random = Random(f"duel {seed}")
    config: list[tuple[int, int]] = []
    if random.random() < 0.5:
        rate = random.choice((20_000, 262_144, 5_000_000))
        config = [(int(_Value.SEND_RATE_MIN), rate), (int(_Value.SEND_RATE_MAX), rate)]
    conditions = tuple([_conditions(random) for _ in range(6)])
    lanes = random.choice((1, 1, 3, 7))
    steps = [Step(0, Action.LANES, 0, side, _lanes(random, lanes)) for side in SIDES]
    at_ms = 0
    for _ in range(random.choice((3, 10))):
        if random.random() < 0.6:
            steps += [Step(at_ms, Action.CONDITIONS, 0, side, (random.randrange(6),)) for side in SIDES]
        for _ in range(random.choice((1, 5, 20))):
            steps.append(Step(at_ms, Action.SEND, 0, random.randrange(2), _traffic(random, lanes)))
            at_ms += random.choice((0, 1, 10, 100, 1000))
        if random.random() < 0.2:
            length_ms = random.choice((100, 1000, 3000))
            steps.append(Step(at_ms, Action.PARTITION, 0, 0, (length_ms,)))
            at_ms += length_ms
        at_ms += random.choice((1_000, 30_000, 600_000))
    return Scenario(
        seed,
        at_ms + _REST_MS,
        conditions,
        1,
        (Slot(0),),
        (),
        tuple(config),
        tuple(steps),
        form=Form.DUEL,
        ours=random.randrange(2),
    )


def _lanes(random: Random, lanes: int) -> tuple[int, ...]:
    return tuple([number for _ in range(lanes) for number in (random.randrange(2), random.choice((1, 5)))])


def _traffic(random: Random, lanes: int) -> tuple[int, ...]:
    count, size_bytes = random.choice((1, 1, 5, 30)), random.choice((0, 3, 30, 300, 1200, 1240, 5000))
    if random.random() < 0.05:
        count, size_bytes = random.choice((1, 1, 3)), random.randrange(400_000)
    return count, size_bytes, 0, int(random.choice(_FLAGS)), random.randrange(lanes)


def _conditions(random: Random) -> Conditions:
    return Conditions(
        latency=random.choice((0, 0.001, 0.02, 0.1)),
        jitter_average=random.choice((0, 0, 0.005)),
        loss=random.choice((0, 0, 0.01, 0.05, 0.2)),
        reorder=random.choice((0, 0, 0.1)),
        duplicate=random.choice((0, 0, 0.1)),
    )
