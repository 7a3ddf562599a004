"""How much a peer can hold: what a reference library holds by default, or what one of ours announced."""

import pytest

from gamesockets.send.peer_window import (
    ANNOUNCED_MAX_BYTES,
    ANNOUNCED_MIN_BYTES,
    OUR_HOLES_MAX,
    PEER_BUFFER_BYTES,
    PEER_HOLES_ADAPTIVE,
    PEER_HOLES_MAX,
    PeerWindow,
)


def test_an_unknown_peer_is_a_reference_library_with_default_settings() -> None:
    window = PeerWindow()
    assert window.stream_bytes == PEER_BUFFER_BYTES == 1 << 20
    assert (window.holes(False), window.holes(True)) == (PEER_HOLES_MAX, PEER_HOLES_ADAPTIVE) == (24, 29)


@pytest.mark.rule("2, 2.16 rule 28")
@pytest.mark.parametrize(
    ("announced", "believed"),
    [(4 << 20, 4 << 20), (1, ANNOUNCED_MIN_BYTES), (0xFFFF_FFFF, ANNOUNCED_MAX_BYTES), (16 << 20, 16 << 20)],
)
def test_what_a_peer_of_ours_announces_holds_within_reason(announced: int, believed: int) -> None:
    window = PeerWindow()
    window.announce(announced)
    assert window.stream_bytes == believed
    assert window.holes(True) == window.holes(False) == OUR_HOLES_MAX


@pytest.mark.rule("2, 2.16 rule 27")
def test_a_window_is_tight_that_lasts_for_little_more_than_two_round_trips() -> None:
    window = PeerWindow()
    assert window.is_tight(20_000_000, 50_000)
    assert not window.is_tight(2_000_000, 50_000)
    window.announce(16 << 20)
    assert not window.is_tight(20_000_000, 50_000)


def test_a_window_is_narrow_that_lasts_for_a_few_round_trips() -> None:
    window = PeerWindow()
    window.announce(16 << 20)
    assert window.is_narrow(60_000_000, 50_000)
    assert not window.is_tight(60_000_000, 50_000)
    assert not window.is_narrow(50_000_000, 50_000)
