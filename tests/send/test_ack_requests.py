"""When the peer is asked for an immediate ack, and when nothing may leave before it reports."""

import pytest
from tests.support.line import FULL, NO_NAGLE, UNRELIABLE, Line

from gamesockets.send.ack_requests import ACK_WANTED_BYTES
from gamesockets.send.flight import UNREPORTED_PACKETS_MAX


@pytest.mark.rule("1, 4.6 rule 12", "2, 2.16 rule 1", "2, 2.16 rule 17")
def test_without_any_report_the_sender_stops_before_numbers_jump_too_far() -> None:
    """A receiver gives up when a number is 16384 above the newest it knows (spec 2, 2.16 rule 1)."""
    line = Line()
    for _ in range(UNREPORTED_PACKETS_MAX + 500):
        line.sender.send(b"x", UNRELIABLE | NO_NAGLE, 0, 0)
        if not line.wants():
            break
        line.sender.filling.fill(b"", FULL, 0)
        line.sender.path.on_sent(30, (), False, 0)
    assert not line.wants()
    assert line.sender.filling.fill(b"", FULL, 0) == b""
    assert UNREPORTED_PACKETS_MAX <= line.sender.flight.next_number < UNREPORTED_PACKETS_MAX + 10
    assert line.sender.ack_requests.wanted, "and it asked for a report long before"
    line.hear((5_000, []))
    assert line.wants()


def test_much_unreported_reliable_data_asks_for_an_immediate_ack() -> None:
    """A reference receiver would wait 50 ms otherwise."""
    line = Line()
    line.send(bytes(500_000))
    sent_before_asking = 0
    for _ in range(3):
        while not line.sender.ack_requests.wanted:
            line.packet()
        line.sender.ack_requests.wanted = False
        sent = line.edge[0] - 1 - sent_before_asking
        assert ACK_WANTED_BYTES <= sent < ACK_WANTED_BYTES + FULL
        sent_before_asking = line.edge[0] - 1
