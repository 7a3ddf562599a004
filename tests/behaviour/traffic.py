"""What do the two sides send, and how does each know what the other should have received?

Message contents follow from a seed and a size alone, so only seeds and sizes travel to the process of the
reference library, and only sizes and digests come back.
"""

from __future__ import annotations

import hashlib
import itertools
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.interop.gns import Send


class Outgoing(NamedTuple):
    """A message to send; its content is `content(seed, size)`."""

    seed: int
    size: int
    flags: int = Send.UNRELIABLE
    lane: int = 0


class Received(NamedTuple):
    """A message that arrived, in the order in which the application got it."""

    number: int
    lane: int
    flags: int
    size: int
    digest: str


def content(seed: int, size: int) -> bytes:
    """`size` bytes that no other seed yields, and of which no part looks like another part."""
    return hashlib.shake_128(seed.to_bytes(8, "little")).digest(size)


def digest(data: bytes) -> str:
    """A short fingerprint of a message's bytes."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def expected(message: Outgoing, number: int) -> Received:
    """How a message arrives: only the reliable flag is transmitted, and unreliable ones over 16,500 bytes
    become reliable (spec 2, 2.7.1)."""
    reliable = bool(message.flags & Send.RELIABLE) or message.size > 16_500
    return Received(
        number,
        message.lane,
        Send.RELIABLE if reliable else Send.UNRELIABLE,
        message.size,
        digest(content(message.seed, message.size)),
    )


def numbered(messages: Sequence[Outgoing], numbers: Sequence[int]) -> list[Received]:
    """What should arrive, given the numbers that the sender reported; every message must have been taken."""
    assert all(number > 0 for number in numbers), f"sends refused: {sorted(set(numbers))[:3]}"
    return [expected(message, number) for message, number in zip(messages, numbers, strict=True)]


def assert_in_order(received: Iterable[Received], sent: Iterable[Received], unreliable_share: float) -> None:
    """Every reliable message came once and in the order of its lane; unreliable ones came at most once, and
    at least `unreliable_share` (0 to 1) of them did; nothing came that was not sent, nothing was altered."""
    by_key = {(message.lane, message.number): message for message in sent}
    reliable_numbers: dict[int, list[int]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for message in received:
        key = (message.lane, message.number)
        assert by_key.get(key) == message, f"got {message}, sent {by_key.get(key)}"
        assert key not in seen, f"delivered twice: {message}"
        seen.add(key)
        if message.flags & Send.RELIABLE:
            reliable_numbers[message.lane].append(message.number)
    for lane, numbers in reliable_numbers.items():
        assert numbers == sorted(numbers), f"lane {lane} is out of order: {first_disorder(numbers)}"
    missing = [by_key[key] for key in by_key.keys() - seen]
    lost = [message for message in missing if message.flags & Send.RELIABLE]
    assert not lost, f"{len(lost)} reliable messages never came, e.g. {min(lost)}"
    unreliable = sum(not message.flags & Send.RELIABLE for message in by_key.values())
    came = unreliable - len(missing)
    assert came >= unreliable * unreliable_share, f"only {came} of {unreliable} unreliable messages came"


def first_disorder(numbers: Sequence[int]) -> str:
    """Where an ascending sequence first fails to ascend."""
    for before, after in itertools.pairwise(numbers):
        if after <= before:
            return f"{after} after {before}"
    return "nowhere"


def reliable_count(messages: Iterable[Received]) -> int:
    """How many of the messages are reliable."""
    return sum(bool(message.flags & Send.RELIABLE) for message in messages)


def mixture(seed: int, count: int, lanes: Sequence[int], largest: int, reliable_share: float = 0.5) -> list[Outgoing]:
    """`count` messages of both kinds on `lanes`, 0 to `largest` bytes, most of them small."""
    dice = random.Random(seed)
    return [
        Outgoing(
            seed * 1_000_000 + index,
            int(largest ** dice.random()) - dice.randint(0, 1),
            Send.RELIABLE if dice.random() < reliable_share else Send.UNRELIABLE,
            dice.choice(lanes),
        )
        for index in range(count)
    ]
