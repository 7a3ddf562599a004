"""Which sizes and counts does the protocol or its interface fix?"""

from typing import Final

LANES_MAX: Final = 255
"""Lanes of one connection that can be configured (spec 3, 8.2)."""

LANE_WEIGHT_MAX: Final = 65_535
"""The largest weight of a lane; the smallest is 1."""

MAX_MESSAGE_BYTES: Final = 524_288
"""The largest message that can be sent (spec 3, 7.1)."""

MESSAGES_PER_BATCH_MAX: Final = 256
"""How many messages a receive call returns unless told otherwise."""
