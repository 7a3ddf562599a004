"""Do status changes reach the callback once, in order, on the caller's thread, and within bounds?"""

import logging
from collections.abc import Callable

import pytest

from gamesockets.sockets import status_events as events
from gamesockets.sockets.status_events import StatusEvents
from gamesockets.values.address import Address
from gamesockets.values.enums import ConnectionInfoFlags, ConnectionState
from gamesockets.values.handles import Connection, ListenSocket
from gamesockets.values.identity import NetworkingIdentity
from gamesockets.values.records import ConnectionInfo, StatusInfo


def change(number: int) -> StatusInfo:
    info = ConnectionInfo(
        identity=NetworkingIdentity.invalid(),
        user_data=-1,
        listen_socket=ListenSocket(0),
        address=Address.localhost(),
        state=ConnectionState.CONNECTED,
        end_reason=0,
        end_debug="",
        connection_description="",
        flags=ConnectionInfoFlags(0),
    )
    return StatusInfo(Connection(number), info, ConnectionState.CONNECTING)


class Hearer:
    """A callback that notes what it hears, and then does what a test wants done."""

    def __init__(self, then: Callable[[StatusInfo], None] = lambda info: None) -> None:
        self.heard: list[int] = []
        self.then = then

    def __call__(self, info: StatusInfo) -> None:
        self.heard.append(info.connection)
        self.then(info)


@pytest.fixture
def hearer() -> Hearer:
    return Hearer()


@pytest.fixture
def waiting(hearer: Hearer) -> StatusEvents:
    """Changes 1, 2 and 3."""
    events = StatusEvents()
    for number in (1, 2, 3):
        events.announce(change(number), hearer)
    return events


def test_the_callback_hears_all_in_order_and_once(waiting: StatusEvents, hearer: Hearer) -> None:
    waiting.run()
    waiting.run()
    assert hearer.heard == [1, 2, 3]


def test_without_callback_changes_are_forgotten() -> None:
    waiting = StatusEvents()
    waiting.announce(change(1), None)
    waiting.run()
    assert not waiting.dispatch(lambda info: None, None)


def test_each_change_goes_to_the_callback_it_came_with(waiting: StatusEvents, hearer: Hearer) -> None:
    other = Hearer()
    waiting.announce(change(4), other)
    waiting.announce(change(5), None)
    waiting.announce(change(6), hearer)
    waiting.run()
    assert (hearer.heard, other.heard) == ([1, 2, 3, 6], [4])


def fail_at_two(info: StatusInfo) -> None:
    if info.connection == 2:
        raise RuntimeError("on purpose")


def test_a_fault_of_the_callback_comes_out_and_loses_nothing_behind_it(waiting: StatusEvents, hearer: Hearer) -> None:
    hearer.then = fail_at_two
    with pytest.raises(RuntimeError, match="on purpose"):
        waiting.run()
    assert hearer.heard == [1, 2]
    waiting.run()
    assert hearer.heard == [1, 2, 3]


def test_changes_that_come_meanwhile_wait_for_the_next_run(waiting: StatusEvents, hearer: Hearer) -> None:
    other = Hearer()
    hearer.then = lambda info: waiting.announce(change(info.connection + 10), other)
    waiting.run()
    assert (hearer.heard, other.heard) == ([1, 2, 3], [])
    waiting.run()
    assert other.heard == [11, 12, 13]


def test_running_inside_a_callback(waiting: StatusEvents, hearer: Hearer) -> None:
    hearer.then = lambda info: waiting.run()
    waiting.run()
    assert hearer.heard == [1, 2, 3]


def test_clearing_inside_a_callback(waiting: StatusEvents, hearer: Hearer) -> None:
    hearer.then = lambda info: waiting.forget_changes()
    waiting.run()
    assert hearer.heard == [1]


def test_dispatching_one_at_a_time(waiting: StatusEvents) -> None:
    seen: list[tuple[object, ...]] = []

    def callback(*arguments: object) -> None:
        seen.append(arguments)

    assert waiting.dispatch(callback, None)
    assert waiting.dispatch(callback, "context")
    assert waiting.dispatch(callback, 0), "only None is no context"
    assert not waiting.dispatch(callback, None)
    assert [arguments[1:] for arguments in seen] == [(), ("context",), (0,)]


def test_a_fault_while_dispatching_takes_that_change_only(waiting: StatusEvents) -> None:
    def callback(info: StatusInfo) -> None:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        waiting.dispatch(callback, None)
    seen: list[StatusInfo] = []
    assert waiting.dispatch(seen.append, None)
    assert seen[0].connection == 2


def test_news_count_once_when_nobody_dispatches(waiting: StatusEvents) -> None:
    assert not StatusEvents().has_news()
    assert waiting.has_news()
    waiting.mark_seen()
    assert not waiting.has_news()
    waiting.announce(change(4), None)
    assert waiting.has_news()


def test_what_dispatching_leaves_is_news_once_more(waiting: StatusEvents) -> None:
    waiting.mark_seen()
    seen: list[StatusInfo] = []
    while waiting.dispatch(seen.append, None):
        assert waiting.has_news() == waiting.is_left_undispatched() == (len(seen) < 3)
        waiting.mark_seen()
        assert not waiting.has_news()
    assert len(seen) == 3


def test_news_of_one_connection(waiting: StatusEvents) -> None:
    assert [waiting.has_news_of(number) for number in range(5)] == [False, True, True, True, False]
    waiting.mark_told(1)
    waiting.mark_told(9)
    assert not waiting.has_news_of(1)
    waiting.announce(change(1), None)
    assert waiting.has_news_of(1)
    waiting.dispatch(lambda info: None, None)
    waiting.dispatch(lambda info: None, None)
    assert [waiting.has_news_of(number) for number in (1, 2, 3)] == [True, False, True]
    waiting.forget_changes()
    assert [waiting.has_news_of(number) for number in (1, 2, 3)] == [False] * 3


def test_the_record_of_who_changed_last_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "PRUNE_ABOVE", 4)
    waiting = StatusEvents()
    for number in range(1, 100):
        waiting.announce(change(number), None)
        waiting.mark_told(number)
        waiting.run()
        assert len(waiting._newest) <= 5
        assert len(waiting._told_of) <= 5


@pytest.mark.parametrize("how", ["run", "dispatch", "clear"])
def test_nothing_is_news_when_nothing_waits(how: str) -> None:
    waiting = StatusEvents()
    waiting.announce(change(1), None)
    if how == "dispatch":
        waiting.dispatch(lambda info: None, None)
    elif how == "run":
        waiting.run()
    else:
        waiting.forget_changes()
    assert not waiting.has_news()


@pytest.mark.rule("3, 14.3 rule 4")
def test_undispatched_changes_are_bounded(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(events, "EVENTS_MAX", 3)
    waiting = StatusEvents()
    with caplog.at_level(logging.WARNING, "gamesockets"):
        for number in range(1, 6):
            waiting.announce(change(number), None)
    hearer = Hearer()
    while waiting.dispatch(hearer, None):
        pass
    assert hearer.heard == [3, 4, 5]
    assert "oldest was dropped" in caplog.text
