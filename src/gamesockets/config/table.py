"""Which configuration values are there, and what is fixed about each one?

One row for each value says everything: its number and name, what it holds, its default and limits, when it locks,
whether it is listed, and the field that the running code reads (spec 3, 4.7). A new value is a new row here. One that a
connection or the simulated network runs with also needs a field in `ConnectionOptions` or `NetworkConditions`.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Self

from gamesockets.config.kinds import ConfigurationListing, ConfigurationSubject, LockMoment
from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope
from gamesockets.values.moments import US_PER_MS
from gamesockets.values.renamed import RenamedMembers


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """What is fixed about one configuration value.

    Attributes:
        number: its number.
        name: as the reference library spells it.
        subject: what it is about.
        data_type: what it holds.
        scope: the narrowest at which it can be set: `GLOBAL` if it exists once for everything.
        default: what it reads as when nothing is set.
        minimum: smaller numbers become this one; `None` without limit.
        maximum: larger numbers become this one; `None` without limit.
        unit: of the number, as text for people.
        meaning: one line.
        locked: when it can no longer be changed.
        read_only: whether it can never be set.
        listed: whether an application may show it for editing. Callbacks, read-only values and those without effect
            are never shown.
        option: the field of `ConnectionOptions` that a connection runs with; empty if there is none.
        condition: the field of `NetworkConditions` that the simulated network runs with; empty if there is none.
        limit: the field of `Limits` that a listen socket runs with; empty if there is none.
        factor: what the number is multiplied by for that field, from the unit of the value to that of the field.
    """

    number: int
    name: str
    subject: ConfigurationSubject
    data_type: ConfigurationDataType
    scope: ConfigurationScope
    default: int | float | str | None
    minimum: int | float | None
    maximum: int | float | None
    unit: str
    meaning: str
    locked: LockMoment = LockMoment.NEVER
    read_only: bool = False
    listed: ConfigurationListing = ConfigurationListing.ALWAYS
    option: str = ""
    condition: str = ""
    limit: str = ""
    factor: int = 1

    @property
    def value(self) -> "ConfigurationValue":
        """The value that this row is about."""
        return ConfigurationValue(self.number)

    @property
    def available(self) -> bool:
        """Whether it can have an effect here. If not, it is kept and read back, nothing more."""
        return self.subject != ConfigurationSubject.WITHOUT_EFFECT


_Row = ConfigurationRow
_BAD_NETWORK: Final = ConfigurationSubject.BAD_NETWORK
_MESSAGE_LOSS: Final = ConfigurationSubject.MESSAGE_LOSS
_TRANSFER: Final = ConfigurationSubject.TRANSFER
_SECURITY: Final = ConfigurationSubject.SECURITY
_DIAGNOSTICS: Final = ConfigurationSubject.DIAGNOSTICS
_CALLBACKS: Final = ConfigurationSubject.CALLBACKS
_LIMITS: Final = ConfigurationSubject.LIMITS
_LATER: Final = ConfigurationSubject.LATER
_WITHOUT_EFFECT: Final = ConfigurationSubject.WITHOUT_EFFECT
_INT32: Final = ConfigurationDataType.INT32
_INT64: Final = ConfigurationDataType.INT64
_FLOAT: Final = ConfigurationDataType.FLOAT
_STRING: Final = ConfigurationDataType.STRING
_CALLBACK: Final = ConfigurationDataType.FUNCTION_PTR
_GLOBAL: Final = ConfigurationScope.GLOBAL
_LISTEN_SOCKET: Final = ConfigurationScope.LISTEN_SOCKET
_CONNECTION: Final = ConfigurationScope.CONNECTION
_LISTENING: Final = LockMoment.LISTEN_SOCKET_CREATED
_STARTED: Final = LockMoment.CONNECTION_STARTED
_PEER_TO_PEER: Final = LockMoment.PEER_TO_PEER_CREATED
_NEVER: Final = ConfigurationListing.NEVER
_DEVELOPMENT: Final = ConfigurationListing.DEVELOPMENT
_INT32_MAX: Final = 2_147_483_647
_256_MIB: Final = 268_435_456
_1_GIB: Final = 1_073_741_824


# A table reads best with a line for each question: which value, what kind of number, what for.
# fmt: off
class ConfigurationValue(IntEnum, metaclass=RenamedMembers):
    """Every configuration value by its number in today's reference library (spec 3, 4.7).

    `NetworkingSockets.get_configuration_value_info` says what each one holds. Those of Valve's relay network and of
    other closed builds have no effect here: they are kept, of their type and within their limits, and can be read
    back. `ENUMERATE_DEV_VARS` was deleted from the reference library: only its name is left.

    Attributes:
        row: what is fixed about it; `None` for `INVALID` and `ENUMERATE_DEV_VARS`.
    """

    row: ConfigurationRow | None

    def __new__(cls, row: ConfigurationRow | int) -> Self:
        number = row if isinstance(row, int) else row.number
        value = int.__new__(cls, number)
        value._value_ = number
        value.row = None if isinstance(row, int) else row
        if value.row is not None:
            value.__doc__ = value.row.meaning
        return value

    INVALID = 0
    FAKE_PACKET_LOSS_SEND = _Row(2, "FakePacketLoss_Send", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
        "Chance that an outgoing UDP packet is dropped, handshake packets included.",
        condition="loss_send_percent")
    FAKE_PACKET_LOSS_RECV = _Row(3, "FakePacketLoss_Recv", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
        "As FakePacketLoss_Send, for incoming packets.",
        condition="loss_receive_percent")
    FAKE_PACKET_LAG_SEND = _Row(4, "FakePacketLag_Send", _BAD_NETWORK,
        _INT32, _GLOBAL, 0, 0, 5000, "ms",
        "Fixed delay of every outgoing UDP packet.",
        condition="lag_send_ms")
    FAKE_PACKET_LAG_RECV = _Row(5, "FakePacketLag_Recv", _BAD_NETWORK,
        _INT32, _GLOBAL, 0, 0, 5000, "ms",
        "As FakePacketLag_Send, for incoming packets.",
        condition="lag_receive_ms")
    FAKE_PACKET_REORDER_SEND = _Row(6, "FakePacketReorder_Send", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
        "Chance that an outgoing packet is held back for FakePacketReorder_Time.",
        condition="reorder_send_percent")
    FAKE_PACKET_REORDER_RECV = _Row(7, "FakePacketReorder_Recv", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
        "As FakePacketReorder_Send, for incoming packets.",
        condition="reorder_receive_percent")
    FAKE_PACKET_REORDER_TIME = _Row(8, "FakePacketReorder_Time", _BAD_NETWORK,
        _INT32, _GLOBAL, 15, 0, 5000, "ms",
        "How long a packet is held back so that later ones overtake it.",
        condition="reorder_time_ms")
    SEND_BUFFER_SIZE = _Row(9, "SendBufferSize", _TRANSFER,
        _INT32, _CONNECTION, 524_288, 4096, _256_MIB, "bytes",
        "Limit of bytes that wait to be sent, over all lanes.",
        option="send_buffer_size_bytes")
    SEND_RATE_MIN = _Row(10, "SendRateMin", _TRANSFER,
        _INT32, _CONNECTION, 16_384, 1024, _256_MIB, "bytes/s",
        "Lower limit of the send rate; wins over a smaller SendRateMax. Equal to it, the rate is fixed.",
        option="send_rate_min")
    SEND_RATE_MAX = _Row(11, "SendRateMax", _TRANSFER,
        _INT32, _CONNECTION, 0, 0, _256_MIB, "bytes/s",
        "Upper limit of the send rate; 0 is none. Below it the rate follows the path.",
        option="send_rate_max")
    NAGLE_TIME = _Row(12, "NagleTime", _TRANSFER,
        _INT32, _CONNECTION, 5000, 0, 20_000, "us",
        "How long a small message waits for more data; 0 not at all.",
        option="nagle_time_us")
    LOG_LEVEL_ACK_RTT = _Row(13, "LogLevel_AckRTT", _DIAGNOSTICS,
        _INT32, _CONNECTION, 4, 2, 8, "debug level",
        "Highest level of debug output about round-trip times from acknowledgements.")
    LOG_LEVEL_PACKET_DECODE = _Row(14, "LogLevel_PacketDecode", _DIAGNOSTICS,
        _INT32, _CONNECTION, 4, 2, 8, "debug level",
        "Highest level of debug output about packets encoded and decoded.")
    LOG_LEVEL_MESSAGE = _Row(15, "LogLevel_Message", _DIAGNOSTICS,
        _INT32, _CONNECTION, 4, 2, 8, "debug level",
        "Highest level of debug output about messages sent and received.")
    LOG_LEVEL_PACKET_GAPS = _Row(16, "LogLevel_PacketGaps", _DIAGNOSTICS,
        _INT32, _CONNECTION, 4, 2, 8, "debug level",
        "Highest level of debug output about lost packets.")
    LOG_LEVEL_P2P_RENDEZVOUS = _Row(17, "LogLevel_P2PRendezvous", _DIAGNOSTICS,
        _INT32, _CONNECTION, 4, 2, 8, "debug level",
        "Highest level of debug output about peer-to-peer rendezvous; nothing produces any.")
    LOG_LEVEL_SDR_RELAY_PINGS = _Row(18, "LogLevel_SDRRelayPings", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, 4, 2, 8, "debug level",
        "Highest level of debug output about pings to relays; there are none.")
    # sic: the reference library's own spelling, in both names
    SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL_INITIAL = _Row(
        19, "SDRClient_ConsecutitivePingTimeoutsFailInitial", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, 2, None, None, "count",
        "Relay pings that may fail at first before a port is given up.")
    SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL = _Row(20, "SDRClient_ConsecutitivePingTimeoutsFail", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, 4, None, None, "count",
        "Relay pings that may fail in a row before a port is given up.")
    SDR_CLIENT_MIN_PINGS_BEFORE_PING_ACCURATE = _Row(21, "SDRClient_MinPingsBeforePingAccurate", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, 10, None, None, "count",
        "Relay pings needed before an estimate is trusted.")
    SDR_CLIENT_SINGLE_SOCKET = _Row(22, "SDRClient_SingleSocket", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, 0, 0, 1, "bool",
        "Whether one local port serves all relays.")
    IP_ALLOW_WITHOUT_AUTH = _Row(23, "IP_AllowWithoutAuth", _SECURITY,
        _INT32, _CONNECTION, 2, 0, 2, "mode",
        "Peers without a certificate: 0 refuse, 1 allow and log, 2 allow.",
        locked=_STARTED, listed=_DEVELOPMENT, option="allow_without_auth")
    TIMEOUT_INITIAL = _Row(24, "TimeoutInitial", _TRANSFER,
        _INT32, _CONNECTION, 10_000, 0, _INT32_MAX, "ms",
        "Longest time to establish a connection, and for the application to accept it.",
        option="timeout_initial_us", factor=US_PER_MS)
    TIMEOUT_CONNECTED = _Row(25, "TimeoutConnected", _TRANSFER,
        _INT32, _CONNECTION, 10_000, 0, _INT32_MAX, "ms",
        "Longest silence of the peer before the connection is given up.",
        option="timeout_connected_us", factor=US_PER_MS)
    FAKE_PACKET_DUP_SEND = _Row(26, "FakePacketDup_Send", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
        "Chance that an outgoing packet is sent twice.",
        condition="duplicate_send_percent")
    FAKE_PACKET_DUP_RECV = _Row(27, "FakePacketDup_Recv", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
        "As FakePacketDup_Send, for incoming packets.",
        condition="duplicate_receive_percent")
    FAKE_PACKET_DUP_TIME_MAX = _Row(28, "FakePacketDup_TimeMax", _BAD_NETWORK,
        _INT32, _GLOBAL, 10, 0, 5000, "ms",
        "Longest delay of the copy; the delay is uniformly random.",
        condition="duplicate_time_max_ms")
    SDR_CLIENT_FORCE_RELAY_CLUSTER = _Row(29, "SDRClient_ForceRelayCluster", _WITHOUT_EFFECT,
        _STRING, _GLOBAL, "", None, None, "cluster code",
        "Use only this cluster of relays.")
    SDR_CLIENT_DEV_TICKET = _Row(30, "SDRClient_DevTicket", _WITHOUT_EFFECT,
        _STRING, _CONNECTION, "", None, None, "base64",
        "Developer ticket for relays; an address in the early wrapper.")
    SDR_CLIENT_FORCE_PROXY_ADDR = _Row(31, "SDRClient_ForceProxyAddr", _WITHOUT_EFFECT,
        _STRING, _GLOBAL, "", None, None, "addresses",
        "Relays to use instead of the known ones.")
    MTU_PACKET_SIZE = _Row(32, "MTU_PacketSize", _TRANSFER,
        _INT32, _CONNECTION, 1300, 200, 1300, "bytes",
        "Largest UDP payload to send.",
        option="mtu_packet_size")
    MTU_DATA_SIZE = _Row(33, "MTU_DataSize", _TRANSFER,
        _INT32, _CONNECTION, 1200, None, None, "bytes",
        "Largest message that fits one packet, computed: MTU_PacketSize less 100.",
        read_only=True)
    UNENCRYPTED = _Row(34, "Unencrypted", _SECURITY,
        _INT32, _CONNECTION, 0, 0, 3, "mode",
        "0 encryption required, 1 plain allowed, 2 plain preferred, 3 plain required.",
        locked=_STARTED, listed=_DEVELOPMENT, option="unencrypted")
    ENUMERATE_DEV_VARS = 35
    """Deleted from the reference library."""
    SDR_CLIENT_FAKE_CLUSTER_PING = _Row(36, "SDRClient_FakeClusterPing", _WITHOUT_EFFECT,
        _STRING, _GLOBAL, "", None, None, "cluster=ms list",
        "Relay pings to pretend.")
    SYMMETRIC_CONNECT = _Row(37, "SymmetricConnect", _LATER,
        _INT32, _CONNECTION, 0, 0, 1, "bool",
        "Both peers connect and one connection results; peer to peer only.",
        locked=_LISTENING | _STARTED, listed=_NEVER)
    LOCAL_VIRTUAL_PORT = _Row(38, "LocalVirtualPort", _LATER,
        _INT32, _CONNECTION, -1, -1, _INT32_MAX, "-",
        "Local virtual port of a peer-to-peer connection; -1 as the remote one.",
        locked=_PEER_TO_PEER, listed=_NEVER)
    DUAL_WIFI_ENABLE = _Row(39, "DualWifi_Enable", _WITHOUT_EFFECT,
        _INT32, _CONNECTION, 1, 0, 4, "mode",
        "Use of two wireless adapters.")
    CONNECTION_USER_DATA = _Row(40, "ConnectionUserData", _TRANSFER,
        _INT64, _CONNECTION, -1, None, None, "-",
        "Application's number; copied into a connection when that is created.",
        listed=_NEVER, option="connection_user_data")
    PACKET_TRACE_MAX_BYTES = _Row(41, "PacketTraceMaxBytes", _DIAGNOSTICS,
        _INT32, _GLOBAL, -1, -1, 99_999, "bytes",
        "Log this many bytes of every UDP packet; 0 only its size, -1 nothing.")
    FAKE_RATE_LIMIT_SEND_RATE = _Row(42, "FakeRateLimit_Send_Rate", _BAD_NETWORK,
        _INT32, _GLOBAL, 0, 0, _1_GIB, "bytes/s",
        "Limit of everything sent, packets beyond it are dropped; 0 none.",
        condition="rate_limit_send_bytes_per_second")
    FAKE_RATE_LIMIT_SEND_BURST = _Row(43, "FakeRateLimit_Send_Burst", _BAD_NETWORK,
        _INT32, _GLOBAL, 16_384, 0, 1_048_576, "bytes",
        "How much may pass FakeRateLimit_Send_Rate at once.",
        condition="rate_limit_send_burst_bytes")
    FAKE_RATE_LIMIT_RECV_RATE = _Row(44, "FakeRateLimit_Recv_Rate", _BAD_NETWORK,
        _INT32, _GLOBAL, 0, 0, _1_GIB, "bytes/s",
        "As FakeRateLimit_Send_Rate, for incoming packets.",
        condition="rate_limit_receive_bytes_per_second")
    FAKE_RATE_LIMIT_RECV_BURST = _Row(45, "FakeRateLimit_Recv_Burst", _BAD_NETWORK,
        _INT32, _GLOBAL, 16_384, 0, 1_048_576, "bytes",
        "How much may pass FakeRateLimit_Recv_Rate at once.",
        condition="rate_limit_receive_burst_bytes")
    ENABLE_DIAGNOSTICS_UI = _Row(46, "EnableDiagnosticsUI", _WITHOUT_EFFECT,
        _INT32, _CONNECTION, 1, 0, 1, "bool",
        "Report to Steam's diagnostics window.")
    RECV_BUFFER_SIZE = _Row(47, "RecvBufferSize", _TRANSFER,
        _INT32, _CONNECTION, 1_048_576, 4096, _256_MIB, "bytes",
        "Limit of received bytes that wait for the application.",
        option="recv_buffer_size_bytes")
    RECV_BUFFER_MESSAGES = _Row(48, "RecvBufferMessages", _TRANSFER,
        _INT32, _CONNECTION, 1000, 2, _256_MIB, "messages",
        "Limit of received messages that wait for the application.",
        option="recv_buffer_messages")
    RECV_MAX_MESSAGE_SIZE = _Row(49, "RecvMaxMessageSize", _TRANSFER,
        _INT32, _CONNECTION, 524_288, 64, _256_MIB, "bytes",
        "Largest message accepted; a larger one ends the connection.",
        option="recv_max_message_size")
    RECV_MAX_SEGMENTS_PER_PACKET = _Row(50, "RecvMaxSegmentsPerPacket", _TRANSFER,
        _INT32, _CONNECTION, 1300, 1, 1300, "segments",
        "Most pieces of messages taken from one packet.",
        option="recv_max_segments_per_packet")
    OUT_OF_ORDER_CORRECTION_WINDOW_MICROSECONDS = _Row(51, "OutOfOrderCorrectionWindowMicroseconds", _LATER,
        _INT32, _GLOBAL, 1000, 0, 50_000, "us",
        "How long a packet may be held until the ones missing before it arrive.")
    IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH = _Row(52, "IPLocalHost_AllowWithoutAuth", _SECURITY,
        _INT32, _CONNECTION, 2, 0, 2, "mode",
        "As IP_AllowWithoutAuth, for peers at localhost, where the larger of both counts.",
        locked=_STARTED, option="localhost_allow_without_auth")
    FAKE_PACKET_JITTER_SEND_AVG = _Row(53, "FakePacketJitter_Send_Avg", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 2000.0, "ms",
        "Mean random delay of outgoing packets, exponentially distributed; 0 off.",
        condition="jitter_send_average_ms")
    FAKE_PACKET_JITTER_SEND_MAX = _Row(54, "FakePacketJitter_Send_Max", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 100.0, 0.0, 5000.0, "ms",
        "Longest random delay of an outgoing packet; 0 off.",
        condition="jitter_send_max_ms")
    FAKE_PACKET_JITTER_SEND_PCT = _Row(55, "FakePacketJitter_Send_Pct", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 75.0, 0.0, 100.0, "percent",
        "Chance that an outgoing packet is delayed at random.",
        condition="jitter_send_percent")
    FAKE_PACKET_JITTER_RECV_AVG = _Row(56, "FakePacketJitter_Recv_Avg", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 0.0, 0.0, 2000.0, "ms",
        "As FakePacketJitter_Send_Avg, for incoming packets.",
        condition="jitter_receive_average_ms")
    FAKE_PACKET_JITTER_RECV_MAX = _Row(57, "FakePacketJitter_Recv_Max", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 100.0, 0.0, 5000.0, "ms",
        "As FakePacketJitter_Send_Max, for incoming packets.",
        condition="jitter_receive_max_ms")
    FAKE_PACKET_JITTER_RECV_PCT = _Row(58, "FakePacketJitter_Recv_Pct", _BAD_NETWORK,
        _FLOAT, _GLOBAL, 75.0, 0.0, 100.0, "percent",
        "As FakePacketJitter_Send_Pct, for incoming packets.",
        condition="jitter_receive_percent")
    SEND_TIME_SINCE_PREVIOUS_PACKET = _Row(59, "SendTimeSincePreviousPacket", _TRANSFER,
        _INT32, _CONNECTION, -1, -1, 1, "mode",
        "Send the time between packets, for the peer to measure jitter: 0 no, 1 yes, -1 by kind.",
        option="send_time_since_previous_packet")
    SDR_CLIENT_LIMIT_PING_PROBES_TO_NEAREST_N = _Row(60, "SDRClient_LimitPingProbesToNearestN", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, None, None, None, "count",
        "Ping only so many of the nearest relays.")
    P2P_STUN_SERVER_LIST = _Row(103, "P2P_STUN_ServerList", _LATER,
        _STRING, _CONNECTION, "", None, None, "addresses",
        "STUN servers, host:port, separated by commas; empty: no NAT piercing.")
    P2P_TRANSPORT_ICE_ENABLE = _Row(104, "P2P_Transport_ICE_Enable", _LATER,
        _INT32, _CONNECTION, _INT32_MAX, 0, _INT32_MAX, "bit mask",
        "Candidate kinds to share: 1 relay, 2 private, 4 public, 0 none.",
        locked=_STARTED)
    P2P_TRANSPORT_ICE_PENALTY = _Row(105, "P2P_Transport_ICE_Penalty", _LATER,
        _INT32, _CONNECTION, 0, 0, _INT32_MAX, "ms",
        "Penalty of direct routes.")
    P2P_TRANSPORT_SDR_PENALTY = _Row(106, "P2P_Transport_SDR_Penalty", _WITHOUT_EFFECT,
        _INT32, _CONNECTION, 0, 0, _INT32_MAX, "ms",
        "Penalty of routes over relays.")
    P2P_TURN_SERVER_LIST = _Row(107, "P2P_TURN_ServerList", _LATER,
        _STRING, _CONNECTION, "", None, None, "addresses",
        "TURN servers, separated by commas.")
    P2P_TURN_USER_LIST = _Row(108, "P2P_TURN_UserList", _LATER,
        _STRING, _CONNECTION, "", None, None, "-",
        "User names, one for each TURN server.")
    P2P_TURN_PASS_LIST = _Row(109, "P2P_TURN_PassList", _LATER,
        _STRING, _CONNECTION, "", None, None, "-",
        "Passwords, one for each TURN server.")
    P2P_TRANSPORT_ICE_IMPLEMENTATION = _Row(110, "P2P_Transport_ICE_Implementation", _LATER,
        _INT32, _CONNECTION, 0, 0, 2, "mode",
        "0 choose, 1 the built-in one, 2 WebRTC.",
        locked=_STARTED)
    CALLBACK_CONNECTION_STATUS_CHANGED = _Row(201, "Callback_ConnectionStatusChanged", _CALLBACKS,
        _CALLBACK, _CONNECTION, None, None, None, "function",
        "Called for each change of a connection's state.")
    CALLBACK_AUTH_STATUS_CHANGED = _Row(202, "Callback_AuthStatusChanged", _CALLBACKS,
        _CALLBACK, _GLOBAL, None, None, None, "function",
        "Called when this side gets its certificate or loses it.")
    CALLBACK_RELAY_NETWORK_STATUS_CHANGED = _Row(203, "Callback_RelayNetworkStatusChanged", _WITHOUT_EFFECT,
        _CALLBACK, _GLOBAL, None, None, None, "function",
        "Called when the state of the relay network changes.")
    CALLBACK_MESSAGES_SESSION_REQUEST = _Row(204, "Callback_MessagesSessionRequest", _LATER,
        _CALLBACK, _GLOBAL, None, None, None, "function",
        "Messages interface: called when a peer opens a session.")
    CALLBACK_MESSAGES_SESSION_FAILED = _Row(205, "Callback_MessagesSessionFailed", _LATER,
        _CALLBACK, _GLOBAL, None, None, None, "function",
        "Messages interface: called when a session failed.")
    CALLBACK_CREATE_CONNECTION_SIGNALING = _Row(206, "Callback_CreateConnectionSignaling", _LATER,
        _CALLBACK, _GLOBAL, None, None, None, "function",
        "Makes the signaling object of an outgoing peer-to-peer connection.")
    CALLBACK_FAKE_IP_RESULT = _Row(207, "Callback_FakeIPResult", _WITHOUT_EFFECT,
        _CALLBACK, _GLOBAL, None, None, None, "function",
        "Called when a made-up address was assigned.")
    SDR_CLIENT_ENABLE_TOS_PROBES = _Row(998, "SDRClient_EnableTOSProbes", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, None, None, None, "bool",
        "Ping relays with different types of service.")
    ECN = _Row(999, "ECN", _WITHOUT_EFFECT,
        _INT32, _GLOBAL, -1, -1, 2, "mode",
        "Congestion bits of every packet; -1 automatic.")

    # Whole messages lost, as in the early wrapper (spec 3, 2.1). The reference library has these no more, so the
    # numbers are our own: 10,000 above the early ones, out of reach of any other.
    FAKE_MESSAGE_LOSS_SEND = _Row(10_000, "FakeMessageLoss_Send", _MESSAGE_LOSS,
        _FLOAT, _CONNECTION, 0.0, 0.0, 100.0, "percent",
        "Chance that an unreliable message is dropped when it is sent; the send succeeds nevertheless.",
        listed=_NEVER, option="message_loss_send_percent")
    FAKE_MESSAGE_LOSS_RECV = _Row(10_001, "FakeMessageLoss_Recv", _MESSAGE_LOSS,
        _FLOAT, _CONNECTION, 0.0, 0.0, 100.0, "percent",
        "Chance that an unreliable message is dropped when it has arrived.",
        listed=_NEVER, option="message_loss_receive_percent")

    # Our own too: the reference library has no such limits.
    RECV_INCOMPLETE_SIZE = _Row(10_010, "RecvIncompleteSize", _TRANSFER,
        _INT32, _CONNECTION, 4_194_304, 65_536, _256_MIB, "bytes",
        "Limit of received bytes of messages that are not complete, beyond RecvBufferSize.",
        listed=_NEVER, option="recv_incomplete_size_bytes")
    TIMEOUT_FIRST_MESSAGE = _Row(10_011, "TimeoutFirstMessage", _TRANSFER,
        _INT32, _CONNECTION, 0, 0, _INT32_MAX, "ms",
        "Longest time from accepting a connection to its peer's first message; 0 without limit.",
        listed=_NEVER, option="timeout_first_message_us", factor=US_PER_MS)
    TIMEOUT_LINGER = _Row(10_012, "TimeoutLinger", _TRANSFER,
        _INT32, _CONNECTION, 30_000, 1000, _INT32_MAX, "ms",
        "A closed connection goes on delivering as long as its peer takes 16 KiB in each such time.",
        listed=_NEVER, option="timeout_linger_us", factor=US_PER_MS)
    RECV_WINDOW_SIZE = _Row(10_013, "RecvWindowSize", _TRANSFER,
        _INT32, _CONNECTION, 16_777_216, 0, _256_MIB, "bytes",
        "How much a gamesockets peer may send behind a hole, at most 16 times RecvBufferSize; 0 to announce nothing.",
        listed=_NEVER, option="recv_window_size_bytes")
    LISTEN_CONNECTIONS_MAX = _Row(10_020, "ListenConnectionsMax", _LIMITS,
        _INT32, _LISTEN_SOCKET, 8191, 1, 8191, "connections",
        "Most connections at a time, those included that are ending.",
        listed=_NEVER, limit="connections_max")
    LISTEN_WAITING_MAX = _Row(10_021, "ListenWaitingMax", _LIMITS,
        _INT32, _LISTEN_SOCKET, 1024, 1, 8191, "connections",
        "Most connections that wait for the application to accept them.",
        listed=_NEVER, limit="waiting_max")
    LISTEN_ADDRESS_CONNECTIONS_MAX = _Row(10_022, "ListenAddressConnectionsMax", _LIMITS,
        _INT32, _LISTEN_SOCKET, 512, 1, 8191, "connections",
        "Most connections with one IPv4 address, or with one /64 of IPv6; those of this machine are not counted.",
        listed=_NEVER, limit="address_connections_max")
    LISTEN_HANDSHAKES_PER_SECOND = _Row(10_023, "ListenHandshakesPerSecond", _LIMITS,
        _INT32, _LISTEN_SOCKET, 500, 1, 1_000_000, "handshakes/s",
        "How many handshakes are looked at, from everywhere; four times as many may come at once.",
        listed=_NEVER, limit="handshakes_per_second")
    LISTEN_ADDRESS_HANDSHAKES_PER_SECOND = _Row(10_024, "ListenAddressHandshakesPerSecond", _LIMITS,
        _INT32, _LISTEN_SOCKET, 50, 1, 1_000_000, "handshakes/s",
        "The same for one IPv4 address or /64; twice as many may come at once.",
        listed=_NEVER, limit="address_handshakes_per_second")
    LISTEN_MEMORY_MAX = _Row(10_025, "ListenMemoryMax", _LIMITS,
        _INT64, _LISTEN_SOCKET, _256_MIB, 1_048_576, 1 << 40, "bytes",
        "Limit of what all connections hold of received messages beyond 32 KiB each, until the application reads them.",
        listed=_NEVER, limit="memory_max_bytes")

    # Other names of the C# wrapper's last version
    CONNECTION_STATUS_CHANGED = CALLBACK_CONNECTION_STATUS_CHANGED
    AUTH_STATUS_CHANGED = CALLBACK_AUTH_STATUS_CHANGED
    RELAY_NETWORK_STATUS_CHANGED = CALLBACK_RELAY_NETWORK_STATUS_CHANGED
    MESSAGES_SESSION_REQUEST = CALLBACK_MESSAGES_SESSION_REQUEST
    MESSAGES_SESSION_FAILED = CALLBACK_MESSAGES_SESSION_FAILED
    SDR_CLIENT_DEBUG_TICKET_ADDRESS = SDR_CLIENT_DEV_TICKET
# fmt: on


CONFIGURATION_ROWS: Final[dict[int, ConfigurationRow]] = {
    value: value.row for value in ConfigurationValue if value.row is not None
}
"""All rows by their number."""


def find_row(value: int) -> ConfigurationRow | None:
    """The row of a value; `None` for any other number, also for that of the deleted value."""
    return CONFIGURATION_ROWS.get(value)


def value_name(value: int) -> str | None:
    """The reference library's spelling of a value's name; `None` for a number that is no value."""
    row = find_row(value)
    return row.name if row is not None else None


def listed_values(include_development: bool) -> list[ConfigurationValue]:
    """The values an application may show for editing, ascending: the reference library's list (spec 3, 4.5).

    Not in it: callbacks, read-only values, those without effect here, and our own additions.
    """
    shown = {ConfigurationListing.ALWAYS}
    if include_development:
        shown.add(ConfigurationListing.DEVELOPMENT)
    return sorted(
        row.value
        for row in CONFIGURATION_ROWS.values()
        if row.listed in shown
        and row.available
        and not row.read_only
        and row.data_type != ConfigurationDataType.FUNCTION_PTR
    )
