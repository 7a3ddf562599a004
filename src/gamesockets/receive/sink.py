"""Where do received messages go? Into the sink that the receiver was given: it knows no queue and no application."""

from abc import ABC, abstractmethod

from gamesockets.values.message import NetworkingMessage


class MessageSink(ABC):
    """Takes whole messages from the receiver: an inbox, or what stands in front of it."""

    __slots__ = ()

    @abstractmethod
    def append(self, message: NetworkingMessage) -> None:
        """Takes a message that is newer than all of its lane."""

    @abstractmethod
    def insert_late(self, message: NetworkingMessage) -> None:
        """Takes a message that belongs before those of its connection and lane that have higher numbers."""
