"""What does a client hear of a server that has no room for it?"""

from __future__ import annotations

from typing import Final

import pytest
from tests.behaviour.stage import Pairing, Stage, only
from tests.interop.gns import EndReason, State

import gamesockets as gs

V: Final = gs.ConfigurationValue

# The reference library has no limits of its own to reach.
our_server: Final = only(lambda pairing: pairing.server != "reference")


@pytest.mark.rule("1, 3.1 rule 3")
@our_server
def test_a_client_hears_that_the_server_is_full(pairing: Pairing, stage: Stage) -> None:
    """At once, with a reason and a text that the application sees; the one that is in stays (spec 1, 7.5)."""
    server = stage.open(pairing.server, "server")
    first, second = [stage.open(pairing.client, name) for name in ("first", "second")]
    address = server.listen("127.0.0.1:0", {V.LISTEN_CONNECTIONS_MAX: 1})
    connected = first.connect(address)
    first.wait_for_connected(connected)
    refused = second.connect(address)
    ended = second.wait_for_state(refused, State.CLOSED_BY_PEER)
    assert (ended.reason, ended.text) == (EndReason.MISC_GENERIC, "The server is full.")
    info = first.info(connected)
    assert info is not None
    assert info.state == State.CONNECTED


@our_server
def test_a_client_that_says_nothing_hears_why_it_lost_its_place(pairing: Pairing, stage: Stage) -> None:
    server = stage.open(pairing.server, "server")
    client = stage.open(pairing.client, "client")
    address = server.listen("127.0.0.1:0", {V.TIMEOUT_FIRST_MESSAGE: 300})
    silent = client.connect(address)
    client.wait_for_connected(silent)
    ended = client.wait_for_state(silent, State.CLOSED_BY_PEER)
    assert (ended.reason, ended.text) == (EndReason.MISC_TIMEOUT, "The peer sent no message in time")
