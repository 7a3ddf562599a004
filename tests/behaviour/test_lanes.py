"""Do lanes keep their order, their priorities and their weights from one end to the other?"""

from __future__ import annotations

import pytest
from tests.behaviour.stage import REFERENCE_ALONE, End, Pairing, Stage, only
from tests.behaviour.traffic import Outgoing, assert_in_order, mixture, numbered
from tests.interop.gns import Config, Options, Result, Send

SLOW_ENOUGH_TO_QUEUE: Options = {
    Config.SEND_RATE_MIN: 1_000_000,
    Config.SEND_RATE_MAX: 1_000_000,
    Config.SEND_BUFFER_SIZE: 8 << 20,
    Config.RECV_BUFFER_SIZE: 8 << 20,
    Config.RECV_BUFFER_MESSAGES: 100_000,
}
SLOW_ENOUGH_TO_QUEUE_FOR_LONG: Options = {
    **SLOW_ENOUGH_TO_QUEUE,
    Config.SEND_RATE_MIN: 400_000,
    Config.SEND_RATE_MAX: 400_000,
}
"""So that on a busy machine not half of it has left before the last is queued."""
SENDERS: list[End] = ["client", "server"]


@pytest.mark.parametrize("sender", SENDERS)
def test_eight_lanes(pairing: Pairing, stage: Stage, sender: End) -> None:
    """Lanes 0 to 7 with priorities and weights: every message comes on its lane, in the order of its lane."""
    link = stage.link(pairing, SLOW_ENOUGH_TO_QUEUE)
    near, near_connection, far, far_connection = link.ends(sender)
    configured = near.configure_lanes(near_connection, [0, 0, 1, 1, 2, 2, 3, 3], [1, 2, 3, 4, 5, 6, 7, 8])
    assert configured == Result.OK
    messages = mixture(3, 800, range(8), largest=4_000)
    sent = numbered(messages, near.send(near_connection, messages))
    assert_in_order(far.wait_for_reliable(far_connection, sent), sent, unreliable_share=0.5)


@pytest.mark.rule("3, 8.2")
@pytest.mark.parametrize("sender", SENDERS)
def test_high_priority_overtakes(pairing: Pairing, stage: Stage, sender: End) -> None:
    """A message of the first class passes the bulk that waits in the second (smaller numbers go first)."""
    link = stage.link(pairing, SLOW_ENOUGH_TO_QUEUE_FOR_LONG)
    near, near_connection, far, far_connection = link.ends(sender)
    assert near.configure_lanes(near_connection, [1, 0], [1, 1]) == Result.OK
    bulk = [Outgoing(seed, 20_000, Send.RELIABLE, 0) for seed in range(40)]
    urgent = Outgoing(1_000, 1_000, Send.RELIABLE_NO_NAGLE, 1)
    sent = numbered([*bulk, urgent], near.send(near_connection, [*bulk, urgent]))
    got = far.wait_for_messages(far_connection, len(sent))
    assert_in_order(got, sent, unreliable_share=1)
    place = [message.lane for message in got].index(1)
    assert place < len(bulk) // 2, f"the urgent message came behind {place} of {len(bulk)}"


@pytest.mark.parametrize("sender", SENDERS)
def test_weights_share_the_rate(pairing: Pairing, stage: Stage, sender: End) -> None:
    """Of two busy lanes in one class, weights 1 and 3 give a quarter and three quarters."""
    link = stage.link(pairing, SLOW_ENOUGH_TO_QUEUE)
    near, near_connection, far, far_connection = link.ends(sender)
    assert near.configure_lanes(near_connection, [0, 0], [1, 3]) == Result.OK
    each = 45
    messages = [Outgoing(2 * seed + lane, 10_000, Send.RELIABLE, lane) for seed in range(each) for lane in (0, 1)]
    sent = numbered(messages, near.send(near_connection, messages))
    got = far.wait_for_messages(far_connection, len(sent))
    assert_in_order(got, sent, unreliable_share=1)
    last_heavy = max(place for place, message in enumerate(got) if message.lane == 1)
    light = sum(message.lane == 0 for message in got[:last_heavy])
    assert each / 5 < light < each / 2, f"{light} light messages came before the last of {each} heavy ones"


@pytest.mark.rule("2, 2.10 rule 7")
@only(lambda pairing: pairing != REFERENCE_ALONE)
@pytest.mark.parametrize("lanes", [[0, *range(8, 21)], [0, 7, 8, 127, 128, 200, 254]], ids=["to-20", "to-254"])
def test_lanes_from_eight_on(pairing: Pairing, stage: Stage, lanes: list[int]) -> None:
    """Ours writes lanes 8 and above correctly, which the reference library reads but cannot write (spec 2, 2.10)."""
    link = stage.link(pairing, SLOW_ENOUGH_TO_QUEUE)
    near, near_connection, far, far_connection = link.ends(pairing.ours)
    count = max(lanes) + 1
    priorities = [lane % 3 for lane in range(count)]
    assert near.configure_lanes(near_connection, priorities, [1] * count) == Result.OK
    messages = mixture(5, 600, lanes, largest=4_000)
    sent = numbered(messages, near.send(near_connection, messages))
    assert_in_order(far.wait_for_reliable(far_connection, sent), sent, unreliable_share=0.5)
