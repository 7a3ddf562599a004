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

HORIZON_MAX_S: Final = 60
"""How far ahead one may ask how much can be sent, in seconds."""

CONNECTION_NAME_BYTES_MAX: Final = 31
"""The longest name of a connection, in UTF-8."""

USER_DATA_MIN: Final = -(1 << 63)
USER_DATA_MAX: Final = (1 << 63) - 1
"""The application's own number of a connection is a signed 64-bit integer (spec 3, 7.5)."""
