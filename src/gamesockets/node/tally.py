"""What did the ports of a node count, those included that are closed?"""

from dataclasses import replace
from typing import final

from gamesockets.drivers.port import Port
from gamesockets.values.statistics import Statistics


@final
class Tally:
    """The counts of closed ports, and with them those of all."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        self._closed = Statistics()

    def closed(self, port: Port) -> None:
        """What a port counted outlives it, but not how much there was of something."""
        self._closed += replace(port.statistics(), connections=0, memory_bytes=0)

    def total(self, ports: list[Port]) -> Statistics:
        """All counts since the beginning; these are the ports that are open."""
        return sum([port.statistics() for port in ports], self._closed)
