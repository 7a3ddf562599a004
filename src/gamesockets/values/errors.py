"""Which exceptions does the library raise besides the built-in ones?

A wrong argument raises `ValueError` or `TypeError`, a socket that cannot be opened `OSError`; the others are
here. Many calls report failure as a `Result` or a `bool` instead, as the reference library does.
"""

from typing import final


class GameSocketsError(Exception):
    """Base class of the exceptions that only this library raises."""


@final
class InvalidHandle(GameSocketsError):  # noqa: N818 - the public name is the plain noun
    """A receive call was given a handle that is unknown, closed, or of another kind.

    Attributes:
        handle: the number that was given.
        kind: what it should be a handle of; empty if several kinds are possible.
    """

    def __init__(self, handle: int, kind: str = "") -> None:
        super().__init__(handle, kind)
        self.handle = handle
        self.kind = kind

    def __str__(self) -> str:
        return f"{self.handle} is not the handle of an open {self.kind or 'object'}"


@final
class ConnectionClosed(GameSocketsError):  # noqa: N818 - the public name is the plain noun
    """The connection has ended, so there is nothing more to send or receive.

    Attributes:
        reason: the number given when it ended; `EndReason` names the known ones (spec 3, 5.2).
        debug: text for people; at most 127 bytes if it is from the peer.
    """

    def __init__(self, reason: int, debug: str = "") -> None:
        super().__init__(reason, debug)
        self.reason = reason
        self.debug = debug

    def __str__(self) -> str:
        return f"connection closed, reason {self.reason}: {self.debug or 'no text'}"


@final
class ConnectionFailed(GameSocketsError):  # noqa: N818 - the public name is the plain noun
    """The connection could not be established.

    Attributes:
        reason: why; `EndReason` names the known numbers (spec 3, 5.2).
        debug: text for people.
    """

    def __init__(self, reason: int, debug: str = "") -> None:
        super().__init__(reason, debug)
        self.reason = reason
        self.debug = debug

    def __str__(self) -> str:
        return f"connection failed, reason {self.reason}: {self.debug or 'no text'}"
