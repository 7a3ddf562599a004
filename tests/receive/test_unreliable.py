"""Pieces of unreliable messages: a message comes out when all of it is there, and memory stays bounded."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import chances, fast, scripts

from gamesockets.receive.unreliable import PIECES_MAX, UnreliableReassembly


class PieceMap:
    """Spec 2, 2.5.1 as it is written: an ordered map from (number, offset) to a piece."""

    def __init__(self) -> None:
        self.pieces: dict[tuple[int, int], tuple[bool, bytes]] = {}

    def insert(self, number: int, offset: int, is_last: bool, data: bytes) -> bytes | None:
        if len(self.pieces) > 20:
            lowest = min(self.pieces)[0]
            self.pieces = {key: piece for key, piece in self.pieces.items() if key[0] != lowest}
        if (number, offset) in self.pieces:
            return None
        self.pieces[number, offset] = (is_last, data)
        reached = 0
        whole: dict[int, int] = {}
        for key in sorted(key for key in self.pieces if key[0] == number):
            ends_here, piece = self.pieces[key]
            if key[1] > reached:
                return None
            reached = max(reached, key[1] + len(piece))
            whole.update({key[1] + place: byte for place, byte in enumerate(piece)})
            if ends_here:
                self.pieces = {key: piece for key, piece in self.pieces.items() if key[0] != number}
                return bytes(whole[place] for place in range(reached))
        return None


@pytest.mark.rule("2, 2.5.1 rule 4", "2, 2.5.1 rule 5")
@fast
@given(scripts(st.tuples(st.integers(1, 6), st.integers(0, 8), st.booleans(), st.binary(max_size=5))))
def test_any_pieces_give_what_the_specification_says(pieces: list[tuple[int, int, bool, bytes]]) -> None:
    """Overlaps, repetitions with other content, several ends, evictions: all as in the model."""
    reassembly = UnreliableReassembly()
    model = PieceMap()
    for piece in pieces:
        assert reassembly.insert(*piece) == model.insert(*piece)


@pytest.mark.rule("2, 2.5.1 rule 6")
@fast
@given(
    st.lists(st.binary(min_size=2, max_size=28), min_size=1, max_size=3),  # 21 pieces at most: none has to make room
    st.integers(4, 15),
    chances,
)
def test_cut_messages_in_any_order_and_repeated_come_out_once_and_whole(
    messages: list[bytes], size: int, chance: random.Random
) -> None:
    pieces = [
        (number, begin, begin + size >= len(message), message[begin : begin + size])
        for number, message in enumerate(messages, 1)
        for begin in range(0, len(message), size)
    ]
    chance.shuffle(pieces)
    out: dict[int, bytes] = {}
    reassembly = UnreliableReassembly()
    for piece in pieces:
        for _ in range(1 if piece[0] in out else chance.randint(1, 2)):
            if piece[0] in out:
                break
            whole = reassembly.insert(*piece)
            if whole is not None:
                out[piece[0]] = whole
    assert out == dict(enumerate(messages, 1))


@pytest.mark.rule("2, 2.5.1 rule 3")
def test_the_pieces_of_the_lowest_message_make_room_even_for_itself() -> None:
    """At most 21 pieces are held (spec 2, 2.5.1)."""
    reassembly = UnreliableReassembly()
    for offset in range(1, PIECES_MAX + 2):
        assert reassembly.insert(5, offset, False, b"x") is None
    assert reassembly.insert(5, PIECES_MAX + 2, True, b"x") is None
    assert reassembly.insert(5, 0, False, b"x") is None, "its middle was thrown away"
    assert reassembly.insert(5, 1, False, b"y" * (PIECES_MAX + 1)) == b"x" + b"y" * (PIECES_MAX + 1) + b"x"


def test_newer_messages_survive_an_eviction() -> None:
    reassembly = UnreliableReassembly()
    assert reassembly.insert(9, 0, False, b"ab") is None
    for number in range(1, PIECES_MAX + 1):
        assert reassembly.insert(number, 0, False, b"x") is None
    assert reassembly.insert(30, 0, False, b"x") is None
    assert reassembly.insert(9, 2, True, b"c") == b"abc"
    assert reassembly.insert(1, 1, True, b"y") is None, "message 1 was the lowest"
    assert reassembly.insert(2, 1, True, b"y") == b"xy"


@pytest.mark.rule("2, 2.5.1 rule 5")
@pytest.mark.parametrize("end", [b"", b"z"])
def test_a_message_ends_with_its_last_piece_even_an_empty_one(end: bytes) -> None:
    reassembly = UnreliableReassembly()
    assert reassembly.insert(1, 2, True, end) is None
    assert reassembly.insert(1, 0, False, b"ab") == b"ab" + end


@pytest.mark.rule("2, 2.5.1 rule 3")
def test_memory_is_bounded() -> None:
    """However many first pieces of different messages come: what an attacker can make us keep is 21 pieces."""
    reassembly = UnreliableReassembly()
    for number in range(1, 2000):
        assert reassembly.insert(number, 0, False, bytes(1200)) is None
    alive = [number for number in range(1, 2000) if reassembly.insert(number, 1200, True, b"") is not None]
    assert len(alive) <= PIECES_MAX + 1
