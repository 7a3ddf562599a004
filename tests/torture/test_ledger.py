"""Does the account of a direction notice everything that must not arrive?"""

import pytest

from gamesockets.torture.ledger import Ledger, Violation
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.message import NetworkingMessage, PeerRecord

RELIABLE = 8
PEER = PeerRecord(1, NetworkingIdentity.invalid())


def message(data: bytes, number: int, flags: int = RELIABLE, lane: int = 0) -> NetworkingMessage:
    return NetworkingMessage(data, number, flags, lane, 0, PEER)


def account(*sizes: int, flags: int = RELIABLE) -> tuple[Ledger, list[NetworkingMessage]]:
    """Messages of these sizes, sent on lane 0, as they should arrive."""
    ledger = Ledger(7)
    sent = []
    for number, size in enumerate(sizes, 1):
        data = ledger.next_message(size)
        assert len(data) == size
        ledger.sent(size, 0, number, flags == RELIABLE)
        sent.append(message(data, number, flags))
    return ledger, sent


def test_what_was_sent_may_arrive() -> None:
    ledger, sent = account(0, 3, 12, 100, 5000)
    assert ledger.missing == 5
    for one in sent:
        ledger.arrived(one)
    assert not ledger.missing


def test_reliable_messages_come_in_order() -> None:
    ledger, sent = account(100, 100)
    with pytest.raises(Violation, match="where 1 was due"):
        ledger.arrived(sent[1])


@pytest.mark.parametrize("flags", [RELIABLE, 0])
def test_nothing_comes_twice(flags: int) -> None:
    ledger, sent = account(100, flags=flags)
    ledger.arrived(sent[0])
    with pytest.raises(Violation, match="came twice"):
        ledger.arrived(sent[0])


def test_unreliable_messages_may_come_in_any_order_or_not() -> None:
    ledger, sent = account(100, 100, 100, flags=0)
    ledger.arrived(sent[2])
    ledger.arrived(sent[0])
    assert not ledger.missing


@pytest.mark.parametrize("size", [3, 100])
def test_contents_are_compared(size: int) -> None:
    ledger, sent = account(size)
    spoiled = sent[0].data[:-1] + bytes([sent[0].data[-1] ^ 1])
    with pytest.raises(Violation, match="not as it was sent"):
        ledger.arrived(message(spoiled, 1))


def test_what_was_never_sent_is_noticed() -> None:
    with pytest.raises(Violation, match="never sent"):
        Ledger(1).arrived(message(b"", 1, 0))


def test_two_accounts_send_different_messages() -> None:
    assert Ledger(1).next_message(100) != Ledger(2).next_message(100)
