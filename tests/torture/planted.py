"""Faults of the kind that people make, put into the running code: can the explorer see them?

    python -m tests.torture.planted                     # all of them, ten minutes at most for each
    python -m tests.torture.planted keepalive_is_lost   # this one

Each is planted in a process of its own, in pure Python: compiled code cannot be patched. The seeds of
`gamesockets torture` are played from 0 on until one breaks a promise. Exit status: 0 if every fault was found.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import count
from typing import Any, Final, NamedTuple, TypeAlias

import pytest

from gamesockets.build import COMPILED
from gamesockets.connection import closing
from gamesockets.connection.inbox import Inbox
from gamesockets.connection.liveness import Liveness
from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.receive import acks, unreliable
from gamesockets.receive.memory import MemoryShare
from gamesockets.receive.reliable import ReliableStream
from gamesockets.receive.replay_window import DUPLICATE, NEW, ReplayWindow
from gamesockets.send.flight import Flight
from gamesockets.send.lanes import Lanes
from gamesockets.send.loss import LossDetection
from gamesockets.send.reliable import IN_FLIGHT, RetryQueue
from gamesockets.send.sender import Sender
from gamesockets.torture.seeds import form_of, play, scenario_of
from gamesockets.values.moments import NEVER
from gamesockets.wire import frames

Plant: TypeAlias = Callable[[pytest.MonkeyPatch], None]

FAULTS: Final[dict[str, Plant]] = {}
"""By name."""

SECONDS: Final = 600.0
"""So long the explorer may look for each."""


def fault(plant: Plant) -> Plant:
    FAULTS[plant.__name__] = plant
    return plant


@fault
def replay_window_takes_duplicates(patch: pytest.MonkeyPatch) -> None:
    """An off-by-one in the window: the newest number is taken once more."""
    check = ReplayWindow.check

    def wrong(self: ReplayWindow, number: int) -> int:
        verdict = check(self, number)
        return NEW if verdict == DUPLICATE and number == self.newest else verdict

    patch.setattr(ReplayWindow, "check", wrong)


@fault
def ack_timer_is_lost(patch: pytest.MonkeyPatch) -> None:
    """The deadline of acknowledgements is not among those of the connection."""
    patch.setattr(acks.AckReporter, "deadline", lambda self: NEVER)


@fault
def nacks_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Ack frames tell of what arrived, and not of what is missing: it counts as received."""
    encode = frames.encode_ack
    patch.setattr(acks, "encode_ack", lambda latest, delay, blocks: encode(latest, delay, []))


@fault
def keepalive_is_lost(patch: pytest.MonkeyPatch) -> None:
    """The deadline of the keepalive is not among those of the connection."""
    next_time = Liveness.next_time

    def wrong(self: Liveness) -> int:
        return NEVER if self._reply_by == NEVER and not self._misses else next_time(self)

    patch.setattr(Liveness, "next_time", wrong)


@fault
def answers_do_not_count(patch: pytest.MonkeyPatch) -> None:
    """What the peer sends does not end the count of missed replies."""

    def wrong(self: Liveness, now: int) -> None:
        if not self._misses:
            self._reply_by = NEVER
            self.last_heard_at = now

    patch.setattr(Liveness, "heard", wrong)


@fault
def hole_is_closed_one_byte_late(patch: pytest.MonkeyPatch) -> None:
    """An off-by-one where a segment overlaps what is known."""
    insert = ReliableStream.insert

    def wrong(self: ReliableStream, begin: int, data: bytes, limit_bytes: int) -> bool:
        known_end = self.base + len(self.buffer)
        return insert(self, begin + 1 if begin > known_end else begin, data, limit_bytes)

    patch.setattr(ReliableStream, "insert", wrong)


@fault
def lost_segments_are_acknowledged(patch: pytest.MonkeyPatch) -> None:
    """What the peer reports missing counts as received."""

    def wrong(self: LossDetection, number: int, packet: Any) -> int:
        for segment in packet.segments:
            if segment.state == IN_FLIGHT:
                self._retries.acknowledge(segment)
        return 0

    patch.setattr(LossDetection, "_lose", wrong)


@fault
def pieces_of_two_messages_are_mixed(patch: pytest.MonkeyPatch) -> None:
    """The pieces of an unreliable message are kept under half its number."""
    insert = unreliable.UnreliableReassembly.insert

    def wrong(self: unreliable.UnreliableReassembly, number: int, offset: int, is_last: bool, data: bytes) -> Any:
        return insert(self, number // 2, offset, is_last, data)

    patch.setattr(unreliable.UnreliableReassembly, "insert", wrong)


@fault
def closing_leaves_messages(patch: pytest.MonkeyPatch) -> None:
    """Messages that come while a closed connection lingers are delivered."""
    from gamesockets.connection import datagram_connection

    patch.setattr(datagram_connection, "DISCARDING", 0)
    patch.setattr(Inbox, "discard", lambda self, peer: None)


@fault
def memory_is_not_given_back(patch: pytest.MonkeyPatch) -> None:
    """A connection that ends keeps its share of the pool."""
    patch.setattr(MemoryShare, "close", lambda self: None)


@fault
def ended_connections_stay(patch: pytest.MonkeyPatch) -> None:
    """The deadline after which a closed connection is forgotten is dropped when something comes meanwhile."""
    touch = Endpoint._see_to_answers

    def wrong(self: Endpoint, connection: Any, now: int) -> None:
        if not connection.data_flows:
            connection.timers.expiry = NEVER
        touch(self, connection, now)

    patch.setattr(Endpoint, "_see_to_answers", wrong)


@fault
def peers_are_told_another_reason(patch: pytest.MonkeyPatch) -> None:
    """The reason of a close is told one too high."""
    encode = closing.encode_closed
    patch.setattr(
        closing, "encode_closed", lambda own_id, peer_id, reason, debug: encode(own_id, peer_id, reason + 1, debug)
    )


@fault
def send_buffer_has_no_limit(patch: pytest.MonkeyPatch) -> None:
    """Bytes that wait to be repeated are not counted when a message is queued."""

    def wrong(self: Sender, data: bytes, flags: int, lane_index: int, now: int) -> int:
        options, self._options = self._options, unlimited
        try:
            return send(self, data, flags, lane_index, now)
        finally:
            self._options = options

    from gamesockets.config.options import ConnectionOptions

    unlimited = ConnectionOptions(send_buffer_size_bytes=1 << 30)
    send = Sender.send
    patch.setattr(Sender, "send", wrong)


def flight_has_no_limit(patch: pytest.MonkeyPatch) -> None:
    """Packets leave without end although the peer reports nothing."""
    patch.setattr(Flight, "is_full", lambda self: False)


@fault
def lanes_are_confused(patch: pytest.MonkeyPatch) -> None:
    """New data overtakes repeated data of another lane in the lane's own numbering."""
    add = RetryQueue.add

    def wrong(self: RetryQueue, segment: Any, widens_hole: bool) -> None:
        if segment.stream.index == 1:
            segment.position += 1
        add(self, segment, widens_hole)

    patch.setattr(RetryQueue, "add", wrong)


@fault
def acks_never_rest(patch: pytest.MonkeyPatch) -> None:
    """An ack asks for an ack: two idle ends talk for ever."""
    received = acks.AckReporter.received

    def wrong(self: acks.AckReporter, number: int, wants_ack: bool, now: int) -> None:
        received(self, number, True, now)

    patch.setattr(acks.AckReporter, "received", wrong)


@fault
def refused_segments_are_acknowledged(patch: pytest.MonkeyPatch) -> None:
    """What did not fit into the receive buffer is reported as received."""
    from gamesockets.connection import traffic

    patch.setattr(traffic, "NOT_ACKNOWLEDGED", 1 << 20)


@fault
def first_lane_starves(patch: pytest.MonkeyPatch) -> None:
    """A lane whose peer had no room stays blocked after progress."""
    on_progress = LossDetection.on_progress

    def wrong(self: LossDetection, now: int) -> None:
        blocked = [lane.blocked for lane in self._lanes.lanes]
        on_progress(self, now)
        for lane, was_blocked in zip(self._lanes.lanes, blocked, strict=True):
            lane.blocked = was_blocked

    patch.setattr(LossDetection, "on_progress", wrong)


@fault
def reading_frees_nothing(patch: pytest.MonkeyPatch) -> None:
    """Messages that the application has read still count against the receive buffer."""
    from gamesockets.connection import inbox

    patch.setattr(inbox, "_release", lambda taken: None)


@fault
def packets_forget_their_lane(patch: pytest.MonkeyPatch) -> None:
    """Unreliable messages of other lanes are sent on the first."""
    enqueue = Lanes.enqueue

    def wrong(self: Lanes, lane: Any, data: bytes, size: int, is_reliable: bool) -> Any:
        return enqueue(self, lane if is_reliable else self.lanes[0], data, size, is_reliable)

    patch.setattr(Lanes, "enqueue", wrong)


@fault
def each_segment_looks_at_all_islands(patch: pytest.MonkeyPatch) -> None:
    """Receiving is quadratic: a segment costs as much as there are bytes behind holes."""
    insert = ReliableStream.insert

    def wrong(self: ReliableStream, begin: int, data: bytes, limit_bytes: int) -> bool:
        for island in self._islands:
            island.size()
        return insert(self, begin, data, limit_bytes)

    patch.setattr(ReliableStream, "insert", wrong)


@fault
def each_ack_looks_at_all_packets(patch: pytest.MonkeyPatch) -> None:
    """Receiving is quadratic: an ack frame costs as much as there are packets on their way, however little is new."""
    report_missing = Flight.report_missing

    def wrong(self: Flight, begin: int, end: int) -> list[Any]:
        for number in range(begin, min(end, self.next_number)):
            self.get(number)
        return report_missing(self, begin, end)

    patch.setattr(Flight, "report_missing", wrong)


# ---------------------------------------------------------------------- the hunt


class Catch(NamedTuple):
    """What came of looking for a fault; `violation` is empty if it was not found."""

    name: str
    seed: int
    violation: str
    seconds: float


def hunt(name: str, seeds: Iterable[int], seconds: float = SECONDS) -> Catch:
    """Plants a fault in this process and plays seeds until one fails, or the time is over. Patch it back yourself."""
    began = time.monotonic()
    seed = -1
    for seed in seeds:
        outcome = play(scenario_of(seed))
        took_s = time.monotonic() - began
        if outcome.violation or took_s > seconds:
            return Catch(name, seed, outcome.violation, took_s)
    return Catch(name, seed, "", time.monotonic() - began)


def _hunt_alone(name: str, seconds: float) -> Catch:
    FAULTS[name](pytest.MonkeyPatch())
    return hunt(name, count(), seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture.planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="FAULT", help="which; by default all")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for each fault")
    parser.add_argument("-j", "--processes", type=int, default=1, help="how many at once")
    options = parser.parse_args()
    names = options.names or sorted(FAULTS)
    unknown = sorted(set(names) - FAULTS.keys())
    if unknown:
        parser.error(f"no such fault: {', '.join(unknown)}")
    if COMPILED:
        parser.error("compiled code cannot be patched: use the pure build")
    missed = 0
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.processes, mp_context=context, max_tasks_per_child=1) as executor:
        for done in as_completed([executor.submit(_hunt_alone, name, options.seconds) for name in names]):
            name, seed, violation, took_s = done.result()
            missed += not violation
            found = f"seed {seed} ({form_of(seed)})" if violation else f"NOT FOUND up to seed {seed}"
            print(f"{name:42} {found:20} {took_s:6.1f} s  {violation}", flush=True)
    print(f"{len(names) - missed} of {len(names)} planted faults found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
