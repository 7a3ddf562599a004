"""Which calls belong to the whole process? First identity, global settings, debug output, the clock, the limits."""

import os
import socket
from types import NoneType
from typing import Final, final

from gamesockets.clock import now_us
from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.table import ConfigurationValue
from gamesockets.drivers.inherited import inherited_sockets
from gamesockets.node.key_log import KEY_LOG
from gamesockets.node.process import PROCESS
from gamesockets.node.tracing import FILE_BYTES_MAX, TraceTarget
from gamesockets.observe.debug_output import OUTPUT, DebugCallback
from gamesockets.values.arguments import check_range, check_type
from gamesockets.values.enums import DebugType
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.limits import MAX_MESSAGE_BYTES, MESSAGES_PER_BATCH_MAX


@final
class Library:
    """Process-wide state (spec 3, 1.1). `initialize` is optional: the first `NetworkingSockets` does it."""

    MAX_CLOSE_MESSAGE_LENGTH: Final = 128
    """Bytes of a close text and its terminator: 127 can be used."""
    MAX_CLOSE_REASON_VALUE: Final = 2999
    """Reasons of applications are 1000..2999."""
    MAX_ERROR_MESSAGE_LENGTH: Final = 1024
    """Bytes of an error text of the reference library."""
    MAX_MESSAGE_SIZE: Final = MAX_MESSAGE_BYTES
    """Bytes of the largest message that can be sent."""
    MAX_MESSAGES_PER_BATCH: Final = MESSAGES_PER_BATCH_MAX
    """How many messages the receive calls return unless told otherwise."""

    @staticmethod
    def initialize(identity: NetworkingIdentity | None = None) -> bool:
        """Sets the identity that a `NetworkingSockets` without one of its own uses. Always True."""
        if identity is not None and not isinstance(identity, NetworkingIdentity):
            raise TypeError(f"identity must be a NetworkingIdentity or None, not {type(identity).__name__}")
        PROCESS.identity = identity
        return True

    @staticmethod
    def deinitialize() -> None:
        """Closes every `NetworkingSockets` and all of `aio` in the process. Global settings stay (spec 3, 4.1)."""
        PROCESS.close_all()

    @staticmethod
    def get_configuration_value(value: ConfigurationValue) -> ConfigurationOutput:
        """What is in force for the process; None for an unknown value (spec 3, 4.4)."""
        check_type("value", value, int)
        return PROCESS.get(value)

    @staticmethod
    def set_configuration_value(value: ConfigurationValue, x: ConfigurationInput) -> bool:
        """Sets a value for the process, None takes it back; whether that could be done (spec 3, 4.3).

        The same as `NetworkingSockets.set_configuration_value` without a scope, for those who have none.
        """
        check_type("value", value, int)
        return PROCESS.set(value, x)

    trust: Final = PROCESS.trust
    """Whom every `NetworkingSockets`, `aio.serve` and `aio.connect` trusts that is given no store of its own: at the
    start nobody. It may change at any time, and stays after `deinitialize`."""

    @staticmethod
    def get_app_id() -> int:
        """The app that this process runs as; 0 unless it was set."""
        return PROCESS.app_id

    @staticmethod
    def set_app_id(app_id: int) -> None:
        """Sets the app that this process runs as. Certificates must be good for it, its own and those of its peers.

        Peers of the reference library are app 0, unless they are from Steam.

        Raises:
            RuntimeError: a `NetworkingSockets`, an `aio.Server` or one of its connections is open.
            ValueError: the number is out of range.
        """
        check_range("app_id", app_id, 0, 0xFFFFFFFF)
        PROCESS.set_app_id(app_id)

    @staticmethod
    def inherited_sockets(name: str | None = None) -> list[socket.socket]:
        """The UDP sockets that whoever started this program opened for it, as systemd does for a unit with a socket.

        Give one to `create_listen_socket`, `Server` or `aio.serve`, in the place of an address. Each is told of once,
        for it is the caller's now. Sockets of other kinds are left alone, and so is the environment that tells of them
        (`LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`).

        Args:
            name: only those of that name, `FileDescriptorName` in the unit; by default all.

        Returns:
            Those there are, in the order of the unit; none if the program was started in another way.
        """
        check_type("name", name, (str, NoneType))
        return inherited_sockets(name)

    @staticmethod
    def set_debug_callback(detail_level: DebugType | int, callback: DebugCallback | None) -> None:
        """Who gets the lines of debug output, `callback(type, text)`, for the whole process (spec 3, 15.4).

        Lines of a type up to `detail_level` are handed over; above 8 means 8. What the log-level values of a connection
        and PACKET_TRACE_MAX_BYTES ask for comes regardless of the level. Of a warning or anything worse that repeats,
        three lines come within three seconds. A line has at most 2047 bytes, and no key or payload is ever in it, but
        for the bytes that PACKET_TRACE_MAX_BYTES shows as they are on the wire.

        The callback runs on any thread, without locks: it may call everything here. It should be brief, for whoever
        delivers lines waits for it. The first exception it raises is logged, all are swallowed.

        With None, or a level up to 0, there is no callback, as at the start. Then lines go to the standard logger
        "gamesockets" and its own level decides: BUG and ERROR arrive as `ERROR`, IMPORTANT and WARNING as `WARNING`,
        MESSAGE as `INFO`, VERBOSE, DEBUG and EVERYTHING as `DEBUG`.

        Raises:
            TypeError: the level is no integer, or the callback cannot be called.
        """
        if not isinstance(detail_level, int):
            raise TypeError(f"detail_level must be a DebugType or an integer, not {type(detail_level).__name__}")
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable or None, not {type(callback).__name__}")
        OUTPUT.set_callback(detail_level, callback)

    @staticmethod
    def set_key_log(path: str | os.PathLike[str] | None) -> None:
        """Writes the keys of all connections that begin from now on to a file, so that a capture can be decrypted.

        For debugging alone: whoever has the file and the packets can read all that was sent. A warning in the log says
        that keys are written. The file is appended to, and only its owner may read it; None stops it. The environment
        variable GAMESOCKETS_KEY_LOG does the same for a program as it is.

        Raises:
            TypeError: `path` is no path.
            OSError: the file cannot be opened, is not a regular one, or others may read it.
        """
        KEY_LOG.write_to(None if path is None else os.fspath(path))

    @staticmethod
    def set_trace(target: TraceTarget | None, bytes_max: int = FILE_BYTES_MAX) -> None:
        """Writes what happens on all connections to a file, one JSON object a line, or hands it to a function.

        Packets, acks, losses, messages by number and size, states, and samples of rate, round trip and queues; no
        contents and no keys. `gamesockets inspect` shows such a file. A thread of its own writes it or calls the
        function; where it cannot follow, events are left out and counted. The environment variable GAMESOCKETS_TRACE
        does the same for a program as it is.

        Args:
            target: a path, whose file is written anew and is its owner's alone; a function of one event, a `dict`; or
                None to stop. What was traced before is complete when this returns.
            bytes_max: how large the file may get.

        Raises:
            TypeError, ValueError: an argument cannot be used.
            OSError: the file cannot be opened.
        """
        if target is not None and not callable(target) and not isinstance(target, (str, os.PathLike)):
            raise TypeError(f"target must be a path, a function or None, not {type(target).__name__}")
        check_type("bytes_max", bytes_max, int)
        if bytes_max <= 0:
            raise ValueError(f"bytes_max must be above 0, not {bytes_max}")
        PROCESS.set_trace(target, bytes_max)

    @staticmethod
    def time() -> int:
        """Monotonic time in microseconds, the clock of all timestamps here (spec 3, 15.3)."""
        return now_us()
