"""How does Python call the reference library?  Its flat C interface, bound with ctypes.

Nothing is compiled: the shared library (version 1.6.0 or later) is the one that the environment variable
GNS_LIBRARY names.  Handles are plain ints, 0 is never valid.  Calls that yield a result code raise GNSError
unless their docstring says that they return it.  Every foreign call releases the GIL; status callbacks run
inside `Library.run_callbacks`, the debug callback on any thread of the library.

The library keeps its settings and its simulated network per process, so tests do not load it into their own:
`tests.interop.reference` runs it in a process apart.
"""

from __future__ import annotations

import ctypes as c
import enum
import os
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

ENVIRONMENT_VARIABLE: Final = "GNS_LIBRARY"
MAX_MESSAGE_BYTES: Final = 512 * 1024
RECEIVE_BATCH: Final = 512

OptionValue: TypeAlias = int | float | str
Options: TypeAlias = Mapping[int, OptionValue]


# ---------------------------------------------------------------------------------------------- numbers


class Send(enum.IntFlag):
    """Flags of a message (spec 3, 5.4)."""

    UNRELIABLE = 0
    NO_NAGLE = 1
    NO_DELAY = 4
    RELIABLE = 8
    RELIABLE_NO_NAGLE = 9


class State(enum.IntEnum):
    """States that an application can see (spec 3, 5.1)."""

    NONE = 0
    CONNECTING = 1
    FINDING_ROUTE = 2
    CONNECTED = 3
    CLOSED_BY_PEER = 4
    PROBLEM_DETECTED_LOCALLY = 5


class Result(enum.IntEnum):
    """The results that the library hands out over plain UDP (spec 3, 5.12)."""

    OK = 1
    FAIL = 2
    NO_CONNECTION = 3
    INVALID_PARAM = 8
    INVALID_STATE = 11
    LIMIT_EXCEEDED = 25
    DUPLICATE_REQUEST = 29
    HANDSHAKE_FAILED = 36
    IGNORED = 41


class EndReason(enum.IntEnum):
    """Why a connection ended (spec 3, 5.2); applications choose from 1000 to 2999."""

    APP_GENERIC = 1000
    APP_MAX = 1999
    APP_EXCEPTION_GENERIC = 2000
    APP_EXCEPTION_MAX = 2999
    REMOTE_BAD_CRYPT = 4002
    REMOTE_BAD_CERT = 4003
    REMOTE_BAD_PROTOCOL_VERSION = 4006
    MISC_GENERIC = 5001
    MISC_INTERNAL_ERROR = 5002
    MISC_TIMEOUT = 5003
    MISC_PEER_SENT_NO_CONNECTION = 5010


class InfoFlag(enum.IntFlag):
    """Flags of a connection's information (spec 3, 5.5)."""

    UNAUTHENTICATED = 1
    UNENCRYPTED = 2
    LOOPBACK_BUFFERS = 4
    FAST = 8
    RELAYED = 16


class Scope(enum.IntEnum):
    """Scopes of configuration values (spec 3, 5.8)."""

    GLOBAL = 1
    SOCKETS_INTERFACE = 2
    LISTEN_SOCKET = 3
    CONNECTION = 4


class DataType(enum.IntEnum):
    """Data types of configuration values (spec 3, 5.8)."""

    INT32 = 1
    INT64 = 2
    FLOAT = 3
    STRING = 4
    POINTER = 5


class Debug(enum.IntEnum):
    """Kinds of debug output, higher is chattier (spec 3, 5.9)."""

    NONE = 0
    BUG = 1
    ERROR = 2
    IMPORTANT = 3
    WARNING = 4
    MESSAGE = 5
    VERBOSE = 6
    DEBUG = 7
    EVERYTHING = 8


class Config(enum.IntEnum):
    """Identifiers of the configuration values that plain UDP knows (spec 3, 4.7)."""

    FAKE_PACKET_LOSS_SEND = 2
    FAKE_PACKET_LOSS_RECV = 3
    FAKE_PACKET_LAG_SEND = 4
    FAKE_PACKET_LAG_RECV = 5
    FAKE_PACKET_REORDER_SEND = 6
    FAKE_PACKET_REORDER_RECV = 7
    FAKE_PACKET_REORDER_TIME = 8
    SEND_BUFFER_SIZE = 9
    SEND_RATE_MIN = 10
    SEND_RATE_MAX = 11
    NAGLE_TIME = 12
    LOG_LEVEL_ACK_RTT = 13
    LOG_LEVEL_PACKET_DECODE = 14
    LOG_LEVEL_MESSAGE = 15
    LOG_LEVEL_PACKET_GAPS = 16
    LOG_LEVEL_P2P_RENDEZVOUS = 17
    IP_ALLOW_WITHOUT_AUTH = 23
    TIMEOUT_INITIAL = 24
    TIMEOUT_CONNECTED = 25
    FAKE_PACKET_DUP_SEND = 26
    FAKE_PACKET_DUP_RECV = 27
    FAKE_PACKET_DUP_TIME_MAX = 28
    MTU_PACKET_SIZE = 32
    MTU_DATA_SIZE = 33
    UNENCRYPTED = 34
    SYMMETRIC_CONNECT = 37
    CONNECTION_USER_DATA = 40
    PACKET_TRACE_MAX_BYTES = 41
    FAKE_RATE_LIMIT_SEND_RATE = 42
    FAKE_RATE_LIMIT_SEND_BURST = 43
    FAKE_RATE_LIMIT_RECV_RATE = 44
    FAKE_RATE_LIMIT_RECV_BURST = 45
    RECV_BUFFER_SIZE = 47
    RECV_BUFFER_MESSAGES = 48
    RECV_MAX_MESSAGE_SIZE = 49
    RECV_MAX_SEGMENTS_PER_PACKET = 50
    OUT_OF_ORDER_CORRECTION_WINDOW_MICROSECONDS = 51
    IP_LOCAL_HOST_ALLOW_WITHOUT_AUTH = 52
    FAKE_PACKET_JITTER_SEND_AVG = 53
    FAKE_PACKET_JITTER_SEND_MAX = 54
    FAKE_PACKET_JITTER_SEND_PCT = 55
    FAKE_PACKET_JITTER_RECV_AVG = 56
    FAKE_PACKET_JITTER_RECV_MAX = 57
    FAKE_PACKET_JITTER_RECV_PCT = 58
    SEND_TIME_SINCE_PREVIOUS_PACKET = 59


_FLOATS: Final = frozenset({2, 3, 6, 7, 26, 27, 53, 54, 55, 56, 57, 58})
_INT64S: Final = frozenset({40})


class GNSError(Exception):
    """A call was refused.  `result` is the library's result code, None when it gave none."""

    def __init__(self, what: str, result: int | None = None) -> None:
        super().__init__(what if result is None else f"{what}: result {result}")
        self.result = result


# ---------------------------------------------------------------------------------------------- structures

# Structures shared with callbacks are packed to 4 bytes everywhere but on Windows. From Python 3.14 on, ctypes wants to
# be told the rules by which it packs, "ms"; earlier versions know no others and ignore the name.
_PACK: Final = 8 if os.name == "nt" else 4


class Address(c.Structure):
    """An IPv6 (or mapped IPv4) address and a port in host byte order."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("packed", c.c_uint8 * 16), ("port", c.c_uint16))
    port: int


class Identity(c.Structure):
    """Who a peer says it is."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("type", c.c_int), ("size", c.c_int), ("raw", c.c_uint8 * 128))
    type: int
    size: int


class ConnectionInfo(c.Structure):
    """What the library tells about a connection (spec 3, 9.1)."""

    _pack_ = _PACK
    _layout_ = "ms"
    _fields_ = (
        ("identity", Identity),
        ("user_data", c.c_int64),
        ("listen_socket", c.c_uint32),
        ("address", Address),
        ("_pad", c.c_uint16),
        ("_pop_remote", c.c_uint32),
        ("_pop_relay", c.c_uint32),
        ("state", c.c_int),
        ("end_reason", c.c_int),
        ("_end_debug", c.c_char * 128),
        ("_description", c.c_char * 128),
        ("flags", c.c_int),
        ("_reserved", c.c_uint32 * 63),
    )
    identity: Identity
    user_data: int
    listen_socket: int
    address: Address
    state: int
    end_reason: int
    flags: int
    _end_debug: bytes
    _description: bytes

    @property
    def end_debug(self) -> str:
        """The text that came with the end reason."""
        return self._end_debug.decode("utf-8", "replace")

    @property
    def description(self) -> str:
        """The library's name for the connection (spec 3, 6.10)."""
        return self._description.decode("utf-8", "replace")


class _StatusChanged(c.Structure):
    _pack_ = _PACK
    _layout_ = "ms"
    _fields_ = (("connection", c.c_uint32), ("info", ConnectionInfo), ("old_state", c.c_int))


class RealTimeStatus(c.Structure):
    """Rates and queues of a connection: ping in ms, queue time and jitter in µs (spec 3, 9.2)."""

    _pack_ = _PACK
    _layout_ = "ms"
    _fields_ = (
        ("state", c.c_int),
        ("ping_ms", c.c_int),
        ("quality_local", c.c_float),
        ("quality_remote", c.c_float),
        ("out_packets_per_second", c.c_float),
        ("out_bytes_per_second", c.c_float),
        ("in_packets_per_second", c.c_float),
        ("in_bytes_per_second", c.c_float),
        ("send_rate", c.c_int),
        ("pending_unreliable", c.c_int),
        ("pending_reliable", c.c_int),
        ("sent_unacked_reliable", c.c_int),
        ("queue_time_us", c.c_int64),
        ("max_jitter_us", c.c_int32),
        ("_reserved", c.c_uint32 * 15),
    )
    state: int
    ping_ms: int
    quality_local: float
    quality_remote: float
    out_packets_per_second: float
    out_bytes_per_second: float
    in_packets_per_second: float
    in_bytes_per_second: float
    send_rate: int
    pending_unreliable: int
    pending_reliable: int
    sent_unacked_reliable: int
    queue_time_us: int
    max_jitter_us: int


class LaneStatus(c.Structure):
    """The queues of one lane (spec 3, 9.2)."""

    _pack_ = _PACK
    _layout_ = "ms"
    _fields_ = (
        ("pending_unreliable", c.c_int),
        ("pending_reliable", c.c_int),
        ("sent_unacked_reliable", c.c_int),
        ("_pad", c.c_int),
        ("queue_time_us", c.c_int64),
        ("_reserved", c.c_uint32 * 10),
    )
    pending_unreliable: int
    pending_reliable: int
    sent_unacked_reliable: int
    queue_time_us: int


class _MessageRecord(c.Structure):
    _fields_ = (
        ("data", c.c_void_p),
        ("size", c.c_int),
        ("connection", c.c_uint32),
        ("identity", Identity),
        ("connection_user_data", c.c_int64),
        ("time_received", c.c_int64),
        ("number", c.c_int64),
        ("free_data", c.c_void_p),
        ("release", c.c_void_p),
        ("channel", c.c_int),
        ("flags", c.c_int),
        ("user_data", c.c_int64),
        ("lane", c.c_uint16),
        ("_pad", c.c_uint16),
    )


class _OptionUnion(c.Union):
    _fields_ = (
        ("int32", c.c_int32),
        ("int64", c.c_int64),
        ("float", c.c_float),
        ("string", c.c_char_p),
        ("pointer", c.c_void_p),
    )


class _OptionRecord(c.Structure):
    _fields_ = (("value", c.c_int), ("type", c.c_int), ("content", _OptionUnion))


class Message(NamedTuple):
    """One received message, copied out of the library (spec 3, 7.5)."""

    data: bytes
    connection: int
    flags: int
    lane: int
    number: int
    time_received_us: int
    connection_user_data: int
    channel: int


class StatusEvent(NamedTuple):
    """One change of state; `info` is the snapshot of that moment."""

    connection: int
    old_state: int
    info: ConnectionInfo


_STATUS_FUNCTION: Final = c.CFUNCTYPE(None, c.POINTER(_StatusChanged))
_DEBUG_FUNCTION: Final = c.CFUNCTYPE(None, c.c_int, c.c_char_p)

# ---------------------------------------------------------------------------------------------- prototypes

_POINTER: Final = c.c_void_p
_ADDRESS: Final = c.POINTER(Address)
_IDENTITY: Final = c.POINTER(Identity)
_Prototype: TypeAlias = tuple[Any, ...]  # result, then the arguments after the interface pointer

_SOCKETS: Final[Mapping[str, _Prototype]] = {
    "CreateListenSocketIP": (c.c_uint32, _ADDRESS, c.c_int, _POINTER),
    "ConnectByIPAddress": (c.c_uint32, _ADDRESS, c.c_int, _POINTER),
    "AcceptConnection": (c.c_int, c.c_uint32),
    "CloseConnection": (c.c_bool, c.c_uint32, c.c_int, c.c_char_p, c.c_bool),
    "CloseListenSocket": (c.c_bool, c.c_uint32),
    "SetConnectionUserData": (c.c_bool, c.c_uint32, c.c_int64),
    "GetConnectionUserData": (c.c_int64, c.c_uint32),
    "SetConnectionName": (None, c.c_uint32, c.c_char_p),
    "GetConnectionName": (c.c_bool, c.c_uint32, _POINTER, c.c_int),
    "SendMessageToConnection": (c.c_int, c.c_uint32, c.c_char_p, c.c_uint32, c.c_int, _POINTER),
    "SendMessages": (None, c.c_int, _POINTER, _POINTER, c.c_bool),
    "FlushMessagesOnConnection": (c.c_int, c.c_uint32),
    "ReceiveMessagesOnConnection": (c.c_int, c.c_uint32, _POINTER, c.c_int),
    "GetConnectionInfo": (c.c_bool, c.c_uint32, c.POINTER(ConnectionInfo)),
    "GetConnectionRealTimeStatus": (c.c_int, c.c_uint32, c.POINTER(RealTimeStatus), c.c_int, _POINTER),
    "GetDetailedConnectionStatus": (c.c_int, c.c_uint32, _POINTER, c.c_int),
    "GetListenSocketAddress": (c.c_bool, c.c_uint32, _ADDRESS),
    "CreateSocketPair": (c.c_bool, _POINTER, _POINTER, c.c_bool, _IDENTITY, _IDENTITY),
    "ConfigureConnectionLanes": (c.c_int, c.c_uint32, c.c_int, _POINTER, _POINTER),
    "GetIdentity": (c.c_bool, _IDENTITY),
    "InitAuthentication": (c.c_int,),
    "GetAuthenticationStatus": (c.c_int, _POINTER),
    "GetCertificateRequest": (c.c_bool, _POINTER, _POINTER, _POINTER),
    "SetCertificate": (c.c_bool, c.c_char_p, c.c_int, _POINTER),
    "CreatePollGroup": (c.c_uint32,),
    "DestroyPollGroup": (c.c_bool, c.c_uint32),
    "SetConnectionPollGroup": (c.c_bool, c.c_uint32, c.c_uint32),
    "ReceiveMessagesOnPollGroup": (c.c_int, c.c_uint32, _POINTER, c.c_int),
    "RunCallbacks": (None,),
}
_UTILS: Final[Mapping[str, _Prototype]] = {
    "AllocateMessage": (_POINTER, c.c_int),
    "GetLocalTimestamp": (c.c_int64,),
    "SetDebugOutputFunction": (None, c.c_int, _DEBUG_FUNCTION),
    "SetGlobalCallback_SteamNetConnectionStatusChanged": (c.c_bool, _STATUS_FUNCTION),
    "SetConfigValue": (c.c_bool, c.c_int, c.c_int, c.c_ssize_t, c.c_int, _POINTER),
    "GetConfigValue": (c.c_int, c.c_int, c.c_int, c.c_ssize_t, _POINTER, _POINTER, _POINTER),
    "GetConfigValueInfo": (c.c_char_p, c.c_int, _POINTER, _POINTER),
    "IterateGenericEditableConfigValues": (c.c_int, c.c_int, c.c_bool),
}
_PLAIN: Final[Mapping[str, _Prototype]] = {
    "IPAddr_ParseString": (c.c_bool, _ADDRESS, c.c_char_p),
    "IPAddr_ToString": (None, _ADDRESS, _POINTER, c.c_size_t, c.c_bool),
    "Identity_ParseString": (c.c_bool, _IDENTITY, c.c_size_t, c.c_char_p),
    "Identity_ToString": (None, _IDENTITY, _POINTER, c.c_size_t),
    "Message_t_Release": (None, _POINTER),
}


def _data_type(value: int, content: OptionValue) -> DataType:
    if value in _FLOATS or isinstance(content, float):
        return DataType.FLOAT
    if value in _INT64S:
        return DataType.INT64
    return DataType.STRING if isinstance(content, str) else DataType.INT32


class Library:
    """The reference library; one a process.

    Raises GNSError when `path` (or GNS_LIBRARY) names nothing, OSError when it cannot be loaded.
    """

    def __init__(self, path: str | None = None) -> None:
        path = path or os.environ.get(ENVIRONMENT_VARIABLE)
        if not path:
            raise GNSError(f"set {ENVIRONMENT_VARIABLE} to the path of the shared library")
        self._dll = c.CDLL(path)
        self._functions: dict[str, Any] = {}
        for name, prototype in _PLAIN.items():
            self._bind(name, "SteamAPI_SteamNetworking" + name, prototype)
        self._bind("Init", "GameNetworkingSockets_Init", (c.c_bool, _IDENTITY, _POINTER))
        self._bind("Kill", "GameNetworkingSockets_Kill", (None,))
        for stem, prototypes in (("Sockets", _SOCKETS), ("Utils", _UTILS)):
            for name, prototype in prototypes.items():
                symbol = f"SteamAPI_ISteamNetworking{stem}_{name}"
                self._bind(name, symbol, (prototype[0], _POINTER, *prototype[1:]))
        self._pointers = (c.c_void_p * RECEIVE_BATCH)()
        self._alive: dict[str, object] = {}  # callbacks that the library may still call
        self._sockets = c.c_void_p()  # exists from start to stop
        self._utils = self._interface("SteamAPI_SteamNetworkingUtils_v")

    def _bind(self, name: str, symbol: str, prototype: _Prototype) -> None:
        function = getattr(self._dll, symbol)
        function.restype, function.argtypes = prototype[0], list(prototype[1:])
        self._functions[name] = function

    def _call(self, name: str, *arguments: Any) -> Any:
        return self._functions[name](*arguments)

    def _on_sockets(self, name: str, *arguments: Any) -> Any:
        return self._functions[name](self._sockets, *arguments)

    def _on_utils(self, name: str, *arguments: Any) -> Any:
        return self._functions[name](self._utils, *arguments)

    def _interface(self, stem: str) -> c.c_void_p:
        for version in range(20, 0, -1):
            accessor = getattr(self._dll, f"{stem}{version:03d}", None)
            if accessor is not None:
                accessor.restype, accessor.argtypes = c.c_void_p, []
                return c.c_void_p(accessor())
        raise GNSError(f"{stem}... is not exported")

    # ---- life, time, debug output

    def start(self, identity: str | None = None) -> None:
        """Start the library as `identity` (text form; None is localhost, that is anonymous)."""
        error = c.create_string_buffer(1024)
        who = None if identity is None else c.byref(self.identity(identity))
        if not self._call("Init", who, error):
            raise GNSError(f"cannot start: {error.value.decode()}")
        self._sockets = self._interface("SteamAPI_SteamNetworkingSockets_v")

    def stop(self) -> None:
        """Close everything, telling the peers (spec 3, 15.2)."""
        self._call("Kill")
        self._alive.clear()

    def run_callbacks(self) -> None:
        """Call the status callback for every waiting event, on this thread."""
        self._on_sockets("RunCallbacks")

    def timestamp_us(self) -> int:
        """The library's clock."""
        return int(self._on_utils("GetLocalTimestamp"))

    def on_status(self, callback: Callable[[StatusEvent], None]) -> None:
        """Have `callback` called for events that happen from now on."""

        def call(pointer: Any) -> None:
            changed = pointer.contents
            info = ConnectionInfo.from_buffer_copy(changed.info)
            callback(StatusEvent(changed.connection, changed.old_state, info))

        function = _STATUS_FUNCTION(call)
        if not self._on_utils("SetGlobalCallback_SteamNetConnectionStatusChanged", function):
            raise GNSError("status callback refused")
        self._alive["status"] = function

    def on_debug(self, level: Debug, callback: Callable[[int, str], None]) -> None:
        """Have `callback` called with debug output up to `level`, on any thread."""
        function = _DEBUG_FUNCTION(lambda kind, text: callback(kind, text.decode("utf-8", "replace")))
        self._on_utils("SetDebugOutputFunction", int(level), function)
        self._alive["debug"] = function

    # ---- addresses and identities

    def address(self, text: str) -> Address:
        """Parse "ip:port"."""
        address = Address()
        if not self._call("IPAddr_ParseString", c.byref(address), text.encode()):
            raise ValueError(f"not an address: {text!r}")
        return address

    def address_text(self, address: Address) -> str:
        """The library's text of an address, port included."""
        buffer = c.create_string_buffer(64)
        self._call("IPAddr_ToString", c.byref(address), buffer, len(buffer), True)
        return buffer.value.decode()

    def identity(self, text: str) -> Identity:
        """Parse the text form of an identity."""
        identity = Identity()
        if not self._call("Identity_ParseString", c.byref(identity), c.sizeof(identity), text.encode()):
            raise ValueError(f"not an identity: {text!r}")
        return identity

    def identity_text(self, identity: Identity) -> str:
        """The library's text of an identity."""
        buffer = c.create_string_buffer(256)
        self._call("Identity_ToString", c.byref(identity), buffer, len(buffer))
        return buffer.value.decode()

    def own_identity(self) -> str:
        """Who this process is."""
        identity = Identity()
        self._on_sockets("GetIdentity", c.byref(identity))
        return self.identity_text(identity)

    # ---- certificates

    def authentication_status(self) -> int:
        """How it stands with the certificate."""
        return int(self._on_sockets("GetAuthenticationStatus", None))

    def certificate_request(self) -> bytes:
        """What an authority is asked to sign."""
        size = c.c_int(0)
        error = c.create_string_buffer(1024)
        if not self._on_sockets("GetCertificateRequest", c.byref(size), None, error):
            raise GNSError(f"no request: {error.value.decode()}")
        buffer = c.create_string_buffer(size.value)
        if not self._on_sockets("GetCertificateRequest", c.byref(size), buffer, error):
            raise GNSError(f"no request: {error.value.decode()}")
        return buffer.raw[: size.value]

    def set_certificate(self, certificate: bytes) -> tuple[bool, str]:
        """Install a certificate; whether it was taken, and the text."""
        error = c.create_string_buffer(1024)
        taken = self._on_sockets("SetCertificate", certificate, len(certificate), error)
        return bool(taken), error.value.decode()

    # ---- configuration

    @staticmethod
    def _options(options: Options) -> tuple[int, Any]:
        rows = (_OptionRecord * len(options))()
        for row, (value, content) in zip(rows, options.items(), strict=True):
            kind = _data_type(value, content)
            row.value, row.type = int(value), int(kind)
            setattr(row.content, kind.name.lower(), content.encode() if isinstance(content, str) else content)
        return len(options), rows if options else None

    def set_value(
        self, value: int, content: OptionValue | None, scope: Scope = Scope.GLOBAL, scope_object: int = 0
    ) -> bool:
        """Set a configuration value at any scope; None clears it (spec 3, 4.3)."""
        if content is None:
            return bool(self._on_utils("SetConfigValue", value, scope, scope_object, DataType.INT32, None))
        kind = _data_type(value, content)
        pointer: Any
        if isinstance(content, str):
            pointer = c.c_char_p(content.encode())
        elif kind is DataType.FLOAT:
            pointer = c.byref(c.c_float(content))
        else:
            number = int(content)
            pointer = c.byref(c.c_int64(number) if kind is DataType.INT64 else c.c_int32(number))
        return bool(self._on_utils("SetConfigValue", value, scope, scope_object, kind, pointer))

    def get_value(self, value: int, scope: Scope = Scope.GLOBAL, scope_object: int = 0) -> tuple[OptionValue, bool]:
        """The content of a configuration value, and whether a wider scope supplies it (spec 3, 4.4)."""
        kind, size, buffer = c.c_int(), c.c_size_t(1024), c.create_string_buffer(1024)
        result = self._on_utils("GetConfigValue", value, scope, scope_object, c.byref(kind), buffer, c.byref(size))
        if result < 1:
            raise GNSError(f"configuration value {value} cannot be read", result)
        if kind.value == DataType.STRING:
            return buffer.value.decode(), result == 2
        code = {1: "<i", 2: "<q", 3: "<f", 5: "<Q"}[kind.value]
        content: int | float = struct.unpack_from(code, buffer.raw)[0]
        return content, result == 2

    def set_value_as(self, value: int, kind: int, content: OptionValue | None, scope: int, scope_object: int) -> bool:
        """The same with a data type that need not fit, or exist; the interface scope's object is filled in."""
        pointer: Any
        match kind:
            case _ if content is None:
                pointer = None
            case DataType.STRING:
                pointer = c.c_char_p(str(content).encode())
            case DataType.FLOAT:
                pointer = c.byref(c.c_float(float(content)))
            case DataType.INT32:
                pointer = c.byref(c.c_int32(int(content)))
            case _:
                pointer = c.byref(c.c_int64(int(content)))
        return bool(self._on_utils("SetConfigValue", value, scope, self._object(scope, scope_object), kind, pointer))

    def look_up_value(self, value: int, scope: int, scope_object: int) -> tuple[int, OptionValue | None]:
        """Result and content, None if there is none; a pointer is its number."""
        scope_object = self._object(scope, scope_object)
        kind, size, buffer = c.c_int(DataType.INT32), c.c_size_t(1024), c.create_string_buffer(1024)
        result = self._on_utils("GetConfigValue", value, scope, scope_object, c.byref(kind), buffer, c.byref(size))
        if result < 1:
            return int(result), None
        if kind.value == DataType.STRING:
            return int(result), buffer.value.decode()
        code = {1: "<i", 2: "<q", 3: "<f", 5: "<Q"}[kind.value]
        content: int | float = struct.unpack_from(code, buffer.raw)[0]
        return int(result), content

    def _object(self, scope: int, scope_object: int) -> int:
        return (self._sockets.value or 0) if scope == Scope.SOCKETS_INTERFACE else scope_object

    def next_value_id(self, current: int, development_too: bool) -> int:
        """The listed value behind `current`; 0 at the end, and for a `current` that is no value."""
        return int(self._on_utils("IterateGenericEditableConfigValues", current, development_too))

    def value_info(self, value: int) -> tuple[str, DataType, Scope] | None:
        """Name, type and scope of a configuration value; None for an unknown one."""
        kind, scope = c.c_int(), c.c_int()
        name = self._on_utils("GetConfigValueInfo", value, c.byref(kind), c.byref(scope))
        return (name.decode(), DataType(kind.value), Scope(scope.value)) if name else None

    def value_ids(self, development_too: bool = True) -> list[int]:
        """Every listed configuration value, ascending."""
        ids: list[int] = []
        current = self._on_utils("IterateGenericEditableConfigValues", 0, development_too)
        while current:
            ids.append(current)
            current = self._on_utils("IterateGenericEditableConfigValues", current, development_too)
        return ids

    # ---- connections

    def listen(self, address: str, options: Options) -> int:
        """Listen on "ip:port"; the library refuses port 0."""
        handle = self._on_sockets("CreateListenSocketIP", c.byref(self.address(address)), *self._options(options))
        if not handle:
            raise GNSError(f"cannot listen on {address}")
        return int(handle)

    def listen_address(self, listen_socket: int) -> str:
        """Where a listen socket is bound."""
        address = Address()
        if not self._on_sockets("GetListenSocketAddress", listen_socket, c.byref(address)):
            raise GNSError("no such listen socket")
        return self.address_text(address)

    def close_listen(self, listen_socket: int) -> bool:
        """Close a listen socket and, silently, its connections (spec 3, 6.8)."""
        return bool(self._on_sockets("CloseListenSocket", listen_socket))

    def connect(self, address: str, options: Options) -> int:
        """Begin to connect to "ip:port"."""
        handle = self._on_sockets("ConnectByIPAddress", c.byref(self.address(address)), *self._options(options))
        if not handle:
            raise GNSError(f"cannot connect to {address}")
        return int(handle)

    def accept(self, connection: int) -> int:
        """Accept an incoming connection; returns the Result."""
        return int(self._on_sockets("AcceptConnection", connection))

    def close(self, connection: int, reason: int = 0, text: str | None = None, linger: bool = False) -> bool:
        """Close a connection; False for an unknown handle."""
        debug = None if text is None else text.encode()
        return bool(self._on_sockets("CloseConnection", connection, reason, debug, linger))

    def socket_pair(self, network: bool, first: str | None, second: str | None) -> tuple[int, int]:
        """Two connected handles of this process, through memory or (`network`) UDP (spec 3, 6.9)."""
        one, two = c.c_uint32(), c.c_uint32()
        identities = [None if text is None else c.byref(self.identity(text)) for text in (first, second)]
        if not self._on_sockets("CreateSocketPair", c.byref(one), c.byref(two), network, *identities):
            raise GNSError("socket pair refused")
        return one.value, two.value

    def set_name(self, connection: int, name: str) -> None:
        """Name a connection; unknown handles are ignored."""
        self._on_sockets("SetConnectionName", connection, name.encode())

    def name(self, connection: int) -> str | None:
        """The name of a connection, None for an unknown handle."""
        buffer = c.create_string_buffer(128)
        known = self._on_sockets("GetConnectionName", connection, buffer, len(buffer))
        return buffer.value.decode() if known else None

    def set_user_data(self, connection: int, user_data: int) -> bool:
        """Attach a number to a connection."""
        return bool(self._on_sockets("SetConnectionUserData", connection, user_data))

    def user_data(self, connection: int) -> int:
        """The number attached, -1 when there is none."""
        return int(self._on_sockets("GetConnectionUserData", connection))

    def info(self, connection: int) -> ConnectionInfo | None:
        """Information about a connection, None for an unknown handle."""
        info = ConnectionInfo()
        return info if self._on_sockets("GetConnectionInfo", connection, c.byref(info)) else None

    def status(self, connection: int, lanes: int = 0) -> tuple[RealTimeStatus, list[LaneStatus]]:
        """Rates and queues of a connection and of its first `lanes` lanes."""
        status, rows = RealTimeStatus(), (LaneStatus * lanes)()
        result = self._on_sockets(
            "GetConnectionRealTimeStatus", connection, c.byref(status), lanes, rows if lanes else None
        )
        if result != Result.OK:
            raise GNSError("status", result)
        return status, list(rows)

    def detailed_status(self, connection: int) -> str:
        """The library's long text about a connection (spec 3, 9.3)."""
        size = 4096
        while True:
            buffer = c.create_string_buffer(size)
            needed = self._on_sockets("GetDetailedConnectionStatus", connection, buffer, size)
            if needed == 0:
                return buffer.value.decode("utf-8", "replace")
            if needed < 0:
                raise GNSError("no such connection")
            size = needed + 64

    def configure_lanes(self, connection: int, priorities: Sequence[int], weights: Sequence[int] | None) -> int:
        """Configure the lanes of the sending direction; returns the Result."""
        count = len(priorities)
        shares = None if weights is None else (c.c_uint16 * count)(*weights)
        return int(
            self._on_sockets(
                "ConfigureConnectionLanes",
                connection,
                count,
                (c.c_int * count)(*priorities),
                shares,
            )
        )

    # ---- poll groups and messages

    def create_poll_group(self) -> int:
        """A new poll group."""
        return int(self._on_sockets("CreatePollGroup"))

    def destroy_poll_group(self, group: int) -> bool:
        """Destroy a poll group; its members stay connected."""
        return bool(self._on_sockets("DestroyPollGroup", group))

    def set_poll_group(self, connection: int, group: int) -> bool:
        """Put a connection into a poll group; 0 takes it out."""
        return bool(self._on_sockets("SetConnectionPollGroup", connection, group))

    def send(self, connection: int, data: bytes, flags: int) -> tuple[int, int]:
        """Send on lane 0; the Result and the message number (-1 when refused)."""
        number = c.c_int64()
        result = self._on_sockets("SendMessageToConnection", connection, data, len(data), flags, c.byref(number))
        return int(result), number.value

    def send_many(self, messages: Iterable[tuple[int, bytes, int, int]]) -> list[int]:
        """Send (connection, data, flags, lane) in one call; for each its number, or minus the Result."""
        pointers: list[int] = []
        for connection, data, flags, lane in messages:
            pointer = self._on_utils("AllocateMessage", len(data))
            record = _MessageRecord.from_address(pointer)
            c.memmove(record.data, data, len(data))
            record.connection, record.flags, record.lane = connection, flags, lane
            pointers.append(pointer)
        count = len(pointers)
        numbers = (c.c_int64 * count)()
        self._on_sockets("SendMessages", count, (c.c_void_p * count)(*pointers), numbers, True)
        return list(numbers)

    def flush(self, connection: int) -> int:
        """End the Nagle wait of everything queued; returns the Result."""
        return int(self._on_sockets("FlushMessagesOnConnection", connection))

    def receive(self, connection: int) -> list[Message]:
        """Messages waiting on one connection, RECEIVE_BATCH at most."""
        count = self._on_sockets("ReceiveMessagesOnConnection", connection, self._pointers, RECEIVE_BATCH)
        return self._take(count)

    def receive_on_group(self, group: int) -> list[Message]:
        """Messages waiting on any member of a poll group, RECEIVE_BATCH at most."""
        return self._take(self._on_sockets("ReceiveMessagesOnPollGroup", group, self._pointers, RECEIVE_BATCH))

    def _take(self, count: int) -> list[Message]:
        if count < 0:
            raise GNSError("no such connection or poll group")
        messages: list[Message] = []
        for pointer in filter(None, self._pointers[:count]):
            record = _MessageRecord.from_address(pointer)
            messages.append(
                Message(
                    c.string_at(record.data, record.size),
                    record.connection,
                    record.flags,
                    record.lane,
                    record.number,
                    record.time_received,
                    record.connection_user_data,
                    record.channel,
                )
            )
            self._call("Message_t_Release", pointer)
        return messages
