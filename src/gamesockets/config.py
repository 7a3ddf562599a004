"""How is a configuration value set, inherited and read, and with which numbers does a connection run?

Each scope has one `Configuration` that holds what was set there and asks the next wider one for the rest
(spec 3, part 4). The data path never looks here: a connection runs on `ConnectionOptions`, the simulated
network on `NetworkConditions`: plain numbers, resolved from a configuration and again after each change.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from gamesockets.config_convert import convert
from gamesockets.config_table import (
    CONFIGURATION_ROWS,
    ConfigurationInput,
    ConfigurationOutput,
    ConfigurationRow,
    LockMoment,
    find_row,
)
from gamesockets.enums import ConfigurationDataType, ConfigurationScope, ConfigurationValue

__all__ = [
    "CONFIGURATION_ROWS",
    "PIPE_CONNECTION_PRESETS",
    "Configuration",
    "ConfigurationInput",
    "ConfigurationOutput",
    "ConfigurationRow",
    "ConnectionOptions",
    "LockMoment",
    "NetworkConditions",
    "find_row",
    "listed_values",
    "value_name",
]

_V = ConfigurationValue

PIPE_CONNECTION_PRESETS: Final[Mapping[ConfigurationValue, int]] = {
    _V.SEND_RATE_MIN: 268_435_456,
    _V.SEND_RATE_MAX: 268_435_456,
    _V.RECV_BUFFER_SIZE: 268_435_456,
    _V.RECV_BUFFER_MESSAGES: 268_435_456,
    _V.RECV_MAX_MESSAGE_SIZE: 268_435_456,
    _V.UNENCRYPTED: 3,
}
"""What both ends of a pair inside the process are born with (spec 3, 4.1)."""

_MTU_HEADROOM_BYTES: Final = 100
_LOCKABLE_ROWS: Final = [row for row in CONFIGURATION_ROWS.values() if row.locked]
_UNLISTED: Final = frozenset({_V.SYMMETRIC_CONNECT, _V.LOCAL_VIRTUAL_PORT, _V.CONNECTION_USER_DATA})
_DEVELOPMENT: Final = frozenset({_V.IP_ALLOW_WITHOUT_AUTH, _V.UNENCRYPTED})
_LARGEST_NATIVE: Final = _V.ECN


def listed_values(include_development: bool) -> list[ConfigurationValue]:
    """The values an application may show for editing, ascending: the native library's list (spec 3, 4.5).

    Not in it: callbacks, read-only values, those without effect here, and our own additions.
    """
    return sorted(
        row.value
        for row in CONFIGURATION_ROWS.values()
        if row.available
        and row.value <= _LARGEST_NATIVE
        and not row.read_only
        and row.data_type != ConfigurationDataType.FUNCTION_PTR
        and row.value not in _UNLISTED
        and (include_development or row.value not in _DEVELOPMENT)
    )


def value_name(value: int) -> str | None:
    """The native library's spelling of a value's name; `None` for a number that is no value."""
    row = find_row(value)
    return row.name if row is not None else None


@final
class Configuration:
    """What is set at one scope, with the wider scope it inherits from (spec 3, 4.1).

    Lookup is live: what changes in a wider scope is seen at once by all below that have nothing of their own,
    except `ConnectionUserData`, which a connection copies when it is made, and values that are locked.
    An object without settings of its own is a few words of memory: each of thousands of connections has one.

    Args:
        scope: for what the settings are.
        parent: the next wider configuration; none at the global scope, and only there.

    Raises:
        ValueError: the parent is missing or not wider.
    """

    __slots__ = (
        "_changes",
        "_conditions",
        "_conditions_stamp",
        "_connection_user_data",
        "_locked",
        "_locked_below",
        "_options",
        "_options_stamp",
        "_overrides",
        "_parent",
        "_scope",
    )

    def __init__(
        self,
        scope: ConfigurationScope = ConfigurationScope.GLOBAL,
        parent: "Configuration | None" = None,
    ) -> None:
        widest = parent.scope if parent is not None else 0
        if scope <= widest or (parent is None) != (scope == ConfigurationScope.GLOBAL):
            wider = parent.scope.name if parent is not None else "nothing"
            raise ValueError(f"scope {scope.name} cannot inherit from {wider}")
        self._scope: ConfigurationScope = scope
        self._parent: Configuration | None = parent
        self._overrides: dict[int, ConfigurationOutput] | None = None
        self._locked: dict[int, ConfigurationOutput] | None = None
        # The values of the child locked last: children locked with the same values share one dictionary.
        self._locked_below: dict[int, ConfigurationOutput] | None = None
        self._changes = 0
        self._options: ConnectionOptions | None = None
        self._options_stamp = -1
        self._conditions: NetworkConditions | None = None
        self._conditions_stamp = -1
        self._connection_user_data: ConfigurationOutput = None
        if parent is not None and scope == ConfigurationScope.CONNECTION:
            self._connection_user_data = parent.effective(_V.CONNECTION_USER_DATA)

    @property
    def scope(self) -> ConfigurationScope:
        return self._scope

    @property
    def parent(self) -> "Configuration | None":
        return self._parent

    def get(self, value: int) -> tuple[ConfigurationOutput, bool] | None:
        """Read a value, and whether it comes from a wider scope (spec 3, 4.4).

        Returns:
            The value and `True` if it is inherited; `None` for a number that is no value, and for a global value
            at another scope.
        """
        row = find_row(value)
        if row is None or self._is_beyond(row):
            return None
        x, source = self._look_up(row)
        return x, source is not self

    def effective(self, value: int) -> ConfigurationOutput:
        """What is in force: the value of `get` alone, and for global values at any scope.

        Raises:
            ValueError: the number is no value.
        """
        row = find_row(value)
        if row is None:
            raise ValueError(f"{value} is no configuration value")
        return self._look_up(row)[0]

    def set(self, value: int, x: ConfigurationInput) -> bool:
        """Set a value at this scope, converted and clamped; `None` takes it back (spec 3, 4.3).

        Returns:
            Whether it was done. `False`: no such value, not for this scope, read-only, locked, or wrong type.
        """
        if x is None:
            return self.clear(value)
        row = find_row(value)
        if row is None or self._refusal(row):
            return False
        converted = convert(row, x)
        if converted is None:
            return False
        if self._keeps_user_data(row.value):
            self._connection_user_data = converted
        else:
            if self._overrides is None:
                self._overrides = {}
            self._overrides[row.value] = converted
        self._changes += 1
        return True

    def clear(self, value: int) -> bool:
        """Take back what was set at this scope: it is inherited again, at the global scope the default.

        Returns:
            Whether that is allowed, also if nothing was set. A connection's user data cannot be taken back.
        """
        row = find_row(value)
        if row is None or self._refusal(row) or self._keeps_user_data(row.value):
            return False
        if self._overrides is not None:
            self._overrides.pop(row.value, None)
        self._changes += 1
        return True

    def apply(self, options: Mapping[ConfigurationValue, ConfigurationInput]) -> None:
        """Set several values in order: the options an object is created with (spec 3, 4.6).

        Raises:
            ValueError: one cannot be set; those before it are. The text names it and says why.
        """
        for value, x in options.items():
            if self.set(value, x):
                continue
            row = find_row(value)
            if row is None:
                raise ValueError(f"{value!r} is no configuration value")
            kind = row.data_type.name if row.data_type is not None else "nothing"
            why = self._refusal(row) or f"it holds a value of type {kind}"
            raise ValueError(f"configuration value {row.name} ({row.value}) cannot be set to {x!r}: {why}")

    def lock(self, moment: LockMoment) -> None:
        """Fix the values that the handshake or the routing uses from this moment on (spec 3, 4.2).

        They keep what is in force now, whatever happens in wider scopes, and `set` refuses them.
        """
        fixed = dict(self._locked or {})
        for row in _LOCKABLE_ROWS:
            if row.locked & moment:
                fixed[row.value] = self.effective(row.value)
        if self._parent is not None:
            if self._parent._locked_below == fixed:
                fixed = self._parent._locked_below
            self._parent._locked_below = fixed
        self._locked = fixed
        self._changes += 1

    def _refusal(self, row: ConfigurationRow) -> str:
        """Why a value cannot be changed here; empty if it can."""
        if row.read_only:
            return "it is read-only"
        if self._is_beyond(row):
            return "it exists only at the global scope"
        if self._locked is not None and row.value in self._locked:
            return "it is locked, because it is already in use"
        return ""

    def _is_beyond(self, row: ConfigurationRow) -> bool:
        """Whether a value exists only globally, and this is not the global scope."""
        return row.scope == ConfigurationScope.GLOBAL and self._scope != ConfigurationScope.GLOBAL

    def _keeps_user_data(self, value: int) -> bool:
        return value == _V.CONNECTION_USER_DATA and self._scope == ConfigurationScope.CONNECTION

    def _look_up(self, row: ConfigurationRow) -> "tuple[ConfigurationOutput, Configuration]":
        """What is in force, and which scope says so; the default is said by the global one."""
        value = row.value
        if value == _V.MTU_DATA_SIZE:
            packet_size, source = self._look_up(CONFIGURATION_ROWS[_V.MTU_PACKET_SIZE])
            return max(0, packet_size - _MTU_HEADROOM_BYTES) if isinstance(packet_size, int) else 0, source
        source = self
        while True:
            if source._locked is not None and value in source._locked:
                return source._locked[value], source
            if source._overrides is not None and value in source._overrides:
                return source._overrides[value], source
            if source._keeps_user_data(value):
                return source._connection_user_data, source
            if source._parent is None:
                return _default(row), source
            source = source._parent

    def _stamp(self) -> int:
        """Grows with every change here or in a wider scope."""
        return self._changes + (self._parent._stamp() if self._parent is not None else 0)

    def _differs_from_parent(self) -> bool:
        parent = self._parent
        if parent is None or self._overrides:
            return True
        if any(parent.effective(value) != x for value, x in (self._locked or {}).items()):
            return True
        user_data = self._connection_user_data
        return user_data is not None and user_data != parent.effective(_V.CONNECTION_USER_DATA)

    def _connection_options(self) -> "ConnectionOptions":
        """The resolved options; one object for all scopes in a row that say the same."""
        if self._parent is not None and not self._differs_from_parent():
            return self._parent._connection_options()
        stamp = self._stamp()
        options = self._options
        if options is None or stamp != self._options_stamp:
            options = self._options = ConnectionOptions(
                self._integer(_V.SEND_BUFFER_SIZE),
                self._integer(_V.SEND_RATE_MIN),
                self._integer(_V.SEND_RATE_MAX),
                self._integer(_V.NAGLE_TIME),
                self._integer(_V.TIMEOUT_INITIAL) * 1000,
                self._integer(_V.TIMEOUT_CONNECTED) * 1000,
                self._integer(_V.MTU_PACKET_SIZE),
                self._integer(_V.UNENCRYPTED),
                self._integer(_V.IP_ALLOW_WITHOUT_AUTH),
                self._integer(_V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH),
                self._integer(_V.RECV_BUFFER_SIZE),
                self._integer(_V.RECV_BUFFER_MESSAGES),
                self._integer(_V.RECV_MAX_MESSAGE_SIZE),
                self._integer(_V.RECV_MAX_SEGMENTS_PER_PACKET),
                self._integer(_V.SEND_TIME_SINCE_PREVIOUS_PACKET),
                self._integer(_V.CONNECTION_USER_DATA),
                self._number(_V.FAKE_MESSAGE_LOSS_SEND),
                self._number(_V.FAKE_MESSAGE_LOSS_RECV),
            )
            self._options_stamp = stamp
        return options

    def _network_conditions(self) -> "NetworkConditions":
        """The resolved conditions; looking up twenty values for each new socket would cost more than the socket."""
        if self._parent is not None:
            return self._parent._network_conditions()
        conditions = self._conditions
        if conditions is None or self._changes != self._conditions_stamp:
            integer, number = self._integer, self._number
            conditions = self._conditions = NetworkConditions(
                loss_send_percent=number(_V.FAKE_PACKET_LOSS_SEND),
                loss_receive_percent=number(_V.FAKE_PACKET_LOSS_RECV),
                lag_send_ms=integer(_V.FAKE_PACKET_LAG_SEND),
                lag_receive_ms=integer(_V.FAKE_PACKET_LAG_RECV),
                jitter_send_average_ms=number(_V.FAKE_PACKET_JITTER_SEND_AVG),
                jitter_send_max_ms=number(_V.FAKE_PACKET_JITTER_SEND_MAX),
                jitter_send_percent=number(_V.FAKE_PACKET_JITTER_SEND_PCT),
                jitter_receive_average_ms=number(_V.FAKE_PACKET_JITTER_RECV_AVG),
                jitter_receive_max_ms=number(_V.FAKE_PACKET_JITTER_RECV_MAX),
                jitter_receive_percent=number(_V.FAKE_PACKET_JITTER_RECV_PCT),
                reorder_send_percent=number(_V.FAKE_PACKET_REORDER_SEND),
                reorder_receive_percent=number(_V.FAKE_PACKET_REORDER_RECV),
                reorder_time_ms=integer(_V.FAKE_PACKET_REORDER_TIME),
                duplicate_send_percent=number(_V.FAKE_PACKET_DUP_SEND),
                duplicate_receive_percent=number(_V.FAKE_PACKET_DUP_RECV),
                duplicate_time_max_ms=integer(_V.FAKE_PACKET_DUP_TIME_MAX),
                rate_limit_send_bytes_per_second=integer(_V.FAKE_RATE_LIMIT_SEND_RATE),
                rate_limit_send_burst_bytes=integer(_V.FAKE_RATE_LIMIT_SEND_BURST),
                rate_limit_receive_bytes_per_second=integer(_V.FAKE_RATE_LIMIT_RECV_RATE),
                rate_limit_receive_burst_bytes=integer(_V.FAKE_RATE_LIMIT_RECV_BURST),
            )
            self._conditions_stamp = self._changes
        return conditions

    def _integer(self, value: ConfigurationValue) -> int:
        x = self.effective(value)
        if not isinstance(x, int):
            raise TypeError(f"{value.name} holds no integer")
        return x

    def _number(self, value: ConfigurationValue) -> float:
        x = self.effective(value)
        if not isinstance(x, int | float):
            raise TypeError(f"{value.name} holds no number")
        return x

    def __repr__(self) -> str:
        own = {_V(value).name: x for value, x in (self._overrides or {}).items()}
        return f"<Configuration {self._scope.name} {own}>"


def _default(row: ConfigurationRow) -> ConfigurationOutput:
    """What a value reads as when nobody set it: 0 where the native library's default is not known."""
    if row.default is None and row.data_type == ConfigurationDataType.INT32:
        return 0
    return row.default


@final
class ConnectionOptions:
    """The numbers a connection runs with. Not to be changed: many connections share one object.

    Attributes:
        send_buffer_size_bytes: limit of bytes that wait to be sent.
        send_rate_min: lower limit of the send rate, bytes per second; wins over a smaller maximum.
        send_rate_max: upper limit of the send rate, bytes per second.
        nagle_time_us: how long a small message waits for company.
        timeout_initial_us: longest time to establish the connection, or for the application to accept it.
        timeout_connected_us: longest silence of the peer.
        mtu_packet_size: largest UDP payload to send, in bytes.
        unencrypted: 0 encryption required, 1 plain allowed, 2 plain preferred, 3 plain required.
        allow_without_auth: peers without a certificate: 0 refuse, 1 allow and log, 2 allow.
        localhost_allow_without_auth: the same for peers at localhost, where the larger of both counts.
        recv_buffer_size_bytes: limit of received bytes that wait for the application.
        recv_buffer_messages: limit of received messages that wait for the application.
        recv_max_message_size: largest message accepted, in bytes.
        recv_max_segments_per_packet: most pieces of messages taken from one packet.
        send_time_since_previous_packet: 0 no, 1 yes, -1 by kind of connection, which is no for UDP.
        connection_user_data: the application's number when the connection is made; later it has its own.
        message_loss_send_percent: chance of an unreliable message to be dropped when sent, 0..100.
        message_loss_receive_percent: the same when it has arrived.
    """

    __slots__ = (
        "allow_without_auth",
        "connection_user_data",
        "localhost_allow_without_auth",
        "message_loss_receive_percent",
        "message_loss_send_percent",
        "mtu_packet_size",
        "nagle_time_us",
        "recv_buffer_messages",
        "recv_buffer_size_bytes",
        "recv_max_message_size",
        "recv_max_segments_per_packet",
        "send_buffer_size_bytes",
        "send_rate_max",
        "send_rate_min",
        "send_time_since_previous_packet",
        "timeout_connected_us",
        "timeout_initial_us",
        "unencrypted",
    )

    def __init__(
        self,
        send_buffer_size_bytes: int = 524_288,
        send_rate_min: int = 262_144,
        send_rate_max: int = 262_144,
        nagle_time_us: int = 5_000,
        timeout_initial_us: int = 10_000_000,
        timeout_connected_us: int = 10_000_000,
        mtu_packet_size: int = 1300,
        unencrypted: int = 0,
        allow_without_auth: int = 2,
        localhost_allow_without_auth: int = 2,
        recv_buffer_size_bytes: int = 1_048_576,
        recv_buffer_messages: int = 1000,
        recv_max_message_size: int = 524_288,
        recv_max_segments_per_packet: int = 1300,
        send_time_since_previous_packet: int = -1,
        connection_user_data: int = -1,
        message_loss_send_percent: float = 0.0,
        message_loss_receive_percent: float = 0.0,
    ) -> None:
        self.send_buffer_size_bytes = send_buffer_size_bytes
        self.send_rate_min = send_rate_min
        self.send_rate_max = send_rate_max
        self.nagle_time_us = nagle_time_us
        self.timeout_initial_us = timeout_initial_us
        self.timeout_connected_us = timeout_connected_us
        self.mtu_packet_size = mtu_packet_size
        self.unencrypted = unencrypted
        self.allow_without_auth = allow_without_auth
        self.localhost_allow_without_auth = localhost_allow_without_auth
        self.recv_buffer_size_bytes = recv_buffer_size_bytes
        self.recv_buffer_messages = recv_buffer_messages
        self.recv_max_message_size = recv_max_message_size
        self.recv_max_segments_per_packet = recv_max_segments_per_packet
        self.send_time_since_previous_packet = send_time_since_previous_packet
        self.connection_user_data = connection_user_data
        self.message_loss_send_percent = message_loss_send_percent
        self.message_loss_receive_percent = message_loss_receive_percent

    @classmethod
    def default(cls) -> "ConnectionOptions":
        """The options of a connection for which nothing was set: always the same object."""
        return _DEFAULT_OPTIONS

    @classmethod
    def resolve(cls, configuration: Configuration) -> "ConnectionOptions":
        """What is in force for a configuration now. Cheap, and the same object as long as nothing changes."""
        return configuration._connection_options()


_DEFAULT_OPTIONS: Final = ConnectionOptions()


@dataclass(frozen=True, slots=True)
class NetworkConditions:
    """The bad network to be simulated for all UDP of the process (spec 3, 4.8), by default a perfect one.

    Percentages, 0..100, are the chance of one packet to meet this fate. Its delay is the lag, plus a random
    jitter, plus `reorder_time_ms` if it was picked for that; a copy follows at most `duplicate_time_max_ms`
    later. A rate limit of 0 is none; its burst is the size of the token bucket.
    """

    loss_send_percent: float = 0.0
    loss_receive_percent: float = 0.0
    lag_send_ms: int = 0
    lag_receive_ms: int = 0
    jitter_send_average_ms: float = 0.0
    jitter_send_max_ms: float = 100.0
    jitter_send_percent: float = 75.0
    jitter_receive_average_ms: float = 0.0
    jitter_receive_max_ms: float = 100.0
    jitter_receive_percent: float = 75.0
    reorder_send_percent: float = 0.0
    reorder_receive_percent: float = 0.0
    reorder_time_ms: int = 15
    duplicate_send_percent: float = 0.0
    duplicate_receive_percent: float = 0.0
    duplicate_time_max_ms: int = 10
    rate_limit_send_bytes_per_second: int = 0
    rate_limit_send_burst_bytes: int = 16_384
    rate_limit_receive_bytes_per_second: int = 0
    rate_limit_receive_burst_bytes: int = 16_384

    @classmethod
    def resolve(cls, configuration: Configuration) -> "NetworkConditions":
        """What is in force now. The values are global, so every configuration below gives the same object."""
        return configuration._network_conditions()

    @property
    def send_active(self) -> bool:
        """Whether anything can happen to an outgoing packet."""
        jitter = min(self.jitter_send_average_ms, self.jitter_send_max_ms, self.jitter_send_percent)
        reorder = min(self.reorder_send_percent, self.reorder_time_ms)
        delayed = max(self.lag_send_ms, jitter, reorder)
        limited = self.rate_limit_send_bytes_per_second
        return max(self.loss_send_percent, delayed, self.duplicate_send_percent, limited) > 0

    @property
    def receive_active(self) -> bool:
        """Whether anything can happen to an incoming packet."""
        jitter = min(self.jitter_receive_average_ms, self.jitter_receive_max_ms, self.jitter_receive_percent)
        reorder = min(self.reorder_receive_percent, self.reorder_time_ms)
        delayed = max(self.lag_receive_ms, jitter, reorder)
        limited = self.rate_limit_receive_bytes_per_second
        return max(self.loss_receive_percent, delayed, self.duplicate_receive_percent, limited) > 0
