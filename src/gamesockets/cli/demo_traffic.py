"""What do the two sides of the demo send each other, and did it all arrive as it must?

Every message is one line of text, so that anyone can read what crosses: a kind, a number, and words. Reliable
ones (`event`, `chat`, `map`) share one sequence per direction and must arrive complete and in order;
unreliable ones (`move`) may get lost, never damaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

MAP_BYTES: Final = 12_000  # now and then a message that takes many packets
MAP_EVERY: Final = 40  # every so many reliable messages
CHAT_EVERY: Final = 50  # the server speaks in the middle between two lines of the client

CONVERSATION: Final = (
    "anyone out there?",
    "yes, and I can hear you through the noise",
    "some packets get lost on the way...",
    "...and this line still came, in order, exactly once",
    "and nobody on the path can read it",
    "fresh keys for every connection: X25519, then AES-256-GCM",
    "positions travel unreliably: a newer one is better than an old one",
    "and chat travels reliably: every word counts",
)


@final
@dataclass(frozen=True, slots=True)
class Counts:
    """Messages of one side so far. `misordered`: reliable ones that came twice, late, early or damaged."""

    sent_reliable: int
    sent_unreliable: int
    received_reliable: int
    received_unreliable: int
    misordered: int
    damaged: int


@final
class Traffic:
    """Makes the messages of one side and checks those of the other."""

    __slots__ = (
        "_damaged",
        "_misordered",
        "_name",
        "_received_reliable",
        "_received_unreliable",
        "_sent_reliable",
        "_sent_unreliable",
        "last_heard",
    )

    def __init__(self, name: str) -> None:
        self._name = name
        self._sent_reliable = 0
        self._sent_unreliable = 0
        self._received_reliable = 0
        self._received_unreliable = 0
        self._misordered = 0
        self._damaged = 0
        self.last_heard = ""

    @property
    def counts(self) -> Counts:
        """The counts at this moment."""
        return Counts(
            self._sent_reliable,
            self._sent_unreliable,
            self._received_reliable,
            self._received_unreliable,
            self._misordered,
            self._damaged,
        )

    def next_reliable(self) -> bytes:
        """The next reliable message, counted as sent."""
        self._sent_reliable += 1
        return reliable_message(self._name, self._sent_reliable)

    def next_unreliable(self) -> bytes:
        """The next unreliable message, counted as sent."""
        self._sent_unreliable += 1
        return unreliable_message(self._name, self._sent_unreliable)

    def receive(self, data: bytes, reliable: bool, sender: str) -> None:
        """Check and count a message of the side named `sender`."""
        if reliable:
            if data == reliable_message(sender, self._received_reliable + self._misordered + 1):
                self._received_reliable += 1
            else:
                self._misordered += 1
            if data.startswith(b"chat "):
                self.last_heard = data.decode("utf-8", "replace").split(" ", 2)[-1]
            return
        number = data.split(b" ", 2)[1:2]
        if number and number[0].isdigit() and data == unreliable_message(sender, int(number[0])):
            self._received_unreliable += 1
        else:
            self._damaged += 1


def reliable_message(name: str, number: int) -> bytes:
    """The reliable message `number` (from 1) of a side; the receiver can work it out too."""
    if number % MAP_EVERY == 0:
        head = f"map {number} {name} ".encode()
        return head + bytes(65 + (number + i) % 26 for i in range(26)) * ((MAP_BYTES - len(head)) // 26)
    turn, rest = divmod(2 * number, CHAT_EVERY)
    if rest == 2 and turn % 2 == (name != "client"):
        return f"chat {number} {name}: {CONVERSATION[turn % len(CONVERSATION)]}".encode()
    return f"event {number} {name} opened door {number % 7}".encode()


def unreliable_message(name: str, number: int) -> bytes:
    """The unreliable message `number` (from 1) of a side: where its player is."""
    return f"move {number} {name} x={number % 640} y={(number * 7) % 480}".encode()


def faults(client: Counts, server: Counts) -> list[str]:
    """What went wrong with messages that must not get lost; empty when all is well."""
    found: list[str] = []
    for receiver, mine, theirs in (("client", client, server), ("server", server, client)):
        missing = theirs.sent_reliable - mine.received_reliable - mine.misordered
        if missing:
            found.append(f"{missing} reliable messages never reached the {receiver}")
        if mine.misordered:
            found.append(f"{mine.misordered} reliable messages reached the {receiver} out of order, twice or damaged")
        if mine.damaged:
            found.append(f"{mine.damaged} unreliable messages reached the {receiver} damaged")
        if not mine.received_reliable:
            found.append(f"no reliable message reached the {receiver}")
    return found


def settled(client: Counts, server: Counts) -> bool:
    """Whether every reliable message sent so far has arrived somewhere, well or badly."""
    return (
        client.sent_reliable <= server.received_reliable + server.misordered
        and server.sent_reliable <= client.received_reliable + client.misordered
    )
