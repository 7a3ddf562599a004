"""Do the arrows between the modules point down only, and are the modules small enough to be read?

The table is the design's: who may import whom, and which parts of the outside world each layer leaves alone.
"""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).parent.parent / "src" / "gamesockets"
GENERATED: Final = frozenset({"wire.messages_pb2"})
LINES_MAX: Final = 500
TABLES: Final = frozenset({"config.table"})
"""Modules that are lists, which may be as long as what they list."""

AT_THE_ROOT: Final = frozenset({"", "__main__", "build", "clock", "version"})
"""The only modules beside the folders."""

_GROUND: Final = frozenset({"build", "values"})
_CREDENTIALS: Final = frozenset({"crypto.credentials", "crypto.expected", "crypto.trust"})
"""Who one is, whom one trusts and whom one expects are arguments from the API down to the handshake."""

_CORE: Final = _GROUND | {"wire", "crypto", "config", "receive", "send", "connection"}

MAY_IMPORT: Final[dict[str, frozenset[str]]] = {
    "build": frozenset(),
    "version": frozenset(),
    "values": frozenset({"build"}),
    "clock": _GROUND,
    "wire": _GROUND,
    "crypto": _GROUND | {"wire"},
    "config": _GROUND | {"wire"},
    "bad_network": _GROUND | {"config"},
    "receive": _GROUND | {"wire", "config"},
    "send": _GROUND | {"wire", "config"},
    "connection": _CORE - {"connection"},
    "endpoint": _CORE,
    "observe": _CORE | {"clock"},
    "drivers": _GROUND | {"bad_network", "clock", "config", "connection", "endpoint", "observe"},
    "sim": _GROUND | _CREDENTIALS | {"bad_network", "config", "connection", "endpoint", "observe"},
    "sim.aio": _GROUND | {"bad_network", "clock", "sim"},
    "testing": _GROUND | {"bad_network", "sim", "sim.aio"},
    "torture": _GROUND | {"bad_network", "config", "connection", "endpoint", "send", "sim", "wire"},
    "torture.real": _GROUND | {"config", "node", "sockets", "torture"},
    "node": _GROUND | {"bad_network", "clock", "config", "connection", "crypto", "drivers", "endpoint", "observe"},
    "pki": _GROUND | {"clock", "crypto", "wire"},
    "sockets": _GROUND | _CREDENTIALS | {"clock", "config", "connection", "drivers", "node", "observe"},
    "aio": _GROUND | _CREDENTIALS | {"clock", "config", "connection", "drivers", "node", "observe"},
    "metrics": _GROUND | {"connection", "drivers", "node", "version"},
    "game": _GROUND | _CREDENTIALS | {"clock", "node", "observe", "sockets"},
    "": _GROUND | {"aio", "config", "game", "pki", "sim", "sockets", "version"},
    "cli": _GROUND
    | {"", "aio", "config", "observe", "pki", "sim", "sockets", "torture", "torture.real", "version", "wire"},
    "__main__": frozenset({"cli"}),
}

DESIGN: Final = SOURCE.parent.parent / "docs" / "design.md"
"""Shows people the same folders, from the roof to the ground."""

SYSTEM: Final = frozenset(
    {"time", "os", "random", "socket", "selectors", "select", "threading", "asyncio", "secrets", "datetime"}
)

LEAVES_ALONE: Final[dict[str, frozenset[str]]] = {
    **dict.fromkeys(("wire", "crypto", "config", "receive", "send", "connection", "endpoint"), SYSTEM),
    "values": SYSTEM,
    "observe": SYSTEM,
    "bad_network": SYSTEM - {"random"},
    "sim": SYSTEM - {"random"},
    "sim.aio": SYSTEM - {"random", "socket", "asyncio"},
}

ROOMS: Final = frozenset({"sim.aio", "torture.real"})
"""Folders inside a folder with a row of their own: an event loop needs asyncio, which the rest of `sim` must not; a
soak needs sockets and the real clock."""

ALLOWED_BY_NAME: Final = {
    ("values.entropy", "random"): {"Random"},
    ("values.address", "socket"): {"AF_INET", "AF_INET6", "if_nametoindex", "inet_pton"},
    ("observe.debug_output", "threading"): {""},
}
"""SeededEntropy is a seeded generator; turning an address into bytes touches no socket; lines come from any thread."""


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {module_name(path): path for path in sorted(SOURCE.rglob("*.py"))}
OWN: Final = sorted(MODULES.keys() - GENERATED)


def layer(module: str) -> str:
    for room in ROOMS:
        if module == room or module.startswith(f"{room}."):
            return room
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


def test_the_table_itself_has_no_circle() -> None:
    below = {own: {layer(module) for module in allowed} for own, allowed in MAY_IMPORT.items()}
    TopologicalSorter(below).prepare()  # raises CycleError, which shows the circle


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports for type checkers alone count too: whoever reads a file has to know what it names."""
    TopologicalSorter({module: own_imports(module) & MODULES.keys() - {module} for module in OWN}).prepare()


def test_only_these_modules_lie_loose_at_the_root() -> None:
    assert {module for module in OWN if "." not in module and MODULES[module].parent == SOURCE} == AT_THE_ROOT


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
    assert module in TABLES or text.count("\n") <= LINES_MAX
    assert ast.get_docstring(ast.parse(text)), f"{module} does not say what it is for"


def test_the_design_shows_every_folder_and_names_only_files_that_exist() -> None:
    text = DESIGN.read_text(encoding="utf-8")
    layers = text.partition("## The layers")[2].partition("\n\nBeside")[0]
    first_cells = [line.split("|")[1] for line in layers.splitlines() if line.startswith("|")]
    shown = {name for cell in first_cells for name in re.findall(r"`([a-z_/]+)`", cell)}
    folders = {path.parent.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")} - {"."}
    assert shown == folders
    named = set(re.findall(r"`([a-z_0-9]+/[a-z_0-9/]+\.py)`", text)) - {"tests/test_architecture.py"}
    not_there = {name for name in named if not (SOURCE / name).exists() and not (DESIGN.parent.parent / name).exists()}
    assert not_there == {"p2p/stun.py"}, "that one is yet to be written"


def test_the_table_has_no_rows_for_modules_that_do_not_exist() -> None:
    assert not {name for name in MAY_IMPORT if name} - {layer(module) for module in MODULES}
