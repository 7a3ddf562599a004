"""How does a connection end: with which reason and text, and how is the peer told? (spec 1, 7.5, 7.6 and 7.8)"""

from typing import Final, final

from gamesockets.values.enums import EndReason
from gamesockets.values.moments import NEVER
from gamesockets.wire import datagram
from gamesockets.wire.messages_pb2 import ConnectionClosed, NoConnection

CLOSE_REPEATS: Final = 3
CLOSE_REPEAT_US: Final = 250_000
"""The pause before the first repetition of ConnectionClosed; each further pause is twice as long."""

NO_CONNECTION_BYTES_MAX: Final = 11
"""A NoConnection with both ids."""

DEBUG_BYTES_MAX: Final = 127

APPLICATION_MIN: Final = 1000
APPLICATION_EXCEPTION_MIN: Final = 2000
APPLICATION_MAX: Final = 2999
INVALID_REASON: Final = 1999

TEXT_CLOSED: Final = "Application closed connection"
TEXT_CLOSED_UNUSUALLY: Final = "Application closed connection in an unusual way"
TEXT_INVALID_REASON: Final = "Invalid numeric reason code"
TEXT_PEER_CLOSED: Final = "The remote host closed the connection."
TEXT_NO_CONNECTION: Final = "Received unexpected 'no connection' from peer"
TEXT_CONNECT_TIMEOUT: Final = "Timed out attempting to connect"
TEXT_ACCEPT_TIMEOUT: Final = "App didn't accept or close incoming connection in time."
TEXT_SILENT: Final = "The peer sent no message in time"
TEXT_MEMORY: Final = "The memory for messages is used up, and this connection held much of it without progress"
TEXT_DROPPED: Final = "Connection dropped"
TEXT_FORGOTTEN: Final = "Connection dropped: the peer seems to have restarted"
TEXT_LINGER_OVER: Final = "Connection dropped: the peer acknowledged too little of what was left to deliver"
TEXT_NO_AUTHORITY: Final = "Need a cert authority!"
TEXT_EXPIRED: Final = "Our own certificate has expired: renew it"
TEXT_NO_IDENTITY: Final = "No identity that may be taken without a certificate"
TEXT_OLD_PEER_FOR_LANES: Final = "Peer is using old protocol and cannot receive multiple lanes"


def cut_text(text: str, bytes_max: int) -> str:
    """At most that many bytes of UTF-8, cut at a character boundary."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= bytes_max:
        return text
    return raw[:bytes_max].decode("utf-8", "ignore")


def text_of_peer(debug: bytes) -> str:
    """What is kept of the text that a peer closed with: bytes that are no UTF-8 replaced, and cut."""
    return cut_text(debug.decode("utf-8", "replace"), DEBUG_BYTES_MAX) or TEXT_PEER_CLOSED


def timeout_text(text: str, send_error: str) -> str:
    """Why a connection timed out, with what the system says if nothing can be sent."""
    return cut_text(f"{text}: nothing could be sent: {send_error}", DEBUG_BYTES_MAX) if send_error else text


def application_reason(reason: int, debug: str) -> tuple[int, str]:
    """What an application's reason and text become: 0 is generic, numbers out of 1000..2999 are replaced."""
    if reason == 0:
        reason = int(EndReason.APP_GENERIC)
    elif not APPLICATION_MIN <= reason <= APPLICATION_MAX:
        return INVALID_REASON, TEXT_INVALID_REASON
    if not debug:
        return reason, TEXT_CLOSED if reason < APPLICATION_EXCEPTION_MIN else TEXT_CLOSED_UNUSUALLY
    return reason, cut_text(debug, DEBUG_BYTES_MAX)


def encode_closed(own_id: int, peer_id: int, reason: int, debug: str) -> bytes:
    """ConnectionClosed; ids of 0 are left out."""
    message = ConnectionClosed(reason_code=reason)
    if debug:
        message.debug = debug.encode("utf-8", "replace")
    if peer_id:
        message.to_connection_id = peer_id
    if own_id:
        message.from_connection_id = own_id
    return datagram.encode_control(datagram.CONNECTION_CLOSED, message)


def encode_no_connection(from_id: int, to_id: int) -> bytes:
    """NoConnection; ids of 0 are left out."""
    message = NoConnection()
    if from_id:
        message.from_connection_id = from_id
    if to_id:
        message.to_connection_id = to_id
    return datagram.encode_control(datagram.NO_CONNECTION, message)


@final
class Farewell:
    """What a connection that has ended still has to tell its peer, and how often.

    The closing message leaves once when this side ends the connection, again when the application closes it, and in
    answer to whatever the peer still sends. After the application's close it is repeated until the peer confirms it.
    A peer that ended the connection itself is not told unasked until then, and nothing is repeated.
    """

    __slots__ = ("_repeat_us", "_repeats_left", "closed_by_peer", "is_owed", "repeat_at")

    def __init__(self, closed_by_peer: bool) -> None:
        self.closed_by_peer = closed_by_peer
        """The peer ended the connection, so it is told NoConnection instead of ConnectionClosed."""
        self.is_owed = not closed_by_peer
        """The closing message leaves at the next opportunity."""
        self.repeat_at = NEVER
        """When it leaves next without being asked for."""
        self._repeats_left = 0
        self._repeat_us = CLOSE_REPEAT_US

    def begin_repeating(self, now: int) -> None:
        """The application has closed the connection."""
        self.is_owed = True
        if not self.closed_by_peer:
            self._repeats_left = CLOSE_REPEATS
            self.repeat_at = now + self._repeat_us

    def stop(self) -> None:
        """The peer knows of the end, or is gone."""
        self.is_owed = False
        self._repeats_left = 0
        self.repeat_at = NEVER

    def is_over(self) -> bool:
        """Whether the peer knows, or was told often enough."""
        return not self.is_owed and self.repeat_at == NEVER

    def size_bytes(self) -> int:
        """Of the closing message: the longest text fits into the padding."""
        return NO_CONNECTION_BYTES_MAX if self.closed_by_peer else datagram.PADDED_MINIMUM_BYTES

    def next_timer(self) -> int:
        """When the closing message leaves next; 0 for at once."""
        return 0 if self.is_owed else self.repeat_at

    def told(self, now: int) -> None:
        """The closing message leaves now."""
        self.is_owed = False
        if now >= self.repeat_at:
            self._repeats_left -= 1
            self._repeat_us *= 2
            self.repeat_at = now + self._repeat_us if self._repeats_left > 0 else NEVER
