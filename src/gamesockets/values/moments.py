"""How are times counted? In integer microseconds, with one number for "never"."""

from typing import Final

US_PER_MS: Final = 1_000
US_PER_SECOND: Final = 1_000_000

NEVER: Final = (1 << 62) - 1
"""No deadline. Fits a machine word, so that compiled code need not box it."""
