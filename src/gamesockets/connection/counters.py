"""How many datagrams were dropped, and why? A malformed datagram costs its sender nothing but a count here."""

from typing import final


@final
class Counters:
    """Plain counts, only ever increased; shared by an endpoint and its connections."""

    __slots__ = (
        "bad_challenges",
        "bad_requests",
        "duplicates",
        "evicted",
        "ignored",
        "malformed",
        "messages_expired",
        "no_room",
        "no_room_for_address",
        "no_room_to_wait",
        "over_budget",
        "queue_full",
        "replies_dropped",
        "replies_limited",
        "stray",
        "too_fast",
        "too_fast_for_address",
        "undecryptable",
    )

    def __init__(self) -> None:
        self.malformed = 0
        """Not a datagram of this protocol, or one that does not parse."""
        self.stray = 0
        """From an address or for a connection id that is not known here."""
        self.bad_challenges = 0
        """Connect requests with an expired or wrong challenge."""
        self.bad_requests = 0
        """Connect requests whose identity, certificate or key exchange was refused."""
        self.no_room = 0
        """Connect requests turned away because too many connections exist."""
        self.no_room_for_address = 0
        """Connect requests turned away because too many connections exist with their address or network."""
        self.no_room_to_wait = 0
        """Connect requests dropped because many wait, and too many connections for the application's decision."""
        self.too_fast = 0
        """Connect requests dropped unread because too many wait, or too old when it was their turn."""
        self.too_fast_for_address = 0
        """Connect requests dropped unread because too many came in a short time from their address or network."""
        self.ignored = 0
        """Well-formed, but meaningless in the state the connection was in."""
        self.undecryptable = 0
        """Data packets that did not open with the connection's key."""
        self.duplicates = 0
        """Data packets whose number was received before, or is too old to tell."""
        self.replies_dropped = 0
        """Replies to strangers that were not sent because too many were owed at once."""
        self.replies_limited = 0
        """Other answers in the clear that were not sent because their budget was used up."""
        self.evicted = 0
        """Connections that were ended because all together held too much."""
        self.queue_full = 0
        """Messages or segments refused by connections that are gone, because their queue was full."""
        self.over_budget = 0
        """Segments refused by connections that are gone, because they took too much memory."""
        self.messages_expired = 0
        """Unreliable messages given up by connections that are gone, because no further piece came."""
