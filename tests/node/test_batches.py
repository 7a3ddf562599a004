"""Does a single message reach its connection, and does whoever holds the lock already get told?"""

import pytest

import gamesockets as gs
from gamesockets.node.batches import FROM_INSIDE, send_one
from gamesockets.values.results import Result


def test_one_message_is_sent_by_handle() -> None:
    with gs.NetworkingSockets() as sockets:
        one, other = sockets.create_socket_pair()
        node = sockets._node
        members, service = node.members, node.service
        assert send_one(members, service, one, b"first", gs.SendFlags.RELIABLE, 0) == 1
        assert send_one(members, service, one, b"second", gs.SendFlags.RELIABLE, 0) == 2
        assert [message.data for message in sockets.receive_messages_on_connection(other)] == [b"first", b"second"]
        assert send_one(members, service, 1 << 40, b"", 0, 0) == -Result.INVALID_PARAM
        assert send_one(members, service, one, b"", 0, 7) == -Result.INVALID_PARAM, "there is no such lane"
        with node.lock:
            assert send_one(members, service, one, b"third", 0, 0) == FROM_INSIDE
        assert sockets.receive_messages_on_connection(other) == []


@pytest.mark.parametrize("bad", [None, "1", [1]])
def test_a_handle_of_another_type_is_explained(bad: object) -> None:
    with gs.NetworkingSockets() as sockets, pytest.raises(TypeError, match="connection must be a handle"):
        sockets.send_message_to_connection(bad, b"")  # type: ignore[arg-type]
