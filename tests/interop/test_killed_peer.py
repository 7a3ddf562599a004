"""What becomes of a connection whose peer dies without a word?"""

from tests.behaviour.stage import Pairing, Stage
from tests.behaviour.test_closing import A_MESSAGE, IMPATIENT
from tests.interop.gns import EndReason, State
from tests.interop.reference import Reference


def test_peer_is_killed(pairing: Pairing, stage: Stage) -> None:
    """When the process of the reference library dies without a word, the other end times out (spec 1, 7.3)."""
    link = stage.link(pairing, IMPATIENT)
    near, near_connection, far, _ = link.ends(pairing.ours)
    assert isinstance(far, Reference)
    far.kill()
    near.send(near_connection, [A_MESSAGE])
    ended = near.wait_for_state(near_connection, State.PROBLEM_DETECTED_LOCALLY)
    assert (ended.old_state, ended.reason) == (State.CONNECTED, EndReason.MISC_TIMEOUT)
