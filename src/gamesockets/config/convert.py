"""How is a user's number or text converted to the type and limits of a configuration value?

The rules are those of the reference library (spec 3, 4.3), so that the same text gives the same value.
"""

import math
import re
from typing import Final

from gamesockets.config.kinds import ConfigurationInput, ConfigurationOutput
from gamesockets.config.table import ConfigurationRow
from gamesockets.values.enums import ConfigurationDataType

_INT32_MIN: Final = -(1 << 31)
_INT32_MAX: Final = (1 << 31) - 1
_INT64_MIN: Final = -(1 << 63)
_INT64_MAX: Final = (1 << 63) - 1

# As C's scanf reads a number: blanks in front, anything behind.
_INTEGER_TEXT: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_DECIMAL_TEXT: Final = re.compile(r"[ \t\n\v\f\r]*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)")
_LONGEST_INTEGER_TEXT: Final = 64


def convert(row: ConfigurationRow, x: ConfigurationInput) -> ConfigurationOutput:
    """Convert to the type of a value and clamp to its limits (spec 3, 4.3).

    Returns:
        What to store, or `None` if this cannot become a value of the type.
    """
    converted: ConfigurationOutput
    match row.data_type:
        case ConfigurationDataType.INT32:
            converted = _to_integer(x, _INT32_MIN, _INT32_MAX)
        case ConfigurationDataType.INT64:
            converted = _to_integer(x, _INT64_MIN, _INT64_MAX)
        case ConfigurationDataType.FLOAT:
            converted = _to_float(x)
        case ConfigurationDataType.STRING:
            return _to_text(x)
        case ConfigurationDataType.FUNCTION_PTR:
            return x if callable(x) else None
    if converted is not None:
        if row.minimum is not None:
            converted = max(converted, row.minimum)
        if row.maximum is not None:
            converted = min(converted, row.maximum)
    return converted


def outside_limits(row: ConfigurationRow, x: ConfigurationInput) -> str:
    """What to say of a number that `convert` would clamp: the limits, with their unit. Empty if it is within them."""
    if not isinstance(x, int | float) or (row.minimum is None and row.maximum is None):
        return ""
    converted = convert(row, x)
    is_within = (row.minimum is None or x >= row.minimum) and (row.maximum is None or x <= row.maximum)
    if converted is None or is_within:
        return ""
    lowest, highest = ["" if limit is None else str(int(limit)) for limit in (row.minimum, row.maximum)]
    return f"it must be in {lowest}..{highest} {row.unit}".rstrip()


def _to_integer(x: ConfigurationInput, lowest: int, highest: int) -> int | None:
    number: int
    if isinstance(x, int):
        number = int(x)
    elif isinstance(x, float):
        if not math.isfinite(x):
            return None
        number = math.floor(x + 0.5)
    elif isinstance(x, str):
        match = _INTEGER_TEXT.match(x)
        if match is None or len(match[1]) > _LONGEST_INTEGER_TEXT:
            return None
        number = int(match[1])
    else:
        return None
    return number if lowest <= number <= highest else None


def _to_float(x: ConfigurationInput) -> float | None:
    if isinstance(x, int):
        return float(x) if _INT64_MIN <= x <= _INT64_MAX else None
    if isinstance(x, float):
        return None if math.isnan(x) else float(x)
    if isinstance(x, str):
        match = _DECIMAL_TEXT.match(x)
        return float(match[1]) if match is not None else None
    return None


def _to_text(x: ConfigurationInput) -> str | None:
    if isinstance(x, str):
        return str(x)
    if isinstance(x, int):
        return str(int(x)) if _INT64_MIN <= x <= _INT64_MAX else None
    if isinstance(x, float):
        return f"{x:g}"
    return None
