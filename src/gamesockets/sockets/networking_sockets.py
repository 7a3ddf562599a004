"""The game-loop API: a `Node` served by a thread, with polling and callbacks on the caller's thread (spec 3)."""

import weakref
from collections.abc import Callable, Mapping
from inspect import iscoroutinefunction
from threading import TIMEOUT_MAX
from types import NoneType, TracebackType
from typing import final

from gamesockets.clock import now_us
from gamesockets.crypto.credentials import Credentials
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.service import ServiceOwner
from gamesockets.drivers.signals import SIGNALS
from gamesockets.drivers.threads import ThreadService
from gamesockets.node.creation import Config
from gamesockets.node.draining import TIMEOUT_S
from gamesockets.node.node import STATUS_CALLBACK, Node
from gamesockets.observe.debug_output import LINES
from gamesockets.sockets.authentication_calls import AuthenticationCalls
from gamesockets.sockets.configuration_calls import ConfigurationCalls
from gamesockets.sockets.connection_calls import ConnectionCalls
from gamesockets.sockets.information_calls import InformationCalls
from gamesockets.sockets.message_calls import MessageCalls
from gamesockets.sockets.news import News
from gamesockets.sockets.running import Running
from gamesockets.sockets.status_events import StatusEvents
from gamesockets.sockets.ticks import Ticks
from gamesockets.values.arguments import check_handle, check_reason, check_type, seconds_as_us
from gamesockets.values.enums import EndReason
from gamesockets.values.handles import Connection, ListenSocket, PollGroup
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import StatusCallback


@final
class NetworkingSockets(ConnectionCalls, MessageCalls, ConfigurationCalls, InformationCalls, AuthenticationCalls):
    """Listen sockets and connections, served by one background thread. Use it as a context manager.

    All methods may be called from any thread. Handshakes, acks, repetitions and keepalives go on without any call;
    callbacks run only inside `run`, `run_callbacks` and `dispatch_callback`, on the thread that calls these.

    In a forked child it is dead: calls raise `CalledAfterFork`, and `close` does nothing. A program that ends without
    closing it tells the peers all the same, and goes on for up to a second to deliver what was sent reliably.

    Args:
        identity: who this side claims to be; by default nobody in particular, and peers see the address.
        config: configuration values for everything created here, for example
            `{ConfigurationValue.SEND_RATE_MAX: 1_000_000}`. Values that exist only once for the process are set there.
        credentials: instead of `identity`, one that a certificate proves.
        trust: whose signatures on the certificates of peers count; by default those whom `Library.trust` names.

    Raises:
        TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
    """

    def __init__(
        self,
        identity: NetworkingIdentity | None = None,
        config: Config | None = None,
        *,
        credentials: Credentials | None = None,
        trust: TrustStore | None = None,
    ) -> None:
        check_type("config", config, (Mapping, NoneType))
        self._events = StatusEvents()
        shown = Credentials.chosen(identity, credentials)
        super().__init__(Node(self._make_service, self._events, shown, trust, config))
        self._news = News(self._node, self._events)
        self._running = Running(self._node, self._threads, self._news, self._events.run)
        # Whoever drops this object unclosed must not leave the process with another switch interval.
        self._abandoned = weakref.finalize(self, self._threads.abandon)
        self._abandoned.atexit = False

    def _make_service(self, owner: ServiceOwner) -> ThreadService:
        self._threads = ThreadService(owner)
        return self._threads

    def __enter__(self) -> "NetworkingSockets":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tells the peers 1000, or 2000 if an exception ends the block; one that only stops the program is none."""
        self._close(int(EndReason.APP_EXCEPTION_GENERIC) if isinstance(error, Exception) else 0)

    def close(self) -> None:
        """Ends every connection (1000), tells the peers, closes all sockets. Harmless to repeat.

        It waits for nobody, and what is on its way is lost: `drain` first, if it matters.
        """
        self._close(0)

    def _close(self, reason: int) -> None:
        self._node.close(reason)
        self._abandoned.detach()  # it would keep everything that a callback refers to, perhaps this object

    # ------------------------------------------------------------------ running and stopping

    def run(
        self,
        on_tick: Callable[[], object],
        hz: float | None = 30.0,
        *,
        grace: float = 0.0,
        timeout: float = TIMEOUT_S,
        stop_signals: bool = True,
    ) -> None:
        """Runs a game loop until Ctrl-C, SIGTERM or `stop`, then drains and returns: no traceback, nobody left hanging.

        Each tick runs the callbacks that wait, as `run_callbacks`, then `on_tick()`. Between two ticks it sleeps and
        serves the sockets. Ticks lie on a fixed grid: one that is late does not shift the next, one that takes longer
        than its time is followed by the next at once, and whole periods that were missed are left out. So a world that
        must not run slower measures the time itself.

        A second signal ends the drain at once; with a third, the program's own handler acts. Signals reach the main
        thread alone: on another one, call `stop`. An exception of a callback or of `on_tick` comes out here without a
        drain; a `with` block then tells the peers 2000.

        Args:
            on_tick: what to do each time.
            hz: how often, in ticks per second, at most 1000; None for whenever `wait` would return.
            grace: for how many seconds the loop goes on for those who are there, once it was asked to end. Nobody new
                is admitted meanwhile (`is_draining`). It is over when the last one has left.
            timeout: how many seconds the drain may take after that.
            stop_signals: whether SIGINT (Ctrl-C), SIGTERM and on Windows SIGBREAK end it.

        Raises:
            RuntimeError: it runs already: called from `on_tick`, a callback or another thread.
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        if not callable(on_tick):
            raise TypeError(f"on_tick must be a function without arguments, not {type(on_tick).__name__}")
        if iscoroutinefunction(on_tick):
            raise TypeError("on_tick must be an ordinary function; for async ones there is gamesockets.aio")
        check_type("stop_signals", stop_signals, bool)
        grace_us, timeout_us = seconds_as_us("grace", grace), seconds_as_us("timeout", timeout)
        ticks = None if hz is None else Ticks(hz, now_us())
        self._running.run(on_tick, ticks, grace_us, timeout_us, stop_signals)

    def stop(self) -> None:
        """Has `run` drain and return: from `on_tick`, a callback, another thread or a signal handler.

        If nothing runs, the next `run` ends before its first tick.
        """
        self._running.stop()

    def drain(self, timeout: float = TIMEOUT_S, *, reason: int = 0, debug: str = "") -> bool:
        """Ends gently: admits nobody, delivers what was sent reliably, tells all peers, and waits until they know.

        Newcomers are told 1000 and "The application is shutting down" meanwhile. A peer that does not answer is told
        four times within two seconds. Afterwards all listen sockets and connections are closed; messages that were not
        read are dropped. Harmless to repeat, also while another thread drains.

        Args:
            timeout: after how many seconds it stops waiting. Then the rest is told once and let go.
            reason: what the peers are told: 0 or 1000..2999; 0 becomes 1000.
            debug: text for their logs, at most 127 bytes arrive; by default "The application is shutting down".

        Returns:
            Whether everything was delivered and every peer has heard of the end or was told often enough.

        Raises:
            TypeError, ValueError: an argument cannot be used; the text says which and what is allowed.
        """
        check_reason(reason)
        check_type("debug", debug, str)
        return self._running.drain(seconds_as_us("timeout", timeout), reason, debug)

    @property
    def is_draining(self) -> bool:
        """Whether nobody is admitted any more, because `drain` or the end of `run` is under way."""
        return self._node.is_draining

    # ------------------------------------------------------------------ waiting

    def wait(
        self,
        timeout: float | None = None,
        *,
        connection: Connection | None = None,
        listen_socket: ListenSocket | None = None,
        poll_group: PollGroup | None = None,
    ) -> bool:
        """Sleeps until messages or status changes have come; False if `timeout` seconds passed without any.

        It tells once of what has come, each thread for itself: what a program then leaves unread does not keep it from
        sleeping. It tells again when more comes, and when a read or `dispatch_callback` has left a rest. Returns False
        at once after `close`, also if a signal handler closed meanwhile.

        Args:
            timeout: in seconds; None for no limit, 0 not to sleep.
            connection: wait only for messages and status changes of this connection.
            listen_socket: wait only for what `receive_messages_on_listen_socket` would give, and for status changes of
                the connections accepted there.
            poll_group: wait only for what `receive_messages_on_poll_group` would give.

        With one of the three, True means at once that messages wait there. False, too, if it is closed meanwhile.

        Raises:
            InvalidHandle: what to wait for does not exist.
            TypeError, ValueError: an argument cannot be used, or more than one thing to wait for was given.

        Signal handlers run while it sleeps, and what they raise comes out of it; those of signals that come while it
        serves the sockets run a moment later, so that what arrives then is not lost.
        """
        if timeout is not None:
            check_type("timeout", timeout, (int, float))
            if not 0 <= timeout <= TIMEOUT_MAX:
                raise ValueError(f"timeout must be None or 0..{TIMEOUT_MAX:.0f} seconds, not {timeout!r}")
        if connection is not None or listen_socket is not None or poll_group is not None:
            return self._wait_for_one(timeout, connection, listen_socket, poll_group)
        has_news = self._news.wait(self._threads, timeout)
        return self._is_open_after_sleep() and has_news

    def _is_open_after_sleep(self) -> bool:
        if self._threads.is_stopping():  # a signal handler that closed could not wait for the end on this thread
            self._threads.stop()
            return False
        return True

    def _wait_for_one(
        self,
        timeout: float | None,
        connection: Connection | None,
        listen_socket: ListenSocket | None,
        poll_group: PollGroup | None,
    ) -> bool:
        given = {"connection": connection, "listen_socket": listen_socket, "poll_group": poll_group}
        things = {name: handle for name, handle in given.items() if handle is not None}
        if len(things) > 1:
            raise ValueError(f"wait for one thing, not for {' and '.join(things)}")
        for name, handle in things.items():
            check_handle(handle, name)
        with LINES, SIGNALS, self._node.entering():
            if self._node.is_closed:
                return False
            if connection is not None:
                has_news = self._threads.wait(timeout, self._news.of_connection(connection)) and self._told(connection)
            elif listen_socket is not None:
                is_there = self._news.of_listen_socket(listen_socket)
                has_news = self._threads.wait(timeout, is_there) and self._told(-listen_socket)
            elif poll_group is not None:
                is_there = self._news.of_poll_group(poll_group)
                has_news = self._threads.wait(timeout, is_there) and self._node.groups.get(poll_group) is not None
            else:
                has_news = False
        return self._is_open_after_sleep() and has_news

    def _told(self, source: int) -> bool:
        self._events.mark_told(source)
        return source > 0 or self._node.listeners.get(-source) is not None

    # ------------------------------------------------------------------ status changes

    def set_status_callback(self, callback: StatusCallback | None) -> None:
        """Sets the callback to which `run_callbacks` hands status changes from now on; None for none.

        Set it before listening and connecting. It is `CALLBACK_CONNECTION_STATUS_CHANGED` at the scope of this object:
        a listen socket or a connection may be given one of its own in its configuration, and the narrowest wins. Each
        change keeps the callback that is in force when it happens, so none that waits is redirected (spec 3, 14.3).
        """
        if callback is not None and not callable(callback):
            raise TypeError(f"callback must be callable or None, not {type(callback).__name__}")
        with self._node.entering():
            self._node.configuration.set(STATUS_CALLBACK, callback)

    def run_callbacks(self) -> None:
        """Tells every change that waits to the callback that was in force when it happened, in order, on this thread.

        A change that met no callback is forgotten here, and only here: `dispatch_callback` needs none. Callbacks may
        use all calls, this one, `close_connection` and `close` included; `close` discards what still waits. An
        exception of a callback comes out here; the changes behind it wait for the next call.
        """
        self._events.run()

    def dispatch_callback(self, callback: Callable[..., object], context: object = None) -> bool:
        """Tells `callback(info)`, or `callback(info, context)` with a context, of the oldest change.

        The callbacks of the configuration are not asked. An exception of `callback` comes out here.

        Returns:
            Whether there was one. No change is lost between two calls.
        """
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        return self._events.dispatch(callback, context)
