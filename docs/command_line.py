"""Which commands and options are there? Writes reference/command-line.md from the command line itself.

Run `python -m docs.command_line` at the root of the repository after a change to a command; a test says when.
"""

import inspect
from pathlib import Path
from typing import Any, Final

import typer

from gamesockets.cli.whole import app

PAGE: Final = Path(__file__).parent / "reference" / "command-line.md"

_INTRODUCTION: Final = """
The extra `cli` brings the command `gamesockets`; `python -m gamesockets` is the same. Every command explains itself
with `--help`.

Addresses are `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; without a port it is 27015. Exit status: 0 it
worked, 1 it did not, 2 the command line was wrong; what to do about it is one line on standard error.
"""


def render() -> str:
    """The page."""
    lines = [
        "<!-- Written by `python -m docs.command_line` from the commands themselves: change those, not this. -->",
        "",
        "# Command line",
        "",
        _INTRODUCTION.strip(),
    ]
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined] # it is a group
        lines += _command(f"gamesockets {name}", command)
    return "\n".join(lines) + "\n"


def _command(name: str, command: Any) -> list[str]:
    lines = ["", f"## {name}", ""]
    lines += inspect.cleandoc(command.help or "").replace("\b", "").split("\n")
    inner = getattr(command, "commands", {})
    for inner_name, inner_command in inner.items():
        inner_lines = _command(f"{name} {inner_name}", inner_command)
        lines += ["#" + line if line.startswith("##") else line for line in inner_lines]
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    if shown and not inner:
        lines += ["", "| Argument or option | Meaning | Default |", "|---|---|---|"]
        lines += [_parameter(parameter) for parameter in shown]
    return lines


def _parameter(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        metavar = parameter.metavar or parameter.name.upper()
        names = f"`{metavar}`"
    else:
        names = ", ".join(f"`{name}`" for name in sorted(parameter.opts, key=len))
        if not parameter.is_flag and parameter.metavar:
            names += f" `{parameter.metavar}`"
    meaning = (parameter.help or "").replace("|", "\\|")
    return f"| {names} | {meaning} | {_default(parameter)} |"


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if default is None or default is False or default == "" or callable(default):
        return ""
    return f"`{default}`"


def main() -> None:
    PAGE.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
