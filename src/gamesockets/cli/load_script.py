"""What do the clients of `gamesockets load --script FILE` do? What a coroutine of the user says, one for each."""

from __future__ import annotations

import importlib.util
import inspect
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeAlias

from gamesockets import aio
from gamesockets.cli.terminal import InputError

Script: TypeAlias = Callable[[aio.Connection, int], Awaitable[None]]
"""Gets a connection and the number of the client, from 1."""

FUNCTION: Final = "play"
_PARAMETERS: Final = 2


def load_script(path: Path) -> Script:
    """The function `play` of that file. Raises `InputError`, which says what is wrong with it."""
    spec = importlib.util.spec_from_file_location("load_script", path)
    if spec is None or spec.loader is None:
        raise InputError(f"{path} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise InputError(f"cannot read {path} ({error.strerror or error})") from None
    except Exception as error:  # noqa: BLE001 - whatever the user's code raises
        raise InputError(f"{path} does not run: {describe(error)}") from None
    found = getattr(module, FUNCTION, None)
    if not inspect.iscoroutinefunction(found) or len(inspect.signature(found).parameters) != _PARAMETERS:
        raise InputError(f"{path} must have `async def {FUNCTION}(connection, number)`")
    script: Script = found
    return script


def describe(error: Exception) -> str:
    """An exception in one line: what, and where in the user's file."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" (line {frames[-1].lineno} of {Path(frames[-1].filename).name})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
