"""Are the datagrams of capture files read, opened with their keys, and broken files borne?"""

from __future__ import annotations

import contextlib
import io
import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.recordings import ETHERNET, RAW, Recording, ip_packet, pcap, pcapng, record
from typer.testing import CliRunner

from gamesockets.cli.captures import Captured, CaptureError, is_capture, read_capture
from gamesockets.cli.whole import app
from gamesockets.observe.session_keys import SessionKeys
from gamesockets.sim.passage import Passage
from gamesockets.values.key_lines import SessionKey, format_key

runner = CliRunner()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("recording"))


def read(data: bytes) -> list[Captured]:
    return list(read_capture(io.BytesIO(data)))


FORMATS: dict[str, Callable[[list[Passage]], bytes]] = {
    "pcap": pcap,
    "pcap, big-endian": lambda passages: pcap(passages, ">"),
    "pcap, nanoseconds": lambda passages: pcap(passages, nanoseconds=True),
    "pcap, Ethernet with a VLAN": lambda passages: pcap(passages, link=ETHERNET),
    "pcapng": pcapng,
    "pcapng, big-endian": lambda passages: pcapng(passages, ">"),
    "pcapng, nanoseconds": lambda passages: pcapng(passages, resolution=9),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_datagram_of_a_capture_is_read(name: str, recording: Recording) -> None:
    data = FORMATS[name](recording.passages)
    assert is_capture(data)
    found = read(data)
    assert [x.payload for x in found] == [x.data for x in recording.passages]
    assert [x.number for x in found] == list(range(1, len(found) + 1))
    for captured, passage in zip(found, recording.passages, strict=True):
        assert captured.time_s == pytest.approx(passage.time_us / 1_000_000, abs=1e-5)
        assert (captured.source, captured.source_port) == (passage.source.ip, passage.source.port)
        assert (captured.destination, captured.destination_port) == (passage.destination.ip, passage.destination.port)


def raw(*packets: bytes) -> bytes:
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW)
    return head + b"".join([struct.pack("<IIII", 0, 0, len(x), len(x)) + x for x in packets])


def test_ipv6_and_its_extension_headers_are_read() -> None:
    udp = struct.pack("!HHHH", 1000, 2000, 11, 0) + b"abc"
    options = bytes([17, 0]) + bytes(6)
    head = struct.pack("!IHBB", 0x60000000, len(options + udp), 0, 64) + bytes(15) + b"\x01" + bytes(15) + b"\x02"
    [found] = read(raw(head + options + udp))
    assert (found.source, found.destination, found.source_port, found.payload) == ("::1", "::2", 1000, b"abc")


def test_what_is_no_whole_datagram_is_left_out(recording: Recording) -> None:
    packet = ip_packet(recording.passages[0])
    fragment = packet[:6] + b"\x20\x00" + packet[8:]
    tcp = packet[:9] + b"\x06" + packet[10:]
    cut = packet[:-10]
    other = b"\x50" + packet[1:]
    [found] = read(raw(fragment, tcp, cut, other, b"", packet))
    assert found.number == 6


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "begins neither"),
        (b"GIF89a", "begins neither"),
        (raw(bytes(50))[:-1], "ends in the middle of a packet"),
        (raw(bytes(50))[:-55], "ends in the middle of a packet"),
        (raw()[:10], "ends in the middle of a packet"),
        (raw() + struct.pack("<IIII", 0, 0, 1 << 30, 0), "longer than any"),
        (pcapng([])[:8] + bytes(20), "no known order"),
        (pcapng([]) + struct.pack("<II", 6, 1 << 30), "cannot be one"),
        (pcapng([]) + struct.pack("<II", 6, 13), "cannot be one"),
        (pcapng([]) + struct.pack("<II", 6, 32) + struct.pack("<IIIII", 7, 0, 0, 0, 0) + bytes(4), "not there"),
        (pcapng([]) + b"\x06\x00", "middle of a block"),
    ],
)
def test_a_broken_capture_says_what_is_wrong(data: bytes, why: str) -> None:
    with pytest.raises(CaptureError, match=why):
        read(data)


def test_no_bytes_break_the_reader(recording: Recording) -> None:
    draw = random.Random(3)
    for name in ("pcap", "pcapng"):
        whole = FORMATS[name](recording.passages[:20])
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(draw.randint(1, 8)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            with contextlib.suppress(CaptureError):
                read(bytes(data[: draw.randrange(len(data))]))


def decode(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    result = runner.invoke(app, ["decode", "--json", *arguments])
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def messages(rows: list[dict[str, Any]], kind: str) -> list[bytes]:
    return [bytes.fromhex(x["data"]) for row in rows for x in row.get("frames", []) if x["frame"] == kind]


@pytest.mark.parametrize("form", [pcap, pcapng])
def test_decode_opens_a_capture_with_its_keys(
    form: Callable[[list[Passage]], bytes], recording: Recording, tmp_path: Path
) -> None:
    capture = tmp_path / "game.capture"
    capture.write_bytes(form(recording.passages))
    status, closed, _ = decode(str(capture))
    assert status == 0
    assert [row["packet"] for row in closed] == list(range(1, len(recording.passages) + 1))
    assert {row["kind"] for row in closed} >= {"ChallengeRequest", "ConnectOK", "Data", "ConnectionClosed"}
    assert not messages(closed, "unreliable")

    status, rows, _ = decode(str(capture), "--keys", str(recording.keys), "--whole")
    assert status == 0
    assert all("frames" in row for row in rows if row["kind"] == "Data")
    assert messages(rows, "unreliable") == recording.unreliable
    stream = b"".join(messages(rows, "reliable"))
    assert all(body in stream for body in recording.reliable)
    to_server = str(recording.passages[0].destination)
    numbers = [row["packet_number"] for row in rows if row["kind"] == "Data" and row["destination"] == to_server]
    assert numbers == list(range(2, len(numbers) + 2))


def test_decode_shows_people_where_a_datagram_went(recording: Recording, tmp_path: Path) -> None:
    capture = tmp_path / "game.pcap"
    capture.write_bytes(pcap(recording.passages[:1]))
    result = runner.invoke(app, ["decode", str(capture)])
    first = recording.passages[0]
    expected = f"packet 1, {first.source} > {first.destination}: ChallengeRequest, 512 bytes"
    assert result.stdout.splitlines()[0] == expected


def test_only_the_datagrams_of_a_port(recording: Recording, tmp_path: Path) -> None:
    capture = tmp_path / "game.pcap"
    capture.write_bytes(pcap(recording.passages))
    client_port = recording.passages[0].source.port
    other = 1 if client_port != 1 else 2
    assert len(decode(str(capture), "--port", str(recording.port))[1]) == len(recording.passages)
    assert decode(str(capture), "--port", str(other))[1] == []


def test_a_capture_comes_through_a_pipe_too(recording: Recording) -> None:
    result = runner.invoke(app, ["decode", "--json"], input=pcap(recording.passages))
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == len(recording.passages)


def test_a_capture_that_ends_early_is_shown_as_far_as_it_goes(recording: Recording, tmp_path: Path) -> None:
    capture = tmp_path / "cut.pcap"
    capture.write_bytes(pcap(recording.passages)[:-3])
    status, rows, errors = decode(str(capture))
    assert (status, len(rows)) == (1, len(recording.passages) - 1)
    assert "ends in the middle of a packet" in errors


@pytest.mark.parametrize(
    ("text", "status", "why"),
    [
        ("", 2, "no keys in"),
        ("GNS_AES256GCM 1\n", 2, "line 1: a line of a key log has 5 parts"),
        (None, 2, "cannot read"),
    ],
)
def test_a_key_log_that_is_none_is_refused(text: str | None, status: int, why: str, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    if text is not None:
        keys.write_text(text)
    found, _, errors = decode("--keys", str(keys), str(tmp_path / "x"))
    assert (found, why in errors) == (status, True)


def test_keys_of_two_connections_with_one_id_and_numbers_beyond_16_bits() -> None:
    from gamesockets.crypto.cipher import AesGcmCipher

    one = SessionKey(7, 8, bytes(32), bytes(12))
    two = SessionKey(7, 9, bytes([1]) * 32, bytes([0xFF]) * 12)
    keys = SessionKeys([format_key(one), format_key(one), "# a comment", format_key(two)])
    assert len(keys) == 2
    cipher = AesGcmCipher(two.key, two.iv)
    for number in (70_000, 65_530, 131_080, 196_000):
        assert keys.open(7, number & 0xFFFF, cipher.seal(number, b"inside")) == (number, b"inside")
    assert keys.open(7, 5, cipher.seal(6, b"inside")) is None
    assert keys.open(8, 5, cipher.seal(5, b"inside")) is None
