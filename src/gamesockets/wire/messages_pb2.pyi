# mypy: disable-error-code="type-arg"
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class IdentityLegacyBinary(_message.Message):
    __slots__ = ("generic_bytes", "generic_string", "ipv6_and_port", "steam_id")
    GENERIC_BYTES_FIELD_NUMBER: _ClassVar[int]
    GENERIC_STRING_FIELD_NUMBER: _ClassVar[int]
    IPV6_AND_PORT_FIELD_NUMBER: _ClassVar[int]
    STEAM_ID_FIELD_NUMBER: _ClassVar[int]
    generic_bytes: bytes
    generic_string: bytes
    ipv6_and_port: bytes
    steam_id: int
    def __init__(self, generic_bytes: _Optional[bytes] = ..., generic_string: _Optional[bytes] = ..., ipv6_and_port: _Optional[bytes] = ..., steam_id: _Optional[int] = ...) -> None: ...

class Certificate(_message.Message):
    __slots__ = ("key_type", "key_data", "legacy_steam_id", "gameserver_datacenter_ids", "time_created", "time_expiry", "app_ids", "legacy_identity_binary", "identity_string", "ip_addresses")
    class KeyType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KEY_TYPE_INVALID: _ClassVar[Certificate.KeyType]
        ED25519: _ClassVar[Certificate.KeyType]
    KEY_TYPE_INVALID: Certificate.KeyType
    ED25519: Certificate.KeyType
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    LEGACY_STEAM_ID_FIELD_NUMBER: _ClassVar[int]
    GAMESERVER_DATACENTER_IDS_FIELD_NUMBER: _ClassVar[int]
    TIME_CREATED_FIELD_NUMBER: _ClassVar[int]
    TIME_EXPIRY_FIELD_NUMBER: _ClassVar[int]
    APP_IDS_FIELD_NUMBER: _ClassVar[int]
    LEGACY_IDENTITY_BINARY_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_STRING_FIELD_NUMBER: _ClassVar[int]
    IP_ADDRESSES_FIELD_NUMBER: _ClassVar[int]
    key_type: Certificate.KeyType
    key_data: bytes
    legacy_steam_id: int
    gameserver_datacenter_ids: _containers.RepeatedScalarFieldContainer[int]
    time_created: int
    time_expiry: int
    app_ids: _containers.RepeatedScalarFieldContainer[int]
    legacy_identity_binary: IdentityLegacyBinary
    identity_string: bytes
    ip_addresses: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, key_type: _Optional[_Union[Certificate.KeyType, str]] = ..., key_data: _Optional[bytes] = ..., legacy_steam_id: _Optional[int] = ..., gameserver_datacenter_ids: _Optional[_Iterable[int]] = ..., time_created: _Optional[int] = ..., time_expiry: _Optional[int] = ..., app_ids: _Optional[_Iterable[int]] = ..., legacy_identity_binary: _Optional[_Union[IdentityLegacyBinary, _Mapping]] = ..., identity_string: _Optional[bytes] = ..., ip_addresses: _Optional[_Iterable[bytes]] = ...) -> None: ...

class CertificateSigned(_message.Message):
    __slots__ = ("private_key_data", "cert", "ca_key_id", "ca_signature")
    PRIVATE_KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    CERT_FIELD_NUMBER: _ClassVar[int]
    CA_KEY_ID_FIELD_NUMBER: _ClassVar[int]
    CA_SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    private_key_data: bytes
    cert: bytes
    ca_key_id: int
    ca_signature: bytes
    def __init__(self, private_key_data: _Optional[bytes] = ..., cert: _Optional[bytes] = ..., ca_key_id: _Optional[int] = ..., ca_signature: _Optional[bytes] = ...) -> None: ...

class CertificateRequest(_message.Message):
    __slots__ = ("cert",)
    CERT_FIELD_NUMBER: _ClassVar[int]
    cert: Certificate
    def __init__(self, cert: _Optional[_Union[Certificate, _Mapping]] = ...) -> None: ...

class CryptInfo(_message.Message):
    __slots__ = ("key_type", "key_data", "nonce", "protocol_version", "ciphers", "receive_window_bytes")
    class KeyType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KEY_TYPE_INVALID: _ClassVar[CryptInfo.KeyType]
        CURVE25519: _ClassVar[CryptInfo.KeyType]
    KEY_TYPE_INVALID: CryptInfo.KeyType
    CURVE25519: CryptInfo.KeyType
    class CipherKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CIPHER_INVALID: _ClassVar[CryptInfo.CipherKind]
        CIPHER_NULL: _ClassVar[CryptInfo.CipherKind]
        CIPHER_AES_256_GCM: _ClassVar[CryptInfo.CipherKind]
    CIPHER_INVALID: CryptInfo.CipherKind
    CIPHER_NULL: CryptInfo.CipherKind
    CIPHER_AES_256_GCM: CryptInfo.CipherKind
    KEY_TYPE_FIELD_NUMBER: _ClassVar[int]
    KEY_DATA_FIELD_NUMBER: _ClassVar[int]
    NONCE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    CIPHERS_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    key_type: CryptInfo.KeyType
    key_data: bytes
    nonce: int
    protocol_version: int
    ciphers: _containers.RepeatedScalarFieldContainer[CryptInfo.CipherKind]
    receive_window_bytes: int
    def __init__(self, key_type: _Optional[_Union[CryptInfo.KeyType, str]] = ..., key_data: _Optional[bytes] = ..., nonce: _Optional[int] = ..., protocol_version: _Optional[int] = ..., ciphers: _Optional[_Iterable[_Union[CryptInfo.CipherKind, str]]] = ..., receive_window_bytes: _Optional[int] = ...) -> None: ...

class CryptInfoSigned(_message.Message):
    __slots__ = ("info", "signature")
    INFO_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    info: bytes
    signature: bytes
    def __init__(self, info: _Optional[bytes] = ..., signature: _Optional[bytes] = ...) -> None: ...

class ChallengeRequest(_message.Message):
    __slots__ = ("connection_id", "my_timestamp", "protocol_version")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    MY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    connection_id: int
    my_timestamp: int
    protocol_version: int
    def __init__(self, connection_id: _Optional[int] = ..., my_timestamp: _Optional[int] = ..., protocol_version: _Optional[int] = ...) -> None: ...

class ChallengeReply(_message.Message):
    __slots__ = ("connection_id", "challenge", "your_timestamp", "protocol_version")
    CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    YOUR_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    connection_id: int
    challenge: int
    your_timestamp: int
    protocol_version: int
    def __init__(self, connection_id: _Optional[int] = ..., challenge: _Optional[int] = ..., your_timestamp: _Optional[int] = ..., protocol_version: _Optional[int] = ...) -> None: ...

class ConnectRequest(_message.Message):
    __slots__ = ("client_connection_id", "challenge", "legacy_client_steam_id", "cert", "my_timestamp", "ping_est_ms", "crypt", "legacy_protocol_version", "legacy_identity_binary", "identity_string")
    CLIENT_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CHALLENGE_FIELD_NUMBER: _ClassVar[int]
    LEGACY_CLIENT_STEAM_ID_FIELD_NUMBER: _ClassVar[int]
    CERT_FIELD_NUMBER: _ClassVar[int]
    MY_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PING_EST_MS_FIELD_NUMBER: _ClassVar[int]
    CRYPT_FIELD_NUMBER: _ClassVar[int]
    LEGACY_PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    LEGACY_IDENTITY_BINARY_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_STRING_FIELD_NUMBER: _ClassVar[int]
    client_connection_id: int
    challenge: int
    legacy_client_steam_id: int
    cert: CertificateSigned
    my_timestamp: int
    ping_est_ms: int
    crypt: CryptInfoSigned
    legacy_protocol_version: int
    legacy_identity_binary: IdentityLegacyBinary
    identity_string: bytes
    def __init__(self, client_connection_id: _Optional[int] = ..., challenge: _Optional[int] = ..., legacy_client_steam_id: _Optional[int] = ..., cert: _Optional[_Union[CertificateSigned, _Mapping]] = ..., my_timestamp: _Optional[int] = ..., ping_est_ms: _Optional[int] = ..., crypt: _Optional[_Union[CryptInfoSigned, _Mapping]] = ..., legacy_protocol_version: _Optional[int] = ..., legacy_identity_binary: _Optional[_Union[IdentityLegacyBinary, _Mapping]] = ..., identity_string: _Optional[bytes] = ...) -> None: ...

class ConnectOK(_message.Message):
    __slots__ = ("client_connection_id", "legacy_server_steam_id", "your_timestamp", "delay_time_usec", "server_connection_id", "crypt", "cert", "legacy_identity_binary", "identity_string")
    CLIENT_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    LEGACY_SERVER_STEAM_ID_FIELD_NUMBER: _ClassVar[int]
    YOUR_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DELAY_TIME_USEC_FIELD_NUMBER: _ClassVar[int]
    SERVER_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    CRYPT_FIELD_NUMBER: _ClassVar[int]
    CERT_FIELD_NUMBER: _ClassVar[int]
    LEGACY_IDENTITY_BINARY_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_STRING_FIELD_NUMBER: _ClassVar[int]
    client_connection_id: int
    legacy_server_steam_id: int
    your_timestamp: int
    delay_time_usec: int
    server_connection_id: int
    crypt: CryptInfoSigned
    cert: CertificateSigned
    legacy_identity_binary: IdentityLegacyBinary
    identity_string: bytes
    def __init__(self, client_connection_id: _Optional[int] = ..., legacy_server_steam_id: _Optional[int] = ..., your_timestamp: _Optional[int] = ..., delay_time_usec: _Optional[int] = ..., server_connection_id: _Optional[int] = ..., crypt: _Optional[_Union[CryptInfoSigned, _Mapping]] = ..., cert: _Optional[_Union[CertificateSigned, _Mapping]] = ..., legacy_identity_binary: _Optional[_Union[IdentityLegacyBinary, _Mapping]] = ..., identity_string: _Optional[bytes] = ...) -> None: ...

class ConnectionClosed(_message.Message):
    __slots__ = ("debug", "reason_code", "to_connection_id", "from_connection_id")
    DEBUG_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    TO_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    debug: bytes
    reason_code: int
    to_connection_id: int
    from_connection_id: int
    def __init__(self, debug: _Optional[bytes] = ..., reason_code: _Optional[int] = ..., to_connection_id: _Optional[int] = ..., from_connection_id: _Optional[int] = ...) -> None: ...

class NoConnection(_message.Message):
    __slots__ = ("from_connection_id", "to_connection_id")
    FROM_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    TO_CONNECTION_ID_FIELD_NUMBER: _ClassVar[int]
    from_connection_id: int
    to_connection_id: int
    def __init__(self, from_connection_id: _Optional[int] = ..., to_connection_id: _Optional[int] = ...) -> None: ...

class InstantaneousStats(_message.Message):
    __slots__ = ("out_packets_per_sec_x10", "out_bytes_per_sec", "in_packets_per_sec_x10", "in_bytes_per_sec", "ping_ms", "packets_dropped_pct", "packets_weird_sequence_pct", "peak_jitter_usec")
    OUT_PACKETS_PER_SEC_X10_FIELD_NUMBER: _ClassVar[int]
    OUT_BYTES_PER_SEC_FIELD_NUMBER: _ClassVar[int]
    IN_PACKETS_PER_SEC_X10_FIELD_NUMBER: _ClassVar[int]
    IN_BYTES_PER_SEC_FIELD_NUMBER: _ClassVar[int]
    PING_MS_FIELD_NUMBER: _ClassVar[int]
    PACKETS_DROPPED_PCT_FIELD_NUMBER: _ClassVar[int]
    PACKETS_WEIRD_SEQUENCE_PCT_FIELD_NUMBER: _ClassVar[int]
    PEAK_JITTER_USEC_FIELD_NUMBER: _ClassVar[int]
    out_packets_per_sec_x10: int
    out_bytes_per_sec: int
    in_packets_per_sec_x10: int
    in_bytes_per_sec: int
    ping_ms: int
    packets_dropped_pct: int
    packets_weird_sequence_pct: int
    peak_jitter_usec: int
    def __init__(self, out_packets_per_sec_x10: _Optional[int] = ..., out_bytes_per_sec: _Optional[int] = ..., in_packets_per_sec_x10: _Optional[int] = ..., in_bytes_per_sec: _Optional[int] = ..., ping_ms: _Optional[int] = ..., packets_dropped_pct: _Optional[int] = ..., packets_weird_sequence_pct: _Optional[int] = ..., peak_jitter_usec: _Optional[int] = ...) -> None: ...

class LifetimeStats(_message.Message):
    __slots__ = ("connected_seconds", "packets_sent", "kb_sent", "packets_recv", "kb_recv", "packets_recv_sequenced", "packets_recv_dropped", "packets_recv_out_of_order", "packets_recv_duplicate", "packets_recv_lurch", "packets_recv_out_of_order_corrected", "quality_histogram_100", "quality_histogram_99", "quality_histogram_97", "quality_histogram_95", "quality_histogram_90", "quality_histogram_75", "quality_histogram_50", "quality_histogram_1", "quality_histogram_dead", "quality_ntile_2nd", "quality_ntile_5th", "quality_ntile_25th", "quality_ntile_50th", "ping_histogram_25", "ping_histogram_50", "ping_histogram_75", "ping_histogram_100", "ping_histogram_125", "ping_histogram_150", "ping_histogram_200", "ping_histogram_300", "ping_histogram_max", "ping_ntile_5th", "ping_ntile_50th", "ping_ntile_75th", "ping_ntile_95th", "ping_ntile_98th", "jitter_histogram_negligible", "jitter_histogram_1", "jitter_histogram_2", "jitter_histogram_5", "jitter_histogram_10", "jitter_histogram_20")
    CONNECTED_SECONDS_FIELD_NUMBER: _ClassVar[int]
    PACKETS_SENT_FIELD_NUMBER: _ClassVar[int]
    KB_SENT_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_FIELD_NUMBER: _ClassVar[int]
    KB_RECV_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_SEQUENCED_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_DROPPED_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_OUT_OF_ORDER_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_LURCH_FIELD_NUMBER: _ClassVar[int]
    PACKETS_RECV_OUT_OF_ORDER_CORRECTED_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_100_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_99_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_97_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_95_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_90_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_75_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_50_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_1_FIELD_NUMBER: _ClassVar[int]
    QUALITY_HISTOGRAM_DEAD_FIELD_NUMBER: _ClassVar[int]
    QUALITY_NTILE_2ND_FIELD_NUMBER: _ClassVar[int]
    QUALITY_NTILE_5TH_FIELD_NUMBER: _ClassVar[int]
    QUALITY_NTILE_25TH_FIELD_NUMBER: _ClassVar[int]
    QUALITY_NTILE_50TH_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_25_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_50_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_75_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_100_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_125_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_150_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_200_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_300_FIELD_NUMBER: _ClassVar[int]
    PING_HISTOGRAM_MAX_FIELD_NUMBER: _ClassVar[int]
    PING_NTILE_5TH_FIELD_NUMBER: _ClassVar[int]
    PING_NTILE_50TH_FIELD_NUMBER: _ClassVar[int]
    PING_NTILE_75TH_FIELD_NUMBER: _ClassVar[int]
    PING_NTILE_95TH_FIELD_NUMBER: _ClassVar[int]
    PING_NTILE_98TH_FIELD_NUMBER: _ClassVar[int]
    JITTER_HISTOGRAM_NEGLIGIBLE_FIELD_NUMBER: _ClassVar[int]
    JITTER_HISTOGRAM_1_FIELD_NUMBER: _ClassVar[int]
    JITTER_HISTOGRAM_2_FIELD_NUMBER: _ClassVar[int]
    JITTER_HISTOGRAM_5_FIELD_NUMBER: _ClassVar[int]
    JITTER_HISTOGRAM_10_FIELD_NUMBER: _ClassVar[int]
    JITTER_HISTOGRAM_20_FIELD_NUMBER: _ClassVar[int]
    connected_seconds: int
    packets_sent: int
    kb_sent: int
    packets_recv: int
    kb_recv: int
    packets_recv_sequenced: int
    packets_recv_dropped: int
    packets_recv_out_of_order: int
    packets_recv_duplicate: int
    packets_recv_lurch: int
    packets_recv_out_of_order_corrected: int
    quality_histogram_100: int
    quality_histogram_99: int
    quality_histogram_97: int
    quality_histogram_95: int
    quality_histogram_90: int
    quality_histogram_75: int
    quality_histogram_50: int
    quality_histogram_1: int
    quality_histogram_dead: int
    quality_ntile_2nd: int
    quality_ntile_5th: int
    quality_ntile_25th: int
    quality_ntile_50th: int
    ping_histogram_25: int
    ping_histogram_50: int
    ping_histogram_75: int
    ping_histogram_100: int
    ping_histogram_125: int
    ping_histogram_150: int
    ping_histogram_200: int
    ping_histogram_300: int
    ping_histogram_max: int
    ping_ntile_5th: int
    ping_ntile_50th: int
    ping_ntile_75th: int
    ping_ntile_95th: int
    ping_ntile_98th: int
    jitter_histogram_negligible: int
    jitter_histogram_1: int
    jitter_histogram_2: int
    jitter_histogram_5: int
    jitter_histogram_10: int
    jitter_histogram_20: int
    def __init__(self, connected_seconds: _Optional[int] = ..., packets_sent: _Optional[int] = ..., kb_sent: _Optional[int] = ..., packets_recv: _Optional[int] = ..., kb_recv: _Optional[int] = ..., packets_recv_sequenced: _Optional[int] = ..., packets_recv_dropped: _Optional[int] = ..., packets_recv_out_of_order: _Optional[int] = ..., packets_recv_duplicate: _Optional[int] = ..., packets_recv_lurch: _Optional[int] = ..., packets_recv_out_of_order_corrected: _Optional[int] = ..., quality_histogram_100: _Optional[int] = ..., quality_histogram_99: _Optional[int] = ..., quality_histogram_97: _Optional[int] = ..., quality_histogram_95: _Optional[int] = ..., quality_histogram_90: _Optional[int] = ..., quality_histogram_75: _Optional[int] = ..., quality_histogram_50: _Optional[int] = ..., quality_histogram_1: _Optional[int] = ..., quality_histogram_dead: _Optional[int] = ..., quality_ntile_2nd: _Optional[int] = ..., quality_ntile_5th: _Optional[int] = ..., quality_ntile_25th: _Optional[int] = ..., quality_ntile_50th: _Optional[int] = ..., ping_histogram_25: _Optional[int] = ..., ping_histogram_50: _Optional[int] = ..., ping_histogram_75: _Optional[int] = ..., ping_histogram_100: _Optional[int] = ..., ping_histogram_125: _Optional[int] = ..., ping_histogram_150: _Optional[int] = ..., ping_histogram_200: _Optional[int] = ..., ping_histogram_300: _Optional[int] = ..., ping_histogram_max: _Optional[int] = ..., ping_ntile_5th: _Optional[int] = ..., ping_ntile_50th: _Optional[int] = ..., ping_ntile_75th: _Optional[int] = ..., ping_ntile_95th: _Optional[int] = ..., ping_ntile_98th: _Optional[int] = ..., jitter_histogram_negligible: _Optional[int] = ..., jitter_histogram_1: _Optional[int] = ..., jitter_histogram_2: _Optional[int] = ..., jitter_histogram_5: _Optional[int] = ..., jitter_histogram_10: _Optional[int] = ..., jitter_histogram_20: _Optional[int] = ...) -> None: ...

class ConnectionQuality(_message.Message):
    __slots__ = ("instantaneous", "lifetime")
    INSTANTANEOUS_FIELD_NUMBER: _ClassVar[int]
    LIFETIME_FIELD_NUMBER: _ClassVar[int]
    instantaneous: InstantaneousStats
    lifetime: LifetimeStats
    def __init__(self, instantaneous: _Optional[_Union[InstantaneousStats, _Mapping]] = ..., lifetime: _Optional[_Union[LifetimeStats, _Mapping]] = ...) -> None: ...

class UdpStats(_message.Message):
    __slots__ = ("stats", "flags")
    class Flag(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        NONE: _ClassVar[UdpStats.Flag]
        ACK_REQUEST: _ClassVar[UdpStats.Flag]
        ACK_REQUEST_IMMEDIATE: _ClassVar[UdpStats.Flag]
        NOT_PRIMARY_TRANSPORT: _ClassVar[UdpStats.Flag]
    NONE: UdpStats.Flag
    ACK_REQUEST: UdpStats.Flag
    ACK_REQUEST_IMMEDIATE: UdpStats.Flag
    NOT_PRIMARY_TRANSPORT: UdpStats.Flag
    STATS_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    stats: ConnectionQuality
    flags: int
    def __init__(self, stats: _Optional[_Union[ConnectionQuality, _Mapping]] = ..., flags: _Optional[int] = ...) -> None: ...
