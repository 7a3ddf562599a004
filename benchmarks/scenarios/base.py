"""What is a scenario? Two programs, one for each side, and the figures that they report."""

from __future__ import annotations

import abc
from dataclasses import dataclass

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.systems.base import Node


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: the key it is reported under, how the table heads it, decimals shown."""

    key: str
    title: str
    decimals: int = 0


class Scenario(abc.ABC):
    """Server and client each return the figures that only they can measure; together they are `metrics`.

    Attributes:
        name: as given on the command line.
        kind: which systems it suits.
        about: one line for the table.
        metrics: all figures, in the table's order.
        seconds: how long to measure when nobody says otherwise.
        in_suite: is it run when nobody says otherwise?
        has_load_generator: does one system play the clients of all servers that speak its protocol?
        through_link: do the datagrams pass the slow and lossy link of `runner.py`?
    """

    name: str
    kind: str
    about: str
    metrics: tuple[Metric, ...]
    seconds: float = 1.0
    in_suite: bool = True
    has_load_generator: bool = False
    through_link: bool = False

    @abc.abstractmethod
    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:
        """Runs when the node listens and the client has been told where."""

    @abc.abstractmethod
    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Runs when the server listens at `address`."""

    def prepare(self, node: Node) -> None:  # noqa: B027 - most have nothing to say
        """What has to be said to a node before it listens or connects."""
