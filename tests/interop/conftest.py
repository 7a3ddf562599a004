"""Which library plays which part in an interop test, and what becomes of them afterwards?

The suite needs the real library (1.6.0 or later): GNS_LIBRARY names it, and without it all tests on a stage are
skipped.  Each scenario runs with ours as client and as server.  With `-m slow` it also runs with the real library at
both ends, which proves that the scenario expects what the reference does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

import pytest
from tests.interop.gns import ENVIRONMENT_VARIABLE, Config, Options, OptionValue
from tests.interop.reference import Reference
from tests.interop.relay import Relay
from tests.interop.side import NO_OPTIONS, Side

HERE: Final = Path(__file__).parent
Kind: TypeAlias = Literal["ours", "reference"]


End: TypeAlias = Literal["client", "server"]


class Pairing(NamedTuple):
    """Which library is the client and which the server."""

    client: Kind
    server: Kind


OURS_AND_REFERENCE: Final = [
    pytest.param(Pairing("ours", "reference"), id="ours-is-client"),
    pytest.param(Pairing("reference", "ours"), id="ours-is-server"),
]
REFERENCE_ALONE: Final = Pairing("reference", "reference")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as interop."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.interop)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip, from this one place, when there is no real library; fail when it is not where it should be."""
    if "stage" not in getattr(item, "fixturenames", ()):
        return  # plays without the library itself, as Valve's example program does
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    if not path:
        pytest.skip(
            f"set {ENVIRONMENT_VARIABLE} to a GameNetworkingSockets shared library (1.6.0 or later) to test against it"
        )
    assert Path(path).is_file(), f"{ENVIRONMENT_VARIABLE} names no file: {path}"


@pytest.fixture(
    params=[
        *OURS_AND_REFERENCE,
        pytest.param(REFERENCE_ALONE, id="reference-alone", marks=pytest.mark.slow),
    ]
)
def pairing(request: pytest.FixtureRequest) -> Pairing:
    """Who plays client and server in this run of the scenario."""
    assert isinstance(request.param, Pairing)
    return request.param


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
        """A running library, ours or the real one; `values` are its global configuration values."""
        side: Side
        if kind == "reference":
            side = Reference(name, identity, values)
        else:
            from tests.interop.ours import Ours  # only now is our library needed

            side = Ours(name, identity, values)
        self._sides.append(side)
        return side

    def relay(self, server: str) -> Relay:
        """A relay in front of a server."""
        relay = Relay(server)
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
