"""What has an endpoint counted, its connections included?"""

from gamesockets.endpoint.endpoint import Endpoint
from gamesockets.values.statistics import Statistics


def statistics_of(endpoint: Endpoint) -> Statistics:
    """Counts since the beginning; those of the socket stay 0."""
    counters = endpoint.counters
    receivers = [connection.traffic.receiver for connection in endpoint.connections.values()]
    return Statistics(
        connections=len(receivers),
        memory_bytes=endpoint.memory.granted_bytes,
        malformed=counters.malformed,
        stray=counters.stray,
        ignored=counters.ignored,
        undecryptable=counters.undecryptable,
        duplicates=counters.duplicates,
        bad_challenges=counters.bad_challenges,
        bad_requests=counters.bad_requests,
        no_room=counters.no_room,
        no_room_for_address=counters.no_room_for_address,
        no_room_to_wait=counters.no_room_to_wait,
        too_fast=counters.too_fast,
        too_fast_for_address=counters.too_fast_for_address,
        replies_dropped=counters.replies_dropped,
        replies_limited=counters.replies_limited,
        queue_full=counters.queue_full + sum([receiver.queue_full for receiver in receivers]),
        over_budget=counters.over_budget + sum([receiver.over_budget for receiver in receivers]),
        memory_full=endpoint.memory.refused,
        evicted=counters.evicted,
        messages_expired=counters.messages_expired + sum([receiver.pieces_expired for receiver in receivers]),
    )
