"""The simulated bad network in front of a real socket, one link for each direction (spec 3, 4.8)."""

from functools import lru_cache
from random import Random
from typing import Final, final

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.bad_network.link import Conditions, Link, TokenBucket

_PERCENT: Final = 100
_MS_PER_SECOND: Final = 1000

_SENT: Final = TokenBucket()
_RECEIVED: Final = TokenBucket()
"""The rate limits count all UDP of the process together (spec 3, 4.7). Threads that use one at the same
time may let a few datagrams too many pass."""


@lru_cache(maxsize=4)
def outgoing_conditions(conditions: NetworkConditions) -> Conditions:
    """The Fake... values for sending, in the units of the simulation."""
    return Conditions(
        latency=conditions.lag_send_ms / _MS_PER_SECOND,
        jitter_average=conditions.jitter_send_average_ms / _MS_PER_SECOND,
        jitter_maximum=conditions.jitter_send_max_ms / _MS_PER_SECOND,
        jitter_probability=conditions.jitter_send_percent / _PERCENT,
        loss=conditions.loss_send_percent / _PERCENT,
        reorder=conditions.reorder_send_percent / _PERCENT,
        reorder_delay=conditions.reorder_time_ms / _MS_PER_SECOND,
        duplicate=conditions.duplicate_send_percent / _PERCENT,
        duplicate_delay_maximum=conditions.duplicate_time_max_ms / _MS_PER_SECOND,
        rate_bytes_per_second=conditions.rate_limit_send_bytes_per_second,
        rate_burst_bytes=conditions.rate_limit_send_burst_bytes,
    )


@lru_cache(maxsize=4)
def incoming_conditions(conditions: NetworkConditions) -> Conditions:
    """The Fake... values for receiving, in the units of the simulation."""
    return Conditions(
        latency=conditions.lag_receive_ms / _MS_PER_SECOND,
        jitter_average=conditions.jitter_receive_average_ms / _MS_PER_SECOND,
        jitter_maximum=conditions.jitter_receive_max_ms / _MS_PER_SECOND,
        jitter_probability=conditions.jitter_receive_percent / _PERCENT,
        loss=conditions.loss_receive_percent / _PERCENT,
        reorder=conditions.reorder_receive_percent / _PERCENT,
        reorder_delay=conditions.reorder_time_ms / _MS_PER_SECOND,
        duplicate=conditions.duplicate_receive_percent / _PERCENT,
        duplicate_delay_maximum=conditions.duplicate_time_max_ms / _MS_PER_SECOND,
        rate_bytes_per_second=conditions.rate_limit_receive_bytes_per_second,
        rate_burst_bytes=conditions.rate_limit_receive_burst_bytes,
    )


@final
class Impairment:
    """Both directions of one socket. While nothing is simulated it has no links, and costs one comparison a batch."""

    __slots__ = ("_conditions", "_incoming", "_outgoing", "_random", "_wanted")

    def __init__(self, conditions: NetworkConditions, random: Random) -> None:
        self._random = random
        self._conditions = conditions
        self._wanted = False
        self._outgoing: Link | None = None
        self._incoming: Link | None = None
        self.set_conditions(conditions)

    @property
    def outgoing(self) -> Link:
        """What is sent passes through it."""
        if self._outgoing is None:
            self._outgoing = Link(self._random, outgoing_conditions(self._conditions), bucket=_SENT)
        return self._outgoing

    @property
    def incoming(self) -> Link:
        """What has come passes through it."""
        if self._incoming is None:
            self._incoming = Link(self._random, incoming_conditions(self._conditions), bucket=_RECEIVED)
        return self._incoming

    @property
    def is_active(self) -> bool:
        """Whether datagrams have to pass through the links: also while they still hold some back."""
        if self._wanted:
            return True
        outgoing, incoming = self._outgoing, self._incoming
        return (outgoing is not None and outgoing.waiting > 0) or (incoming is not None and incoming.waiting > 0)

    def set_conditions(self, conditions: NetworkConditions) -> None:
        """From the next datagram on."""
        self._conditions = conditions
        self._wanted = conditions.is_active
        if self._outgoing is not None:
            self._outgoing.conditions = outgoing_conditions(conditions)
        if self._incoming is not None:
            self._incoming.conditions = incoming_conditions(conditions)

    def next_timer(self) -> int:
        """When the next delayed datagram is due in either direction."""
        return min(self.outgoing.next_timer(), self.incoming.next_timer())
