"""What may be said about a configuration value: its subject, when it is fixed, whether it is shown, what it holds?"""

from collections.abc import Callable
from enum import Enum, IntFlag
from typing import Any, TypeAlias

ConfigurationInput: TypeAlias = int | float | str | Callable[..., Any] | None
"""What a value may be set to; it is converted to the value's own type. `None` clears a setting."""

ConfigurationOutput: TypeAlias = int | float | str | Callable[..., Any] | None
"""What a value reads as; `None` only where a callback is not set."""


class LockMoment(IntFlag):
    """When a value becomes fixed, because the handshake or the routing has used it (spec 3, 4.2)."""

    NEVER = 0
    LISTEN_SOCKET_CREATED = 1
    CONNECTION_STARTED = 2
    """An outgoing connection is created, or an incoming one accepted."""
    PEER_TO_PEER_CREATED = 4
    """A peer-to-peer listen socket or connection is created."""


class ConfigurationSubject(Enum):
    """What a value is about: a heading for people."""

    BAD_NETWORK = "A simulated bad network"
    MESSAGE_LOSS = "Whole messages lost"
    TRANSFER = "Rates, buffers and times"
    SECURITY = "Encryption and authentication"
    DIAGNOSTICS = "Diagnostics"
    CALLBACKS = "Callbacks"
    LIMITS = "Limits of a listen socket"
    LATER = "Not used yet"
    """Kept and can be read back; nothing uses it yet."""
    WITHOUT_EFFECT = "Without effect here"
    """Only closed builds of the reference library use it, those with Valve's relay network or for Steam."""


class ConfigurationListing(Enum):
    """Whether an application may show a value for editing (spec 3, 4.5)."""

    NEVER = 0
    DEVELOPMENT = 1
    """Only in a list that includes values for development."""
    ALWAYS = 2
