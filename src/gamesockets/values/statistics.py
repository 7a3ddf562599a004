"""What has a listen socket, or everything together, refused and dropped, and why?"""

from dataclasses import dataclass, fields
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts since the beginning, which only grow, except for the first two. Two of them can be added.

    Attributes:
        connections: how many there are now, those included that are ending.
        memory_bytes: what connections have been allowed to hold now beyond 32 KiB each (`LISTEN_MEMORY_MAX`).
        malformed: datagrams that are none of this protocol or do not parse.
        stray: datagrams from an address or for a connection that is not known here.
        ignored: messages that are well-formed, but mean nothing in the state the connection was in.
        undecryptable: data packets that did not open with the connection's key.
        duplicates: data packets whose number was received before, or is too old to tell.
        bad_challenges: connect requests with an expired or wrong challenge.
        bad_requests: connect requests whose identity, certificate or key exchange was refused.
        no_room: connect requests turned away because there are too many connections (`LISTEN_CONNECTIONS_MAX`).
        no_room_for_address: the same for their address or network (`LISTEN_ADDRESS_CONNECTIONS_MAX`).
        no_room_to_wait: connect requests dropped because too many wait, also to be accepted (`LISTEN_WAITING_MAX`).
        too_fast: connect requests dropped unread, or too old when it was their turn (`LISTEN_HANDSHAKES_PER_SECOND`).
        too_fast_for_address: the same for their address or network (`LISTEN_ADDRESS_HANDSHAKES_PER_SECOND`).
        replies_dropped: replies to strangers that were not sent because too many were owed at once.
        replies_limited: other answers in the clear that were not sent because their budget was used up.
        queue_full: how often messages were refused because the application has not read those before
            (`RECV_BUFFER_SIZE`, `RECV_BUFFER_MESSAGES`), or reached too far ahead.
        over_budget: how often parts of messages were refused because one connection holds too many
            (`RECV_INCOMPLETE_SIZE`) or all together do (`LISTEN_MEMORY_MAX`).
        memory_full: how often connections together held too much (`LISTEN_MEMORY_MAX`).
        evicted: connections that were ended because of that.
        messages_expired: unreliable messages that were given up because the rest of them did not come.
        send_errors: datagrams that the system refused to send.
        receive_errors: errors that came in the place of a datagram.
        oversize_dropped: datagrams longer than this protocol has.
        overload_dropped: datagrams that were dropped unread because more came than could be served, of those who sent
            most, or of strangers.
        locals_refused: datagrams that could not leave from the local address that their peer knows, and left from
            another one.
    """

    connections: int = 0
    memory_bytes: int = 0
    malformed: int = 0
    stray: int = 0
    ignored: int = 0
    undecryptable: int = 0
    duplicates: int = 0
    bad_challenges: int = 0
    bad_requests: int = 0
    no_room: int = 0
    no_room_for_address: int = 0
    no_room_to_wait: int = 0
    too_fast: int = 0
    too_fast_for_address: int = 0
    replies_dropped: int = 0
    replies_limited: int = 0
    queue_full: int = 0
    over_budget: int = 0
    memory_full: int = 0
    evicted: int = 0
    messages_expired: int = 0
    send_errors: int = 0
    receive_errors: int = 0
    oversize_dropped: int = 0
    overload_dropped: int = 0
    locals_refused: int = 0

    def __add__(self, other: "Statistics") -> "Statistics":
        if not isinstance(other, Statistics):
            return NotImplemented
        return Statistics(*[getattr(self, field.name) + getattr(other, field.name) for field in fields(self)])
