"""Who is told of changes of connections' states?"""

from abc import ABC, abstractmethod

from gamesockets.build import mypyc_attr
from gamesockets.values.records import AuthenticationCallback, AuthenticationStatus, StatusCallback, StatusInfo


@mypyc_attr(allow_interpreted_subclasses=True)
class Audience(ABC):
    """Who is told of changes of connections' states. Called with the node's lock held: note it, act later."""

    @abstractmethod
    def announce(self, change: StatusInfo, callback: StatusCallback | None) -> None:
        """A state has changed; `callback` is what the configuration names for it."""
        raise NotImplementedError

    @abstractmethod
    def announce_authentication(self, status: AuthenticationStatus, callback: AuthenticationCallback) -> None:
        """This side got its certificate or lost it; `callback` is what the process names for it."""
        raise NotImplementedError

    @abstractmethod
    def forget_changes(self) -> None:
        """Everything was closed: changes that were not told yet are not told any more."""
        raise NotImplementedError
