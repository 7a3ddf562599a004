"""What exists once for the process: the identity to start with, the global settings, and all nodes that live."""

import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, final

from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationInput, ConfigurationOutput, ConfigurationValue
from gamesockets.values.enums import ConfigurationScope
from gamesockets.values.identity import NetworkingIdentity


class LivingNode(ABC):
    """What the process asks of each node."""

    @abstractmethod
    def follow_global_settings(self) -> None:
        """A global setting has changed. Called without any lock."""

    @abstractmethod
    def close(self) -> None:
        """The library is shut down. Called without any lock."""


@final
class Process:
    """Process-wide state (spec 3, 1.1). Usable from any thread; its lock and that of a node are never held together."""

    def __init__(self) -> None:
        self.identity: NetworkingIdentity | None = None
        """The identity of a node that was given none; None for nobody in particular."""
        self.configuration = Configuration(ConfigurationScope.GLOBAL)
        """The widest scope: every node inherits from it."""
        self._nodes: weakref.WeakSet[LivingNode] = weakref.WeakSet()
        self._lock = threading.Lock()

    def register(self, node: LivingNode) -> None:
        """From now on `node` is told of changed global settings and of the end."""
        with self._lock:
            self._nodes.add(node)

    def forget(self, node: LivingNode) -> None:
        """`node` was closed."""
        with self._lock:
            self._nodes.discard(node)

    def close_all(self) -> None:
        """Closes every node. Global settings stay (spec 3, 4.1)."""
        with self._lock:
            living = list(self._nodes)
            self.identity = None
        for node in living:
            node.close()

    def get(self, value: int) -> ConfigurationOutput:
        """What is in force for the process; None for an unknown value (spec 3, 4.4)."""
        found = self.configuration.get(value)
        return None if found is None else found[0]

    def set(self, value: int, x: ConfigurationInput) -> bool:
        """Sets a value for the process, None takes it back; whether that was possible. Call without any lock."""
        with self._lock:
            done = self.configuration.set(value, x)
        if done:
            self._tell_all()
        return done

    def apply(self, config: Mapping[ConfigurationValue, ConfigurationInput]) -> None:
        """Sets several values for the process. Call without any lock.

        Raises:
            ValueError: one cannot be set; the text names it.
        """
        with self._lock:
            self.configuration.apply(config)
        self._tell_all()

    def _tell_all(self) -> None:
        """Tells one node after another, so that no two locks are ever held at once."""
        with self._lock:
            living = list(self._nodes)
        for node in living:
            node.follow_global_settings()


PROCESS: Final = Process()
"""The one there is."""
