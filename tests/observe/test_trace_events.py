"""Which events does a connection over a bad network make, and do they agree with what it does?"""

import itertools
from collections import Counter
from typing import Final

import pytest

import gamesockets as gs
from gamesockets import sim
from gamesockets.observe.trace_events import EVENTS, EVERY_EVENT, SAMPLE_US, Event, EventSink, EventTrace

BY_CONNECTIONS: Final = EVENTS.keys() - {"trace", "state", "dropped", "end"}


class Events(EventSink):
    """Keeps all events."""

    def __init__(self) -> None:
        self.all: list[Event] = []

    def put(self, event: Event) -> None:
        self.all.append(event)

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.all if event["event"] == kind]


def watch(world: sim.World, connection: sim.Connection) -> Events:
    events = Events()
    connection.core.set_trace(EventTrace(connection.core, "watched", False, events, lambda: world.now_us))
    return events


def played(loss: float) -> tuple[sim.Connection, sim.Connection, Events, Events]:
    """Two ends that have sent each other much, and what was traced on both."""
    world = sim.World(seed=11, conditions=sim.Conditions(latency=0.03, loss=loss))
    client, server = world.pair()
    ours, theirs = watch(world, client), watch(world, server)
    client.configure_lanes([0, 1])
    for index in range(200):
        client.send(bytes(600), gs.SendFlags.RELIABLE, index % 2)
        server.send(bytes(300), gs.SendFlags.UNRELIABLE_NO_NAGLE)
        world.run(0.02)
    client.send(b"", gs.SendFlags.RELIABLE, 7)
    world.run(3.0)
    return client, server, ours, theirs


@pytest.fixture(scope="module")
def bad() -> tuple[sim.Connection, sim.Connection, Events, Events]:
    return played(0.1)


def test_all_events_have_the_fields_that_are_documented(
    bad: tuple[sim.Connection, sim.Connection, Events, Events],
) -> None:
    _, _, ours, theirs = bad
    seen = set()
    for event in ours.all + theirs.all:
        kind = event["event"]
        seen.add(kind)
        assert event.keys() == EVERY_EVENT.keys() | EVENTS[kind].keys()
    assert seen == BY_CONNECTIONS


def test_times_only_grow(bad: tuple[sim.Connection, sim.Connection, Events, Events]) -> None:
    for events in bad[2:]:
        times = [event["at_us"] for event in events.all]
        assert times == sorted(times)


def test_packets_add_up_to_what_was_measured(bad: tuple[sim.Connection, sim.Connection, Events, Events]) -> None:
    client, _, ours, theirs = bad
    path = client.core.sender.path
    sent = {event["number"]: event["size_bytes"] for event in ours.of("packet_sent")}
    assert sorted(sent) == list(range(min(sent), client.core.sender.flight.next_number))
    received = {event["number"] for event in theirs.of("packet_received")}
    assert received < sent.keys()
    lost = ours.of("packet_lost")
    assert len(lost) == path.lost_packets + path.late_packets
    assert all(sent[event["number"]] == event["size_bytes"] for event in lost)
    really_lost = sent.keys() - received
    assert {event["number"] for event in lost} >= {number for number in really_lost if number < max(received)}


def test_messages_arrive_as_they_were_sent(bad: tuple[sim.Connection, sim.Connection, Events, Events]) -> None:
    _, _, ours, theirs = bad
    sent = Counter((x["number"], x["lane"], x["size_bytes"], x["is_reliable"]) for x in ours.of("message_sent"))
    came = Counter((x["number"], x["lane"], x["size_bytes"], x["is_reliable"]) for x in theirs.of("message_received"))
    assert sent == came
    assert len(sent) == 200
    unreliable = theirs.of("message_sent")
    assert 150 < len(ours.of("message_received")) < len(unreliable) == 200
    [refused] = ours.of("message_refused")
    assert (refused["result"], refused["lane"]) == ("INVALID_PARAM", 7)


def test_gaps_are_in_the_acks_and_at_the_receiver(bad: tuple[sim.Connection, sim.Connection, Events, Events]) -> None:
    _, _, ours, theirs = bad
    reported = {n for x in ours.of("ack") for first, end in x["missing"] for n in range(first, end)}
    assert reported >= {x["number"] for x in ours.of("packet_lost")}
    gaps = sum(x["missing"] for x in theirs.of("packet_received") if x["missing"] > 0)
    assert gaps > 10


def test_samples_come_regularly_and_show_the_lanes(bad: tuple[sim.Connection, sim.Connection, Events, Events]) -> None:
    _, _, ours, _ = bad
    samples = ours.of("sample")
    spaces = [two["at_us"] - one["at_us"] for one, two in itertools.pairwise(samples)]
    assert min(spaces) >= SAMPLE_US
    assert {len(x["lanes"]) for x in samples[1:]} == {2}
    assert max(x["unacked_bytes"] for x in samples) > 600
    assert all(x["unacked_bytes"] == sum(unacked for _, unacked in x["lanes"]) for x in samples)
    assert all(40_000 < x["round_trip_us"] < 200_000 for x in samples)


def test_a_good_network_loses_nothing() -> None:
    _, _, ours, theirs = played(0.0)
    assert not ours.of("packet_lost")
    assert all(x["missing"] <= 0 or x["missing"] < 3 for x in theirs.of("packet_received"))


def test_nothing_of_a_message_s_contents_is_in_the_events() -> None:
    world = sim.World(seed=1)
    client, server = world.pair()
    events = watch(world, client)
    server.send(b"secret", gs.SendFlags.RELIABLE)
    client.send(b"secret", gs.SendFlags.RELIABLE)
    world.run(1.0)
    assert events.of("message_received")
    assert "secret" not in repr(events.all)
