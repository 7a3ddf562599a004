"""How often does a flow ask for more, and for how much more? The smaller its share, the more of both.

That is what makes shares equal: all get the same part of a queue as a signal, and small shares ask again sooner.
"""

from typing import Final, final

from gamesockets.send.delivery import PACKET_BYTES, ROUND_MIN_US

GAIN_UNIT: Final = 100
GAIN_UP: Final = 125
GAIN_UP_MAX: Final = 200
GAIN_FEW_MAX: Final = 400

_PACKETS_UP: Final = 6
"""A probe adds so many packets a round trip, up to half of the share: what small shares gain on large ones."""

_GAIN_HALF: Final = 150
_PACKETS_UP_MIN: Final = 4
"""So many it adds at least, up to `GAIN_FEW_MAX`. On a slow line each packet is milliseconds of queue."""

_ROUNDS_MIN: Final = 3
_LONGEST_US: Final = 2_000_000
_PACKETS_A_ROUND: Final = 8
_DICE: Final = 64


@final
class Probing:
    """The gain of the present probe and the pause until the next one, which differs by chance."""

    __slots__ = ("_dice", "_seed", "gain")

    def __init__(self, now: int) -> None:
        # Not too large: products stay below 2^62, see `path_control`.
        self._seed = ((now & 0x3FFF_FFFF) * 2_654_435_761) & 0x7FFF_FFFF
        self._dice = _DICE
        self.gain = GAIN_UP
        """In percent of what the path is believed to carry."""

    def begin(self, on_the_way_bytes: int, is_queue: bool) -> None:
        """A probe begins, while that much fills the path as far as is known, and perhaps a queue is there.

        Beside a queue it asks for little more: beside TCP, a newcomer that asks for more ends with less.
        """
        self._seed = (self._seed * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        self._dice = _DICE + (self._seed >> 16) % _DICE
        packet = GAIN_UNIT * PACKET_BYTES
        more = min(_PACKETS_UP_MIN * packet // max(on_the_way_bytes, 1), GAIN_FEW_MAX - GAIN_UNIT)
        if not is_queue:
            more = max(more, min(_PACKETS_UP * packet // max(on_the_way_bytes, 1), _GAIN_HALF - GAIN_UNIT))
        self.gain = max(GAIN_UP, GAIN_UNIT + more)

    def go_on(self) -> None:
        """There was more: ask for more still."""
        self.gain = max(self.gain, min(self.gain * 5 // 4, GAIN_UP_MAX))

    def rounds_between(self, on_the_way_bytes: int, round_trip_us: int) -> int:
        """How many rounds lie between two probes."""
        rounds = on_the_way_bytes // PACKET_BYTES * self._dice // (_PACKETS_A_ROUND * _DICE * 3 // 2)
        longest = max(_LONGEST_US // max(round_trip_us, ROUND_MIN_US), _ROUNDS_MIN)
        return min(max(rounds, _ROUNDS_MIN), longest)
