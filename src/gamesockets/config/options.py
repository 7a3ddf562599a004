"""With which numbers does a connection run?"""

from collections.abc import Mapping
from typing import Final, final

from gamesockets.config.scopes import Configuration
from gamesockets.values.enums import ConfigurationValue

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
        """What is in force for a configuration now. Cheap, and the same object as long as nothing changes.

        All scopes in a row that say the same share one object.
        """
        source = configuration.widest_alike()
        stamp = source.stamp()
        resolved = source.resolved
        if stamp != source.resolved_stamp or not isinstance(resolved, ConnectionOptions):
            resolved = _resolve(source)
            source.resolved = resolved
            source.resolved_stamp = stamp
        return resolved


def _resolve(configuration: Configuration) -> ConnectionOptions:
    integer, number = configuration.integer, configuration.number
    return ConnectionOptions(
        integer(_V.SEND_BUFFER_SIZE),
        integer(_V.SEND_RATE_MIN),
        integer(_V.SEND_RATE_MAX),
        integer(_V.NAGLE_TIME),
        integer(_V.TIMEOUT_INITIAL) * 1000,
        integer(_V.TIMEOUT_CONNECTED) * 1000,
        integer(_V.MTU_PACKET_SIZE),
        integer(_V.UNENCRYPTED),
        integer(_V.IP_ALLOW_WITHOUT_AUTH),
        integer(_V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH),
        integer(_V.RECV_BUFFER_SIZE),
        integer(_V.RECV_BUFFER_MESSAGES),
        integer(_V.RECV_MAX_MESSAGE_SIZE),
        integer(_V.RECV_MAX_SEGMENTS_PER_PACKET),
        integer(_V.SEND_TIME_SINCE_PREVIOUS_PACKET),
        integer(_V.CONNECTION_USER_DATA),
        number(_V.FAKE_MESSAGE_LOSS_SEND),
        number(_V.FAKE_MESSAGE_LOSS_RECV),
    )


_DEFAULT_OPTIONS: Final = ConnectionOptions()
