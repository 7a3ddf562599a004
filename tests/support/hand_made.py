"""The recorded hand-made cases: odd payloads, and what the reference library made of them, as values."""

from typing import Any, Final

from tests.support.recorded import load

UNUSUAL: Final = "snp-unusual-but-valid"
MALFORMED: Final = "snp-malformed-and-limits"

CASES: Final[list[dict[str, Any]]] = [case for name in (UNUSUAL, MALFORMED) for case in load(name)["cases"]]

_BUFFER: Final = "RecvBufferSize"
_MESSAGES: Final = "RecvBufferMessages"
_MESSAGE: Final = "RecvMaxMessageSize"
_SEGMENTS: Final = "RecvMaxSegmentsPerPacket"


def limits(case: dict[str, Any]) -> tuple[int, int, int, int]:
    """RecvBufferSize, RecvBufferMessages, RecvMaxMessageSize, RecvMaxSegmentsPerPacket of the receiver."""
    config = case.get("receiver_config", {})
    assert set(config) <= {_BUFFER, _MESSAGES, _MESSAGE, _SEGMENTS}
    return (
        config.get(_BUFFER, 1_048_576),
        config.get(_MESSAGES, 1000),
        config.get(_MESSAGE, 524_288),
        config.get(_SEGMENTS, 1300),
    )


def is_body(data: bytes, row: dict[str, Any], case: dict[str, Any]) -> bool:
    """Whether a delivered message has the recorded body: in full, or its size and bytes that were in a payload."""
    if "hex" in row:
        return data == bytes.fromhex(row["hex"])
    return len(data) == row["size"] and any(data.hex() in packet["payload_hex"] for packet in case["packets"])
