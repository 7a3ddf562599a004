"""What does the documentation site do that Markdown files in a repository do not? Called by mkdocs, see mkdocs.yml.

Pages must read well in the repository too, so they link to files outside docs/ and mark where a table belongs. Here
such links become plain text, docstrings lose what only developers can look up, sections and rules of the specification
get anchors (`s2-2-8-1`, `s2-2-8-1-r3`), the page of rules gets its table, cells learn the name of their column, which
phones show, and nothing may load from elsewhere.
"""

import importlib.util
import re
import sys
from html import escape, unescape
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent

_INCLUDE: Final = re.compile(r"^<!-- include(?P<optional> if there)?: (?P<path>\S+) -->$", re.MULTILINE)
"""Where the contents of another file belong, named from docs/."""

_CITATION: Final = re.compile(r"\s\(spec \d[^)]*\)")
"""Docstrings name the place in the protocol's description that they rest on."""

_SECTION: Final = re.compile(r"^(?P<title>#+ (?P<number>\d+(?:\.\d+)*)\.? .*)$")
_RULE: Final = re.compile(r"^\*\*(?P<number>\d+)\.\*\* ")

_TABLE: Final = re.compile(r"<table>.*?</table>", re.DOTALL)
_ROW: Final = re.compile(r"<tr>.*?</tr>", re.DOTALL)
_HEAD: Final = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
_CELL: Final = re.compile(r"<td\b([^>]*)>")
_TAG: Final = re.compile(r"<[^>]*>")

_LOADED: Final = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//|<link\b[^>]*\bhref=["'](?:https?:)?//"""
)
"""Something that a browser fetches from elsewhere when it shows a page."""


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Before a page is rendered."""
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]  # it would list nothing but this page
    if '<div class="pair"' in markdown:
        page.meta["hide"] = ["toc"]  # two programs side by side need its room
    markdown = with_compliance(_INCLUDE.sub(_included, markdown))
    chapter = re.match(r"spec/(\d)", page.file.src_uri)
    if chapter is not None:
        markdown = _with_anchors(markdown, chapter[1])
    outside = "../" * (page.file.src_uri.count("/") + 1)
    return re.sub(rf"\[([^\]]*)\]\({re.escape(outside)}[^)]*\)", r"\1", markdown)


def _included(marker: re.Match[str]) -> str:
    path = HERE / marker["path"]
    return "" if marker["optional"] and not path.exists() else path.read_text(encoding="utf-8")


def with_compliance(markdown: str) -> str:
    """Puts the table of rules and their tests where it belongs, if it does."""
    marker = "<!-- compliance -->"
    if marker not in markdown:
        return markdown
    # mkdocs loads this file by its path, so that no module beside it can be imported by name.
    spec = importlib.util.spec_from_file_location("compliance", HERE / "compliance.py")
    if spec is None or spec.loader is None:
        raise ImportError("docs/compliance.py is missing")
    compliance = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = compliance  # dataclasses look their module up
    spec.loader.exec_module(compliance)
    return markdown.replace(marker, compliance.render())


def _with_anchors(markdown: str, chapter: str) -> str:
    """A chapter of the specification whose sections and rules can be linked to."""
    title, *lines = markdown.splitlines()
    anchor, fenced = "", False
    for index, line in enumerate(lines):
        if line.startswith("```"):
            fenced = not fenced
        if fenced:
            continue
        section, rule = _SECTION.match(line), _RULE.match(line)
        if section is not None:
            anchor = f"s{chapter}-{section['number'].replace('.', '-')}"
            lines[index] = f"{section['title']} {{#{anchor}}}"
        elif rule is not None and anchor:
            number = rule["number"]
            lines[index] = f'<b id="{anchor}-r{number}">{number}.</b> {line[rule.end() :]}'
    return "\n".join([title, *lines])


def on_page_content(html: str, **_: Any) -> str:
    """After a page was rendered, before it is put into the theme."""
    return _TABLE.sub(_with_labels, _CITATION.sub("", html))


def _with_labels(table: re.Match[str]) -> str:
    """Each cell with the name of its column, as stylesheets/extra.css shows it where rows are stacked."""
    columns = [escape(unescape(_TAG.sub("", head)).strip(), quote=True) for head in _HEAD.findall(table[0])]

    def labelled(row: re.Match[str]) -> str:
        names = iter(columns)
        return _CELL.sub(lambda cell: f'<td data-label="{next(names, "")}"{cell[1]}>', row[0])

    return _ROW.sub(labelled, table[0])


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """When a page is complete. Raises `ValueError` if a browser would have to fetch a part of it from elsewhere."""
    loaded = _LOADED.search(output)
    if loaded is not None:
        raise ValueError(f"{page.file.src_uri} loads something from elsewhere: {loaded[0]}")
    return output
