"""Which named numbers are there? Writes reference/enums.md from the enumerations themselves.

Run `python -m docs.enumerations` at the root of the repository after a change to one; a test says when it is due.
"""

import ast
import inspect
import re
import textwrap
from enum import IntEnum, IntFlag
from pathlib import Path
from typing import Final, TypeAlias

import gamesockets as gs

PAGE: Final = Path(__file__).parent / "reference" / "enums.md"

Enumeration: TypeAlias = type[IntEnum] | type[IntFlag]

ENUMERATIONS: Final[tuple[Enumeration, ...]] = (
    gs.ConnectionState,
    gs.SendFlags,
    gs.Result,
    gs.EndReason,
    gs.ConnectionInfoFlags,
    gs.IdentityType,
    gs.ConfigurationScope,
    gs.ConfigurationDataType,
    gs.ConfigurationValueResult,
    gs.ConfigurationString,
    gs.DebugType,
    gs.Availability,
)

_INTRODUCTION: Final = """
Numbers are those of the protocol and of the reference library; [what C# and C++ call them](../porting.md). The
members of `ConfigurationValue` have [a page of their own](configuration.md).
"""

_CITATION: Final = re.compile(r"\s\(spec \d[^)]*\)")


def render() -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.enumerations` from the package's code: change that, not this. -->",
        "",
        "# Enumerations",
        "",
        _INTRODUCTION.strip(),
    ]
    for enumeration in ENUMERATIONS:
        lines += ["", f"## {enumeration.__name__}", ""]
        lines += _without_citations(inspect.getdoc(enumeration) or "").split("\n")
        lines += ["", "| Member | Number | Meaning |", "|---|---|---|"]
        texts = _texts(enumeration)
        members = {name: member for name, member in enumeration.__members__.items() if _is_shown(member, texts)}
        lines += [f"| `{name}` | {int(member)} | {texts.get(name, '')} |" for name, member in members.items()]
        if len(members) < len(enumeration.__members__):
            lines += ["", "The other members are in [the porting table](../porting.md)."]
    return "\n".join(lines) + "\n"


def _is_shown(member: IntEnum | IntFlag, texts: dict[str, str]) -> bool:
    """Most results belong to interfaces of Steam that are not here."""
    return not isinstance(member, gs.Result) or member.name in texts


def _texts(enumeration: Enumeration) -> dict[str, str]:
    """What stands under each member in the source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(enumeration)))
    texts = {}
    name = ""
    for node in next(node for node in tree.body if isinstance(node, ast.ClassDef)).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]):
                pass
            case ast.Expr(value=ast.Constant(value=str(text))) if name:
                texts[name] = " ".join(_without_citations(text).split())
    return texts


def _without_citations(text: str) -> str:
    return _CITATION.sub("", text)


def main() -> None:
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
