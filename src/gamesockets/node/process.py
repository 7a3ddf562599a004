"""What exists once for the process: the identity to start with, the global settings, and all nodes that live.

Also what the process does to all of them: closing, its end, and a fork.
"""

import atexit
import contextlib
import logging
import os
import sys
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, final

from gamesockets.build import COMPILED
from gamesockets.clock import now_us
from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationValue
from gamesockets.crypto.credentials import APP_ID
from gamesockets.crypto.trust import TrustStore
from gamesockets.drivers.signals import SIGNALS
from gamesockets.node.key_log import KEY_LOG
from gamesockets.node.measurements import Measurements
from gamesockets.node.reading import READING
from gamesockets.node.tracing import TRACING, TraceTarget
from gamesockets.observe.debug_output import OUTPUT
from gamesockets.observe.life_lines import clamped
from gamesockets.values.enums import ConfigurationScope, EndReason
from gamesockets.values.errors import CalledFromInside
from gamesockets.values.identity import NetworkingIdentity


class LivingNode(ABC):
    """What the process asks of each node."""

    @abstractmethod
    def follow_global_settings(self) -> None:
        """A global setting has changed. Called without any lock."""

    @abstractmethod
    def close(self) -> None:
        """The library is shut down. Called without any lock."""

    @abstractmethod
    def begin_farewell(self, reason: int) -> None:
        """The program ends: tells all peers, after what was sent reliably. Called without any lock."""

    @abstractmethod
    def is_farewell_over(self) -> bool:
        """Whether all peers know, or were told often enough. Called without any lock."""

    @abstractmethod
    def serve_at_end(self) -> None:
        """Serves for a moment. Called without any lock."""

    @abstractmethod
    def measure(self) -> Measurements:
        """What all its connections did, and how they are. Called without any lock of ours but that of measuring."""

    @abstractmethod
    def die_in_child(self) -> None:
        """The process was forked, and this is the child: the node belongs to the parent."""


_LOG: Final = logging.getLogger("gamesockets.build")
PURE_BUILD_TEXT: Final = (
    "The pure Python build runs: complete, at about twice the processor time of the compiled one, for which this "
    "system has no wheel, or had no C compiler when it was installed"
)

EXIT_FLUSH_US: Final = 1_000_000
"""How long a program that ends without closing goes on for its peers: to deliver what is on its way, and to say that it
ends."""


@final
class Process:
    """Process-wide state (spec 3, 1.1). Usable from any thread; its lock and that of a node are never held together."""

    def __init__(self) -> None:
        self.identity: NetworkingIdentity | None = None
        """The identity of a node that was given none; None for nobody in particular."""
        self.trust = TrustStore()
        """Whom a node trusts that was given no store of its own."""
        self.app_id = APP_ID
        """The app that this process runs as: its certificates and those of its peers must be good for it."""
        self.configuration = Configuration(ConfigurationScope.GLOBAL)
        """The widest scope: every node inherits from it."""
        self._nodes: weakref.WeakValueDictionary[int, LivingNode] = weakref.WeakValueDictionary()
        self._lock: Any = threading.RLock()
        self._past = Measurements()
        """What nodes did that were closed."""
        self._measuring: Any = threading.RLock()
        self._has_told_build = COMPILED

    def register(self, node: LivingNode) -> None:
        """From now on `node` is told of changed global settings and of the end."""
        self._nodes[id(node)] = node
        KEY_LOG.follow_environment()
        TRACING.follow_environment()
        if not self._has_told_build:
            self._has_told_build = True
            _LOG.info(PURE_BUILD_TEXT)

    def forget(self, node: LivingNode) -> None:
        """`node` was closed. Call without any lock."""
        with self._measuring:
            if self._nodes.pop(id(node), None) is not None:
                self._past.add_past(node.measure())

    def measure(self) -> Measurements:
        """What all connections of the process did, and how they are. Call without any lock."""
        with self._measuring:
            found = Measurements()
            found.add_past(self._past)
            for node in self._living():
                found.add(node.measure())
            READING.add_to(found.reading)
        return found

    def _living(self) -> list[LivingNode]:
        """In one step: a node may come or go at any time."""
        nodes = [reference() for reference in self._nodes.valuerefs()]
        return [node for node in nodes if node is not None]

    def set_app_id(self, app_id: int) -> None:
        """Raises `RuntimeError` while a node lives, whose connections have shown the app already."""
        if app_id != self.app_id and self._living():
            raise RuntimeError("the app id cannot change while a NetworkingSockets, Server or connection is open")
        self.app_id = app_id

    def close_all(self) -> None:
        """Closes every node. Global settings stay (spec 3, 4.1)."""
        self.identity = None
        for node in self._living():
            node.close()

    def end(self) -> None:
        """The program ends: closes every node, after up to a second for what is on its way to the peers."""
        until = now_us() + EXIT_FLUSH_US
        reason = _reason_of_the_end()
        living = self._living()
        for node in living:
            node.begin_farewell(reason)
        while now_us() < until and (talking := [node for node in living if not node.is_farewell_over()]):
            for node in talking:
                node.serve_at_end()
        for node in living:
            node.close()
        TRACING.direct(None, 0)

    def start_anew(self) -> None:
        """After a fork, in the child: no node lives, and threads that may have held locks are gone."""
        self._lock = threading.RLock()
        self._measuring = threading.RLock()
        OUTPUT.start_anew()
        SIGNALS.start_anew()
        TRACING.start_anew()
        KEY_LOG.start_anew()
        READING.start_anew()
        for node in self._living():
            with contextlib.suppress(Exception):  # an exception here would be printed and keep others alive
                node.die_in_child()
        self._nodes.clear()

    def get(self, value: int) -> ConfigurationOutput:
        """What is in force for the process; None for an unknown value (spec 3, 4.4)."""
        found = self.configuration.get(value)
        return None if found is None else found[0]

    def set(self, value: int, x: ConfigurationInput) -> bool:
        """Sets a value for the process, None takes it back; whether that was possible. Call without any lock."""
        with self._entering():
            done = self.configuration.set(value, x)
        if done:
            clamped(value, x)
            self._tell_all()
        return done

    def apply(self, config: Mapping[ConfigurationValue, ConfigurationInput]) -> None:
        """Sets several values for the process. Call without any lock.

        Raises:
            ValueError: one cannot be set; the text names it.
        """
        with self._entering():
            self.configuration.apply(config)
        self._tell_all()

    def set_trace(self, target: TraceTarget | None, bytes_max: int) -> None:
        """Where the events of all connections go from now on. Call without any lock."""
        TRACING.direct(target, bytes_max)
        self._tell_all()

    def _entering(self) -> Any:
        """The lock. Raises `CalledFromInside` where a finalizer or signal handler has interrupted its holder."""
        if self._lock._is_owned():  # noqa: SLF001 - there is no public name
            raise CalledFromInside
        return self._lock

    def _tell_all(self) -> None:
        """Tells one node after another, so that no two locks are ever held at once."""
        for node in self._living():
            node.follow_global_settings()


def _reason_of_the_end() -> int:
    """That of an exception if the program ends because nobody caught one."""
    uncaught = getattr(sys, "last_type", None)  # set where Python prints the traceback; in a shell, after any mistake
    is_failure = isinstance(uncaught, type) and issubclass(uncaught, Exception) and not hasattr(sys, "ps1")
    return int(EndReason.APP_EXCEPTION_GENERIC if is_failure else EndReason.APP_GENERIC)


PROCESS: Final = Process()
"""The one there is."""

atexit.register(PROCESS.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=PROCESS.start_anew)
