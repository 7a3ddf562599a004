"""Which versions of the protocol are there? (spec 1, 3.7)"""

from typing import Final

PROTOCOL_VERSION = 13
"""Not `Final`, which compiled code would not look up again: tests stand in for peers of other versions."""


MINIMUM_PROTOCOL_VERSION: Final = 8


LANES_PROTOCOL_VERSION: Final = 11
