"""Do the arrows between the modules point down only, and are the modules small enough to be read?

The table is the design's: who may import whom, and which parts of the outside world each layer leaves alone.
"""

import ast
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parent.parent / "src" / "gamesockets"
GENERATED: Final = frozenset({"wire.messages_pb2"})
LINES_MAX: Final = 800

VALUES: Final = frozenset(
    {
        "address",
        "arguments",
        "build",
        "enums",
        "errors",
        "identity",
        "results",
        "types",
        "handles",
        "message",
        "version",
    }
)
"""Small records and names without behaviour towards the network: everyone may know them."""

CONFIGURATION: Final = frozenset({"config", "config_convert", "config_table"})

MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "wire": frozenset({"build"}),
    "crypto": frozenset({"wire", *VALUES}),
    "receive": frozenset({"wire", "connection.timers", *CONFIGURATION, *VALUES}),
    "send": frozenset({"wire", "connection.timers", *CONFIGURATION, *VALUES}),
    "connection": frozenset({"wire", "crypto", "receive", "send", *CONFIGURATION, *VALUES}),
    "endpoint": frozenset({"wire", "crypto", "receive", "send", "connection", *CONFIGURATION, *VALUES}),
    "views": frozenset({"connection", *VALUES}),
    "status_text": frozenset({"wire", "connection", "views", *VALUES}),
    "sim": frozenset({"endpoint", "connection", "views", *CONFIGURATION, *VALUES}),
    "debug": frozenset({"drivers.clock", *VALUES}),
    "debug_lines": frozenset({"connection", "views", "debug", *VALUES}),
    "trace_lines": frozenset({"connection", "wire", "views", "debug", *CONFIGURATION, *VALUES}),
    "drivers": frozenset({"endpoint", "connection", "sim.link", "debug", *CONFIGURATION, *VALUES}),
    "library": frozenset({"drivers.clock", "engine", "debug", *CONFIGURATION, *VALUES}),
    "information_calls": frozenset(
        {"drivers.clock", "entries", "status_text", "views", "arguments", *CONFIGURATION, *VALUES}
    ),
    "config_calls": frozenset({"library", *CONFIGURATION, *VALUES}),
    "message_calls": frozenset({"drivers", "entries", "library", "receive.inbox", *CONFIGURATION, *VALUES}),
    "sockets": frozenset({"drivers", "engine", "events", *CONFIGURATION, *VALUES}),
    "engine": frozenset(
        {
            "drivers",
            "endpoint",
            "connection",
            "entries",
            "pairs",
            "views",
            "library",
            "events",
            "config_calls",
            "information_calls",
            "message_calls",
            "receive.inbox",
            *CONFIGURATION,
            *VALUES,
        }
        | {"debug_lines", "status_text", "trace_lines"}
    ),
    "entries": frozenset({"drivers", "connection", "receive.inbox", *CONFIGURATION, *VALUES}),
    "pairs": frozenset({"drivers", "endpoint", "connection", "entries", "receive.inbox", *CONFIGURATION, *VALUES}),
    "events": VALUES | {"debug"},
    "aio": frozenset(
        {
            "drivers",
            "connection",
            "engine",
            "entries",
            "events",
            "views",
            "status_text",
            "library",
            "debug",
            "receive.inbox",
            *CONFIGURATION,
            *VALUES,
        }
    ),
    "cli": frozenset({"", "aio", "sim", "wire", "sockets", "version", "build", "types", "address", "errors"}),
    "": frozenset({"sockets", "library", "aio", "sim", *CONFIGURATION, *VALUES}),
    "__main__": frozenset({"cli"}),
    **dict.fromkeys(VALUES | CONFIGURATION, VALUES | CONFIGURATION),
}

SYSTEM: Final = frozenset(
    {"time", "os", "random", "socket", "selectors", "select", "threading", "asyncio", "secrets", "datetime"}
)

LEAVES_ALONE: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(
        (
            "wire",
            "crypto",
            "receive",
            "send",
            "connection",
            "endpoint",
            "views",
            "status_text",
            "events",
            "debug_lines",
            "trace_lines",
        ),
        SYSTEM,
    ),
    **dict.fromkeys(VALUES | CONFIGURATION, SYSTEM),
    "sim": SYSTEM - {"random"},
}

ALLOWED_BY_NAME: Final = {
    ("connection.entropy", "random"): {"Random"},
    ("address", "socket"): {"AF_INET", "AF_INET6", "inet_pton", "inet_ntop"},
}
"""SeededEntropy is a seeded generator; turning an address into bytes touches no socket."""


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}
OWN: Final = sorted(MODULES.keys() - GENERATED)


def layer(module: str) -> str:
    return module.partition(".")[0]


def imports(module: str) -> list[tuple[str, str]]:
    """Every import anywhere in a module: (module it names, what is taken from it or nothing)."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    found: list[tuple[str, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            found += [(node.module or "", alias.name) for alias in node.names]
    return found


def own_imports(module: str) -> set[str]:
    """The modules of ours that a module imports, without the package's name."""
    found: set[str] = set()
    for name, member in imports(module):
        if name == "gamesockets" or name.startswith("gamesockets."):
            short = name.removeprefix("gamesockets").removeprefix(".")
            inner = f"{short}.{member}" if short else member
            found.add(inner if inner in MODULES else short)
    return found


@pytest.mark.parametrize("module", OWN)
def test_imports_point_down(module: str) -> None:
    own = layer(module)
    assert own in MAY_IMPORT, f"{module} has no row in the table"
    allowed = MAY_IMPORT[own]
    for imported in own_imports(module):
        if own and layer(imported) == own:
            continue
        is_allowed = imported in allowed or layer(imported) in allowed
        assert is_allowed, f"{module} must not import {imported or 'the package itself'}"


@pytest.mark.parametrize("module", OWN)
def test_the_core_knows_no_clock_entropy_socket_or_thread(module: str) -> None:
    forbidden = LEAVES_ALONE.get(layer(module), frozenset())
    for name, member in imports(module):
        if layer(name) in forbidden:
            assert member in ALLOWED_BY_NAME.get((module, layer(name)), set()), f"{module} imports {name} {member}"


@pytest.mark.parametrize(("one", "other"), [("receive", "send"), ("send", "receive")])
def test_receive_and_send_never_meet(one: str, other: str) -> None:
    reached: set[str] = set()
    pending = [module for module in OWN if layer(module) == one]
    while pending:
        module = pending.pop()
        if module not in reached:
            reached.add(module)
            pending += own_imports(module) & MODULES.keys()
    assert not [module for module in reached if layer(module) == other]


@pytest.mark.parametrize("module", OWN)
def test_modules_are_small_and_say_what_they_are_for(module: str) -> None:
    text = MODULES[module].read_text(encoding="utf-8")
    assert text.count("\n") <= LINES_MAX
    assert ast.get_docstring(ast.parse(text)), f"{module} does not say what it is for"


def test_the_table_has_no_rows_for_modules_that_do_not_exist() -> None:
    assert not {name for name in MAY_IMPORT if name} - {layer(module) for module in MODULES}
