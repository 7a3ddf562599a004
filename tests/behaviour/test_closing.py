"""How does a connection end, and does each end learn why?"""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest
from tests.behaviour import relay as wire
from tests.behaviour.relay import Relay
from tests.behaviour.side import NO_OPTIONS, Side
from tests.behaviour.stage import End, Link, Pairing, Stage
from tests.behaviour.traffic import Outgoing, expected, numbered
from tests.interop.gns import Config, EndReason, Options, Send, State

ENDS: list[End] = ["client", "server"]
IMPATIENT: Options = {Config.TIMEOUT_CONNECTED: 1000}
A_MESSAGE = Outgoing(1, 100, Send.RELIABLE_NO_NAGLE)
FIN_WAIT_S = 5.0


class Farewell(NamedTuple):
    """What the application gives when it closes, and what both ends then see."""

    given_reason: int
    given_text: str
    reason: int
    text: str


FAREWELLS = {
    "own": Farewell(1234, "good bye, füße", 1234, "good bye, füße"),
    "longest-text": Farewell(2500, "x" * 127, 2500, "x" * 127),
    "nothing-said": Farewell(0, "", 1000, "Application closed connection"),
    "exceptional": Farewell(2000, "", 2000, "Application closed connection in an unusual way"),
    "out-of-range": Farewell(3000, "not kept", 1999, "Invalid numeric reason code"),
}


@pytest.mark.rule("3, 6.6 rule 3")
@pytest.mark.parametrize("closer", ENDS)
@pytest.mark.parametrize("farewell", FAREWELLS.values(), ids=FAREWELLS.keys())
def test_reason_and_text(pairing: Pairing, stage: Stage, closer: End, farewell: Farewell) -> None:
    """Both ends are told the reason and the text; the told end keeps what it had received (spec 3, 6.6)."""
    reason, text = farewell.reason, farewell.text
    link = stage.link(pairing)
    near, near_connection, far, far_connection = link.ends(closer)
    if near.refuses_reasons and farewell.given_reason > EndReason.APP_EXCEPTION_MAX:
        pytest.skip("it is a ValueError of the call: see test_bad_input.py")
    near.send(near_connection, [A_MESSAGE])
    far.wait_for_messages(far_connection, 1)
    assert near.close_connection(near_connection, farewell.given_reason, farewell.given_text)
    assert not near.close_connection(near_connection)
    assert near.info(near_connection) is None

    told = far.wait_for_state(far_connection, State.CLOSED_BY_PEER)
    assert (told.old_state, told.reason, told.text) == (State.CONNECTED, reason, text)
    info = far.info(far_connection)
    assert info is not None
    assert (info.state, info.reason, info.text) == (State.CLOSED_BY_PEER, reason, text)
    assert far.close_connection(far_connection, 1999, "ignored: the first reason stays")
    for side, connection, old_state in (
        (near, near_connection, State.CONNECTED),
        (far, far_connection, State.CLOSED_BY_PEER),
    ):
        last = side.wait_for_state(connection, State.NONE)
        assert (last.old_state, last.reason, last.text) == (old_state, reason, text)


@pytest.mark.parametrize("closer", ENDS)
def test_linger_flushes(pairing: Pairing, stage: Stage, closer: End) -> None:
    """Closing with linger delivers 200 kB that wait, and only then the reason (spec 3, 6.5)."""
    link = stage.link(pairing, {Config.SEND_RATE_MIN: 500_000, Config.SEND_RATE_MAX: 500_000})
    near, near_connection, far, far_connection = link.ends(closer)
    messages = [Outgoing(seed, 10_000, Send.RELIABLE) for seed in range(20)]
    sent = numbered(messages, near.send(near_connection, messages))
    assert near.close_connection(near_connection, 1001, "all said", linger=True)
    assert near.info(near_connection) is None
    told = far.wait_for_state(far_connection, State.CLOSED_BY_PEER)
    assert (told.reason, told.text) == (1001, "all said")
    assert far.wait_for_messages(far_connection, len(sent)) == sent


@pytest.mark.rule("1, 7.1 rule 5", "3, 15.2")
@pytest.mark.parametrize("closer", ENDS)
def test_shutdown_tells_the_peer(pairing: Pairing, stage: Stage, closer: End) -> None:
    """The reference library closes its connections with 2999 (spec 3, 15.2), ours as any normal end."""
    link = stage.link(pairing)
    near, _, far, far_connection = link.ends(closer)
    near.close()
    told = far.wait_for_state(far_connection, State.CLOSED_BY_PEER)
    assert told.reason == near.shutdown_reason


def linked_through_relay(pairing: Pairing, stage: Stage, options: Options = NO_OPTIONS) -> tuple[Relay, Link]:
    """A client and a server, connected through a relay."""
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    relay = stage.relay(server.listen("127.0.0.1:0", options))
    return relay, stage.join(client, server, relay.address, options)


def wire_ids(relay: Relay, which: End) -> tuple[int, int]:
    """The connection id of one end, and that of its peer, as the handshake told them."""
    fields = relay.seen(False, wire.CONNECT_OK)[0].fields()
    client_id, server_id = fields[1], fields[5]
    assert isinstance(client_id, int)
    assert isinstance(server_id, int)
    return (client_id, server_id) if which == "client" else (server_id, client_id)


def test_cable_is_pulled(pairing: Pairing, stage: Stage) -> None:
    """When nothing gets through any more, both ends time out on their own."""
    relay, link = linked_through_relay(pairing, stage, IMPATIENT)
    relay.cut()
    for side, connection in (link.end("client"), link.end("server")):
        side.send(connection, [A_MESSAGE])
    for side, connection in (link.end("client"), link.end("server")):
        ended = side.wait_for_state(connection, State.PROBLEM_DETECTED_LOCALLY)
        assert (ended.old_state, ended.reason) == (State.CONNECTED, EndReason.MISC_TIMEOUT)


def test_server_restarts(pairing: Pairing, stage: Stage) -> None:
    """A restarted server says at most that it does not know a connection whose data comes, answers the client's
    closing with no-connection, and accepts a new connection (spec 1, 3.4 and 7.7)."""
    relay, link = linked_through_relay(pairing, stage, IMPATIENT)
    client, old, server, _ = link.ends("client")
    relay.cut()
    server.close()
    restarted = stage.open(pairing.server, "restarted server")
    assert restarted.listen(relay.server) == relay.server
    relay.mend()
    client.send(old, [A_MESSAGE])
    ended = client.wait_for_state(old, State.PROBLEM_DETECTED_LOCALLY)
    assert ended.reason == EndReason.MISC_TIMEOUT
    closing = relay.wait_for(lambda seen: seen.kind == wire.CONNECTION_CLOSED, "closing").fields()
    answer = relay.wait_for(lambda seen: not seen.upwards and 3 in seen.fields(), "answer")
    assert answer.kind == wire.NO_CONNECTION
    assert answer.fields() == {2: closing[4], 3: closing[5]}
    assert client.close_connection(old)

    again = stage.join(client, restarted, relay.address)
    client.send(again.client_connection, [A_MESSAGE])
    assert restarted.wait_for_messages(again.server_connection, 1) == [expected(A_MESSAGE, 1)]


@pytest.mark.rule("1, 7.6 rule 6")
@pytest.mark.parametrize("told", ENDS)
def test_no_connection_ends_a_connection(pairing: Pairing, stage: Stage, told: End) -> None:
    """No-connection with both ids right ends the connection with 5010, with wrong ids it changes nothing
    (spec 1, 7.6)."""
    relay, link = linked_through_relay(pairing, stage)
    near, near_connection, far, far_connection = link.ends(told)
    own, peers = wire_ids(relay, told)
    upwards = told == "server"
    for fields in ({2: peers, 3: own ^ 0x10000}, {2: peers ^ 0x10000, 3: own}, {3: own}, {2: peers}, {}):
        relay.inject(upwards, wire.control_datagram(wire.NO_CONNECTION, fields))
    far.send(far_connection, [A_MESSAGE])
    assert near.wait_for_messages(near_connection, 1) == [expected(A_MESSAGE, 1)]

    relay.inject(upwards, wire.control_datagram(wire.NO_CONNECTION, {2: peers, 3: own}))
    ended = near.wait_for_state(near_connection, State.CLOSED_BY_PEER)
    assert (ended.old_state, ended.reason) == (State.CONNECTED, EndReason.MISC_PEER_SENT_NO_CONNECTION)


@pytest.mark.parametrize("deceived", ENDS)
def test_end_that_holds_its_peer_for_gone(pairing: Pairing, stage: Stage, deceived: End) -> None:
    """An end that was told, though not by its peer, that the peer has closed answers no-connection; so the
    peer, who still holds the connection for open, learns that it is not (spec 1, 7.6)."""
    relay, link = linked_through_relay(pairing, stage)
    near, near_connection, far, far_connection = link.ends(deceived)
    own, peers = wire_ids(relay, deceived)
    closing = wire.control_datagram(wire.CONNECTION_CLOSED, {4: own, 5: peers})
    relay.inject(deceived == "server", closing)
    near.wait_for_state(near_connection, State.CLOSED_BY_PEER)
    ended = far.wait_for_state(far_connection, State.CLOSED_BY_PEER)
    assert ended.reason == EndReason.MISC_PEER_SENT_NO_CONNECTION


def close_unheard(relay: Relay, near: Side, near_connection: int) -> None:
    """Close a connection in such a way that the closing message is lost."""
    relay.cut()
    near.close_connection(near_connection, 1777, "said into the void")
    relay.wait_for(lambda seen: seen.kind == wire.CONNECTION_CLOSED, "closing")


@pytest.mark.parametrize("closer", ENDS)
def test_lost_closing_is_repeated_when_asked(pairing: Pairing, stage: Stage, closer: End) -> None:
    """For 5 s after closing, data of the other end is answered with the reason (spec 1, 7.5 and 7.6)."""
    relay, link = linked_through_relay(pairing, stage)
    near, near_connection, far, far_connection = link.ends(closer)
    close_unheard(relay, near, near_connection)
    relay.mend()
    far.send(far_connection, [A_MESSAGE])
    told = far.wait_for_state(far_connection, State.CLOSED_BY_PEER)
    assert (told.reason, told.text) == (1777, "said into the void")


@pytest.mark.slow
@pytest.mark.parametrize("closer", ENDS)
def test_closed_connection_is_forgotten(pairing: Pairing, stage: Stage, closer: End) -> None:
    """More than 5 s after closing there is no answer any more, and the other end times out (spec 1, 7.7)."""
    relay, link = linked_through_relay(pairing, stage, IMPATIENT)
    near, near_connection, far, far_connection = link.ends(closer)
    close_unheard(relay, near, near_connection)
    time.sleep(FIN_WAIT_S + 1)  # the time itself is what is tested
    relay.mend()
    far.send(far_connection, [A_MESSAGE])
    ended = far.wait_for_state(far_connection, State.PROBLEM_DETECTED_LOCALLY)
    assert ended.reason == EndReason.MISC_TIMEOUT


@pytest.mark.slow
def test_idle_connection_stays(pairing: Pairing, stage: Stage) -> None:
    """Keepalives hold a silent connection for longer than its timeout (spec 1, 7.4)."""
    link = stage.link(pairing)
    time.sleep(25)  # the time itself is what is tested
    for near, near_connection, far, far_connection in (link.ends("client"), link.ends("server")):
        near.send(near_connection, [A_MESSAGE])
        assert far.wait_for_messages(far_connection, 1) == [expected(A_MESSAGE, 1)]
        assert near.events(near_connection)[-1].state == State.CONNECTED
