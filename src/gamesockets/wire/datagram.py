"""Which kind of UDP payload is this, and what does a control message carry? (spec 1, 1.1 and 2)

The first byte decides: with bit 7 set it is a data packet, which this module leaves alone; 32 to 37 are
control messages. A padded one carries its length and fills at least 512 bytes, so that nobody can use a
server to amplify traffic; a plain one ends where the datagram ends.
"""

from typing import Final, TypeAlias

from google.protobuf.message import DecodeError

from gamesockets.wire.messages_pb2 import (
    ChallengeReply,
    ChallengeRequest,
    ConnectionClosed,
    ConnectOK,
    ConnectRequest,
    NoConnection,
    UdpStats,
)

CHALLENGE_REQUEST: Final = 32
CHALLENGE_REPLY: Final = 33
CONNECT_REQUEST: Final = 34
CONNECT_OK: Final = 35
CONNECTION_CLOSED: Final = 36
NO_CONNECTION: Final = 37

MINIMUM_DATAGRAM_BYTES: Final = 5
PADDED_MINIMUM_BYTES: Final = 512
MAX_CONTROL_BYTES: Final = 1300

_PADDED_HEADER_BYTES: Final = 3

ControlMessage: TypeAlias = (
    ChallengeRequest | ChallengeReply | ConnectRequest | ConnectOK | ConnectionClosed | NoConnection
)

_MESSAGE_TYPES: Final[dict[int, type[ControlMessage]]] = {
    CHALLENGE_REQUEST: ChallengeRequest,
    CHALLENGE_REPLY: ChallengeReply,
    CONNECT_REQUEST: ConnectRequest,
    CONNECT_OK: ConnectOK,
    CONNECTION_CLOSED: ConnectionClosed,
    NO_CONNECTION: NoConnection,
}
_PADDED_KINDS: Final = frozenset((CHALLENGE_REQUEST, CONNECTION_CLOSED))


def encode_control(kind: int, message: ControlMessage) -> bytes:
    """The datagram for a control message, padded if its kind asks for it.

    Raises ValueError if the message is not of that kind, if it would need more than 1300 bytes (then the
    certificate in it is too large), or if a padded message has no field set: peers refuse a length of zero.
    """
    if type(message) is not _MESSAGE_TYPES.get(kind):
        raise ValueError(f"control message of kind {kind} cannot be a {type(message).__name__}")
    body = message.SerializeToString()
    padded = kind in _PADDED_KINDS
    size_bytes = max(PADDED_MINIMUM_BYTES, _PADDED_HEADER_BYTES + len(body)) if padded else 1 + len(body)
    if size_bytes > MAX_CONTROL_BYTES:
        raise ValueError(f"control message would have {size_bytes} bytes, the limit is {MAX_CONTROL_BYTES}")
    if not padded:
        return bytes((kind,)) + body
    if not body:
        raise ValueError(f"control message of kind {kind} must have at least one field set")
    return (bytes((kind,)) + len(body).to_bytes(2, "little") + body).ljust(size_bytes, b"\0")


def decode_control(data: bytes) -> ControlMessage | None:
    """The control message in a datagram; None if it is malformed or no control message. Never raises."""
    if len(data) < MINIMUM_DATAGRAM_BYTES:
        return None
    kind = data[0]
    message_type = _MESSAGE_TYPES.get(kind)
    if message_type is None:
        return None
    if kind in _PADDED_KINDS:
        if len(data) < PADDED_MINIMUM_BYTES:
            return None
        end = _PADDED_HEADER_BYTES + int.from_bytes(data[1:3], "little")
        if end == _PADDED_HEADER_BYTES or end > len(data):
            return None
        body = data[_PADDED_HEADER_BYTES:end]  # the padding may contain anything
    else:
        body = data[1:]
    message = message_type()
    try:
        message.ParseFromString(body)
    except DecodeError:
        return None
    return message


def decode_stats(blob: bytes) -> UdpStats | None:
    """The inline statistics of a data packet; None if they do not parse (spec 1, 1.5)."""
    try:
        return UdpStats.FromString(blob)
    except DecodeError:
        return None
