"""Does `ping` count and time what came back, and nothing else?"""

import pytest

from gamesockets.cli.statistics import SIZE_MIN, Ledger, summarize


def test_summary_of_known_round_trips() -> None:
    summary = summarize([1000, 2000, 4000, 5000])
    assert summary is not None
    assert (summary.minimum, summary.median, summary.mean, summary.maximum) == (1.0, 3.0, 3.0, 5.0)
    assert summary.stddev == pytest.approx(1.5811, abs=1e-4)


def test_one_round_trip_has_no_spread_and_none_no_summary() -> None:
    only = summarize([1500])
    assert only is not None
    assert (only.minimum, only.median, only.maximum, only.stddev) == (1.5, 1.5, 1.5, 0.0)
    assert summarize([]) is None


@pytest.mark.parametrize("size", [SIZE_MIN, 64, 5000])
def test_an_echo_is_matched_with_its_message(size: int) -> None:
    ledger = Ledger(size)
    first, second = ledger.next_message(1_000), ledger.next_message(2_000)
    assert len(first) == len(second) == size
    reply = ledger.receive(second, 2_750)
    assert reply is not None
    assert (reply.sequence, reply.round_trip_us, reply.size_bytes) == (2, 750, size)
    assert ledger.unanswered == [1]
    assert ledger.loss_percent == 50.0
    assert not ledger.complete
    assert ledger.receive(first, 9_000) is not None
    assert ledger.complete


def test_strangers_damage_and_second_echoes_are_not_replies() -> None:
    ledger = Ledger(32)
    data = ledger.next_message(5)
    damaged = data[:-1] + bytes([data[-1] ^ 1])
    for wrong in (b"", b"Welcome!", bytes(32), damaged, data + b"x"):
        assert ledger.receive(wrong, 10) is None
    assert ledger.receive(data, 10) is not None
    assert ledger.receive(data, 11) is None
    assert ledger.strangers == 6
    assert len(ledger.replies) == 1


def test_nothing_sent_is_neither_loss_nor_success() -> None:
    ledger = Ledger(16)
    assert ledger.loss_percent == 0.0
    assert not ledger.complete


def test_a_message_that_could_not_be_sent_does_not_count() -> None:
    ledger = Ledger(16)
    first = ledger.next_message(1)
    ledger.next_message(2)
    ledger.withdraw()
    assert (ledger.sent, ledger.unanswered) == (1, [1])
    ledger.receive(first, 3)
    assert ledger.complete
