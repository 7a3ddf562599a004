"""Metrics for Prometheus and whatever reads its format: `Collector`. Needs `prometheus_client`, the extra `metrics`.

from gamesockets import metrics
from prometheus_client import REGISTRY, start_http_server

REGISTRY.register(metrics.Collector())
start_http_server(9100, "127.0.0.1")
"""

from gamesockets.metrics.collector import Collector

__all__ = ["Collector"]
