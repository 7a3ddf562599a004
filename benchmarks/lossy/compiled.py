"""Where is the relay in C? Compiled by the system's compiler when it is first wanted, kept in the user's cache."""

from __future__ import annotations

import functools
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).with_name("relay.c")
COMPILER: Final = "CC"
"""The variable that names another compiler than `cc`."""
_FLAGS: Final = ("-O2", "-std=gnu11", "-ffp-contract=off")
_LIBRARIES: Final = ("-lm",)
_TIMEOUT_S: Final = 60.0


def cache() -> Path:
    """Where compiled programs are kept: a folder that only this user can write."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "gamesockets-benchmarks"


@functools.cache
def relay() -> tuple[Path | None, str]:
    """The program, or None and why there is none. `CC` set to nothing means: no compiler."""
    command = shlex.split(os.environ.get(COMPILER, "cc"))
    if not command or shutil.which(command[0]) is None:
        return None, f"there is no C compiler {command[0]!r}" if command else f"{COMPILER} names no compiler"
    text = SOURCE.read_bytes()
    name = hashlib.sha256(text + " ".join((*command, *_FLAGS)).encode()).hexdigest()[:16]
    try:
        folder = cache()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = folder / f"relay-{name}"
        if not target.exists():
            with tempfile.TemporaryDirectory(dir=folder) as own:
                fresh = Path(own) / "relay"
                subprocess.run(
                    [*command, *_FLAGS, "-o", str(fresh), str(SOURCE), *_LIBRARIES],
                    check=True,
                    capture_output=True,
                    text=True,
                    timeout=_TIMEOUT_S,
                )
                fresh.replace(target)
    except subprocess.CalledProcessError as error:
        return None, f"{command[0]} cannot compile {SOURCE.name}: {error.stderr.strip().splitlines()[:1]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"{SOURCE.name} cannot be compiled: {error}"
    return target, ""
