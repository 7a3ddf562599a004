"""Which lines of debug output tell the life of listen sockets and connections? (spec 3, 6.1, 6.2, 13.2 and 15.4)"""

from types import TracebackType
from typing import Final, final

from gamesockets.config.convert import outside_limits
from gamesockets.config.kinds import ConfigurationInput
from gamesockets.config.table import find_row
from gamesockets.connection.connection import Connection, StateChange
from gamesockets.connection.states import State
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.log_fields import LOG_CONNECTION, LOG_LISTEN, About
from gamesockets.observe.snapshots import describe
from gamesockets.values.address import Address
from gamesockets.values.enums import DebugType, EndReason

UNCLOSED_US: Final = 20_000_000
"""How long an ended connection may wait for the application to close it, before a warning."""

ENDED: Final = (State.CLOSED_BY_PEER, State.PROBLEM_DETECTED_LOCALLY)

_ALLOW_AND_TELL: Final = 1


def state_changed(change: StateChange, description: str, is_incoming: bool) -> None:
    """A connection, which is described so, went from one state to another."""
    connection = change.connection
    who = f"[{description}]"
    why = f"({change.reason})"
    about = About(connection, change.new_state, change.reason)
    match change.new_state:
        case State.CONNECTING:
            _say(DebugType.VERBOSE, f"{who} {'incoming request' if is_incoming else 'connecting'}", about)
        case State.CONNECTED:
            _say(DebugType.MESSAGE, f"{who} connected", about)
            allow = connection.options.allowed_without_auth(connection.address.is_loopback)
            if not connection.is_authenticated and allow == _ALLOW_AND_TELL:
                text = f"{who} peer is not authenticated, and allowed because IP_AllowWithoutAuth is 1"
                OUTPUT.warn(DebugType.WARNING, "peer without authentication", text, LOG_CONNECTION, about)
        case State.CLOSED_BY_PEER:
            _say(DebugType.MESSAGE, f"{who} closed by peer {why}: {change.debug}", about)
        case State.PROBLEM_DETECTED_LOCALLY:
            _say(DebugType.MESSAGE, f"{who} problem detected locally {why}: {change.debug}", about)
            if is_incoming and change.old_state == State.CONNECTING and change.reason == EndReason.MISC_TIMEOUT:
                text = f"{who} was neither accepted nor closed by the application in time"
                OUTPUT.warn(DebugType.BUG, "request without answer", text, LOG_CONNECTION, about)
        case State.FIN_WAIT if change.old_state not in ENDED:
            manner = ", lingering," if connection.state == State.LINGER else ""
            _say(DebugType.MESSAGE, f"{who} closed by app{manner} {why} {change.debug}", about)
        case _:
            pass


def _say(kind: DebugType, text: str, about: About) -> None:
    OUTPUT.say(kind, text, LOG_CONNECTION, about)


def sending_fails(connection: Connection) -> None:
    """The system refuses all that a connection sends, which goes on trying."""
    text = f"[{describe(connection, '')}] nothing can be sent: {connection.send_error}"
    OUTPUT.warn(DebugType.WARNING, "nothing can be sent", text, LOG_CONNECTION, About(connection))


def clamped(value: int, x: ConfigurationInput) -> None:
    """A configuration value was set to a number outside its limits, and became the nearest one within them."""
    row = find_row(value)
    why = "" if row is None else outside_limits(row, x)
    if row is not None and why:
        text = f"configuration value {row.name} ({row.number}) was set to {x!r}, and became the nearest limit: {why}"
        OUTPUT.warn(DebugType.WARNING, "configuration value clamped", text)


def left_unclosed(connection: Connection, name: str) -> None:
    """The application was told of a connection's end long ago, and still has not closed it."""
    seconds = UNCLOSED_US // 1_000_000
    text = f"[{describe(connection, name)}] ended over {seconds} s ago ({connection.end_reason}) and was not closed"
    OUTPUT.warn(DebugType.BUG, "connection not closed", text, LOG_CONNECTION, About(connection))


def listening(address: Address, allow_without_auth: int) -> None:
    """A listen socket was made."""
    OUTPUT.say(DebugType.VERBOSE, f"listening on {address}", LOG_LISTEN)
    if allow_without_auth == _ALLOW_AND_TELL:
        text = f"peers without authentication are allowed on {address} because IP_AllowWithoutAuth is 1"
        OUTPUT.warn(DebugType.WARNING, "listening without authentication", text, LOG_LISTEN)


@final
class FailureLine:
    """A context manager that writes a line if its block fails; the exception goes on to the caller."""

    __slots__ = ("_attempt", "_place")

    def __init__(self, attempt: str, place: object) -> None:
        self._attempt = attempt
        self._place = place

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError | ValueError):
            text = f"cannot {self._attempt} {self._place}: {error}"
            OUTPUT.warn(DebugType.ERROR, self._attempt, text)


def refused(listening_at: Address, client: Address, problem: str) -> None:
    """A client with bad credentials was refused, without a word to it (spec 1, 3.5)."""
    OUTPUT.warn(DebugType.WARNING, "client refused", f"{client} was refused on {listening_at}: {problem}")
