"""Do game states pass the file by, and does it arrive intact? In virtual time, so that the figures are exact."""

import hashlib
import struct
from pathlib import Path
from random import Random

import pytest

import gamesockets as gs
from examples.transfer import traffic
from examples.transfer.files import Refused
from examples.transfer.traffic import (
    BULK_LANE,
    LANE_PRIORITIES,
    STATE_LANE,
    STATES_PER_SECOND,
    Download,
    Smoothness,
    Upload,
    request,
    state,
)
from gamesockets import sim

RATE_BYTES_PER_SECOND = 200_000
FILE = Random(1).randbytes(500_000)
SIZE = struct.Struct("<BQ")


def transfer(tmp_path: Path, bulk_lane: int, conditions: sim.Conditions) -> Smoothness:
    """A file of 500 kB over a connection that carries 200 kB a second, and the game beside it."""
    (tmp_path / "from").mkdir()
    (tmp_path / "into").mkdir()
    (tmp_path / "from" / "map").write_bytes(FILE)
    values = gs.ConfigurationValue
    rate = {values.SEND_RATE_MIN: RATE_BYTES_PER_SECOND, values.SEND_RATE_MAX: RATE_BYTES_PER_SECOND}
    world = sim.World(seed=1, conditions=conditions)
    client, server = world.pair(config=rate)
    server.configure_lanes(LANE_PRIORITIES)
    upload, smoothness = Upload(tmp_path / "from"), Smoothness()
    client.send(request("map"), gs.SendFlags.RELIABLE)

    def serve() -> None:
        for message in server.receive():
            server.send(upload.receive(message.data), gs.SendFlags.RELIABLE, bulk_lane)
        server.send(state(world.now_us), gs.SendFlags.UNRELIABLE_NO_NAGLE, STATE_LANE)
        for piece in upload.pieces(server.lane_status()[bulk_lane].pending_reliable):
            assert server.send(piece, gs.SendFlags.RELIABLE, bulk_lane) == gs.Result.OK

    world.every(1 / STATES_PER_SECOND, serve)
    with Download(tmp_path / "into", "map") as download:

        def is_complete() -> bool:
            for message in client.receive():
                if not smoothness.hear(message.data, message.time_received):
                    download.receive(message.data)
            return download.is_complete

        assert world.run_until(is_complete, limit=20)
    assert world.now > len(FILE) / RATE_BYTES_PER_SECOND
    assert (tmp_path / "into" / "map").read_bytes() == FILE
    return smoothness


def test_with_lanes_the_game_does_not_notice_the_file(tmp_path: Path) -> None:
    smoothness = transfer(tmp_path, BULK_LANE, sim.Conditions(latency=0.03))
    assert smoothness.count > 2.4 * STATES_PER_SECOND
    # A state waits for the packet before it to be paid for, of at most 1300 bytes: 6.5 ms at this rate.
    assert smoothness.late_ms(1) < 13


def test_with_lanes_the_game_does_not_notice_the_file_on_a_bad_network_either(tmp_path: Path) -> None:
    bad = sim.Conditions(latency=0.05, loss=0.03, reorder=0.02)
    smoothness = transfer(tmp_path, BULK_LANE, bad)
    assert smoothness.late_ms(0.95) < 13
    assert smoothness.late_ms(1) < 40


def test_without_lanes_each_state_queues_behind_the_file(tmp_path: Path) -> None:
    smoothness = transfer(tmp_path, STATE_LANE, sim.Conditions(latency=0.03))
    queue_ms = 1000 * traffic.QUEUE_BYTES / RATE_BYTES_PER_SECOND
    assert smoothness.late_ms(0.5) > 0.7 * queue_ms


def test_the_queue_is_kept_short_and_the_end_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(FILE)
    upload = Upload(tmp_path)
    assert list(upload.pieces(0)) == []
    upload.receive(request("map"))
    first = list(upload.pieces(0))
    assert traffic.QUEUE_BYTES <= sum(map(len, first)) < traffic.QUEUE_BYTES + 2 * traffic.PIECE_BYTES
    assert list(upload.pieces(traffic.QUEUE_BYTES)) == []
    rest = [piece for _ in range(100) for piece in upload.pieces(0)]
    assert b"".join(piece[1:] for piece in (first + rest)[:-1]) == FILE
    assert rest[-1] == b"\x04" + hashlib.sha256(FILE).digest()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"", "no request"),
        (b"\x02map", "no request"),
        (b"\x01" + b"x" * 256, "no request"),
        (b"\x01../map", "no such file"),
        (b"\x01\xff\xfe", "no such file"),
    ],
)
def test_what_is_no_proper_request_is_refused(tmp_path: Path, message: bytes, why: str) -> None:
    upload = Upload(tmp_path)
    assert why in upload.receive(message).decode()
    assert list(upload.pieces(0)) == []


def test_a_second_request_has_to_wait_for_the_first(tmp_path: Path) -> None:
    (tmp_path / "map").write_bytes(FILE)
    upload = Upload(tmp_path)
    upload.receive(request("map"))
    assert b"one file at a time" in upload.receive(request("map"))
    upload.close()
    assert upload.receive(request("map")) == SIZE.pack(2, len(FILE))
    upload.close()


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([b"\x05no such file\x1b[2J"], r"no such file\[2J"),
        ([b""], "no sense"),
        ([b"\x03abc"], "no sense"),
        ([SIZE.pack(2, 1 << 40)], "too many"),
        ([b"\x02\x00"], "no sense"),
        ([SIZE.pack(2, 3), SIZE.pack(2, 3)], "no sense"),
        ([SIZE.pack(2, 3), b"\x03abcd"], "no sense"),
        ([SIZE.pack(2, 3), b"\x03ab", b"\x04" + bytes(32)], "no sense"),
        ([SIZE.pack(2, 3), b"\x03abc", b"\x04" + bytes(32)], "damaged"),
    ],
)
def test_what_a_server_cannot_mean_ends_the_download(tmp_path: Path, messages: list[bytes], why: str) -> None:
    *before, last = messages
    with Download(tmp_path, "map") as download:
        for message in before:
            download.receive(message)
        with pytest.raises(Refused, match=why):
            download.receive(last)
    assert list(tmp_path.iterdir()) == []


def test_lateness_needs_no_common_clock() -> None:
    smoothness = Smoothness()
    assert smoothness.late_ms(1) == 0
    for number, way_us in enumerate([700, 500, 1500, 600]):
        assert smoothness.hear(state(number), number + way_us - 400_000)
    assert not smoothness.hear(b"\x03" + bytes(traffic.STATE_BYTES - 1), 0)
    assert not smoothness.hear(b"\x06", 0)
    assert (smoothness.count, smoothness.late_ms(0.5), smoothness.late_ms(1)) == (4, 0.2, 1.0)
