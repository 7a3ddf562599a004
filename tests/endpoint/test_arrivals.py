"""Whose datagrams are served next when more have come than can be served, and whose are lost?"""

from collections import Counter
from typing import Final

from gamesockets.endpoint.arrivals import (
    ARRIVALS_MAX,
    PEER_MAX,
    PEER_SHARE,
    QUANTUM,
    QUANTUM_ALONE,
    ROOMY,
    STRANGERS_MAX,
    Arrival,
    Arrivals,
)
from gamesockets.values.address import SocketAddress

HEAVY: Final[SocketAddress] = ("192.0.2.1", 1)
LIGHT: Final[SocketAddress] = ("192.0.2.2", 2)
STRANGER: Final[SocketAddress] = ("192.0.2.3", 3)
KNOWN: Final = {HEAVY, LIGHT}


def numbered(count: int, remote: SocketAddress, first: int = 0) -> Arrival:
    return [b"\x80" + number.to_bytes(2, "big") for number in range(first, first + count)], remote, b""


def all_of(arrivals: Arrivals) -> list[Arrival]:
    taken = []
    while (arrival := arrivals.next()) is not None:
        taken.append(arrival)
    return taken


def test_who_sends_little_is_served_before_the_rest_of_who_sends_much() -> None:
    arrivals = Arrivals()
    arrivals.put([numbered(1000, HEAVY), numbered(1, LIGHT)], KNOWN)
    assert arrivals.next() == numbered(QUANTUM, HEAVY)
    assert arrivals.next() == numbered(1, LIGHT)
    assert arrivals.count == 1000 - QUANTUM
    assert arrivals.next() == numbered(QUANTUM_ALONE, HEAVY, QUANTUM)
    assert sum(len(datagrams) for datagrams, _, _ in all_of(arrivals)) == 1000 - QUANTUM - QUANTUM_ALONE
    assert arrivals.count == 0


def test_strangers_take_one_turn_together() -> None:
    arrivals = Arrivals()
    strangers = [numbered(1, ("198.51.100.1", port)) for port in range(100)]
    arrivals.put([*strangers, numbered(2, LIGHT), numbered(1, HEAVY)], KNOWN)
    assert [remote for _, remote, _ in all_of(arrivals)[:4]] == [
        ("198.51.100.1", 0),
        LIGHT,
        HEAVY,
        ("198.51.100.1", 1),
    ]


def test_the_order_of_each_peer_is_kept_and_nothing_is_lost() -> None:
    arrivals = Arrivals()
    taken: list[Arrival] = []
    for step in range(50):
        arrivals.put([numbered(30, HEAVY, 30 * step), numbered(1, LIGHT, step)], KNOWN)
        for _ in range(2):
            arrival = arrivals.next()
            assert arrival is not None
            taken.append(arrival)
    taken += all_of(arrivals)
    for remote, count in ((HEAVY, 1500), (LIGHT, 50)):
        numbers = [
            int.from_bytes(data[1:], "big") for datagrams, source, _ in taken if source == remote for data in datagrams
        ]
        assert numbers == list(range(count))
    assert arrivals.dropped == 0


def test_who_sends_too_much_loses_it_and_others_lose_nothing() -> None:
    arrivals = Arrivals()
    arrivals.put([numbered(PEER_MAX + 10, HEAVY), numbered(STRANGERS_MAX + 5, STRANGER)], KNOWN)
    assert arrivals.dropped == 15
    arrivals.put([numbered(1, HEAVY), numbered(1, LIGHT)], KNOWN)
    assert arrivals.dropped == 16
    assert arrivals.count == PEER_MAX + STRANGERS_MAX + 1
    assert any(remote == LIGHT for _, remote, _ in all_of(arrivals))


def test_many_peers_together_hold_a_bounded_number() -> None:
    arrivals = Arrivals()
    peers: list[SocketAddress] = [("192.0.2.9", port) for port in range(4000)]
    for peer in peers:
        arrivals.put([numbered(100, peer)], peers)
    assert ROOMY < arrivals.count <= ARRIVALS_MAX
    assert arrivals.count + arrivals.dropped == 400_000
    waiting = Counter(remote for datagrams, remote, _ in all_of(arrivals) for _ in datagrams)
    assert [waiting[peer] for peer in peers[50:60]] == [PEER_SHARE] * 10
    assert arrivals.count == 0
    assert not arrivals._peers


def test_messages_in_the_clear_in_a_peers_name_wait_with_the_strangers() -> None:
    arrivals = Arrivals()
    forged: Arrival = ([b"\x25forged"], LIGHT, b"")
    arrivals.put([forged] * (STRANGERS_MAX + 1000), KNOWN)
    arrivals.put([([b""], LIGHT, b""), numbered(3, LIGHT)], KNOWN)
    assert arrivals.dropped == 1001
    assert [arrivals.next(), arrivals.next()] == [forged, numbered(3, LIGHT)]
