"""One of our connections sends, the reference model receives and answers: in simulated time, over a chosen network."""

from collections.abc import Callable
from heapq import heappop, heappush

from tests.support.captures import Message
from tests.support.rig import Rig

from gamesockets.torture.reference_receiver import ReferenceModel
from gamesockets.wire.datagram import decode_stats

Network = Callable[[int], list[int]]
"""After how many microseconds copies of the packet with this number arrive; none if it is lost."""


def at_once(number: int) -> list[int]:
    """A perfect network."""
    return [0]


class Exchange:
    """Runs until nothing moves any more. Times are those of the rig's clock."""

    def __init__(self, rig: Rig, model: ReferenceModel, there: Network = at_once, back: Network = at_once) -> None:
        self.rig = rig
        self.model = model
        self.received: list[Message] = []
        """What the model's application got, with an empty side."""
        self._there = there
        self._back = back
        self._heap: list[tuple[int, int, Callable[[], None]]] = []
        self._order = 0
        self._forwarded = 0

    def at(self, time_us: int, action: Callable[[], None]) -> None:
        """Something happens at that time."""
        self._order += 1
        heappush(self._heap, (time_us, self._order, action))

    def run(self, until_us: int) -> None:
        """Time passes."""
        self._forward()
        while True:
            happens_at = self._heap[0][0] if self._heap else until_us + 1
            step = min(happens_at, self.model.acks.deadline(), self.rig.endpoint.next_timer())
            if step > until_us:
                break
            self.rig.run_until(max(step, self.rig.now))
            if happens_at <= step:
                heappop(self._heap)[2]()
                self.rig.drain()
            self._answer()
            self._forward()
        self.rig.run_until(until_us)

    def _forward(self) -> None:
        """New packets of ours go on their way."""
        sent = self.rig.sent
        while self._forwarded < len(sent):
            packet = sent[self._forwarded]
            self._forwarded += 1
            flags = 0
            if packet.stats:
                stats = decode_stats(packet.stats)
                assert stats is not None
                flags = stats.flags
            for delay_us in self._there(packet.number):
                self.at(packet.time_us + delay_us, self._arrival(packet.number, packet.payload, flags))

    def _arrival(self, number: int, payload: bytes, flags: int) -> Callable[[], None]:
        def arrive() -> None:
            self.model.receive(number, payload, self.rig.now, flags)
            for row in self.model.take():
                self.received.append(Message("", row.number, row.lane, row.reliable, row.data))

        return arrive

    def _answer(self) -> None:
        answer = self.model.answer(self.rig.now)
        if answer is not None:
            number, payload = answer
            for delay_us in self._back(number):
                self.at(self.rig.now + delay_us, lambda: self.rig.inject(number, payload))
