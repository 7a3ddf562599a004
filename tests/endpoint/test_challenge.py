"""Does a challenge prove an address, for a while, and nothing else? (spec 1, 3.3)"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gamesockets.endpoint.challenge import ChallengeKey

TICK_US = 1 << 20
HERE, THERE = bytes(18), bytes(17) + b"\x01"


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_secret_has_16_to_64_bytes(size: int) -> None:
    with pytest.raises(ValueError, match=f"has {size} bytes, must have 16"):
        ChallengeKey(bytes(size))


@pytest.mark.rule("1, 3.3 rule 3")
def test_a_challenge_is_good_for_its_address_and_key_only() -> None:
    key = ChallengeKey(bytes(32))
    challenge = key.make(HERE, 5)
    assert 0 <= challenge < 1 << 64
    assert key.check(challenge, HERE, 5)
    assert not key.check(challenge, THERE, 5)
    assert not ChallengeKey(b"\x01" * 32).check(challenge, HERE, 5)
    assert not key.check(challenge ^ 1 << 63, HERE, 5)


@pytest.mark.rule("1, 3.3 rule 2", "1, 11 rule 2")
@pytest.mark.parametrize("began", [0, TICK_US - 1, 0xFFFE * TICK_US, 1 << 62], ids=hex)
def test_a_challenge_lives_for_three_whole_ticks_and_the_rest_of_its_own(began: int) -> None:
    key = ChallengeKey(bytes(32))
    challenge = key.make(HERE, began)
    end = (began // TICK_US + 4) * TICK_US
    assert key.check(challenge, HERE, end - 1)
    assert not key.check(challenge, HERE, end)
    assert began < TICK_US or not key.check(challenge, HERE, began - TICK_US), "nor before it was made"


@pytest.mark.rule("1, 3.3 rule 3")
@given(st.integers(0, 1 << 50), st.integers(0, 63))
def test_a_challenge_with_any_bit_changed_is_refused(now_us: int, bit: int) -> None:
    key = ChallengeKey(bytes(32))
    assert not key.check(key.make(HERE, now_us) ^ 1 << bit, HERE, now_us)


@given(st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 50))
def test_guessed_challenges_are_refused(challenge: int, now_us: int) -> None:
    assert not ChallengeKey(bytes(32)).check(challenge, HERE, now_us)


@pytest.mark.rule("1, 3.3 rule 1")
def test_a_challenge_ends_with_its_tick_and_stays_the_same_for_it() -> None:
    key = ChallengeKey(bytes(32))
    challenge = key.make(HERE, 5 * TICK_US)
    assert challenge & 0xFFFF == 5
    assert key.make(HERE, 6 * TICK_US - 1) == challenge
