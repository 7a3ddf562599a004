"""When does what an environment variable asks for begin? Once, with the first use, unless a call has come before."""

import os
from collections.abc import Callable
from typing import Final, final

from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.log_fields import LOG_RECORDING
from gamesockets.values.enums import DebugType


@final
class FromEnvironment:
    """One variable that names a file.

    Args:
        variable: its name.
        failure: what does not happen if the file cannot be had, for the log.
    """

    def __init__(self, variable: str, failure: str) -> None:
        self._variable: Final = variable
        self._failure: Final = failure
        self._is_settled = False

    def settle(self) -> None:
        """A call has said what to do: the variable is not asked any more."""
        self._is_settled = True

    def follow(self, begin: Callable[[str], None]) -> None:
        """The first time, unless it was settled: calls `begin` with the file. One that fails is told of, not raised."""
        if self._is_settled:
            return
        self._is_settled = True
        path = os.environ.get(self._variable)
        if path:
            try:
                begin(path)
            except OSError as error:
                OUTPUT.say(DebugType.ERROR, f"{self._variable}: {self._failure}, because {error}", LOG_RECORDING)
