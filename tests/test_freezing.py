"""Does a program run that PyInstaller has put into one folder, with whatever build of the package is installed?"""

import ast
import importlib.machinery
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

import gamesockets
from gamesockets.build import BUILD, COMPILED

GAME: Final = """
import gamesockets as gs
from gamesockets.build import BUILD, COMPILED

with gs.NetworkingSockets() as sockets:
    one, two = sockets.create_socket_pair(use_network_loopback=True)
    sockets.send_message_to_connection(one, b"hello", gs.SendFlags.RELIABLE)
    sockets.wait(5)
    print(BUILD, [message.data for message in sockets.receive_messages_on_connection(two)])
"""


@pytest.mark.skipif(not COMPILED, reason="only the compiled build hides its imports")
def test_the_imports_of_compiled_modules_stand_in_python_code() -> None:
    """Tools that freeze programs see no other."""
    package = Path(gamesockets.__file__).parent
    shown = imported_by(package / "build.py")
    assert "gamesockets.compiled__mypyc" in shown
    for source in package.rglob("*.py"):
        if any(source.with_suffix(suffix).exists() for suffix in importlib.machinery.EXTENSION_SUFFIXES):
            assert imported_by(source) <= shown, f"what {source.name} imports is hidden"


def imported_by(source: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_frozen_game_runs(tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller", reason="PyInstaller is not installed")
    (tmp_path / "game.py").write_text(GAME)
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "ERROR", "game.py"]
    subprocess.run(command, cwd=tmp_path, check=True)
    game = tmp_path / "dist" / "game" / "game"
    ran = subprocess.run([game], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.strip(), ran.stderr) == (f"{BUILD} [b'hello']", "")
