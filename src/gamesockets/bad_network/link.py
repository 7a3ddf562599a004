"""What does one direction of a bad network do to datagrams?

The same things, in the same order, as the reference library's simulated network conditions (spec 2, 2.13):
rate limit, loss, lag, jitter, reordering, duplication. Beyond those: a bottleneck with a queue, bursts of loss,
datagrams that are too large for the path, and corruption. No clock and no sockets: datagrams go in with the time and
come out when their time has come. Links with equal seeds and conditions do the same to equal input.
"""

from collections.abc import Hashable
from dataclasses import dataclass, fields, replace
from heapq import heappop, heappush
from math import log
from random import Random
from typing import Any, Final, final

from gamesockets.bad_network.bottleneck import DROPPED, Bottleneck
from gamesockets.values.moments import NEVER, US_PER_SECOND

__all__ = ["Conditions", "Link", "TokenBucket"]

_HEADER_BYTES: Final = 48  # IPv6 and UDP; charged to the queue, so that empty datagrams fill it too
_SMALLEST_DRAW: Final = 1e-6

_LONGEST_S: Final = 60
_TIME: Final = (0, _LONGEST_S, float, "seconds")
_SHARE: Final = (0, 1, float, "a probability")
_BYTES_MAXIMUM: Final = 1 << 40
_SWITCHES: Final = frozenset({"bottleneck_codel", "jitter_reorders"})
_RANGES: Final[dict[str, tuple[float, float, type, str]]] = {
    "latency": _TIME,
    "jitter_average": _TIME,
    "jitter_maximum": _TIME,
    "jitter_probability": _SHARE,
    "loss": _SHARE,
    "burst_start": _SHARE,
    "burst_end": (1e-6, 1, float, "a probability above 0"),
    "burst_loss": _SHARE,
    "corrupt": _SHARE,
    "mtu_bytes": (0, 65_535, int, "whole bytes"),
    "reorder": _SHARE,
    "reorder_delay": _TIME,
    "duplicate": _SHARE,
    "duplicate_delay_maximum": _TIME,
    "rate_bytes_per_second": (0, _BYTES_MAXIMUM, int, "whole bytes per second"),
    "rate_burst_bytes": (0, _BYTES_MAXIMUM, int, "whole bytes"),
    "bottleneck_bytes_per_second": (0, _BYTES_MAXIMUM, int, "whole bytes per second"),
    "bottleneck_queue": _TIME,
    "bottleneck_queue_bytes": (0, _BYTES_MAXIMUM, int, "whole bytes"),
    "queue_limit_bytes": (1, _BYTES_MAXIMUM, int, "whole bytes"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How bad a network is. The defaults are those of the configuration values: perfect until one is set.

    Times are in seconds, 0 to 60; shares are probabilities, 0 to 1; numbers of bytes are whole.

    Raises:
        ValueError: a value is out of range; the text names the field, its range and the value.
    """

    latency: float = 0.0
    """Delay of every datagram."""
    jitter_average: float = 0.0
    """Mean of the extra delay, which is distributed exponentially; 0 turns jitter off."""
    jitter_maximum: float = 0.1
    """The extra delay is cut off here; 0 turns jitter off."""
    jitter_probability: float = 0.75
    """Share of datagrams that get an extra delay. The others still do not overtake them, unless `jitter_reorders`."""
    jitter_reorders: bool = False
    """Datagrams with a shorter extra delay overtake those with a longer one, as on some radio links."""
    loss: float = 0.0
    """Share of datagrams that vanish."""
    burst_start: float = 0.0
    """Share of datagrams at which a burst of losses begins (the Gilbert-Elliott model); 0 turns bursts off."""
    burst_end: float = 0.25
    """Share of datagrams in a burst at which it ends: a burst is 1 / `burst_end` datagrams long on average."""
    burst_loss: float = 1.0
    """Share of the datagrams in a burst that vanish, beside `loss`."""
    corrupt: float = 0.0
    """Share of datagrams in which one to three bits are changed, and the checksum of UDP does not notice."""
    mtu_bytes: int = 0
    """Datagrams with a larger UDP payload vanish without a word (a black hole); 0 takes all sizes."""
    reorder: float = 0.0
    """Share of datagrams that are held back by `reorder_delay`, so that later ones overtake them."""
    reorder_delay: float = 0.015
    """How long they are held back."""
    duplicate: float = 0.0
    """Share of datagrams that arrive twice."""
    duplicate_delay_maximum: float = 0.01
    """The copy is behind the original by up to this, uniformly distributed, and 1 µs."""
    rate_bytes_per_second: int = 0
    """Datagrams above this rate are dropped, not delayed; 0 is unlimited."""
    rate_burst_bytes: int = 16384
    """What may pass at once after a pause. With a rate and a burst of 0 nothing passes."""
    bottleneck_bytes_per_second: int = 0
    """The rate of the narrowest place: datagrams above it wait in a queue; 0 is none."""
    bottleneck_queue: float = 0.1
    """How long that queue is in seconds; what would wait longer is dropped."""
    bottleneck_queue_bytes: int = 0
    """How long it is in bytes of UDP payload, instead; 0: `bottleneck_queue` holds."""
    bottleneck_codel: bool = False
    """The queue drops early to stay short, by controlled delay (RFC 8289), instead of only when it is full."""
    queue_limit_bytes: int = 64 << 20
    """Room for datagrams on their way, each counted with 48 bytes of headers; the rest is dropped."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value: Any = getattr(self, field.name)
            if field.name in _SWITCHES:
                if not isinstance(value, bool):
                    raise ValueError(f"{field.name} must be True or False, not {value!r}")
                continue
            low, high, kind, unit = _RANGES[field.name]
            is_number = isinstance(value, (int, kind)) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                raise ValueError(f"{field.name} must be {low}..{high} ({unit}), not {value!r}")


_PERFECT: Final = Conditions()


@final
class TokenBucket:
    """How much may pass a rate limit at this moment. Several links may share one, and then share the limit.

    It starts full (spec 3, 17), may be overdrawn but not used while empty, and is counted in millionths of a byte, so
    that nothing is rounded.
    """

    __slots__ = ("_capacity", "_rate_bytes_per_second", "_time", "_tokens")

    def __init__(self) -> None:
        self._rate_bytes_per_second = 0
        self._capacity = 0
        self._tokens = 0
        self._time = NEVER

    def limit(self, rate_bytes_per_second: int, burst_bytes: int) -> None:
        """Sets the limit, 0 is none. A limit where there was none begins with a full bucket."""
        self._capacity = burst_bytes * US_PER_SECOND
        if self._rate_bytes_per_second:
            self._tokens = min(self._tokens, self._capacity)
        else:
            self._tokens = self._capacity
            self._time = NEVER
        self._rate_bytes_per_second = rate_bytes_per_second

    def passes(self, size_bytes: int, now: int) -> bool:
        """Takes a datagram out of the bucket, if it may pass."""
        if not self._rate_bytes_per_second:
            return True
        if self._time != NEVER:
            added = max(0, now - self._time) * self._rate_bytes_per_second
            self._tokens = min(self._tokens + added, self._capacity)
        self._time = now
        if self._tokens <= 0:
            return False
        self._tokens -= size_bytes * US_PER_SECOND
        return True


@final
class Link:
    """One direction of a network path, for datagrams with any kind of address.

    Counters, in datagrams: `entered`; `lost` (bursts included), `oversize_dropped`, `rate_dropped`, `queue_dropped` (no
    room, or dropped by the queue of the bottleneck); `reordered` (held back); `corrupted`; `duplicated` (copies made);
    `delivered` (copies included). At any time `entered` + `duplicated` equals `delivered` + `lost` +
    `oversize_dropped` + `rate_dropped` + `queue_dropped` + `waiting`.
    """

    __slots__ = (
        "_bottleneck",
        "_bottleneck_is_set",
        "_bucket",
        "_conditions",
        "_duplicate_delay_us",
        "_is_in_burst",
        "_jitter_average_us",
        "_jitter_maximum_us",
        "_jitter_memory",
        "_latency_us",
        "_queue",
        "_queued_bytes",
        "_random",
        "_reorder_delay_us",
        "_sequence",
        "corrupted",
        "delivered",
        "duplicated",
        "entered",
        "lost",
        "oversize_dropped",
        "queue_dropped",
        "rate_dropped",
        "reordered",
    )

    def __init__(
        self,
        random: Random | None = None,
        conditions: Conditions = _PERFECT,
        *,
        seed: int | None = None,
        latency: float | None = None,
        jitter: float | None = None,
        loss: float | None = None,
        reorder: float | None = None,
        duplicate: float | None = None,
        rate: int | None = None,
        bucket: TokenBucket | None = None,
    ) -> None:
        """A link with `conditions`, in which the keyword options replace single values.

        Args:
            random: where the draws come from; several links may share one. Not together with `seed`.
            conditions: all there is to set.
            seed: the same as `random=Random(seed)`; 0 when neither is given.
            latency: seconds.
            jitter: average extra delay in seconds, for every datagram, with a maximum of five times that.
            loss: probability.
            reorder: probability.
            duplicate: probability.
            rate: bytes per second, with a burst of 50 ms but at least 16384 bytes.
            bucket: of the rate limit, to share it with other links; its own by default.

        Raises:
            ValueError: a value is out of range, or both `random` and `seed` are given.
        """
        if random is not None and seed is not None:
            raise ValueError(f"a link takes random or seed, not both (seed was {seed!r})")
        options: dict[str, Any] = {
            "latency": latency,
            "loss": loss,
            "reorder": reorder,
            "duplicate": duplicate,
            "rate_bytes_per_second": rate,
        }
        if jitter is not None:
            maximum = min(5 * jitter, _LONGEST_S)
            options |= {"jitter_average": jitter, "jitter_maximum": maximum, "jitter_probability": 1.0}
        if rate is not None:
            options["rate_burst_bytes"] = max(16384, rate // 20)
        given = {name: value for name, value in options.items() if value is not None}
        self._random = Random(seed or 0) if random is None else random
        self._queue: list[tuple[int, int, bytes, Hashable]] = []
        self._queued_bytes = 0
        self._sequence = 0
        self._jitter_memory = -NEVER
        self._is_in_burst = False
        self._bucket = TokenBucket() if bucket is None else bucket
        self._bottleneck: Bottleneck | None = None
        self._bottleneck_is_set = False
        self._conditions = _PERFECT
        self._set_conditions(replace(conditions, **given) if given else conditions)
        self.entered = 0
        self.lost = 0
        self.oversize_dropped = 0
        self.corrupted = 0
        self.rate_dropped = 0
        self.queue_dropped = 0
        self.reordered = 0
        self.duplicated = 0
        self.delivered = 0

    @property
    def conditions(self) -> Conditions:
        """May be replaced at any time: it holds for datagrams that enter from then on."""
        return self._conditions

    @conditions.setter
    def conditions(self, conditions: Conditions) -> None:
        self._set_conditions(conditions)

    @property
    def waiting(self) -> int:
        """Datagrams on their way."""
        return len(self._queue)

    def receive_datagram(self, data: bytes, address: Hashable, now: int) -> None:
        """A datagram enters; `address` comes out with it as it is."""
        self.entered += 1
        conditions = self._conditions
        random = self._random.random
        if conditions.rate_bytes_per_second and not self._bucket.passes(len(data), now):
            self.rate_dropped += 1
            return
        if conditions.mtu_bytes and len(data) > conditions.mtu_bytes:
            self.oversize_dropped += 1
            return
        leaves_at = now
        if conditions.bottleneck_bytes_per_second:
            leaves_at = self._through_bottleneck(len(data), now)
            if leaves_at == DROPPED:
                self.queue_dropped += 1
                return
        if (conditions.loss and random() < conditions.loss) or (conditions.burst_start and self._is_lost_in_burst()):
            self.lost += 1
            return
        if conditions.corrupt and random() < conditions.corrupt:
            self.corrupted += 1
            data = self._corrupted(data)
        due = self._jittered(leaves_at + self._latency_us)
        if conditions.reorder and random() < conditions.reorder:
            self.reordered += 1
            due += self._reorder_delay_us
        self._enqueue(data, address, due)
        if conditions.duplicate and random() < conditions.duplicate:
            self.duplicated += 1
            self._enqueue(data, address, due + 1 + int(random() * self._duplicate_delay_us))

    def datagrams_to_send(self, now: int) -> list[tuple[bytes, Any]]:
        """What has arrived, in order of time, at equal times of entry; each with the address it entered with.

        Addresses are typed `Any` here because only the caller knows what kind it put in.
        """
        queue = self._queue
        due: list[tuple[bytes, Any]] = []
        while queue and queue[0][0] <= now:
            _, _, data, address = heappop(queue)
            self._queued_bytes -= len(data) + _HEADER_BYTES
            due.append((data, address))
        self.delivered += len(due)
        return due

    def next_timer(self) -> int:
        """When the next datagram arrives, which may be in the past; NEVER when none is on its way."""
        return self._queue[0][0] if self._queue else NEVER

    def handle_timer(self, now: int) -> None:
        """Nothing to do: all that time brings is arrivals, and `datagrams_to_send` hands those out."""

    def bottleneck_wait_us(self, now: int) -> int:
        """How long a datagram that enters now would wait in the queue of the bottleneck; 0 where there is none."""
        return 0 if self._bottleneck is None else self._bottleneck.wait_us(now)

    def _through_bottleneck(self, size_bytes: int, now: int) -> int:
        bottleneck = self._bottleneck
        if bottleneck is None:
            bottleneck = self._bottleneck = Bottleneck()
        if not self._bottleneck_is_set:
            self._bottleneck_is_set = True
            conditions = self._conditions
            bottleneck.set(
                conditions.bottleneck_bytes_per_second,
                _microseconds(conditions.bottleneck_queue),
                conditions.bottleneck_queue_bytes,
                conditions.bottleneck_codel,
                now,
            )
        return bottleneck.leaves_at(size_bytes, now)

    def _set_conditions(self, conditions: Conditions) -> None:
        self._bottleneck_is_set = False
        self._bucket.limit(conditions.rate_bytes_per_second, conditions.rate_burst_bytes)
        self._conditions = conditions
        self._latency_us = _microseconds(conditions.latency)
        self._jitter_average_us = conditions.jitter_average * US_PER_SECOND
        self._jitter_maximum_us = _microseconds(conditions.jitter_maximum)
        self._reorder_delay_us = _microseconds(conditions.reorder_delay)
        self._duplicate_delay_us = _microseconds(conditions.duplicate_delay_maximum)

    def _is_lost_in_burst(self) -> bool:
        """Whether the next datagram falls into a burst, and is lost there; a step of the Gilbert-Elliott chain."""
        conditions = self._conditions
        random = self._random.random
        self._is_in_burst = random() >= conditions.burst_end if self._is_in_burst else random() < conditions.burst_start
        return self._is_in_burst and random() < conditions.burst_loss

    def _corrupted(self, data: bytes) -> bytes:
        """The same size with one to three bits changed."""
        random = self._random
        spoiled = bytearray(data)
        for _ in range(random.randint(1, 3) if data else 0):
            spoiled[random.randrange(len(data))] ^= 1 << random.randrange(8)
        return bytes(spoiled)

    def _jittered(self, due: int) -> int:
        """Add a random delay. In order: at least until the delayed datagram ahead has passed; forget it once it has."""
        conditions = self._conditions
        delay = 0
        if (
            conditions.jitter_average
            and conditions.jitter_maximum
            and self._random.random() < conditions.jitter_probability
        ):
            draw = self._random.uniform(_SMALLEST_DRAW, 1.0)
            delay = min(int(-log(draw) * self._jitter_average_us), self._jitter_maximum_us)
        if conditions.jitter_reorders:
            return due + delay
        arrival = max(due + delay, self._jitter_memory + 1)
        self._jitter_memory = arrival if arrival > due else -NEVER
        return arrival

    def _enqueue(self, data: bytes, address: Hashable, due: int) -> None:
        size_bytes = len(data) + _HEADER_BYTES
        if self._queued_bytes + size_bytes > self._conditions.queue_limit_bytes:
            self.queue_dropped += 1
            return
        self._queued_bytes += size_bytes
        self._sequence += 1
        heappush(self._queue, (due, self._sequence, data, address))


def _microseconds(seconds: float) -> int:
    return round(seconds * US_PER_SECOND)
