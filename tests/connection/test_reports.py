"""When statistics are sent: with other data when ready, alone when due, one at a time (spec 1, 8.1)."""

import pytest

from gamesockets.connection.reports import INSTANTANEOUS, LIFETIME, StatisticsReports
from gamesockets.connection.stats import Statistics
from gamesockets.receive.replay_window import ReplayWindow
from gamesockets.values.moments import NEVER

SECOND = 1_000_000
START = 3 * SECOND


class Case:
    """Reports of a connection that was established at START, with a counter to turn."""

    def __init__(self) -> None:
        self.statistics = Statistics(ReplayWindow(1), 1)
        self.statistics.connected(START)
        self.reports = StatisticsReports(self.statistics)
        self.reports.start(START)

    def traffic(self, packets: int) -> None:
        self.statistics.packets_sent += packets

    def pick(self, seconds: float) -> int:
        return self.reports.pick(START + int(seconds * SECOND))


@pytest.mark.rule("1, 8.1 rule 1", "1, 8.1 rule 2")
def test_nothing_is_ready_before_the_connection_is_up() -> None:
    reports = StatisticsReports(Statistics(ReplayWindow(1), 1))
    assert reports.ready_at() == reports.due_at() == NEVER
    assert reports.pick(1 << 50) == 0


@pytest.mark.rule("1, 7.2", "1, 8.1 rule 3", "1, 8.1 rule 4")
def test_when_reports_are_ready_and_due() -> None:
    case = Case()
    assert case.reports.ready_at() == START + 20 * SECOND
    assert case.reports.due_at() == START + 30 * SECOND
    case.traffic(1000)
    assert case.pick(19.9) == 0
    assert case.pick(20) == INSTANTANEOUS
    assert case.pick(119.9) == INSTANTANEOUS
    assert case.pick(120) == INSTANTANEOUS | LIFETIME


@pytest.mark.rule("1, 8.1 rule 3")
@pytest.mark.parametrize(("seconds", "packets", "is_worth_it"), [(20, 6, False), (20, 7, True), (29, 10, True)])
@pytest.mark.parametrize("counter", ["packets_sent", "packets_received"])
def test_a_quiet_link_is_not_worth_a_report(seconds: int, packets: int, is_worth_it: bool, counter: str) -> None:
    """More than one packet every three seconds must have gone or come; else the clock starts anew."""
    case = Case()
    setattr(case.statistics, counter, packets)
    assert case.pick(seconds) == (INSTANTANEOUS if is_worth_it else 0)
    if not is_worth_it:
        assert case.reports.ready_at() == START + (seconds + 20) * SECOND
        case.traffic(6)
        assert case.pick(seconds + 20) == 0, "packets count from the new start"


@pytest.mark.rule("1, 8.1 rule 4")
@pytest.mark.parametrize(("packets", "is_worth_it"), [(100, False), (101, True)])
def test_totals_need_a_hundred_packets(packets: int, is_worth_it: bool) -> None:
    """Without them only the clock restarts: the packets go on counting."""
    case = Case()
    case.traffic(packets)
    case.reports.arrived(INSTANTANEOUS, START + 119 * SECOND)
    assert case.pick(120) == (LIFETIME if is_worth_it else 0)
    if not is_worth_it:
        case.traffic(1)
        case.reports.arrived(INSTANTANEOUS, START + 239 * SECOND)
        assert case.pick(239.9) == 0
        assert case.pick(240) == LIFETIME


@pytest.mark.rule("1, 8.1 rule 1")
def test_only_one_report_is_on_its_way() -> None:
    case = Case()
    case.traffic(1000)
    case.reports.sent(INSTANTANEOUS)
    assert case.reports.ready_at() == case.reports.due_at() == NEVER
    assert case.pick(500) == 0


@pytest.mark.rule("1, 8.1 rule 2")
def test_an_acknowledged_report_restarts_its_own_clock() -> None:
    case = Case()
    case.traffic(1000)
    case.reports.sent(INSTANTANEOUS)
    case.reports.arrived(INSTANTANEOUS, START + 22 * SECOND)
    assert case.reports.ready_at() == START + 42 * SECOND
    assert case.pick(42) == 0, "nothing happened since"
    case.traffic(1000)
    case.reports.arrived(INSTANTANEOUS, START + 118 * SECOND)
    assert case.reports.ready_at() == START + 120 * SECOND
    assert case.reports.due_at() == START + 140 * SECOND
    assert case.pick(120) == LIFETIME
    case.reports.sent(LIFETIME)
    case.reports.arrived(LIFETIME, START + 121 * SECOND)
    assert case.reports.ready_at() == START + 138 * SECOND


@pytest.mark.rule("1, 8.1 rule 6")
def test_a_lost_report_is_ready_again_at_once() -> None:
    case = Case()
    case.traffic(1000)
    assert case.pick(20) == INSTANTANEOUS
    case.reports.sent(INSTANTANEOUS)
    case.reports.lost()
    assert case.pick(20.5) == INSTANTANEOUS


@pytest.mark.rule("1, 2.9 rule 3")
@pytest.mark.parametrize("picked", [INSTANTANEOUS, LIFETIME, INSTANTANEOUS | LIFETIME])
def test_what_a_report_holds(picked: int) -> None:
    case = Case()
    case.traffic(50)
    message = case.reports.message(picked, 25, START + 40 * SECOND)
    assert message.stats.HasField("instantaneous") == bool(picked & INSTANTANEOUS)
    assert message.stats.HasField("lifetime") == bool(picked & LIFETIME)
    if picked & INSTANTANEOUS:
        assert message.stats.instantaneous.ping_ms == 25
    if picked & LIFETIME:
        assert (message.stats.lifetime.packets_sent, message.stats.lifetime.connected_seconds) == (50, 40)
    assert not message.HasField("flags"), "the request for an ack is implied"
