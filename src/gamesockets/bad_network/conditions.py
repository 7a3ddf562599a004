"""Which bad network is to be simulated for all UDP of the process? (spec 3, 4.8)"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gamesockets.config.fields import CONDITION_ROWS, with_defaults
from gamesockets.config.scopes import Configuration


@dataclass(frozen=True, init=False)
class NetworkConditions:
    """The bad network to be simulated for all UDP of the process (spec 3, 4.8), by default a perfect one.

    Percentages, 0..100, are the chance that this happens to a packet. Its delay is the lag, plus a random
    jitter, plus `reorder_time_ms` if it was picked for that; a copy follows at most `duplicate_time_max_ms`
    later. A rate limit of 0 is none; its burst is the size of the token bucket. The table names the configuration value
    that each field comes from.

    Args:
        fields: those that differ from the default, by name.

    Raises:
        TypeError: there is no such field.
    """

    loss_send_percent: float
    loss_receive_percent: float
    lag_send_ms: int
    lag_receive_ms: int
    jitter_send_average_ms: float
    jitter_send_max_ms: float
    jitter_send_percent: float
    jitter_receive_average_ms: float
    jitter_receive_max_ms: float
    jitter_receive_percent: float
    reorder_send_percent: float
    reorder_receive_percent: float
    reorder_time_ms: int
    duplicate_send_percent: float
    duplicate_receive_percent: float
    duplicate_time_max_ms: int
    rate_limit_send_bytes_per_second: int
    rate_limit_send_burst_bytes: int
    rate_limit_receive_bytes_per_second: int
    rate_limit_receive_burst_bytes: int

    def __init__(self, **fields: Any) -> None:
        for field, number in with_defaults(CONDITION_ROWS, fields).items():
            object.__setattr__(self, field, number)  # the class is frozen

    @classmethod
    def resolve(cls, configuration: Configuration) -> "NetworkConditions":
        """What is in force now. The values are global, so every configuration below gives the same object."""
        return configuration.widest().resolve(NetworkConditions, CONDITION_ROWS)

    @cached_property
    def is_active(self) -> bool:
        """Whether anything can happen to any packet. Each of thousands of sockets asks when it is opened."""
        return self.send_active or self.receive_active

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
