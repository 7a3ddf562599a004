"""What stands between one connection of a node and the tasks that use it? Who waits for what, and how it ended.

`Connection` is its public side. Those who own connections (a server, `connect`, a poll group) work with this.
"""

from asyncio import Future
from operator import index
from typing import Any, Final, final

from gamesockets.aio.hub import Hub
from gamesockets.aio.mailbox import Mailbox
from gamesockets.node.members import Member, PipeMember
from gamesockets.observe.debug_output import LINES, OUTPUT
from gamesockets.values import handles
from gamesockets.values.arguments import check_reason, check_type, explain_send
from gamesockets.values.enums import ConnectionState, EndReason
from gamesockets.values.errors import CalledFromInside, ConnectionClosed
from gamesockets.values.limits import MAX_MESSAGE_BYTES
from gamesockets.values.results import Result

ENDED: Final = (ConnectionState.CLOSED_BY_PEER, ConnectionState.PROBLEM_DETECTED_LOCALLY)
"""The states in which a connection is over that this side has not closed."""

SHUTDOWN: Final = (int(EndReason.APP_GENERIC), "the library was shut down")
"""Reason and text of connections that `Library.deinitialize` closes."""

LIMIT_EXCEEDED: Final = -int(Result.LIMIT_EXCEEDED)
_NO_CONNECTION: Final = -int(Result.NO_CONNECTION)


@final
class _WaitingSend:
    """A message that waits for room, in line behind others of its connection."""

    __slots__ = ("size_bytes", "turn")

    def __init__(self, size_bytes: int, turn: "Future[None]") -> None:
        self.size_bytes = size_bytes
        self.turn = turn


@final
class Conversation:
    """The inner side of a `Connection`. Used on the thread of its event loop."""

    __slots__ = ("_service", "end", "ended", "handle", "hub", "is_closing", "mailbox", "member", "senders")

    def __init__(self, hub: Hub, member: Member) -> None:
        self.hub = hub
        self._service = hub.node.service
        self.member = member
        self.handle = handles.Connection(member.connection.id)
        self.end: ConnectionClosed | None = None
        """How it ended; None while it has not."""
        self.ended: Future[None] = hub.loop.create_future()
        self.is_closing = False
        """Whether it was closed on this side."""
        self.senders: list[_WaitingSend] = []
        """Those who wait for room, in the order of their turns."""
        self.mailbox = Mailbox(hub.loop, member.inbox, self._raise_if_over)
        hub.open_mailbox(self.mailbox)

    def open_member(self) -> Member:
        """The node's member for it. Raises `ConnectionClosed` once it was closed. Called with the node's lock held."""
        if not self.is_in_node():
            raise self.closed_error()
        return self.member

    def is_in_node(self) -> bool:
        """Whether it was not closed. Called with the node's lock held."""
        return self.hub.node.members.get(self.handle) is self.member

    # ------------------------------------------------------------------ sending

    def try_send(self, data: bytes, flags: Any, lane: Any) -> int:
        """Queues a message; its number, or minus the `Result`. Raises `ConnectionClosed`, and `TypeError`.

        Flags and lane are as the application gave them.
        """
        if self.end is not None:
            raise self.closed_error()
        service = self._service
        if service.is_inside():
            raise CalledFromInside
        try:
            with service.lock:
                number = self.member.send(data, index(flags), lane)
        except TypeError:  # found only now: checks before would cost every message
            explain_send(0, flags, lane)
            raise
        if OUTPUT.waiting:
            OUTPUT.deliver()
        return number

    def try_send_behind_others(self, data: bytes, flags: Any, lane: Any) -> int:
        """As `try_send`; there is no room while others wait for it."""
        return LIMIT_EXCEEDED if self.senders else self.try_send(data, flags, lane)

    def send_now(self, data: bytes, flags: Any, lane: Any) -> int:
        """As `try_send_behind_others`; that the connection has ended is returned, not raised."""
        return _NO_CONNECTION if self.end is not None else self.try_send_behind_others(data, flags, lane)

    async def send_in_turn(self, data: bytes, flags: Any, lane: Any) -> int:
        """As `try_send`, after waiting for room behind those who wait already. Raises `ValueError` if it never fits."""
        self._check_fits(data)
        loop = self.hub.loop
        waiting = _WaitingSend(len(data), loop.create_future())
        self.senders.append(waiting)
        self.hub.waiting[self] = None
        try:
            while True:
                await waiting.turn
                number = self.try_send(data, flags, lane)
                if number != LIMIT_EXCEEDED:
                    return number
                self._check_fits(data)
                waiting.turn = loop.create_future()
        finally:
            self.senders.remove(waiting)
            if not self.senders:
                self.hub.waiting.pop(self, None)
            self.look_for_room()

    def _check_fits(self, data: bytes) -> None:
        limit_bytes = self.member.connection.options.send_buffer_size_bytes
        if len(data) > limit_bytes:
            raise ValueError(f"a message of {len(data)} bytes never fits into SEND_BUFFER_SIZE, which is {limit_bytes}")

    def look_for_room(self) -> None:
        """Lets the first in line try, once its message fits and half the buffer is empty: small gaps cost wake-ups.

        Also once waiting is of no use: the connection has ended, or the buffer was made smaller than the message.
        """
        if not self.senders:
            return
        first = self.senders[0]
        if first.turn.done():
            return
        connection = self.member.connection
        limit_bytes = connection.options.send_buffer_size_bytes
        spare_bytes = limit_bytes - first.size_bytes
        room_bytes = limit_bytes - connection.sender.pending_bytes()
        enough_bytes = max(first.size_bytes, min(limit_bytes // 2, spare_bytes))
        if self.end is not None or spare_bytes < 0 or room_bytes >= enough_bytes:
            first.turn.set_result(None)

    def why_not_sent(self, number: int, data: bytes, lane: int) -> Exception | None:
        """What to raise for the outcome of a send, `number` below 1; None for what may happen to any message."""
        match Result(-number):
            case Result.IGNORED:
                return None
            case Result.NO_CONNECTION:
                return self.closed_error()
            case _:
                lanes = len(self.member.connection.sender.lanes.lanes)
                if not 0 <= lane < lanes:
                    return ValueError(f"lane must be in 0..{lanes - 1}, not {lane}: call configure_lanes for more")
                if isinstance(self.member, PipeMember):
                    return ValueError(f"{len(data)} bytes are more than RECV_MAX_MESSAGE_SIZE of the pipe's other end")
                return ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(data)}")

    # ------------------------------------------------------------------ receiving

    def set_poll_group(self, group: int) -> bool:
        """Moves its messages there, 0 for back; tasks that wait here look again. False if one of both was closed."""
        node = self.hub.node
        with node.entering():
            is_done = self.is_in_node() and node.set_group(self.member, group)
        self.mailbox.wake_all()
        return is_done

    def _raise_if_over(self) -> None:
        if self.end is not None:
            raise self.closed_error()
        if self.member.poll_group:
            raise RuntimeError("this connection is in a poll group: receive from the group, or discard it from there")

    # ------------------------------------------------------------------ the end

    def begin_close(self, reason: Any, debug: Any, linger: Any) -> None:
        """Ends it here, as the application asks. Harmless to repeat. Raises `TypeError` and `ValueError`."""
        check_reason(reason)
        check_type("debug", debug, str)
        check_type("linger", linger, bool)
        if self.is_closing:
            return
        self.is_closing = True
        node = self.hub.node
        with LINES, node.entering():
            if self.is_in_node():
                node.close_connection(self.member, reason, debug, linger)
        connection = self.member.connection
        self.end_with(connection.end_reason, connection.end_debug)

    def end_with(self, reason: int, debug: str) -> None:
        """It has ended: wakes whoever waits for it."""
        if self.end is not None:
            return
        self.end = ConnectionClosed(reason, debug)
        self.hub.close_mailbox(self.mailbox)
        self.look_for_room()
        self.ended.set_result(None)

    def closed_error(self) -> ConnectionClosed:
        """A new one each time: an exception object that is raised again collects tracebacks."""
        if self.end is not None:
            return ConnectionClosed(self.end.reason, self.end.debug)
        connection = self.member.connection  # has ended a moment ago, and the loop is about to tell
        return ConnectionClosed(connection.end_reason, connection.end_debug)
