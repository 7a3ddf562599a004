"""Did the right messages arrive? Assertions that say what is missing, what came twice, and what out of order."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from gamesockets.values.message import NetworkingMessage

Received: TypeAlias = Iterable[NetworkingMessage | bytes]

_SHOWN: Final = 3
_SHOWN_BYTES: Final = 24


def assert_all_delivered(received: Received, sent: Sequence[bytes]) -> None:
    """Exactly what was sent has arrived, once each and in order: the promise of reliable messages on one lane.

    Args:
        received: messages, or their contents.
        sent: the contents, in the order of sending.

    Raises:
        AssertionError: it has not; the text says what is missing, came twice or out of order.
    """
    arrived = _contents(received)
    if arrived == list(sent):
        return
    problems = _problems(arrived, sent)
    missing = Counter(sent) - Counter(arrived)
    if missing:
        problems.insert(0, f"{missing.total()} missing, such as {_some(missing)}")
    if not problems:
        place = next(place for place, pair in enumerate(zip(arrived, sent, strict=True)) if pair[0] != pair[1])
        problems.append(f"out of order: {_short(arrived[place])} came where {_short(sent[place])} was due")
    raise AssertionError(f"{len(arrived)} of {len(sent)} messages arrived: " + "; ".join(problems))


def assert_delivered(received: Received, sent: Sequence[bytes], *, at_least: float = 0.0) -> None:
    """What has arrived was sent, and nothing came twice; order and gaps do not matter: unreliable messages.

    Args:
        received: messages, or their contents.
        sent: the contents.
        at_least: the share of them that must have arrived, 0 to 1.

    Raises:
        AssertionError: something arrived that was not sent, or twice, or too little did.
        ValueError: the share is out of range.
    """
    if not 0 <= at_least <= 1:
        raise ValueError(f"at_least must be 0..1, not {at_least!r}")
    arrived = _contents(received)
    problems = _problems(arrived, sent)
    if len(arrived) < at_least * len(sent):
        problems.append(f"at least {at_least:.1%} must")
    if problems:
        raise AssertionError(f"{len(arrived)} of {len(sent)} messages arrived: " + "; ".join(problems))


def _contents(received: Received) -> list[bytes]:
    return [message if isinstance(message, bytes) else message.data for message in received]


def _problems(arrived: list[bytes], sent: Sequence[bytes]) -> list[str]:
    extra = Counter(arrived) - Counter(sent)
    known = set(sent)
    twice = Counter({data: count for data, count in extra.items() if data in known})
    foreign = extra - twice
    problems = []
    if twice:
        problems.append(f"{twice.total()} too often, such as {_some(twice)}")
    if foreign:
        problems.append(f"{foreign.total()} that nobody sent, such as {_some(foreign)}")
    return problems


def _some(counted: Counter[bytes]) -> str:
    return ", ".join([_short(data) for data in list(counted)[:_SHOWN]])


def _short(data: bytes) -> str:
    return repr(data) if len(data) <= _SHOWN_BYTES else f"{data[:_SHOWN_BYTES]!r}... ({len(data)} bytes)"
