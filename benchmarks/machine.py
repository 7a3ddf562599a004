"""On what were the figures taken? What they depend on, as far as the system tells."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Final

from benchmarks.systems import needs

_PACKAGES: Final = ("cryptography", "protobuf", "pyenet", "qh3", "aioquic", "websockets", "uvloop")
_CPU_TABLE: Final = Path("/proc/cpuinfo")


def describe() -> dict[str, str | int]:
    """A line each."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "gamesockets": _commit(),
        "packages": ", ".join(filter(None, map(_version, _PACKAGES))),
        "taken": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def _processor() -> str:
    if _CPU_TABLE.exists():
        for line in _CPU_TABLE.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def _commit() -> str:
    """Which state of the source was measured; marked if it was changed since the commit."""
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=10"],
        cwd=needs.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip() or "no git checkout"


def _version(package: str) -> str:
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return ""
