"""What the command line says of a path."""

import gamesockets as gs
from gamesockets.cli.path_text import path_document, path_text
from gamesockets.values.records import UNKNOWN_PATH

LEARNED = gs.PathStatus("up", 2_500_000, 2_400_000, 150_000, 80_000, 40_100, 1_234, 0.013, 20, 3)


def test_what_was_learned() -> None:
    assert path_text(LEARNED) == "up, 2.5 MB/s, window 150 kB, queue 1.23 ms, 1.3% lost"
    assert path_document(LEARNED) == {
        "state": "up",
        "bandwidth_bytes_per_second": 2_500_000,
        "delivery_rate_bytes_per_second": 2_400_000,
        "window_bytes": 150_000,
        "in_flight_bytes": 80_000,
        "minimum_round_trip_us": 40_100,
        "standing_queue_us": 1_234,
        "loss": 0.013,
        "lost_packets": 20,
        "late_packets": 3,
    }


def test_a_path_of_which_nothing_is_known() -> None:
    assert path_text(UNKNOWN_PATH) == "new"
    found = path_document(UNKNOWN_PATH)
    unknown = {name for name, value in found.items() if value is None}
    assert unknown == {
        "bandwidth_bytes_per_second",
        "delivery_rate_bytes_per_second",
        "window_bytes",
        "minimum_round_trip_us",
    }


def test_a_fixed_rate_after_something_was_learned_has_no_window() -> None:
    path = gs.PathStatus("fixed", 1_000_000, 900_000, 0, 0, 40_000, 0, 0.0, 0, 0)
    assert path_text(path) == "fixed, 1.0 MB/s, queue 0.00 ms, 0.0% lost"
