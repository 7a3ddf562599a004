"""What to tell the peer about the packets that came: holes, deadlines, the ack frame (spec 2, 2.6).

The list holds the *missing* ranges, oldest first. What lies above the last hole, up to `next_number`, is received.
An ack frame must account for every hole between the peer's last stop-waiting value and its `latest`, because
whatever it does not mention counts as received.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.moments import NEVER
from gamesockets.wire.frames import ACK_HEADER_BYTES, AckBlock, ack_block_length, encode_ack

ACK_DELAY_US: Final = 50_000
NACK_HOLD_OFF_US: Final = 3_000
HOLES_MAX: Final = 60
BLOCKS_MAX: Final = 64

BULK_HOLES_MAX: Final = 240
"""The same, both, towards a peer of ours, which has more in flight and reads longer frames."""

REPEATS: Final = 2
"""An ack frame is one loss away from a needless retransmission, so what it says goes out twice if packets leave."""

_MERGE_CANDIDATES: Final = 10
_TRY_AGAIN_US: Final = 10_000
_UNKNOWN_TIME: Final = -1
_MAX_DELAY_US: Final = 65534 * 32


@mypyc_attr(acyclic=True)
@final
class Hole:
    """Missing packet numbers [begin, end)."""

    __slots__ = ("ack_by", "before_us", "begin", "end", "nack_ok")

    def __init__(self, begin: int, end: int, before_us: int, ack_by: int, nack_ok: int) -> None:
        self.begin = begin
        self.end = end
        self.before_us = before_us
        """When packet begin - 1 arrived."""
        self.ack_by = ack_by
        """Deadline for reporting everything below `begin`."""
        self.nack_ok = nack_ok
        """From when on this hole may be reported without an ack deadline that forces it."""


@mypyc_attr(acyclic=True)
@final
class AckReporter:
    """Receiver's side of acknowledgements for one connection."""

    __slots__ = (
        "_before_us",
        "_deadline",
        "_holes",
        "_minimum",
        "_minimum_set_by",
        "_repeats",
        "_reported",
        "_unbounded_by",
        "has_news",
        "is_bulk",
        "next_number",
    )

    def __init__(self, next_number: int) -> None:
        self.next_number = next_number
        """One above the highest packet that may be reported."""
        self._before_us = _UNKNOWN_TIME
        self._unbounded_by = NEVER
        """Deadline for reporting everything."""
        self._deadline = NEVER
        """The earliest of all deadlines."""
        self._holes: list[Hole] = []
        self.is_bulk = False
        """The peer is ours: it takes reports of more holes at once."""
        self._reported = 0
        self._minimum = 0
        self._minimum_set_by = 0
        self._repeats = 0
        self.has_news = False
        """Whether a packet that leaves anyway should carry an ack frame. Without news there is no deadline either."""

    def deadline(self) -> int:
        """When an ack has to leave; NEVER if nothing asks for one."""
        return self._deadline

    def nack_wanted_at(self) -> int:
        """From when on there is a hole worth a packet of its own; NEVER if none."""
        if self._reported < len(self._holes):
            return self._holes[self._reported].nack_ok
        return NEVER

    def received(self, number: int, wants_ack: bool, now: int) -> None:
        """A packet was processed completely; `wants_ack` if it carried reliable data."""
        if number < self._minimum:
            return
        self._repeats = REPEATS
        self.has_news = True
        if number == self.next_number:
            self.next_number = number + 1
            self._before_us = now
            if wants_ack and self._unbounded_by > now + ACK_DELAY_US:
                self._unbounded_by = now + ACK_DELAY_US
                self._deadline = min(self._deadline, self._unbounded_by)
        elif number > self.next_number:
            hole = Hole(self.next_number, number, self._before_us, self._unbounded_by, now + NACK_HOLD_OFF_US)
            self._holes.append(hole)
            self.next_number = number + 1
            self._before_us = now
            self._unbounded_by = now + ACK_DELAY_US if wants_ack else NEVER
            self._deadline = min(self._deadline, self._unbounded_by)
            if len(self._holes) > HOLES_MAX:
                self._bound_holes()
        else:
            self._fill(number, wants_ack, now)

    def flush_by(self, deadline: int) -> None:
        """Everything received so far is to be reported by `deadline` at the latest."""
        if self._unbounded_by > deadline:
            self._unbounded_by = deadline
            self._deadline = min(self._deadline, deadline)
            self.has_news = True

    def stop_waiting(self, value: int, packet_number: int) -> bool:
        """The peer needs no reports below `value`; False if it takes back what it said in an older packet."""
        value = min(value, self.next_number - 1)
        if value <= self._minimum:
            return value == self._minimum or packet_number < self._minimum_set_by
        self._minimum = value
        self._minimum_set_by = packet_number
        holes = self._holes
        done = 0
        while done < len(holes) and holes[done].end <= value:
            done += 1
        if done:
            ack_by = min([hole.ack_by for hole in holes[:done]])
            del holes[:done]
            self._reported = max(0, self._reported - done)
            self._report_below(0, ack_by)
        if holes and holes[0].begin < value:
            holes[0].begin = value
        return True

    def frame(self, now: int, due: int, room: int) -> bytes:
        """The ack frame for `now` in at most `room` bytes, empty if not even its header fits.

        Reports that fall due until `due` are forced; holes younger than the hold-off wait for late packets.
        """
        if room < ACK_HEADER_BYTES:
            return b""
        holes = self._holes
        if not holes:
            self._unbounded_by = self._deadline = NEVER
            self._repeats -= 1
            self.has_news = self._repeats > 0
            return encode_ack(self.next_number - 1, self._delay(self._before_us, now), [])
        forced = len(holes) if self._unbounded_by <= due else 0
        for index, hole in enumerate(holes):
            if hole.ack_by <= due and index > forced:
                forced = index
        room -= ACK_HEADER_BYTES
        blocks: list[AckBlock] = []
        blocks_max = BULK_HOLES_MAX if self.is_bulk else BLOCKS_MAX
        for index, hole in enumerate(holes):
            if index >= forced and index >= self._reported and now < hole.nack_ok:
                break
            above = holes[index + 1].begin if index + 1 < len(holes) else self.next_number
            block = (above - hole.end, hole.end - hole.begin)
            room -= ack_block_length(block) + (1 if len(blocks) == 6 else 0)
            if room < 0 or len(blocks) == blocks_max:
                break
            blocks.append(block)
        count = len(blocks)
        for hole in holes[: count + 1]:
            hole.ack_by = NEVER
        if self._reported < count:
            self._reported = count
        if count < len(holes):
            latest, before_us = holes[count].begin - 1, holes[count].before_us
            # What a full frame left out is tried again all at once: else each hole had packets of its own for that.
            self._postpone(count, due if room >= 0 else max(due, now + _TRY_AGAIN_US), now)
        else:
            latest, before_us = self.next_number - 1, self._before_us
            self._unbounded_by = NEVER
            self._repeats -= 1
            self.has_news = self._repeats > 0
        self._deadline = self._unbounded_by
        for hole in holes:
            if hole.ack_by < self._deadline:
                self._deadline = hole.ack_by
        blocks.reverse()
        return encode_ack(latest, self._delay(before_us, now), blocks)

    def _postpone(self, reported: int, due: int, now: int) -> None:
        """What found no room is tried again soon, but not in the very next packet."""
        again = now + _TRY_AGAIN_US
        for hole in self._holes[reported:]:
            if hole.ack_by <= due:
                hole.ack_by = again
            if hole.nack_ok <= now:
                hole.nack_ok = again
        if self._unbounded_by <= due:
            self._unbounded_by = again

    @staticmethod
    def _delay(before_us: int, now: int) -> int:
        if before_us == _UNKNOWN_TIME or now - before_us > _MAX_DELAY_US:
            return _UNKNOWN_TIME
        return now - before_us

    def _fill(self, number: int, wants_ack: bool, now: int) -> None:
        holes = self._holes
        index = self._hole_above(number)
        if index == len(holes) or number < holes[index].begin:
            return
        hole = holes[index]
        following = index + 1
        if hole.end - hole.begin == 1:
            del holes[index]
            if index < self._reported:
                self._reported -= 1
            following = index
            self._report_below(following, hole.ack_by)
        elif number == hole.begin:
            hole.begin += 1
            hole.before_us = now
            following = index
        elif number == hole.end - 1:
            hole.end = number
        else:
            holes.insert(following, Hole(number + 1, hole.end, now, NEVER, hole.nack_ok))
            hole.end = number
            if index < self._reported:
                self._reported += 1
        if wants_ack:
            self._report_below(following, now + ACK_DELAY_US)
        if len(holes) > HOLES_MAX:
            self._bound_holes()

    def _hole_above(self, number: int) -> int:
        """The index of the first hole that ends above `number`."""
        holes = self._holes
        low = 0
        high = len(holes)
        while low < high:
            middle = (low + high) // 2
            if holes[middle].end <= number:
                low = middle + 1
            else:
                high = middle
        return low

    def _report_below(self, index: int, deadline: int) -> None:
        """Everything below the hole at `index` is to be reported by `deadline`."""
        if index < len(self._holes):
            hole = self._holes[index]
            hole.ack_by = min(hole.ack_by, deadline)
            self._deadline = min(self._deadline, deadline)
        else:
            self.flush_by(deadline)

    def _bound_holes(self) -> None:
        """Called with more than `HOLES_MAX` holes."""
        if not self.is_bulk or len(self._holes) > BULK_HOLES_MAX:
            self._merge_two()

    def _merge_two(self) -> None:
        """Gives up the shortest run of received packets between two old holes: it will be reported missing."""
        holes = self._holes
        best = 0
        best_run = NEVER
        for index in range(min(_MERGE_CANDIDATES, len(holes) - 1)):
            run = holes[index + 1].begin - holes[index].end
            if run < best_run:
                best, best_run = index, run
        removed = holes.pop(best + 1)
        holes[best].end = removed.end
        if best + 1 < self._reported:
            self._reported -= 1
        self._report_below(best + 1, removed.ack_by)
