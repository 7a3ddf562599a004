"""Does the dissector show in a real tshark what was sent, opened with the keys of a key log?"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.recordings import Recording, pcap, record
from typer.testing import CliRunner

from gamesockets.cli.dissector import dissector_text
from gamesockets.cli.whole import app

runner = CliRunner()
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="there is no tshark here")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("recording"))


def test_the_command_writes_the_dissector(tmp_path: Path) -> None:
    result = runner.invoke(app, ["dissector"])
    assert result.stdout == dissector_text()
    path = tmp_path / "gns.lua"
    assert runner.invoke(app, ["dissector", "-o", str(path)]).exit_code == 0
    assert path.read_text(encoding="utf-8") == dissector_text()
    again = runner.invoke(app, ["dissector", "-o", str(path)])
    assert (again.exit_code, "cannot write" in again.stderr) == (1, True)


def tshark(folder: Path, recording: Recording, *options: str) -> str:
    """What tshark prints for the recording."""
    script, capture = folder / "gns.lua", folder / "game.pcap"
    script.write_text(dissector_text(), encoding="utf-8")
    capture.write_bytes(pcap(recording.passages))
    command = ["tshark", "-X", f"lua_script:{script}", "-r", str(capture), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Lua" not in done.stderr, done.stderr
    return done.stdout


def packets(folder: Path, recording: Recording, *options: str) -> list[dict[str, Any]]:
    """The fields of each packet, by name."""
    text = tshark(folder, recording, "-T", "json", "-J", "gns", "--no-duplicate-keys", *options)
    return [packet["_source"]["layers"].get("gns", {}) for packet in json.loads(text)]


def all_of(tree: Any, name: str) -> list[str]:
    """The values of a field, however deep."""
    if isinstance(tree, list):
        return [value for inner in tree for value in all_of(inner, name)]
    if not isinstance(tree, dict):
        return []
    own = tree.get(name, [])
    found = [own] if isinstance(own, str) else [x for x in own if isinstance(x, str)]
    return found + [value for key, inner in tree.items() if key != name for value in all_of(inner, name)]


@needs_tshark
def test_every_packet_is_recognized_and_opened(tmp_path: Path, recording: Recording) -> None:
    found = packets(tmp_path, recording, "-o", f"gns.keys:{recording.keys}")
    assert len(found) == len(recording.passages)
    kinds = [min(x.data[0], 128) for x in recording.passages]
    assert [int(packet["gns.kind"]) for packet in found] == kinds
    assert not any("malformed" in json.dumps(packet) for packet in found)
    data = [packet for packet in found if packet["gns.kind"] == "128"]
    assert all("gns.number" in packet for packet in data)
    bodies = [bytes.fromhex(x.replace(":", "")) for packet in found for x in all_of(packet, "gns.data")]
    assert [body for body in bodies if body.endswith(b"unreliable")] == recording.unreliable
    stream = b"".join(bodies)
    assert all(body in stream for body in recording.reliable)
    texts = [text for packet in found for text in all_of(packet, "gns.frame")]
    assert any(text.startswith("ack of packet") for text in texts)
    assert any(text == "lane 1" for text in texts)
    fields = [text for packet in found for text in all_of(packet, "gns.field")]
    assert "debug: the end" in fields
    assert "reason_code: 1234" in fields


@needs_tshark
def test_without_keys_packets_stay_closed(tmp_path: Path, recording: Recording) -> None:
    found = packets(tmp_path, recording)
    data = [packet for packet in found if packet["gns.kind"] == "128"]
    assert data
    assert not any(all_of(packet, "gns.number") for packet in data)
    assert all("gns.no_key" in json.dumps(packet) for packet in data)


@needs_tshark
def test_packets_in_the_middle_of_a_connection_are_opened_too(tmp_path: Path, recording: Recording) -> None:
    late = Recording(recording.passages[20:], recording.keys, [], [], recording.port)
    found = packets(tmp_path, late, "-o", f"gns.keys:{recording.keys}", "-d", f"udp.port=={recording.port},gns")
    data = [packet for packet in found if packet["gns.kind"] == "128"]
    assert data
    assert all("gns.number" in packet for packet in data)


@needs_tshark
def test_one_wrong_bit_keeps_a_packet_closed(tmp_path: Path, recording: Recording) -> None:
    passages = list(recording.passages)
    index = next(i for i, x in enumerate(passages) if x.data[0] >= 128)
    wrong = passages[index]
    passages[index] = type(wrong)(
        wrong.time_us, False, wrong.source, wrong.destination, wrong.data[:-1] + bytes([wrong.data[-1] ^ 1])
    )
    changed = Recording(passages, recording.keys, [], [], recording.port)
    found = packets(tmp_path, changed, "-o", f"gns.keys:{recording.keys}")
    assert "gns.no_key" in json.dumps(found[index])
    assert sum("gns.no_key" in json.dumps(packet) for packet in found) == 1
