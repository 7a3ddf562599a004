"""Does the report of a load test hold its figures, its warnings, and the right verdict?"""

import json

import pytest

import gamesockets as gs
from gamesockets.cli.load_report import (
    OTHER_REASONS,
    REASONS_MAX,
    Paths,
    Plan,
    Quality,
    Reasons,
    Tally,
    document,
    problems,
    warnings,
)
from gamesockets.cli.load_report import text as as_text
from gamesockets.values.records import UNKNOWN_PATH


def a_plan(echo: bool = True, max_loss: float | None = None, max_p99: float | None = None) -> Plan:
    return Plan(
        clients=20,
        rate_hz=30,
        size_bytes=64,
        duration_s=10,
        reliable=False,
        echo=echo,
        connect_rate_hz=100,
        timeout_s=5,
        max_loss_percent=max_loss,
        max_p99_ms=max_p99,
    )


def a_tally(sent: int = 1000, received: int = 990) -> Tally:
    tally = Tally()
    tally.connected = 20
    for _ in range(20):
        tally.connect_times.add(1500)
    tally.totals.sent = sent
    tally.totals.received = received
    for number in range(received):
        tally.totals.round_trips.add(400 + number)
    for _ in range(100):
        tally.lateness.add(300)
        tally.pings.add(2000)
    tally.quality_remote.add(0.98)
    tally.sending_s = 10.0
    tally.wall_s = 11.0
    tally.cpu_s = 2.0
    return tally


def test_a_good_run_passes_without_remarks() -> None:
    plan, tally = a_plan(), a_tally()
    assert problems(plan, tally) == []
    assert warnings(tally) == []
    report = document(plan, tally, "127.0.0.1:1")
    assert json.loads(json.dumps(report)) == report
    assert report["passed"] is True
    assert report["messages"]["lost"] == 10
    assert report["messages"]["loss_percent"] == 1.0
    assert report["messages"]["sent_per_s"] == 100.0
    times = report["round_trip_ms"]
    assert times["min"] <= times["p50"] <= times["p90"] <= times["p99"] <= times["p99_9"] <= times["max"] == 1.389
    assert sum(row["count"] for row in report["round_trip_histogram"]) == 990
    lines = as_text(plan, tally)
    assert lines[-1] == "passed"
    for width in (60, 70, 80):
        assert max(map(len, as_text(plan, tally, width))) <= width
    assert any("lost 10 (1%)" in line for line in lines)


@pytest.mark.parametrize(
    ("max_loss", "max_p99", "problem"),
    [
        (1.0, None, None),
        (0.9, None, "loss 1% is above --max-loss 0.9"),
        (None, 1.5, None),
        (None, 1.0, "p99 1.39 ms is above --max-p99 1"),
    ],
)
def test_limits_decide(max_loss: float | None, max_p99: float | None, problem: str | None) -> None:
    found = problems(a_plan(max_loss=max_loss, max_p99=max_p99), a_tally())
    assert found == ([problem] if problem else [])


def test_limits_are_not_met_by_sending_less() -> None:
    tally = a_tally()
    tally.totals.skipped = 111
    assert problems(a_plan(max_loss=50), tally) == []
    tally.totals.refused = 1
    assert problems(a_plan(), tally) == []
    (problem,) = problems(a_plan(max_loss=50), tally)
    assert problem == "the limits were not put to the test: only 90% of the messages could be sent"


def test_without_echo_the_protocol_itself_is_the_judge() -> None:
    tally = a_tally(received=0)
    assert problems(a_plan(echo=False), tally) == []
    assert problems(a_plan(echo=False, max_loss=1.9), tally) == ["loss 2% is above --max-loss 1.9"]
    assert problems(a_plan(echo=False, max_p99=1), tally) == ["p99 2 ms is above --max-p99 1"]
    report = document(a_plan(echo=False), tally, "127.0.0.1:1")
    assert "lost" not in report["messages"]
    assert report["round_trip_ms"] is None
    assert report["connection"]["ping_ms"]["p50"] == 2.0


def test_a_limit_on_what_was_not_measured_is_missed() -> None:
    found = problems(a_plan(max_loss=50, max_p99=1000), Tally())
    assert len(found) == 2
    assert all("cannot be met" in problem for problem in found)


def test_nothing_coming_back_says_what_to_do() -> None:
    found = problems(a_plan(), a_tally(received=0))
    assert len(found) == 1
    assert "--no-echo" in found[0]


def test_failed_clients_are_a_problem_and_listed_by_reason() -> None:
    tally = a_tally()
    for _ in range(3):
        tally.failures.add("no answer in time")
    tally.failures.add("1001: full")
    tally.ended_early.add("1002: bored")
    assert problems(a_plan(), tally) == ["4 of 20 clients could not connect", "1 connection ended early"]
    report = document(a_plan(), tally, "x")
    assert report["failures"] == [
        {"reason": "no answer in time", "count": 3},
        {"reason": "1001: full", "count": 1},
    ]
    assert report["ends"] == [{"reason": "1002: bored", "count": 1}]
    lines = as_text(a_plan(), tally)
    assert "             no connection, 3 x: no answer in time" in lines
    assert "             ended, 1 x: 1002: bored" in lines
    assert lines[-1] == "FAILED"


def test_reasons_that_a_peer_invents_do_not_pile_up() -> None:
    reasons = Reasons()
    for number in range(10_000):
        reasons.add(f"reason {number}")
    rows = reasons.most_frequent_first()
    assert len(rows) == REASONS_MAX + 1
    assert rows[0] == (OTHER_REASONS, 10_000 - REASONS_MAX)
    assert reasons.total == 10_000


def test_a_tester_that_falls_behind_says_so() -> None:
    tally = a_tally()
    for _ in range(5):
        tally.lateness.add(50_000)
    tally.cpu_s = 10.9
    tally.totals.skipped = 12
    tally.totals.refused = 3456
    tally.totals.strange = 1
    tally.totals.too_late = 2
    found = warnings(tally)
    assert "late by more than 50.0 ms in 1 of 100 moments" in found[0]
    assert "used 99% of a core" in found[1]
    assert "12 messages could not be sent because this program did not keep up" in found[2]
    assert "3,456 messages could not be sent because the send buffer was full" in found[3]
    assert len(found) == 6
    assert document(a_plan(), tally, "x")["warnings"] == found
    assert max(map(len, as_text(a_plan(), tally))) <= 80
    assert problems(a_plan(), tally) == []


def test_an_interrupted_run_is_no_success() -> None:
    tally = a_tally()
    tally.interrupted = True
    assert problems(a_plan(), tally) == ["interrupted before the end"]


def test_unknown_qualities_do_not_count() -> None:
    quality = Quality()
    quality.add(-1)
    assert (quality.mean_percent, quality.worst_percent) == (None, None)
    for share in (1.0, 0.5, -1):
        quality.add(share)
    assert (quality.mean_percent, quality.worst_percent) == (75.0, 50.0)


def test_a_run_in_which_nobody_connected_has_a_report() -> None:
    tally = Tally()
    tally.failures.add("no answer in time")
    assert as_text(a_plan(), tally) == [
        "clients      0 of 20 connected, 0 ended early",
        "             no connection, 1 x: no answer in time",
        "problem      1 of 20 clients could not connect",
        "FAILED",
    ]
    assert document(a_plan(), tally, "x")["tester"] == {"late_ms": None, "cpu_percent": None}


def a_path(state: str, bandwidth: int, queue_us: int) -> gs.PathStatus:
    return gs.PathStatus(state, bandwidth, bandwidth, bandwidth // 10, 0, 40_000, queue_us, 0.0, 0, 0)


def test_what_the_senders_learned_of_their_paths() -> None:
    tally = a_tally()
    tally.paths.add(a_path("cruise", 2_000_000, 1_000))
    tally.paths.add(a_path("cruise", 1_000_000, 3_000))
    tally.paths.add(a_path("up", 3_000_000, 8_000))
    tally.paths.add(UNKNOWN_PATH)
    lines = as_text(a_plan(), tally)
    assert "paths        2.0 MB/s each, least 1.0 MB/s, window 200 kB" in lines
    (queue,) = [line for line in lines if "queue p50" in line]
    assert queue.endswith("max 8.00 ms; cruise 50%, up 25%, new 25%")
    assert max(map(len, as_text(a_plan(), tally, 60))) <= 60
    path = document(a_plan(), tally, "x")["connection"]["path"]
    assert path["states_percent"] == {"cruise": 50.0, "up": 25.0, "new": 25.0}
    assert path["bandwidth_bytes_per_s"] == {"mean": 2_000_000, "least": 1_000_000}
    assert path["window_bytes"] == 200_000
    assert (path["standing_queue_ms"]["count"], path["standing_queue_ms"]["max"]) == (3, 8.0)


def test_paths_of_which_nothing_was_learned_take_no_line() -> None:
    tally = a_tally()
    tally.paths.add(UNKNOWN_PATH)
    assert not any(line.startswith("paths") for line in as_text(a_plan(), tally))
    assert document(a_plan(), tally, "x")["connection"]["path"] == {
        "states_percent": {"new": 100.0},
        "bandwidth_bytes_per_s": None,
        "window_bytes": None,
        "standing_queue_ms": None,
    }
    assert Paths().states_percent == {}
