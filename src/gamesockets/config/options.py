"""With which numbers does a connection run?"""

from collections.abc import Mapping
from typing import Any, Final, final

from gamesockets.config.fields import OPTION_ROWS, with_defaults
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue

_V = ConfigurationValue

PIPE_CONNECTION_PRESETS: Final[Mapping[ConfigurationValue, int]] = {
    _V.SEND_RATE_MIN: 268_435_456,
    _V.SEND_RATE_MAX: 268_435_456,
    _V.RECV_BUFFER_SIZE: 268_435_456,
    _V.RECV_BUFFER_MESSAGES: 268_435_456,
    _V.RECV_MAX_MESSAGE_SIZE: 268_435_456,
    _V.UNENCRYPTED: 3,
}
"""What both ends of a pair inside the process start with (spec 3, 4.1)."""


@final
class ConnectionOptions:
    """The numbers a connection runs with. Never change one: many connections share the object.

    `config.table` says which value each field comes from, with its meaning, default and limits. Fields are declared
    here so that compiled code reads them as plain numbers.

    Args:
        fields: those that differ from the default, by name.

    Raises:
        TypeError: there is no such field.
    """

    __slots__ = tuple(OPTION_ROWS)

    send_buffer_size_bytes: int
    send_rate_min: int
    send_rate_max: int
    nagle_time_us: int
    timeout_initial_us: int
    timeout_connected_us: int
    mtu_packet_size: int
    unencrypted: int
    allow_without_auth: int
    localhost_allow_without_auth: int
    recv_buffer_size_bytes: int
    recv_buffer_messages: int
    recv_max_message_size: int
    recv_max_segments_per_packet: int
    recv_incomplete_size_bytes: int
    recv_window_size_bytes: int
    timeout_first_message_us: int
    timeout_linger_us: int
    send_time_since_previous_packet: int
    connection_user_data: int
    message_loss_send_percent: float
    message_loss_receive_percent: float

    def __init__(self, **fields: Any) -> None:
        for field, number in with_defaults(OPTION_ROWS, fields).items():
            setattr(self, field, number)

    def allowed_without_auth(self, is_loopback: bool) -> int:
        """`IP_AllowWithoutAuth` for a peer: one on this machine may be allowed more (spec 1, 5.9)."""
        allow = self.allow_without_auth
        return max(allow, self.localhost_allow_without_auth) if is_loopback else allow

    @classmethod
    def default(cls) -> "ConnectionOptions":
        """The options of a connection for which nothing is set: always the same object."""
        return _DEFAULT_OPTIONS

    @classmethod
    def resolve(cls, configuration: Configuration) -> "ConnectionOptions":
        """The options in force now. Cheap: the same object as long as nothing changes.

        Scopes that inherit from each other and have the same values share one object.
        """
        return configuration.resolve(ConnectionOptions, OPTION_ROWS)


_DEFAULT_OPTIONS: Final = ConnectionOptions()
