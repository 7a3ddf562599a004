"""How long small messages wait for more data (spec 2, 2.7.1 and 2.9.3)."""

import pytest
from tests.support.line import FULL, NAGLE_US, NO_NAGLE, UNRELIABLE, Line, pieces_in

from gamesockets.config.options import ConnectionOptions
from gamesockets.values.moments import NEVER


@pytest.mark.rule("2, 2.7.1 rule 6", "2, 2.9.3", "3, 7.3 rule 1")
def test_a_small_message_waits_for_company() -> None:
    """5 ms from the first message on, however many join it (spec 2, 2.7.1)."""
    line = Line()
    assert line.sender.wants_at(0) == NEVER
    line.now = 100
    line.send(b"a")
    line.now = 3_000
    line.send(b"b", UNRELIABLE)
    assert line.sender.wants_at(3_000) == 100 + NAGLE_US
    assert line.sender.next_time(3_000) == 100 + NAGLE_US
    assert not line.wants()
    line.now = 100 + NAGLE_US
    assert line.wants()
    assert [piece.data for piece in pieces_in(line, line.packet())] == [b"\x01a", b"b"]
    assert line.sender.nagle.until == NEVER


def test_the_next_message_waits_anew() -> None:
    line = Line()
    line.send(b"a", UNRELIABLE | NO_NAGLE)
    line.packet()
    line.now = 70_000
    line.send(b"b", UNRELIABLE)
    assert line.sender.wants_at(70_000) == 70_000 + NAGLE_US


@pytest.mark.rule("2, 2.7.1 rule 6", "3, 7.3 rule 1")
def test_no_nagle_lets_everything_before_it_go_too() -> None:
    line = Line()
    line.send(b"a")
    line.send(b"", UNRELIABLE | NO_NAGLE)
    assert line.wants()
    assert len(pieces_in(line, line.packet())) == 2


@pytest.mark.rule("2, 2.9.3", "3, 7.3 rule 1")
def test_flushing_ends_the_wait() -> None:
    line = Line()
    line.sender.flush()
    assert line.sender.wants_at(0) == NEVER
    line.send(b"a")
    line.sender.flush()
    assert line.wants()
    line.packet()
    line.sender.flush()
    line.now = 10
    line.send(b"b")
    assert line.sender.wants_at(10) == 10 + NAGLE_US, "flushing an empty queue has no effect later"


@pytest.mark.rule("2, 2.9.3", "3, 7.3 rule 2")
def test_a_full_packet_does_not_wait() -> None:
    line = Line()
    line.send(bytes(FULL - 100), UNRELIABLE)
    assert not line.wants()
    line.send(bytes(100), UNRELIABLE)
    assert line.wants()


def test_without_nagle_time_nothing_waits() -> None:
    line = Line(ConnectionOptions(nagle_time_us=0))
    line.send(b"a")
    assert line.wants()


@pytest.mark.rule("3, 7.1 rule 6")
def test_an_empty_message_is_sent_as_well() -> None:
    line = Line()
    line.send(b"", UNRELIABLE)
    line.now = NAGLE_US
    line.arrive(*line.all_wanted())
    assert line.delivered == [(0, 1, b"", False)]
    assert line.sender.nagle.until == NEVER
