"""Which configuration values are there, and what does each one hold?

One row a value: all the native library knows, with its spelling, defaults and limits (spec 3, 4.7). Some
matter only in builds with Valve's relay network or for one platform: here they are kept and have no effect.
Two rows at the end are our own: the loss of whole messages that the early wrapper knew (spec 3, 2.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntFlag
from typing import Any, Final, TypeAlias

from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope, ConfigurationValue

ConfigurationInput: TypeAlias = int | float | str | Callable[..., Any] | None
"""What a value may be set to; it is converted to the value's own type. `None` takes a setting back."""

ConfigurationOutput: TypeAlias = int | float | str | Callable[..., Any] | None
"""What a value reads as; `None` only where a callback is not set."""


class LockMoment(IntFlag):
    """When a value fixes itself, because the handshake or the routing has used it (spec 3, 4.2)."""

    NEVER = 0
    LISTEN_SOCKET_CREATED = 1
    CONNECTION_STARTED = 2
    """An outgoing connection is created, or an incoming one accepted."""
    PEER_TO_PEER_CREATED = 4
    """A peer-to-peer listen socket or connection is created."""


@dataclass(frozen=True, slots=True)
class ConfigurationRow:
    """What is fixed about one configuration value.

    Attributes:
        value: its number.
        name: as the native library spells it.
        data_type: what it holds; `None` for the one that was deleted.
        scope: `GLOBAL` if it exists once for everything, `CONNECTION` if it can be set at every scope.
        default: what it reads as when nothing is set.
        minimum: smaller numbers become this one; `None` without limit.
        maximum: larger numbers become this one; `None` without limit.
        unit: of the number, as text for people.
        meaning: one line.
        locked: when it can no longer be changed.
        read_only: whether it can never be set.
        available: whether it can have an effect here. `False` for what only closed builds of the native library use,
            those with Valve's relay network or for Steam: it is kept and read back, nothing more.
    """

    value: ConfigurationValue
    name: str
    data_type: ConfigurationDataType | None
    scope: ConfigurationScope | None
    default: int | float | str | None
    minimum: int | float | None
    maximum: int | float | None
    unit: str
    meaning: str
    locked: LockMoment = LockMoment.NEVER
    read_only: bool = False
    available: bool = True


def find_row(value: int) -> ConfigurationRow | None:
    """The row of a value, `None` for any other number, also for that of a deleted one."""
    row = CONFIGURATION_ROWS.get(value)
    return row if row is not None and row.data_type is not None else None


_Row = ConfigurationRow
_V = ConfigurationValue
_INT32: Final = ConfigurationDataType.INT32
_INT64: Final = ConfigurationDataType.INT64
_FLOAT: Final = ConfigurationDataType.FLOAT
_STRING: Final = ConfigurationDataType.STRING
_CALLBACK: Final = ConfigurationDataType.FUNCTION_PTR
_GLOBAL: Final = ConfigurationScope.GLOBAL
_CONNECTION: Final = ConfigurationScope.CONNECTION
_LISTENING: Final = LockMoment.LISTEN_SOCKET_CREATED
_STARTED: Final = LockMoment.CONNECTION_STARTED
_PEER_TO_PEER: Final = LockMoment.PEER_TO_PEER_CREATED
_INT32_MAX: Final = 2_147_483_647
_256_MIB: Final = 268_435_456
_1_GIB: Final = 1_073_741_824

# A table reads best with three lines to the row: who, what kind of number, what for.
# fmt: off
_ROWS: Final = (
    _Row(_V.FAKE_PACKET_LOSS_SEND, "FakePacketLoss_Send",
         _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
         "Chance that an outgoing UDP packet is dropped, handshake packets included."),
    _Row(_V.FAKE_PACKET_LOSS_RECV, "FakePacketLoss_Recv",
         _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
         "The same for incoming packets."),
    _Row(_V.FAKE_PACKET_LAG_SEND, "FakePacketLag_Send",
         _INT32, _GLOBAL, 0, 0, 5000, "ms",
         "Fixed delay of every outgoing UDP packet."),
    _Row(_V.FAKE_PACKET_LAG_RECV, "FakePacketLag_Recv",
         _INT32, _GLOBAL, 0, 0, 5000, "ms",
         "The same for incoming packets."),
    _Row(_V.FAKE_PACKET_REORDER_SEND, "FakePacketReorder_Send",
         _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
         "Chance that an outgoing packet is held back for FakePacketReorder_Time."),
    _Row(_V.FAKE_PACKET_REORDER_RECV, "FakePacketReorder_Recv",
         _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
         "The same for incoming packets."),
    _Row(_V.FAKE_PACKET_REORDER_TIME, "FakePacketReorder_Time",
         _INT32, _GLOBAL, 15, 0, 5000, "ms",
         "How long a packet is held back so that later ones overtake it."),
    _Row(_V.SEND_BUFFER_SIZE, "SendBufferSize",
         _INT32, _CONNECTION, 524_288, 4096, _256_MIB, "bytes",
         "Limit of bytes that wait to be sent, over all lanes."),
    _Row(_V.SEND_RATE_MIN, "SendRateMin",
         _INT32, _CONNECTION, 262_144, 1024, _256_MIB, "bytes/s",
         "Lower limit of the send rate; wins over a smaller SendRateMax. The largest value is no limit."),
    _Row(_V.SEND_RATE_MAX, "SendRateMax",
         _INT32, _CONNECTION, 262_144, 1024, _256_MIB, "bytes/s",
         "Upper limit of the send rate."),
    _Row(_V.NAGLE_TIME, "NagleTime",
         _INT32, _CONNECTION, 5000, 0, 20_000, "us",
         "How long a small message waits for company; 0 not at all."),
    _Row(_V.LOG_LEVEL_ACK_RTT, "LogLevel_AckRTT",
         _INT32, _CONNECTION, 4, 2, 8, "debug level",
         "Chattiest debug output about round-trip times from acknowledgements."),
    _Row(_V.LOG_LEVEL_PACKET_DECODE, "LogLevel_PacketDecode",
         _INT32, _CONNECTION, 4, 2, 8, "debug level",
         "Chattiest debug output about packets encoded and decoded."),
    _Row(_V.LOG_LEVEL_MESSAGE, "LogLevel_Message",
         _INT32, _CONNECTION, 4, 2, 8, "debug level",
         "Chattiest debug output about messages sent and received."),
    _Row(_V.LOG_LEVEL_PACKET_GAPS, "LogLevel_PacketGaps",
         _INT32, _CONNECTION, 4, 2, 8, "debug level",
         "Chattiest debug output about lost packets."),
    _Row(_V.LOG_LEVEL_P2P_RENDEZVOUS, "LogLevel_P2PRendezvous",
         _INT32, _CONNECTION, 4, 2, 8, "debug level",
         "Chattiest debug output about peer-to-peer rendezvous; nothing produces any."),
    _Row(_V.LOG_LEVEL_SDR_RELAY_PINGS, "LogLevel_SDRRelayPings",
         _INT32, _GLOBAL, 4, 2, 8, "debug level",
         "Chattiest debug output about pings to relays; there are none.", available=False),
    _Row(_V.SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL_INITIAL,
         "SDRClient_ConsecutitivePingTimeoutsFailInitial",
         _INT32, _GLOBAL, 2, None, None, "count",
         "Relay pings that may fail at first before a port is given up.", available=False),
    _Row(_V.SDR_CLIENT_CONSECUTITIVE_PING_TIMEOUTS_FAIL, "SDRClient_ConsecutitivePingTimeoutsFail",
         _INT32, _GLOBAL, 4, None, None, "count",
         "Relay pings that may fail in a row before a port is given up.", available=False),
    _Row(_V.SDR_CLIENT_MIN_PINGS_BEFORE_PING_ACCURATE, "SDRClient_MinPingsBeforePingAccurate",
         _INT32, _GLOBAL, 10, None, None, "count",
         "Relay pings needed before an estimate is trusted.", available=False),
    _Row(_V.SDR_CLIENT_SINGLE_SOCKET, "SDRClient_SingleSocket",
         _INT32, _GLOBAL, 0, 0, 1, "bool",
         "Whether one local port serves all relays.", available=False),
    _Row(_V.IP_ALLOW_WITHOUT_AUTH, "IP_AllowWithoutAuth",
         _INT32, _CONNECTION, 2, 0, 2, "mode",
         "Peers without a certificate: 0 refuse, 1 allow and log, 2 allow.", locked=_STARTED),
    _Row(_V.TIMEOUT_INITIAL, "TimeoutInitial",
         _INT32, _CONNECTION, 10_000, 0, _INT32_MAX, "ms",
         "Longest time to establish a connection, and for the application to accept it."),
    _Row(_V.TIMEOUT_CONNECTED, "TimeoutConnected",
         _INT32, _CONNECTION, 10_000, 0, _INT32_MAX, "ms",
         "Longest silence of the peer before the connection is given up."),
    _Row(_V.FAKE_PACKET_DUP_SEND, "FakePacketDup_Send",
         _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
         "Chance that an outgoing packet is sent twice."),
    _Row(_V.FAKE_PACKET_DUP_RECV, "FakePacketDup_Recv",
         _FLOAT, _GLOBAL, 0.0, 0.0, 100.0, "percent",
         "The same for incoming packets."),
    _Row(_V.FAKE_PACKET_DUP_TIME_MAX, "FakePacketDup_TimeMax",
         _INT32, _GLOBAL, 10, 0, 5000, "ms",
         "Longest delay of the copy; the delay is uniformly random."),
    _Row(_V.SDR_CLIENT_FORCE_RELAY_CLUSTER, "SDRClient_ForceRelayCluster",
         _STRING, _GLOBAL, "", None, None, "cluster code",
         "Use only this cluster of relays.", available=False),
    _Row(_V.SDR_CLIENT_DEV_TICKET, "SDRClient_DevTicket",
         _STRING, _CONNECTION, "", None, None, "base64",
         "Developer ticket for relays; an address in the early wrapper.", available=False),
    _Row(_V.SDR_CLIENT_FORCE_PROXY_ADDR, "SDRClient_ForceProxyAddr",
         _STRING, _GLOBAL, "", None, None, "addresses",
         "Relays to use instead of the known ones.", available=False),
    _Row(_V.MTU_PACKET_SIZE, "MTU_PacketSize",
         _INT32, _CONNECTION, 1300, 200, 1300, "bytes",
         "Largest UDP payload to send."),
    _Row(_V.MTU_DATA_SIZE, "MTU_DataSize",
         _INT32, _CONNECTION, 1200, None, None, "bytes",
         "Largest message that fits one packet, computed: MTU_PacketSize less 100.", read_only=True),
    _Row(_V.UNENCRYPTED, "Unencrypted",
         _INT32, _CONNECTION, 0, 0, 3, "mode",
         "0 encryption required, 1 plain allowed, 2 plain preferred, 3 plain required.", locked=_STARTED),
    _Row(_V.ENUMERATE_DEV_VARS, "EnumerateDevVars",
         None, None, None, None, None, "-",
         "Deleted from the native library.", available=False),
    _Row(_V.SDR_CLIENT_FAKE_CLUSTER_PING, "SDRClient_FakeClusterPing",
         _STRING, _GLOBAL, "", None, None, "cluster=ms list",
         "Relay pings to pretend.", available=False),
    _Row(_V.SYMMETRIC_CONNECT, "SymmetricConnect",
         _INT32, _CONNECTION, 0, 0, 1, "bool",
         "Both peers connect and one connection results; peer to peer only.", locked=_LISTENING | _STARTED),
    _Row(_V.LOCAL_VIRTUAL_PORT, "LocalVirtualPort",
         _INT32, _CONNECTION, -1, -1, _INT32_MAX, "-",
         "Local virtual port of a peer-to-peer connection; -1 as the remote one.", locked=_PEER_TO_PEER),
    _Row(_V.DUAL_WIFI_ENABLE, "DualWifi_Enable",
         _INT32, _CONNECTION, 1, 0, 4, "mode",
         "Use of two wireless adapters.", available=False),
    _Row(_V.CONNECTION_USER_DATA, "ConnectionUserData",
         _INT64, _CONNECTION, -1, None, None, "-",
         "Application's number; copied into a connection when that is created."),
    _Row(_V.PACKET_TRACE_MAX_BYTES, "PacketTraceMaxBytes",
         _INT32, _GLOBAL, -1, -1, 99_999, "bytes",
         "Log this many bytes of every UDP packet; 0 only its size, -1 nothing."),
    _Row(_V.FAKE_RATE_LIMIT_SEND_RATE, "FakeRateLimit_Send_Rate",
         _INT32, _GLOBAL, 0, 0, _1_GIB, "bytes/s",
         "Limit of everything sent, packets beyond it are dropped; 0 none."),
    _Row(_V.FAKE_RATE_LIMIT_SEND_BURST, "FakeRateLimit_Send_Burst",
         _INT32, _GLOBAL, 16_384, 0, 1_048_576, "bytes",
         "How much may pass that limit at once."),
    _Row(_V.FAKE_RATE_LIMIT_RECV_RATE, "FakeRateLimit_Recv_Rate",
         _INT32, _GLOBAL, 0, 0, _1_GIB, "bytes/s",
         "The same for incoming packets; 0 no limit."),
    _Row(_V.FAKE_RATE_LIMIT_RECV_BURST, "FakeRateLimit_Recv_Burst",
         _INT32, _GLOBAL, 16_384, 0, 1_048_576, "bytes",
         "How much may pass that limit at once."),
    _Row(_V.ENABLE_DIAGNOSTICS_UI, "EnableDiagnosticsUI",
         _INT32, _CONNECTION, 1, 0, 1, "bool",
         "Report to Steam's diagnostics window.", available=False),
    _Row(_V.RECV_BUFFER_SIZE, "RecvBufferSize",
         _INT32, _CONNECTION, 1_048_576, 4096, _256_MIB, "bytes",
         "Limit of received bytes that wait for the application."),
    _Row(_V.RECV_BUFFER_MESSAGES, "RecvBufferMessages",
         _INT32, _CONNECTION, 1000, 2, _256_MIB, "messages",
         "Limit of received messages that wait for the application."),
    _Row(_V.RECV_MAX_MESSAGE_SIZE, "RecvMaxMessageSize",
         _INT32, _CONNECTION, 524_288, 64, _256_MIB, "bytes",
         "Largest message accepted; a larger one ends the connection."),
    _Row(_V.RECV_MAX_SEGMENTS_PER_PACKET, "RecvMaxSegmentsPerPacket",
         _INT32, _CONNECTION, 1300, 1, 1300, "segments",
         "Most pieces of messages taken from one packet."),
    _Row(_V.OUT_OF_ORDER_CORRECTION_WINDOW_MICROSECONDS, "OutOfOrderCorrectionWindowMicroseconds",
         _INT32, _GLOBAL, 1000, 0, 50_000, "us",
         "How long a packet may be held until the ones missing before it arrive."),
    _Row(_V.IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH, "IPLocalHost_AllowWithoutAuth",
         _INT32, _CONNECTION, 2, 0, 2, "mode",
         "As IP_AllowWithoutAuth for peers at localhost; the larger of both counts.", locked=_STARTED),
    _Row(_V.FAKE_PACKET_JITTER_SEND_AVG, "FakePacketJitter_Send_Avg",
         _FLOAT, _GLOBAL, 0.0, 0.0, 2000.0, "ms",
         "Mean random delay of outgoing packets, exponentially distributed; 0 off."),
    _Row(_V.FAKE_PACKET_JITTER_SEND_MAX, "FakePacketJitter_Send_Max",
         _FLOAT, _GLOBAL, 100.0, 0.0, 5000.0, "ms",
         "Longest random delay of an outgoing packet; 0 off."),
    _Row(_V.FAKE_PACKET_JITTER_SEND_PCT, "FakePacketJitter_Send_Pct",
         _FLOAT, _GLOBAL, 75.0, 0.0, 100.0, "percent",
         "Chance that an outgoing packet is delayed at random."),
    _Row(_V.FAKE_PACKET_JITTER_RECV_AVG, "FakePacketJitter_Recv_Avg",
         _FLOAT, _GLOBAL, 0.0, 0.0, 2000.0, "ms",
         "As FakePacketJitter_Send_Avg for incoming packets."),
    _Row(_V.FAKE_PACKET_JITTER_RECV_MAX, "FakePacketJitter_Recv_Max",
         _FLOAT, _GLOBAL, 100.0, 0.0, 5000.0, "ms",
         "As FakePacketJitter_Send_Max for incoming packets."),
    _Row(_V.FAKE_PACKET_JITTER_RECV_PCT, "FakePacketJitter_Recv_Pct",
         _FLOAT, _GLOBAL, 75.0, 0.0, 100.0, "percent",
         "As FakePacketJitter_Send_Pct for incoming packets."),
    _Row(_V.SEND_TIME_SINCE_PREVIOUS_PACKET, "SendTimeSincePreviousPacket",
         _INT32, _CONNECTION, -1, -1, 1, "mode",
         "Send the time between packets, for the peer to measure jitter: 0 no, 1 yes, -1 by kind."),
    _Row(_V.SDR_CLIENT_LIMIT_PING_PROBES_TO_NEAREST_N, "SDRClient_LimitPingProbesToNearestN",
         _INT32, _GLOBAL, None, None, None, "count",
         "Ping only so many of the nearest relays.", available=False),
    _Row(_V.P2P_STUN_SERVER_LIST, "P2P_STUN_ServerList",
         _STRING, _CONNECTION, "", None, None, "addresses",
         "STUN servers, host:port, separated by commas; empty: no NAT piercing."),
    _Row(_V.P2P_TRANSPORT_ICE_ENABLE, "P2P_Transport_ICE_Enable",
         _INT32, _CONNECTION, _INT32_MAX, 0, _INT32_MAX, "bit mask",
         "Candidate kinds to share: 1 relay, 2 private, 4 public, 0 none.", locked=_STARTED),
    _Row(_V.P2P_TRANSPORT_ICE_PENALTY, "P2P_Transport_ICE_Penalty",
         _INT32, _CONNECTION, 0, 0, _INT32_MAX, "ms",
         "Penalty of direct routes."),
    _Row(_V.P2P_TRANSPORT_SDR_PENALTY, "P2P_Transport_SDR_Penalty",
         _INT32, _CONNECTION, 0, 0, _INT32_MAX, "ms",
         "Penalty of routes over relays.", available=False),
    _Row(_V.P2P_TURN_SERVER_LIST, "P2P_TURN_ServerList",
         _STRING, _CONNECTION, "", None, None, "addresses",
         "TURN servers, separated by commas."),
    _Row(_V.P2P_TURN_USER_LIST, "P2P_TURN_UserList",
         _STRING, _CONNECTION, "", None, None, "-",
         "User names, one for each TURN server."),
    _Row(_V.P2P_TURN_PASS_LIST, "P2P_TURN_PassList",
         _STRING, _CONNECTION, "", None, None, "-",
         "Passwords, one for each TURN server."),
    _Row(_V.P2P_TRANSPORT_ICE_IMPLEMENTATION, "P2P_Transport_ICE_Implementation",
         _INT32, _CONNECTION, 0, 0, 2, "mode",
         "0 choose, 1 native, 2 WebRTC.", locked=_STARTED),
    _Row(_V.CALLBACK_CONNECTION_STATUS_CHANGED, "Callback_ConnectionStatusChanged",
         _CALLBACK, _CONNECTION, None, None, None, "function",
         "Called for each change of a connection's state."),
    _Row(_V.CALLBACK_AUTH_STATUS_CHANGED, "Callback_AuthStatusChanged",
         _CALLBACK, _GLOBAL, None, None, None, "function",
         "Called when the state of authentication changes."),
    _Row(_V.CALLBACK_RELAY_NETWORK_STATUS_CHANGED, "Callback_RelayNetworkStatusChanged",
         _CALLBACK, _GLOBAL, None, None, None, "function",
         "Called when the state of the relay network changes.", available=False),
    _Row(_V.CALLBACK_MESSAGES_SESSION_REQUEST, "Callback_MessagesSessionRequest",
         _CALLBACK, _GLOBAL, None, None, None, "function",
         "Messages interface: called when a peer opens a session."),
    _Row(_V.CALLBACK_MESSAGES_SESSION_FAILED, "Callback_MessagesSessionFailed",
         _CALLBACK, _GLOBAL, None, None, None, "function",
         "Messages interface: called when a session failed."),
    _Row(_V.CALLBACK_CREATE_CONNECTION_SIGNALING, "Callback_CreateConnectionSignaling",
         _CALLBACK, _GLOBAL, None, None, None, "function",
         "Makes the signaling object of an outgoing peer-to-peer connection."),
    _Row(_V.CALLBACK_FAKE_IP_RESULT, "Callback_FakeIPResult",
         _CALLBACK, _GLOBAL, None, None, None, "function",
         "Called when a made-up address was assigned.", available=False),
    _Row(_V.SDR_CLIENT_ENABLE_TOS_PROBES, "SDRClient_EnableTOSProbes",
         _INT32, _GLOBAL, None, None, None, "bool",
         "Ping relays with different types of service.", available=False),
    _Row(_V.ECN, "ECN",
         _INT32, _GLOBAL, -1, -1, 2, "mode",
         "Congestion bits of every packet; -1 automatic.", available=False),
    _Row(_V.FAKE_MESSAGE_LOSS_SEND, "FakeMessageLoss_Send",
         _FLOAT, _CONNECTION, 0.0, 0.0, 100.0, "percent",
         "Chance that an unreliable message is dropped when it is sent, which succeeds nevertheless."),
    _Row(_V.FAKE_MESSAGE_LOSS_RECV, "FakeMessageLoss_Recv",
         _FLOAT, _CONNECTION, 0.0, 0.0, 100.0, "percent",
         "Chance that an unreliable message is dropped when it has arrived."),
)
# fmt: on

CONFIGURATION_ROWS: Final[dict[int, ConfigurationRow]] = {row.value: row for row in _ROWS}
"""All rows by their number, also those of values that do not exist here."""
