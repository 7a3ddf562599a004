"""How are the messages of many connections of a server received together?"""

from typing import Final, final

from gamesockets.aio.connection import Connection, conversation_in
from gamesockets.aio.hub import Hub
from gamesockets.aio.mailbox import Mailbox
from gamesockets.observe.debug_output import LINES
from gamesockets.values.enums import EndReason
from gamesockets.values.errors import ConnectionClosed
from gamesockets.values.limits import MESSAGES_PER_BATCH_MAX
from gamesockets.values.message import NetworkingMessage

_CLOSED_TEXT: Final = "the poll group was closed"


@final
class PollGroup:
    """Connections of one server whose messages are received from here, in the order in which they came (spec 3, 8.1).

    One task that takes the messages of hundreds of players costs less than a task for each. `message.connection` is the
    `handle` of the connection, and `Server.get_connection` finds it. What a connection left here is dropped when it is
    closed, also because its handler returned: receive before that.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._is_closed = False
        with hub.node.entering():
            self._handle, inbox = hub.node.create_group()
        self._mailbox = Mailbox(hub.loop, inbox, self._raise_if_over)
        hub.open_mailbox(self._mailbox)

    def add(self, connection: Connection) -> None:
        """Receives the messages of a connection here from now on, those that wait too.

        Raises:
            ValueError: it belongs to another server, or was closed, or this group was.
        """
        conversation = conversation_in(self._hub, connection)
        if conversation is None or not conversation.set_poll_group(self._handle):
            raise ValueError(f"{connection!r} cannot join: it, or the group, was closed, or belongs to another server")
        if self._mailbox.inbox:
            self._mailbox.wake()

    def discard(self, connection: Connection) -> None:
        """Lets a connection be received from by itself again; nothing happens if it was not here."""
        conversation = conversation_in(self._hub, connection)
        if conversation is not None and conversation.member.poll_group == self._handle:
            conversation.set_poll_group(0)

    def close(self) -> None:
        """Dissolves the group; its connections and messages stay. Tasks that receive here get `ConnectionClosed`."""
        if not self._is_closed:
            self._is_closed = True
            with LINES, self._hub.node.entering():
                self._hub.node.destroy_group(self._handle)
            self._hub.close_mailbox(self._mailbox)

    async def receive(self) -> NetworkingMessage:
        """The next message, once there is one. Raises `ConnectionClosed` once the group or its server was closed."""
        return await self._mailbox.receive()

    async def receive_many(self, max_messages: int = MESSAGES_PER_BATCH_MAX) -> list[NetworkingMessage]:
        """All messages that wait, up to `max_messages`, once there is one. Raises as `receive`."""
        return await self._mailbox.receive_many(max_messages)

    def receive_nowait(self, max_messages: int = MESSAGES_PER_BATCH_MAX) -> list[NetworkingMessage]:
        """All messages that wait, up to `max_messages`; an empty list if there are none."""
        return self._mailbox.receive_nowait(max_messages)

    def __aiter__(self) -> "PollGroup":
        return self

    async def __anext__(self) -> NetworkingMessage:
        try:
            return await self._mailbox.receive()
        except ConnectionClosed:
            raise StopAsyncIteration from None

    def _raise_if_over(self) -> None:
        if self._is_closed or self._hub.node.is_closed:
            raise ConnectionClosed(int(EndReason.APP_GENERIC), _CLOSED_TEXT)
