"""Who is told the keys of sessions? Nobody, unless somebody asked for a key log."""

from abc import ABC, abstractmethod
from typing import Final, final

from gamesockets.build import mypyc_attr


@mypyc_attr(allow_interpreted_subclasses=True)
class KeySink(ABC):
    """Told of the keys of each direction of a session, when they are derived."""

    @abstractmethod
    def take(self, to_connection_id: int, from_connection_id: int, key: bytes, iv: bytes) -> None:
        """Packets that name `to_connection_id` are sealed with this key. It must not raise."""
        raise NotImplementedError


@final
class KeyTaps:
    """Where the one sink of the process is, if there is any."""

    __slots__ = ("sink",)

    def __init__(self) -> None:
        self.sink: KeySink | None = None


KEY_TAPS: Final = KeyTaps()
"""The one of this process."""
