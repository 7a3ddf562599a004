"""Frames of data packets, put together in the ways that hostile peers like."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gamesockets.wire.frames import encode_reliable, encode_select_lane, encode_unreliable, with_size

ROOM: Final = 1200
"""Bytes of a full payload."""


def whole(data: bytes, number: int, lane: int = 0) -> bytes:
    """A message. Selecting a lane, even the same again, lets the number be any, not only a higher one."""
    return encode_select_lane(lane) + with_size(encode_unreliable(16, number, 0, True), len(data)) + data


def piece(number: int, offset: int, data: bytes, is_last: bool = False, lane: int = 0) -> bytes:
    """A fragment of an unreliable message."""
    return encode_select_lane(lane) + with_size(encode_unreliable(16, number, offset, is_last), len(data)) + data


def segment(position: int, data: bytes, lane: int = 0) -> bytes:
    """Bytes of the reliable stream of a lane."""
    return encode_select_lane(lane) + with_size(encode_reliable(48, position), len(data)) + data


def filled(frames: Iterable[bytes]) -> bytes:
    """As many of the frames as one payload takes."""
    payload = b""
    for frame in frames:
        if len(payload) + len(frame) > ROOM:
            break
        payload += frame
    return payload
