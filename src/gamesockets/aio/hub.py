"""How do an engine and the tasks of one event loop meet? Changes, messages and room become futures that are set."""

from asyncio import AbstractEventLoop, Future, shield
from collections import deque
from typing import Protocol, final

from gamesockets.aio.mailbox import Mailbox
from gamesockets.connection.datagram_connection import DatagramConnection
from gamesockets.connection.inbox import Inbox
from gamesockets.drivers.aio import LoopService
from gamesockets.node.members import Entry
from gamesockets.node.node import Engine
from gamesockets.sockets.status_events import StatusCallback
from gamesockets.values.errors import InvalidHandle
from gamesockets.values.handles import Connection as Handle
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import StatusInfo


class Owner(Protocol):
    """A server, or an outgoing connection: who made a hub and hears of its changes."""

    def _on_change(self, change: StatusInfo) -> None:
        """The state of one of its connections has changed."""

    def _on_hub_closed(self) -> None:
        """Nothing moves any more."""


class Blocked(Protocol):
    """Who waits for room in a send buffer."""

    def _on_room(self) -> None:
        """Something may have left."""


@final
class Hub(Engine):
    """The engine of one server or one outgoing connection, and those who wait for it.

    Two ways lead here, both without the engine's lock: calls of the application, and `_on_news` after the loop has
    served a socket or a deadline.
    """

    def __init__(self, loop: AbstractEventLoop, identity: NetworkingIdentity | None, owner: Owner) -> None:
        self.loop = loop
        self._owner = owner
        self._changes: deque[tuple[StatusInfo, StatusCallback | None]] = deque()
        self._mailboxes: dict[Inbox, Mailbox] = {}
        self.blocked: dict[Blocked, None] = {}
        """Who waits for room in a send buffer."""
        self._farewells: dict[DatagramConnection, Future[None]] = {}
        super().__init__(identity)

    def _make_service(self) -> LoopService:
        return LoopService(self.loop, self._on_event, self._on_news, self._on_reminder)

    def _announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        self._changes.append((change, callback))

    def _forget_changes(self) -> None:
        self._changes.clear()
        self._service.notify()

    def _reconfigure_one(self, entry: Entry) -> None:
        super()._reconfigure_one(entry)
        self._service.notify()  # there may be more room in a send buffer

    def _join(self, entry: Entry, group: int) -> None:
        """As in the engine, but a connection in no group has an inbox of its own, whoever accepted it."""
        entry.poll_group = group
        inbox = self._groups.get(group)
        if inbox is None:
            inbox = entry.inbox
        if inbox is not entry.core.inbox:
            entry.core.deliver_to(inbox)

    # ------------------------------------------------------------------ what a connection needs

    def entry(self, handle: Handle) -> Entry:
        """What the engine knows of a connection that is open."""
        return self._entries[handle]

    def group_inbox(self, group: int) -> Inbox:
        """The inbox of a poll group that was not destroyed."""
        inbox = self._groups.get(group)
        if inbox is None:
            raise InvalidHandle(group, "poll group")
        return inbox

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, perhaps by `Library.deinitialize`."""
        return self._closed

    def send(self, entry: Entry, data: bytes, flags: int, lane: int) -> int:
        """Queues a message; its number, or minus the `Result`."""
        with self._lock:
            return entry.send(data, flags, lane, self._service)

    def open_mailbox(self, mailbox: Mailbox) -> None:
        """From now on its waiters hear of messages."""
        self._mailboxes[mailbox.inbox] = mailbox

    def close_mailbox(self, mailbox: Mailbox) -> None:
        """Its waiters look once more, and then there is nothing to come."""
        self._mailboxes.pop(mailbox.inbox, None)
        mailbox.wake_all()

    async def farewell(self, entry: Entry) -> None:
        """Waits until the peer of a closed connection knows of it, or was told often enough."""
        core = entry.udp
        if core is None or self._closed or core.is_farewell_over():
            return
        known = self._farewells.get(core)
        if known is None:
            known = self._farewells[core] = self.loop.create_future()
        await shield(known)

    # ------------------------------------------------------------------ news

    def _on_news(self) -> None:
        """The loop has served something. Runs without the lock, for what it wakes may call anything."""
        while self._changes:
            change, callback = self._changes.popleft()
            self._owner._on_change(change)
            if callback is not None:
                self._call_back(callback, change)
        if self._ready:
            # An inbox comes back here when it gets a message while empty; who takes from one that is not need not wait.
            ready = list(self._ready)
            self._ready.clear()
            for inbox in ready:
                mailbox = self._mailboxes.get(inbox)
                if mailbox is not None:
                    mailbox.wake()
        for waiting in list(self.blocked):
            waiting._on_room()
        for core, farewell in list(self._farewells.items()):
            if self._closed or core.is_farewell_over():
                del self._farewells[core]
                farewell.set_result(None)
        if self._closed:
            self._owner._on_hub_closed()
            for mailbox in list(self._mailboxes.values()):  # those of poll groups
                self.close_mailbox(mailbox)

    def _call_back(self, callback: StatusCallback, change: StatusInfo) -> None:
        try:
            callback(change)
        except Exception as error:  # noqa: BLE001 - nobody awaits it
            self.loop.call_exception_handler({"message": "a status callback of gamesockets raised", "exception": error})
