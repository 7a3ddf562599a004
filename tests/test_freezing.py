"""Does a program run that PyInstaller has put into one folder, with whatever build of the package is installed?"""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

import gamesockets
from gamesockets.build import BUILD

HOOK: Final = Path(gamesockets.__file__).parent / "__pyinstaller" / "hook-gamesockets.py"

GAME: Final = """
import gamesockets as gs
from gamesockets.build import BUILD

with gs.NetworkingSockets() as sockets:
    one, two = sockets.create_socket_pair(use_network_loopback=True)
    sockets.send_message_to_connection(one, b"hello", gs.SendFlags.RELIABLE)
    sockets.wait(5)
    print(BUILD, [message.data for message in sockets.receive_messages_on_connection(two)])
"""


def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hook", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_hook_names_what_compiled_modules_import_and_nothing_else(tmp_path: Path) -> None:
    package = tmp_path / "gamesockets"
    (package / "wire").mkdir(parents=True)
    (package / "wire" / "frames.py").write_text("")
    (package / "plain.py").write_text("import selectors\n")
    (package / "fast.py").write_text(
        "import struct\n"
        "from heapq import heappush\n"
        "from gamesockets.wire import frames\n"
        "from gamesockets.values.limits import LANES_MAX\n"
    )
    (package / f"fast{importlib.machinery.EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    assert hook().imports_of_compiled_modules(package) == {
        "struct", "heapq", "gamesockets.wire", "gamesockets.wire.frames", "gamesockets.values.limits",
    }  # fmt: skip


def test_the_hook_is_where_its_entry_point_says() -> None:
    from gamesockets.__pyinstaller import get_hook_dirs

    assert get_hook_dirs() == [str(HOOK.parent)]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_frozen_game_runs(tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller", reason="PyInstaller is not installed")
    (tmp_path / "game.py").write_text(GAME)
    # As an installed package would have it by its entry point, for a source tree on PYTHONPATH too.
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "game.py"]
    subprocess.run([*command, "--additional-hooks-dir", str(HOOK.parent)], cwd=tmp_path, check=True)
    game = tmp_path / "dist" / "game" / "game"
    ran = subprocess.run([game], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.strip(), ran.stderr) == (f"{BUILD} [b'hello']", "")
