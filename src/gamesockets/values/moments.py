"""Which moment is no moment? Times are integers of microseconds; this is the one that never comes."""

from typing import Final

NEVER: Final = (1 << 62) - 1
"""No deadline. Fits a machine word, so that compiled code need not box it."""
