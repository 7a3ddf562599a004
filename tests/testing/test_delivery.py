"""Do the assertions say what is wrong, and only then?"""

import pytest

import gamesockets as gs
from gamesockets import sim
from gamesockets.testing import assert_all_delivered, assert_delivered

SENT = [b"one", b"two", b"three"]


@pytest.mark.parametrize(
    ("arrived", "text"),
    [
        ([b"one", b"two"], "2 of 3 messages arrived: 1 missing, such as b'three'"),
        ([b"one", b"two", b"two", b"three"], "1 too often, such as b'two'"),
        ([b"one", b"three", b"two"], "out of order: b'three' came where b'two' was due"),
        ([b"one", b"two", b"four"], "1 that nobody sent, such as b'four'"),
        ([*SENT, bytes(100)], r"\(100 bytes\)"),
        ([], "0 of 3 messages arrived: 3 missing"),
    ],
)
def test_what_is_wrong_with_reliable_messages_is_said(arrived: list[bytes], text: str) -> None:
    with pytest.raises(AssertionError, match=text):
        assert_all_delivered(arrived, SENT)


@pytest.mark.parametrize("arrived", [[], [b"two"], [b"three", b"one"], SENT])
def test_unreliable_messages_may_be_missing_and_out_of_order(arrived: list[bytes]) -> None:
    assert_delivered(arrived, SENT)


def test_unreliable_messages_come_at_most_once_and_were_sent() -> None:
    with pytest.raises(AssertionError, match="1 too often"):
        assert_delivered([b"one", b"one"], SENT)
    with pytest.raises(AssertionError, match="nobody sent"):
        assert_delivered([b"four"], SENT)
    with pytest.raises(AssertionError, match=r"1 of 3 messages arrived: at least 50\.0% must"):
        assert_delivered([b"one"], SENT, at_least=0.5)
    with pytest.raises(ValueError, match="at_least"):
        assert_delivered([], SENT, at_least=2)


def test_messages_are_taken_as_they_are_received() -> None:
    world = sim.World(seed=1)
    client, server = world.pair()
    for data in SENT:
        client.send(data, gs.SendFlags.RELIABLE)
    world.run(1)
    assert_all_delivered(server.receive(), SENT)
