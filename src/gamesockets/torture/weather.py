"""What are the paths of a life like at the moment, and until when is something wrong with them?"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias, final

from gamesockets.bad_network.link import Conditions, Link
from gamesockets.sim.host import Host
from gamesockets.sim.recording import Playback, Recording
from gamesockets.sim.world import World
from gamesockets.torture.scenario import CLIENT, SERVER, SIDES, Scenario

__all__ = ["CALM", "ROW_NUMBERS", "Weather"]

CALM: Final = Conditions(latency=0.02)

ROW_NUMBERS: Final = 3
"""How many numbers of a step make a row of a recording: milliseconds, milliseconds of delay, thousandths lost."""

Hosts: TypeAlias = Callable[[int, int], Host]


@final
class Weather:
    """The conditions of both directions of each slot, by side of the sender.

    Args:
        world: where the links are.
        scenario: which conditions there are, and with which each slot begins.
        hosts: the host of a slot and side.
    """

    def __init__(self, world: World, scenario: Scenario, hosts: Hosts) -> None:
        self._world = world
        self._hosts = hosts
        self._possible = scenario.conditions
        self._lasting = [[self._drawn(place.up), self._drawn(place.down)] for place in scenario.slots]
        self._mtu_bytes: dict[tuple[int, int], int] = {}
        """Of those who send into a black hole."""
        self._playing: dict[tuple[int, int], Playback] = {}
        for slot in range(len(scenario.slots)):
            for side in SIDES:
                self._apply(slot, side)

    def lasting(self, slot: int) -> Sequence[Conditions]:
        """What lasts until it is changed, of both sides: without black holes and recordings."""
        return self._lasting[slot]

    def change(self, slot: int, side: int, index: int) -> None:
        """Other conditions for what a side sends."""
        self._lasting[slot][side] = self._drawn(index)
        self._apply(slot, side)

    def partition(self, slot: int, length_s: float) -> None:
        """Nothing passes for so long."""
        one, other = self._hosts(slot, CLIENT), self._hosts(slot, SERVER)
        self._world.partition(one, other)
        self._world.after(length_s, lambda: self._world.heal(one, other))

    def cut(self, slot: int, side: int, length_s: float) -> None:
        """Nothing of what a side sends arrives for so long."""
        one, other = self._hosts(slot, side), self._hosts(slot, 1 - side)
        self._world.partition(one, other, one_way=True)
        self._world.after(length_s, lambda: self._world.heal(one, other))

    def black_hole(self, slot: int, side: int, mtu_bytes: int, length_s: float) -> None:
        """Nothing larger of what a side sends arrives for so long."""
        self._mtu_bytes[slot, side] = mtu_bytes
        self._apply(slot, side)

        def close() -> None:
            self._mtu_bytes.pop((slot, side), None)
            self._apply(slot, side)

        self._world.after(length_s, close)

    def play(self, slot: int, side: int, numbers: Sequence[int]) -> float:
        """Delay and loss of what a side sends go up and down, row by row; how many seconds that takes."""
        self._stop(slot, side)
        times: list[float] = []
        length_ms = 0
        for row_ms in numbers[::ROW_NUMBERS]:
            times.append(length_ms / 1000)
            length_ms += row_ms
        delays = tuple([delay_ms / 1000 for delay_ms in numbers[1::ROW_NUMBERS]])
        losses = tuple([loss / 1000 for loss in numbers[2::ROW_NUMBERS]])
        recording = Recording(tuple(times), delays, losses)
        playing = self._playing[slot, side] = self._world.replay(recording, self._link(slot, side), repeat=False)

        def end() -> None:
            if self._playing.get((slot, side)) is playing:
                self._stop(slot, side)
                self._apply(slot, side)

        self._world.after(length_ms / 1000, end)
        return length_ms / 1000

    def calm(self) -> None:
        """All is well from now on."""
        self._world.heal()
        self._mtu_bytes.clear()
        for slot, conditions in enumerate(self._lasting):
            for side in SIDES:
                self._stop(slot, side)
                conditions[side] = CALM
                self._apply(slot, side)

    def _drawn(self, index: int) -> Conditions:
        return self._possible[index % len(self._possible)]

    def _link(self, slot: int, side: int) -> Link:
        return self._world.link(self._hosts(slot, side), self._hosts(slot, 1 - side))

    def _stop(self, slot: int, side: int) -> None:
        playing = self._playing.pop((slot, side), None)
        if playing is not None:
            playing.stop()

    def _apply(self, slot: int, side: int) -> None:
        conditions = self._lasting[slot][side]
        mtu_bytes = self._mtu_bytes.get((slot, side))
        self._link(slot, side).conditions = (
            conditions if mtu_bytes is None else replace(conditions, mtu_bytes=mtu_bytes)
        )
