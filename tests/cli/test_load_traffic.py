"""Does the load tester count loss, duplication and reordering right?"""

import pytest

from gamesockets.cli.load_traffic import HEADER, SIZE_MIN, WINDOW, ClientTraffic, Totals

SIZE = 40


class Talk:
    """One client and the messages it has sent so far."""

    def __init__(self, size: int = SIZE, number: int = 1) -> None:
        self.totals = Totals()
        self.traffic = ClientTraffic(number, size, self.totals)
        self.sent: list[bytes] = []

    def send(self, count: int = 1, now_us: int = 1000) -> None:
        for _ in range(count):
            self.sent.append(self.traffic.next_message(now_us))
            self.traffic.count_sent()

    def echo(self, *numbers: int, now_us: int = 1500) -> None:
        for number in numbers:
            self.traffic.receive(self.sent[number - 1], now_us)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        totals = self.totals
        return totals.received, totals.missing, totals.duplicated, totals.reordered


@pytest.mark.parametrize("size", [SIZE_MIN, SIZE_MIN + 1, 5000])
def test_messages_have_the_size_that_was_asked_for_and_come_back(size: int) -> None:
    talk = Talk(size)
    talk.send(3)
    assert {len(message) for message in talk.sent} == {size}
    talk.echo(1, 2, 3)
    assert talk.counts == (3, 0, 0, 0)
    assert talk.totals.strange == 0


def test_round_trips_are_measured() -> None:
    talk = Talk()
    talk.send(now_us=1000)
    talk.send(now_us=2000)
    talk.echo(1, 2, now_us=2500)
    assert (talk.totals.round_trips.minimum_us, talk.totals.round_trips.maximum_us) == (500, 1500)


def test_loss_is_what_never_comes() -> None:
    talk = Talk()
    talk.send(10)
    talk.echo(1, 2, 5, 10)
    assert talk.counts == (4, 6, 0, 0)
    assert talk.totals.loss_percent == 60.0


def test_reordering_counts_what_came_after_a_later_one() -> None:
    talk = Talk()
    talk.send(5)
    talk.echo(1, 3, 2, 5, 4)
    assert talk.counts == (5, 0, 0, 2)


def test_second_echoes_count_once_and_leave_latency_alone() -> None:
    talk = Talk()
    talk.send(3)
    talk.echo(1, 1, 3, 2, 2, 3)
    assert talk.counts == (3, 0, 3, 1)
    assert talk.totals.round_trips.count == 3


def test_echoes_older_than_the_window_are_named_not_guessed() -> None:
    talk = Talk(SIZE_MIN)
    talk.send(WINDOW + 2)
    talk.echo(WINDOW + 2, 3, 2, 3)
    assert talk.counts == (2, WINDOW, 1, 1)
    assert talk.totals.too_late == 1


def test_a_gap_wider_than_the_window_forgets_cleanly() -> None:
    talk = Talk(SIZE_MIN)
    talk.send(3 * WINDOW)
    talk.echo(1, 3 * WINDOW, 3 * WINDOW - 1, 3 * WINDOW)
    assert talk.counts == (3, 3 * WINDOW - 3, 1, 1)


def test_numbers_on_the_wire_wrap_and_are_understood() -> None:
    talk = Talk(SIZE_MIN)
    talk.traffic.sent = 0xFFFF_FFFE
    talk.send(4)
    assert [HEADER.unpack_from(message)[2] for message in talk.sent] == [0xFFFF_FFFF, 0, 1, 2]
    talk.echo(1, 2, 4, 3)
    assert talk.counts[2:] == (0, 1)
    assert talk.totals.received == 4


def test_what_is_no_echo_of_this_client_is_strange() -> None:
    talk, other = Talk(number=1), Talk(number=2)
    talk.send(2)
    other.send(2)
    good = talk.sent[0]
    for data in (
        b"",
        good[:-1],
        good + b"\0",
        b"x" * SIZE,
        good[:-1] + b"\1",
        other.sent[0],
        HEADER.pack(b"gsl1", 1, 3, 1000) + bytes(SIZE - SIZE_MIN),  # never sent
        HEADER.pack(b"gsl1", 1, 0, 1000) + bytes(SIZE - SIZE_MIN),
        HEADER.pack(b"gsl1", 1, 1, 9999) + bytes(SIZE - SIZE_MIN),  # from the future
    ):
        talk.traffic.receive(data, 1500)
    assert talk.totals.strange == 9
    assert talk.counts == (0, 2, 0, 0)


def test_a_message_that_was_not_sent_leaves_no_gap() -> None:
    talk = Talk()
    talk.traffic.next_message(1)  # the send buffer was full
    talk.send(1)
    talk.echo(1)
    assert talk.counts == (1, 0, 0, 0)
