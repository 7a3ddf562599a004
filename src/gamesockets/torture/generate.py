"""Which life belongs to a seed? Everything is drawn here, in advance, so that steps can be left out afterwards."""

from collections.abc import Sequence
from random import Random
from typing import Final, final

from gamesockets.bad_network.link import Conditions
from gamesockets.config.table import ConfigurationValue
from gamesockets.torture.attacks import Kind
from gamesockets.torture.scenario import Action, Scenario, Slot, Step
from gamesockets.values.enums import SendFlags

__all__ = ["life_of"]

_Value: Final = ConfigurationValue
_MINUTE_MS: Final = 60_000

_DURATIONS_MIN: Final = (1, 2, 5, 10, 30, 60, 60, 120)
"""A scenario plays so many minutes, mostly in silence, which is cheap: what breaks breaks around the steps."""

_FLAGS: Final = (
    SendFlags.RELIABLE,
    SendFlags.RELIABLE,
    SendFlags.RELIABLE_NO_NAGLE,
    SendFlags.UNRELIABLE,
    SendFlags.UNRELIABLE_NO_NAGLE,
    SendFlags.UNRELIABLE_NO_DELAY,
)

_CHOICES: Final[dict[ConfigurationValue, Sequence[int]]] = {
    _Value.MTU_PACKET_SIZE: (200, 300, 700, 1300),
    _Value.NAGLE_TIME: (0, 20_000),
    _Value.RECV_BUFFER_MESSAGES: (2, 10, 100),
    _Value.RECV_BUFFER_SIZE: (4096, 30_000, 200_000),
    _Value.SEND_TIME_SINCE_PREVIOUS_PACKET: (1,),
    _Value.SEND_BUFFER_SIZE: (4096, 100_000, 4_000_000),
    _Value.RECV_WINDOW_SIZE: (0, 200_000),
    _Value.TIMEOUT_CONNECTED: (8_000, 30_000),
    _Value.TIMEOUT_INITIAL: (12_000, 20_000),
}
_NAT_IDLE_S: Final = (0, 0, 40, 90)
"""Seconds after which a router forgets: longer than any client is silent that has not gone."""

_RATES: Final = (5_000, 20_000, 1_000_000, 50_000_000)

_WEIGHTED: Final = (
    (Action.SEND, 40),
    (Action.FLUSH, 2),
    (Action.READ, 6),
    (Action.LANES, 5),
    (Action.CONFIGURE, 4),
    (Action.CONDITIONS, 5),
    (Action.PARTITION, 3),
    (Action.CUT, 2),
    (Action.BLACK_HOLE, 2),
    (Action.RECORDING, 2),
    (Action.CLOSE, 5),
    (Action.CONNECT, 8),
    (Action.CRASH, 2),
    (Action.ATTACK, 5),
    (Action.PAUSE, 2),
    (Action.REBIND, 1),
    (Action.DRIFT, 1),
)
_GROWTH_BYTES: Final = 150 * 17
"""How much larger the last of a series of messages is than its first, at most."""

_ACTIONS: Final = tuple([action for action, _ in _WEIGHTED])
_WEIGHTS: Final = tuple([weight for _, weight in _WEIGHTED])


def life_of(seed: int) -> Scenario:
    """The life of a seed; always the same one of this version of gamesockets."""
    return _Draw(seed).scenario()


@final
class _Draw:
    def __init__(self, seed: int) -> None:
        self._seed = seed
        # Beside the world's own draws, which begin with the same seed.
        self._random = Random(f"scenario {seed}")
        self._largest = 524_288
        """Bytes of a message that every receiver takes."""
        self._has_hostility = False
        self._lanes: dict[tuple[int, int], int] = {}

    def scenario(self) -> Scenario:
        random = self._random
        duration_ms = random.choice(_DURATIONS_MIN) * _MINUTE_MS
        conditions = tuple([self._conditions() for _ in range(random.choice((1, 2, 4)))])
        servers = random.choice((1, 1, 1, 2))
        slots = tuple(
            [
                self._slot(random.randrange(servers), len(conditions), random.random() < 0.2)
                for _ in range(random.choice((1, 1, 1, 2, 3)))
            ]
        )
        server_config, client_config = self._config(), self._config()
        is_unencrypted = random.random() < 0.1 and not any(one.corrupt for one in conditions)
        self._has_hostility = not is_unencrypted and random.random() < 0.5
        if is_unencrypted:
            server_config[_Value.UNENCRYPTED] = client_config[_Value.UNENCRYPTED] = 3
        has_reference = not is_unencrypted and random.random() < 0.2
        for config in (server_config, client_config):
            if has_reference:  # whoever announces no window is taken for it
                config[_Value.RECV_WINDOW_SIZE] = 0
            self._largest = min(self._largest, config.get(_Value.RECV_BUFFER_SIZE, 1 << 30) - 100)
        steps = [Step(0, Action.CONNECT, slot) for slot in range(len(slots))]
        for _ in range(random.choice((10, 30, 80, 160))):
            steps += self._episode(duration_ms, slots)
        steps.sort(key=_time_of)
        return Scenario(
            self._seed,
            duration_ms,
            conditions,
            servers,
            slots,
            tuple([(int(value), number) for value, number in server_config.items()]),
            tuple([(int(value), number) for value, number in client_config.items()]),
            tuple(steps),
            has_reference=has_reference,
        )

    def _slot(self, server: int, conditions: int, behind_nat: bool) -> Slot:
        random = self._random
        idle_s = random.choice(_NAT_IDLE_S) if behind_nat else 0
        return Slot(server, random.randrange(conditions), random.randrange(conditions), behind_nat, idle_s)

    def _conditions(self) -> Conditions:
        random = self._random
        return Conditions(
            latency=random.choice((0, 0.001, 0.02, 0.1, 0.3)),
            jitter_average=random.choice((0, 0, 0.005, 0.05)),
            jitter_maximum=0.3,
            loss=random.choice((0, 0, 0.01, 0.05, 0.1, 0.25)),
            burst_start=random.choice((0, 0, 0, 0.002, 0.02)),
            burst_end=random.choice((0.5, 0.35)),
            corrupt=random.choice((0, 0, 0, 0, 0.01)),
            reorder=random.choice((0, 0, 0.1)),
            reorder_delay=random.choice((0.003, 0.015, 0.1)),
            duplicate=random.choice((0, 0, 0.1)),
            bottleneck_bytes_per_second=random.choice((0, 0, 0, 30_000, 200_000, 2_000_000)),
            bottleneck_queue=random.choice((0.02, 0.1, 0.5)),
            bottleneck_codel=random.random() < 0.2,
        )

    def _config(self) -> dict[ConfigurationValue, int]:
        random = self._random
        config: dict[ConfigurationValue, int] = {}
        if random.random() < 0.5:
            rate = random.choice(_RATES)
            config |= {_Value.SEND_RATE_MIN: rate, _Value.SEND_RATE_MAX: rate}
        elif random.random() < 0.3:
            config[_Value.SEND_RATE_MAX] = random.choice(_RATES[1:])
        for value, possible in _CHOICES.items():
            if random.random() < 0.2:
                config[value] = random.choice(possible)
        return config

    def _episode(self, duration_ms: int, slots: tuple[Slot, ...]) -> list[Step]:
        """Some steps shortly after each other, which is where they meet."""
        random = self._random
        at_ms = random.randrange(duration_ms)
        slot = random.randrange(len(slots))
        steps: list[Step] = []
        for _ in range(random.choice((1, 2, 3, 6))):
            action = random.choices(_ACTIONS, _WEIGHTS)[0]
            side = random.getrandbits(1)
            steps += self._steps(at_ms, action, slot, side, slots[slot])
            at_ms += random.choice((0, 1, 5, 50, 200, 1000, 5000))
            if random.random() < 0.2:
                slot = random.randrange(len(slots))
        return steps

    def _steps(self, at_ms: int, action: Action, slot: int, side: int, place: Slot) -> list[Step]:
        random = self._random
        match action:
            case Action.SEND:
                return [Step(at_ms, action, slot, side, self._traffic(slot, side))]
            case Action.READ:
                pause_ms = random.choice((50, 1000, 10_000, 40_000))
                return [Step(at_ms, action, slot, side, (0,)), Step(at_ms + pause_ms, action, slot, side, (1,))]
            case Action.LANES:
                lanes = self._lanes.get((slot, side), 1) + random.choice((0, 1, 1, 5))
                self._lanes[slot, side] = lanes
                drawn = [number for _ in range(lanes) for number in (random.randrange(3), random.choice((1, 5, 65535)))]
                return [Step(at_ms, action, slot, side, tuple(drawn))]
            case Action.CONFIGURE:
                value, number = random.choice(
                    (
                        (_Value.MTU_PACKET_SIZE, random.choice((200, 500, 1300))),
                        (_Value.SEND_RATE_MAX, random.choice(_RATES)),
                        (_Value.NAGLE_TIME, random.choice((0, 5000, 20_000))),
                        (_Value.SEND_BUFFER_SIZE, random.choice((20_000, 1_000_000))),
                    )
                )
                return [Step(at_ms, action, slot, side, (int(value), number))]
            case Action.CONDITIONS:
                return [Step(at_ms, action, slot, side, (random.randrange(4),))]
            case Action.PARTITION:
                return [Step(at_ms, action, slot, side, (random.choice((100, 1000, 4000, 20_000)),))]
            case Action.CUT:
                return [Step(at_ms, action, slot, side, (random.choice((100, 1000, 4000, 20_000)),))]
            case Action.BLACK_HOLE:
                mtu_bytes, length_ms = random.choice((100, 400, 600, 1000, 1250)), random.choice((1000, 5000, 30_000))
                return [Step(at_ms, action, slot, side, (mtu_bytes, length_ms))]
            case Action.RECORDING:
                return [Step(at_ms, action, slot, side, self._recording())]
            case Action.CLOSE:
                return [Step(at_ms, action, slot, side, (random.choice((0, 1000, 1234, 2001)), random.getrandbits(1)))]
            case Action.CRASH:
                return [Step(at_ms, action, slot, side, (random.choice((0, 1000, 30_000)),))]
            case Action.ATTACK:
                if not self._has_hostility:
                    return []
                numbers = (random.randrange(len(Kind)), random.choice((1, 5, 50)), random.getrandbits(32))
                return [Step(at_ms, action, slot, side, numbers)]
            case Action.PAUSE:
                return [Step(at_ms, action, slot, side, (random.choice((20, 500, 3000, 15_000)),))]
            case Action.REBIND:
                return [Step(at_ms, action, slot)] if place.behind_nat else []
            case Action.DRIFT:
                return [Step(at_ms, action, slot, side, (random.choice((-500, 0, 100, 20_000)),))]
            case _:
                return [Step(at_ms, action, slot, side)]

    def _recording(self) -> tuple[int, ...]:
        """Somebody walks away from a base station, goes through tunnels, comes back."""
        random = self._random
        delay_ms, rows = 20.0, []
        for _ in range(random.choice((5, 20, 60))):
            delay_ms = min(max(delay_ms * random.choice((0.5, 0.9, 1.1, 2.0)), 5), 800)
            lost = random.choice((0, 0, 5, 20, 100, 300))
            length_ms = random.choice((50, 200, 1000))
            if random.random() < 0.05:
                lost, length_ms = 1000, random.choice((500, 3000))
            rows += [length_ms, round(delay_ms), lost]
        return tuple(rows)

    def _traffic(self, slot: int, side: int) -> tuple[int, ...]:
        random = self._random
        count = random.choice((1, 1, 3, 10, 40, 150))
        size_bytes = random.choice((0, 3, 16, 30, 300, 1200, 1250, 5000))
        if random.random() < 0.04:
            count, size_bytes = random.choice((1, 3)), random.randrange(300_000)
        lane = random.randrange(self._lanes.get((slot, side), 1))
        flags = int(random.choice(_FLAGS))
        return count, max(0, min(size_bytes, self._largest - _GROWTH_BYTES)), random.choice((0, 0, 1, 17)), flags, lane


def _time_of(step: Step) -> int:
    return step.at_ms
