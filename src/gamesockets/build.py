"""Which build runs: the data path compiled to machine code, or all of it in Python? Both behave the same.

Not compiled itself, as it says how the others are.
"""

from importlib.machinery import ExtensionFileLoader
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

__all__ = ["BUILD", "COMPILED", "mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_attributes: Any) -> Any:
        """What only the compiler reads: `allow_interpreted_subclasses`, for classes that others derive from,
        and `acyclic`, for objects that need not be looked at by the garbage collector.

        The abstract methods of the former raise `NotImplementedError`: compiled, nothing else keeps a class that lacks
        them from use.
        """
        return lambda cls: cls


_ENDPOINT: Final = find_spec("gamesockets.endpoint.endpoint")

COMPILED: Final = _ENDPOINT is not None and isinstance(_ENDPOINT.loader, ExtensionFileLoader)
"""Whether the modules that packets and messages pass through are extension modules."""

BUILD: Final = "compiled" if COMPILED else "pure Python"
"""The same for people."""
