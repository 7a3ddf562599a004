"""What does the application get? A message that arrived, and what all messages of a connection share."""

from typing import Any, Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.enums import SendFlags
from gamesockets.values.handles import Connection
from gamesockets.values.identity import NetworkingIdentity


@mypyc_attr(acyclic=True)
@final
class PeerRecord:
    """What all messages of one connection share: its handle, the peer's name, the application's number.

    Messages refer to it instead of copying, so messages that still wait show new user data (spec 3, 7.5).
    """

    __slots__ = ("handle", "identity", "queued_bytes", "queued_messages", "user_data")

    def __init__(self, handle: int, identity: NetworkingIdentity, user_data: int = -1) -> None:
        self.handle = handle
        self.identity = identity
        self.user_data = user_data
        self.queued_messages = 0
        """Messages that wait for the application; limited by `RECV_BUFFER_MESSAGES`."""
        self.queued_bytes = 0
        """Their bytes; limited by `RECV_BUFFER_SIZE`."""

    def __reduce__(self) -> tuple[Any, ...]:
        return PeerRecord, (self.handle, self.identity, self.user_data)  # a copy has no messages waiting

    def __repr__(self) -> str:
        return f"PeerRecord({self.handle:#010x}, {self.identity!r}, {self.user_data})"


_CHANNEL: Final = -1
_UNRELIABLE: Final = SendFlags.UNRELIABLE
_RELIABLE: Final = SendFlags.RELIABLE
_RELIABLE_NUMBER: Final = int(SendFlags.RELIABLE)
_DESTROYED: Final = b"\0destroyed"
"""Stands in for the payload of a destroyed message. Compared with `is`: a payload may have the same bytes."""


@mypyc_attr(acyclic=True)
@final
class NetworkingMessage:
    """A message that arrived (spec 3, 7.5). Read-only; it stays valid after its connection has ended.

    The constructor runs once per message and takes plain positional values: it is not meant for applications.
    Neither are the fields `payload` and `peer`, which the receive queue reads without the cost of a property.
    """

    __slots__ = ("_flags", "_lane", "_message_number", "_time_received", "payload", "peer")

    def __init__(
        self,
        data: bytes,
        message_number: int,
        flags: int,
        lane: int,
        time_received: int,
        peer: PeerRecord,
    ) -> None:
        self.payload = data
        self._message_number = message_number
        self._flags = flags
        self._lane = lane
        self._time_received = time_received
        self.peer = peer

    @property
    def data(self) -> bytes:
        """The payload. Raises `ValueError` after `destroy`."""
        data = self.payload
        if data is _DESTROYED:
            raise ValueError("the message was destroyed, its data is gone")
        return data

    @property
    def length(self) -> int:
        """Bytes of payload. Raises `ValueError` after `destroy`."""
        return len(self.data)

    @property
    def connection(self) -> Connection:
        """The handle of the connection it came through."""
        return Connection(self.peer.handle)

    @property
    def identity(self) -> NetworkingIdentity:
        """The sender."""
        return self.peer.identity

    @property
    def user_data(self) -> int:
        """The connection's user data as it is now."""
        return self.peer.user_data

    @property
    def time_received(self) -> int:
        """Local time in microseconds when the last piece arrived."""
        return self._time_received

    @property
    def message_number(self) -> int:
        """The sender's number for it, counted on each lane from 1; reliable and unreliable ones share the count."""
        return self._message_number

    @property
    def channel(self) -> int:
        """Always -1: channels belong to the messages interface."""
        return _CHANNEL

    @property
    def lane(self) -> int:
        """The lane on the sender's side."""
        return self._lane

    @property
    def flags(self) -> SendFlags:
        """`SendFlags.RELIABLE` or `SendFlags.UNRELIABLE`; through a pipe in this process, all flags of the sender."""
        flags = self._flags
        if flags == _RELIABLE_NUMBER:
            return _RELIABLE
        return SendFlags(flags) if flags else _UNRELIABLE

    def copy_to(self, buffer: Any) -> int:
        """Copy the whole payload to the start of a writable buffer.

        Returns:
            How many bytes were copied.

        Raises:
            TypeError: the object is no buffer, not contiguous, or read-only.
            ValueError: the buffer is too small, or the message was destroyed.
        """
        data = self.data
        size = len(data)
        with memoryview(buffer) as view, view.cast("B") as target:
            if target.readonly:
                raise TypeError(f"a {type(buffer).__name__} cannot be written to")
            if target.nbytes < size:
                raise ValueError(f"the message has {size} bytes, the buffer only {target.nbytes}")
            target[:size] = data
        return size

    def destroy(self) -> None:
        """Free the payload now. Never needed, and harmless to repeat."""
        self.payload = _DESTROYED

    def __reduce__(self) -> tuple[Any, ...]:
        values = (self.data, self._message_number, self._flags, self._lane, self._time_received, self.peer)
        return NetworkingMessage, values

    def __repr__(self) -> str:
        size = "destroyed" if self.payload is _DESTROYED else f"{len(self.payload)} bytes"
        kind = "reliable" if self._flags & _RELIABLE_NUMBER else "unreliable"
        return (
            f"<NetworkingMessage {self._message_number} of lane {self._lane} "
            f"from connection {self.peer.handle:#010x}: {size}, {kind}>"
        )
