"""What is known of a path: each event is counted once, and a packet remembers what was known when it left."""

from tests.support.line import FULL, NO_NAGLE, RELIABLE, UNRELIABLE, Line
from tests.support.rig import PLAIN_ONLY, Rig

from gamesockets.config.options import ConnectionOptions
from gamesockets.send.flight import Flight, SentPacket
from gamesockets.send.path_feedback import LATE_ARRIVAL_US, LATE_ORDERLY_US, PathFeedback
from gamesockets.values.moments import NEVER

SIZE = 500


def sent(path: PathFeedback, flight: Flight, count: int) -> list[SentPacket]:
    packets: list[SentPacket] = []
    for now in range(count):
        path.on_sent(SIZE, (), now % 2 == 0, now)
        packet = flight.get(flight.next_number - 1)
        assert packet is not None
        packets.append(packet)
    return packets


def test_a_packet_remembers_what_was_known_when_it_left() -> None:
    flight = Flight(2)
    path = PathFeedback(flight)
    path.on_connected(0)
    first, second = sent(path, flight, 2)
    assert (first.sent_at, first.size_bytes, first.delivered_bytes) == (0, SIZE, 0)
    assert (first.is_application_limited, second.is_application_limited) == (True, False)
    path.on_acknowledged([first], 9)
    path.on_sent(1200, (), True, 9)
    third = flight.get(4)
    assert third is not None
    assert (third.sent_at, third.size_bytes, third.delivered_bytes) == (9, 1200, SIZE)
    assert not third.is_lost


def test_packets_without_reliable_data_that_leave_together_share_a_record() -> None:
    flight = Flight(2)
    path = PathFeedback(flight)
    for number, (size, now) in enumerate([(SIZE, 0), (SIZE, 0), (SIZE, 1), (SIZE + 1, 1), (SIZE + 1, 1)], 2):
        path.on_sent(size, (), False, now)
        packet = flight.get(number)
        assert packet is not None
        assert (packet.size_bytes, packet.sent_at) == (size, now)
    packets = [packet for _, packet in flight.report_missing(2, 7)]
    assert len({id(packet) for packet in packets}) == 3
    path.on_lost(2, packets[0])
    assert [packet.is_lost for packet in flight.take_range(2, 7)] == [True, False, False, False, False]


def test_what_is_sent_is_paid_for() -> None:
    path = PathFeedback(Flight(2))
    path.pacer.limit(100_000, 100_000)
    path.on_connected(0)
    for _ in range(5):
        path.on_sent(1000, (), False, 0)
    assert path.pacer.debt_us() == (5 * 1000 - 1248) * 10


def test_a_late_packet_is_delivered_and_no_longer_lost() -> None:
    flight = Flight(2)
    path = PathFeedback(flight)
    packets = sent(path, flight, 3)
    path.on_lost(2, packets[0])
    path.on_lost(3, packets[1])
    assert (path.lost_packets, path.late_packets, path.delivered_bytes) == (2, 0, 0)
    path.on_acknowledged(flight.take_range(2, 3) + flight.take_range(4, 5), 9)
    assert (path.lost_packets, path.late_packets, path.delivered_bytes) == (1, 1, 2 * SIZE)


def test_how_long_a_late_packet_is_waited_for_follows_the_round_trip() -> None:
    path = PathFeedback(Flight(2))
    assert path.late_arrival_us() == LATE_ARRIVAL_US
    path.on_round_trip(41_000, 0)
    assert path.late_arrival_us() == 61_500 + LATE_ARRIVAL_US


def test_on_a_path_that_keeps_order_no_hole_is_kept_open_for_long() -> None:
    """A reference receiver keeps 62 holes, and reports more as missing than are."""
    path = PathFeedback(Flight(2))
    path.limit(16_384, 0)
    path.on_round_trip(41_000, 0)
    path.begin_bulk(0)
    assert path.late_arrival_us() == 41_000 + LATE_ORDERLY_US
    path.reordering.on_late(41_000, 0)
    assert path.late_arrival_us() == 61_500 + LATE_ARRIVAL_US


def test_bulk_begins_with_the_shortest_round_trip_of_before() -> None:
    """50 ms in the handshake; the first full packets wait 30 ms in a queue of others."""
    path = PathFeedback(Flight(2))
    path.limit(16_384, 0)
    path.on_round_trip(50_000, 1_000_000)
    path.on_round_trip(80_000, 2_000_000)
    path.begin_bulk(3_000_000)
    learned = path.learned
    assert learned is not None
    for _ in range(4):
        learned.on_round_trip(80_000, 3_000_000)
    learned.queue.end_round(1_000)
    assert (learned.queue.minimum_us, learned.queue.minimum_at) == (51_000, 1_000_000)
    assert learned.queue.standing_us == 29_000


def test_how_many_packets_are_likely_to_be_lost() -> None:
    path = PathFeedback(Flight(2))
    path.limit(16_384, 0)
    assert path.expected_losses() == 0
    path.begin_bulk(0)
    learned = path.learned
    assert learned is not None
    learned.in_flight_bytes = 1_000_000
    learned.delivery.usual_loss = 0.03
    assert path.expected_losses() == 24


def test_the_counts_follow_from_acks_and_from_age_each_packet_once() -> None:
    line = Line()
    path = line.sender.path
    numbers = [line.send(b"x", UNRELIABLE | NO_NAGLE) and line.packet() for _ in range(5)]
    assert numbers == [2, 3, 4, 5, 6]
    for _ in range(2):
        line.hear((6, [(1, 2), (1, 1)]))
        assert (path.lost_packets, path.late_packets) == (3, 0), "2, 4 and 5"
    for _ in range(2):
        line.hear((6, [(1, 1), (2, 1)]))
        assert (path.lost_packets, path.late_packets) == (2, 1), "4 came after all"
    line.send(b"x", UNRELIABLE | NO_NAGLE)
    line.packet()
    line.now += 10_000_000
    line.sender.loss.handle_timer(line.now)
    assert line.sender.flight.oldest_sent_at() == NEVER
    assert (path.lost_packets, path.late_packets) == (3, 1), "the last one, which the peer never reported"
    assert path.delivered_bytes == sum(len(line.payloads[number]) + 23 for number in (3, 4, 6))


def test_the_last_packet_of_what_was_queued_is_limited_by_the_application() -> None:
    rig = Rig(ConnectionOptions(unencrypted=PLAIN_ONLY, send_rate_min=1 << 28, send_rate_max=1 << 28))
    flight = rig.connection.sender.flight
    first = flight.next_number
    rig.send(bytes(3 * FULL), RELIABLE | NO_NAGLE)
    rig.drain()
    packets = [packet for _, packet in flight.report_missing(first, flight.next_number)]
    assert [packet.is_application_limited for packet in packets] == [False, False, True]
