"""What is gone from a node once a listen socket, or the node itself, was closed?"""

from typing import Final

import gamesockets as gs
from gamesockets.clock import SystemEntropy, now_us
from gamesockets.config.options import ConnectionOptions
from gamesockets.config.scopes import Configuration
from gamesockets.crypto.credentials import Credentials
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import ServiceOwner
from gamesockets.drivers.threads import ThreadService
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.endpoint.ids import ConnectionIds
from gamesockets.node.audience import Audience
from gamesockets.node.node import Node
from gamesockets.values.records import AuthenticationCallback, AuthenticationStatus, StatusCallback, StatusInfo

LOCAL: Final = gs.Address("127.0.0.1", 0)
DISCARD: Final = ("127.0.0.1", 9)


class Deaf(Audience):
    """Takes no notice."""

    def announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        pass

    def announce_authentication(self, status: AuthenticationStatus, callback: AuthenticationCallback) -> None:
        pass

    def forget_changes(self) -> None:
        pass


def make_service(owner: ServiceOwner) -> ThreadService:
    return ThreadService(owner)


def knock(port: Port) -> None:
    """A client's handshake up to its request, taken by the endpoint; the port has reported nothing of it yet."""
    entropy = SystemEntropy()
    options = ConnectionOptions.resolve(Configuration())
    client = Endpoint(entropy, ConnectionIds(entropy), Credentials(None), options)
    now = now_us()
    client.connect(DISCARD, options, now)
    for _ in range(2):
        for datagrams, _path in client.datagrams_to_send(now):
            port.endpoint.receive_datagrams(datagrams, DISCARD, now)
        if not port.endpoint.connections:
            for datagrams, _path in port.endpoint.datagrams_to_send(now):
                client.receive_datagrams(datagrams, DISCARD, now)
    assert len(port.endpoint.connections) == 1


def test_a_client_that_is_reported_while_the_listen_socket_is_closed_is_gone_with_it() -> None:
    node = Node(make_service, Deaf())
    try:
        with node.lock:
            handle = node.listen(LOCAL, None, is_group=True)
            listener = node.listeners.get(handle)
            assert listener is not None
            knock(listener.port)
            assert node.close_listener(handle, "")
            assert node.members == {}
            assert node.service.ports() == []
    finally:
        node.close()
