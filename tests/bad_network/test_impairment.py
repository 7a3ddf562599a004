"""Do the Fake... values reach the simulated links in their units, and do datagrams pass only while needed?"""

from random import Random

import pytest

from gamesockets.bad_network.conditions import NetworkConditions
from gamesockets.bad_network.impairment import Impairment, incoming_conditions, outgoing_conditions
from gamesockets.bad_network.link import Conditions
from gamesockets.values.moments import NEVER

ADDRESS = ("127.0.0.1", 1)
UNLIKE = NetworkConditions(
    loss_send_percent=1,
    loss_receive_percent=2,
    lag_send_ms=3,
    lag_receive_ms=4,
    jitter_send_average_ms=5,
    jitter_send_max_ms=6,
    jitter_send_percent=7,
    jitter_receive_average_ms=8,
    jitter_receive_max_ms=9,
    jitter_receive_percent=10,
    reorder_send_percent=11,
    reorder_receive_percent=12,
    reorder_time_ms=13,
    duplicate_send_percent=14,
    duplicate_receive_percent=15,
    duplicate_time_max_ms=16,
    rate_limit_send_bytes_per_second=17,
    rate_limit_send_burst_bytes=18,
    rate_limit_receive_bytes_per_second=19,
    rate_limit_receive_burst_bytes=20,
)


def test_values_for_sending() -> None:
    assert outgoing_conditions(UNLIKE) == Conditions(
        latency=0.003,
        jitter_average=0.005,
        jitter_maximum=0.006,
        jitter_probability=0.07,
        loss=0.01,
        reorder=0.11,
        reorder_delay=0.013,
        duplicate=0.14,
        duplicate_delay_maximum=0.016,
        rate_bytes_per_second=17,
        rate_burst_bytes=18,
    )


def test_values_for_receiving() -> None:
    assert incoming_conditions(UNLIKE) == Conditions(
        latency=0.004,
        jitter_average=0.008,
        jitter_maximum=0.009,
        jitter_probability=0.1,
        loss=0.02,
        reorder=0.12,
        reorder_delay=0.013,
        duplicate=0.15,
        duplicate_delay_maximum=0.016,
        rate_bytes_per_second=19,
        rate_burst_bytes=20,
    )


def test_the_defaults_are_a_perfect_network() -> None:
    assert outgoing_conditions(NetworkConditions()) == incoming_conditions(NetworkConditions()) == Conditions()
    assert not Impairment(NetworkConditions(), Random(1)).is_active


@pytest.mark.parametrize(
    "conditions",
    [
        NetworkConditions(loss_send_percent=0.5),
        NetworkConditions(loss_receive_percent=0.5),
        NetworkConditions(lag_send_ms=1),
        NetworkConditions(lag_receive_ms=1),
        NetworkConditions(jitter_send_average_ms=1),
        NetworkConditions(reorder_receive_percent=1),
        NetworkConditions(duplicate_send_percent=1),
        NetworkConditions(rate_limit_receive_bytes_per_second=1),
    ],
)
def test_any_condition_makes_it_active(conditions: NetworkConditions) -> None:
    impairment = Impairment(NetworkConditions(), Random(1))
    activity = []
    for wanted in (conditions, NetworkConditions()):
        impairment.set_conditions(wanted)
        activity.append(impairment.is_active)
    assert activity == [True, False]


@pytest.mark.parametrize("is_outgoing", [False, True])
def test_it_stays_active_while_something_is_held_back(is_outgoing: bool) -> None:
    impairment = Impairment(NetworkConditions(lag_send_ms=10, lag_receive_ms=10), Random(1))
    assert impairment.next_timer() == NEVER
    link = impairment.outgoing if is_outgoing else impairment.incoming
    link.receive_datagram(b"held back", ADDRESS, 1_000)
    impairment.set_conditions(NetworkConditions())
    assert impairment.next_timer() == 11_000
    came = [(impairment.is_active, link.datagrams_to_send(now)) for now in (10_999, 11_000)]
    assert came == [(True, []), (True, [(b"held back", ADDRESS)])]
    assert not impairment.is_active
    assert impairment.next_timer() == NEVER


def test_the_earlier_direction_sets_the_timer() -> None:
    impairment = Impairment(NetworkConditions(lag_send_ms=20, lag_receive_ms=10), Random(1))
    impairment.outgoing.receive_datagram(b"out", ADDRESS, 0)
    assert impairment.next_timer() == 20_000
    impairment.incoming.receive_datagram(b"in", ADDRESS, 0)
    assert impairment.next_timer() == 10_000


def test_directions_are_independent() -> None:
    impairment = Impairment(NetworkConditions(loss_send_percent=100), Random(1))
    impairment.outgoing.receive_datagram(b"out", ADDRESS, 0)
    impairment.incoming.receive_datagram(b"in", ADDRESS, 0)
    assert impairment.outgoing.datagrams_to_send(0) == []
    assert impairment.incoming.datagrams_to_send(0) == [(b"in", ADDRESS)]
