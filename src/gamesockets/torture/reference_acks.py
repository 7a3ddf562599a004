"""Which acknowledgements would the reference library send? Its list of missing packets (spec 2, 2.6).

Written from the specification alone; it shares no code with the rest of the package.
"""

from dataclasses import dataclass
from typing import Final

FIRST_PACKET: Final = 2
ACK_DELAY_US: Final = 50_000
NACK_HOLD_OFF_US: Final = 3_000
NEVER: Final = 1 << 62


class FaultError(Exception):
    """The connection ends with this reason."""

    def __init__(self, reason: int, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass
class Gap:
    """Missing packet numbers [begin, end); the last entry is the sentinel, without an end (spec 2, 2.6.1)."""

    begin: int
    end: int
    before_us: int
    ack_by: int = NEVER
    nack_ok: int = NEVER


class Acks:
    """The list of missing packets and the ack frame made of it (spec 2, 2.6)."""

    def __init__(self) -> None:
        self.gaps = [Gap(FIRST_PACKET, FIRST_PACKET, -NEVER)]
        self.reported = 0
        self.minimum = 0
        self.minimum_set_by = 0

    def flush_by(self, deadline: int) -> None:
        """Everything is to be reported by then."""
        self.gaps[-1].ack_by = min(self.gaps[-1].ack_by, deadline)

    def deadline(self) -> int:
        """When an ack must leave."""
        return min(gap.ack_by for gap in self.gaps)

    def record(self, number: int, want_ack: bool, now: int) -> None:
        """A packet was accepted."""
        if number < self.minimum:
            return
        last = self.gaps[-1]
        if number == last.begin:
            last.begin += 1
            last.before_us = now
        elif number > last.begin:
            gap = Gap(last.begin, number, last.before_us, last.ack_by, now + NACK_HOLD_OFF_US)
            self.gaps[-1:] = [gap, Gap(number + 1, number + 1, now)]
        else:
            self._fill(number, want_ack, now)
            return
        if want_ack:
            self.flush_by(now + ACK_DELAY_US)
        if len(self.gaps) - 1 > 60:
            runs = [self.gaps[at + 1].begin - self.gaps[at].end for at in range(10)]
            at = runs.index(min(runs))
            self.gaps[at].end = self.gaps.pop(at + 1).end
            self.reported -= at + 1 < self.reported

    def _fill(self, number: int, want_ack: bool, now: int) -> None:
        for at, gap in enumerate(self.gaps[:-1]):
            if not gap.begin <= number < gap.end:
                continue
            follower = at + 1
            if gap.end - gap.begin == 1:
                del self.gaps[at]
                self.reported -= at < self.reported
                follower = at
            elif number == gap.begin:
                gap.begin += 1
                gap.before_us = now
                follower = at
            elif number == gap.end - 1:
                gap.end -= 1
            else:
                self.gaps.insert(at + 1, Gap(number + 1, gap.end, now, NEVER, gap.nack_ok))
                self.reported += at < self.reported
                gap.end = number
            if want_ack:
                self.gaps[follower].ack_by = min(self.gaps[follower].ack_by, now + ACK_DELAY_US)
            return

    def stop_waiting(self, value: int, packet: int) -> None:
        """The peer asks for nothing below `value` (spec 2, 2.6.3)."""
        value = min(value, self.gaps[-1].begin - 1)
        if value < self.minimum and packet >= self.minimum_set_by:
            raise FaultError(5002, "stop waiting went back")
        if value <= self.minimum:
            return
        self.minimum, self.minimum_set_by = value, packet
        while len(self.gaps) > 1 and self.gaps[0].end <= value:
            del self.gaps[0]
            self.reported -= self.reported > 0
        if len(self.gaps) > 1:
            self.gaps[0].begin = max(self.gaps[0].begin, value)

    def frame(self, now: int, slack_us: int) -> bytes:
        """The ack frame that leaves now, with room enough; deadlines within the slack count as due (spec 2, 2.6.4).

        A deadline covers what is older, too.
        """
        force = max([gap.begin for gap in self.gaps if gap.ack_by <= now + slack_us], default=-1)
        blocks: list[tuple[int, int]] = []
        for at, (gap, above) in enumerate(zip(self.gaps, self.gaps[1:], strict=False)):
            if at == self.reported:
                if above.begin > force and now < gap.nack_ok:
                    break
                self.reported += 1
            blocks.insert(0, (above.begin - gap.end, gap.end - gap.begin))
        newest = self.gaps[len(blocks)]
        for gap in self.gaps[: len(blocks) + 1]:
            gap.ack_by = NEVER
        delay = (now - newest.before_us) // 32
        if delay > 65534:
            delay = 65535
        count = len(blocks)
        frame = bytes([0x98 + min(count, 7)]) + ((newest.begin - 1) % 65536).to_bytes(2, "little")
        frame += delay.to_bytes(2, "little") + (bytes([count]) if count > 6 else b"")
        for acks, nacks in blocks:
            frame += bytes([_nibble(acks) * 16 + _nibble(nacks)]) + _upper(acks) + _upper(nacks)
        return frame


def _nibble(run: int) -> int:
    return run if run < 8 else 8 + run % 8


def _upper(run: int) -> bytes:
    if run < 8:
        return b""
    rest, groups = run // 8, b""
    while rest > 127:
        groups += bytes([rest % 128 + 128])
        rest //= 128
    return groups + bytes([rest])
