"""Which cipher do the two ends agree on, for every value of Unencrypted at either end?"""

from __future__ import annotations

import pytest
from tests.behaviour.stage import ON_A_LOOP, Pairing, Stage
from tests.behaviour.traffic import Outgoing, expected
from tests.interop.gns import Config, EndReason, InfoFlag, Result, Send, State

# Rows are the client's value, columns the server's (spec 3, 13.1).
OUTCOMES = [
    ["encrypted", "encrypted", "encrypted", "fails"],
    ["encrypted", "encrypted", "plain", "plain"],
    ["encrypted", "encrypted", "plain", "plain"],
    ["fails", "plain", "plain", "plain"],
]


@pytest.mark.rule("3, 5.11", "3, 13.1 rule 1")
@pytest.mark.parametrize("server_value", range(4), ids="server{}".format)
@pytest.mark.parametrize("client_value", range(4), ids="client{}".format)
def test_negotiation(pairing: Pairing, stage: Stage, client_value: int, server_value: int) -> None:
    """The matrix holds at both ends; messages cross in every cell that connects, encrypted or not."""
    outcome = OUTCOMES[client_value][server_value]
    server, client = stage.open(pairing.server, "server"), stage.open(pairing.client, "client")
    address = server.listen("127.0.0.1:0", {Config.UNENCRYPTED: server_value})
    if outcome == "fails":
        connection = client.connect(address, {Config.UNENCRYPTED: client_value})
        request = server.wait_for_requests()[0]
        assert client.wait_for_state(connection, State.CLOSED_BY_PEER).reason == EndReason.REMOTE_BAD_CRYPT
        ended = server.wait_for_state(request, State.PROBLEM_DETECTED_LOCALLY)
        assert ended.reason == EndReason.REMOTE_BAD_CRYPT
        # A handler is started only for a client that was accepted.
        accepted = None if pairing.server in ON_A_LOOP else Result.HANDSHAKE_FAILED
        assert server.accept_result(request) == accepted
        return
    link = stage.join(client, server, address, {Config.UNENCRYPTED: client_value})
    messages = [Outgoing(seed, 3_000, Send.RELIABLE) for seed in range(3)]
    for near, near_connection, far, far_connection in (link.ends("client"), link.ends("server")):
        info = near.info(near_connection)
        assert info is not None
        assert bool(info.flags & InfoFlag.UNENCRYPTED) == (outcome == "plain")
        assert near.send(near_connection, messages) == [1, 2, 3]
        got = far.wait_for_messages(far_connection, len(messages))
        assert got == [expected(message, number) for number, message in enumerate(messages, 1)]
