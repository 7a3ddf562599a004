"""What does the game-loop API keep for each connection and each listen socket, besides what the core knows?"""

from typing import final

from gamesockets.clock import now_us
from gamesockets.config.scopes import Configuration
from gamesockets.connection.connection import Connection
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.inbox import Inbox
from gamesockets.drivers.port import Port
from gamesockets.drivers.service import Service
from gamesockets.values.handles import ListenSocket


@final
class Entry:
    """What this layer knows of a connection besides its core."""

    __slots__ = ("configuration", "core", "inbox", "listen_socket", "name", "poll_group", "port", "udp")

    def __init__(self, core: Connection, port: Port | None, configuration: Configuration, listen_socket: int) -> None:
        self.core = core
        self.port = port
        """None for an end of a pipe."""
        self.udp = core if isinstance(core, DatagramConnection) else None
        """The core once more, by the type that its port knows; None for an end of a pipe."""
        self.configuration = configuration
        self.listen_socket = ListenSocket(listen_socket)
        self.name = ""
        self.poll_group = 0
        self.inbox = core.inbox
        """Its own, used while it is in no group."""

    def send(self, data: bytes, flags: int, lane: int, service: Service) -> int:
        """Queues a message and has what is due leave; its number, or minus the `Result`."""
        now = now_us()
        core = self.core
        number = core.send(data, flags, lane, now)
        if number > 0:
            udp, port = self.udp, self.port
            if udp is None or port is None:
                service.notify()
            elif now < port.gathers_until and udp.may_gather(now):
                port.endpoint.touch(udp)  # the pump that is planned sees to it
            elif udp.needs_service(now):
                port.endpoint.touch(udp)
                if udp.may_gather(now):
                    service.pump_soon(port, now)
                else:
                    service.pump(port, now)
        return number


@final
class Listener:
    """A listen socket: its port, its settings, and the implicit group of its connections."""

    __slots__ = ("configuration", "inbox", "port")

    def __init__(self, port: Port, configuration: Configuration, inbox: Inbox) -> None:
        self.port = port
        self.configuration = configuration
        self.inbox = inbox
