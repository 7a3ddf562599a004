"""How are times counted? As integers of microseconds; one moment never comes."""

from typing import Final

US_PER_MS: Final = 1_000
US_PER_SECOND: Final = 1_000_000

NEVER: Final = (1 << 62) - 1
"""No deadline. Fits a machine word, so that compiled code need not box it."""
