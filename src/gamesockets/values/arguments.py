"""Which error does a bad argument raise? One that gives its name, its value, and what is allowed."""

from collections.abc import Iterable, Mapping, Sequence
from inspect import iscoroutinefunction
from operator import index
from typing import Any, Final, TypeVar

from gamesockets.values.limits import (
    CONNECTION_NAME_BYTES_MAX,
    HORIZON_MAX_S,
    LANE_WEIGHT_MAX,
    LANES_MAX,
    MAX_MESSAGE_BYTES,
)
from gamesockets.values.moments import US_PER_SECOND
from gamesockets.values.records import MessageData, OutgoingMessage

_T = TypeVar("_T")

_INT32_END: Final = 1 << 31

REASON_MIN: Final = 1000
REASON_MAX: Final = 2999
SECONDS_MAX: Final = 1_000_000
"""More is a mistake in the unit."""


def check_type(name: str, value: object, expected: type[Any] | tuple[type[Any], ...]) -> None:
    """Raises `TypeError` for a value of another type."""
    if not isinstance(value, expected):
        kinds = expected if isinstance(expected, tuple) else (expected,)
        raise TypeError(f"{name} must be {' or '.join(kind.__name__ for kind in kinds)}, not {value!r:.100}")


def check_admit(admit: object) -> None:
    """Raises `TypeError` for what cannot say at once whether a client may come in; None lets all in."""
    if admit is not None and not callable(admit):
        raise TypeError(f"admit must be a function of a ConnectionInfo, or None, not {type(admit).__name__}")
    if iscoroutinefunction(admit):
        raise TypeError("admit must be an ordinary function, not an async one: the client is answered at once")


def check_range(name: str, value: int, minimum: int, maximum: int) -> None:
    """Raises `TypeError` for what is no integer, `ValueError` for one out of range."""
    check_type(name, value, int)
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} must be an integer in {minimum}..{maximum}, not {value!r}")


def check_reason(reason: int) -> None:
    """Raises `TypeError` or `ValueError` for a number that no application may close a connection with (spec 3, 5.2)."""
    check_type("reason", reason, int)
    if reason and not REASON_MIN <= reason <= REASON_MAX:
        raise ValueError(
            f"reason must be 0 or in {REASON_MIN}..{REASON_MAX}, not {reason!r:.40}: 1000..1999 for a normal end, "
            "2000..2999 if something went wrong"
        )


def seconds_as_us(name: str, seconds: float) -> int:
    """A time in microseconds; `TypeError` for what is no number, `ValueError` for one that is negative or too large."""
    check_type(name, seconds, (int, float))
    if not 0 <= seconds <= SECONDS_MAX:
        raise ValueError(f"{name} must be in 0..{SECONDS_MAX} seconds, not {seconds!r}")
    return int(seconds * 1_000_000)


def check_handle(handle: object, kind: str) -> None:
    """Raises `TypeError` for what cannot be a handle, such as None. Called only when nothing was found under it."""
    if not isinstance(handle, int):
        raise TypeError(f"{kind} must be a handle, which is an int, not {handle!r:.100}")


def find(objects: Mapping[int, _T], handle: int, kind: str) -> _T | None:
    """The object with this handle; None for an unknown one, `TypeError` for what cannot be a handle."""
    try:
        found = objects.get(handle)
    except TypeError:
        found = None
    if found is None:
        check_handle(handle, kind)
    return found


def plain_number(name: str, value: int) -> int:
    """An int without an enumeration around it, whose arithmetic would be slow; `TypeError` for anything else."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} must be int, not {value!r:.100}") from None


def horizon_us(horizon: float) -> int:
    """A span of seconds, 0 to `HORIZON_MAX_S`, in microseconds; `TypeError`, or `ValueError` for another number."""
    check_type("horizon", horizon, (int, float))
    if not 0 <= horizon <= HORIZON_MAX_S:
        raise ValueError(f"horizon must be 0..{HORIZON_MAX_S} seconds, not {horizon!r}")
    return round(horizon * US_PER_SECOND)


def numbers(name: str, values: Sequence[int]) -> list[int]:
    """A sequence of integers as a list; `TypeError` for anything else."""
    check_type(name, values, Sequence)
    return [plain_number(f"{name}[{place}]", value) for place, value in enumerate(values)]


def handle_numbers(name: str, handles: Iterable[int]) -> list[int]:
    """Handles as a list; `TypeError` for what cannot be a handle."""
    check_type(name, handles, Iterable)
    found = list(handles)
    try:
        return [index(handle) for handle in found]
    except TypeError:
        for place, handle in enumerate(found):
            check_handle(handle, f"{name}[{place}]")
        raise


def check_connection_name(name: str) -> None:
    """Raises `TypeError` for what is no text, `ValueError` for a text that is too long to be a name."""
    check_type("name", name, str)
    size_bytes = len(name.encode("utf-8", "replace"))
    if size_bytes > CONNECTION_NAME_BYTES_MAX:
        raise ValueError(f"name {name!r} has {size_bytes} bytes, at most {CONNECTION_NAME_BYTES_MAX} are allowed")


def are_lanes(priorities: Sequence[int], weights: Sequence[int]) -> bool:
    """Whether these lanes can be configured: 1..255 signed 32-bit priorities, and for each a weight of 1..65535."""
    return (
        1 <= len(priorities) <= LANES_MAX
        and len(weights) == len(priorities)
        and all(1 <= weight <= LANE_WEIGHT_MAX for weight in weights)
        and all(-_INT32_END <= priority < _INT32_END for priority in priorities)
    )


def explain_send(connection: int, flags: int, lane: int) -> None:
    """Raises a `TypeError` that names the argument of a send that has a wrong type, if there is one."""
    check_handle(connection, "connection")
    plain_number("flags", flags)
    plain_number("lane", lane)


def check_message_size(data: bytes) -> None:
    """Raises `ValueError` for a message that is too large to be sent."""
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message has at most {MAX_MESSAGE_BYTES} bytes, not {len(data)}")


def to_bytes(data: MessageData) -> bytes:
    """A copy of a message's payload, the bytes of any C-contiguous buffer; `TypeError` for anything else."""
    if type(data) is bytes:
        return data
    try:
        view = memoryview(data)
    except TypeError:
        what_to_do = ": text.encode() makes bytes of a text" if isinstance(data, str) else ""
        raise TypeError(f"data must be bytes or another buffer, not {type(data).__name__}{what_to_do}") from None
    with view:
        if not view.c_contiguous:
            raise TypeError(f"data must be contiguous in memory (C order), not {data!r:.100}")
        return view.tobytes()


def outgoing(messages: Iterable[OutgoingMessage]) -> list[tuple[int, bytes, int, int]]:
    """Handle, payload, flags and lane of each message of a batch.

    All are checked before the caller queues the first one, so a `TypeError` means that none was queued.
    """
    check_type("messages", messages, Sequence)
    try:
        return [
            (index(message.connection), to_bytes(message.data), index(message.flags), index(message.lane))
            for message in messages
        ]
    except (TypeError, AttributeError):  # checking one by one is slow, so only after a failure
        for place, message in enumerate(messages):
            check_type(f"messages[{place}]", message, OutgoingMessage)
            check_handle(message.connection, f"messages[{place}].connection")
            plain_number(f"messages[{place}].flags", message.flags)
            plain_number(f"messages[{place}].lane", message.lane)
        raise
