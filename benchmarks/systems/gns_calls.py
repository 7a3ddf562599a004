"""How fast can Python call the reference library? The few calls on the path of a message, as lean as ctypes allows.

Everything else goes through the interop suite's binding, `tests.interop.gns`. Two choices make the difference here:
`PyDLL` keeps the interpreter lock through calls that are too short to be worth releasing it for (safe because no Python
code runs on the library's threads here), and of a received message only what is used is read.
"""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable
from struct import Struct
from typing import Any, Final

from tests.interop.gns import GNSError

from benchmarks.plan import MESSAGES_PER_RECEIVE

_HEAD: Final = Struct("@PiI")
"""How a received message begins: where its data is, how long, and the connection it came in on."""
_HEAD_AND_TIME: Final = Struct("@PiI136xqq")
"""The same up to the user data of the connection and when it was received, in microseconds."""
_NEWEST_INTERFACE: Final = 20


class _Outgoing(c.Structure):
    """The start of a message record, up to what a sender fills in (spec 3, 7.5)."""

    _fields_ = (
        ("data", c.c_void_p),
        ("size", c.c_int),
        ("connection", c.c_uint32),
        ("_identity", c.c_uint8 * 136),
        ("_connection_user_data", c.c_int64),
        ("_time_received", c.c_int64),
        ("_number", c.c_int64),
        ("_free_data", c.c_void_p),
        ("_release", c.c_void_p),
        ("_channel", c.c_int),
        ("flags", c.c_int),
        ("_user_data", c.c_int64),
        ("lane", c.c_uint16),
    )


class Calls:
    """Sending, receiving and turning the service of a library that is loaded and, for messages, started.

    Raises GNSError when the library does not have what is needed.
    """

    def __init__(self, path: str) -> None:
        self._quick = c.PyDLL(path)
        self._patient = c.CDLL(path)
        self._sockets = c.c_void_p()
        self._utils = c.c_void_p()

    def started(self) -> None:
        """To be called once the library runs."""
        self._sockets = self._interface("SteamAPI_SteamNetworkingSockets_v")
        self._utils = self._interface("SteamAPI_SteamNetworkingUtils_v")

    def _interface(self, stem: str) -> c.c_void_p:
        for version in range(_NEWEST_INTERFACE, 0, -1):
            accessor = getattr(self._quick, f"{stem}{version:03d}", None)
            if accessor is not None:
                accessor.restype, accessor.argtypes = c.c_void_p, []
                return c.c_void_p(accessor())
        raise GNSError(f"{stem}... is not exported")

    def sender(self, connection: int, flags: int) -> Callable[[bytes], int]:
        """SendMessageToConnection: a result code for each message."""
        send = self._send()
        sockets, handle = self._sockets, c.c_uint32(connection)
        return lambda data: send(sockets, handle, data, len(data), flags, None)

    def any_sender(self, flags: int) -> Callable[[int, bytes], int]:
        """The same for any connection."""
        send = self._send()
        sockets = self._sockets
        return lambda connection, data: send(sockets, connection, data, len(data), flags, None)

    def _send(self) -> Callable[..., int]:
        send: Any = self._quick.SteamAPI_ISteamNetworkingSockets_SendMessageToConnection
        send.restype = c.c_int
        send.argtypes = [c.c_void_p, c.c_uint32, c.c_char_p, c.c_uint32, c.c_int, c.c_void_p]
        return send  # type: ignore[no-any-return]

    def batch_sender(self, connection: int, flags: int, count: int, lane: int) -> Callable[[bytes], list[int]]:
        """SendMessages: `count` equal messages a call; for each its number, or minus the result."""
        allocate: Any = self._quick.SteamAPI_ISteamNetworkingUtils_AllocateMessage
        allocate.restype, allocate.argtypes = c.c_void_p, [c.c_void_p, c.c_int]
        send: Any = self._quick.SteamAPI_ISteamNetworkingSockets_SendMessages
        send.restype, send.argtypes = None, [c.c_void_p, c.c_int, c.c_void_p, c.c_void_p, c.c_bool]
        sockets, utils = self._sockets, self._utils
        pointers, numbers = (c.c_void_p * count)(), (c.c_int64 * count)()
        record_at, copy = _Outgoing.from_address, c.memmove

        def batch(data: bytes) -> list[int]:
            size = len(data)
            for index in range(count):
                pointer = allocate(utils, size)
                record = record_at(pointer)
                copy(record.data, data, size)
                record.connection = connection
                record.flags = flags
                record.lane = lane
                pointers[index] = pointer
            send(sockets, count, pointers, numbers, True)
            return numbers[:]

        return batch

    def receiver(self, connection: int) -> Callable[[], list[bytes]]:
        """ReceiveMessagesOnConnection, with the payloads copied out and the messages released."""
        receive: Any = self._quick.SteamAPI_ISteamNetworkingSockets_ReceiveMessagesOnConnection
        receive.restype, receive.argtypes = c.c_int, [c.c_void_p, c.c_uint32, c.c_void_p, c.c_int]
        release = self._release()
        pointers: Any = (c.c_void_p * MESSAGES_PER_RECEIVE)()
        sockets, handle = self._sockets, c.c_uint32(connection)
        bytes_at, head, head_size = c.string_at, _HEAD.unpack, _HEAD.size

        def take() -> list[bytes]:
            messages: list[bytes] = []
            count = receive(sockets, handle, pointers, MESSAGES_PER_RECEIVE)
            if count < 0:
                raise GNSError("the connection is gone")
            for pointer in pointers[:count]:
                data, size, _ = head(bytes_at(pointer, head_size))
                messages.append(bytes_at(data, size))
                release(pointer)
            return messages

        return take

    def group_receiver(self, group: int, ahead_s: float) -> Callable[[], list[tuple[bytes, float]]]:
        """ReceiveMessagesOnPollGroup until it gives nothing more: payload, and when it came in plus `ahead_s`."""
        receive: Any = self._quick.SteamAPI_ISteamNetworkingSockets_ReceiveMessagesOnPollGroup
        receive.restype, receive.argtypes = c.c_int, [c.c_void_p, c.c_uint32, c.c_void_p, c.c_int]
        release = self._release()
        pointers: Any = (c.c_void_p * MESSAGES_PER_RECEIVE)()
        sockets, handle = self._sockets, c.c_uint32(group)
        bytes_at, head, head_size = c.string_at, _HEAD_AND_TIME.unpack, _HEAD_AND_TIME.size

        def take() -> list[tuple[bytes, float]]:
            messages: list[tuple[bytes, float]] = []
            count = MESSAGES_PER_RECEIVE
            while count == MESSAGES_PER_RECEIVE:
                count = receive(sockets, handle, pointers, MESSAGES_PER_RECEIVE)
                for pointer in pointers[: max(0, count)]:
                    data, size, _, _, received_us = head(bytes_at(pointer, head_size))
                    messages.append((bytes_at(data, size), received_us / 1e6 + ahead_s))
                    release(pointer)
            return messages

        return take

    def _release(self) -> Callable[[int], None]:
        release: Any = self._quick.SteamAPI_SteamNetworkingMessage_t_Release
        release.restype, release.argtypes = None, [c.c_void_p]
        return release  # type: ignore[no-any-return]

    def take_over_service(self) -> Callable[[int], None]:
        """Switches the service thread off, before the library is started; call the returned with milliseconds to wait.

        These two functions are exported, though in no header.
        """
        try:
            switch: Any = self._patient.SteamNetworkingSockets_SetManualPollMode
            poll: Any = self._patient.SteamNetworkingSockets_Poll
        except AttributeError as error:
            raise GNSError("this library cannot be serviced by hand") from error
        switch.restype, switch.argtypes = None, [c.c_bool]
        poll.restype, poll.argtypes = None, [c.c_int]
        switch(True)
        return poll  # type: ignore[no-any-return]
