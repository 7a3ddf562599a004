"""Are the keys of sessions written only when asked for, loudly, safely, and so that they open the packets?"""

import logging
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.pairs import Loopback

import gamesockets as gs
from gamesockets.crypto.key_sink import KEY_TAPS
from gamesockets.node.key_log import KeyFile
from gamesockets.values.key_lines import SessionKey, format_key, parse_key

KEY = SessionKey(0x1234, 0xFFFF_0001, bytes(range(32)), bytes(range(12)))


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "keys.log"
    gs.Library.set_key_log(None)


def test_a_line_says_what_was_written() -> None:
    line = format_key(KEY)
    assert line == f"GNS_AES256GCM 00001234 ffff0001 {bytes(range(32)).hex()} {bytes(range(12)).hex()}"
    assert parse_key(line + "\r\n") == KEY
    assert parse_key("# a comment") is None
    assert parse_key("") is None


@pytest.mark.parametrize(
    "line", ["GNS_AES256GCM", "GNS_AES256GCM 1 2 3 4", format_key(KEY)[:-1], format_key(KEY) + " x"]
)
def test_half_a_line_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="a line of a key log has 5 parts"):
        parse_key(line)


def test_no_keys_are_written_unless_asked_for() -> None:
    assert KEY_TAPS.sink is None


def test_both_ends_write_the_same_two_keys(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gs.Library.set_key_log(path)
    assert [(x.name, x.levelno) for x in caplog.records] == [("gamesockets.recording", logging.WARNING)]
    assert f"KEYS OF ALL NEW CONNECTIONS ARE WRITTEN TO {path}" in caplog.text
    with Loopback() as meeting:
        ends = meeting.connected()
    keys = [parse_key(line) for line in path.read_text().splitlines()]
    assert len(keys) == 4
    assert len(set(keys)) == 2
    ids = {(x.to_connection_id, x.from_connection_id) for x in keys if x is not None}
    assert ids == {(ends.outgoing, ends.incoming), (ends.incoming, ends.outgoing)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    gs.Library.set_key_log(None)
    assert "no longer written" in caplog.text
    with Loopback() as meeting:
        meeting.connected()
    assert len(path.read_text().splitlines()) == 4


def test_lines_are_appended(path: Path) -> None:
    path.write_text("# before\n")
    path.chmod(0o600)
    file = KeyFile(str(path))
    file.take(*KEY)
    file.close()
    assert path.read_text().splitlines() == ["# before", format_key(KEY)]


def test_a_key_that_comes_after_the_end_goes_nowhere(path: Path, tmp_path: Path) -> None:
    """Another thread may derive keys while the log is ended: its file's number is that of another file by then."""
    file = KeyFile(str(path))
    file.close()
    others = [(tmp_path / f"other-{count}").open("wb", buffering=0) for count in range(8)]
    file.take(*KEY)
    file.close()
    for other in others:
        other.write(b"mine")
        other.close()
        assert Path(other.name).read_bytes() == b"mine"
    assert path.read_bytes() == b""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_child_forked_while_a_thread_writes_a_key_can_write_too(path: Path) -> None:
    gs.Library.set_key_log(path)
    file = KEY_TAPS.sink
    assert isinstance(file, KeyFile)
    holds, may_leave = threading.Event(), threading.Event()

    def hold() -> None:
        with file._lock:
            holds.set()
            may_leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    holds.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        file.take(*KEY)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    may_leave.set()
    thread.join()
    assert status == 0
    assert path.read_text().splitlines() == [format_key(KEY)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(OSError):  # noqa: PT011 - the system's own words
        gs.Library.set_key_log(path)
    assert KEY_TAPS.sink is None


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_a_file_that_others_may_read_is_refused(path: Path) -> None:
    path.write_text("")
    path.chmod(0o640)
    with pytest.raises(OSError, match="can be read by others"):
        gs.Library.set_key_log(path)
    assert KEY_TAPS.sink is None


@pytest.mark.skipif(os.name != "posix", reason="as above")
def test_a_link_is_refused(path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):  # noqa: PT011 - the system's own words
        gs.Library.set_key_log(path)


def test_a_path_must_be_one() -> None:
    with pytest.raises(TypeError):
        gs.Library.set_key_log(7)  # type: ignore[arg-type]


PROGRAM = """
import logging, sys
import gamesockets as gs
logging.basicConfig(stream=sys.stdout, format="%(levelname)s %(message)s")
with gs.NetworkingSockets() as sockets:
    sockets.create_socket_pair(use_network_loopback=True)
print("done")
"""


def run(variable: str) -> str:
    environment = {**os.environ, "GAMESOCKETS_KEY_LOG": variable}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_environment_asks_for_it_too(path: Path) -> None:
    assert run(str(path)).startswith(f"WARNING KEYS OF ALL NEW CONNECTIONS ARE WRITTEN TO {path}")
    assert len(path.read_text().splitlines()) == 4


def test_a_variable_that_cannot_be_followed_stops_no_program(tmp_path: Path) -> None:
    told = run(str(tmp_path / "nowhere" / "keys"))
    assert told.startswith("ERROR GAMESOCKETS_KEY_LOG: no keys are written, because ")
    assert told.endswith("done\n")
