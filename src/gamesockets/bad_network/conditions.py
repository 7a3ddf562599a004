"""Which bad network is to be simulated for all UDP of the process? (spec 3, 4.8)"""

from dataclasses import dataclass

from gamesockets.config.scopes import Configuration
from gamesockets.values.enums import ConfigurationValue

_V = ConfigurationValue


@dataclass(frozen=True, slots=True)
class NetworkConditions:
    """The bad network to be simulated for all UDP of the process (spec 3, 4.8), by default a perfect one.

    Percentages, 0..100, are the chance of one packet to meet this fate. Its delay is the lag, plus a random
    jitter, plus `reorder_time_ms` if it was picked for that; a copy follows at most `duplicate_time_max_ms`
    later. A rate limit of 0 is none; its burst is the size of the token bucket.
    """

    loss_send_percent: float = 0.0
    loss_receive_percent: float = 0.0
    lag_send_ms: int = 0
    lag_receive_ms: int = 0
    jitter_send_average_ms: float = 0.0
    jitter_send_max_ms: float = 100.0
    jitter_send_percent: float = 75.0
    jitter_receive_average_ms: float = 0.0
    jitter_receive_max_ms: float = 100.0
    jitter_receive_percent: float = 75.0
    reorder_send_percent: float = 0.0
    reorder_receive_percent: float = 0.0
    reorder_time_ms: int = 15
    duplicate_send_percent: float = 0.0
    duplicate_receive_percent: float = 0.0
    duplicate_time_max_ms: int = 10
    rate_limit_send_bytes_per_second: int = 0
    rate_limit_send_burst_bytes: int = 16_384
    rate_limit_receive_bytes_per_second: int = 0
    rate_limit_receive_burst_bytes: int = 16_384

    @classmethod
    def resolve(cls, configuration: Configuration) -> "NetworkConditions":
        """What is in force now. The values are global, so every configuration below gives the same object."""
        source = configuration.widest()
        stamp = source.stamp()
        resolved = source.resolved_globals
        if stamp != source.resolved_globals_stamp or not isinstance(resolved, NetworkConditions):
            resolved = _resolve(source)  # looking up twenty values for each new socket would cost more than the socket
            source.resolved_globals = resolved
            source.resolved_globals_stamp = stamp
        return resolved

    @property
    def send_active(self) -> bool:
        """Whether anything can happen to an outgoing packet."""
        jitter = min(self.jitter_send_average_ms, self.jitter_send_max_ms, self.jitter_send_percent)
        reorder = min(self.reorder_send_percent, self.reorder_time_ms)
        delayed = max(self.lag_send_ms, jitter, reorder)
        limited = self.rate_limit_send_bytes_per_second
        return max(self.loss_send_percent, delayed, self.duplicate_send_percent, limited) > 0

    @property
    def receive_active(self) -> bool:
        """Whether anything can happen to an incoming packet."""
        jitter = min(self.jitter_receive_average_ms, self.jitter_receive_max_ms, self.jitter_receive_percent)
        reorder = min(self.reorder_receive_percent, self.reorder_time_ms)
        delayed = max(self.lag_receive_ms, jitter, reorder)
        limited = self.rate_limit_receive_bytes_per_second
        return max(self.loss_receive_percent, delayed, self.duplicate_receive_percent, limited) > 0


def _resolve(configuration: Configuration) -> NetworkConditions:
    integer, number = configuration.integer, configuration.number
    return NetworkConditions(
        loss_send_percent=number(_V.FAKE_PACKET_LOSS_SEND),
        loss_receive_percent=number(_V.FAKE_PACKET_LOSS_RECV),
        lag_send_ms=integer(_V.FAKE_PACKET_LAG_SEND),
        lag_receive_ms=integer(_V.FAKE_PACKET_LAG_RECV),
        jitter_send_average_ms=number(_V.FAKE_PACKET_JITTER_SEND_AVG),
        jitter_send_max_ms=number(_V.FAKE_PACKET_JITTER_SEND_MAX),
        jitter_send_percent=number(_V.FAKE_PACKET_JITTER_SEND_PCT),
        jitter_receive_average_ms=number(_V.FAKE_PACKET_JITTER_RECV_AVG),
        jitter_receive_max_ms=number(_V.FAKE_PACKET_JITTER_RECV_MAX),
        jitter_receive_percent=number(_V.FAKE_PACKET_JITTER_RECV_PCT),
        reorder_send_percent=number(_V.FAKE_PACKET_REORDER_SEND),
        reorder_receive_percent=number(_V.FAKE_PACKET_REORDER_RECV),
        reorder_time_ms=integer(_V.FAKE_PACKET_REORDER_TIME),
        duplicate_send_percent=number(_V.FAKE_PACKET_DUP_SEND),
        duplicate_receive_percent=number(_V.FAKE_PACKET_DUP_RECV),
        duplicate_time_max_ms=integer(_V.FAKE_PACKET_DUP_TIME_MAX),
        rate_limit_send_bytes_per_second=integer(_V.FAKE_RATE_LIMIT_SEND_RATE),
        rate_limit_send_burst_bytes=integer(_V.FAKE_RATE_LIMIT_SEND_BURST),
        rate_limit_receive_bytes_per_second=integer(_V.FAKE_RATE_LIMIT_RECV_RATE),
        rate_limit_receive_burst_bytes=integer(_V.FAKE_RATE_LIMIT_RECV_BURST),
    )
