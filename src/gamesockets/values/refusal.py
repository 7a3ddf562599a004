"""What is a client told that is not admitted?"""

from dataclasses import dataclass

from gamesockets.values.arguments import check_reason, check_type


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a client is told that is not admitted.

    Attributes:
        reason: 0 or 1000..2999; 0 becomes 1000.
        debug: text for people, at most 127 bytes arrive.

    Raises:
        TypeError, ValueError: an attribute cannot be used; the text says which and what is allowed.
    """

    reason: int = 0
    debug: str = ""

    def __post_init__(self) -> None:
        check_reason(self.reason)
        check_type("debug", self.debug, str)
