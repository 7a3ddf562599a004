"""Does the model of the reference library's sender send what the reference library was recorded to send?

The model gets the messages of the recorded applications and the packets of the recorded peer, each at its time. The
segments of its packets must be those of the recorded packets.
"""

from heapq import heappop, heappush
from typing import Any, Final

import pytest
from tests.send.test_recorded_sending import IMPERFECT, LANES, NOT_COMPARABLE, SENDING, has_segments, rows_of
from tests.support.captures import OTHER, content, events, microseconds, packets

from gamesockets.torture.reference_receiver import Frame, ReferenceModel
from gamesockets.torture.reference_sender import ReferencePeer

START_US: Final = 1_000_000
PLAIN_MAX: Final = 1248
WAKE_US: Final = 100
"""What the reference library's thread takes to wake up for a message; others are queued meanwhile."""

UNTIL_QUIET_US: Final = 3_000_000


def segments_of(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["type"] in ("unreliable", "reliable", "select_lane")]


def decoded(number: int, payload: bytes) -> list[Frame]:
    reader = ReferenceModel(next_to_send=1 << 14)
    reader.newest = number - 1
    reader.receive(number, payload, 0)
    return reader.frames


def replay(name: str, side: str) -> list[list[Frame]]:
    """The segments of each packet of the model that has some."""
    peer = ReferencePeer(plain_max=PLAIN_MAX)
    if name in LANES and side == "client":
        peer.configure_lanes(*LANES[name])
    happens: list[tuple[int, int, Any]] = []
    for order, row in enumerate(rows_of(name, side)):
        heappush(happens, (START_US + microseconds(row["t_ms"]), order, row))
    for order, (time_us, is_sending, packet) in enumerate(events(name), 10_000):
        if not is_sending and packet.sender == OTHER[side]:
            heappush(happens, (START_US + time_us, order, packet))
    sent: list[list[Frame]] = []
    now = START_US
    woken_at = START_US
    while True:
        think_at = max(peer.think_at(now), now, woken_at)
        happens_at = happens[0][0] if happens else START_US + UNTIL_QUIET_US
        if min(think_at, happens_at) >= START_US + UNTIL_QUIET_US:
            return sent
        if happens_at <= think_at:
            now, _, what = heappop(happens)
            if isinstance(what, dict):
                woken_at = now + WAKE_US
                assert (
                    peer.send(content(what["seed"], what["size"]), what["flags"], what["lane"], now) == what["number"]
                )
            else:
                peer.receive(what.number, what.payload, now)
                peer.take()
        else:
            now = think_at
            for number, payload in peer.think(now):
                frames = decoded(number, payload)
                if has_segments(frames):
                    sent.append(segments_of(frames))


def without_repeats(sent: list[list[Frame]]) -> list[list[Frame]]:
    """Packets with something new: when something is repeated depends on timers of the recorded machine."""
    seen: set[tuple[int, int]] = set()
    new: list[list[Frame]] = []
    for frames in sent:
        places = {(frame["lane"], frame["pos"]) for frame in frames if frame["type"] == "reliable"}
        if not places or places - seen:
            new.append(frames)
        seen |= places
    return new


@pytest.mark.parametrize(("name", "side"), [row for row in SENDING if row[0] not in NOT_COMPARABLE])
def test_the_model_sends_what_was_recorded(name: str, side: str) -> None:
    recorded = [
        segments_of(packet.frames) for packet in packets(name) if packet.sender == side and has_segments(packet.frames)
    ]
    assert name not in IMPERFECT
    assert without_repeats(replay(name, side)) == without_repeats(recorded)


def test_what_is_lost_is_repeated_every_retry_timeout_as_it_was() -> None:
    """No back-off, the same segments, until they are acknowledged (spec 2, 2.8.3 and 2.8.4)."""
    peer = ReferencePeer()
    peer.send(bytes(3000), 9, 0, START_US)
    sent: list[tuple[int, list[Frame]]] = []
    now = START_US
    while now < START_US + 3_500_000:
        for number, payload in peer.think(now):
            frames = [frame for frame in decoded(number, payload) if frame["type"] == "reliable"]
            if frames:
                sent.append((now - START_US, frames))
        now = max(peer.think_at(now), now + 1)
    places = [[frame["pos"] for frame in frames] for _, frames in sent]
    assert places[:3] == [[1], [1138], [2275]]
    assert places[:3] * (len(places) // 3) == places
    times = [time_us for time_us, frames in sent if frames[0]["pos"] == 1]
    assert times == pytest.approx([0, 1_000_000, 2_000_000, 3_000_000], abs=20_000), "1 s without a ping"


@pytest.mark.parametrize(
    ("lane", "frame"), [(1, b"\x88"), (7, b"\x8e"), (8, b"\x8f"), (127, b"\x8f"), (128, b"\x8f\x80")]
)
def test_lane_numbers_from_eight_on_lose_a_byte(lane: int, frame: bytes) -> None:
    """Defect a of the reference sender (spec 2, 2.10)."""
    assert ReferencePeer._select_frame(lane) == frame
