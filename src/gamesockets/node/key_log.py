"""Where are the keys of sessions written, so that a capture of their packets can be read?

Only where somebody asks for it, by the environment variable GAMESOCKETS_KEY_LOG or by a call, and never quietly: a
warning in the log says so. Whoever has the file can read all that is sent. It is the owner's alone: mode 0600.
"""

import os
import stat
import threading
from typing import Final, final

from gamesockets.crypto.key_sink import KEY_TAPS, KeySink
from gamesockets.node.environment import FromEnvironment
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.log_fields import LOG_RECORDING
from gamesockets.values.enums import DebugType
from gamesockets.values.key_lines import SessionKey, format_key

VARIABLE: Final = "GAMESOCKETS_KEY_LOG"

_MODE: Final = 0o600
_OF_OTHERS: Final = 0o077


@final
class KeyFile(KeySink):
    """Appends a line for each direction of a session. Raises `OSError` if the file cannot be had, or is not safe."""

    def __init__(self, path: str) -> None:
        self.path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        for name in ("O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):  # the last: a pipe is refused, and not waited for
            flags |= getattr(os, name, 0)
        self._is_open = True
        self.start_anew()
        self._file = os.open(path, flags, _MODE)
        try:
            self._check()
        except OSError:
            os.close(self._file)
            raise

    def _check(self) -> None:
        found = os.fstat(self._file)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"the key log {self.path} must be a regular file")
        if os.name == "posix":
            if found.st_uid != os.geteuid():
                raise OSError(f"the key log {self.path} belongs to another user")
            if found.st_mode & _OF_OTHERS:
                raise OSError(f"the key log {self.path} can be read by others: remove it, or chmod 600 it")

    def start_anew(self) -> None:
        """In the constructor, and after a fork in the child: a thread that held the lock is gone."""
        self._lock = threading.RLock()  # re-entrant: a signal handler may end the log

    def take(self, to_connection_id: int, from_connection_id: int, key: bytes, iv: bytes) -> None:
        line = format_key(SessionKey(to_connection_id, from_connection_id, key, iv)) + "\n"
        try:
            with self._lock:  # else another thread may close the file meanwhile, and its number be that of a socket
                if self._is_open:
                    os.write(self._file, line.encode("ascii"))  # one call: lines of several processes stay whole
        except OSError as error:
            text = f"the key log {self.path} cannot be written: {error.strerror or error}"
            OUTPUT.warn(DebugType.ERROR, "key log not written", text, LOG_RECORDING)

    def close(self) -> None:
        """Closes the file. Keys that come later are dropped."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                os.close(self._file)


@final
class KeyLog:
    """The one key log of this process."""

    def __init__(self) -> None:
        self._current: KeyFile | None = None
        self._environment = FromEnvironment(VARIABLE, "no keys are written")

    def write_to(self, path: str | None) -> None:
        """From now on keys go to that file; None stops it. Raises `OSError` as `KeyFile`."""
        self._environment.settle()
        opened = None if path is None else KeyFile(path)
        before, self._current = self._current, opened
        KEY_TAPS.sink = opened
        if opened is not None:
            text = f"KEYS OF ALL NEW CONNECTIONS ARE WRITTEN TO {path}: whoever reads it can read what is sent"
            OUTPUT.say(DebugType.IMPORTANT, text, LOG_RECORDING)
        if before is not None:
            before.close()
            OUTPUT.say(DebugType.IMPORTANT, f"keys are no longer written to {before.path}", LOG_RECORDING)

    def start_anew(self) -> None:
        """After a fork, in the child, which goes on writing to the same file."""
        if self._current is not None:
            self._current.start_anew()

    def follow_environment(self) -> None:
        """Does what the variable asks for, see `FromEnvironment`."""
        self._environment.follow(self.write_to)


KEY_LOG: Final = KeyLog()
"""The one there is."""
