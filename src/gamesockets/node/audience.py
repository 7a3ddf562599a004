"""Who is told of changes of connections' states?"""

from abc import ABC, abstractmethod

from gamesockets.values.records import AuthenticationCallback, AuthenticationStatus, StatusCallback, StatusInfo


class Audience(ABC):
    """Who is told of changes of connections' states. Called with the node's lock held: note it, act later."""

    @abstractmethod
    def announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        """A state has changed; `callback` is what the configuration names for it."""

    @abstractmethod
    def announce_authentication(self, status: AuthenticationStatus, callback: AuthenticationCallback) -> None:
        """This side got its certificate or lost it; `callback` is what the process names for it."""

    @abstractmethod
    def forget_changes(self) -> None:
        """Everything was closed: changes that were not told yet are not told any more."""
