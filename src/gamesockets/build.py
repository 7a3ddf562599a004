"""Which build runs: the data path compiled to machine code, or all of it in Python? Both behave the same.

This module is never compiled: it looks at how the others are.
"""

from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

__all__ = ["BUILD", "COMPILED", "mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_attributes: Any) -> Any:
        """Marks a class for the compiler; has no effect in Python.

        `allow_interpreted_subclasses`: classes in Python may derive from it. Its abstract methods raise
        `NotImplementedError`, because compiled code does not refuse to make an object that lacks them.
        `acyclic`: the garbage collector need not look at its objects, since nothing that they refer to leads back.
        `native_class=False`: it stays a class of Python.
        """
        return lambda cls: cls


_ENDPOINT: Final = find_spec("gamesockets.endpoint.endpoint")

COMPILED: Final = _ENDPOINT is not None and isinstance(_ENDPOINT.loader, ExtensionFileLoader)
"""Whether the modules that packets and messages pass through are extension modules."""

BUILD: Final = "compiled" if COMPILED else "pure Python"
"""The name of the build, for people."""
