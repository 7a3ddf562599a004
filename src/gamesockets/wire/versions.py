"""Which versions of the protocol are there? (spec 1, 3.7)"""

from typing import Final

PROTOCOL_VERSION = 13
"""Ours. Not `Final`: compiled code would copy the number, and tests replace it to act as peers of other versions."""

MINIMUM_PROTOCOL_VERSION: Final = 8
"""The oldest version of a peer that is accepted."""

LANES_PROTOCOL_VERSION: Final = 11
"""The first version with lanes."""
