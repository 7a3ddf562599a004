"""Which exceptions does the library raise besides the built-in ones?

A wrong argument raises `ValueError` or `TypeError`, a socket that cannot be opened `OSError`; the others are
here. Many calls report failure as a `Result` or a `bool` instead, as the reference library does.
"""

from typing import final


class GameSocketsError(Exception):
    """Base class of the exceptions that only this library raises."""


@final
class CalledFromInside(GameSocketsError, RuntimeError):  # noqa: N818 - the public name says what happened
    """A signal handler or finalizer called something that would change what the call it interrupted is changing.

    Closing and sending work from there, and so does asking. Other calls can be made a moment later.
    """

    def __str__(self) -> str:
        return "called from a signal handler or finalizer, in the middle of another call of this library"


@final
class CalledAfterFork(GameSocketsError, RuntimeError):  # noqa: N818 - as above
    """An object that was made before `os.fork` was used in the child, where it is dead: it belongs to the parent.

    Both would number and encrypt packets alike. Make a new `NetworkingSockets`, `Server` or connection in the child.
    """

    def __str__(self) -> str:
        return "it was made before this process was forked, and belongs to the parent: make a new one"


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


@final
class CertificateError(GameSocketsError, ValueError):
    """A certificate, a key or a request for a certificate cannot be used; the text says why."""


@final
class HostKeyChanged(GameSocketsError):  # noqa: N818 - the public name says what happened
    """A server shows another key than the one that is known for it: it was set up anew, or somebody stands in for it.

    Attributes:
        host: the name by which the key is known.
        known_key_id: the key id of the known key.
        shown_key_id: the key id of the key that the server showed.
    """

    def __init__(self, host: str, known_key_id: int, shown_key_id: int) -> None:
        super().__init__(host, known_key_id, shown_key_id)
        self.host = host
        self.known_key_id = known_key_id
        self.shown_key_id = shown_key_id

    def __str__(self) -> str:
        return (
            f"the key of {self.host} has changed: known is key {self.known_key_id}, shown was key {self.shown_key_id}. "
            "Somebody may stand in for the server. If it was set up anew, forget the known key"
        )
