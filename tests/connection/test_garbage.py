"""Is all memory of a connection free once it is over, without the garbage collector?

It comes by late where little is made: a server would hold hundreds of connections that ended minutes ago.
"""

import gc
from typing import Any

import pytest
from tests.support import rig as support
from tests.support.rig import Rig

from gamesockets.config.options import ConnectionOptions
from gamesockets.connection.states import State
from gamesockets.values.enums import SendFlags
from gamesockets.values.results import Result

FIN_WAIT_US = 6_000_000


def play() -> None:
    """A connection with lanes ends while much that it sent was lost, and some was never acknowledged."""
    rig = Rig()
    assert rig.connection.configure_lanes([0, 0, 1], [1, 2, 1], rig.now) == Result.OK
    for lane in (0, 1, 2):
        for _ in range(20):
            assert rig.send(bytes(800), SendFlags.RELIABLE, lane) > 0
    rig.run_until(rig.now + 3_000_000)
    assert rig.connection.sender.lanes.lanes[2].unacked.oldest() is not None
    rig.connection.close(1000, "", False, rig.now)
    rig.endpoint.touch(rig.connection)
    rig.run_until(rig.now + FIN_WAIT_US)
    assert rig.connection.state == State.DEAD
    while rig.endpoint.next_event() is not None:
        pass


def test_a_connection_that_is_over_leaves_nothing_to_the_garbage_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = support.pair

    def told_pair(options: ConnectionOptions, now: int) -> Any:
        """What is not read of an end refers to its connection."""
        made = pair(options, now)
        while made[0].next_event() is not None:
            pass
        return made

    monkeypatch.setattr(support, "pair", told_pair)
    play()  # what is made once
    while gc.collect():  # what other tests left may leave more behind when it goes
        pass
    gc.disable()
    try:
        for _ in range(3):
            play()
        assert gc.collect() == 0
    finally:
        gc.enable()
