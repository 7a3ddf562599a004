"""How is a connection made that this program asks for, to a peer or to itself?"""

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import Awaitable
from types import NoneType
from typing import Final, TypeAlias, final
from weakref import WeakValueDictionary

from gamesockets.aio.connection import Connection
from gamesockets.aio.conversation import ENDED, SHUTDOWN, Conversation
from gamesockets.aio.hub import Hub
from gamesockets.aio.opening import Opening, running_loop
from gamesockets.aio.reconnecting import Reconnecting
from gamesockets.clock import now_us
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.expected import Expected, expect
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.resolving import resolve
from gamesockets.node.creation import Config
from gamesockets.node.members import PortMember
from gamesockets.node.process import PROCESS
from gamesockets.node.socket_pairs import peer_identities
from gamesockets.observe.debug_output import LINES
from gamesockets.values.address import Address
from gamesockets.values.arguments import check_type
from gamesockets.values.backoff import Backoff
from gamesockets.values.enums import ConnectionState
from gamesockets.values.errors import ConnectionFailed
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import StatusInfo

NEXT_ADDRESS_AFTER_S: Final = 0.25
"""How long one address of a name may stay silent before the next is tried beside it."""

SHARERS_MAX: Final = 1024
"""More connections than this get another node: one has 8191 ids, and looks through all that wait for it."""

_Attempt: TypeAlias = "Future[Conversation | ConnectionFailed]"


def connect(
    host: str | Address,
    port: int | None = None,
    *,
    identity: NetworkingIdentity | None = None,
    config: Config | None = None,
    credentials: Credentials | None = None,
    trust: TrustStore | None = None,
    local_address: Address | None = None,
    expected_identity: NetworkingIdentity | None = None,
    expected_key: bytes | None = None,
    backoff: Backoff | None = None,
) -> Reconnecting:
    """Connects; use it as ``async with connect(...) as connection`` or ``connection = await connect(...)``.

    Leaving the block closes the connection, normally with linger; after an exception, and when cancelled, at once. All
    addresses of a name are tried, a quarter of a second apart, and the first that answers wins (RFC 8305). How long a
    peer may take to answer is `TIMEOUT_INITIAL`; `asyncio.timeout` works too.

    ``async for connection in connect(...)`` connects again and again: each round of the loop gets a new connection,
    `continue` and the end of the body close it and go on to the next one, `break` and an exception end the loop. In
    between it waits, longer after each failure (`backoff`), and looks the name up anew.

    Args:
        host: a name or an IP address as text, with its port as in ``"play.example:27015"`` or ``"[::1]:27015"``; or an
            `Address`, which brings its port too.
        port: where the server listens, if `host` does not say so.
        identity: who this side claims to be; by default nobody in particular.
        config: configuration values for this connection.
        credentials: instead of `identity`, one that a certificate proves.
        trust: whose signatures on the server's certificate count; by default those whom `Library.trust` names.
        local_address: where to send from; port 0 takes a free port. By default the system chooses.
        expected_identity: who must be there. Anybody else is refused with reason 4003 (`REMOTE_BAD_CERT`), and where
            this side has roots, or had some that were revoked or removed, also who cannot prove it, whatever
            `IP_ALLOW_WITHOUT_AUTH` says.
        expected_key: the public key that the peer must own, 32 bytes, as `pki.KnownHosts` knows it. Another one is
            refused with reason 4003.
        backoff: how long ``async for`` waits between two connections, and when it gives up.

    Raises:
        ConnectionFailed: nobody answered, or the peer refused; with reason and text. Raised on entering, as the others.
        OSError: the name cannot be resolved, or no socket can be opened; the local address is in use, or not one of
            this machine.
        ValueError: a configuration value cannot be set, the port is out of range, the text is no host with a port, no
            address of the host is of the local address's family, or nobody can have the expected identity or key.
        TypeError: an argument is of a wrong type.
        RuntimeError: no asyncio event loop runs here.
    """
    check_type("backoff", backoff, (Backoff, NoneType))

    def open_connection() -> Awaitable[Connection]:
        expected = expect(expected_identity, expected_key)
        return _Connecting(_outgoing(identity, credentials, trust), expected).run(host, port, config, local_address)

    peer = str(host) if port is None else f"{host}:{port}"
    return Reconnecting(open_connection, peer, backoff or Backoff())


def create_socket_pair(
    use_network_loopback: bool = False,
    identity_one: NetworkingIdentity | None = None,
    identity_two: NetworkingIdentity | None = None,
) -> Opening[tuple[Connection, Connection]]:
    """Two connections that talk to each other; use it as ``async with ... as (one, two)``, or await it (spec 3, 6.9).

    Args:
        use_network_loopback: False for a pipe in memory, True for two ordinary connections over 127.0.0.1.
        identity_one: what the first connection sees as its peer; by default nobody in particular.
        identity_two: what the second one sees.

    Raises:
        OSError: no socket can be opened. Raised on entering, as the others.
        TypeError, ValueError: an argument cannot be used; the text says which.
    """

    async def open_pair() -> tuple[Connection, Connection]:
        return _Pair().open(use_network_loopback, identity_one, identity_two)

    return Opening(open_pair, lambda pair: pair)


@final
class _Outgoing:
    """Connections of one event loop that show the same credentials and trust the same roots: one node for all.

    It is closed with the last of them. Nobody else holds it.
    """

    def __init__(self, loop: AbstractEventLoop, credentials: Credentials, trust: TrustStore | None) -> None:
        self.hub = Hub(loop, credentials, trust, self._on_change, self._on_hub_closed)
        self.attempts: dict[int, _Attempt] = {}
        """By handle, until the connection is closed."""
        self._sharers = 0

    def has_room(self) -> bool:
        """Whether one more may share it."""
        return self._sharers < SHARERS_MAX and not self.hub.node.is_closed

    def enter(self) -> None:
        """One more shares it."""
        self._sharers += 1

    def leave(self, members: list[PortMember]) -> None:
        """One less does. Its connections were closed: their sockets go too."""
        node = self.hub.node
        for member in members:
            self.attempts.pop(member.connection.id, None)
        self._sharers -= 1
        if not self._sharers:
            node.close()
        elif not node.is_closed:
            now = now_us()
            with LINES, node.entering():
                for member in members:
                    member.release(now)

    def _on_change(self, change: StatusInfo) -> None:
        info = change.connection_info
        attempt = self.attempts.get(change.connection)
        if attempt is None:
            return
        if info.state == ConnectionState.CONNECTED:
            node = self.hub.node
            with LINES, node.entering():
                member = node.members.get(change.connection)
            if member is not None and not attempt.done():  # another thread may have closed everything a moment ago
                attempt.set_result(Conversation(self.hub, member))
        elif info.state in ENDED:
            _end(attempt, info.end_reason, info.end_debug)

    def _on_hub_closed(self) -> None:
        for attempt in list(self.attempts.values()):
            _end(attempt, *SHUTDOWN)


_OUTGOING: Final["WeakValueDictionary[tuple[int, object, int], _Outgoing]"] = WeakValueDictionary()
"""The newest for each event loop, credentials and roots."""


def _outgoing(
    identity: NetworkingIdentity | None, credentials: Credentials | None, trust: TrustStore | None
) -> _Outgoing:
    """The one for a connection of the running event loop. Raises as `connect` for `identity` and `credentials`."""
    loop = running_loop()
    shown = Credentials.chosen(identity, credentials) or Credentials(PROCESS.identity)
    # Without credentials of its own, whoever has the same identity shows the same certificate.
    key = (id(loop), shown.identity if credentials is None else id(credentials), id(trust))
    known = _OUTGOING.get(key)
    if known is None or not known.has_room():
        known = _OUTGOING[key] = _Outgoing(loop, shown, trust)
    return known


@final
class _Connecting:
    """One call of `connect`: an attempt for each address, one of which becomes the connection."""

    def __init__(self, outgoing: _Outgoing, expected: Expected | None) -> None:
        self._outgoing = outgoing
        self._expected = expected
        self._hub = outgoing.hub
        self._members: list[PortMember] = []
        outgoing.enter()

    async def run(
        self, host: str | Address, port: int | None, config: Config | None, local: Address | None
    ) -> Connection:
        """The first attempt that succeeds; what the first one said if none does."""
        try:
            check_type("local_address", local, (Address, NoneType))
            addresses = await resolve(self._hub.loop, host, port)
            conversation = await self._first(addresses, config, local)
        except BaseException:
            self._close_all_but(None)
            self._leave()
            raise
        self._close_all_but(conversation.handle)
        return Connection(conversation, self._leave)

    def _leave(self) -> None:
        self._outgoing.leave(self._members)

    def _close_all_but(self, chosen: int | None) -> None:
        """Once one attempt has become the connection, or all are in vain; the peers are told a normal end."""
        node = self._hub.node
        with LINES, node.entering():
            for member in self._members:
                handle = member.connection.id
                if handle != chosen and node.members.get(handle) is member:
                    node.close_connection(member, 0, "", False)

    async def _first(self, untried: list[Address], config: Config | None, local: Address | None) -> Conversation:
        node = self._hub.node
        failures: list[Exception] = []
        if local is not None and not local.is_all_zeros:
            untried = [address for address in untried if address.is_ipv4 == local.is_ipv4] or untried[:1]
        pending: set[_Attempt] = set()
        while untried or pending:
            if untried:
                address, *untried = untried
                try:
                    with LINES, node.entering():
                        member = self._start(address, untried, config, local)
                except OSError as error:
                    failures.append(error)
                    continue
                self._members.append(member)
                attempt = self._outgoing.attempts[member.connection.id] = self._hub.loop.create_future()
                pending.add(attempt)
            if untried or len(pending) > 1:
                timeout_s = NEXT_ADDRESS_AFTER_S if untried else None
                done, pending = await asyncio.wait(pending, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            else:
                done, pending = pending, set()
                for last in done:
                    await last
            for attempt in done:
                outcome = attempt.result()
                if isinstance(outcome, Conversation):
                    return outcome
                failures.append(outcome)
        raise failures[0]

    def _start(
        self, address: Address, others: list[Address], config: Config | None, local: Address | None
    ) -> PortMember:
        """An attempt at an address. Where only one socket can be had, it is for all others too, which it takes away."""
        node = self._hub.node
        if local is None or not local.port or not others:
            return node.connect(address, config, local, self._expected)
        member = node.look_for(str(address), config, local, self._expected)
        member.found([address, *others], "", now_us())
        others.clear()
        return member


def _end(attempt: _Attempt, reason: int, debug: str) -> None:
    if not attempt.done():
        attempt.set_result(ConnectionFailed(reason, debug))
    elif not attempt.cancelled():
        outcome = attempt.result()
        if isinstance(outcome, Conversation):
            outcome.end_with(reason, debug)


@final
class _Pair:
    """The owner of a socket pair's hub, which is closed with the second of the two."""

    def __init__(self) -> None:
        self._hub = Hub(running_loop(), None, None, self._on_change, self._on_hub_closed)
        self._conversations: dict[int, Conversation] = {}
        self._open_count = 2

    def open(
        self,
        use_network_loopback: bool,
        identity_one: NetworkingIdentity | None,
        identity_two: NetworkingIdentity | None,
    ) -> tuple[Connection, Connection]:
        node = self._hub.node
        try:
            identities = peer_identities(identity_one, identity_two)
            with LINES, node.entering():
                members = node.create_pair(use_network_loopback, identities)
        except BaseException:
            node.close()
            raise
        one, two = [Conversation(self._hub, member) for member in members]
        self._conversations = {one.handle: one, two.handle: two}
        return Connection(one, self._one_closed), Connection(two, self._one_closed)

    def _one_closed(self) -> None:
        self._open_count -= 1
        if not self._open_count:
            self._hub.node.close()

    def _on_change(self, change: StatusInfo) -> None:
        info = change.connection_info
        if info.state in ENDED:
            self._conversations[change.connection].end_with(info.end_reason, info.end_debug)

    def _on_hub_closed(self) -> None:
        for conversation in self._conversations.values():
            conversation.end_with(*SHUTDOWN)
