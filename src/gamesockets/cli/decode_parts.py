"""What are the parts of a datagram, as plain values that can be printed or written as JSON?

Numbers stay as they stand on the wire, where many are only the lower bits of the full ones. Encrypted parts stay closed
unless there are keys for them.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias, final

from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from gamesockets.observe.session_keys import SessionKeys
from gamesockets.wire import datagram, frames, packet
from gamesockets.wire.messages_pb2 import Certificate, CryptInfo

Parts: TypeAlias = dict[str, Any]

DATA_BYTES: Final = 32
"""Of a message's bytes so many are shown."""

_KINDS: Final = {
    datagram.CHALLENGE_REQUEST: "ChallengeRequest",
    datagram.CHALLENGE_REPLY: "ChallengeReply",
    datagram.CONNECT_REQUEST: "ConnectRequest",
    datagram.CONNECT_OK: "ConnectOK",
    datagram.CONNECTION_CLOSED: "ConnectionClosed",
    datagram.NO_CONNECTION: "NoConnection",
}
_PADDED: Final = frozenset((datagram.CHALLENGE_REQUEST, datagram.CONNECTION_CLOSED))
_PADDED_HEADER_BYTES: Final = 3
_TEXTS: Final = frozenset(("debug", "identity_string", "generic_string", "ip_addresses"))
_SERIALIZED: Final[dict[tuple[str, str], type[Message]]] = {
    ("CertificateSigned", "cert"): Certificate,
    ("CryptInfoSigned", "info"): CryptInfo,
}
"""Messages that travel as bytes inside others, because a signature covers them."""


def datagram_parts(
    data: bytes, is_encrypted: bool = True, whole: bool = False, keys: SessionKeys | None = None
) -> Parts:
    """The parts of a UDP payload; with `fault` when it is malformed. `whole` shows messages to their end."""
    if not data:
        return {"kind": "empty", "bytes": 0, "fault": "there is nothing in it"}
    if data[0] & packet.FLAG_DATA:
        return _data_packet(data, is_encrypted, whole, keys)
    kind = _KINDS.get(data[0])
    if kind is None:
        fault = f"the first byte 0x{data[0]:02x} begins neither a data packet nor a control message"
        return {"kind": "unknown", "bytes": len(data), "fault": fault}
    parts: Parts = {"kind": kind, "bytes": len(data)}
    message = datagram.decode_control(data)
    if message is None:
        return parts | {"fault": _control_fault(data)}
    if data[0] in _PADDED:
        parts["padding_bytes"] = len(data) - _PADDED_HEADER_BYTES - int.from_bytes(data[1:3], "little")
    return parts | {"fields": message_parts(message)}


def frames_parts(payload: bytes, whole: bool = False) -> Parts:
    """The frames in the plaintext of a data packet; with `fault` when it cannot be decoded to its end."""
    sink = FrameParts(whole)
    fault = frames.decode(payload, sink)
    found: Parts = {"frames": sink.found}
    return found | {"fault": fault} if fault else found


def message_parts(message: Message) -> Parts:
    """The fields of a protobuf message that are present, those inside its inner messages too."""
    found: Parts = {}
    for field, value in message.ListFields():
        name = field.name
        if isinstance(value, (int, bytes, Message)):
            found[name] = _value(message, field, value)
        else:
            found[name] = [_value(message, field, each) for each in value]
    unknown = len(UnknownFieldSet(message))
    if unknown:
        found["unknown_fields"] = unknown
    return found


def _value(message: Message, field: Any, value: int | bytes | Message) -> Any:
    if isinstance(value, Message):
        return message_parts(value)
    if isinstance(value, int):
        known = field.enum_type.values_by_number.get(value) if field.enum_type is not None else None
        return known.name if known is not None else value
    if field.name in _TEXTS:
        return value.decode("utf-8", "replace")
    inner_type = _SERIALIZED.get((message.DESCRIPTOR.name, field.name))
    if inner_type is None:
        return value.hex()
    inner = inner_type()
    try:
        inner.ParseFromString(value)
    except DecodeError:
        return {"fault": "cannot be parsed", "hex": value.hex()}
    return message_parts(inner)


def _data_packet(data: bytes, is_encrypted: bool, whole: bool, keys: SessionKeys | None) -> Parts:
    parts: Parts = {"kind": "Data", "bytes": len(data)}
    wire_number, stats, time_since_previous_us, chunk = packet.split_packet(data)
    if wire_number < 0:
        return parts | {"fault": "the header is cut short"}
    parts["to_connection_id"] = int.from_bytes(data[1:5], "little")
    parts["packet_number_low_bits"] = wire_number
    if stats:
        decoded = datagram.decode_stats(stats)
        parts["stats"] = message_parts(decoded) if decoded is not None else {"fault": "cannot be parsed"}
    if time_since_previous_us != packet.NO_TIME:
        parts["time_since_previous_us"] = time_since_previous_us
    parts["chunk_bytes"] = len(chunk)
    parts["encrypted"] = is_encrypted
    if not is_encrypted:
        return parts | frames_parts(chunk, whole)
    opened = None if keys is None else keys.open(parts["to_connection_id"], wire_number, chunk)
    if opened is None:
        return parts
    number, plaintext = opened
    return parts | {"packet_number": number} | frames_parts(plaintext, whole)


def _control_fault(data: bytes) -> str:
    """Why `decode_control` refused a datagram whose first byte it knows."""
    if len(data) < datagram.MINIMUM_DATAGRAM_BYTES:
        return f"shorter than {datagram.MINIMUM_DATAGRAM_BYTES} bytes"
    if data[0] in _PADDED:
        if len(data) < datagram.PADDED_MINIMUM_BYTES:
            return f"not padded to {datagram.PADDED_MINIMUM_BYTES} bytes"
        length = int.from_bytes(data[1:3], "little")
        if not 0 < length <= len(data) - _PADDED_HEADER_BYTES:
            return f"its message cannot have {length} bytes"
    return "its message cannot be parsed"


@final
class FrameParts(frames.FrameSink):
    """Gathers the frames of one payload."""

    __slots__ = ("_shown_bytes", "found")

    def __init__(self, whole: bool = False) -> None:
        self._shown_bytes: int | None = None if whole else DATA_BYTES
        self.found: list[Parts] = []

    def unreliable(self, number_bits: int, number: int, offset: int, is_last: bool, data: bytes) -> bool:
        self.found.append(
            {
                "frame": "unreliable",
                **_number("message_number", number_bits, number),
                "offset": offset,
                "last": is_last,
                **self._data(data),
            }
        )
        return True

    def reliable(self, position_bits: int, position: int, data: bytes) -> bool:
        self.found.append({"frame": "reliable", **_number("position", position_bits, position), **self._data(data)})
        return True

    def ack(self, latest_bits: int, latest: int, delay: int, blocks: list[frames.AckBlock]) -> bool:
        delay_us = None if delay == frames.ACK_DELAY_UNKNOWN else delay << frames.ACK_DELAY_SHIFT
        self.found.append(
            {
                "frame": "ack",
                **_number("latest", latest_bits, latest),
                "delay_us": delay_us,
                "blocks": [list(block) for block in blocks],
            }
        )
        return True

    def stop_waiting(self, offset: int) -> bool:
        self.found.append({"frame": "stop_waiting", "offset": offset})
        return True

    def select_lane(self, lane: int) -> bool:
        self.found.append({"frame": "select_lane", "lane": lane})
        return True

    def _data(self, data: bytes) -> Parts:
        return {"bytes": len(data), "data": data[: self._shown_bytes].hex()}


def _number(name: str, bits: int, number: int) -> Parts:
    """A number with the width it has on the wire; the first of a kind is truncated, later ones are relative to it."""
    return {f"{name}_increment": number} if bits == frames.RELATIVE else {name: number, f"{name}_bits": bits}
