"""Do ids tell connections apart? (spec 1, 3.1)"""

import pytest

from gamesockets.endpoint.ids import CONNECTIONS_MAX, ConnectionIds
from gamesockets.values.entropy import SeededEntropy


@pytest.mark.rule("1, 3.1 rule 1", "1, 10 rule 1", "3, 0 rule 1")
def test_ids_are_unique_in_their_low_half_and_bounded() -> None:
    ids = ConnectionIds(SeededEntropy(1))
    taken = [ids.take() for _ in range(CONNECTIONS_MAX)]
    assert all(number & 0xFFFF and number >> 16 for number in taken)
    assert len({number & 0xFFFF for number in taken}) == CONNECTIONS_MAX
    assert ids.take() == 0
    ids.give_back(taken[0])
    again = ids.take()
    assert again & 0xFFFF not in {number & 0xFFFF for number in taken}
