"""Exceptions carry what they were made with, and say it."""

import pytest

from gamesockets.values.errors import ConnectionClosed, ConnectionFailed, GameSocketsError, InvalidHandle


@pytest.mark.parametrize("error_type", [ConnectionClosed, ConnectionFailed])
def test_errors_of_a_connection_carry_reason_and_text(
    error_type: type[ConnectionClosed] | type[ConnectionFailed],
) -> None:
    error = error_type(5003, "Connection dropped")
    assert isinstance(error, GameSocketsError)
    assert (error.reason, error.debug) == (5003, "Connection dropped")
    assert "5003" in str(error)
    assert "Connection dropped" in str(error)
    assert "no text" in str(error_type(1000))


def test_an_invalid_handle_names_itself() -> None:
    assert str(InvalidHandle(17, "connection")) == "17 is not the handle of an open connection"
    assert str(InvalidHandle(17)) == "17 is not the handle of an open object"
