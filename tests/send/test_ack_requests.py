"""When the peer is asked for an immediate ack, and when nothing may leave before it reports."""

import pytest
from tests.support.line import FULL, NO_NAGLE, UNRELIABLE, Line

from gamesockets.send.ack_requests import ACK_WANTED_BYTES, SOONER_US, AckRequests
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


# ---------------------------------------------------------------------- while the rate follows the path


def asked(requests: AckRequests) -> bool:
    """Whether the next packet asks; it leaves."""
    wanted = requests.wanted
    requests.wanted = False
    return wanted


def test_bulk_asks_once_an_interval() -> None:
    requests = AckRequests()
    times = range(1_000_000, 1_050_000, 500)
    asking = []
    for now in times:
        requests.on_bulk(10_000, 7, now)
        if asked(requests):
            asking.append(now)
    assert asking == [1_000_000, 1_010_000, 1_020_000, 1_030_000, 1_040_000]


def test_a_shorter_interval_counts_from_the_last_question_too() -> None:
    """Whatever its reason: who is about to stop for lack of room asks sooner."""
    requests = AckRequests()
    requests.on_bulk(12_000, 7, 1_000_000)
    assert asked(requests)
    requests.on_bulk(SOONER_US, 7, 1_000_000 + SOONER_US - 1)
    assert not asked(requests), "it has just asked"
    requests.on_bulk(SOONER_US, 7, 1_000_000 + SOONER_US)
    assert asked(requests)
    requests.on_bulk(12_000, 7, 1_000_000 + SOONER_US + 11_999)
    assert not asked(requests)
    requests.on_bulk(12_000, 7, 1_000_000 + SOONER_US + 12_000)
    assert asked(requests)
    requests.on_bulk(0, 7, 1_000_000 + SOONER_US + 12_000)
    assert asked(requests), "the last packet of all asks in any case"


def test_it_rests_while_no_interval_would_ask_again() -> None:
    """So that packets of one burst need not find out which interval it is."""
    requests = AckRequests()
    assert not requests.rests(1_000_000), "nobody has asked"
    for interval_us in (12_000, SOONER_US):
        requests.on_bulk(interval_us, 7, 1_000_000)
        assert requests.rests(1_000_000 + SOONER_US - 1)
        assert not requests.rests(1_000_000 + SOONER_US), "the sender may be about to stop by now"
    requests.on_bulk(0, 7, 1_000_000)
    assert not requests.rests(1_000_000), "each packet asks"


def test_a_question_that_has_not_left_is_not_withdrawn() -> None:
    requests = AckRequests()
    requests.on_bulk(10_000, 7, 1_000_000)
    requests.on_bulk(10_000, 7, 1_000_001)
    assert requests.wanted


def test_which_packet_asked_last_is_known() -> None:
    requests = AckRequests()
    requests.on_bulk(10_000, 7, 1_000_000)
    requests.on_bulk(10_000, 8, 1_000_001)
    assert requests.asked_number == 7
    requests.on_bulk(10_000, 9, 1_010_000)
    assert requests.asked_number == 9
