"""Which library plays which part in a scenario, and what becomes of them afterwards?

A scenario is a test that asks for `pairing` and `stage`. In `tests.behaviour` both ends are ours, on one driver or the
other; `tests.interop` plays the same scenarios with the reference library at one end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeAlias, TypeVar

import pytest
from tests.behaviour.relay import Relay, Weather
from tests.behaviour.side import NO_OPTIONS, Side
from tests.interop.gns import Config, Options, OptionValue

Kind: TypeAlias = Literal["threads", "aio", "uvloop", "portable", "reference"]
"""Ours through `NetworkingSockets`, or through `gamesockets.aio` in asyncio's own loop, in uvloop's, or in one that
cannot watch sockets; or the reference library."""

End: TypeAlias = Literal["client", "server"]

ON_A_LOOP: Final[Sequence[Kind]] = ("aio", "uvloop", "portable")


class Pairing(NamedTuple):
    """Which library is the client and which the server."""

    client: Kind
    server: Kind

    @property
    def ours(self) -> End:
        """An end that is ours; the client if both are."""
        return "server" if self.client == "reference" else "client"

    @property
    def is_one_process(self) -> bool:
        """Whether both ends share the settings of one process, which simulated networks are."""
        return "reference" not in self


REFERENCE_ALONE: Final = Pairing("reference", "reference")

_Scenario = TypeVar("_Scenario", bound=Callable[..., None])


CASTS: Final[dict[Callable[..., Any], list[Callable[[Pairing], bool]]]] = {}
"""Who can play the scenarios that not every pairing can."""


def only(plays: Callable[[Pairing], bool]) -> Callable[[_Scenario], _Scenario]:
    """Leave out the pairings that cannot play a scenario."""

    def mark(scenario: _Scenario) -> _Scenario:
        CASTS.setdefault(scenario, []).append(plays)
        return scenario

    return mark


# Only the game loop leaves requests waiting: what `admit` returns decides at once.
polling_server: Final = only(lambda pairing: pairing.server not in ON_A_LOOP)

# Only the game loop has a connection before it is connected: `aio.connect` returns it afterwards.
polling_client: Final = only(lambda pairing: pairing.client not in ON_A_LOOP)

# Texts and measurements are made below the drivers, so one of them is enough.
one_driver: Final = only(lambda pairing: pairing.client not in ON_A_LOOP and pairing.server not in ON_A_LOOP)

Row: TypeAlias = tuple[Pairing, Sequence[pytest.MarkDecorator]]


def cast(metafunc: pytest.Metafunc, rows: Sequence[Row], seconds: Sequence[object]) -> None:
    """Play a scenario with each of the pairings that can, each with its marks, for so many `seconds` if it asks."""
    if "pairing" not in metafunc.fixturenames:
        return
    conditions = CASTS.get(metafunc.function, [])
    parameters = [
        pytest.param(pairing, id="-".join(pairing), marks=marks)
        for pairing, marks in rows
        if all(plays(pairing) for plays in conditions)
    ]
    metafunc.parametrize("pairing", parameters)
    if "seconds" in metafunc.fixturenames:
        metafunc.parametrize("seconds", seconds)


def open_side(kind: Kind, name: str, identity: str | None, values: Mapping[Config, OptionValue] | None) -> Side:
    """A running library."""
    match kind:
        case "threads":
            from tests.behaviour.ours_threads import OursOnThreads

            return OursOnThreads(name, identity, values)
        case "aio" | "uvloop" | "portable":
            from tests.behaviour.ours_aio import OursOnALoop

            return OursOnALoop(name, identity, values, kind)
        case "reference":
            from tests.interop.reference import Reference

            return Reference(name, identity, values)


class Link(NamedTuple):
    """A client and a server that are connected, and the handle that each has."""

    client: Side
    server: Side
    client_connection: int
    server_connection: int
    address: str

    def end(self, which: End) -> tuple[Side, int]:
        """One end and its handle."""
        if which == "client":
            return self.client, self.client_connection
        return self.server, self.server_connection

    def ends(self, first: End) -> tuple[Side, int, Side, int]:
        """Both ends with their handles, `first` before the other."""
        return (*self.end(first), *self.end("server" if first == "client" else "client"))


class Stage:
    """Makes sides and relays for one test and takes all of them down."""

    def __init__(self) -> None:
        self._sides: list[Side] = []
        self._relays: list[Relay] = []

    def open(
        self,
        kind: Kind,
        name: str,
        identity: str | None = None,
        values: Mapping[Config, OptionValue] | None = None,
    ) -> Side:
        """A running library; `values` are its global configuration values."""
        side = open_side(kind, name, identity, values)
        self._sides.append(side)
        return side

    def relay(self, server: str, weather: Weather | None = None) -> Relay:
        """A relay in front of a server; with a `weather`, not everything passes it."""
        relay = Relay(server, weather)
        self._relays.append(relay)
        return relay

    def connect(
        self,
        client: Side,
        server: Side,
        options: Options = NO_OPTIONS,
        server_options: Options | None = None,
        address: str = "127.0.0.1:0",
    ) -> Link:
        """Listen, connect, and wait until both ends are Connected; both use `options` unless told not to."""
        bound = server.listen(address, options if server_options is None else server_options)
        return self.join(client, server, bound, options)

    def join(self, client: Side, server: Side, address: str, options: Options = NO_OPTIONS) -> Link:
        """Connect to `address`, behind which `server` listens, and wait until both ends are Connected."""
        earlier = len(server.requests())
        connection = client.connect(address, options)
        accepted = server.wait_for_requests(earlier + 1)[earlier]
        client.wait_for_connected(connection)
        server.wait_for_connected(accepted)
        return Link(client, server, connection, accepted, address)

    def link(
        self,
        pairing: Pairing,
        options: Options = NO_OPTIONS,
        values: Mapping[End, Mapping[Config, OptionValue]] | None = None,
    ) -> Link:
        """Two anonymous sides, connected; `values` are the global configuration values of each."""
        values = values or {}
        server = self.open(pairing.server, "server", values=values.get("server"))
        client = self.open(pairing.client, "client", values=values.get("client"))
        return self.connect(client, server, options)

    def close(self) -> None:
        """Take everything down, whatever state it is in."""
        failures: list[Exception] = []
        for side in reversed(self._sides):
            try:
                side.close()
            except Exception as failure:  # noqa: BLE001 - the others must be taken down as well
                failures.append(failure)
        for relay in self._relays:
            relay.close()
        if failures:
            raise failures[0]


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Makes sides and takes them down."""
    stage = Stage()
    try:
        yield stage
    finally:
        stage.close()
