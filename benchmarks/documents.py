"""How does what a command measured get into the documentation? From its own JSON, with `--docs`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def read_result(source: Path, command: str, *keys: str) -> dict[str, Any]:
    """What a command has written. Raises `OSError`, or `ValueError` where these keys are missing."""
    result = json.loads(source.read_text(encoding="utf-8"))
    if not isinstance(result, dict) or any(key not in result for key in keys):
        raise ValueError(f"{source} is no result of `{command}`")
    return result


def write_files(texts: Mapping[Path, str]) -> None:
    """Writes each text to its file, in folders that are made where they are missing."""
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def write_docs(write: Callable[[], None], *written: Path) -> int:
    """Has `write` write these files and says so; the exit status, 2 where that cannot be done."""
    try:
        write()
    except (OSError, ValueError, KeyError) as error:
        print(f"cannot write the documentation: {error}", file=sys.stderr)
        return 2
    print(f"wrote {' and '.join(map(str, written))}")
    return 0
