"""After a message was queued: is its port to be pumped now, a moment later together with others, or not at all?"""

from typing import Final

from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.drivers.port import Port

NO_PUMP: Final = 0
PUMP_SOON: Final = 1
"""Full packets wait, and more may follow in a moment."""
PUMP_NOW: Final = 2


def when_to_pump(port: Port, connection: DatagramConnection, now: int) -> int:
    """`NO_PUMP` if nothing is due or a pump is planned already; else how soon."""
    if now < port.gathers_until and connection.may_gather(now):
        port.endpoint.touch(connection)
        return NO_PUMP
    if not connection.needs_service(now):
        return NO_PUMP
    port.endpoint.touch(connection)
    return PUMP_SOON if connection.may_gather(now) else PUMP_NOW
