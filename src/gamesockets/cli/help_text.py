"""How do the pages of `--help` teach? By examples that can be copied, and by saying what the exit status means."""

from __future__ import annotations


def examples(*pairs: tuple[str, str]) -> str:
    """The end of a help page: what to type, and what it is for. Markdown, one list item for each pair."""
    # A sign between the two as well: colours separate them on a terminal only.
    items = [f"* `{command}` - {purpose}" for command, purpose in pairs]
    return "\n\n".join(["Examples:", *items])
