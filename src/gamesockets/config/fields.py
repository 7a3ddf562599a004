"""Which fields does the running code read instead of configuration values, and what do they hold?

`ConnectionOptions`, `NetworkConditions` and the `Limits` of a listen socket declare the fields; their names, defaults
and units come from the table.
"""

from typing import Any, Final

from gamesockets.config.kinds import ConfigurationOutput
from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationRow

OPTION_ROWS: Final = {row.option: row for row in CONFIGURATION_ROWS.values() if row.option}
"""The values that a connection runs with, by field of `ConnectionOptions`."""

CONDITION_ROWS: Final = {row.condition: row for row in CONFIGURATION_ROWS.values() if row.condition}
"""The values that the simulated network runs with, by field of `NetworkConditions`."""

LIMIT_ROWS: Final = {row.limit: row for row in CONFIGURATION_ROWS.values() if row.limit}
"""The values that a listen socket runs with, by field of `Limits`."""


def with_defaults(rows: dict[str, ConfigurationRow], given: dict[str, Any]) -> dict[str, Any]:
    """The number of each field: the given one, or else the default of its row.

    Args:
        rows: by field, `OPTION_ROWS`, `CONDITION_ROWS` or `LIMIT_ROWS`.
        given: by field, in the unit of the field.

    Raises:
        TypeError: there is no such field.
    """
    unknown = given.keys() - rows.keys()
    if unknown:
        raise TypeError(f"there is no field {', '.join(sorted(unknown))}")
    return {field: given[field] if field in given else in_field_unit(row, row.default) for field, row in rows.items()}


def in_field_unit(row: ConfigurationRow, x: ConfigurationOutput) -> int | float:
    """A value's number in the unit of its field.

    Raises:
        TypeError: it is no number.
    """
    if not isinstance(x, int | float):
        raise TypeError(f"{row.name} holds no number")
    return x if row.factor == 1 else x * row.factor  # a product would be a new object in each connection
