"""Does a watch find its server again, remember the last minute, and fit on the terminal?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import cast

import pytest

import gamesockets as gs
from gamesockets.cli.monitor_view import block, closing_line, document, plain_line, screen
from gamesockets.cli.monitor_watch import BACKOFF_MAX_SECONDS, Phase, Watch
from gamesockets.cli.sparkline import BARS
from gamesockets.values.message import PeerRecord

HERE = gs.Address("127.0.0.1", 27015)
THERE = gs.Address("::1", 27015)
STATE = gs.ConnectionState


def an_info(state: STATE, reason: int = 0, debug: str = "") -> gs.ConnectionInfo:
    return gs.ConnectionInfo(
        identity=gs.NetworkingIdentity.generic_string("hub"),
        user_data=-1,
        listen_socket=gs.ListenSocket(0),
        address=HERE,
        state=state,
        end_reason=reason,
        end_debug=debug,
        connection_description="",
        flags=gs.ConnectionInfoFlags.UNAUTHENTICATED,
    )


A_PATH = gs.PathStatus("cruise", 2_000_000, 1_900_000, 150_000, 80_000, 40_100, 1_200, 0.013, 20, 3)


def a_status(ping: int = 12, quality: float = 1.0, path: gs.PathStatus = A_PATH) -> gs.ConnectionStatus:
    return gs.ConnectionStatus(
        state=STATE.CONNECTED,
        ping=ping,
        connection_quality_local=quality,
        connection_quality_remote=-1,
        out_packets_per_second=12345.6,
        out_bytes_per_second=12_345_678.9,
        in_packets_per_second=1.5,
        in_bytes_per_second=150.0,
        send_rate_bytes_per_second=262144,
        pending_unreliable=1,
        pending_reliable=2000,
        sent_unacked_reliable=30000,
        queue_time=1500,
        max_jitter=420,
        path=path,
    )


class FakeSockets:
    """Sockets on which nothing happens unless the test says so."""

    def __init__(self) -> None:
        self.connects: list[gs.Address] = []
        self.closed: list[int] = []
        self.sent: list[bytes] = []
        self.status = a_status()
        self.messages: list[gs.NetworkingMessage] = []
        self.broken = False

    def connect(self, address: gs.Address, config: Mapping[object, object]) -> gs.Connection:
        if self.broken:
            raise OSError(24, "Too many open files")
        self.connects.append(address)
        return gs.Connection(len(self.connects))

    def close_connection(self, connection: gs.Connection, reason: int = 0, debug: str = "") -> bool:
        self.closed.append(connection)
        return True

    def get_quick_connection_status(self, connection: gs.Connection) -> gs.ConnectionStatus:
        return self.status

    def get_lane_status(self, connection: gs.Connection) -> list[gs.LaneStatus]:
        return [gs.LaneStatus(1, 2000, 30000, 0)]

    def receive_messages_on_connection(self, connection: gs.Connection) -> list[gs.NetworkingMessage]:
        messages, self.messages = self.messages, []
        return messages

    def send_message_to_connection(self, connection: gs.Connection, data: bytes, flags: gs.SendFlags) -> gs.Result:
        self.sent.append(data)
        return gs.Result.OK


class Scene:
    """A watch on fake sockets."""

    def __init__(self, addresses: Sequence[gs.Address] = (HERE,), interval_s: float = 1.0, name: str = "hub") -> None:
        self.fake = FakeSockets()
        self.said: list[str] = []
        sockets = cast("gs.NetworkingSockets", self.fake)
        self.watch = Watch(name, addresses, sockets, interval_s, self.said.append)

    def connected(self, now_s: float) -> None:
        self.watch.tick(now_s)
        self.watch.on_status(an_info(STATE.CONNECTED), now_s)

    def lost(self, now_s: float) -> None:
        self.watch.on_status(an_info(STATE.PROBLEM_DETECTED_LOCALLY, 5003, "timed out"), now_s)


def test_it_connects_at_once_and_says_so() -> None:
    scene = Scene()
    scene.connected(0.0)
    assert scene.fake.connects == [HERE]
    assert scene.watch.phase is Phase.CONNECTED
    assert scene.said == ["hub: connected (127.0.0.1:27015, str:hub (unproven), encrypted)"]


def test_pauses_between_tries_grow_to_a_limit() -> None:
    scene = Scene()
    now, pauses = 0.0, []
    for _ in range(8):
        scene.watch.tick(now)
        scene.lost(now)
        assert scene.watch.phase is Phase.AWAY
        pauses.append(scene.watch.next_try_in_s(now))
        scene.watch.tick(now + pauses[-1] - 0.1)
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, BACKOFF_MAX_SECONDS, BACKOFF_MAX_SECONDS, BACKOFF_MAX_SECONDS]
    assert len(scene.fake.connects) == 8
    assert scene.fake.closed == list(range(1, 9))
    assert scene.said[0] == "hub: no answer; next try in 1 s"


def test_an_outage_is_told_and_a_steady_connection_is_forgiven() -> None:
    scene = Scene()
    scene.connected(0.0)
    scene.lost(100.0)
    assert scene.said[-1] == "hub: gone: it was lost (5003: timed out); next try in 1 s"
    scene.connected(101.0)
    assert scene.watch.problem == ""
    scene.lost(102.0)  # at once again: the pause grows
    assert scene.said[-1].endswith("next try in 2 s")
    scene.connected(110.0)
    scene.lost(130.0)
    assert scene.said[-1].endswith("next try in 1 s")
    assert scene.watch.outages == 3
    assert scene.watch.connected_for_s(1000.0) == 100 + 1 + 20


def test_other_addresses_of_a_name_are_tried_before_any_pause() -> None:
    scene = Scene([THERE, HERE])
    scene.watch.tick(0.0)
    scene.lost(5.0)
    assert scene.said == []
    scene.connected(5.0)
    assert scene.fake.connects == [THERE, HERE]
    scene.lost(6.0)
    scene.watch.tick(7.0)
    assert scene.fake.connects[-1] == HERE  # where it was


def test_a_socket_that_cannot_be_had_is_a_problem_not_a_crash() -> None:
    scene = Scene()
    scene.fake.broken = True
    scene.watch.tick(0.0)
    assert scene.fake.connects == []
    assert "Too many open files" in scene.said[0]
    scene.fake.broken = False
    scene.connected(1.0)
    assert scene.watch.phase is Phase.CONNECTED


def test_a_refusal_shows_the_reason_of_the_server_harmlessly() -> None:
    scene = Scene()
    scene.watch.tick(0.0)
    scene.watch.on_status(an_info(STATE.CLOSED_BY_PEER, 1001, "full\x1b[2J"), 0.0)
    assert scene.said == ["hub: refused (1001: full\N{REPLACEMENT CHARACTER}[2J); next try in 1 s"]


def test_probes_go_out_only_while_connected() -> None:
    scene = Scene()
    scene.watch.probe()
    scene.connected(0.0)
    scene.watch.probe()
    scene.lost(1.0)
    scene.watch.probe()
    assert len(scene.fake.sent) == 1


def test_history_is_a_minute_whatever_the_interval() -> None:
    for interval_s, kept in ((0.1, 600), (1.0, 60), (7.0, 9), (3600.0, 2)):
        scene = Scene(interval_s=interval_s)
        scene.connected(0.0)
        for number in range(700):
            scene.watch.sample(number * interval_s)
        assert len(scene.watch.samples) == kept
        assert scene.watch.sample_count == 700


def test_lanes_show_what_came_in_since_the_last_look() -> None:
    scene = Scene()
    scene.connected(0.0)
    scene.watch.sample(0.0)
    peer = PeerRecord(1, gs.NetworkingIdentity())
    scene.fake.messages = [gs.NetworkingMessage(b"x" * 100, number, 0, 3, 0, peer) for number in range(1, 11)]
    scene.watch.tick(1.0)
    lanes = {lane.number: lane for lane in scene.watch.sample(2.0).lanes}
    assert (lanes[3].in_messages_per_s, lanes[3].in_bytes_per_s, lanes[3].queued_bytes) == (5.0, 500.0, 0)
    assert (lanes[0].in_messages_per_s, lanes[0].queued_bytes) == (0.0, 2001)
    assert not any(lane.in_messages_per_s for lane in scene.watch.sample(3.0).lanes)


def many(count: int, connected: bool = True) -> list[Watch]:
    watches = []
    for number in range(count):
        scene = Scene(name=f"server-{number}.of.a.rather.long.domain.example:27015")
        if connected:
            scene.connected(0.0)
        else:
            scene.watch.tick(0.0)
            scene.lost(0.0)
        for second in range(90):
            scene.fake.status = a_status(ping=second, quality=0.8)
            scene.watch.sample(float(second))
        watches.append(scene.watch)
    return watches


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("height", [10, 24, 50])
@pytest.mark.parametrize(("count", "connected"), [(1, True), (2, True), (2, False), (30, True), (30, False)])
def test_the_screen_never_overflows(width: int, height: int, count: int, connected: bool) -> None:
    lines = screen(many(count, connected), "monitor", 90.0, width, height).plain.split("\n")
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert lines[-1] == "q quits"
    if count > height:
        assert "more: make the window taller" in lines[-2]


def test_a_block_shows_all_figures() -> None:
    (watch,) = many(1)
    text = "\n".join(line.plain for line in block(watch, 90.0, 80))
    for part in (
        "connected 1:30",
        "str:hub (unproven), encrypted",
        "ping     89 ms",
        "jitter   0.42 ms",
        "quality  80.0% here, - there",
        "in       1.5 pkt/s, 150 B/s",
        "out      12,346 pkt/s, 12.3 MB/s",
        "queue    32.0 kB, 1.50 ms",
        "path     cruise, 2.0 MB/s, window 150 kB, queue 1.20 ms, 1.3% lost",
        "lanes    0: 0 msg/s in, 0 B/s, 2.0 kB queued",
    ):
        assert part in text
    assert BARS[-1] in text


def test_a_server_that_is_away_says_why_and_when() -> None:
    (watch,) = many(1, connected=False)
    lines = [line.plain for line in block(watch, 0.5, 80)]
    assert len(lines) == 1
    assert lines[0].endswith("next try in 0 s; no answer")
    assert "no answer" in screen(many(30, connected=False), "t", 0.5, 80, 40).plain


def test_lines_for_programs() -> None:
    (watch,) = many(1)
    row = document(watch, 1_700_000_000.1234, 90.0)
    assert json.loads(json.dumps(row)) == row
    assert (row["state"], row["ping_ms"], row["jitter_ms"], row["quality_remote"]) == ("connected", 89, 0.42, None)
    assert (row["time"], row["state_for_s"], row["queue_ms"]) == (1_700_000_000.123, 90.0, 1.5)
    assert (row["path"]["state"], row["path"]["window_bytes"]) == ("cruise", 150_000)
    (gone,) = many(1, connected=False)
    row = document(gone, 0, 90.0)
    assert (row["state"], row["problem"], "ping_ms" in row) == ("away", "no answer", False)


def test_lines_for_people() -> None:
    (watch,) = many(1)
    assert plain_line(watch, "12:00:00").startswith(f"12:00:00 {watch.target} connected ping 89 ms, jitter 0.42 ms,")
    assert "path cruise, 2.0 MB/s, window 150 kB, queue 1.20 ms, 1.3% lost, lanes" in plain_line(watch, "12:00:00")
    assert closing_line(watch, 100.0, 90.0) == (
        f"{watch.target}: connected 1:30 of 1:40, ping min/mean/max 0/44.5/89 ms"
    )
    (gone,) = many(1, connected=False)
    assert closing_line(gone, 100.0, 90.0).endswith("connected 0:00 of 1:40; no answer")
