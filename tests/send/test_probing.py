"""Asking for more: the smaller the share, the more often, and by the more."""

from gamesockets.send.probing import GAIN_FEW_MAX, GAIN_UP, GAIN_UP_MAX, Probing

MS = 1000


def test_a_large_share_asks_for_a_quarter_more_and_a_small_one_for_six_packets() -> None:
    probing = Probing(0)
    probing.begin(1_000_000, False)
    assert probing.gain == GAIN_UP == 125
    probing.begin(20_000, False)
    assert probing.gain == 137
    for share in (15_000, 12_000, 10_000):
        probing.begin(share, False)
        assert probing.gain == 150, "no more than half, ..."
    probing.begin(5_000, False)
    assert probing.gain == 200, "... unless that is less than four"
    probing.begin(0, False)
    assert probing.gain == GAIN_FEW_MAX == 400


def test_beside_a_queue_a_small_share_asks_for_four_packets() -> None:
    probing = Probing(0)
    gains = []
    for share in (1_000_000, 15_000, 10_000, 5_000, 0):
        probing.begin(share, True)
        gains.append(probing.gain)
    assert gains == [125, 133, 150, 200, 400]


def test_each_success_asks_for_more_up_to_twice_as_much() -> None:
    probing = Probing(0)
    probing.begin(1_000_000, False)
    gains = []
    for _ in range(5):
        probing.go_on()
        gains.append(probing.gain)
    assert gains == [156, 195, GAIN_UP_MAX, GAIN_UP_MAX, GAIN_UP_MAX]
    probing.begin(0, False)
    probing.go_on()
    assert probing.gain == GAIN_FEW_MAX, "never less than before"


def test_pauses_grow_with_the_share_within_bounds() -> None:
    probing = Probing(0)
    assert probing.rounds_between(0, 50 * MS) == 3
    assert 3 < probing.rounds_between(100_000, 50 * MS) < probing.rounds_between(200_000, 50 * MS)
    assert probing.rounds_between(1 << 40, 50 * MS) == 40, "two seconds"
    assert probing.rounds_between(1 << 40, 1 * MS) == 200, "a round is 10 ms long at least"
    assert probing.rounds_between(1 << 40, 5_000 * MS) == 3


def test_pauses_differ_by_chance_and_follow_from_the_time() -> None:
    def pauses(now: int) -> list[int]:
        probing = Probing(now)
        found = []
        for _ in range(20):
            probing.begin(1_000_000, False)
            found.append(probing.rounds_between(1_000_000, 10 * MS))
        return found

    assert len(set(pauses(1))) > 10
    assert pauses(1) == pauses(1) != pauses(2)
    assert all(66 <= rounds <= 133 for rounds in pauses(1 << 62))
