"""Which state may follow which, and who sees what of it (spec 1, 7.1)."""

import pytest

from gamesockets.connection.states import TRANSITIONS, State, StateMachine, visible
from gamesockets.values.enums import ConnectionState


@pytest.mark.rule("1, 7.1 rule 1")
def test_every_way_is_one_of_the_specification() -> None:
    expected = {
        ("NONE", "CONNECTING"),
        ("NONE", "CONNECTED"),  # the two ends of a pair inside the process
        ("CONNECTING", "CONNECTED"),
        ("CONNECTING", "CLOSED_BY_PEER"),
        ("CONNECTING", "PROBLEM_DETECTED_LOCALLY"),
        ("CONNECTING", "FIN_WAIT"),
        ("CONNECTED", "CLOSED_BY_PEER"),
        ("CONNECTED", "PROBLEM_DETECTED_LOCALLY"),
        ("CONNECTED", "LINGER"),
        ("CONNECTED", "FIN_WAIT"),
        ("LINGER", "FIN_WAIT"),
        ("CLOSED_BY_PEER", "FIN_WAIT"),
        ("PROBLEM_DETECTED_LOCALLY", "FIN_WAIT"),
        ("FIN_WAIT", "DEAD"),
    }
    assert {(old.name, new.name) for old, following in TRANSITIONS.items() for new in following} == expected


def test_every_state_has_a_row_and_all_ways_end() -> None:
    assert set(TRANSITIONS) == set(State)
    for start in State:
        reached = {start}
        for _ in State:
            reached |= {following for state in reached for following in TRANSITIONS[state]}
        assert State.DEAD in reached
        assert start is State.DEAD or start not in {
            following for state in reached - {start} for following in TRANSITIONS[state]
        }


@pytest.mark.rule("1, 7.1 rule 1")
@pytest.mark.parametrize("state", State)
def test_what_the_application_sees(state: State) -> None:
    """Negative states are NONE to it: it has closed those connections already."""
    expected = state.name if state >= State.NONE else "NONE"
    assert visible(state) == ConnectionState[expected]


@pytest.mark.rule("3, 5.1")
def test_numbers_are_those_of_the_native_library() -> None:
    numbers = [state.value for state in State]
    assert dict(zip([state.name for state in State], numbers, strict=True)) == {
        "NONE": 0,
        "CONNECTING": 1,
        "CONNECTED": 3,
        "CLOSED_BY_PEER": 4,
        "PROBLEM_DETECTED_LOCALLY": 5,
        "FIN_WAIT": -1,
        "LINGER": -2,
        "DEAD": -3,
    }


def test_only_the_table_opens_the_door() -> None:
    for start in State:
        for state in State:
            machine = StateMachine()
            machine.state = start
            if state in TRANSITIONS[start]:
                machine.enter(state, 1000, "why")
                assert (machine.state, machine.end_reason, machine.end_debug) == (state, 1000, "why")
            else:
                with pytest.raises(AssertionError, match=f"no way from {start.name} to {state.name}"):
                    machine.enter(state, 1000, "why")
                assert (machine.state, machine.end_reason) == (start, 0)


def test_the_application_hears_nothing_of_what_follows_its_close() -> None:
    silent = set()
    for start, following in TRANSITIONS.items():
        for state in following:
            machine = StateMachine()
            machine.state = start
            if not machine.enter(state, 0, ""):
                silent.add((start.name, state.name))
    assert silent == {("LINGER", "FIN_WAIT"), ("FIN_WAIT", "DEAD")}


@pytest.mark.rule("1, 7.1 rule 1")
def test_data_flows_while_connected_and_lingering() -> None:
    machine = StateMachine()
    flows = {}
    for state in (State.CONNECTING, State.CONNECTED, State.LINGER, State.FIN_WAIT, State.DEAD):
        machine.enter(state, 0, "")
        flows[state.name] = machine.data_flows
    assert flows == {"CONNECTING": False, "CONNECTED": True, "LINGER": True, "FIN_WAIT": False, "DEAD": False}
