"""The table says what the specification says, and is the only place where a value is written down."""

import copy
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from docs import configuration as page
from tests.support.configuration import DELETED, LOCKS, OUR_OWN, SPEC, SPEC_ROWS, by_name

from gamesockets.config.kinds import ConfigurationSubject
from gamesockets.config.table import CONFIGURATION_ROWS, ConfigurationValue, find_row, listed_values, value_name
from gamesockets.values.enums import ConfigurationScope

V = ConfigurationValue
TYPES: Final = SPEC["types"]
ROOT: Final = Path(__file__).parent.parent.parent


@pytest.mark.rule("3, 4.7")
def test_the_table_lists_every_value_of_the_specification() -> None:
    assert list(CONFIGURATION_ROWS) == [row["id"] for row in SPEC_ROWS if row["id"] != DELETED] + OUR_OWN


def test_every_member_is_made_from_its_row() -> None:
    without = [value for value in ConfigurationValue if value.row is None]
    assert without == [V.INVALID, DELETED]
    for number, row in CONFIGURATION_ROWS.items():
        value = ConfigurationValue(number)
        assert row is value.row
        assert row.value is value
        assert value.__doc__ == row.meaning
        assert find_row(number) is row
    for value in (V.NAGLE_TIME, DELETED):
        assert pickle.loads(pickle.dumps(value)) is copy.deepcopy(value) is value  # noqa: S301


@pytest.mark.rule("3, 4.7")
@pytest.mark.parametrize("expected", [row for row in SPEC_ROWS if row["id"] != DELETED], ids=by_name)
def test_each_row_says_what_the_specification_says(expected: dict[str, Any]) -> None:
    row = CONFIGURATION_ROWS[expected["id"]]
    scope = {"global": ConfigurationScope.GLOBAL, "connection": ConfigurationScope.CONNECTION, None: None}
    assert row.name == expected["name"]
    assert row.data_type == TYPES[expected["type"]]
    assert row.scope == scope[expected["scope"]]
    assert row.default == expected["default"]
    assert type(row.default) is type(expected["default"])
    assert row.minimum == expected["min"]
    assert row.maximum == expected["max"]
    assert row.unit == expected["unit"]
    assert row.locked == LOCKS[expected["locked_when"]]
    assert row.read_only == expected["read_only"]
    assert row.available == expected["in_open_source_build"]
    assert row.meaning.endswith(".")
    assert row.meaning.count("\n") == 0


def test_names_are_those_of_values_that_exist_here() -> None:
    assert value_name(V.FAKE_PACKET_LOSS_SEND) == "FakePacketLoss_Send"
    assert value_name(V.MTU_DATA_SIZE) == "MTU_DataSize"
    assert value_name(V.SDR_CLIENT_DEV_TICKET) == "SDRClient_DevTicket"
    assert value_name(V.FAKE_MESSAGE_LOSS_SEND) == "FakeMessageLoss_Send"
    for number in (0, 1, 9999, -1, DELETED):
        assert value_name(number) is None
        assert find_row(number) is None


def test_our_own_values_are_far_from_the_reference_librarys() -> None:
    for value in OUR_OWN:
        assert value > max(row["id"] for row in SPEC_ROWS) + 5000


@pytest.mark.rule("3, 4.5")
@pytest.mark.parametrize("include_development", [False, True])
def test_listed_are_the_values_that_the_specification_lists(include_development: bool) -> None:
    wanted = {"always", "dev"} if include_development else {"always"}
    expected = [row["id"] for row in SPEC_ROWS if row["enumerated"] in wanted and row["in_open_source_build"]]
    assert listed_values(include_development) == sorted(expected)
    assert len(expected) == (49 if include_development else 47)


# Adding a value is one edit

MADE_UP: Final = """
    MADE_UP = _Row(20_000, "MadeUp", _TRANSFER,
        _INT32, _CONNECTION, 5, 1, 10, "ms",
        "How long nothing happens.",
        locked=_STARTED{more})
"""
AS_A_VALUE: Final = """
import gamesockets as gs
from docs.configuration import render
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import LockMoment

value = gs.ConfigurationValue.MADE_UP
configuration = Configuration()
assert configuration.get(value) == (5, False)
assert configuration.set(value, "99")
assert configuration.get(value) == (10, False)
configuration.lock(LockMoment.CONNECTION_STARTED)
assert not configuration.set(value, 1)
with gs.NetworkingSockets() as sockets:
    assert sockets.get_configuration_value_name(value) == "MadeUp"
    assert value in sockets.iterate_configuration_values()
assert "| `MADE_UP` | How long nothing happens. Fixed when connecting or accepted. | 5 | 1 to 10 ms |" in render()
"""
AS_AN_OPTION: Final = """
from gamesockets.config.options import ConnectionOptions

assert ConnectionOptions.default().made_up_us == 5_000
assert ConnectionOptions.resolve(configuration).made_up_us == 10_000
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The package and the generators of pages, as sources that can be changed."""
    for name in ("src/gamesockets", "docs"):
        ignored = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
        shutil.copytree(ROOT / name, tmp_path / Path(name).name, ignore=ignored)
    return tmp_path


def insert(path: Path, before: str, text: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1
    path.write_text(source.replace(before, text + before), encoding="utf-8")


def run(folder: Path, program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_row_is_all_that_a_value_needs(copied: Path) -> None:
    insert(copied / "gamesockets/config/table.py", "\n    # Other names of", MADE_UP.format(more=""))
    run(copied, AS_A_VALUE)


def test_a_value_that_a_connection_runs_with_needs_its_field_too(copied: Path) -> None:
    row = MADE_UP.format(more=', option="made_up_us", factor=US_PER_MS')
    insert(copied / "gamesockets/config/table.py", "\n    # Other names of", row)
    insert(copied / "gamesockets/config/options.py", "    send_buffer_size_bytes: int\n", "    made_up_us: int\n")
    run(copied, AS_A_VALUE + AS_AN_OPTION)


def test_every_value_is_on_the_page_once() -> None:
    text = page.render()
    for row in CONFIGURATION_ROWS.values():
        assert text.count(f"\n| `{row.value.name}` |") == 1
    for subject in ConfigurationSubject:
        assert f"\n## {subject.value}\n" in text
