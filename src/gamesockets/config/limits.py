"""With which limits does a listen socket run?"""

from typing import Any, final

from gamesockets.config.fields import LIMIT_ROWS, with_defaults
from gamesockets.config.scopes import Configuration


@final
class Limits:
    """How many may connect, how fast, and how much memory they may take.

    `config.table` says which value each field comes from. A listen socket takes others at any time.

    Args:
        fields: those that differ from the default, by name.

    Raises:
        TypeError: there is no such field.
    """

    __slots__ = tuple(LIMIT_ROWS)

    connections_max: int
    waiting_max: int
    address_connections_max: int
    handshakes_per_second: int
    address_handshakes_per_second: int
    memory_max_bytes: int

    def __init__(self, **fields: Any) -> None:
        for field, number in with_defaults(LIMIT_ROWS, fields).items():
            setattr(self, field, number)

    @classmethod
    def resolve(cls, configuration: Configuration) -> "Limits":
        """The limits in force now. Cheap: the same object as long as nothing changes."""
        return configuration.resolve(Limits, LIMIT_ROWS)
