"""What are peers told when not the application ends their connection, but what it was part of?"""

from typing import Final

from gamesockets.values.enums import EndReason

SHUTDOWN: Final = int(EndReason.APP_EXCEPTION_MAX)
SHUTDOWN_TEXT: Final = "SteamNetworkingSockets shutdown"

LISTEN_SOCKET_CLOSED_TEXT: Final = "Listen socket closed"
"""For the peers of a closed listen socket, unless the application says something else."""

SHUTTING_DOWN_TEXT: Final = "The application is shutting down"
"""For the peers of an application that drains, with reason 1000, unless it says something else."""
