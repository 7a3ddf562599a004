"""What does a frozen program need beside the modules that PyInstaller finds by itself?

PyInstaller follows the import statements of Python code, and an extension module has none to read. So this hook names
what the sources of the compiled modules import; they lie beside them. In the pure build there is nothing to name.
"""

import ast
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from pathlib import Path
from typing import Final

COMPILED_GROUP: Final = "gamesockets.compiled__mypyc"
"""The extension module that holds the code of all compiled modules (hatch_build.py)."""


def imports_of_compiled_modules(package: Path) -> set[str]:
    """Every module that a compiled module in this folder imports, and every member that may be a module."""
    found: set[str] = set()
    for source in package.rglob("*.py"):
        if not any(source.with_suffix(suffix).exists() for suffix in EXTENSION_SUFFIXES):
            continue
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update([alias.name for alias in node.names])
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module)
                # `from gamesockets.wire import datagram` imports a module, too.
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                found.update([name for name in members if _is_own_module(package, name)])
    return found


def _is_own_module(package: Path, name: str) -> bool:
    top, *parts = name.split(".")
    return top == package.name and package.joinpath(*parts).with_suffix(".py").exists()


hiddenimports = sorted(imports_of_compiled_modules(Path(__file__).parent.parent))
if find_spec(COMPILED_GROUP) is not None:
    hiddenimports.append(COMPILED_GROUP)
