"""Does `gamesockets decode` show every part of recorded datagrams, and bear any input?"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tests.support.captures import CAPTURES
from tests.support.hand_made import CASES
from tests.support.recorded import HANDSHAKES, handshake_datagrams, load
from typer.testing import CliRunner

from gamesockets.cli.decode import LINE_CHARACTERS_MAX
from gamesockets.cli.decode_parts import DATA_BYTES, datagram_parts, frames_parts
from gamesockets.cli.whole import app

runner = CliRunner()
NO_CONNECTION = "2515ee72e9831d939327e2"
UNRELIABLE = "80ee72e98302008000270100756e72656c6961626c65206d6573736167652030"


def run(text: str, *options: str) -> tuple[int, list[dict[str, Any]], str]:
    """(exit status, the JSON lines, standard error)."""
    result = runner.invoke(app, ["decode", "--json", *options], input=text)
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def named(fields: dict[str, Any]) -> dict[str, Any]:
    """Recorded top-level fields as `decode` shows them: large numbers are numbers, inner messages taken apart."""
    return {
        name: int(value) if isinstance(value, str) and value.isdigit() and name != "debug" else value
        for name, value in fields.items()
        if name not in {"cert", "crypt"}
    }


@pytest.mark.parametrize("name", HANDSHAKES)
def test_recorded_handshakes_are_shown_whole(name: str) -> None:
    """Kind, size, every field of control messages, the header of data packets, and frames where not encrypted."""
    recording = load(name)
    is_encrypted = recording["negotiated_cipher"] != 1
    for datagram in recording["datagrams"]:
        parts = datagram_parts(bytes.fromhex(datagram["hex"]), is_encrypted)
        assert "fault" not in parts
        assert (parts["kind"], parts["bytes"]) == (datagram["kind"], datagram["length"])
        if datagram["kind"] == "Data":
            assert parts["to_connection_id"] == datagram["to_connection_id"]
            assert parts["packet_number_low_bits"] == datagram["wire_packet_number"]
            assert parts["chunk_bytes"] == len(datagram["chunk_hex"]) // 2
            assert ("stats" in parts) == (datagram["stats_hex"] is not None)
            assert ("frames" in parts) == (not is_encrypted)
        else:
            shown = parts["fields"]
            assert {key: value for key, value in shown.items() if key not in {"cert", "crypt"}} == named(
                datagram["fields"]
            )
            for key in {"cert", "crypt"} & datagram["fields"].keys():
                assert isinstance(shown[key], dict)


def test_messages_inside_messages_are_taken_apart() -> None:
    """A certificate and the key exchange travel as bytes, because they are signed."""
    seen = [datagram_parts(bytes.fromhex(d["hex"])) for _, d in handshake_datagrams() if d["kind"] == "ConnectRequest"]
    for parts in seen:
        assert parts["fields"]["cert"]["cert"]["key_type"] == "ED25519"
        assert len(parts["fields"]["cert"]["cert"]["key_data"]) == 64
        assert parts["fields"]["crypt"]["info"]["protocol_version"] > 0
        assert parts["fields"]["crypt"]["info"]["ciphers"]
    assert len(seen) >= len(HANDSHAKES)


@pytest.mark.parametrize("name", CAPTURES)
def test_recorded_frames_are_shown_in_order(name: str) -> None:
    kinds = {"stop_waiting", "ack", "select_lane", "reliable", "unreliable"}
    for packet in load(name)["packets"]:
        parts = frames_parts(bytes.fromhex(packet["payload_hex"]))
        assert "fault" not in parts
        assert {frame["frame"] for frame in parts["frames"]} <= kinds
        shown = [frame["bytes"] for frame in parts["frames"] if "bytes" in frame]
        assert shown == [frame["size"] for frame in packet["frames"] if "size" in frame]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_hand_made_payloads_are_shown_and_reserved_frames_refused(case: dict[str, Any]) -> None:
    """Whatever the reference library made of them; those with a lead byte that means nothing are named as faults."""
    shown = [frames_parts(bytes.fromhex(packet["payload_hex"])) for packet in case["packets"]]
    assert ("fault" in shown[-1]) or not case["name"].startswith("reserved_lead")
    assert case["outcome"] != "kept" or not any("fault" in parts for parts in shown)


def test_lines_may_be_written_in_many_ways() -> None:
    text = f"""
# a comment

{NO_CONNECTION}   # behind it too
0x{NO_CONNECTION.upper()}
{":".join(NO_CONNECTION[i : i + 2] for i in range(0, len(NO_CONNECTION), 2))}
  {" ".join(NO_CONNECTION[i : i + 4] for i in range(0, len(NO_CONNECTION), 4))}
"""
    status, rows, errors = run(text)
    assert (status, errors) == (0, "")
    assert [row.pop("line") for row in rows] == [4, 5, 6, 7]
    assert all(row == rows[0] for row in rows)
    assert rows[0]["fields"] == {"from_connection_id": 0x83E972EE, "to_connection_id": 0xE2279393}


def test_text_for_people() -> None:
    closed = next(d["hex"] for _, d in handshake_datagrams() if d["kind"] == "ConnectionClosed")
    result = runner.invoke(app, ["decode", "-u"], input=f"{closed}\n{UNRELIABLE}\n")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "line 1: ConnectionClosed, 512 bytes"
    assert any(line.strip().startswith("to_connection_id 0x") for line in lines)
    assert lines[-7:] == [
        "line 2: Data, 32 bytes",
        "  to_connection_id 0x83e972ee",
        "  packet_number_low_bits 2",
        "  chunk_bytes 25",
        "  encrypted no",
        "  stop_waiting offset=0",
        "  unreliable message_number=1 offset=0 last=yes bytes=20 data=756e72656c6961626c65206d6573736167652030",
    ]


def test_without_being_told_data_counts_as_encrypted() -> None:
    _, rows, _ = run(UNRELIABLE)
    assert rows[0]["encrypted"] is True
    assert "frames" not in rows[0]


def test_long_messages_are_cut_unless_asked_for() -> None:
    payload = "2701000000" + "ab" * 500
    for options, shown in (([], DATA_BYTES), (["--whole"], 502)):
        _, rows, _ = run(payload, "--as", "frames", *options)
        (frame,) = rows[0]["frames"]
        assert (frame["bytes"], len(frame["data"]) // 2) == (502, shown)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("zz", "pairs of the digits"),
        ("abc", "pairs of the digits"),
        ("00112233445566", "0x00 begins neither"),
        ("2001", "shorter than 5 bytes"),
        ("2010000d939327e2", "not padded to 512 bytes"),
        ("20ff7f" + "00" * 509, "cannot have 32767 bytes"),
        ("21ffffffffffff", "cannot be parsed"),
        ("80ee72", "cut short"),
        ("20" * 70_000, "65507 bytes at most"),
    ],
)
def test_what_cannot_be_decoded_says_why(line: str, fault: str) -> None:
    status, rows, errors = run(f"{line}\n{NO_CONNECTION}\n")
    assert status == 1
    assert fault in rows[0]["fault"]
    assert "fault" not in rows[1]  # one bad line does not end it
    assert errors == "gamesockets decode: 1 datagram could not be decoded to the end\n"


def test_a_line_without_end_is_refused_in_bounded_memory() -> None:
    status, rows, _ = run("ab" * LINE_CHARACTERS_MAX + f"\n{NO_CONNECTION}\n")
    assert status == 1
    assert [(row["line"], "fault" in row) for row in rows] == [(1, True), (2, False)]


def test_any_bytes_are_borne() -> None:
    numbers = random.Random(3)
    whole = [bytes.fromhex(d["hex"]) for _, d in handshake_datagrams()]
    for _ in range(3000):
        data = bytearray(numbers.choice(whole))
        for _ in range(numbers.randrange(1, 5)):
            data[numbers.randrange(len(data))] = numbers.randrange(256)
        json.dumps(datagram_parts(bytes(data[: numbers.randrange(len(data) + 1)]), numbers.random() < 0.5))
        json.dumps(frames_parts(numbers.randbytes(numbers.randrange(60))))


def test_files_are_read_and_missing_ones_named(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text(f"{NO_CONNECTION}\n", encoding="utf-8")
    result = runner.invoke(app, ["decode", str(path)])
    assert result.stdout.startswith("line 1: NoConnection, 11 bytes\n")
    result = runner.invoke(app, ["decode", str(tmp_path / "none.txt")])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "cannot read" in result.stderr


def test_peers_texts_cannot_command_the_terminal() -> None:
    body = bytes((0x12, 4)) + b"\x1b[2J"
    data = (b"\x24" + len(body).to_bytes(2, "little") + body).ljust(512, b"\0")
    result = runner.invoke(app, ["decode"], input=data.hex())
    assert "\x1b" not in result.stdout
    assert "debug \N{REPLACEMENT CHARACTER}[2J" in result.stdout
