"""Recorded traffic of two reference libraries, as values: packets, and what both applications sent and received."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tests.support.recorded import load

CAPTURES: Final = (
    "snp-ack-fragmentation",
    "snp-bidirectional",
    "snp-lanes",
    "snp-lanes-1-to-7",
    "snp-loss-retransmit",
    "snp-loss-retransmit-coalesced",
    "snp-mixed-number-gaps",
    "snp-nagle-coalesced",
    "snp-packet-size-limits",
    "snp-queued-while-connecting",
    "snp-reliable-large",
    "snp-reliable-small",
    "snp-reorder-duplicate",
    "snp-stop-waiting-16bit",
    "snp-unreliable-fragmented",
    "snp-unreliable-loss",
    "snp-unreliable-oversize",
    "snp-unreliable-single",
)

SIDES: Final = ("client", "server")
OTHER: Final = {"client": "server", "server": "client"}
SENDER: Final = {"c2s": "client", "s2c": "server"}


def content(seed: int, size: int) -> bytes:
    """The body of a recorded message: byte i is (seed * 31 + i) mod 251."""
    return bytes([(seed * 31 + index) % 251 for index in range(size)])


@dataclass(frozen=True)
class Packet:
    """One recorded packet."""

    sender: str
    number: int
    payload: bytes
    sent_at_us: int
    arrivals_us: tuple[int, ...]
    """When copies of it reached the other side; none if it was lost."""
    frames: list[dict[str, Any]]


@dataclass(frozen=True)
class Message:
    """One message as an application sent or received it."""

    side: str
    number: int
    lane: int
    reliable: bool
    data: bytes


def microseconds(milliseconds: float) -> int:
    """Recorded times are in milliseconds with three digits."""
    return round(milliseconds * 1000)


def packets(name: str) -> list[Packet]:
    """All packets of a capture in the order in which they were sent."""
    found = []
    for packet in load(name)["packets"]:
        sent_at = microseconds(packet["t_ms"])
        arrivals = [microseconds(copy) for copy in packet.get("copies_at_ms", [packet["t_ms"]])]
        found.append(
            Packet(
                SENDER[packet["dir"]],
                packet["pkt"],
                bytes.fromhex(packet["payload_hex"]),
                sent_at,
                () if packet.get("lost", False) else tuple(arrivals),
                packet["frames"],
            )
        )
    return found


def events(name: str) -> Iterator[tuple[int, bool, Packet]]:
    """(time, whether this is the sending, packet) for everything that happened, in order."""
    happened = []
    for order, packet in enumerate(packets(name)):
        happened.append((packet.sent_at_us, order, True, packet))
        happened += [(arrival, order, False, packet) for arrival in packet.arrivals_us]
    for time_us, _, is_sending, packet in sorted(happened, key=lambda event: (event[0], event[1], not event[2])):
        yield time_us, is_sending, packet


def received_by(name: str, side: str) -> list[Message]:
    """What the application of one side got, in order."""
    return [
        Message(side, row["number"], row["lane"], row["reliable"], content(row["seed"], row["size"]))
        for row in load(name)["received_by_application"]
        if row["side"] == side
    ]
