"""Does a listener notice everything that must not arrive, and when all is there?"""

import pytest

from gamesockets.torture.ledger import Violation
from gamesockets.torture.real.talk import HEADER_BYTES, LANES, Listener, Speaker

KEY = 7


def said(speaker: Speaker, lane: int, *sizes: int, is_reliable: bool = True) -> list[bytes]:
    messages: list[bytes] = []
    for size in sizes:
        data = speaker.next_message(lane, size, is_reliable)
        assert len(data) == size
        speaker.was_taken(lane, data, is_reliable)
        messages.append(data)
    return messages


def test_a_conversation_is_complete_after_the_last_word_on_every_lane() -> None:
    speaker, listener = Speaker(KEY), Listener()
    for lane in range(LANES):
        for data in said(speaker, lane, HEADER_BYTES, 100, 60_000):
            listener.arrived(lane, True, data)
    assert listener.has_heard
    assert speaker.reliable_bytes == listener.reliable_bytes == LANES * (HEADER_BYTES + 60_100)
    for lane in range(LANES):
        assert not listener.is_complete
        listener.arrived(lane, True, speaker.farewell(lane))
    assert listener.is_complete


def test_what_was_not_taken_was_not_said() -> None:
    speaker, listener = Speaker(KEY), Listener()
    refused = speaker.next_message(0, 50, True)
    assert speaker.next_message(0, 50, True) == refused
    listener.arrived(0, True, speaker.farewell(0))


def test_a_reliable_message_that_is_missing_is_noticed() -> None:
    speaker, listener = Speaker(KEY), Listener()
    _, second = said(speaker, 2, 50, 50)
    with pytest.raises(Violation, match="message 2 of lane 2 came where 1 was due"):
        listener.arrived(2, True, second)


def test_the_last_ones_that_are_missing_are_noticed() -> None:
    speaker, listener = Speaker(KEY), Listener()
    first, _ = said(speaker, 0, 50, 50)
    listener.arrived(0, True, first)
    with pytest.raises(Violation, match="message 3 of lane 0 came where 2 was due"):
        listener.arrived(0, True, speaker.farewell(0))


@pytest.mark.parametrize("is_reliable", [True, False])
def test_nothing_comes_twice(is_reliable: bool) -> None:
    speaker, listener = Speaker(KEY), Listener()
    [data] = said(speaker, 0, 50, is_reliable=is_reliable)
    listener.arrived(0, is_reliable, data)
    with pytest.raises(Violation):
        listener.arrived(0, is_reliable, data)


def test_nothing_reliable_comes_after_the_last_word() -> None:
    speaker, listener = Speaker(KEY), Listener()
    listener.arrived(0, True, speaker.farewell(0))
    with pytest.raises(Violation, match="after the last"):
        listener.arrived(0, True, said(speaker, 0, 50)[0])


@pytest.mark.parametrize("is_reliable", [True, False])
@pytest.mark.parametrize("place", [0, 4, 8, 49])
def test_every_byte_is_compared(is_reliable: bool, place: int) -> None:
    speaker, listener = Speaker(KEY), Listener()
    first, second = said(speaker, 0, 50, 50, is_reliable=is_reliable)
    listener.arrived(0, is_reliable, first)
    spoiled = second[:place] + bytes([second[place] ^ 1]) + second[place + 1 :]
    with pytest.raises(Violation):
        listener.arrived(0, is_reliable, spoiled)


def test_a_message_of_the_wrong_lane_is_noticed() -> None:
    speaker, listener = Speaker(KEY), Listener()
    [data] = said(speaker, 1, 500)
    with pytest.raises(Violation, match="not as it was sent"):
        listener.arrived(0, True, data)
    with pytest.raises(Violation, match="never sent"):
        listener.arrived(LANES, True, data)
    with pytest.raises(Violation, match="never sent"):
        listener.arrived(0, True, b"short")


def test_unreliable_messages_may_come_in_any_order_or_not() -> None:
    speaker, listener = Speaker(KEY), Listener()
    messages = said(speaker, 1, *[50] * 100, is_reliable=False)
    for data in [*messages[50::2], *messages[:50]]:
        listener.arrived(1, False, data)
    assert listener.unreliable == 75
    for data in (messages[0], messages[98]):
        with pytest.raises(Violation, match="twice"):
            listener.arrived(1, False, data)
