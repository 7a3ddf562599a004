"""Which enumerations does a user meet?

Names are the reference library's, spelt in UPPER_CASE with an underscore where a new word starts; numbers are
facts of the protocol and its interface (spec 3, part 5). `Result` is long enough for a file of its own.
"""

from enum import IntEnum, IntFlag

from gamesockets.values.renamed import RenamedMembers


class ConnectionState(IntEnum, metaclass=RenamedMembers):
    """How far a connection has come (spec 3, 5.1)."""

    NONE = 0
    """No such connection, or closed here. Also the old state of a connection that has just come up."""
    CONNECTING = 1
    """Being established; on the accepting side also: waiting to be accepted."""
    FINDING_ROUTE = 2
    """Peer to peer only: both sides agreed and look for a path."""
    CONNECTED = 3
    """Established: messages flow."""
    CLOSED_BY_PEER = 4
    """The peer closed it; it must still be closed here."""
    PROBLEM_DETECTED_LOCALLY = 5
    """It broke; it must still be closed here."""


class SendFlags(IntFlag, metaclass=RenamedMembers):
    """How a message travels (spec 3, 5.4). Unknown bits are kept and ignored."""

    UNRELIABLE = 0
    """At most once, and not necessarily in order."""
    NO_NAGLE = 1
    """Do not wait for more data; messages that already wait are sent with this one."""
    NO_DELAY = 4
    """Refuse (`Result.IGNORED`) instead of waiting while the connection is not yet established."""
    RELIABLE = 8
    """Once, in the order of sending on its lane."""
    USE_CURRENT_THREAD = 16
    """Accepted for compatibility: a send that is due always happens on the caller's thread."""
    AUTO_RESTART_BROKEN_SESSION = 32
    """Messages interface only: open a new session after a failure."""

    UNRELIABLE_NO_NAGLE = 1
    UNRELIABLE_NO_DELAY = 5
    RELIABLE_NO_NAGLE = 9


SendType = SendFlags
"""The name `SendFlags` had in the early wrapper."""


class IdentityType(IntEnum, metaclass=RenamedMembers):
    """What kind of name a peer goes by (spec 3, 5.6)."""

    INVALID = 0
    IP_ADDRESS = 1
    GENERIC_STRING = 2
    GENERIC_BYTES = 3
    UNKNOWN_TYPE = 4
    """A text with a prefix that this version does not know; kept unchanged."""
    STEAM_ID = 16
    XBOX_PAIRWISE_ID = 17
    SONY_PSN = 18


class ConfigurationScope(IntEnum, metaclass=RenamedMembers):
    """Where a configuration value is set (spec 3, 5.8). Narrower scopes win."""

    GLOBAL = 1
    SOCKETS_INTERFACE = 2
    LISTEN_SOCKET = 3
    CONNECTION = 4


class ConfigurationDataType(IntEnum, metaclass=RenamedMembers):
    """What kind of thing a configuration value holds (spec 3, 5.8)."""

    INT32 = 1
    INT64 = 2
    FLOAT = 3
    STRING = 4
    FUNCTION_PTR = 5


class ConfigurationValueResult(IntEnum, metaclass=RenamedMembers):
    """Where a configuration value comes from, or why there is none (spec 3, 4.4)."""

    BUFFER_TOO_SMALL = -3
    """Never occurs here: values are returned, not written into a buffer."""
    BAD_SCOPE_OBJECT = -2
    """No such object, an undefined scope, or a value that exists only at the global scope."""
    BAD_VALUE = -1
    """There is no such value."""
    OK = 1
    """Set at exactly this scope; always so at the global one."""
    OK_INHERITED = 2
    """Supplied by a wider scope."""


class Availability(IntEnum, metaclass=RenamedMembers):
    """How far something has come that takes a while, such as a certificate (spec 3, 5.7). Negative is trouble."""

    CANNOT_TRY = -102
    """Something is missing that it needs."""
    FAILED = -101
    PREVIOUSLY = -100
    """It was there, and is lost."""
    RETRYING = -10
    UNKNOWN = 0
    NEVER_TRIED = 1
    WAITING = 2
    ATTEMPTING = 3
    CURRENT = 100
    """It is there."""


class DebugType(IntEnum, metaclass=RenamedMembers):
    """Severity of a line of debug output; higher levels give more lines (spec 3, 5.9)."""

    NONE = 0
    BUG = 1
    ERROR = 2
    IMPORTANT = 3
    WARNING = 4
    MESSAGE = 5
    VERBOSE = 6
    DEBUG = 7
    EVERYTHING = 8


class ConnectionInfoFlags(IntFlag, metaclass=RenamedMembers):
    """Facts about how a connection runs (spec 3, 5.5)."""

    UNAUTHENTICATED = 1
    """No trusted authority has signed the peer's identity."""
    UNENCRYPTED = 2
    """No encryption, or the handshake has not finished."""
    LOOPBACK_BUFFERS = 4
    """One end of a pair inside this process, without a network."""
    FAST = 8
    """Localhost, a pipe, or a local network with a ping of at most 5 ms."""
    RELAYED = 16
    """Over a relay; never set here."""
    DUAL_WIFI = 32
    """Over two wireless adapters; never set here."""


class EndReason(IntEnum, metaclass=RenamedMembers):
    """Why a connection ended (spec 3, 5.2).

    Applications use any number of 1000..2999, so a reason is an `int` that need not be a member here.
    """

    INVALID = 0
    """None: the connection has not ended."""
    APP_GENERIC = 1000
    """Closed by an application that gave no reason."""
    APP_MIN = 1000
    APP_MAX = 1999
    """The largest normal reason; also stands for a number outside 1000..2999 given when closing."""
    APP_EXCEPTION_GENERIC = 2000
    APP_EXCEPTION_MIN = 2000
    APP_EXCEPTION_MAX = 2999
    """The largest unusual reason; also: the library was shut down."""
    LOCAL_MIN = 3000
    LOCAL_OFFLINE_MODE = 3001
    LOCAL_MANY_RELAY_CONNECTIVITY = 3002
    LOCAL_HOSTED_SERVER_PRIMARY_RELAY = 3003
    LOCAL_NETWORK_CONFIG = 3004
    LOCAL_RIGHTS = 3005
    LOCAL_P2P_ICE_NO_PUBLIC_ADDRESSES = 3006
    LOCAL_MAX = 3999
    REMOTE_MIN = 4000
    REMOTE_TIMEOUT = 4001
    REMOTE_BAD_CRYPT = 4002
    """The key exchange or the choice of a cipher failed."""
    REMOTE_BAD_CERT = 4003
    """The peer's certificate was refused, or it has none where one is required."""
    REMOTE_BAD_PROTOCOL_VERSION = 4006
    """The peer's version is too old."""
    REMOTE_P2P_ICE_NO_PUBLIC_ADDRESSES = 4007
    REMOTE_MAX = 4999
    MISC_MIN = 5000
    MISC_GENERIC = 5001
    """Among others: the peer broke the rules of the protocol."""
    MISC_INTERNAL_ERROR = 5002
    """Among others: a message was larger than allowed."""
    MISC_TIMEOUT = 5003
    """The peer did not answer, or stopped answering."""
    MISC_STEAM_CONNECTIVITY = 5005
    MISC_NO_RELAY_SESSIONS_TO_CLIENT = 5006
    MISC_P2P_RENDEZVOUS = 5008
    MISC_P2P_NAT_FIREWALL = 5009
    MISC_PEER_SENT_NO_CONNECTION = 5010
    """The peer does not know the connection."""
    MISC_MAX = 5999
