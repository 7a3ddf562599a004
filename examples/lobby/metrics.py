"""What does a monitoring system see of the lobby? Its own counts, beside all that gamesockets counts.

Needs `prometheus_client`: `pip install 'gamesockets[metrics]'`.
"""

import threading
from collections.abc import Callable, Iterator
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from examples.lobby.lobby import Lobby
from gamesockets import metrics


class LobbyMetrics(Collector):
    """Reads the lobby when somebody scrapes. That is on another thread: only numbers are read, which is safe."""

    def __init__(self, lobby: Lobby) -> None:
        self._lobby = lobby

    def collect(self) -> Iterator[Metric]:
        """The lobby at this moment."""
        lobby = self._lobby
        yield GaugeMetricFamily("lobby_users", "Users with a name", len(lobby.names))
        yield GaugeMetricFamily("lobby_waiting", "Users who wait for a match", len(lobby.waiting))
        yield CounterMetricFamily("lobby_matches", "Matches made", lobby.matches)
        yield CounterMetricFamily("lobby_texts", "Texts that users have said", lobby.texts)


def serve(lobby: Lobby, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """Answers scrapes at ``http://host:port/metrics`` until it is stopped.

    Returns:
        The port, which is another one if 0 was asked for, and a function that stops it.

    Raises:
        OSError: the port cannot be had.
    """
    registry = CollectorRegistry()
    registry.register(metrics.Collector())
    registry.register(LobbyMetrics(lobby))
    server: WSGIServer
    thread: threading.Thread
    server, thread = start_http_server(port, host, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop
