"""How do a node and the tasks of one event loop meet? Changes, messages and room become futures that are set."""

from asyncio import AbstractEventLoop, Future, shield
from collections import deque
from collections.abc import Callable
from typing import Protocol, TypeAlias, final

from gamesockets.aio.ending import close_at_end
from gamesockets.aio.mailbox import Mailbox, number_of
from gamesockets.connection.inbox import Inbox
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.aio import LoopService
from gamesockets.drivers.service import ServiceOwner
from gamesockets.node.audience import Audience
from gamesockets.node.members import Member
from gamesockets.node.node import Node
from gamesockets.values.records import AuthenticationCallback, AuthenticationStatus, StatusCallback, StatusInfo

OnChange: TypeAlias = Callable[[StatusInfo], None]
"""Told when the state of a connection has changed."""

OnClosed: TypeAlias = Callable[[], None]
"""Told when nothing moves any more, perhaps because of `Library.deinitialize`."""


class Waiting(Protocol):
    """Who waits for room in a send buffer."""

    def look_for_room(self) -> None:
        """Something may have left."""


@final
class Hub(Audience):
    """The node of one server, or of outgoing connections that share it, and those who wait for it.

    Two ways lead here, both without the node's lock: calls of the application, and `_on_news` after the loop has
    served a socket or a deadline.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        credentials: Credentials | None,
        trust: TrustStore | None,
        on_change: OnChange,
        on_closed: OnClosed,
    ) -> None:
        self.loop = loop
        self._on_change = on_change
        self._on_closed = on_closed
        self._changes: deque[tuple[StatusInfo, StatusCallback | None]] = deque()
        self._mailboxes: dict[Inbox, Mailbox] = {}
        self._mailboxes_opened = 0
        self.waiting: dict[Waiting, None] = {}
        """Who waits for room in a send buffer."""
        self._farewells: dict[Member, Future[None]] = {}
        self.node = Node(self._make_service, self, credentials, trust)
        close_at_end(loop, self.node)

    def _make_service(self, owner: ServiceOwner) -> LoopService:
        return LoopService(owner, self.loop, self._on_news)

    def announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        """A state has changed: the loop tells of it as soon as the lock is free."""
        self._changes.append((change, callback))

    def announce_authentication(self, status: AuthenticationStatus, callback: AuthenticationCallback) -> None:
        """The loop tells of it as soon as the lock is free."""
        self.loop.call_soon_threadsafe(callback, status)

    def forget_changes(self) -> None:
        """Everything was closed."""
        self._changes.clear()
        self.node.service.notify()

    # ------------------------------------------------------------------ those who wait

    def open_mailbox(self, mailbox: Mailbox) -> None:
        """From now on its waiters are woken for messages."""
        self._mailboxes[mailbox.inbox] = mailbox
        self._mailboxes_opened += 1
        mailbox.number = self._mailboxes_opened

    def close_mailbox(self, mailbox: Mailbox) -> None:
        """Its waiters look once more, and then there is nothing to come."""
        self._mailboxes.pop(mailbox.inbox, None)
        mailbox.wake_all()

    async def farewell(self, member: Member) -> None:
        """Waits until the peer of a closed connection knows of the end, or was told often enough."""
        if self.node.is_closed or member.is_farewell_over():
            return
        known = self._farewells.get(member)
        if known is None:
            known = self._farewells[member] = self.loop.create_future()
        await shield(known)

    # ------------------------------------------------------------------ news

    def _on_news(self) -> None:
        """The loop has served something. Runs without the lock, for what it wakes may call anything."""
        while self._changes:
            told = self._next_change()
            if told is not None:
                change, callback = told
                self._on_change(change)
                if callback is not None:
                    self._call_back(callback, change)
        node = self.node
        if node.ready:
            # An inbox comes back here when it gets a message while empty; who takes from one that is not need not wait.
            mailboxes = [self._mailboxes[inbox] for inbox in node.ready if inbox in self._mailboxes]
            node.ready.clear()
            if len(mailboxes) > 1:
                mailboxes.sort(key=number_of)  # a set has no order that a second run would repeat
            for mailbox in mailboxes:
                mailbox.wake()
        for waiting in list(self.waiting):
            waiting.look_for_room()
        for member, farewell in list(self._farewells.items()):
            if node.is_closed or member.is_farewell_over():
                del self._farewells[member]
                farewell.set_result(None)
        if node.is_closed:
            self._on_closed()
            for mailbox in list(self._mailboxes.values()):  # those of poll groups
                self.close_mailbox(mailbox)

    def _next_change(self) -> tuple[StatusInfo, StatusCallback | None] | None:
        """The oldest change; None if another thread, which closes everything, has just dropped them all."""
        with self.node.entering():
            return self._changes.popleft() if self._changes else None

    def _call_back(self, callback: StatusCallback, change: StatusInfo) -> None:
        try:
            callback(change)
        except Exception as error:  # noqa: BLE001 - nobody awaits it
            self.loop.call_exception_handler({"message": "a status callback of gamesockets raised", "exception": error})
