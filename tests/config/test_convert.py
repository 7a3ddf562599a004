"""Values are converted and clamped as in the reference library (spec 3, 4.3)."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gamesockets.config.convert import convert
from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationRow, ConfigurationValue
from gamesockets.values.enums import ConfigurationDataType

V = ConfigurationValue

INT32, INT64, FLOAT, TEXT = (
    V.NAGLE_TIME,
    V.CONNECTION_USER_DATA,
    V.FAKE_PACKET_LOSS_SEND,
    V.P2P_STUN_SERVER_LIST,
)


@pytest.mark.rule("3, 4.3 rule 2")
@pytest.mark.parametrize(
    ("value", "x", "expected"),
    [
        (INT32, 2.4, 2),
        (INT32, 2.5, 3),
        (INT32, 1e300, None),
        (INT32, math.inf, None),
        (INT32, math.nan, None),
        (INT32, True, 1),
        (INT32, 1 << 31, None),
        (INT32, -(1 << 31) - 1, None),
        (INT32, " 12x", 12),
        (INT32, "1e2", 1),
        (INT32, "12.9", 12),
        (INT32, "+7", 7),
        (INT32, "\n\t7", 7),
        (INT32, "abc", None),
        (INT32, "", None),
        (INT32, "x12", None),
        (INT32, "4294967296", None),
        (INT32, "9" * 5000, None),
        (INT32, b"12", None),
        (INT32, print, None),
        (INT64, 1 << 40, 1 << 40),
        (INT64, -2.5, -2),
        (INT64, -2.6, -3),
        (INT64, "-5 ", -5),
        (INT64, 1 << 63, None),
        (INT64, -(1 << 63), -(1 << 63)),
        (FLOAT, 5, 5.0),
        (FLOAT, "12.5%", 12.5),
        (FLOAT, "1e1", 10.0),
        (FLOAT, ".5", 0.5),
        (FLOAT, "5.", 5.0),
        (FLOAT, "half", None),
        (FLOAT, "", None),
        (FLOAT, math.inf, 100.0),
        (FLOAT, -math.inf, 0.0),
        (FLOAT, math.nan, None),
        (FLOAT, 1 << 2000, None),
        (FLOAT, "9" * 5000, 100.0),
        (FLOAT, [1], None),
        (TEXT, "stun:a", "stun:a"),
        (TEXT, "", ""),
        (TEXT, 5, "5"),
        (TEXT, -(1 << 40), "-1099511627776"),
        (TEXT, 1 << 63, None),
        (TEXT, True, "1"),
        (TEXT, 0.5, "0.5"),
        (TEXT, 1 / 3, "0.333333"),
        (TEXT, 1e20, "1e+20"),
        (TEXT, print, None),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, print, print),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, 1, None),
        (V.CALLBACK_CONNECTION_STATUS_CHANGED, "print", None),
    ],
)
def test_conversions(value: ConfigurationValue, x: Any, expected: Any) -> None:
    converted = convert(CONFIGURATION_ROWS[value], x)
    assert converted == expected
    assert type(converted) is type(expected)


anything = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=30), st.booleans(), st.binary(max_size=4))


@pytest.mark.rule("3, 4.3 rule 2")
@settings(max_examples=200)
@given(st.sampled_from(list(CONFIGURATION_ROWS.values())), anything)
def test_whatever_is_given_the_content_is_of_the_type_and_within_the_limits(row: ConfigurationRow, x: Any) -> None:
    converted = convert(row, x)
    if converted is None:
        return
    match row.data_type:
        case ConfigurationDataType.FUNCTION_PTR:
            pytest.fail("nothing of this can be called")
        case ConfigurationDataType.STRING:
            assert isinstance(converted, str)
        case ConfigurationDataType.FLOAT:
            assert isinstance(converted, float)
        case _:
            assert isinstance(converted, int)
    if isinstance(converted, int | float) and row.minimum is not None and row.maximum is not None:
        assert row.minimum <= converted <= row.maximum
