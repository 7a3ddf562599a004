"""Which siege belongs to a seed?"""

from random import Random
from typing import Final

from gamesockets.bad_network.link import Conditions
from gamesockets.config.table import ConfigurationValue
from gamesockets.torture.assault import LETHAL, Manner
from gamesockets.torture.scenario import SERVER, Action, Form, Scenario, Slot, Step
from gamesockets.torture.siege import HONEST, HOSTILE
from gamesockets.values.enums import SendFlags

__all__ = ["siege_of"]

_Value: Final = ConfigurationValue
_RELIABLE: Final = int(SendFlags.RELIABLE)
_LIVING: Final = tuple([manner for manner in Manner if manner not in LETHAL])
_LETHAL_PART: Final = 0.01
_REST_MS: Final = 1000


def siege_of(seed: int) -> Scenario:
    """The siege of a seed; always the same one of this version of gamesockets."""
    random = Random(f"siege {seed}")
    config: dict[ConfigurationValue, int] = {}
    if random.random() < 0.3:
        config[_Value.RECV_BUFFER_SIZE] = random.choice((30_000, 200_000, 4_000_000))
    if random.random() < 0.3:
        config[_Value.RECV_BUFFER_MESSAGES] = random.choice((10, 100, 5_000))
    if random.random() < 0.3:
        config[_Value.SEND_RATE_MIN] = config[_Value.SEND_RATE_MAX] = 5_000_000
    if random.random() < 0.3:
        config[_Value.RECV_WINDOW_SIZE] = random.choice((0, 4_000_000))
    conditions = (Conditions(latency=0.02), Conditions(latency=0.05, loss=0.05, reorder=0.1, duplicate=0.05))
    steps: list[Step] = []
    at_ms = 0
    for _ in range(random.choice((10, 30, 80))):
        action = random.choices((Action.ASSAULT, Action.SEND, Action.READ, Action.CONDITIONS), weights=(60, 25, 10, 5))[
            0
        ]
        steps += _steps(random, at_ms, action)
        at_ms += random.choice((0, 1, 20, 300, 300, 5_000))
    return Scenario(
        seed,
        at_ms + _REST_MS,
        conditions,
        1,
        (Slot(0), Slot(0)),
        tuple([(int(value), number) for value, number in config.items()]),
        (),
        tuple(steps),
        form=Form.SIEGE,
    )


def _steps(random: Random, at_ms: int, action: Action) -> list[Step]:
    if action == Action.ASSAULT:
        manner = random.choice(_LIVING)
        if random.random() < _LETHAL_PART:
            manner = random.choice(sorted(LETHAL))
        numbers = (int(manner), random.choice((1, 3, 10, 60)), random.getrandbits(32), random.choice((0, 0, 1, 99)))
        return [Step(at_ms, action, HOSTILE, SERVER, numbers)]
    if action == Action.READ:
        return [Step(at_ms, action, HOSTILE, SERVER, (random.getrandbits(1),))]
    if action == Action.CONDITIONS:
        return [Step(at_ms, action, HONEST, side, (random.getrandbits(1),)) for side in (0, 1)]
    steps = [Step(at_ms, action, HONEST, random.getrandbits(1), (random.choice((1, 10)), 200, 17, _RELIABLE, 0))]
    if random.random() < 0.6:  # much that he does not acknowledge, in small packets
        flags = int(random.choice((SendFlags.RELIABLE_NO_NAGLE, SendFlags.UNRELIABLE_NO_NAGLE)))
        steps.append(
            Step(at_ms, action, HOSTILE, SERVER, (random.choice((1, 50, 400)), random.choice((100, 1100)), 0, flags, 0))
        )
    return steps
