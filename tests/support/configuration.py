"""What do the specification's configuration values look like, and which fields does a class of our source declare?"""

import ast
import json
from pathlib import Path
from typing import Any, Final

from gamesockets.config.kinds import LockMoment
from gamesockets.config.scopes import Configuration
from gamesockets.config.table import ConfigurationRow, ConfigurationValue
from gamesockets.values.enums import ConfigurationDataType, ConfigurationScope

SOURCE: Final = Path(__file__).parent.parent.parent / "src" / "gamesockets"
SPEC: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "vectors" / "config-values.json").read_text(encoding="utf-8")
)
OUR_RATES: Final = {10: {"default": 16_384}, 11: {"default": 0, "min": 0}}
"""Ours differ: the rate follows the path unless both limits are equal, and 0 is no upper limit (spec 2, 2.9.1)."""

SPEC_ROWS: Final[list[dict[str, Any]]] = [row | OUR_RATES.get(row["id"], {}) for row in SPEC["values"]]
LOCKS: Final = {
    None: LockMoment.NEVER,
    "client: at creation; accepted: when accepted": LockMoment.CONNECTION_STARTED,
    "listen socket: at creation; client: at creation; accepted: when accepted": (
        LockMoment.LISTEN_SOCKET_CREATED | LockMoment.CONNECTION_STARTED
    ),
    "P2P listen socket and P2P connection: at creation": LockMoment.PEER_TO_PEER_CREATED,
}
DELETED: Final = ConfigurationValue.ENUMERATE_DEV_VARS
SETTABLE: Final = [row for row in SPEC_ROWS if row["in_open_source_build"] and not row["read_only"]]
NUMBERS: Final = [row for row in SETTABLE if row["type"] in {"int32", "int64", "float"}]
KEPT: Final = [row for row in SPEC_ROWS if not row["in_open_source_build"] and row["id"] != DELETED]
OUR_OWN: Final = [
    ConfigurationValue.FAKE_MESSAGE_LOSS_SEND,
    ConfigurationValue.FAKE_MESSAGE_LOSS_RECV,
    ConfigurationValue.RECV_INCOMPLETE_SIZE,
    ConfigurationValue.TIMEOUT_FIRST_MESSAGE,
    ConfigurationValue.TIMEOUT_LINGER,
    ConfigurationValue.RECV_WINDOW_SIZE,
    ConfigurationValue.LISTEN_CONNECTIONS_MAX,
    ConfigurationValue.LISTEN_WAITING_MAX,
    ConfigurationValue.LISTEN_ADDRESS_CONNECTIONS_MAX,
    ConfigurationValue.LISTEN_HANDSHAKES_PER_SECOND,
    ConfigurationValue.LISTEN_ADDRESS_HANDSHAKES_PER_SECOND,
    ConfigurationValue.LISTEN_MEMORY_MAX,
]

_WORDS: Final = {"RECV": "RECEIVE", "DUP": "DUPLICATE", "AVG": "AVERAGE", "PCT": "PERCENT", "LOCAL_HOST": "LOCALHOST"}
_UNITS: Final = {"us", "ms", "percent", "bytes", "per", "second"}


class Scopes:
    """One configuration at each scope, each inheriting from the one before."""

    def __init__(self) -> None:
        self.everything = Configuration()
        self.interface = Configuration(ConfigurationScope.SOCKETS_INTERFACE, self.everything)
        self.socket = Configuration(ConfigurationScope.LISTEN_SOCKET, self.interface)
        self.connection = Configuration(ConfigurationScope.CONNECTION, self.socket)

    def narrow(self) -> list[Configuration]:
        return [self.interface, self.socket, self.connection]

    def widest_for(self, row: dict[str, Any]) -> list[Configuration]:
        return [self.everything] if row["scope"] == "global" else [self.everything, *self.narrow()]


def by_name(row: dict[str, Any]) -> str:
    return str(row["name"])


def check_fields(path: str, name: str, rows: dict[str, ConfigurationRow]) -> None:
    """The fields that a class declares in its source are those of the rows: each once, of its type, in its unit."""
    tree = ast.parse((SOURCE / path).read_text(encoding="utf-8"))
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name).body
    declared = {
        ast.unparse(node.target): ast.unparse(node.annotation) for node in body if isinstance(node, ast.AnnAssign)
    }
    assert declared.keys() - rows.keys() == set(), f"no row of the table names these fields of {name}"
    assert rows.keys() - declared.keys() == set(), f"{name} does not declare these fields that the table names"
    for field, row in rows.items():
        python_type = "float" if row.data_type == ConfigurationDataType.FLOAT else "int"
        assert declared[field] == python_type, f"{name}.{field} holds {row.name}, which is {python_type}"
        check_unit(field, row)
        check_words(field, row)


def check_unit(field: str, row: ConfigurationRow) -> None:
    us = {"us": 1, "ms": 1000}
    if field.endswith("_us"):
        assert us[row.unit] == row.factor, f"{row.name} in {row.unit} does not become {field} times {row.factor}"
    else:
        assert row.factor == 1, row.name
        assert row.unit not in us or field.endswith(f"_{row.unit}"), f"{field} does not end in _{row.unit}"
        assert (row.unit == "percent") == field.endswith("_percent"), field


def check_words(field: str, row: ConfigurationRow) -> None:
    """A field has no words but the value's own, so that no row names the field of another."""
    name = row.value.name
    for short, long in _WORDS.items():
        name = name.replace(short, f"{short}_{long}")
    assert set(field.split("_")) - _UNITS <= set(name.lower().split("_")), f"{field} has not the name of {row.name}"
